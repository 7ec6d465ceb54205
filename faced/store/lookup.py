"""One photo and its faces, as commands ask for them. Reads only."""

import os
from dataclasses import dataclass

from sqlite_utils import Database

from faced.model import Box, EngineId, ImageKey, PersonId
from faced.store.faces import IN_SIGHT
from faced.store.word_tables import decode_name

__all__ = ["FaceRow", "KnownPhoto", "count_faces", "find_photo", "has_image", "load_faces_of_image"]


@dataclass(frozen=True, slots=True)
class KnownPhoto:
    """key: of the image it holds, None when not read. reason: why it is in quarantine, or None."""

    key: ImageKey | None
    orientation: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class FaceRow:
    """A face with its image: box as fractions of the stored picture, sizes in px, whose and why.

    apart: of a face of nobody, what kept it from somebody it was near enough to.
    """

    box: Box
    orientation: int
    width: int
    height: int
    score: float
    side: float
    sharpness: float
    person: PersonId | None
    name: str | None
    why: str | None
    apart: str | None


def find_photo(db: Database, path: bytes) -> KnownPhoto | None:
    """The photo at an absolute, resolved path; None when no listed library holds it."""
    for library, root in db.execute("SELECT id, root FROM libraries WHERE listed").fetchall():
        real = os.path.join(os.path.realpath(root), b"")
        if not path.startswith(real):
            continue
        row = db.execute(
            """SELECT images.key, orientation, reason FROM photos LEFT JOIN images ON images.id = photos.image
               LEFT JOIN quarantine ON quarantine.photo = photos.id
               WHERE library = ? AND path = ?""",
            [library, path[len(real) :]],
        ).fetchone()
        if row is not None:
            return KnownPhoto(None if row[0] is None else ImageKey(row[0]), row[1], row[2])
    return None


def has_image(db: Database, key: ImageKey) -> bool:
    """Whether the image was ever read."""
    return db.execute("SELECT 1 FROM images WHERE key = ?", [key]).fetchone() is not None


def load_faces_of_image(db: Database, key: ImageKey, engine: EngineId) -> list[FaceRow]:
    """What the engine found in the image."""
    rows = db.execute(
        """SELECT box_left, box_top, box_width, box_height, encodings.orientation, images.width, images.height,
                  score, side, sharpness, owners.person, words.name, owners.why, kept_apart.why
           FROM faces JOIN images ON images.id = faces.image
                JOIN encodings ON encodings.image = faces.image AND encodings.engine = faces.engine
                LEFT JOIN owners ON owners.face = faces.id
                LEFT JOIN person_words AS words ON words.person = owners.person
                LEFT JOIN kept_apart ON kept_apart.face = faces.id AND owners.face IS NULL
           WHERE images.key = ? AND faces.engine = ?""",
        [key, engine],
    )
    return [
        FaceRow(
            Box(*box),
            orientation,
            width,
            height,
            score,
            side,
            sharpness,
            person,
            name and decode_name(name),
            why,
            apart,
        )
        for *box, orientation, width, height, score, side, sharpness, person, name, why, apart in rows
    ]


def count_faces(db: Database, engine: EngineId) -> int:
    """The faces of images that a listed library holds."""
    return int(
        db.execute(f"SELECT count(*) FROM faces WHERE engine = ? AND {IN_SIGHT}", [engine]).fetchone()[0]
    )
