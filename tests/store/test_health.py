"""A damaged database comes back with every word; what was damaged is kept; nothing is done that is not needed."""

import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from faced.errors import Damaged, StateError
from faced.model import Box, DetectedFace, EncodedPicture, EngineId, FileStamp, ImageKey, PhotoId, Place
from faced.store import health, soundness
from faced.store.backup import export_word, list_backups, list_exports, save_backup
from faced.store.base import load_base
from faced.store.database import CHECK, DATABASE, open_reader, open_store
from faced.store.faces import load_face_ids, load_faces
from faced.store.follow import is_adopting
from faced.store.health import DAMAGED, READY, check_health, is_check_due, mend, open_sound_store
from faced.store.jobs import Reading, count_jobs, ensure_engine, save_reading
from faced.store.journal import check_word
from faced.store.journal_file import JOURNAL, append_journal
from faced.store.notices import load_notices
from faced.store.photos import load_libraries, set_libraries
from faced.store.settings import load_setting, save_setting
from faced.store.tree import load_tree, save_tree
from faced.store.word import Word
from faced.store.word_tables import load_word
from tests.support.said import add_people, damage, lose_database, say, say_much
from tests.support.words import NOON, draft, face

REPOSITORY = Path(__file__).parents[2]
LONG = bool(os.environ.get("FACED_LONG"))
PLACE = Place(7, "/dev/sda1", "ext4", 12)


@pytest.fixture
def state(tmp_path):
    """A state folder with words, a library and a people folder, closed well."""
    folder = tmp_path / "state"
    with open_store(folder) as store:
        fill(store)
    return folder


def fill(store) -> Word:
    with store.write() as db:
        set_libraries(db, [b"/photos"], exact=True)
        save_tree(db, b"/people", PLACE, {"name_max": 255})
    say_much(store)
    say(store, *[draft("pin", 1 + number % 3, face(number)) for number in range(10, 60)])
    append_journal(store, NOON)
    return load_word(store.db)


def word_of(folder) -> Word:
    with open_store(folder) as store:
        return load_word(store.db)


def start(folder, now=NOON) -> Word:
    with open_sound_store(folder, now) as store:
        assert check_word(store.db) == []
        assert store.db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return load_word(store.db)


def ask_for_check(folder) -> None:
    (folder / CHECK).touch(mode=0o600)


def overwrite_journal_rows(folder) -> None:
    """An edit that is not what was written, in a database that SQLite finds in order."""
    connection = sqlite3.connect(folder / DATABASE)
    connection.execute("UPDATE edits SET line = replace(line, '\"Anna\"', '\"Eva!\"')")
    connection.commit()
    connection.close()


# ---- the word comes back ----


def test_random_damage_anywhere_costs_no_word(tmp_path):
    """After a stop that was none: names, pins, rejections and anchors are there, with and without a backup, and the
    damaged files are kept as they were."""
    with open_store(tmp_path / "state") as store:
        say_much(store)
        save_backup(store)
        word = fill(store)
        store.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with store.write() as db:
            save_setting(db, "last", "written")
        shutil.copytree(tmp_path / "state", tmp_path / "cut")  # what a power cut leaves
    seed = int(os.environ.get("FACED_SEED", time.time_ns() % 10**6))
    dice = random.Random(seed)
    rebuilt = 0
    for trial in range(200 if LONG else 20):
        folder = tmp_path / f"trial{trial}"
        shutil.copytree(tmp_path / "cut", folder)
        if trial % 2:
            shutil.rmtree(folder / "backup")
        for _ in range(dice.choice([1, 1, 1, 5])):
            damage(folder / DATABASE, dice, after=0, length=dice.choice([1, 16, 64, 4096]))
        before = (folder / DATABASE).read_bytes()
        assert start(folder) == word, f"seed {seed}, trial {trial}"
        assert not (folder / CHECK).exists()
        if (folder / DAMAGED).exists():
            rebuilt += 1
            with open_reader(folder) as db:
                assert is_adopting(db)
                assert len(load_notices(db, NOON)) == 1
            (kept,) = [path for path in (folder / DAMAGED).iterdir() if path.suffix == ".db"]
            # SQLite may have written into it what its log held, and how its head says it was closed.
            assert len(kept.read_bytes()) == len(before)
        assert start(folder) == word, f"seed {seed}, trial {trial}: again"
        shutil.rmtree(folder)
    assert rebuilt


