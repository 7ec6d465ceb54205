"""Whether a database holds what was written into it. Reads only; what to do about it is decided elsewhere."""

import sqlite3

from sqlite_utils import Database

from faced.errors import Damaged
from faced.store.journal import load_edits
from faced.store.migrations import load_migrations, split_statements
from faced.store.settings import load_setting
from faced.store.word import find_highest_person, find_installation

__all__ = ["find_damage"]

NO_DAMAGE = frozenset(
    [
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
    ]
)
"""Errors of SQLite that say nothing about what is in the file."""


def find_damage(db: Database) -> str | None:
    """Why the database cannot be trusted, in a few words; None: it is sound. Reads all of it.

    The tables that keep the fold over the journal and the embeddings are not looked at: both can be mended in
    place (see `mend` in health).
    """
    try:
        return _check_pages(db) or _check_tables(db) or _check_references(db) or _check_journal(db)
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in NO_DAMAGE:
            raise
        return str(error)
    except (Damaged, TypeError, ValueError, OverflowError) as error:
        return str(error)


def _check_pages(db: Database) -> str | None:
    (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    return None if found == "ok" else str(found).replace("\n", " ")


def _check_tables(db: Database) -> str | None:
    new = sqlite3.connect(":memory:")
    try:
        for _, sql in load_migrations():
            for statement in split_statements(sql):
                new.execute(statement)
        wanted = _list_columns(new)
    finally:
        new.close()
    return None if _list_columns(db.conn) == wanted else "a table or an index is not what it was"


def _list_columns(connection: sqlite3.Connection) -> set[tuple[str, str, str]]:
    """(table, index or column, kind)."""
    rows = connection.execute(
        """SELECT tbl_name, name, type FROM sqlite_master WHERE type <> 'table'
           UNION ALL
           SELECT m.name, c.name, c.type FROM sqlite_master AS m JOIN pragma_table_xinfo(m.name) AS c
           WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_stat%'"""
    )
    return set(rows.fetchall())


def _check_references(db: Database) -> str | None:
    row = db.execute('SELECT "table", parent FROM pragma_foreign_key_check LIMIT 1').fetchone()
    return None if row is None else f"a row of {row[0]} names one of {row[1]} that is not there"


def _check_journal(db: Database) -> str | None:
    edits = load_edits(db)
    installation = find_installation(edits)
    if installation is not None and load_setting(db, "installation") != installation:
        return "the installation is not the one of the journal"
    given = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'persons'").fetchone()
    if (0 if given is None else int(given[0])) < find_highest_person(edits):
        return "persons that were given an id are not known"
    return None
