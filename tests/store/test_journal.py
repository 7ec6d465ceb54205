"""The journal in the database and beside it: whatever is lost, names, pins and rejections come back."""

import errno
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from faced.errors import StateError, StorageFull
from faced.model import EngineId, PersonId
from faced.store import journal_file
from faced.store.database import DATABASE, open_reader, open_store
from faced.store.edit_lines import from_line, read_lines
from faced.store.journal import check_word, last_edit, load_edits, load_lines, load_log, rebuild_word
from faced.store.journal_file import JOURNAL, TORN, JournalReport, append_journal, restore_journal
from faced.store.migrations import load_migrations
from faced.store.persons import add_persons, load_names, load_person_rows
from faced.store.settings import load_setting, read_installation
from faced.store.undo import undo_gesture, undo_last
from faced.store.word import PersonWord, Word, fold
from faced.store.word_tables import load_word
from tests.support.said import add_people, damage, lose_database, say, say_much
from tests.support.words import NOON, draft, face, spot

LONG = bool(os.environ.get("FACED_LONG"))


@pytest.fixture
def state(tmp_path):
    """A state folder to be."""
    return tmp_path / "state"


@pytest.fixture
def store(state):
    """An empty store."""
    with open_store(state) as store:
        yield store


def recover(state: Path, *, is_damaged: bool = False) -> Word:
    """What a start makes of the state folder. is_damaged: by more than what is noticed."""
    with open_store(state) as store:
        report = append_journal(store, NOON)
        if report.ahead:
            restore_journal(store, report.ahead)
            assert not append_journal(store, NOON).ahead
        assert is_damaged or check_word(store.db) == []
        return load_word(store.db)


# ---- in the database ----


def test_edits_are_written_with_what_they_replaced(store):
    """A name before the name, the person that a face was said to be, a hidden one before it was shown."""
    add_people(store, 3)
    say(store, draft("name", 1, value="Anna"))
    say(store, draft("pin", 1, face(1)))
    edits = say(
        store,
        draft("name", 1, value="Änne"),
        draft("name", 1),
        draft("pin", 2, face(1), face(2)),
        draft("reject", 2, face(1)),
        draft("anchor", 2, face(3)),
        draft("anchor", 1, face(3)),
        draft("hide", 3),
        draft("show", 3),
        draft("place", 3, value="a/\udcff"),
        draft("place", 3, value="b"),
        draft("born", 3, value=2001),
        draft("merge", 1, value=2),
    )
    replaced = [edit.replaced for edit in edits]
    assert replaced == ["Anna", "Änne", [1, None], [2], None, [2], False, True, None, "a/\udcff", None, None]
    assert load_edits(store.db)[-len(edits) :] == edits


def test_nothing_said_writes_nothing(store):
    """No drafts, no books, no file line."""
    assert say(store) == []
    assert load_edits(store.db) == []


def test_a_draft_that_is_no_edit_is_refused_whole(store):
    """The transaction of the caller rolls back what was before it."""
    add_people(store, 1)
    with pytest.raises(ValueError, match="no proper edit"):
        say(store, draft("name", 1, value="Anna"), draft("name", 1, value=""))
    with pytest.raises(ValueError, match="does not know"):
        say(store, draft("frobnicate", 1))
    with pytest.raises(sqlite3.IntegrityError):
        say(store, draft("name", 77, value="Anna"))
    assert load_edits(store.db) == []
    assert load_word(store.db) == Word()


def test_the_books_are_kept(store):
    """Who this is comes first; the highest person id is noted once for each time that it grows."""
    add_people(store, 3)
    say(store, draft("name", 1, value="Anna"))
    say(store, draft("name", 2, value="Ben"))
    add_people(store, 4)
    append_journal(store, NOON)
    append_journal(store, NOON)
    kinds = [(edit.kind, edit.value) for edit in load_edits(store.db)]
    assert kinds == [
        ("begin", read_installation(store.db)),
        ("persons", 3),
        ("name", "Anna"),
        ("name", "Ben"),
        ("persons", 7),
    ]


