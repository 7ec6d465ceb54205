"""Copies beside the database: the word for people and programs, the whole database, and when they are made."""

import json
import os
import sqlite3
import stat
import subprocess
from datetime import timedelta

import pytest

from faced.errors import Damaged, StorageFull
from faced.store.backup import (
    KEEP_EXPORTS,
    export_word,
    list_backups,
    list_exports,
    read_export,
    restore_export,
    save_backup,
)
from faced.store.database import open_store
from faced.store.journal import check_word, last_edit
from faced.store.notices import add_notice, load_notices
from faced.store.settings import load_setting, save_setting
from faced.store.upkeep import is_due, run_daily
from faced.store.word_tables import load_word
from tests.support.rerun import in_mount_namespace
from tests.support.said import say, say_much
from tests.support.words import NOON, draft, face

DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path):
    """Something of every kind was said."""
    with open_store(tmp_path / "state") as store:
        say_much(store)
        yield store


# ---- the word ----


def test_an_export_says_everything_in_plain_lines(store):
    """Names and all else by person, faces by image and box; for its owner only, whatever the umask."""
    before = os.umask(0)
    try:
        path = export_word(store, NOON)
    finally:
        os.umask(before)
    assert path == store.folder / "backup" / "word-20261124.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    header, *lines = [json.loads(line) for line in path.read_text("ascii").splitlines()]
    assert header == {
        "v": 1,
        "kind": "word",
        "installation": load_setting(store.db, "installation"),
        "time": "2026-11-24T12:00:00.000Z",
        "edit": last_edit(store.db),
    }
    assert {
        "kind": "person",
        "person": 1,
        "name": "Anna",
        "born": None,
        "place": "Family/Om\udce4",
        "hidden": False,
        "merged_into": None,
    } in lines
    box = face(4).box
    assert {
        "kind": "reject",
        "person": 2,
        "image": face(4).image,
        "box": [box.left, box.top, box.width, box.height],
    } in lines
    assert {line["kind"] for line in lines} == {"person", "pin", "reject", "anchor"}


def test_an_export_brings_the_word_back(store, tmp_path):
    """All of it, merges and names that are no UTF-8 too; so a second export says the same."""
    export = read_export(export_word(store, NOON))
    with open_store(tmp_path / "other") as other:
        with other.write() as db:
            assert restore_export(db, export, NOON) == len(export.drafts)
        assert load_word(other.db) == load_word(store.db)
        assert check_word(other.db) == []
        assert load_setting(other.db, "installation") == export.installation
        again = export_word(other, NOON)
        first = list_exports(store.folder)[0]
        assert again.read_text().splitlines()[1:] == first.read_text().splitlines()[1:]


def test_nothing_said_nothing_exported(store, tmp_path):
    """Neither at first nor when the newest one is up to date."""
    with open_store(tmp_path / "empty") as empty:
        assert export_word(empty, NOON) is None
    assert export_word(store, NOON)
    assert export_word(store, NOON + DAY) is None
    say(store, draft("name", 2, value="Otto"))
    assert export_word(store, NOON + DAY).name == "word-20261125.jsonl"


def test_seven_exports_are_kept(store):
    """The newest; files of the user stay."""
    (store.folder / "backup").mkdir(mode=0o700)
    (store.folder / "backup" / "word-of-mine.jsonl").touch()
    for number in range(10):
        say(store, draft("name", 2, value=f"N{number}"))
        assert export_word(store, NOON + number * DAY)
    names = [path.name for path in list_exports(store.folder)]
    assert len(names) == KEEP_EXPORTS
    assert names[0] == "word-20261203.jsonl"
    assert (store.folder / "backup" / "word-of-mine.jsonl").exists()


@pytest.mark.parametrize(
    "spoil", [b"", b"{}\n", b"\xff\n", b'{"kind":"word","v":1}\n', b'{"kind":"word","v":2}\n']
)
def test_an_export_that_cannot_be_read_is_none(store, spoil):
    """And is not in the way of the next."""
    path = export_word(store, NOON)
    whole = path.read_bytes()
    path.write_bytes(spoil)
    assert read_export(path) is None
    path.write_bytes(whole[:-20])
    assert read_export(path) is None
    assert export_word(store, NOON + DAY) is None  # how far it had come is known
    path.write_bytes(spoil)
    assert export_word(store, NOON + DAY)


# ---- the database ----


def test_a_backup_is_the_whole_database_while_it_is_used(store):
    """Private, sound, made beside an open store; what is written afterwards is not in it."""
    path = save_backup(store)
    with store.write() as db:
        save_setting(db, "later", "1")
    copy = sqlite3.connect(path)
    try:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT count(*) FROM edits").fetchone()[0] > 5
        assert load_setting(copy, "later") is None
    finally:
        copy.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list_backups(store.folder) == [path]
    assert load_setting(store.db, "later") == "1"


def fill(path):
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


@in_mount_namespace
def test_a_full_disk_costs_the_copies_only(tmp_path):
    """Nothing half-written stays, the store goes on, and the next call makes them."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", disk], check=True)
    with open_store(disk / "state") as store:
        say_much(store)
        with pytest.raises(OSError, match="No space"):
            fill(disk / "filler")
        for copy in (
            lambda: save_backup(store),
            lambda: export_word(store, NOON),
            lambda: run_daily(store, NOON),
        ):
            with pytest.raises(StorageFull, match="is full"):
                copy()
        assert list((disk / "state").rglob("*.partial")) == []
        (disk / "filler").unlink()
        assert len(run_daily(store, NOON)) == 2


# ---- when ----


def test_once_a_day_and_once_a_week(store):
    """The first time both; later the word each day on which something was said, the database each week."""
    written = {}
    for number in range(15):
        now = NOON + number * DAY
        if number in (3, 8):
            say(store, draft("name", 2, value=f"N{number}"))
        assert is_due(store.db, now)
        written[number] = sorted(path.suffix for path in run_daily(store, now))
        assert not is_due(store.db, now)
        assert run_daily(store, now) == []
    assert {number: what for number, what in written.items() if what} == {
        0: [".db", ".jsonl"],
        3: [".jsonl"],
        7: [".db"],
        8: [".jsonl"],
        14: [".db"],
    }


def test_a_damaged_database_pushes_no_backup_out(store):
    """It is looked into first."""
    good = [save_backup(store)]
    with store.write() as db:
        db.execute("UPDATE edits SET crc = crc + 1 WHERE kind = 'hide'")
    with pytest.raises(Damaged):
        run_daily(store, NOON)
    assert list_backups(store.folder) == good
    assert is_due(store.db, NOON)


def test_a_setting_that_makes_no_sense_makes_it_due(store):
    """So that copies are made at all."""
    with store.write() as db:
        save_setting(db, "upkeep.week", "soon")
    assert len(run_daily(store, NOON)) == 2


# ---- notices ----


def test_the_latest_notices_are_told(store):
    """Five, for thirty days; a setting that makes no sense is none."""
    with store.write() as db:
        for number in range(7):
            add_notice(db, f"text {number}", NOON + number * DAY)
    assert [notice.text for notice in load_notices(store.db, NOON + 7 * DAY)] == [
        f"text {number}" for number in range(2, 7)
    ]
    assert [notice.text for notice in load_notices(store.db, NOON + 35 * DAY)] == ["text 6"]
    with store.write() as db:
        save_setting(db, "notices", "{]")
    assert load_notices(store.db, NOON) == ()
    with store.write() as db:
        add_notice(db, "again", NOON)
    assert [notice.text for notice in load_notices(store.db, NOON)] == ["again"]
