"""Faces by the images that the user's word speaks of: those of now, and those of long ago. Reads only."""

import json
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from sqlite_utils import Database

from faced.errors import Damaged
from faced.model import Box, EngineId, FaceId, Floats, ImageId, ImageKey, PersonId
from faced.store.faces import DIMENSIONS

__all__ = [
    "StoredFace",
    "load_became",
    "load_engine_key",
    "load_faces_of_images",
    "load_free_faces",
    "load_image_ids",
    "load_keys",
    "load_owned_faces",
    "load_owned_images",
]


@dataclass(frozen=True, slots=True, eq=False)
class StoredFace:
    """box: fractions of the stored picture. orientation: in which it was encoded. engine: its key."""

    id: FaceId
    image: ImageKey
    box: Box
    orientation: int
    engine: str
    embedding: Floats


_FACES = """
  SELECT faces.id, images.key, box_left, box_top, box_width, box_height, encodings.orientation, engines.key, embedding
  FROM faces JOIN images ON images.id = faces.image JOIN engines ON engines.id = faces.engine
       JOIN encodings ON encodings.image = faces.image AND encodings.engine = faces.engine"""


def load_faces_of_images(db: Database, images: Collection[ImageKey]) -> list[StoredFace]:
    """The faces that any engine found in these images, in the order of their content."""
    rows = db.execute(
        f"""{_FACES} WHERE images.key IN (SELECT value FROM json_each(?))
            ORDER BY images.key, box_left, box_top, box_width, box_height, engines.key""",
        [json.dumps(sorted(images))],
    )
    return [_face(row) for row in rows]


def load_owned_faces(
    db: Database, engine: EngineId, person: PersonId, images: Collection[ImageId]
) -> list[StoredFace]:
    """The faces of a person in these images, as last computed, in the order of their content."""
    rows = db.execute(
        f"""{_FACES} JOIN owners ON owners.face = faces.id
            WHERE faces.engine = ? AND owners.person = ? AND faces.image IN (SELECT value FROM json_each(?))
            ORDER BY images.key, box_left, box_top, box_width, box_height""",
        [engine, person, json.dumps(sorted(images))],
    )
    return [_face(row) for row in rows]


def load_free_faces(db: Database, engine: EngineId, images: Collection[ImageId]) -> list[StoredFace]:
    """The faces in these images that belong to nobody with a name or another word, in the order of their content."""
    rows = db.execute(
        f"""{_FACES} WHERE faces.engine = ? AND faces.image IN (SELECT value FROM json_each(?))
              AND NOT EXISTS (SELECT 1 FROM owners JOIN person_words ON person_words.person = owners.person
                              WHERE owners.face = faces.id AND (name IS NOT NULL OR hidden))
            ORDER BY images.key, box_left, box_top, box_width, box_height""",
        [engine, json.dumps(sorted(images))],
    )
    return [_face(row) for row in rows]


def load_owned_images(db: Database, engine: EngineId) -> set[ImageKey]:
    """The images in which the engine found somebody."""
    rows = db.execute(
        """SELECT DISTINCT images.key FROM owners JOIN faces ON faces.id = owners.face
           JOIN images ON images.id = faces.image WHERE faces.engine = ?""",
        [engine],
    )
    return {ImageKey(key) for (key,) in rows}


def load_engine_key(db: Database, engine: EngineId) -> str:
    """What journals call the engine."""
    row = db.execute("SELECT key FROM engines WHERE id = ?", [engine]).fetchone()
    return "" if row is None else str(row[0])


def load_keys(db: Database, images: Collection[ImageId]) -> dict[ImageId, ImageKey]:
    """What journals call these images."""
    rows = db.execute(
        "SELECT id, key FROM images WHERE id IN (SELECT value FROM json_each(?))",
        [json.dumps(sorted(images))],
    )
    return {ImageId(id_): ImageKey(key) for id_, key in rows}


def load_image_ids(db: Database, keys: Collection[ImageKey]) -> dict[ImageKey, ImageId]:
    """The rows of the images that are known."""
    rows = db.execute(
        "SELECT key, id FROM images WHERE key IN (SELECT value FROM json_each(?))", [json.dumps(sorted(keys))]
    )
    return {ImageKey(key): ImageId(id_) for key, id_ in rows}


def load_became(db: Database, images: Collection[ImageKey]) -> dict[ImageKey, frozenset[ImageKey]]:
    """What files that held these images hold since, over any number of edits."""
    later: dict[ImageKey, set[ImageKey]] = {}
    for old, new in db.execute("SELECT old, new FROM became"):
        later.setdefault(ImageKey(old), set()).add(ImageKey(new))
    found: dict[ImageKey, frozenset[ImageKey]] = {}
    for image in images:
        reached: set[ImageKey] = set()
        pending = set(later.get(image, ()))
        while pending:
            reached |= pending
            pending = {new for old in pending for new in later.get(old, ())} - reached
        if reached - {image}:
            found[image] = frozenset(reached - {image})
    return found


def _face(row: tuple[object, ...]) -> StoredFace:
    face, key, left, top, width, height, orientation, engine, embedding = row
    box = Box(*(float(side) for side in (left, top, width, height)))  # type: ignore[arg-type]
    if len(embedding) != 4 * DIMENSIONS:  # type: ignore[arg-type]
        raise Damaged(f"the database is damaged: the stored embedding of face {face} is not what was written")
    vector = np.frombuffer(embedding, dtype="<f4")  # type: ignore[call-overload]
    return StoredFace(FaceId(face), ImageKey(key), box, orientation, engine, vector)  # type: ignore[arg-type]