def test_the_end_of_the_journal_is_known_at_once(store):
    """A number that grows with every edit, an undo too, and with nothing else."""
    assert last_edit(store.db) == 0
    add_people(store, 1)
    say(store, draft("name", 1, value="Anna"))
    first = last_edit(store.db)
    assert first == int(load_edits(store.db)[-1].id[:12])
    say(store)
    assert last_edit(store.db) == first
    with store.write() as db:
        undo_last(db, time=NOON)
    assert last_edit(store.db) == first + 1


def test_one_gesture_is_undone_together(store):
    """Undo, further back, and the undo undone."""
    add_people(store, 2)
    say(store, draft("pin", 1, face(1)))
    say(store, draft("pin", 2, face(1)), draft("reject", 1, face(1)), draft("name", 2, value="Ben"))
    word = load_word(store.db)
    with store.write() as db:
        undos = undo_last(db, time=NOON)
    assert [undo.kind for undo in undos] == ["undo"] * 3
    assert load_word(store.db) == Word(pins={spot(1): PersonId(1)})
    with store.write() as db:
        assert len(undo_last(db, time=NOON)) == 1
        assert undo_last(db, 5, time=NOON) == []
    assert load_word(store.db) == Word()
    with store.write() as db:
        undo_gesture(db, undos[1].id, time=NOON)
    assert load_word(store.db) == word


def test_undoing_several_gestures_at_once(store):
    """The last two of three; gestures that were undone before are not counted."""
    add_people(store, 3)
    for person in (1, 2, 3):
        say(store, draft("name", person, value=f"N{person}"))
    with store.write() as db:
        undo_last(db, time=NOON)
        undo_last(db, 2, time=NOON)
    assert load_word(store.db).persons == {}
    assert load_edits(store.db)[0].kind == "begin"


def test_the_log_shows_the_last_first(store):
    """What does not count any more is marked, and faced's own books are not shown."""
    add_people(store, 1)
    say(store, draft("name", 1, value="Anna"))
    say(store, draft("hide", 1))
    with store.write() as db:
        undo_last(db, time=NOON)
    log = [(entry.edit.kind, entry.undone) for entry in load_log(store.db)]
    assert log == [("undo", False), ("hide", True), ("name", False)]
    assert len(load_log(store.db, 2)) == 2


def test_the_tables_can_be_made_anew(store):
    """Emptied or falsified, they are noticed and come back as they were."""
    word = say_much(store)
    with store.write() as db:
        db.execute("DELETE FROM pins")
        db.execute("UPDATE person_words SET name = CAST('Eve' AS BLOB)")
        db.execute("UPDATE anchors SET person = 6")
        db.execute("DELETE FROM rejections WHERE person = 2")
    assert check_word(store.db) == ["person_words", "pins", "rejections", "anchors"]
    with store.write() as db:
        rebuild_word(db)
    assert check_word(store.db) == []
    assert load_word(store.db) == word


def test_names_are_read_where_persons_are_listed(store):
    """Names that are no UTF-8 too; one who was merged has none."""
    add_people(store, 3)
    say(
        store, draft("name", 1, value="Om\udce4"), draft("name", 2, value="Ben"), draft("name", 3, value="Al")
    )
    say(store, draft("merge", 2, value=1))
    assert load_names(store.db) == {1: "Om\udce4", 3: "Al"}
    rows = load_person_rows(store.db, EngineId(1))
    assert [(row.id, row.name) for row in rows] == [(1, "Om\udce4"), (3, "Al")]


