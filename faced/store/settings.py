"""Single values of the state: who this installation is, and counters that must survive."""

import secrets

from sqlite_utils import Database

__all__ = ["ENGINE_NOTICE", "load_setting", "next_number", "read_installation", "save_setting"]

ENGINE_NOTICE = "engine_notice"
"""What the workers said when they opened the engine that was not quite as configured; empty: nothing."""


def load_setting(db: Database, key: str) -> str | None:
    """The value, or None when it was never saved."""
    row = db.execute("SELECT value FROM settings WHERE key = ?", [key]).fetchone()
    return None if row is None else str(row[0])


def save_setting(db: Database, key: str, value: str) -> None:
    """Within a transaction of the caller."""
    db.execute(
        "INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [key, value],
    )


def next_number(db: Database, key: str) -> int:
    """Count one up, within a transaction of the caller; the first is 1."""
    number = int(load_setting(db, key) or 0) + 1
    save_setting(db, key, str(number))
    return number


def read_installation(db: Database) -> str:
    """This installation's id, made at the first call (within a transaction of the caller)."""
    known = load_setting(db, "installation")
    if known is None:
        known = secrets.token_hex(16)
        save_setting(db, "installation", known)
    return known
