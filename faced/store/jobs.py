"""What is still to be read or encoded, and what came of it.

The queue is no table of its own: it is every photo that must be read, and every image in reach that
the engine is not done with. Attempts remember which jobs were running, so that a file that kills its
reader is found out, and no innocent one is taken for it. Reads and writes rows; decides nothing.
"""

import json
import os
import zlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from sqlite_utils import Database

from faced.model import Box, DetectedFace, EncodedPicture, EngineId, FileStamp, ImageId, ImageKey, PhotoId
from faced.store.forgotten import follow_forgotten, is_forgotten, load_forgotten_places

__all__ = [
    "Attempt",
    "Job",
    "Match",
    "Reading",
    "add_death",
    "count_jobs",
    "drop_attempts",
    "ensure_engine",
    "load_attempts",
    "load_encoded_orientation",
    "load_jobs",
    "mark_alone",
    "mark_in_flight",
    "release_alone",
    "release_in_flight",
    "save_quarantine",
    "save_reading",
]


@dataclass(frozen=True, slots=True)
class Job:
    """A photo to be read. root: of its library; path: below it.

    stale: whether nothing is known of its content; else `key` and `orientation` say what the photo
    holds, and the engine is not done with that.
    """

    photo: PhotoId
    root: bytes
    path: bytes
    stamp: FileStamp
    stale: bool
    key: ImageKey | None
    orientation: int | None

    @property
    def file(self) -> bytes:
        """The absolute path."""
        return os.path.join(self.root, self.path)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one photo held when its file looked like `stamp`."""

    photo: PhotoId
    stamp: FileStamp
    key: ImageKey
    picture: EncodedPicture


@dataclass(frozen=True, slots=True)
class Attempt:
    """A job that was in flight when the process died. Counts are those of table attempts."""

    photo: PhotoId
    stamp: FileStamp
    stale: bool
    unclean: int


# In reach: in a library that is there, and not set aside. Any photo in reach may give an image its first
# encoding, the smallest does. Which orientation counts is said by the smallest of all listed ones, so that
# a disk which comes and goes has nothing encoded again.
_QUEUE = """
  WITH reach AS (
    SELECT photos.*, libraries.root FROM photos JOIN libraries ON libraries.id = photos.library
    WHERE (libraries.listed OR libraries.portraits) AND libraries.online
      AND NOT EXISTS (SELECT 1 FROM quarantine WHERE quarantine.photo = photos.id AND NOT quarantine.later)
  ), queue AS (
    SELECT id, root, path, size, mtime_ns, ctime_ns, ino, stale, image, orientation, found
    FROM reach WHERE stale
    UNION ALL
    SELECT p.id, p.root, p.path, p.size, p.mtime_ns, p.ctime_ns, p.ino, p.stale, p.image, p.orientation, p.found
    FROM reach AS p
    WHERE NOT p.stale AND p.image IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM encodings WHERE encodings.image = p.image AND encodings.engine = :engine)
      AND NOT EXISTS (SELECT 1 FROM forgotten_images JOIN images ON images.key = forgotten_images.image
                      WHERE images.id = p.image)
      AND NOT EXISTS (SELECT 1 FROM reach AS other WHERE other.image = p.image AND NOT other.stale
                      AND (other.root, other.path) < (p.root, p.path))
    UNION ALL
    SELECT p.id, p.root, p.path, p.size, p.mtime_ns, p.ctime_ns, p.ino, p.stale, p.image, p.orientation, p.found
    FROM reach AS p JOIN encodings ON encodings.image = p.image AND encodings.engine = :engine
    WHERE NOT p.stale AND encodings.orientation <> p.orientation
      AND NOT EXISTS (SELECT 1 FROM photos AS other JOIN libraries ON libraries.id = other.library
                      WHERE other.image = p.image AND NOT other.stale
                        AND (libraries.listed OR libraries.portraits)
                      AND (libraries.root, other.path) < (p.root, p.path))
  )"""


def load_jobs(
    db: Database,
    engine: EngineId,
    limit: int,
    exclude: Collection[PhotoId] = (),
    *,
    only: Collection[PhotoId] | None = None,
) -> list[Job]:
    """The next jobs: photos of the newest scan first, of these the newest file first, then by path."""
    rows = db.execute(
        f"""{_QUEUE}
        SELECT queue.id, root, path, size, mtime_ns, ctime_ns, ino, stale, images.key, orientation
        FROM queue LEFT JOIN images ON images.id = queue.image
        WHERE queue.id NOT IN (SELECT value FROM json_each(:exclude))
          AND (:only IS NULL OR queue.id IN (SELECT value FROM json_each(:only)))
        ORDER BY found DESC, mtime_ns DESC, root, path LIMIT :limit""",
        {
            "engine": engine,
            "limit": limit,
            "exclude": json.dumps(list(exclude)),
            "only": None if only is None else json.dumps(list(only)),
        },
    ).fetchall()
    return [
        Job(
            photo=PhotoId(photo),
            root=root,
            path=path,
            stamp=FileStamp(size, mtime_ns, ctime_ns, ino),
            stale=bool(stale),
            key=None if key is None else ImageKey(key),
            orientation=orientation,
        )
        for photo, root, path, size, mtime_ns, ctime_ns, ino, stale, key, orientation in rows
    ]


def count_jobs(db: Database, engine: EngineId) -> int:
    """The length of the queue."""
    row = db.execute(f"{_QUEUE} SELECT count(*) FROM queue", {"engine": engine}).fetchone()
    return int(row[0])


def ensure_engine(db: Database, key: str, record: str) -> EngineId:
    """The id of the engine with this key, its row made or brought up to date in the caller's transaction."""
    row = db.execute("SELECT id, record FROM engines WHERE key = ?", [key]).fetchone()
    if row is not None and row[1] == record:
        return EngineId(row[0])
    db.execute(
        "INSERT INTO engines (key, record) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET record = excluded.record",
        [key, record],
    )
    return EngineId(db.execute("SELECT id FROM engines WHERE key = ?", [key]).fetchone()[0])