def test_an_older_database_is_migrated_with_its_persons(state):
    """Of the first schema, where persons had a name that nothing wrote."""
    with open_store(state):
        pass
    lose_database(state)
    connection = sqlite3.connect(state / DATABASE)
    connection.executescript(load_migrations()[0][1])
    connection.executescript("PRAGMA application_id = 0x66616365; PRAGMA user_version = 1;")
    connection.execute("INSERT INTO persons (name) VALUES (NULL), (NULL)")
    connection.commit()
    connection.close()
    with open_store(state) as store:
        say(store, draft("name", 2, value="Ben"))
        assert load_names(store.db) == {2: "Ben"}
        with store.write() as db:
            assert add_persons(db, 1) == [3]


# ---- the file ----


def test_the_file_is_the_journal_line_by_line(store, state):
    """Private, in the order of the database, and the same after writing it again."""
    say_much(store)
    path = state / JOURNAL
    content = path.read_bytes()
    assert content.decode("ascii").splitlines() == [line for _, line in load_lines(store.db)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert append_journal(store, NOON) == JournalReport()
    assert path.read_bytes() == content


def test_the_file_is_only_appended_to(store, state):
    """Each gesture adds its lines; nothing before them is written again."""
    say_much(store)
    before, inode = (state / JOURNAL).read_bytes(), (state / JOURNAL).stat().st_ino
    say(store, draft("name", 2, value="Otto"), draft("hide", 2))
    assert append_journal(store, NOON).appended == 2
    assert (state / JOURNAL).read_bytes().startswith(before)
    assert (state / JOURNAL).stat().st_ino == inode


def test_a_file_that_was_deleted_is_written_again(store, state):
    """From the database, whole."""
    say_much(store)
    content = (state / JOURNAL).read_bytes()
    (state / JOURNAL).unlink()
    assert append_journal(store, NOON).appended == len(content.splitlines())
    assert (state / JOURNAL).read_bytes() == content


def test_a_torn_tail_is_repaired_wherever_it_was_torn(store, state):
    """A power cut at any byte of what was written last; the torn bytes are kept aside."""
    say_much(store)
    whole = (state / JOURNAL).read_bytes()
    start = whole.rindex(b"\n", 0, -1) + 1
    for length in range(start, len(whole), 1 if LONG else 7):
        (state / JOURNAL).write_bytes(whole[:length])
        (state / TORN).unlink(missing_ok=True)
        report = append_journal(store, NOON)
        assert (report.appended, report.torn) == (1, length - start)
        assert (state / JOURNAL).read_bytes() == whole
        if length > start:
            assert (state / TORN).read_bytes() == whole[start:length] + b"\n"


def test_zeros_and_garbage_in_the_file_are_set_aside(store, state):
    """What a file system leaves after a power cut, in the middle and at the end."""
    say_much(store)
    whole = (state / JOURNAL).read_bytes()
    lines = whole.splitlines(keepends=True)
    for damaged in (
        whole + b"\0" * 4096,
        b"".join([*lines[:3], b"\0\xff{garbage\n", *lines[3:]]),
        b"".join([*lines[:2], *lines[3:]]),
        b"".join(reversed(lines)),
        whole.replace(b"\n", b"\r\n"),
        whole + whole,
    ):
        (state / JOURNAL).write_bytes(damaged)
        if b"\r" in damaged:
            with pytest.raises(StateError, match="not the same"):
                append_journal(store, NOON)
            continue
        append_journal(store, NOON)
        assert (state / JOURNAL).read_bytes() == whole
    assert stat.S_IMODE((state / TORN).stat().st_mode) == 0o600


def test_a_full_disk_leaves_the_file_as_it_was(store, state, monkeypatch):
    """Half of a line is not left behind, the word is in the database, and the file catches up."""
    say_much(store)
    before = (state / JOURNAL).read_bytes()
    say(store, draft("name", 2, value="Otto"))
    write = os.write

    def fill(handle, content):
        if len(content) < 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, content[:10])

    with monkeypatch.context() as patch:
        patch.setattr(journal_file.os, "write", fill)
        patch.setattr(journal_file.os, "fsync", lambda handle: fill(handle, b""))
        with pytest.raises(StorageFull, match=r"the disk of .* is full"):
            append_journal(store, NOON)
    assert (state / JOURNAL).read_bytes() == before
    assert append_journal(store, NOON).appended == 1
    assert load_names(store.db)[PersonId(2)] == "Otto"


