"""What is needed to say in plain words why a face is where it is. Reads only."""

import json
import os
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from faced.errors import Damaged
from faced.model import EngineId, FaceId, ImageKey, PersonId
from faced.store.edit_lines import BrokenLine, from_line
from faced.store.edits import Edit

__all__ = [
    "load_births",
    "load_edits_of",
    "load_engine_text",
    "load_hashes",
    "load_mates",
    "load_paths_of",
    "load_proposed_person",
    "load_year",
]


def load_engine_text(db: Database, engine: EngineId) -> str | None:
    """The engine's record as it was stored, JSON; None: no such engine."""
    row = db.execute("SELECT record FROM engines WHERE id = ?", [engine]).fetchone()
    return None if row is None else str(row[0])


def load_edits_of(db: Database, ids: Collection[str]) -> dict[str, Edit]:
    """These edits of the journal. Raises Damaged when one cannot be read."""
    rows = db.execute(
        "SELECT id, line FROM edits WHERE id IN (SELECT value FROM json_each(?))", [json.dumps(sorted(ids))]
    )
    try:
        return {key: from_line(line) for key, line in rows}
    except BrokenLine as error:
        raise Damaged(f"the database is damaged: an edit in it cannot be read ({error})") from error


def load_paths_of(db: Database, keys: Collection[ImageKey]) -> dict[ImageKey, list[bytes]]:
    """The absolute paths of the photos that hold these images, of listed libraries, in order."""
    rows = db.execute(
        """SELECT images.key, root, path FROM images JOIN photos ON photos.image = images.id
           JOIN libraries ON libraries.id = photos.library
           WHERE listed AND images.key IN (SELECT value FROM json_each(?)) ORDER BY root, path""",
        [json.dumps(sorted(keys))],
    )
    found: dict[ImageKey, list[bytes]] = {}
    for key, root, path in rows:
        found.setdefault(ImageKey(key), []).append(os.path.join(root, path))
    return found


def load_hashes(db: Database) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """(n,) ids of all images that show a face, ascending, and (n,) the difference hash of each, 0 where there is none."""
    rows = db.execute(
        """SELECT id, coalesce(dhash, 0) FROM images
           WHERE EXISTS (SELECT 1 FROM faces WHERE image = images.id) ORDER BY id"""
    )
    found = np.fromiter(rows, dtype=np.dtype([("id", np.int64), ("hash", np.int64)]))
    return found["id"].copy(), found["hash"].astype(np.uint64)


def load_births(db: Database) -> dict[PersonId, int]:
    """The year in which each person was born, where that was said."""
    rows = db.execute("SELECT person, born FROM person_words WHERE born IS NOT NULL AND merged_into IS NULL")
    return {PersonId(person): int(year) for person, year in rows}


def load_year(db: Database, image: ImageKey) -> int | None:
    """The year in which an image was taken, by the earliest dated photo of a listed library."""
    row = db.execute(
        """SELECT min(taken) FROM images JOIN photos ON photos.image = images.id
           JOIN libraries ON libraries.id = photos.library WHERE listed AND images.key = ?""",
        [image],
    ).fetchone()
    return None if row is None or row[0] is None else int(row[0][:4])


def load_mates(
    db: Database, engine: EngineId, person: PersonId, others: Collection[PersonId]
) -> list[PersonId]:
    """Those of the others who are in an image with this person, in the order of their ids."""
    rows = db.execute(
        """SELECT DISTINCT theirs.person FROM owners AS hers JOIN faces AS one ON one.id = hers.face
           JOIN faces AS other ON other.image = one.image AND other.engine = one.engine
           JOIN owners AS theirs ON theirs.face = other.id
           WHERE hers.person = ? AND one.engine = ? AND theirs.person IN (SELECT value FROM json_each(?))
           ORDER BY theirs.person""",
        [person, engine, json.dumps(sorted(others))],
    )
    return [PersonId(mate) for (mate,) in rows]


def load_proposed_person(db: Database, face: FaceId) -> tuple[PersonId, float] | None:
    """To whom a face is proposed, and the distance."""
    row = db.execute("SELECT person, distance FROM suggestions WHERE face = ?", [face]).fetchone()
    return None if row is None else (PersonId(row[0]), float(row[1]))
