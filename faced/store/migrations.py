"""The schema's history: numbered SQL files, each applied whole or not at all.

The number of the last one stands in `PRAGMA user_version`, in the same transaction. Before the first
change to a database that holds something, a copy of it goes to `backup/`.
"""

import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import resources
from pathlib import Path

from faced.errors import Damaged, StateError

__all__ = [
    "APPLICATION_ID",
    "KEEP_BACKUPS",
    "Foreign",
    "back_up",
    "check_version",
    "load_migrations",
    "migrate",
    "newest_version",
    "read_version",
    "split_statements",
    "transaction",
]

APPLICATION_ID = 0x66616365  # "face"
KEEP_BACKUPS = 3
HIGHEST_VERSION = 9999
"""Four digits. Above it a number is damage."""


class Foreign(StateError):
    """The database is another program's, or the head of its file is damaged."""


@cache
def load_migrations() -> tuple[tuple[int, str], ...]:
    """(number, SQL) of every migration, in order."""
    folder = resources.files("faced.store") / "sql"
    found = [
        (int(m.group(1)), entry) for entry in folder.iterdir() if (m := re.match(r"(\d{4})_", entry.name))
    ]
    return tuple((n, entry.read_text("utf-8")) for n, entry in sorted(found, key=lambda pair: pair[0]))


def migrate(connection: sqlite3.Connection, folder: Path) -> None:
    """Bring the database to the newest schema. The caller holds the write lock.

    Raises StateError, having touched nothing, when the file is not faced's or is newer than this program.
    """
    version = check_version(connection, folder)
    if version and version < newest_version():
        back_up(connection, folder / "backup", version)
    for number, sql in load_migrations():
        if number > version:
            _apply(connection, number, sql)


def newest_version() -> int:
    """The schema that this program knows."""
    return load_migrations()[-1][0]


def check_version(connection: sqlite3.Connection, folder: Path) -> int:
    """The database's schema; 0 for an empty one. Only reads.

    Raises StateError for a database of another program or of a newer faced.
    """
    version = read_version(connection)
    if not 0 <= version <= HIGHEST_VERSION:
        raise Damaged(
            f"the database in {folder} has a schema that no faced ever had ({version}): it is damaged"
        )
    if version > newest_version():
        raise StateError(
            f"the database in {folder} was written by a newer faced (schema {version}, this one knows "
            f"{newest_version()}): install that version again; nothing was changed"
        )
    return version


def read_version(connection: sqlite3.Connection) -> int:
    """0 for an empty database. Raises Foreign for one of another program."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application == APPLICATION_ID or (application == 0 and version == 0 and tables == 0):
        return int(version)
    raise Foreign("faced.db is not a database of faced; choose another folder with --state")


def back_up(connection: sqlite3.Connection, folder: Path, version: int) -> Path:
    """A copy of the whole database, readable by its owner only; the newest KEEP_BACKUPS are kept."""
    folder.mkdir(mode=0o700, exist_ok=True)
    target = folder / f"faced-{version:04}-{time.strftime('%Y%m%d-%H%M%S')}.db"
    partial = target.with_suffix(".partial")
    for unfinished in folder.glob("faced-*.partial"):
        unfinished.unlink()
    handle = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        connection.execute("VACUUM INTO ?", (str(partial),))
        os.fsync(handle)
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
    for old in sorted(folder.glob("faced-*.db"))[:-KEEP_BACKUPS]:
        old.unlink()
    return target


def _apply(connection: sqlite3.Connection, number: int, sql: str) -> None:
    with transaction(connection):
        for statement in split_statements(sql):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {number}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """BEGIN IMMEDIATE to COMMIT; whatever fails, the commit itself too, leaves no open transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has rolled it back already
            connection.execute("ROLLBACK")
        raise


def split_statements(sql: str) -> Iterator[str]:
    """One statement after the other (executescript would commit the transaction that we are in)."""
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():  # a comment, or a last statement without its semicolon
        yield statement
