"""Migrations: whole or not at all, a backup before, and never back."""

import hashlib
import os
import re
import sqlite3
import stat

import pytest

from faced.errors import StateError
from faced.store import migrations
from faced.store.database import DATABASE, open_reader, open_store
from faced.store.migrations import (
    APPLICATION_ID,
    KEEP_BACKUPS,
    load_migrations,
    newest_version,
    split_statements,
)
from faced.store.settings import load_setting, save_setting


@pytest.fixture
def state(tmp_path):
    """A state of today's schema that holds something."""
    folder = tmp_path / "state"
    with open_store(folder) as store, store.write() as db:
        save_setting(db, "installation", "abc")
    return folder


def add_migrations(monkeypatch, *sql):
    """As if a later faced came with these."""
    real = load_migrations()
    more = [(real[-1][0] + n, text) for n, text in enumerate(sql, 1)]
    monkeypatch.setattr(migrations, "load_migrations", lambda: (*real, *more))


def digest(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir() if p.is_file()}


def tables(db):
    return {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()}


def test_the_tables_are_those_of_the_schema(state):
    """No table is ever made but by a migration; each is STRICT, each column is commented."""
    written = "\n".join(sql for _, sql in load_migrations())
    declared = set(re.findall(r"^CREATE TABLE (\w+)", written, re.MULTILINE))
    with open_reader(state) as db:
        assert tables(db) - {"sqlite_sequence"} == declared
        assert {
            row[0] for row in db.execute("SELECT name FROM pragma_table_list WHERE strict").fetchall()
        } == declared


def test_migrations_are_numbered_without_gaps_or_twins():
    """The number of the last one is the version of the schema."""
    numbers = [number for number, _ in load_migrations()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert newest_version() == len(numbers)


def test_the_database_says_whose_it_is_and_which_schema(state):
    """So that no other program's file is taken for it."""
    with open_reader(state) as db:
        assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert db.execute("PRAGMA user_version").fetchone() == (newest_version(),)


def test_a_migration_is_applied_after_a_backup(state, monkeypatch):
    """The backup is the whole database before, readable by its owner only, and can be opened."""
    add_migrations(monkeypatch, "CREATE TABLE more (a TEXT) STRICT;\nINSERT INTO more VALUES ('x');")
    before = os.umask(0)
    try:
        with open_store(state) as store:
            assert store.db.execute("SELECT a FROM more").fetchall() == [("x",)]
            assert load_setting(store.db, "installation") == "abc"
    finally:
        os.umask(before)
    (backup,) = (state / "backup").iterdir()
    assert re.fullmatch(rf"faced-{newest_version() - 1:04}-\d{{8}}-\d{{6}}\.db", backup.name)
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert stat.S_IMODE(backup.parent.stat().st_mode) == 0o700
    copy = sqlite3.connect(backup)
    try:
        assert copy.execute("SELECT value FROM settings WHERE key = 'installation'").fetchone() == ("abc",)
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert "more" not in tables(copy)
    finally:
        copy.close()


def test_a_new_or_current_database_needs_no_backup(state):
    """There is nothing to lose."""
    with open_store(state):
        pass
    assert not (state / "backup").exists()


def test_the_newest_backups_are_kept_and_unfinished_ones_cleared_away(state, monkeypatch):
    """Three; and a half-written one of a run that was killed is no backup."""
    (state / "backup").mkdir()
    for n in range(5):
        (state / "backup" / f"faced-0000-2020010{n}-000000.db").touch()
    (state / "backup" / "faced-0000-20200101-000000.partial").touch()
    (state / "backup" / "notes of the user.txt").touch()
    add_migrations(monkeypatch, "CREATE TABLE more (a TEXT) STRICT;")
    with open_store(state):
        pass
    left = sorted(path.name for path in (state / "backup").iterdir())
    assert left[:2] == ["faced-0000-20200103-000000.db", "faced-0000-20200104-000000.db"]
    assert left[2].startswith(f"faced-{newest_version() - 1:04}-")
    assert left[3:] == ["notes of the user.txt"]
    assert KEEP_BACKUPS == 3


def test_a_failing_migration_changes_nothing(state, monkeypatch):
    """Its first statements are undone with the last; the earlier migration of the same run stays."""
    add_migrations(
        monkeypatch,
        "CREATE TABLE good (a TEXT) STRICT;",
        "CREATE TABLE half (a TEXT) STRICT;\nINSERT INTO nowhere VALUES (1);",
    )
    with pytest.raises(StateError, match="no such table: nowhere"), open_store(state):
        pass
    monkeypatch.undo()
    add_migrations(monkeypatch, "CREATE TABLE good (a TEXT) STRICT;")
    with open_store(state) as store:
        assert "good" in tables(store.db)
        assert "half" not in tables(store.db)
        assert load_setting(store.db, "installation") == "abc"


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_newer_database_is_refused_and_untouched(state, mode):
    """Exit status 1 and one plain line; not a byte changes, for reading too."""
    connection = sqlite3.connect(state / DATABASE)
    connection.execute(f"PRAGMA journal_mode={mode}")
    connection.execute(f"PRAGMA user_version = {newest_version() + 1}")
    connection.close()
    before = digest(state)[DATABASE]
    for opener in (open_store, open_reader):
        with pytest.raises(StateError, match="written by a newer faced") as caught, opener(state):
            pass
        assert caught.value.exit_status == 1
        assert "\n" not in str(caught.value)
    assert digest(state)[DATABASE] == before
    assert not (state / "backup").exists()


def test_an_older_database_is_not_read_but_renewed(state, monkeypatch):
    """A reader cannot migrate; it says what to do."""
    add_migrations(monkeypatch, "CREATE TABLE more (a TEXT) STRICT;")
    monkeypatch.setattr("faced.store.database.newest_version", migrations.newest_version)
    with pytest.raises(StateError, match="run `faced sync` once"), open_reader(state):
        pass


def test_a_database_of_another_program_is_refused_and_untouched(tmp_path):
    """Somebody named the wrong folder."""
    tmp_path.chmod(0o700)
    connection = sqlite3.connect(tmp_path / DATABASE)
    connection.execute("CREATE TABLE theirs (a)")
    connection.commit()
    connection.close()
    before = digest(tmp_path)[DATABASE]
    for opener in (open_store, open_reader):
        with pytest.raises(StateError, match="not a database of faced"), opener(tmp_path):
            pass
    assert digest(tmp_path)[DATABASE] == before


def test_statements_are_split_as_sqlite_reads_them():
    """Semicolons in strings, comments and triggers end nothing; the last statement counts without one."""
    sql = (
        "-- a; comment\n"
        "CREATE TABLE a (b TEXT);\n"
        "INSERT INTO a VALUES ('x;\ny');\n"
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN\n DELETE FROM a;\n SELECT 1;\nEND;\n"
        "INSERT INTO a VALUES ('z')\n"
    )
    statements = list(split_statements(sql))
    assert len(statements) == 4
    connection = sqlite3.connect(":memory:")
    for statement in statements:
        connection.execute(statement)
    connection.close()
    assert list(split_statements("SELECT 1;\n\n")) == ["SELECT 1;\n"]
