"""Who a face may be, as last computed, for the user to say."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from faced.model import EngineId, FaceId, ImageKey, PersonId
from faced.store.faces import IN_SIGHT

__all__ = ["Proposed", "count_suggestions", "load_suggestions", "save_suggestions"]


@dataclass(frozen=True, slots=True)
class Proposed:
    """One face. unit: what is proposed whole has one number. owner: the unnamed person it belongs to now, or None."""

    face: FaceId
    person: PersonId
    unit: int
    distance: float
    image: ImageKey
    owner: PersonId | None


def save_suggestions(
    db: Database, engine: EngineId, proposed: Sequence[tuple[PersonId, Sequence[FaceId], float]]
) -> None:
    """Write these instead of all of the engine's, within a transaction of the caller; each face once.

    proposed: person, faces and distance of each unit, of one person the nearest first.
    """
    wanted: dict[int, tuple[int, int, int, int, float]] = {}
    ranks: dict[PersonId, int] = {}
    for person, faces, distance in proposed:
        unit = ranks.setdefault(person, 0)
        for face in faces:
            wanted[face] = (face, person, ranks[person], unit, distance)
            ranks[person] += 1
    rows = db.execute(
        """SELECT face, person, rank, unit, distance FROM suggestions
           JOIN faces ON faces.id = suggestions.face WHERE faces.engine = ?""",
        [engine],
    )
    known = {row[0]: tuple(row) for row in rows}
    db.conn.executemany(
        "DELETE FROM suggestions WHERE face = ?",
        [(face,) for face in known if known[face] != wanted.get(face)],
    )
    db.conn.executemany(
        "INSERT INTO suggestions (face, person, rank, unit, distance) VALUES (?, ?, ?, ?, ?)",
        [row for face, row in wanted.items() if known.get(face) != row],
    )


def load_suggestions(db: Database, engine: EngineId) -> list[Proposed]:
    """Those of faces that a listed library holds, by person, the nearest first."""
    rows = db.execute(
        f"""SELECT faces.id, suggestions.person, unit, distance, images.key, owners.person
            FROM suggestions JOIN faces ON faces.id = suggestions.face JOIN images ON images.id = faces.image
                 LEFT JOIN owners ON owners.face = faces.id
            WHERE faces.engine = ? AND {IN_SIGHT} ORDER BY suggestions.person, rank""",
        [engine],
    )
    return [
        Proposed(
            FaceId(face),
            PersonId(person),
            unit,
            distance,
            ImageKey(image),
            None if owner is None else PersonId(owner),
        )
        for face, person, unit, distance, image, owner in rows
    ]


def count_suggestions(db: Database, engine: EngineId) -> dict[PersonId, int]:
    """How many faces are proposed to each person."""
    rows = db.execute(
        f"""SELECT suggestions.person, count(*) FROM suggestions JOIN faces ON faces.id = suggestions.face
            WHERE faces.engine = ? AND {IN_SIGHT} GROUP BY suggestions.person""",
        [engine],
    )
    return {PersonId(person): number for person, number in rows}
