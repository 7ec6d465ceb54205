"""Faces and encodings as clustering wants them: all of an engine, in columns."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from faced.errors import Damaged
from faced.model import EngineId, FaceId, Floats, ImageId, ImageKey

__all__ = [
    "IN_SIGHT",
    "FaceColumns",
    "count_unencoded",
    "find_damaged",
    "forget_encodings",
    "load_dated_faces",
    "load_embeddings",
    "load_engines",
    "load_face_ids",
    "load_faces",
]

DIMENSIONS = 128
IN_SIGHT = """
  EXISTS (SELECT 1 FROM photos JOIN libraries ON libraries.id = photos.library
          WHERE photos.image = faces.image AND libraries.listed)"""
"""A condition on `faces`: a listed library holds the image."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceColumns:
    """n faces, in the order of their ids.

    ids: (n,) int64. images: n image keys. boxes: (n, 4) float64, left, top, width, height as fractions
    of the stored picture. orientations: (n,) int64, EXIF, the one encoded. dhashes: (n,) uint64.
    sides: (n,) float64, px. sharpness: (n,) float64. embeddings: (n, 128) float32.
    """

    ids: NDArray[np.int64]
    images: tuple[ImageKey, ...]
    boxes: NDArray[np.float64]
    orientations: NDArray[np.int64]
    dhashes: NDArray[np.uint64]
    sides: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    embeddings: Floats


def load_engines(db: Database) -> list[EngineId]:
    """All that ever encoded something."""
    return [EngineId(id_) for (id_,) in db.execute("SELECT id FROM engines ORDER BY id").fetchall()]


def load_face_ids(db: Database, engine: EngineId) -> NDArray[np.int64]:
    """(n,) int64, ascending: the faces of images that a listed library holds and the engine is done with."""
    rows = db.execute(
        f"""SELECT id FROM faces WHERE engine = ? AND {IN_SIGHT}
            AND EXISTS (SELECT 1 FROM encodings WHERE image = faces.image AND engine = faces.engine)
            ORDER BY id""",
        [engine],
    )
    return np.fromiter((row[0] for row in rows), dtype=np.int64)


def load_dated_faces(db: Database, engine: EngineId) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
    """(n,) int64, as load_face_ids, and (n,) int16: the year in which each photo was taken, 0: not known.

    Of several photos of one image the earliest that is dated.
    """
    rows = db.execute(
        """SELECT id, (SELECT min(coalesce(taken, '9999')) FROM photos JOIN libraries ON libraries.id = photos.library
                       WHERE photos.image = faces.image AND libraries.listed)
           FROM faces WHERE engine = ?
             AND EXISTS (SELECT 1 FROM encodings WHERE image = faces.image AND engine = faces.engine)
           ORDER BY id""",
        [engine],
    )
    found = [(face, 0 if taken == "9999" else int(taken[:4])) for face, taken in rows if taken is not None]
    ids = np.fromiter((face for face, _ in found), dtype=np.int64, count=len(found))
    return ids, np.fromiter((year for _, year in found), dtype=np.int16, count=len(found))


def load_faces(db: Database, engine: EngineId) -> FaceColumns:
    """The faces of images that a listed library holds and the engine is done with.

    Raises Damaged when a stored embedding is not what was written.
    """
    ids = load_face_ids(db, engine)
    count = len(ids)
    boxes, numbers = np.empty((count, 4)), np.empty((count, 2), dtype=np.int64)
    qualities, embeddings = np.empty((count, 2)), np.empty((count, DIMENSIONS), dtype=np.float32)
    images: list[ImageKey] = []
    rows = db.execute(
        f"""SELECT faces.id, images.key, box_left, box_top, box_width, box_height,
                   encodings.orientation, coalesce(images.dhash, 0), side, sharpness,
                   embedding, crc
            FROM faces JOIN images ON images.id = faces.image
                 JOIN encodings ON encodings.image = faces.image AND encodings.engine = faces.engine
            WHERE faces.engine = ? AND {IN_SIGHT} ORDER BY faces.id""",
        [engine],
    )
    for row, (face, key, *box, orientation, dhash, side, sharpness, embedding, crc) in enumerate(rows):
        if not _is_sound(embedding, crc):
            raise Damaged(
                f"the database is damaged: the stored embedding of face {face} is not what was written"
            )
        images.append(ImageKey(key))
        boxes[row] = box
        numbers[row] = orientation, dhash
        qualities[row] = side, sharpness
        embeddings[row] = np.frombuffer(embedding, dtype="<f4")
    return FaceColumns(
        ids,
        tuple(images),
        boxes,
        numbers[:, 0].copy(),
        numbers[:, 1].astype(np.uint64),
        qualities[:, 0].copy(),
        qualities[:, 1].copy(),
        embeddings,
    )


def load_embeddings(db: Database, faces: Iterable[int]) -> dict[FaceId, Floats]:
    """(128,) float32 of each of these faces that is stored and sound, in sight or not."""
    found = {}
    for face in faces:
        row = db.execute("SELECT embedding, crc FROM faces WHERE id = ?", [face]).fetchone()
        if row is not None and _is_sound(*row):
            found[FaceId(face)] = np.frombuffer(row[0], dtype="<f4")
    return found


def _is_sound(embedding: bytes, crc: int) -> bool:
    return zlib.crc32(embedding) == crc and len(embedding) == 4 * DIMENSIONS


def find_damaged(db: Database) -> list[tuple[ImageId, EngineId]]:
    """Images with a face whose embedding is not what was written, for each engine."""
    rows = db.conn.execute("SELECT image, engine, embedding, crc FROM faces")
    return sorted(
        {(image, engine) for image, engine, embedding, crc in rows if not _is_sound(embedding, crc)}
    )


def forget_encodings(db: Database, pairs: Iterable[tuple[ImageId, EngineId]]) -> None:
    """These images are to be encoded again. Until then their faces do not count, but stay whose they were."""
    db.conn.executemany("DELETE FROM encodings WHERE image = ? AND engine = ?", pairs)


def count_unencoded(db: Database, engine: EngineId) -> int:
    """How many images of listed libraries the engine is not done with; unreadable ones do not count."""
    row = db.execute(
        """SELECT count(*) FROM images
           WHERE EXISTS (SELECT 1 FROM photos JOIN libraries ON libraries.id = photos.library
                         WHERE photos.image = images.id AND libraries.listed
                           AND NOT EXISTS (SELECT 1 FROM quarantine WHERE photo = photos.id AND NOT later))
             AND NOT EXISTS (SELECT 1 FROM encodings WHERE image = images.id AND engine = ?)
             AND NOT EXISTS (SELECT 1 FROM forgotten_images WHERE image = images.key)""",
        [engine],
    ).fetchone()
    return int(row[0])
