"""The step that makes persons of faces: read and decide, then write. Does nothing when nothing changed.

The two halves may run in two processes: what decides only reads.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from faced.model import EngineId, FaceId, Gate, PersonId
from faced.people.copies import spread_labels
from faced.people.faces import NOISE, Clusters, Faces
from faced.people.identity import Assignment, assign_persons
from faced.people.joining import Joining
from faced.people.kept import Kept, Rules
from faced.people.known import load_sorted
from faced.people.memory import Memory
from faced.people.neighbours import Reach
from faced.people.propose import propose_faces
from faced.people.said import Said
from faced.people.suggest import REACH, Near, Suggestion
from faced.people.together import reach_of
from faced.people.years import ask_nearer
from faced.store.database import Store
from faced.store.faces import load_dated_faces
from faced.store.notices import add_notice
from faced.store.persons import Owner, add_persons, load_owners, save_owners
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
RULES = "6"
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
    """Whose each face is, and may be. digest: of what it was made from. faces: all that were looked at.

    unusable: faces that have a vector which is no place (not a number, or infinite); they were left out.
    """

    digest: str
    faces: tuple[FaceId, ...]
    assignment: Assignment
    suggestions: tuple[Suggestion, ...] = ()
    unusable: int = 0


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
    everything = load_sorted(db, engine)
    everything = replace(everything, years=years[np.searchsorted(ids, everything.ids)])
    usable = np.isfinite(everything.embeddings).all(axis=1)
    faces = everything if usable.all() else everything.take(np.flatnonzero(usable))
    seen = tuple(FaceId(int(face)) for face in everything.ids)
    del everything
    before = {face: owner.person for face, owner in load_owners(db, engine).items()}
    kept = (memory or Memory()).follow(db, engine, rules_of(settings), faces, progress)
    faces = kept.complete(faces)  # the same vectors, and the memory of one of the two
    clusters = keep_time(clusters_of(faces, kept, settings), faces, settings)
    assignment = assign_persons(faces, clusters, before, said)
    near = _near(kept) if said.named else None
    suggestions = propose_faces(faces, clusters, assignment, said, near, within=settings.suggest)
    return Decision(digest, seen, assignment, tuple(suggestions), int((~usable).sum()))


def write_decision(store: Store, engine: EngineId, decision: Decision | None) -> ReclusterReport:
    """Bring `persons` and `owners` to a decision, in one transaction. The caller has held the pass lock since."""
    if decision is None:
        return ReclusterReport()
    assignment = decision.assignment
    before = load_owners(store.db, engine)
    in_sight = frozenset(decision.faces)
    with store.write() as db:
        new = add_persons(db, assignment.new_count)
        after = {
            face: Owner(new[-number - 1] if number < 0 else PersonId(number), assignment.reasons[face])
            for face, number in assignment.persons.items()
        }
        changed = {face: owner for face, owner in after.items() if before.get(face) != owner}
        save_owners(db, changed, [face for face in before if face in in_sight and face not in after])
        proposed = [(one.person, one.faces, one.distance) for one in decision.suggestions]
        save_suggestions(db, engine, proposed)
        save_setting(db, LAST_INPUT, decision.digest)
        _tell_unusable(db, decision.unusable)
    moved = sum(
        1 for face, owner in changed.items() if face not in before or before[face].person != owner.person
    )
    persons = len({owner.person for owner in after.values()})
    return ReclusterReport(len(decision.faces), persons, len(new), moved)


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
    )
    text = repr((RULES, engine, settings, word))
    return hashlib.blake2b(ids.tobytes() + years.tobytes() + text.encode(), digest_size=16).hexdigest()
