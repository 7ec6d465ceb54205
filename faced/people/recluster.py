"""The step that makes persons of faces: read and decide, then write. Does nothing when nothing changed.

The two halves may run in two processes: what decides only reads.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from faced.model import Box, EngineId, FaceId, Gate, Grade, PersonId
from faced.people.clustering import attach_embeddings, cluster_embeddings
from faced.people.copies import group_near_copies, spread_labels
from faced.people.faces import Clusters, Faces, sort_faces
from faced.people.identity import Assignment, assign_persons
from faced.people.said import Said
from faced.pictures.orientation import upright_box
from faced.store.database import Store
from faced.store.faces import FaceColumns, load_face_ids, load_faces
from faced.store.persons import Owner, add_persons, load_owners, save_owners
from faced.store.settings import load_setting, save_setting

__all__ = ["Clustering", "Decision", "ReclusterReport", "cluster_faces", "decide_owners", "write_decision"]

LAST_INPUT = "recluster.input"
RULES = "3"
"""Counts up when the rules change, so that the next pass decides anew."""


@dataclass(frozen=True, slots=True)
class Clustering:
    """eps: Euclidean. gate: which faces are clustered, and which only join. copy_bits: of the difference hash."""

    eps: float
    min_samples: int
    gate: Gate
    copy_bits: int


@dataclass(frozen=True, slots=True)
class Decision:
    """Whose each face is. digest: of what it was made from. faces: all that were looked at."""

    digest: str
    faces: tuple[FaceId, ...]
    assignment: Assignment


@dataclass(frozen=True, slots=True)
class ReclusterReport:
    """What a re-clustering changed. All zero when there was no cause for one."""

    faces: int = 0
    persons: int = 0
    new_persons: int = 0
    changed: int = 0


def decide_owners(db: Database, engine: EngineId, settings: Clustering, said: Said) -> Decision | None:
    """Whose the stored faces of the engine are, by what they look like and by the user's word. Only reads.

    None: nothing changed since the last decision that was written.
    """
    ids = load_face_ids(db, engine)
    digest = _digest(ids, engine, settings, said)
    if load_setting(db, LAST_INPUT) == digest:
        return None
    faces = sort_faces(_upright(load_faces(db, engine)))
    before = {face: owner.person for face, owner in load_owners(db, engine).items()}
    clusters = cluster_faces(faces, settings)
    assignment = assign_persons(faces, clusters, before, said)
    return Decision(digest, tuple(FaceId(int(face)) for face in faces.ids), assignment)


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
        save_setting(db, LAST_INPUT, decision.digest)
    moved = sum(
        1 for face, owner in changed.items() if face not in before or before[face].person != owner.person
    )
    persons = len({owner.person for owner in after.values()})
    return ReclusterReport(len(decision.faces), persons, len(new), moved)


def cluster_faces(faces: Faces, settings: Clustering) -> Clusters:
    """Which of the faces, in content order, belong together. Pure.

    Only faces large and sharp enough are clustered, one for each group of near-copies. Less good ones join the
    nearest core, if that is nearer by `gate.stricter` than it must be for others. The others of a group go with it.
    """
    groups = group_near_copies(faces, settings.copy_bits)
    grades = settings.gate.grade(faces.sides, faces.sharpness)
    rows = _first_of_groups(np.flatnonzero(grades == Grade.CORE), groups)
    labels, is_core = cluster_embeddings(
        faces.embeddings[rows], eps=settings.eps, min_samples=settings.min_samples
    )
    joining = _first_of_groups(np.flatnonzero(grades == Grade.ATTACH), groups)
    joining = joining[~np.isin(groups[joining], groups[rows])]  # else a better one of its group decides
    joined = attach_embeddings(
        faces.embeddings[joining],
        faces.embeddings[rows[is_core]],
        labels[is_core],
        settings.eps - settings.gate.stricter,
    )
    cores = np.zeros(len(faces), dtype=np.bool_)
    cores[rows[is_core]] = True
    spread = spread_labels(np.concatenate([labels, joined]), np.concatenate([rows, joining]), groups)
    return Clusters(spread, cores, groups)


def _first_of_groups(rows: NDArray[np.intp], groups: NDArray[np.intp]) -> NDArray[np.intp]:
    """Of these rows, ascending, the first of each group."""
    _, firsts = np.unique(groups[rows], return_index=True)
    return np.sort(rows[firsts])


def _digest(ids: NDArray[np.int64], engine: EngineId, settings: Clustering, said: Said) -> str:
    word = (
        sorted(said.pins.items()),
        sorted((face, sorted(persons)) for face, persons in said.rejections.items()),
        sorted(said.anchors.items()),
        sorted(said.named),
        sorted(said.kept),
        sorted(said.merged.items()),
    )
    text = repr((RULES, engine, settings, word))
    return hashlib.blake2b(ids.tobytes() + text.encode(), digest_size=16).hexdigest()


def _upright(columns: FaceColumns) -> Faces:
    boxes = columns.boxes.copy()
    for row in np.flatnonzero(columns.orientations != 1):
        box = upright_box(Box(*map(float, boxes[row])), int(columns.orientations[row]))
        boxes[row] = box.left, box.top, box.width, box.height
    return Faces(
        columns.ids,
        columns.images,
        boxes,
        columns.dhashes,
        columns.sides,
        columns.sharpness,
        columns.embeddings,
    )
