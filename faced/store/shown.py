"""What was to be shown of whom when nothing was to be done: table shown_persons, and the settings that it counts for.

Plain functions; those that change something run within a transaction of the caller.
"""

from collections.abc import Iterable, Mapping

from sqlite_utils import Database

from faced.model import FolderId, PersonId
from faced.store.settings import load_setting, save_setting

__all__ = ["forget_shown", "forget_shown_in", "load_shown", "save_shown"]

SHOWN = "tree.shown"
"""Setting: for which settings of the user the rows count."""


def load_shown(db: Database, key: str) -> dict[PersonId, bytes] | None:
    """By person; None: nothing is known for these settings."""
    if load_setting(db, SHOWN) != key:
        return None
    return dict(db.execute("SELECT person, digest FROM shown_persons").fetchall())


def save_shown(db: Database, key: str, shown: Mapping[PersonId, bytes]) -> None:
    """These are kept, and no others; only those that differ are written."""
    known = load_shown(db, key)
    if known is None:
        db.execute("DELETE FROM shown_persons")
        save_setting(db, SHOWN, key)
        known = {}
    forget_shown(db, known.keys() - shown.keys())
    db.conn.executemany(
        "INSERT OR REPLACE INTO shown_persons (person, digest) VALUES (?, ?)",
        [row for row in shown.items() if known.get(row[0]) != row[1]],
    )


def forget_shown(db: Database, persons: Iterable[PersonId]) -> None:
    """They are to be planned for again."""
    db.conn.executemany("DELETE FROM shown_persons WHERE person = ?", [(person,) for person in persons])


def forget_shown_in(db: Database, folders: Iterable[FolderId]) -> None:
    """As forget_shown, of those whose folders of base these are."""
    db.conn.executemany(
        "DELETE FROM shown_persons WHERE person = (SELECT person FROM folders WHERE id = ?)",
        [(folder,) for folder in folders],
    )