def test_a_file_that_is_no_database_any_more(state):
    """All of it overwritten. It is set aside byte for byte, for its owner only."""
    word = word_of(state)
    content = b"this is no database at all\n" * 100
    (state / DATABASE).write_bytes(content)
    assert start(state) == word
    (kept,) = (state / DAMAGED).iterdir()
    assert (kept.name, kept.read_bytes()) == ("faced-20261124-120000.db", content)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE((state / DAMAGED).stat().st_mode) == 0o700
    assert stat.S_IMODE((state / DATABASE).stat().st_mode) == 0o600


def test_nothing_that_was_set_aside_is_overwritten(state):
    """Twice in one second."""
    for _ in range(2):
        (state / DATABASE).write_bytes(b"no database\n" * 100)
        start(state)
    names = sorted(path.name for path in (state / DAMAGED).iterdir())
    assert names == ["faced-20261124-120000-2.db", "faced-20261124-120000.db"]


def test_a_damaged_head_is_told_from_a_foreign_database(state, tmp_path):
    """Our journal lies beside the one; the other is left as it is."""
    word = word_of(state)
    with (state / DATABASE).open("r+b") as file:
        file.seek(68)  # application_id
        file.write(b"\xde\xad\xbe\xef")
    assert start(state) == word
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    connection = sqlite3.connect(other / DATABASE)
    connection.execute("CREATE TABLE theirs (a)")
    connection.commit()
    connection.close()
    before = (other / DATABASE).read_bytes()
    with pytest.raises(StateError, match="not a database of faced"), open_sound_store(other, NOON):
        pass
    assert (other / DATABASE).read_bytes() == before


def test_a_newer_database_is_not_taken_for_a_damaged_one(state):
    """But a number that no faced will ever have is."""
    word = word_of(state)
    for version in (999, 2**31 - 1):
        connection = sqlite3.connect(state / DATABASE)
        connection.execute(f"PRAGMA user_version = {version}")
        connection.close()
        if version == 999:
            with pytest.raises(StateError, match="newer faced"), open_sound_store(state, NOON):
                pass
    assert start(state) == word
    assert (state / DAMAGED).exists()


def test_the_newest_sound_backup_is_taken(state):
    """Not a damaged one; what was said since comes from the journal, what cannot be said is in the backup."""
    with open_store(state) as store:
        with store.write() as db:
            save_setting(db, "only here", "1")
        good = save_backup(store)
        (state / "backup" / "faced-0002-20991231-000000.db").write_bytes(b"damaged\n" * 1000)
        say(store, draft("name", 6, value="Late"))
        append_journal(store, NOON)
        word = load_word(store.db)
    overwrite_journal_rows(state)
    ask_for_check(state)
    assert start(state) == word
    with open_reader(state) as db:
        assert load_setting(db, "only here") == "1"
        (notice,) = load_notices(db, NOON)
        assert f"its backup {good.name} and the journal" in notice.text
        assert str(state / DAMAGED) in notice.text
        assert load_notices(db, NOON + timedelta(days=31)) == ()
        assert is_adopting(db)
        assert load_tree(db).place == PLACE
        assert load_base(db).folders == ()


def test_without_a_backup_places_are_remembered(state):
    """Libraries and people folder are read from the damaged database, as far as that is possible."""
    word = word_of(state)
    overwrite_journal_rows(state)
    ask_for_check(state)
    assert start(state) == word
    with open_reader(state) as db:
        assert [library.root for library in load_libraries(db)] == [b"/photos"]
        assert load_tree(db).root == b"/people"
        assert load_tree(db).place == PLACE
        assert "all photos are read again" in load_notices(db, NOON)[0].text


def test_an_edit_that_only_the_damaged_database_has(state):
    """It was not yet in the file when the power went."""
    with open_store(state) as store:
        add_people(store, 1)
        say(store, draft("name", 7, value="Only here"))
        word = load_word(store.db)
    connection = sqlite3.connect(state / DATABASE)
    connection.execute("UPDATE edits SET crc = crc + 1 WHERE kind = 'hide'")
    connection.commit()
    connection.close()
    ask_for_check(state)
    assert start(state) == word
    assert word.person(7).name == "Only here"
    assert "Only here" in (state / JOURNAL).read_text()