def load_encoded_orientation(db: Database, engine: EngineId, key: ImageKey) -> int | None:
    """The orientation in which the engine encoded the image; None: it has not."""
    row = db.execute(
        """SELECT encodings.orientation FROM encodings JOIN images ON images.id = encodings.image
           WHERE images.key = ? AND encodings.engine = ?""",
        [key, engine],
    ).fetchone()
    return None if row is None else int(row[0])


Match: TypeAlias = Callable[[Sequence[Box], Sequence[Box]], Sequence[tuple[int, int]]]
"""Which of the boxes that a picture had are which of those that it has: pairs of rows."""


def save_reading(db: Database, engine: EngineId, reading: Reading, match: Match) -> bool:
    """What a photo holds, and the faces of its image if they were looked for.

    The attempt is over. Faces that are found anew stay whose they were, by `match`, until the next
    re-clustering. False, and nothing is stored, when the photo is no longer the one that was read.
    """
    drop_attempts(db, [reading.photo])
    if not _is_still(db, reading.photo, reading.stamp):
        return False
    picture = reading.picture
    follow_forgotten(db, reading.photo, reading.key)
    if is_forgotten(db, reading.key):
        picture = replace(picture, dhash=None, faces=None)
    image = _save_image(db, reading.key, picture)
    db.execute(
        """INSERT OR IGNORE INTO became (old, new)
           SELECT images.key, ? FROM photos JOIN images ON images.id = photos.image
           WHERE photos.id = ? AND images.id <> ?""",
        [reading.key, reading.photo, image],
    )
    db.execute(
        "UPDATE photos SET image = ?, orientation = ?, taken = ?, stale = 0 WHERE id = ?",
        [image, picture.orientation, picture.taken, reading.photo],
    )
    if picture.faces is not None:
        db.execute(
            """INSERT INTO encodings (image, engine, orientation) VALUES (?, ?, ?)
               ON CONFLICT (image, engine) DO UPDATE SET orientation = excluded.orientation""",
            [image, engine, picture.orientation],
        )
        places = load_forgotten_places(db, reading.key)
        gone = {now for _, now in match(places, [face.box for face in picture.faces])} if places else ()
        faces = [face for row, face in enumerate(picture.faces) if row not in gone]
        _replace_faces(db, image, engine, faces, match)
    db.execute("DELETE FROM quarantine WHERE photo = ?", [reading.photo])
    return True


def save_quarantine(
    db: Database, photo: PhotoId, stamp: FileStamp, reason: str, *, later: bool, forget_image: bool
) -> bool:
    """Set a photo aside with the reason; without `later` until it changes.

    forget_image: it is known to hold no longer what it held. The attempt is over. False, and nothing
    is stored, when the photo is gone or changed meanwhile.
    """
    drop_attempts(db, [photo])
    if not _is_still(db, photo, stamp):
        return False
    db.execute(
        """INSERT OR REPLACE INTO quarantine (photo, reason, later, size, mtime_ns, ctime_ns, ino)
           VALUES (?, ?, ?, ?, ?, ?, ?)""",
        [photo, reason, int(later), stamp.size, stamp.mtime_ns, stamp.ctime_ns, stamp.ino],
    )
    if forget_image:
        db.execute("UPDATE photos SET image = NULL, orientation = NULL, taken = NULL WHERE id = ?", [photo])
    drop_attempts(db, [photo])
    return True


def load_attempts(db: Database) -> list[Attempt]:
    """The jobs that were in flight when the last process died; the least suspect first."""
    rows = db.execute(
        """SELECT photo, size, mtime_ns, ctime_ns, ino, stale, unclean
           FROM attempts JOIN photos ON photos.id = attempts.photo
           WHERE in_flight ORDER BY unclean, photo"""
    ).fetchall()
    return [
        Attempt(PhotoId(photo), FileStamp(size, mtime_ns, ctime_ns, ino), bool(stale), unclean)
        for photo, size, mtime_ns, ctime_ns, ino, stale, unclean in rows
    ]


