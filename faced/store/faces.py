"""Faces and encodings as clustering wants them: all of an engine, in columns."""

import json
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from faced.errors import Damaged
from faced.model import EngineId, Floats, ImageId, ImageKey

__all__ = [
    "IN_SIGHT",
    "FaceColumns",
    "FacePart",
    "count_unencoded",
    "find_damaged",
    "forget_encodings",
    "load_dated_faces",
    "load_engines",
    "load_face_ids",
    "load_face_ids_of",
    "load_faces",
    "load_vectors",
    "walk_faces",
]

DIMENSIONS = 128
ASKED = 500
"""Faces at once."""
PART = 4096
"""Faces of a part."""
IN_SIGHT = """
  EXISTS (SELECT 1 FROM photos JOIN libraries ON libraries.id = photos.library
          WHERE photos.image = faces.image AND libraries.listed)"""
"""A condition on `faces`: a listed library holds the image."""
SEED = """
  EXISTS (SELECT 1 FROM images JOIN anchors ON anchors.image = images.key JOIN edits ON edits.id = anchors.edit
          WHERE images.id = faces.image AND edits.kind = 'seed'
            AND faces.box_left + faces.box_width / 2
                BETWEEN anchors.box_left AND anchors.box_left + anchors.box_width
            AND faces.box_top + faces.box_height / 2
                BETWEEN anchors.box_top AND anchors.box_top + anchors.box_height)"""
"""A condition on `faces`: somebody was named by this face on a portrait, whether or not the file is still there."""
COUNTS = f"({IN_SIGHT} OR {SEED})"
"""A condition on `faces`: it takes part when it is decided who is who."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceColumns:
    """n faces, in the order of their ids.

    ids: (n,) int64. images: n image keys. boxes: (n, 4) float64, left, top, width, height as fractions
    of the stored picture. orientations: (n,) int64, EXIF, the one encoded. dhashes: (n,) uint64.
    sides: (n,) float64, px. sharpness: (n,) float64. embeddings: (n, 128) float32, or (n, 0) when they were not asked
    for. marks: (n,) int64, crc32 of each embedding.
    """

    ids: NDArray[np.int64]
    images: tuple[ImageKey, ...]
    boxes: NDArray[np.float64]
    orientations: NDArray[np.int64]
    dhashes: NDArray[np.uint64]
    sides: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    embeddings: Floats
    marks: NDArray[np.int64]


def load_engines(db: Database) -> list[EngineId]:
    """All that ever encoded something."""
    return [EngineId(id_) for (id_,) in db.execute("SELECT id FROM engines ORDER BY id").fetchall()]


def load_face_ids(db: Database, engine: EngineId) -> NDArray[np.int64]:
    """(n,) int64, ascending: the faces of images that a listed library holds, and of portraits; the engine is done
    with these.
    """
    rows = db.execute(
        f"""SELECT id FROM faces WHERE engine = ? AND {COUNTS}
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
        f"""SELECT id, coalesce(
             (SELECT min(coalesce(taken, '9999')) FROM photos JOIN libraries ON libraries.id = photos.library
              WHERE photos.image = faces.image AND libraries.listed),
             CASE WHEN {SEED} THEN '9999' END)
           FROM faces WHERE engine = ?
             AND EXISTS (SELECT 1 FROM encodings WHERE image = faces.image AND engine = faces.engine)
           ORDER BY id""",
        [engine],
    )
    found = [(face, 0 if taken == "9999" else int(taken[:4])) for face, taken in rows if taken is not None]
    ids = np.fromiter((face for face, _ in found), dtype=np.int64, count=len(found))
    return ids, np.fromiter((year for _, year in found), dtype=np.int16, count=len(found))


@dataclass(frozen=True, slots=True, eq=False)
class FacePart:
    """n faces. ids: (n,) int64. owners: (n,) int64 persons, 0: nobody's. sides, sharpness: (n,) float64. embeddings: (n, 128)."""

    ids: NDArray[np.int64]
    owners: NDArray[np.int64]
    sides: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    embeddings: Floats


