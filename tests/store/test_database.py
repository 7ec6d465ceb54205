"""The database of a state: private, one writer for all processes, readers beside it, nothing half-done."""

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from faced.errors import StateError, StorageFull, UsageError
from faced.mounts import Mount
from faced.store import database
from faced.store.database import DATABASE, open_reader, open_store, prepare_state, snapshot
from faced.store.locks import WRITE, hold_lock
from faced.store.settings import load_setting, next_number, read_installation, save_setting
from tests.support.rerun import in_mount_namespace

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_everything_in_the_state_is_private(state):
    """Database, log and index of it, whatever the umask, while it is written and afterwards."""
    before = os.umask(0)
    try:
        with open_store(state) as store:
            with store.write() as db:
                save_setting(db, "a", "b")
            assert {f"{DATABASE}-wal", f"{DATABASE}-shm"} < {path.name for path in state.iterdir()}
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in state.iterdir()}
        with open_reader(state):
            modes |= {f"{p.name} (read)": stat.S_IMODE(p.stat().st_mode) for p in state.iterdir()}
    finally:
        os.umask(before)
    assert set(modes.values()) == {0o600}, modes
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def test_the_connection_is_set_up_to_lose_nothing(state):
    """WAL, synced at every commit, foreign keys held, deleted embeddings overwritten, no mapped memory."""
    with open_store(state) as store:
        settings = {
            name: store.db.execute(f"PRAGMA {name}").fetchone()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "mmap_size")
        }
    assert settings["journal_mode"] == ("wal",)
    assert (settings["synchronous"], settings["foreign_keys"], settings["secure_delete"]) == (
        (2,),
        (1,),
        (1,),
    )
    assert settings["mmap_size"] in ((0,), None)


def fail_after(write, *arguments):
    write(*arguments)
    raise KeyError


def test_a_transaction_is_kept_whole_or_not_at_all(state):
    """What fails in the middle has not happened; the next one works."""
    with open_store(state) as store:
        with pytest.raises(KeyError), store.write() as db:
            fail_after(save_setting, db, "a", "half")
        assert load_setting(store.db, "a") is None
        with store.write() as db:
            save_setting(db, "a", "whole")
    with open_reader(state) as db:
        assert load_setting(db, "a") == "whole"


def test_the_write_lock_is_held_from_begin_to_commit_and_at_every_checkpoint(state, monkeypatch):
    """SQLite's own locks are not enough: older versions can corrupt the log when two write or checkpoint at once."""
    with open_store(state) as store:
        with store.write(), hold_lock(state, WRITE, patience=0) as free:
            assert not free
        with hold_lock(state, WRITE, patience=0) as free:
            assert free
        taken = []

        def watched(folder, name, **options):
            taken.append(name)
            return hold_lock(folder, name, **options)

        monkeypatch.setattr(database, "hold_lock", watched)
    assert taken == [WRITE]  # closing checkpoints


def test_a_transaction_in_a_transaction_is_refused(state):
    """It would wait for its own lock for ever."""
    with open_store(state) as store:
        with pytest.raises(RuntimeError, match="within a transaction"), store.write(), store.write():
            pass
        with store.write() as db:
            save_setting(db, "a", "b")


def put_orphan(db):
    db.execute("PRAGMA defer_foreign_keys = ON")
    db.execute(
        "INSERT INTO photos (library, path, size, mtime_ns, ctime_ns, ino, found, stale)"
        " VALUES (99, x'61', 1, 1, 1, 1, 1, 1)"
    )


def test_a_failing_commit_leaves_the_store_usable(state):
    """A foreign key that is only checked at the end: the commit itself raises."""
    with open_store(state) as store:
        with pytest.raises(sqlite3.IntegrityError), store.write() as db:
            put_orphan(db)
        with store.write() as db:
            save_setting(db, "a", "b")
        assert store.db.execute("SELECT count(*) FROM photos").fetchone() == (0,)


def test_a_full_disk_costs_the_transaction_only(state):
    """SQLite rolls back by itself then; the error says which disk, reading goes on, room makes it work again."""
    with open_store(state) as store:
        with store.write() as db:
            save_setting(db, "before", "1")
        (pages,) = store.db.execute("PRAGMA page_count").fetchone()
        store.db.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(StorageFull, match=f"the disk of {state} is full"), store.write() as db:
            save_setting(db, "large", "x" * 100_000)
        assert load_setting(store.db, "before") == "1"
        store.db.execute("PRAGMA max_page_count = 1000000")
        with store.write() as db:
            save_setting(db, "large", "x" * 100_000)


