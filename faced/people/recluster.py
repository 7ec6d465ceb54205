"""The step that makes persons of faces: read and decide, then write. Does nothing when nothing changed.

The two halves may run in two processes: what decides only reads.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from faced.model import EngineId, FaceId, Gate, PersonId
from faced.people.apart import tell_apart
from faced.people.copies import spread_labels
from faced.people.faces import NOISE, Clusters, Faces
from faced.people.identity import Assignment, Last, assign_persons
from faced.people.joining import Joining
from faced.people.kept import Kept, Rules
from faced.people.known import load_sorted
from faced.people.memory import Memory
from faced.people.neighbours import Reach
from faced.people.propose import propose_faces
from faced.people.rows import find_rows
from faced.people.said import Said
from faced.people.suggest import REACH, Near, Suggestion
from faced.people.together import reach_of
from faced.people.years import ask_nearer
from faced.store.database import Store
from faced.store.faces import load_dated_faces
from faced.store.kept_apart import save_kept_apart
from faced.store.notices import add_notice
from faced.store.persons import Owner, OwnerColumns, add_persons, load_owner_columns, save_owners
from faced.store.settings import load_setting, save_setting
from faced.store.suggestions import save_suggestions

__all__ = [
    "Clustering",
    "Decision",
    "ReclusterReport",
    "cluster_faces",
    "clusters_of",
    "decide_owners",
    "keep_time",
    "rules_of",
    "write_decision",
]

LAST_INPUT = "recluster.input"
UNUSABLE = "recluster.unusable"
RULES = "9"
"""Counts up when the rules change, so that the next pass decides anew."""


@dataclass(frozen=True, slots=True)
class Clustering:
    """eps: Euclidean. gate: which faces are clustered, and which only join. copy_bits: of the difference hash.

    suggest: Euclidean, up to which a face is proposed to a person with a name. joins: strict clusters, by a share of
    eps, are joined (see `joining`); else DBSCAN with eps, and no more. crowd: share of
    eps, see there.
    """

    eps: float
    min_samples: int
    gate: Gate
    copy_bits: int
    suggest: float = 0.36
    joins: bool = False
    crowd: float = 1.12


@dataclass(frozen=True, slots=True)
class Decision:
    """Whose each face is, and may be, as far as it is not stored already.

    digest: of what it was made from. faces, persons: how many were looked at, and how many own some. owners: whose
    faces are now, and why; below 0: new persons, see Assignment. nobodys: faces that are nobody's any more. moved: of
    `owners`, those that were somebody else's or nobody's. unusable: faces that have a vector which is no place (not a
    number, or infinite); they were left out. apart: faces of nobody that were near enough to somebody, and why they did not
    come, see tell_apart.
    """

    digest: str
    faces: int
    persons: int
    new_persons: int
    owners: tuple[tuple[FaceId, int, str], ...]
    nobodys: tuple[FaceId, ...]
    moved: int
    suggestions: tuple[Suggestion, ...] = ()
    unusable: int = 0
    apart: tuple[tuple[FaceId, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ReclusterReport:
    """What a re-clustering changed. All zero when there was no cause for one."""

    faces: int = 0
    persons: int = 0
    new_persons: int = 0
    changed: int = 0


def decide_owners(
    db: Database,
    engine: EngineId,
    settings: Clustering,
    said: Said,
    memory: Memory | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Decision | None:
    """Whose the stored faces of the engine are, by what they look like and by the user's word. Only reads the database.

    memory: what the last decision kept, so that only what changed is computed. progress: told how many of the faces
    that must be compared with all others are done. None: nothing changed since the last decision that was written.
    """
    ids, years = load_dated_faces(db, engine)
    digest = _digest(ids, years, engine, settings, said)
    if load_setting(db, LAST_INPUT) == digest:
        return None
    memory = memory or Memory()
    followed = memory.follow(db, engine, rules_of(settings), load_sorted(db, engine, vectors=False), progress)
    kept, faces = followed.kept, followed.faces
    faces = replace(faces, years=years[np.searchsorted(ids, faces.ids)])
    clusters = keep_time(clusters_of(faces, kept, settings), faces, settings)
    stored = load_owner_columns(db, engine)
    before = _owners_of(faces, stored)
    last = None
    if followed.answer is not None and followed.answer[0] == load_setting(db, LAST_INPUT):
        last = Last(followed.answer[1], kept.alignment)  # and it is what is stored
    assignment = assign_persons(faces, clusters, before, said, last)
    near = _near(kept) if said.named else None
    suggestions = propose_faces(faces, clusters, assignment, said, near, within=settings.suggest)
    memory.note(digest, assignment)
    owners, moved = _list_changed(assignment, before, stored, last)
    mine = np.concatenate([faces.ids[assignment.owners == 0], followed.unusable])
    nobodys = mine[np.isin(mine, stored.faces)].tolist()
    return Decision(
        digest,
        len(faces) + len(followed.unusable),
        len(np.unique(assignment.owners[assignment.owners != 0])),
        assignment.new_count,
        tuple(owners),
        tuple(map(FaceId, nobodys)),
        moved,
        tuple(suggestions),
        len(followed.unusable),
        tuple(tell_apart(faces, clusters, assignment, said).items()),
    )


def _owners_of(faces: Faces, stored: OwnerColumns) -> NDArray[np.int64]:
    """(n,) whose each face is by what is stored; 0: nobody's."""
    owners = np.zeros(len(faces), dtype=np.int64)
    if len(stored.faces) and len(faces):
        rows = find_rows(stored.faces, faces.ids)
        is_there = stored.faces[rows] == faces.ids
        owners[is_there] = stored.persons[rows[is_there]]
    return owners