def test_a_link_in_place_of_the_file_is_not_followed(store, state, tmp_path):
    """Nothing outside the state folder is written."""
    add_people(store, 1)
    (tmp_path / "other").write_bytes(b"")
    (state / JOURNAL).symlink_to(tmp_path / "other")
    with pytest.raises(StateError, match="cannot be written"):
        append_journal(store, NOON)
    assert (tmp_path / "other").read_bytes() == b""


def test_the_file_of_another_installation_is_refused(store, state, tmp_path):
    """Neither side is changed."""
    say_much(store)
    with open_store(tmp_path / "other") as other:
        say_much(other)
        foreign = (tmp_path / "other" / JOURNAL).read_bytes()
    (state / JOURNAL).write_bytes(foreign)
    word = load_word(store.db)
    with pytest.raises(StateError, match="another installation"):
        append_journal(store, NOON)
    with pytest.raises(StateError, match="another installation"):
        restore_journal(store, foreign.decode().splitlines())
    assert (state / JOURNAL).read_bytes() == foreign
    assert load_word(store.db) == word


def test_a_line_that_contradicts_the_database_is_not_decided(store, state):
    """One of the two is damaged, and which one nobody knows."""
    say_much(store)
    changed = (state / JOURNAL).read_bytes().replace(b'"Anna"', b'"Anne"')
    (state / JOURNAL).write_bytes(changed)
    with pytest.raises(StateError, match="not the same"):
        append_journal(store, NOON)
    assert (state / JOURNAL).read_bytes() == changed


# ---- the database lost ----


def test_the_word_comes_back_from_the_file(state):
    """Database lost: names, pins, rejections, anchors, the installation's id; the file is unchanged by it."""
    with open_store(state) as store:
        word, edits = say_much(store), load_edits(store.db)
        installation = read_installation(store.db)
    content = (state / JOURNAL).read_bytes()
    lose_database(state)
    with open_store(state) as store:
        report = append_journal(store, NOON)
        assert report.appended == 0
        restored = restore_journal(store, report.ahead)
        assert (restored.edits, restored.warnings) == (len(edits), ())
        assert append_journal(store, NOON) == JournalReport()
        assert load_word(store.db) == word != Word()
        assert load_edits(store.db) == edits
        assert load_setting(store.db, "installation") == installation
        assert check_word(store.db) == []
    assert (state / JOURNAL).read_bytes() == content


def test_a_person_id_is_not_given_again_after_a_loss(state):
    """Not even the id of one about whom nothing was said, but whose folder was seen."""
    with open_store(state) as store:
        say_much(store)
        add_people(store, 30)
        append_journal(store, NOON)
    lose_database(state)
    recover(state)
    with open_store(state) as store, store.write() as db:
        assert add_persons(db, 2) == [37, 38]


def test_ids_of_edits_go_on_after_a_loss(state):
    """What is said after it comes after what was said before it."""
    with open_store(state) as store:
        say_much(store)
    lose_database(state)
    recover(state)
    with open_store(state) as store:
        say(store, draft("name", 1, value="Zoë"))
        append_journal(store, NOON)
        assert load_names(store.db)[PersonId(1)] == "Zoë"
        assert [edit.id for edit in load_edits(store.db)] == sorted(edit.id for edit in load_edits(store.db))


