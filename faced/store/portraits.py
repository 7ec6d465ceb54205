"""Portraits: pictures in the people folder by which a user says who somebody is.

Plain functions over the table portraits, and over the one row of libraries whose photos they are. Those that change
something run within a transaction of the caller.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlite_utils import Database

from faced.model import EngineId, ImageKey, LibraryId, PersonId, PhotoId

__all__ = [
    "Portrait",
    "drop_portraits",
    "ensure_portraits_at",
    "find_portraits_at",
    "is_any_to_be_read",
    "load_known_seeds",
    "load_portraits",
    "load_portraits_only",
    "may_be_unread_photo",
    "save_portraits",
    "save_said",
]


@dataclass(frozen=True, slots=True)
class Portrait:
    """path: relative to the people folder. first_seen: UTC nanoseconds. key: of its image, as last read; None: not yet
    (or it changed since). is_encoded: the engine that was asked about is done with it. problem: why it cannot be read.
    said: of which image it was said whose it is, and of whom. is_old: as in the table.
    """

    photo: PhotoId
    path: bytes
    size: int
    first_seen: int
    is_old: bool
    key: ImageKey | None
    is_encoded: bool
    problem: str | None
    said: tuple[ImageKey, PersonId] | None


def find_portraits_at(db: Database) -> tuple[LibraryId, bytes] | None:
    """The library whose photos are portraits, and its root; None before the first portrait."""
    row = db.execute("SELECT id, root FROM libraries WHERE portraits").fetchone()
    return None if row is None else (LibraryId(row[0]), bytes(row[1]))


def ensure_portraits_at(db: Database, root: bytes) -> tuple[LibraryId, bool]:
    """That library, whose root is this people folder from now on; and whether it is new."""
    known = find_portraits_at(db)
    if known is None:
        row = db.execute(
            "INSERT INTO libraries (root, listed, online, portraits) VALUES (?, 0, 1, 1) RETURNING id", [root]
        ).fetchone()
        return LibraryId(row[0]), True
    if known[1] != root:
        db.execute("UPDATE libraries SET root = ? WHERE id = ?", [root, known[0]])
    return known[0], False


def save_portraits(db: Database, library: LibraryId, now_ns: int, *, are_old: bool) -> None:
    """A row for each of its photos that has none."""
    db.execute(
        "INSERT OR IGNORE INTO portraits (photo, first_seen, is_old) SELECT id, ?, ? FROM photos WHERE library = ?",
        [now_ns, int(are_old), library],
    )


def load_portraits(db: Database, engine: EngineId) -> list[Portrait]:
    """All of them, by path."""
    rows = db.execute(
        """SELECT photos.id, path, photos.size, first_seen, is_old, CASE WHEN stale THEN NULL ELSE images.key END,
                  EXISTS (SELECT 1 FROM encodings WHERE image = photos.image AND engine = ?),
                  reason, portraits.image, portraits.person
           FROM portraits JOIN photos ON photos.id = portraits.photo LEFT JOIN images ON images.id = photos.image
                LEFT JOIN quarantine ON quarantine.photo = photos.id
           ORDER BY path""",
        [engine],
    ).fetchall()
    return [
        Portrait(
            PhotoId(photo),
            path,
            size,
            first_seen,
            bool(is_old),
            None if key is None else ImageKey(key),
            key is not None and bool(is_encoded),
            problem,
            None if image is None else (ImageKey(image), PersonId(person)),
        )
        for photo, path, size, first_seen, is_old, key, is_encoded, problem, image, person in rows
    ]


def is_any_to_be_read(portraits: Iterable[Portrait]) -> bool:
    """Whether one of them is to be read or encoded yet."""
    return any(not one.is_encoded and one.problem is None for one in portraits)


def drop_portraits(db: Database, photos: Iterable[PhotoId]) -> None:
    """These files are no portraits."""
    db.conn.executemany("DELETE FROM photos WHERE id = ?", [(photo,) for photo in photos])


def save_said(db: Database, photo: PhotoId, image: ImageKey, person: PersonId | None) -> None:
    """It was said whose this portrait is; None: nobody's any more."""
    db.execute("UPDATE portraits SET image = ?, person = ? WHERE photo = ?", [image, person, photo])


def load_portraits_only(db: Database, keys: Collection[ImageKey]) -> set[ImageKey]:
    """Of these images those that no listed library holds, and that are portraits."""
    if not keys or find_portraits_at(db) is None:
        return set()
    held = "EXISTS (SELECT 1 FROM photos JOIN libraries ON libraries.id = photos.library WHERE image = images.id AND {})"
    rows = db.execute(
        f"""SELECT key FROM images WHERE key IN (SELECT value FROM json_each(?))
            AND {held.format("portraits")} AND NOT {held.format("listed")}""",
        [json.dumps(sorted(keys))],
    )
    return {ImageKey(key) for (key,) in rows}


def may_be_unread_photo(db: Database, size: int) -> bool:
    """Whether a photo of a listed library has so many bytes that is to be read yet."""
    row = db.execute(
        "SELECT 1 FROM photos JOIN libraries ON libraries.id = photos.library"
        " WHERE listed AND stale AND size = ? LIMIT 1",
        [size],
    )
    return row.fetchone() is not None


def load_known_seeds(db: Database) -> frozenset[str]:
    """Ids of the edits that named somebody by a portrait, undone or not."""
    return frozenset(key for (key,) in db.execute("SELECT id FROM edits WHERE kind = 'seed'"))
