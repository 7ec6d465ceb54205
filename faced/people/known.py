"""The faces that are known and whose each is, as a command wants them: in parts, or some of them. Only reads."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from faced.model import Box, EngineId, FaceId, Gate, Grade, ImageKey, PersonId
from faced.people.copies import find_look_alikes, find_near_copies
from faced.people.faces import Faces, sort_faces
from faced.people.likeness import Ranking
from faced.pictures.orientation import upright_box
from faced.store.explain import load_hashes
from faced.store.faces import load_face_ids_of, load_faces, walk_faces
from faced.store.persons import load_faces_of_persons, load_owners_of
from faced.store.spots import load_image_ids

__all__ = ["Known", "find_copies", "load_known", "load_sorted", "rank_known"]


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """n faces in content order. owners: (n,) int64, 0: nobody's."""

    faces: Faces
    owners: NDArray[np.int64]


def load_sorted(
    db: Database, engine: EngineId, *, vectors: bool = True, some: Collection[int] | None = None
) -> Faces:
    """Those of listed libraries, in content order, their boxes upright. vectors: with their embeddings. some: of these only."""
    columns = load_faces(db, engine, vectors=vectors, some=some)
    boxes = columns.boxes.copy()
    for row in np.flatnonzero(columns.orientations != 1):
        box = upright_box(Box(*map(float, boxes[row])), int(columns.orientations[row]))
        boxes[row] = box.left, box.top, box.width, box.height
    return sort_faces(
        Faces(
            columns.ids,
            columns.images,
            boxes,
            columns.dhashes,
            columns.sides,
            columns.sharpness,
            columns.embeddings,
            marks=columns.marks,
        )
    )


def rank_known(db: Database, engine: EngineId, ranking: Ranking, gate: Gate, without: ImageKey) -> None:
    """Have all that are known taken in, but for the faces of one image and for vectors that are not numbers."""
    for part in walk_faces(db, engine, without):
        usable = np.isfinite(part.embeddings).all(axis=1)
        carries = gate.grade(part.sides, part.sharpness) == Grade.CORE
        ranking.take_in(part.ids[usable], part.embeddings[usable], part.owners[usable], carries[usable])


def load_known(
    db: Database, engine: EngineId, near: NDArray[np.int64], named: Collection[PersonId], without: ImageKey
) -> Known:
    """These faces, and all of the persons with names who own one of them; not those of one image."""
    persons = frozenset(load_owners_of(db, near.tolist()).values()) & frozenset(named)
    ids = {*near.tolist(), *load_faces_of_persons(db, engine, persons)}
    faces = load_sorted(db, engine, some=ids)
    other = np.array([image != without for image in faces.images], dtype=np.bool_)
    faces = faces.take(np.flatnonzero(other & np.isfinite(faces.embeddings).all(axis=1)))
    owned = load_owners_of(db, faces.ids.tolist())
    owners = [owned.get(FaceId(face), 0) for face in faces.ids.tolist()]
    return Known(faces, np.array(owners, dtype=np.int64))


def find_copies(
    db: Database, engine: EngineId, image: ImageKey, faces: Collection[FaceId], bits: int
) -> dict[FaceId, set[ImageKey]]:
    """The images that hold near-copies of each of these faces, which are of one image; its own among them."""
    ids, hashes = load_hashes(db)
    here, asked = np.zeros((2, len(ids)), dtype=np.bool_)
    fresh = np.isin(ids, list(load_image_ids(db, [image]).values()))
    found: dict[FaceId, set[ImageKey]] = {}
    while fresh.any():
        here[find_look_alikes(hashes, bits, fresh)] = True
        asked |= fresh
        near = load_face_ids_of(db, engine, ids[here].tolist())
        some = load_sorted(db, engine, vectors=False, some=near)
        mine = np.flatnonzero(np.isin(some.ids, list(faces)))
        groups = find_near_copies(some, bits, mine)
        found = {
            FaceId(int(some.ids[row])): {
                some.images[other] for other in np.flatnonzero(groups == groups[row])
            }
            for row in mine.tolist()
        }
        copies = load_image_ids(db, frozenset[ImageKey]().union(*found.values()))
        fresh = np.isin(ids, list(copies.values())) & ~asked
    return found