def walk_faces(db: Database, engine: EngineId, without: ImageKey) -> Iterator[FacePart]:
    """Those of load_face_ids, but for the faces of one image, some thousands at once.

    Raises Damaged when a stored embedding is not what was written.
    """
    cursor = db.execute(
        f"""SELECT faces.id, coalesce(owners.person, 0), side, sharpness, embedding, crc
            FROM faces LEFT JOIN owners ON owners.face = faces.id
            WHERE faces.engine = ? AND {COUNTS}
              AND image NOT IN (SELECT id FROM images WHERE key = ?)
              AND EXISTS (SELECT 1 FROM encodings WHERE image = faces.image AND engine = faces.engine)""",
        [engine, without],
    )
    while rows := cursor.fetchmany(PART):
        ids, owners, sides, sharpness, blobs, _ = zip(*rows, strict=True)
        for face, *_, embedding, crc in rows:
            _check(face, embedding, crc)
        yield FacePart(
            np.array(ids, dtype=np.int64),
            np.array(owners, dtype=np.int64),
            np.array(sides, dtype=np.float64),
            np.array(sharpness, dtype=np.float64),
            np.frombuffer(b"".join(blobs), dtype="<f4").reshape(-1, DIMENSIONS),
        )


def load_face_ids_of(db: Database, engine: EngineId, images: Collection[int]) -> list[int]:
    """The faces that the engine found in these images."""
    rows = db.execute(
        "SELECT id FROM faces WHERE engine = ? AND image IN (SELECT value FROM json_each(?))",
        [engine, json.dumps(sorted(images))],
    )
    return [face for (face,) in rows]


def load_faces(
    db: Database, engine: EngineId, *, vectors: bool = True, some: Collection[int] | None = None
) -> FaceColumns:
    """Those of load_face_ids. vectors: with their embeddings. some: of these only.

    Raises Damaged when a stored embedding is not what was written.
    """
    chosen = "" if some is None else "AND faces.id IN (SELECT value FROM json_each(?))"
    rows = db.execute(
        f"""SELECT faces.id, images.key, box_left, box_top, box_width, box_height,
                   encodings.orientation, coalesce(images.dhash, 0), side, sharpness, crc
            FROM faces JOIN images ON images.id = faces.image
                 JOIN encodings ON encodings.image = faces.image AND encodings.engine = faces.engine
            WHERE faces.engine = ? AND {COUNTS} {chosen} ORDER BY faces.id""",
        [engine, *([] if some is None else [json.dumps(sorted(some))])],
    ).fetchall()
    ids, images, *numbers = zip(*rows, strict=True) if rows else [()] * 11
    orientations, dhashes, marks = (np.array(numbers[n], dtype=np.int64) for n in (4, 5, 8))
    return FaceColumns(
        np.array(ids, dtype=np.int64),
        images,
        np.array(numbers[:4], dtype=np.float64).T.reshape(len(rows), 4).copy(),
        orientations,
        dhashes.astype(np.uint64),
        np.array(numbers[6], dtype=np.float64),
        np.array(numbers[7], dtype=np.float64),
        load_vectors(db, ids) if vectors else np.empty((len(rows), 0), dtype=np.float32),
        marks,
    )


def load_vectors(db: Database, faces: Sequence[int], room: int = 0) -> Floats:
    """(m, 128) float32 of these faces, with memory for `room` rows if that is more.

    Raises Damaged when one is not what was written, LookupError when one is not there.
    """
    vectors = np.empty((max(room, len(faces)), DIMENSIONS), dtype=np.float32)
    for start in range(0, len(faces), ASKED):
        asked = list(faces[start : start + ASKED])
        marks = ",".join("?" * len(asked))
        found = db.execute(f"SELECT id, embedding, crc FROM faces WHERE id IN ({marks})", asked).fetchall()
        if len(found) < len(asked):
            raise LookupError("a face is not stored any more")
        for face, embedding, crc in found:
            _check(face, embedding, crc)
        here = {face: row for row, face in enumerate(asked, start)}
        rows = [here[face] for face, _, _ in found]
        vectors[rows] = np.frombuffer(b"".join(one[1] for one in found), dtype="<f4").reshape(-1, DIMENSIONS)
    return vectors


def _check(face: int, embedding: bytes, crc: int) -> None:
    if not _is_sound(embedding, crc):
        raise Damaged(f"the database is damaged: the stored embedding of face {face} is not what was written")


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
    """How many images of listed libraries, and portraits, the engine is not done with; unreadable ones do not count."""
    row = db.execute(
        """SELECT count(*) FROM images
           WHERE EXISTS (SELECT 1 FROM photos JOIN libraries ON libraries.id = photos.library
                         WHERE photos.image = images.id AND (libraries.listed OR libraries.portraits)
                           AND NOT EXISTS (SELECT 1 FROM quarantine WHERE photo = photos.id AND NOT later))
             AND NOT EXISTS (SELECT 1 FROM encodings WHERE image = images.id AND engine = ?)
             AND NOT EXISTS (SELECT 1 FROM forgotten_images WHERE image = images.key)""",
        [engine],
    ).fetchone()
    return int(row[0])