def _list_changed(
    assignment: Assignment, before: NDArray[np.int64], stored: OwnerColumns, last: Last | None
) -> tuple[list[tuple[FaceId, int, str]], int]:
    """The faces whose owner or reason is not what is stored, and how many of them had another owner.

    last: what is stored was made of it, but for the numbers that its new persons got.
    """
    changed = np.flatnonzero(assignment.owners != 0) if last is None else assignment.find_changed(last)
    rows = np.union1d(changed, np.flatnonzero(assignment.owners != before))
    rows = rows[assignment.owners[rows] != 0]
    moved = assignment.owners[rows] != before[rows]
    reasons = assignment.explain(rows)
    known = stored.reasons_of(assignment.ids[rows])
    columns = zip(
        assignment.ids[rows].tolist(), assignment.owners[rows].tolist(), reasons, known, moved, strict=True
    )
    listed = [(FaceId(face), person, why) for face, person, why, had, went in columns if went or why != had]
    return listed, int(moved.sum())


def write_decision(store: Store, engine: EngineId, decision: Decision | None) -> ReclusterReport:
    """Bring `persons` and `owners` to a decision, in one transaction. The caller has held the pass lock since."""
    if decision is None:
        return ReclusterReport()
    with store.write() as db:
        new = add_persons(db, decision.new_persons)
        owners = {
            face: Owner(new[-person - 1] if person < 0 else PersonId(person), _number_new(why, new))
            for face, person, why in decision.owners
        }
        save_owners(db, owners, decision.nobodys)
        proposed = [(one.person, one.faces, one.distance) for one in decision.suggestions]
        save_suggestions(db, engine, proposed)
        save_kept_apart(db, engine, {face: _number_new(why, new) for face, why in decision.apart})
        save_setting(db, LAST_INPUT, decision.digest)
        _tell_unusable(db, decision.unusable)
    return ReclusterReport(decision.faces, decision.persons, len(new), decision.moved)


def _number_new(reason: str, new: Sequence[PersonId]) -> str:
    """A reason that speaks of persons who have their ids only now."""
    return re.sub(r"Person -(\d+)", lambda found: f"Person {new[int(found[1]) - 1]}", reason)


def _tell_unusable(db: Database, count: int) -> None:
    """Once, and again when their number changes."""
    if int(load_setting(db, UNUSABLE) or 0) != count:
        save_setting(db, UNUSABLE, str(count))
        if count:
            faces = "1 face has" if count == 1 else f"{count} faces have"
            text = (
                f"{faces} a vector that is no place (not a number) and cannot be told from others: left out"
            )
            add_notice(db, text, datetime.now(UTC))


def cluster_faces(faces: Faces, settings: Clustering) -> Clusters:
    """Which of the faces, in content order, belong together. Pure.

    One face is compared for each group of near-copies, the others of a group go with it. Faces that are less
    good are no more than attached, and bad ones are left out.
    """
    kept = Kept(rules_of(settings))
    kept.follow(faces)
    return clusters_of(faces, kept, settings)


def rules_of(settings: Clustering) -> Rules:
    """What is to be kept for these settings."""
    if not settings.joins:
        return Rules(Reach(settings.eps, settings.min_samples, REACH), settings.gate, settings.copy_bits)
    reach = reach_of(settings.eps, settings.min_samples)
    rule = Joining(settings.eps, crowd=settings.crowd, stricter=settings.gate.stricter)
    return Rules(replace(reach, wide=max(reach.wide, REACH)), settings.gate, settings.copy_bits, rule)


def clusters_of(faces: Faces, kept: Kept, settings: Clustering) -> Clusters:
    """Which of the faces, that `kept` has followed, belong together. Pure."""
    if kept.clusters is not None:
        return kept.clusters
    found = kept.show()
    rows = np.flatnonzero(found.eligible)
    labels = np.where(found.labels[rows] == NOISE, NOISE, np.searchsorted(rows, found.labels[rows]))
    return Clusters(spread_labels(labels, rows, kept.groups), found.cores.copy(), kept.groups)


def keep_time(clusters: Clusters, faces: Faces, settings: Clustering) -> Clusters:
    """Without the faces that attached across more years than their distance allows. Pure."""
    if faces.years is None or not settings.joins:
        return clusters
    rule = Joining(settings.eps)
    return ask_nearer(clusters, faces.years, rule.attach * rule.eps)


def _near(kept: Kept) -> Near:
    """Who is near each face that may be proposed."""
    found = kept.show()
    return Near(found.nearest, found.distances, found.eligible)


def _digest(
    ids: NDArray[np.int64], years: NDArray[np.int16], engine: EngineId, settings: Clustering, said: Said
) -> str:
    word = (
        sorted(said.pins.items()),
        sorted((face, sorted(persons)) for face, persons in said.rejections.items()),
        sorted(said.anchors.items()),
        sorted(said.named),
        sorted(said.kept),
        sorted(said.merged.items()),
        sorted(said.born.items()),
        sorted(said.seeds),
    )
    text = repr((RULES, engine, settings, word))
    return hashlib.blake2b(ids.tobytes() + years.tobytes() + text.encode(), digest_size=16).hexdigest()
