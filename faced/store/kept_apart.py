"""Why faces that are nobody's did not come to somebody they were near enough to, as last computed."""

from collections.abc import Mapping

from sqlite_utils import Database

from faced.model import EngineId, FaceId

__all__ = ["save_kept_apart"]


def save_kept_apart(db: Database, engine: EngineId, reasons: Mapping[FaceId, str]) -> None:
    """Write these instead of all of the engine's, within a transaction of the caller."""
    rows = db.execute(
        "SELECT face, why FROM kept_apart JOIN faces ON faces.id = kept_apart.face WHERE faces.engine = ?",
        [engine],
    )
    known = {FaceId(face): why for face, why in rows}
    db.conn.executemany(
        "DELETE FROM kept_apart WHERE face = ?",
        [(face,) for face, why in known.items() if reasons.get(face) != why],
    )
    db.conn.executemany(
        "INSERT INTO kept_apart (face, why) VALUES (?, ?)",
        [(face, why) for face, why in reasons.items() if known.get(face) != why],
    )
