"""Face pictures: how they name their faces, which are wanted, and what users did with them.

Plain functions over the tables pictures, understood_pictures, put_off and put_off_faces. Those that change something
run within a transaction of the caller.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

from sqlite_utils import Database

from faced.model import Box, EngineId, FolderId, Gate, ImageId, ImageKey, PersonId
from faced.store.edits import Spot
from faced.store.faces import IN_SIGHT

__all__ = [
    "NOBODY",
    "FaceRow",
    "PictureChange",
    "checksum_of",
    "comment_of",
    "face_of_comment",
    "face_text",
    "follow_pictures",
    "is_made_picture",
    "load_faces_of_nobody",
    "load_made_pictures",
    "load_proposed_faces",
    "load_put_off",
    "load_put_off_faces",
    "load_understood_pictures",
    "parse_face",
    "save_put_off",
]

NOBODY = PersonId(0)
"""Stands for the person of faces that are nobody's yet."""
WORD = "faced "


# How a face is named.


def face_text(spot: Spot) -> str:
    """A face as one short text in ASCII, that parse_face reads back to the last bit.

    >>> face_text(Spot(ImageKey("b1:00ff"), Box(0.1, 0.25, 0.5, 0.125)))
    'b1:00ff 0.1,0.25,0.5,0.125'
    """
    box = spot.box
    return f"{spot.image} {box.left!r},{box.top!r},{box.width!r},{box.height!r}"


def parse_face(text: str) -> Spot | None:
    """The face; None when the text names none."""
    image, _, sides = text.partition(" ")
    try:
        box = Box(*map(float, sides.split(",")))
    except (TypeError, ValueError):
        return None
    spot = Spot(ImageKey(image), box)
    is_whole = image.startswith("b1:") and all(map(math.isfinite, (box.left, box.top, box.width, box.height)))
    return spot if is_whole and face_text(spot) == text else None


def comment_of(face: str) -> str:
    """What a face picture says in its JPEG comment."""
    return WORD + face


def face_of_comment(comment: str) -> str | None:
    """The face that a JPEG's comment names; None when it is no face picture's."""
    face = comment.removeprefix(WORD)
    return face if comment.startswith(WORD) and parse_face(face) is not None else None


def checksum_of(content: bytes) -> str:
    """Of a whole file: its size in bytes, and a hash."""
    return f"{len(content)}:{blake2b(content, digest_size=16).hexdigest()}"


# What is wanted.


class FaceRow(NamedTuple):
    """A face that a picture may be made of. person: to whom it is proposed, at this distance; NOBODY and 0: to none."""

    person: PersonId
    distance: float
    image: ImageId
    spot: Spot


_FACE = "faces.image, images.key, box_left, box_top, box_width, box_height"


def load_proposed_faces(db: Database, engine: EngineId) -> list[FaceRow]:
    """What is proposed to those who have a name and are not hidden, by person, the nearest first."""
    rows = db.execute(
        f"""SELECT suggestions.person, distance, {_FACE}
            FROM suggestions JOIN faces ON faces.id = suggestions.face JOIN images ON images.id = faces.image
                 JOIN person_words ON person_words.person = suggestions.person
            WHERE faces.engine = ? AND name IS NOT NULL AND NOT hidden AND merged_into IS NULL AND {IN_SIGHT}
            ORDER BY suggestions.person, rank""",
        [engine],
    )
    return [_row(row) for row in rows]


def load_faces_of_nobody(
    db: Database, engine: EngineId, gate: Gate, shown: Iterable[PersonId]
) -> list[FaceRow]:
    """The faces that are shown nowhere: of nobody, or of persons without a folder of whom the user said nothing; not
    those that are proposed to somebody, nor too small or blurred ones. The largest first, then by content.

    shown: the persons who have a folder.
    """
    here = frozenset(shown)
    rows = db.execute(
        f"""SELECT owners.person, side, sharpness, {_FACE}
            FROM faces JOIN images ON images.id = faces.image
                 JOIN encodings ON encodings.image = faces.image AND encodings.engine = faces.engine
                 LEFT JOIN owners ON owners.face = faces.id
                 LEFT JOIN person_words ON person_words.person = owners.person
            WHERE faces.engine = ? AND {IN_SIGHT} AND coalesce(hidden, 0) = 0 AND name IS NULL
              AND faces.id NOT IN (SELECT face FROM suggestions)
            ORDER BY side DESC, images.key, box_left, box_top, box_width, box_height""",
        [engine],
    )
    return [
        _row((NOBODY, 0.0, *face))
        for owner, side, sharpness, *face in rows
        if owner not in here and side >= gate.attach_side and sharpness >= gate.attach_sharpness
    ]


def _row(row: Iterable[object]) -> FaceRow:
    person, distance, image, key, *box = row
    return FaceRow(person, distance, image, Spot(ImageKey(str(key)), Box(*box)))  # type: ignore[arg-type]


# What users did.