def test_journal_and_database_lost_at_once(state):
    """The newest export that can be read says it all."""
    with open_store(state) as store:
        export_word(store, NOON)
        word = load_word(store.db)
        installation = load_setting(store.db, "installation")
    (state / "backup" / "word-20991231.jsonl").write_text("torn")
    (state / JOURNAL).unlink()
    (state / DATABASE).write_bytes(b"no database\n" * 100)
    assert start(state) == word
    assert word.persons
    assert word.pins
    assert word.rejections
    with open_reader(state) as db:
        assert load_setting(db, "installation") == installation


def test_lost_without_damage(state):
    """A database that is not there at all: as ever."""
    word = word_of(state)
    lose_database(state)
    assert start(state) == word
    assert not (state / DAMAGED).exists()


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_killed_while_it_is_made_anew(state, tmp_path):
    """kill -9 at each of its renames: the next start has every word, and the damaged database is kept."""
    word = word_of(state)
    overwrite_journal_rows(state)
    ask_for_check(state)
    program = (
        "import sys, pathlib; from faced.store.health import open_sound_store; from tests.support.words import NOON\n"
        "with open_sound_store(pathlib.Path(sys.argv[1]), NOON): pass"
    )
    for number in range(1, 10):
        folder = tmp_path / f"killed{number}"
        shutil.copytree(state, folder)
        done = subprocess.run(
            [
                *("strace", "-f", "-o", "/dev/null", "-e", "trace=rename,renameat2"),
                *("-e", f"inject=rename,renameat2:signal=KILL:when={number}"),
                *(sys.executable, "-B", "-c", program, folder),
            ],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
        )
        if "ptrace" in done.stderr.lower():
            pytest.skip("strace may not trace here")
        assert done.returncode in (0, -9, 137), done.stderr
        assert start(folder) == word
        assert [path for path in (folder / DAMAGED).iterdir() if path.suffix == ".db"]
        assert not (folder / READY).exists() or (folder / DATABASE).exists()
        if done.returncode == 0:
            break
    assert number > 2


# ---- when it is looked into ----


def test_after_a_clean_stop_nothing_is_looked_into(state, monkeypatch):
    """Nor beside another one; but once a week, and after a kill."""
    looked = []
    real = soundness.find_damage
    monkeypatch.setattr(health, "find_damage", lambda db: (looked.append(1), real(db))[1])
    start(state)
    assert looked == [1]  # the first time
    start(state)
    start(state, NOON + timedelta(days=6))
    assert looked == [1]
    start(state, NOON + timedelta(days=8))
    assert looked == [1, 1]
    killed = start_writer(state)
    with open_sound_store(state, NOON + timedelta(days=8)):
        assert looked == [1, 1]
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    start(state, NOON + timedelta(days=8))
    assert looked == [1, 1, 1]
    start(state, NOON + timedelta(days=8))
    assert looked == [1, 1, 1]


def start_writer(folder):
    program = (
        "import sys, pathlib; from faced.store.database import open_store; from faced.store.settings import *\n"
        "with open_store(pathlib.Path(sys.argv[1])) as store:\n"
        "    with store.write() as db: save_setting(db, 'a', 'b')\n"
        "    print('ready', flush=True); sys.stdin.read()"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", program, folder],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout.readline() == "ready\n"
    return writer


def test_damage_beside_another_process_is_left_to_the_next_start(state):
    """Its files are not taken from under it; then everything comes back."""
    word = word_of(state)
    other = start_writer(state)
    connection = sqlite3.connect(state / DATABASE)
    connection.execute("UPDATE edits SET line = replace(line, '\"Anna\"', '\"Eva!\"')")
    connection.commit()
    connection.close()
    (state / JOURNAL).write_bytes((state / JOURNAL).read_bytes() + b"torn")  # so that it is compared
    with pytest.raises(Damaged, match="another faced has it open"), open_sound_store(state, NOON):
        pass
    assert (state / CHECK).exists()
    assert not (state / DAMAGED).exists()
    other.communicate("")
    assert start(state) == word
    assert not (state / CHECK).exists()


def test_damage_that_is_met_is_looked_into_by_the_next_start(state):
    """In a store or a reader, by SQLite or by a checksum."""
    word = word_of(state)
    overwrite_journal_rows(state)
    for opener in (open_store, open_reader):
        with pytest.raises(Damaged), opener(state):
            raise Damaged("met")
        assert (state / CHECK).exists()
        (state / CHECK).unlink()
    with open_store(state) as store, pytest.raises(Damaged, match="start faced again"):
        check_health(store, NOON)
    ask_for_check(state)
    assert start(state) == word


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM sqlite_sequence WHERE name = 'persons'",
        "UPDATE settings SET value = 'someone' WHERE key = 'installation'",
        "DROP INDEX pins_gone",
        "DROP TABLE became",
        "PRAGMA foreign_keys = OFF; DELETE FROM persons WHERE id = 1",
        "DROP TABLE settings",
    ],
)
def test_what_is_damage_though_sqlite_is_content(state, sql):
    """Anything that would make ids be given twice, the journal be refused, or a query fail."""
    word = word_of(state)
    connection = sqlite3.connect(state / DATABASE)
    connection.executescript(sql.replace("pins_gone", "edits_kind"))
    connection.close()
    ask_for_check(state)
    assert start(state) == word
    assert (state / DAMAGED).exists()