def test_an_older_database_learns_what_the_file_knows(state, tmp_path):
    """A backup of the database was put back."""
    with open_store(state) as store:
        say_much(store)
    shutil.copy(state / DATABASE, tmp_path / "backup.db")
    with open_store(state) as store:
        say(store, draft("name", 2, value="Otto"))
        add_people(store, 3)
        say(store, draft("name", 9, value="Last"))
        append_journal(store, NOON)
        word = load_word(store.db)
    content = (state / JOURNAL).read_bytes()
    lose_database(state)
    shutil.copy(tmp_path / "backup.db", state / DATABASE)
    assert recover(state) == word
    assert (state / JOURNAL).read_bytes() == content


def test_a_database_that_went_its_own_way_and_the_file_are_joined(state, tmp_path):
    """Edits that only the one, and edits that only the other knows: all of them count, in their order."""
    with open_store(state) as store:
        say_much(store)
    shutil.copy(state / DATABASE, tmp_path / "backup.db")
    with open_store(state) as store:
        say(store, draft("name", 2, value="Otto"))
        append_journal(store, NOON)
    lose_database(state)
    shutil.copy(tmp_path / "backup.db", state / DATABASE)
    with open_store(state) as store:
        say(store, draft("hide", 6))
    word = recover(state)
    assert (word.person(2).name, word.person(6).hidden) == ("Otto", True)
    with open_store(state) as store:
        lines = [line for _, line in load_lines(store.db)]
    assert (state / JOURNAL).read_text().splitlines() == lines


def test_unknown_kinds_survive_the_way_there_and_back(state):
    """A newer faced wrote them; this one keeps them, says so, and never loses them."""
    with open_store(state) as store:
        word = say_much(store)
        last = load_lines(store.db)[-1][0]
    number = int(last[:12])
    strange = f'{{"v":1,"id":"{number + 1:012}-00000000000a","time":"t","origin":"o","kind":"sing","person":null,"faces":[],"value":{{"a":[1]}},"replaced":null,"undoes":null,"key":"C"}}'
    newer = (
        f'{{"kind":"name", "v":9, "id":"{number + 2:012}-00000000000a", "time":"t", "origin":"o", "who":[]}}'
    )
    with (state / JOURNAL).open("a") as file:
        file.write(f"{strange}\n{newer}\nnot a line\n")
    lose_database(state)
    with open_store(state) as store:
        restored = restore_journal(store, append_journal(store, NOON).ahead)
        assert len(restored.warnings) == 2
        assert "'sing'" in restored.warnings[0]
        assert "newer faced" in restored.warnings[1]
        assert append_journal(store, NOON).torn > 0
        assert load_word(store.db) == word
        say(store, draft("hide", 2))
        append_journal(store, NOON)
    assert (state / TORN).read_bytes() == b"not a line\n\n"
    lines = (state / JOURNAL).read_text().splitlines()
    assert lines[-3:-1] == [strange, newer]
    assert from_line(lines[-1]).kind == "hide"


def test_a_file_without_its_beginning_still_brings_the_word_back(state):
    """The first line damaged: a new installation id, the old word."""
    with open_store(state) as store:
        word = say_much(store)
    lines = (state / JOURNAL).read_bytes().splitlines(keepends=True)
    (state / JOURNAL).write_bytes(b"".join([b"{" + lines[0], *lines[1:]]))
    lose_database(state)
    assert recover(state) == word
    with open_store(state) as store:
        assert load_edits(store.db)[-1].kind == "begin"


def test_random_damage_to_the_database_costs_no_word(state, tmp_path):
    """Overwritten anywhere: whatever faced does before it notices, the file still has every word."""
    with open_store(state) as store:
        word = say_much(store)
        for number in range(10, 60):
            say(store, draft("pin", 1 + number % 3, face(number)))
        append_journal(store, NOON)
        word = load_word(store.db)
    shutil.copytree(state, tmp_path / "sound")
    seed = int(os.environ.get("FACED_SEED", time.time_ns() % 10**6))
    dice = random.Random(seed)
    for trial in range(200 if LONG else 50):
        shutil.rmtree(state)
        shutil.copytree(tmp_path / "sound", state)
        damage(state / DATABASE, dice)
        try:
            recover(state, is_damaged=True)
            with open_store(state) as store:
                say(store, draft("name", 6, value="After"))
                append_journal(store, NOON)
        except (StateError, sqlite3.DatabaseError, UnicodeDecodeError):  # the last: a message of SQLite
            pass
        lose_database(state)
        again = recover(state)
        persons = {person: said for person, said in again.persons.items() if person != 6}
        assert (persons, again.pins) == (word.persons, word.pins), f"seed {seed}, trial {trial}"
        assert (again.rejections, again.anchors) == (word.rejections, word.anchors), f"seed {seed}"
        assert again.person(6) in (PersonWord(), PersonWord("After")), f"seed {seed}, trial {trial}"


