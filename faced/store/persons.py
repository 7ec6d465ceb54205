"""Persons, and whose each face is as last computed."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from faced.model import EngineId, FaceId, ImageId, ImageKey, PersonId
from faced.store.faces import IN_SIGHT
from faced.store.word_tables import decode_name

__all__ = [
    "Owner",
    "OwnerColumns",
    "PersonRow",
    "add_persons",
    "load_ids_of_images",
    "load_images_of_persons",
    "load_names",
    "load_owner_columns",
    "load_owners",
    "load_person_rows",
    "person_exists",
    "save_owners",
]

ASKED = 500
"""Faces at once."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a face is, and why, in plain words."""

    person: PersonId
    why: str


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person as commands show it. photos, faces: of what listed libraries hold. folder: or None.

    hidden: a stranger, not shown.
    """

    id: PersonId
    name: str | None
    folder: bytes | None
    photos: int
    faces: int
    hidden: bool = False


def add_persons(db: Database, count: int) -> list[PersonId]:
    """New persons without names, within a transaction of the caller. Their ids were never used before."""
    return [
        PersonId(db.execute("INSERT INTO persons DEFAULT VALUES RETURNING id").fetchone()[0])
        for _ in range(count)
    ]


def person_exists(db: Database, person: int) -> bool:
    """Whether this id was ever given."""
    return db.execute("SELECT 1 FROM persons WHERE id = ?", [person]).fetchone() is not None


def load_owners_of(db: Database, faces: Collection[int]) -> dict[FaceId, PersonId]:
    """Whose these faces are; one that is nobody's is left out."""
    rows = db.execute(
        "SELECT face, person FROM owners WHERE face IN (SELECT value FROM json_each(?))",
        [json.dumps(sorted(faces))],
    )
    return {FaceId(face): PersonId(person) for face, person in rows}


def load_faces_of_persons(db: Database, engine: EngineId, persons: Collection[PersonId]) -> list[int]:
    """All faces of the engine that are theirs."""
    rows = db.execute(
        """SELECT face FROM owners JOIN faces ON faces.id = owners.face
           WHERE engine = ? AND person IN (SELECT value FROM json_each(?))""",
        [engine, json.dumps(sorted(persons))],
    )
    return [face for (face,) in rows]


def load_owners(db: Database, engine: EngineId) -> dict[FaceId, Owner]:
    """Of all faces of the engine, reachable or not."""
    rows = db.execute(
        "SELECT face, person, why FROM owners JOIN faces ON faces.id = owners.face WHERE engine = ?", [engine]
    )
    return {FaceId(face): Owner(PersonId(person), why) for face, person, why in rows}


@dataclass(frozen=True, slots=True, eq=False)
class OwnerColumns:
    """Whose m faces are, ascending. faces, persons: (m,) int64."""

    faces: NDArray[np.int64]
    persons: NDArray[np.int64]
    db: Database

    def reasons_of(self, faces: NDArray[np.int64]) -> list[str | None]:
        """Why, in plain words, of some faces; None of one that is nobody's."""
        found: dict[int, str] = {}
        for start in range(0, len(faces), ASKED):
            asked = faces[start : start + ASKED].tolist()
            marks = ",".join("?" * len(asked))
            found |= dict(self.db.execute(f"SELECT face, why FROM owners WHERE face IN ({marks})", asked))
        return [found.get(face) for face in faces.tolist()]


def load_owner_columns(db: Database, engine: EngineId) -> OwnerColumns:
    """Of all faces of the engine, reachable or not."""
    rows = db.execute(
        """SELECT face, person FROM owners JOIN faces ON faces.id = owners.face
           WHERE engine = ? ORDER BY face""",
        [engine],
    ).fetchall()
    columns = np.array(rows, dtype=np.int64).reshape(len(rows), 2)
    return OwnerColumns(columns[:, 0].copy(), columns[:, 1].copy(), db)


def save_owners(db: Database, owners: Mapping[FaceId, Owner], nobodys: Iterable[FaceId]) -> None:
    """Write these owners and take away those of `nobodys`, within a transaction of the caller."""
    db.conn.executemany(
        """INSERT INTO owners (face, person, why) VALUES (?, ?, ?)
           ON CONFLICT (face) DO UPDATE SET person = excluded.person, why = excluded.why""",
        [(face, owner.person, owner.why) for face, owner in owners.items()],
    )
    db.conn.executemany("DELETE FROM owners WHERE face = ?", [(face,) for face in nobodys])


def load_images_of_persons(db: Database, engine: EngineId) -> dict[PersonId, frozenset[ImageId]]:
    """The images that show each person, of those that listed libraries hold."""
    images: dict[PersonId, set[ImageId]] = {}
    rows = db.execute(
        f"""SELECT owners.person, faces.image FROM owners JOIN faces ON faces.id = owners.face
            WHERE faces.engine = ? AND {IN_SIGHT}""",
        [engine],
    )
    for person, image in rows:
        images.setdefault(PersonId(person), set()).add(ImageId(image))
    return {person: frozenset(found) for person, found in images.items()}


def load_ids_of_images(db: Database, keys: Iterable[ImageKey]) -> frozenset[ImageId]:
    """The rows of these images."""
    rows = db.execute(
        "SELECT id FROM images WHERE key IN (SELECT value FROM json_each(?))", [json.dumps(sorted(keys))]
    )
    return frozenset(ImageId(image) for (image,) in rows)


def load_names(db: Database) -> dict[PersonId, str]:
    """The persons who have a name, without those who were merged into another."""
    rows = db.execute("SELECT person, name FROM person_words WHERE name IS NOT NULL AND merged_into IS NULL")
    return {PersonId(person): decode_name(name) for person, name in rows}


def load_person_rows(db: Database, engine: EngineId) -> list[PersonRow]:
    """Every person who has a name, a folder or a face in sight, in the order of their ids."""
    rows = db.execute(
        f"""WITH seen AS (
              SELECT owners.person, count(*) AS faces, count(DISTINCT faces.image) AS images
              FROM owners JOIN faces ON faces.id = owners.face
              WHERE faces.engine = ? AND {IN_SIGHT} GROUP BY owners.person),
            shown AS (
              SELECT links.person, count(DISTINCT links.image) AS images,
                     (SELECT path FROM folders WHERE folders.person = links.person AND kind = 'links'
                      ORDER BY length(path), path LIMIT 1) AS path
              FROM links GROUP BY links.person)
            SELECT persons.id, shown.path, coalesce(seen.images, 0), coalesce(seen.faces, 0),
                   persons.id IN (SELECT person FROM person_words WHERE hidden)
            FROM persons LEFT JOIN seen ON seen.person = persons.id LEFT JOIN shown ON shown.person = persons.id
            WHERE (seen.faces > 0 OR shown.images > 0
                    AND persons.id NOT IN (SELECT person FROM edits WHERE kind = 'album'))
               OR persons.id IN (SELECT person FROM person_words WHERE name IS NOT NULL AND merged_into IS NULL)
            ORDER BY persons.id""",
        [engine],
    )
    names = load_names(db)
    return [
        PersonRow(PersonId(i), names.get(i), folder, photos, faces, bool(hidden))
        for i, folder, photos, faces, hidden in rows
    ]