def fill(path):
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


@in_mount_namespace
def test_a_really_full_disk_costs_the_transaction_only(tmp_path):
    """On a file system of a megabyte, where the commit finds no room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", disk], check=True)
    with open_store(disk / "state") as store:
        with store.write() as db:
            save_setting(db, "before", "1")
        filler = disk / "filler"
        with pytest.raises(OSError, match="No space"):
            fill(filler)
        with pytest.raises(StorageFull, match="disk/state is full"), store.write() as db:
            save_setting(db, "large", "x" * 200_000)
        assert load_setting(store.db, "before") == "1"
        with pytest.raises(StorageFull, match="disk/other is full"), open_store(disk / "other"):
            pass
        filler.unlink()
        with store.write() as db:
            save_setting(db, "large", "x" * 200_000)
        assert store.db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@in_mount_namespace
def test_a_disk_that_became_read_only_costs_the_transaction_only(tmp_path):
    """As after an error of the disk; the words that were there can be read, and it goes on when it is mended."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=700", "tmpfs", disk], check=True)
    with open_store(disk / "state") as store, store.write() as db:
        save_setting(db, "before", "1")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    with pytest.raises(StorageFull, match=r"cannot be written to .*ead-only"), open_store(disk / "state"):
        pass
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    with open_store(disk / "state") as store:
        assert load_setting(store.db, "before") == "1"
        with store.write() as db:
            save_setting(db, "after", "1")


def test_a_database_that_is_there_is_opened_by_sqlite_only(state, monkeypatch):
    """Closing any other descriptor of it would free the locks of every connection in this process."""
    with open_store(state) as store:
        opened = []
        real = os.open
        monkeypatch.setattr(
            os, "open", lambda path, *rest, **more: (opened.append(path), real(path, *rest, **more))[1]
        )
        with open_store(state) as second, second.write() as db:
            save_setting(db, "a", "1")
        with store.write() as db:
            save_setting(db, "b", "1")
    assert opened
    assert not [path for path in opened if Path(os.fsdecode(path)).name.startswith(DATABASE)]


ONE_WRITE = """
import sys, pathlib
from faced.store.database import open_store
from faced.store.settings import save_setting
with open_store(pathlib.Path(sys.argv[1])) as store, store.write() as db:
    save_setting(db, sys.argv[2], "1")
"""