@dataclass(slots=True)
class PictureChange:
    """How base has to change to be what a look at the face pictures has found.

    renamed: (folder, old name, new name). gone: (folder, name). taken_over: (path, person, inode) of folders that
    are faced's from now on. found: (folder, name, face, checksum, inode, mtime) of pictures that came back.
    understood: path to face, of those that a user has put somewhere; forgotten: paths of those that are gone again.
    put_off: persons (or NOBODY) whose folder was thrown away; back: whose folder is there again. put_off_faces: of
    nobody, whose picture was.
    """

    renamed: list[tuple[FolderId, bytes, bytes]] = field(default_factory=list)
    gone: list[tuple[FolderId, bytes]] = field(default_factory=list)
    taken_over: list[tuple[bytes, PersonId | None, int]] = field(default_factory=list)
    found: list[tuple[bytes, bytes, str, str, int, int]] = field(default_factory=list)
    understood: dict[bytes, str] = field(default_factory=dict)
    forgotten: list[bytes] = field(default_factory=list)
    put_off: list[PersonId] = field(default_factory=list)
    back: list[PersonId] = field(default_factory=list)
    put_off_faces: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(
            (
                *(self.renamed, self.gone, self.taken_over, self.found),
                *(self.understood, self.forgotten, self.put_off, self.back, self.put_off_faces),
            )
        )


def follow_pictures(db: Database, change: PictureChange) -> None:
    """Base becomes what was seen."""
    db.conn.executemany("DELETE FROM pictures WHERE folder = ? AND name = ?", change.gone)
    db.conn.executemany(
        "UPDATE OR REPLACE pictures SET name = ? WHERE folder = ? AND name = ?",
        [(new, folder, old) for folder, old, new in change.renamed],
    )
    db.conn.executemany(
        "INSERT INTO folders (path, person, ino, kind) VALUES (?, ?, ?, 'pictures')"
        " ON CONFLICT (path) DO UPDATE SET person = excluded.person, ino = excluded.ino, kind = excluded.kind",
        change.taken_over,
    )
    db.conn.executemany(
        "INSERT OR REPLACE INTO pictures (folder, name, face, checksum, ino, mtime_ns)"
        " SELECT id, ?, ?, ?, ?, ? FROM folders WHERE path = ?",
        [(*picture, path) for path, *picture in change.found],
    )
    db.conn.executemany(
        "INSERT OR REPLACE INTO made_pictures (checksum, face) VALUES (?, ?)",
        [(checksum, face) for _, _, face, checksum, _, _ in change.found],
    )
    db.conn.executemany("DELETE FROM put_off_faces WHERE face = ?", [(row[2],) for row in change.found])
    db.conn.executemany(
        "INSERT OR REPLACE INTO understood_pictures (path, face) VALUES (?, ?)", change.understood.items()
    )
    db.conn.executemany(
        "DELETE FROM understood_pictures WHERE path = ?", [(path,) for path in change.forgotten]
    )
    db.conn.executemany("DELETE FROM put_off WHERE person = ?", [(person,) for person in change.back])
    db.conn.executemany(
        "INSERT OR REPLACE INTO put_off (person, proposed) VALUES (?, NULL)", [(p,) for p in change.put_off]
    )
    db.conn.executemany(
        "INSERT OR IGNORE INTO put_off_faces (face) VALUES (?)", [(face,) for face in change.put_off_faces]
    )


def load_understood_pictures(db: Database) -> dict[bytes, str]:
    """Path to face, of pictures that a user has put somewhere and that were understood."""
    return dict(db.execute("SELECT path, face FROM understood_pictures ORDER BY path").fetchall())


def load_made_pictures(db: Database, checksums: Iterable[str]) -> dict[str, str]:
    """Of these checksums those of pictures that faced made, with their faces."""
    found = {}
    for checksum in checksums:
        row = db.execute("SELECT face FROM made_pictures WHERE checksum = ?", [checksum]).fetchone()
        if row is not None:
            found[checksum] = str(row[0])
    return found


def is_made_picture(db: Database, checksum: str) -> bool:
    """Whether faced made a file that is this one to the last byte."""
    return bool(load_made_pictures(db, [checksum]))


def load_put_off(db: Database) -> dict[PersonId, str | None]:
    """Persons (or NOBODY) whose folder was thrown away, with the hash of what was proposed; None: not known yet."""
    return {PersonId(p): proposed for p, proposed in db.execute("SELECT person, proposed FROM put_off")}


def save_put_off(db: Database, put_off: Mapping[PersonId, str], over: Iterable[PersonId]) -> None:
    """Note what is not made now, and forget what is made again."""
    db.conn.executemany("INSERT OR REPLACE INTO put_off (person, proposed) VALUES (?, ?)", put_off.items())
    db.conn.executemany("DELETE FROM put_off WHERE person = ?", [(person,) for person in over])


def load_put_off_faces(db: Database) -> frozenset[str]:
    """Faces of nobody whose picture was thrown away."""
    return frozenset(face for (face,) in db.execute("SELECT face FROM put_off_faces"))