def mark_in_flight(db: Database, photos: Iterable[PhotoId]) -> None:
    """To be committed before the jobs start."""
    db.conn.executemany(
        """INSERT INTO attempts (photo, in_flight, deaths, unclean)
           SELECT id, 1, 0, 0 FROM photos WHERE id = ?
           ON CONFLICT (photo) DO UPDATE SET in_flight = 1""",
        [[photo] for photo in photos],
    )


def mark_alone(db: Database, photo: PhotoId) -> None:
    """As mark_in_flight, for a job that starts while nothing else runs.

    It is counted now: a process that dies with it has no other moment. release_alone takes it back.
    """
    mark_in_flight(db, [photo])
    db.execute("UPDATE attempts SET unclean = unclean + 1 WHERE photo = ?", [photo])


def release_alone(db: Database, photo: PhotoId) -> None:
    """The process ends well in the middle of the job; that it is to run alone remains."""
    db.execute("UPDATE attempts SET unclean = max(unclean - 1, 0) WHERE photo = ?", [photo])


def release_in_flight(db: Database, photos: Sequence[PhotoId]) -> None:
    """The jobs run no longer, and that was not their doing."""
    for photo in photos:
        db.execute("UPDATE attempts SET in_flight = 0 WHERE photo = ?", [photo])
        db.execute("DELETE FROM attempts WHERE photo = ? AND deaths = 0 AND unclean = 0", [photo])


def add_death(db: Database, photo: PhotoId) -> int:
    """The job took its worker with it, and the process lives. Returns how many times so far."""
    db.execute("UPDATE attempts SET in_flight = 0, unclean = 0, deaths = deaths + 1 WHERE photo = ?", [photo])
    row = db.execute("SELECT deaths FROM attempts WHERE photo = ?", [photo]).fetchone()
    return 0 if row is None else int(row[0])


def drop_attempts(db: Database, photos: Iterable[PhotoId]) -> None:
    """The jobs are over."""
    db.conn.executemany("DELETE FROM attempts WHERE photo = ?", [[photo] for photo in photos])


def _is_still(db: Database, photo: PhotoId, stamp: FileStamp) -> bool:
    row = db.execute(
        "SELECT 1 FROM photos WHERE id = ? AND size = ? AND mtime_ns = ? AND ctime_ns = ? AND ino = ?",
        [photo, stamp.size, stamp.mtime_ns, stamp.ctime_ns, stamp.ino],
    ).fetchone()
    return row is not None


def _save_image(db: Database, key: ImageKey, picture: EncodedPicture) -> ImageId:
    dhash = picture.dhash
    if dhash is not None and dhash >= 1 << 63:
        dhash -= 1 << 64
    db.execute(
        """INSERT INTO images (key, format, width, height, dhash) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (key) DO UPDATE SET dhash = coalesce(excluded.dhash, dhash)""",
        [key, picture.format, picture.width, picture.height, dhash],
    )
    return ImageId(db.execute("SELECT id FROM images WHERE key = ?", [key]).fetchone()[0])


def _replace_faces(
    db: Database, image: ImageId, engine: EngineId, faces: Sequence[DetectedFace], match: Match
) -> None:
    owned = db.execute(
        """SELECT box_left, box_top, box_width, box_height, person, why
           FROM faces JOIN owners ON owners.face = faces.id WHERE image = ? AND engine = ? ORDER BY faces.id""",
        [image, engine],
    ).fetchall()
    db.execute("DELETE FROM faces WHERE image = ? AND engine = ?", [image, engine])
    ids = [_insert_face(db, image, engine, face) for face in faces]
    pairs = match([Box(*row[:4]) for row in owned], [face.box for face in faces]) if owned else ()
    db.conn.executemany(
        "INSERT INTO owners (face, person, why) VALUES (?, ?, ?)",
        [(ids[now], *owned[before][4:]) for before, now in pairs],
    )


def _insert_face(db: Database, image: ImageId, engine: EngineId, face: DetectedFace) -> int:
    embedding = np.ascontiguousarray(face.embedding, dtype="<f4").tobytes()
    landmarks = np.ascontiguousarray(face.landmarks, dtype="<f4").tobytes()
    box = face.box
    row = db.execute(
        """INSERT INTO faces (image, engine, box_left, box_top, box_width, box_height, landmarks,
                              score, side, sharpness, embedding, crc)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id""",
        [
            image,
            engine,
            box.left,
            box.top,
            box.width,
            box.height,
            landmarks,
            face.score,
            face.side,
            face.sharpness,
            embedding,
            zlib.crc32(embedding),
        ],
    ).fetchone()
    return int(row[0])
