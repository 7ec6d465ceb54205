"""The faces that are known and whose each is, as a command wants them. Only reads."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from faced.model import Box, EngineId, FaceId, ImageKey
from faced.people.faces import Faces, sort_faces
from faced.pictures.orientation import upright_box
from faced.store.faces import load_faces
from faced.store.persons import load_owners

__all__ = ["Known", "load_known", "load_sorted"]


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """n faces in content order. owners: (n,) int64, 0: nobody's."""

    faces: Faces
    owners: NDArray[np.int64]


def load_sorted(db: Database, engine: EngineId, *, vectors: bool = True) -> Faces:
    """Those of listed libraries, in content order, their boxes upright. vectors: with their embeddings."""
    columns = load_faces(db, engine, vectors=vectors)
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


def load_known(db: Database, engine: EngineId, *, without: ImageKey | None = None) -> Known:
    """Those of listed libraries, but for the faces of one image and for vectors that are not numbers."""
    faces = load_sorted(db, engine)
    other = np.array([image != without for image in faces.images], dtype=np.bool_)
    faces = faces.take(np.flatnonzero(other & np.isfinite(faces.embeddings).all(axis=1)))
    owned = load_owners(db, engine)
    owners = [owned[FaceId(face)].person if face in owned else 0 for face in faces.ids.tolist()]
    return Known(faces, np.array(owners, dtype=np.int64))