def test_two_stores_of_a_process_keep_their_locks(state):
    """The log is not taken from under them by another process that opens and closes: no row is lost."""
    with open_store(state) as first:
        with open_store(state) as passing, passing.write() as db:
            save_setting(db, "passing", "1")
        with open_store(state) as second:
            log = (state / f"{DATABASE}-wal").stat().st_ino
            for number in range(3):
                for store, name in ((first, "first"), (second, "second")):
                    with store.write() as db:
                        save_setting(db, f"{name}{number}", "1")
                other = start(ONE_WRITE, state, f"other{number}")
                assert other.communicate()[1] == ""
                assert load_setting(first.db, f"other{number}") == "1"
            assert (state / f"{DATABASE}-wal").stat().st_ino == log
    with open_reader(state) as db:
        names = ("passing", *(f"{who}{n}" for who in ("first", "second", "other") for n in range(3)))
        assert [name for name in names if load_setting(db, name) != "1"] == []
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_two_stores_of_a_process_and_another_process_at_once(state):
    """All count; none ever fails, none of the counts is lost."""
    with open_store(state):
        pass
    rounds = 60 if os.environ.get("FACED_LONG") else 6
    failed = []

    def count():
        try:
            for _ in range(rounds):
                with open_store(state) as store:
                    for _ in range(10):
                        with store.write() as db:
                            next_number(db, "n")
        except Exception as error:
            failed.append(error)

    with open_store(state) as kept:
        other = start(COUNTER, state, rounds)
        threads = [threading.Thread(target=count) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert other.communicate()[1] == ""
        assert failed == []
        assert load_setting(kept.db, "n") == str(rounds * (2 * 10 + 5))
        assert kept.db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_whoever_opens_it_next_learns_that_it_was_not_closed(state):
    """And only then: not beside others, not after a store that was closed, not after a reader."""
    with open_store(state) as store:
        assert not store.was_unclean
        assert store.is_alone()
        with store.write() as db:
            save_setting(db, "a", "1")
        with open_store(state) as second:
            assert not second.was_unclean
            assert not second.is_alone()
            assert not store.is_alone()
        assert store.is_alone()
    with open_reader(state):
        pass
    writer = start(WRITER, state)
    for _ in range(3):
        writer.stdout.readline()
    with open_store(state) as store:
        assert not store.was_unclean
        assert not store.is_alone()
        with store.write() as db:
            save_setting(db, "a", "2")
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    with open_store(state) as store:
        assert store.was_unclean
        assert store.is_alone()
    with open_store(state) as store:
        assert not store.was_unclean


def test_a_snapshot_is_one_state(state):
    """What is committed meanwhile is seen after it."""
    with open_store(state) as store:
        with store.write() as db:
            save_setting(db, "a", "1")
        with open_reader(state) as reader:
            with snapshot(reader) as db:
                with store.write() as writing:
                    save_setting(writing, "a", "2")
                assert load_setting(db, "a") == "1"
                assert load_setting(db, "a") == "1"
            assert load_setting(reader, "a") == "2"
            with pytest.raises(KeyError), snapshot(reader):
                raise KeyError
            with snapshot(reader) as db:
                assert load_setting(db, "a") == "2"


def test_threads_take_turns(state):
    """One connection serves all threads of a process; none sees another's half-done transaction."""
    with open_store(state) as store:

        def count():
            for _ in range(20):
                with store.write() as db:
                    next_number(db, "n")

        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert load_setting(store.db, "n") == "80"


COUNTER = """
import sys, pathlib
from faced.store.database import open_store
from faced.store.settings import next_number, load_setting
for _ in range(int(sys.argv[2])):
    with open_store(pathlib.Path(sys.argv[1])) as store:
        for _ in range(5):
            load_setting(store.db, "n")          # read, then write: what fails with a deferred BEGIN
            with store.write() as db:
                next_number(db, "n")
"""


def test_processes_that_write_at_once_never_fail(state):
    """They wait for each other: no BUSY, no lost count, opening and closing (checkpoints) included."""
    with open_store(state):
        pass
    writers = [start(COUNTER, state, 8) for _ in range(3)]
    for writer in writers:
        _, errors = writer.communicate()
        assert writer.returncode == 0, errors
    with open_reader(state) as db:
        assert load_setting(db, "n") == str(3 * 8 * 5)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_reader_reads_beside_an_open_writer(state):
    """It sees what is committed, also in the middle of a transaction, and is never in the way."""
    with open_store(state) as store:
        with store.write() as db:
            save_setting(db, "a", "1")
        with open_reader(state) as reader:
            with store.write() as db:
                save_setting(db, "a", "2")
                assert load_setting(reader, "a") == "1"
            assert load_setting(reader, "a") == "2"


def test_a_reader_needs_no_writer(state):
    """Neither a running one nor one that has left its log behind."""
    with open_store(state) as store, store.write() as db:
        save_setting(db, "a", "1")
    assert not (state / f"{DATABASE}-wal").exists()
    with open_reader(state) as db:
        assert load_setting(db, "a") == "1"
    with open_reader(state) as one, open_reader(state) as two:
        assert load_setting(one, "a") == load_setting(two, "a") == "1"


def test_a_reader_cannot_write(state):
    """Not even by mistake."""
    with open_store(state):
        pass
    connection_error = pytest.raises(StateError, match="readonly database")
    with connection_error, open_reader(state) as db:
        save_setting(db, "a", "1")


def test_reading_where_there_is_no_state_makes_none(state):
    """`faced status` in a fresh home says what to do and leaves nothing behind."""
    with pytest.raises(StateError, match="run `faced sync"), open_reader(state):
        pass
    assert not state.exists()


@pytest.mark.parametrize(
    "content", [b"this is no database at all\n" * 100, b"SQLite format 3\x00" + b"\xff" * 5000]
)
def test_a_damaged_database_is_named_and_left_as_it_is(state, content):
    """Never overwritten: something may still be got out of it."""
    state.mkdir(mode=0o700)
    (state / DATABASE).write_bytes(content)
    for opener in (open_store, open_reader):
        with pytest.raises(StateError, match=r"faced\.db") as caught, opener(state):
            pass
        assert "\n" not in str(caught.value)
    assert (state / DATABASE).read_bytes() == content


WRITER = """
import sys, pathlib
from faced.store.database import open_store
from faced.store.settings import next_number, save_setting
with open_store(pathlib.Path(sys.argv[1])) as store:
    print("ready", flush=True)
    while True:
        with store.write() as db:
            n = next_number(db, "n")
            for key in range(20):
                save_setting(db, f"copy{key}", f"{n}:" + "x" * 2000)
        print(n, flush=True)
"""


def test_a_killed_writer_leaves_whole_transactions(state):
    """kill -9 at random moments: the database is sound, all twenty copies are of one number, none that was
    reported is lost, and the lock is free."""
    dice = random.Random(7)
    for _ in range(int(os.environ.get("FACED_KILLS", "8"))):
        writer = start(WRITER, state)
        assert writer.stdout.readline() == "ready\n"
        for _ in range(dice.randrange(1, 30)):
            writer.stdout.readline()
        threading.Event().wait(dice.random() / 200)  # somewhere within a transaction
        writer.send_signal(signal.SIGKILL)
        told = writer.communicate()[0].split()
        with open_store(state) as store:
            n = int(load_setting(store.db, "n"))
            copies = {load_setting(store.db, f"copy{key}").partition(":")[0] for key in range(20)}
            assert copies == {str(n)}
            assert not told or int(told[-1]) <= n
            assert store.db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_state_others_can_write_to_is_refused(state):
    """They could put names and photos into it. Others reading its name is no harm."""
    state.mkdir()
    for mode in (0o770, 0o707, 0o777):
        state.chmod(mode)
        with pytest.raises(UsageError, match="others can write") as caught:
            prepare_state(state)
        assert caught.value.exit_status == 2
    state.chmod(0o755)
    prepare_state(state)


def test_a_state_of_another_user_is_refused(state, monkeypatch):
    """His files would be ours to read and ours his to delete."""
    state.mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: state.stat().st_uid + 1)
    with pytest.raises(UsageError, match="belongs to another user"):
        prepare_state(state)