def test_a_check_is_due_once_a_week(state):
    """Also when the clock went back or the setting makes no sense."""
    start(state)
    with open_store(state) as store:
        assert not is_check_due(store.db, NOON)
        assert not is_check_due(store.db, NOON + timedelta(days=6))
        assert is_check_due(store.db, NOON + timedelta(days=7))
        assert is_check_due(store.db, NOON - timedelta(days=1))
        with store.write() as db:
            save_setting(db, "health.checked", "yesterday")
        assert is_check_due(store.db, NOON)


# ---- mended in place ----


def test_tables_of_the_word_are_mended_in_place(state):
    """By what the journal says, even where they hold what cannot be read."""
    word = word_of(state)
    connection = sqlite3.connect(state / DATABASE)
    connection.execute("UPDATE person_words SET name = x'fffe' WHERE person = 1")
    connection.execute("DELETE FROM pins")
    connection.commit()
    connection.close()
    ask_for_check(state)
    assert start(state) == word
    assert not (state / DAMAGED).exists()


def test_a_damaged_embedding_is_encoded_again(state):
    """The image counts as not encoded; its other faces and those of other images stay whose they are."""
    with open_store(state) as store:
        engine = put_faces(store)
        assert (len(load_face_ids(store.db, engine)), count_jobs(store.db, engine)) == (4, 0)
        with store.write() as db:
            db.execute("UPDATE faces SET embedding = zeroblob(512) WHERE id = 1")
            db.execute("INSERT INTO owners (face, person, why) VALUES (2, 1, 'looks')")
        with pytest.raises(Damaged, match="face 1 "):
            load_faces(store.db, engine)
        mend(store)
        assert count_jobs(store.db, engine) == 1
        assert load_faces(store.db, engine).ids.tolist() == [3, 4]
        assert store.db.execute("SELECT face FROM owners").fetchall() == [(2,)]


def put_faces(store) -> EngineId:
    import numpy as np

    stamp = FileStamp(1, 1, 1, 1)
    with store.write() as db:
        db.execute("UPDATE libraries SET online = 1")
        engine = ensure_engine(db, "engine", "{}")
        (library,) = db.execute("SELECT id FROM libraries").fetchone()
        for number in (1, 2):
            db.execute(
                "INSERT INTO photos (id, library, path, size, mtime_ns, ctime_ns, ino, found, stale)"
                " VALUES (?, ?, ?, 1, 1, 1, 1, 1, 1)",
                [number, library, b"%d.jpg" % number],
            )
            faces = tuple(
                DetectedFace(
                    Box(0.1 * k, 0.1, 0.1, 0.1),
                    np.zeros((5, 2), np.float32),
                    1.0,
                    90.0,
                    0.1,
                    np.full(128, k + number, np.float32),
                )
                for k in range(2)
            )
            picture = EncodedPicture("JPEG", 100, 100, 1, None, number, faces)
            reading = Reading(PhotoId(number), stamp, ImageKey(f"b1:{number:032x}"), picture)
            assert save_reading(db, engine, reading, lambda before, after: ())
    return engine


def test_everybody_still_finds_exports_and_backups(state):
    """Making the database anew throws no copy away."""
    with open_store(state) as store:
        save_backup(store)
        export_word(store, NOON)
    (state / DATABASE).write_bytes(b"no database\n" * 100)
    start(state)
    assert len(list_backups(state)) == len(list_exports(state)) == 1