# ---- killed ----

CHILD = """
import sys
from datetime import datetime, UTC
from pathlib import Path
from faced.model import PersonId
from faced.store.database import open_store
from faced.store.edits import Draft
from faced.store.journal import add_edits
from faced.store.journal_file import append_journal
from faced.store.persons import add_persons

now = datetime(2026, 11, 24, tzinfo=UTC)
with open_store(Path(sys.argv[1])) as store:
    append_journal(store, now)
    for name in ("Anna", "Ben"):
        with store.write() as db:
            (person,) = add_persons(db, 1)
            add_edits(db, [Draft("name", person, value=name), Draft("hide", person)], origin="folder", time=now)
        print(name, flush=True)
        append_journal(store, now)
"""


def test_killed_at_any_moment_the_file_catches_up(state, tmp_path):
    """kill -9 at each system call that touches the file: at the next start it has what the database has."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("needs strace")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"}
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    killed = 0
    for call in ("openat", "write", "fsync", *(("fstat,newfstatat",) if LONG else ())):
        for when in range(1, 20):
            folder = tmp_path / f"{call}-{when}"
            folder.mkdir(mode=0o700)
            (folder / JOURNAL).touch(mode=0o600)  # strace -P follows names that exist
            done = subprocess.run(
                [
                    *(strace, "-f", "-o", "/dev/null", "-P", folder / JOURNAL),
                    *("-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={when}"),
                    *(sys.executable, script, folder),
                ],
                env=environment,
                capture_output=True,
                text=True,
            )
            if "ptrace" in done.stderr:
                pytest.skip("needs ptrace, which is not allowed here")
            said = done.stdout.split()
            word = recover(folder)
            assert [word.person(PersonId(n)) for n in range(1, len(said) + 1)] == [
                PersonWord(name, hidden=True) for name in said
            ]
            with open_reader(folder) as db:
                lines = [line for _, line in load_lines(db)]
            assert (folder / JOURNAL).read_text().splitlines() == lines
            assert fold(read_lines((folder / JOURNAL).read_bytes()).edits) == word
            if done.returncode == 0:
                break
            assert done.returncode in (-9, 137), done.stderr
            killed += 1
        else:
            pytest.fail(f"{call} never ran out")
    assert killed >= 8


def test_ten_thousand_edits_are_no_burden(store, state):
    """One gesture more reads a handful of rows, and an undo folds them all, without a limit being met."""
    add_people(store, 50)
    for start in range(0, 10_000, 500):
        say(store, *[draft("pin", 1 + n % 50, face(n), face(n, 0.5)) for n in range(start, start + 500)])
    append_journal(store, NOON)
    statements = []
    store.db.conn.set_trace_callback(statements.append)
    say(store, draft("name", 1, value="Anna"), draft("pin", 2, face(7)))
    assert append_journal(store, NOON).appended == 2
    store.db.conn.set_trace_callback(None)
    assert len(statements) < 60
    with store.write() as db:
        undo_last(db, time=NOON)
    append_journal(store, NOON)
    assert check_word(store.db) == []
    assert len(load_word(store.db).pins) == 20_000
    assert len((state / JOURNAL).read_text().splitlines()) == 2 + 10_000 + 2 + 2