def test_a_state_that_cannot_be_made_is_wrong_usage(tmp_path):
    """A file in its way, for one."""
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "state"):
        with pytest.raises(UsageError, match="use --state DIR"):
            prepare_state(folder)


@pytest.mark.parametrize("fstype", ["nfs4", "cifs", "fuse.sshfs", "fuse.bindfs", "9p", "virtiofs"])
def test_a_state_on_a_network_file_system_is_refused(state, monkeypatch, fstype):
    """SQLite's log needs memory shared between processes of one machine; the line says how to move it."""
    point = os.path.realpath(os.fsencode(state.parent))
    monkeypatch.setattr(
        database, "read_mounts", lambda: [Mount(b"/", "ext4", "a"), Mount(point, fstype, "b")]
    )
    with (
        pytest.raises(UsageError, match=f"network file system .{fstype}.*--state DIR") as caught,
        open_store(state),
    ):
        pass
    assert caught.value.exit_status == 2
    assert not (state / DATABASE).exists()


@pytest.mark.skipif(not shutil.which("bindfs"), reason="needs bindfs")
@in_mount_namespace
def test_a_state_on_a_real_fuse_mount_is_refused(tmp_path):
    """As the kernel shows it."""
    for name in ("real", "seen"):
        (tmp_path / name).mkdir()
    subprocess.run(["bindfs", "real", "seen"], cwd=tmp_path, check=True)
    try:
        with pytest.raises(UsageError, match="network file system"), open_store(tmp_path / "seen" / "state"):
            pass
    finally:
        subprocess.run(["umount", "seen"], cwd=tmp_path, check=True)


def test_the_installation_has_one_id_for_ever(state):
    """Made once, 128 bits, the same after a restart."""
    with open_store(state) as store, store.write() as db:
        first = read_installation(db)
    with open_store(state) as store, store.write() as db:
        assert read_installation(db) == first
    assert len(bytes.fromhex(first)) == 16


SORT = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)"
    " SELECT randomblob(500) AS b FROM n ORDER BY b"
)


def test_promise_9_a_large_sort_leaves_no_file_outside_the_state(state):
    """SQLite sorts 20 MB: its temporary files would lie in /var/tmp, where the kernel's guard lets nobody write."""
    with open_store(state) as store, open_reader(state) as reader:
        for db in (store.db, reader):
            rows = db.execute(SORT)
            assert rows.fetchone()
            opened = []
            for handle in Path("/proc/self/fd").iterdir():
                with contextlib.suppress(FileNotFoundError):
                    opened.append(os.readlink(handle))
            assert not [path for path in opened if "etilqs" in path]
