"""The database of a state folder: one writer for all processes, any number of readers.

SQLite before 3.51.3 can corrupt a WAL database when two connections write or checkpoint at the same
moment (sqlite.org/wal.html#walresetbug), so every write and every checkpoint happens under one flock.
Closing any descriptor of a file takes this process's POSIX locks on it away, those of another connection too:
the database's files are opened by SQLite only. This module knows no table but for the count of changes.
"""

import errno
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from sqlite_utils import Database

from faced.errors import Damaged, StateError, StorageFull, UsageError
from faced.mounts import find_mount, is_network, read_mounts
from faced.store.locks import WRITE, Share, hold_lock
from faced.store.migrations import check_version, migrate, newest_version, transaction

__all__ = [
    "CHECK",
    "DAMAGED",
    "DATABASE",
    "Store",
    "is_damage",
    "load_changes",
    "open_reader",
    "open_store",
    "prepare_state",
    "raise_full",
    "request_check",
    "snapshot",
]

DATABASE = "faced.db"
DAMAGED = "damaged"
"""The folder in which databases lie that were set aside."""
CHECK = "faced.check"
"""A file that asks the next start to look whether the database is sound."""
CHANGES = "changes"
"""Setting: how many transactions have changed something."""
COUNT = (
    f"INSERT INTO settings (key, value) VALUES ('{CHANGES}', '1')"
    " ON CONFLICT (key) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT)"
)
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")
SORT_IN_MEMORY = "temp_store=MEMORY"
"""Large sorts would spill into /var/tmp or /tmp: faces do not belong there, and the kernel's guard forbids it."""


class Store:
    """The writing side. Reads see what is committed, and inside `write` also what is not yet.

    was_unclean: whoever had it open last did not close it, and nobody else has it open.
    """

    def __init__(
        self, folder: Path, connection: sqlite3.Connection, share: Share, *, was_unclean: bool = False
    ) -> None:
        self.folder = folder
        self.was_unclean = was_unclean
        self._connection = connection
        self._share = share
        self._mutex = threading.RLock()
        self.db = Database(connection, execute_plugins=False)

    @contextmanager
    def write(self) -> Iterator[Database]:
        """One transaction: all of it is committed, or none of it. Not to be nested.

        Raises StorageFull, with nothing changed, when the disk is full or cannot be written to.
        """
        with self._mutex, ExitStack() as stack:
            if self._connection.in_transaction:  # waiting for our own lock would be for ever
                raise RuntimeError("a transaction within a transaction")
            try:
                stack.enter_context(hold_lock(self.folder, WRITE))
            except OSError as error:
                raise_full(self.folder, error)
                raise
            try:
                before = self._connection.total_changes
                with transaction(self._connection):
                    yield self.db
                    if self._connection.total_changes != before:
                        self._connection.execute(COUNT)
            except sqlite3.DatabaseError as error:
                raise_full(self.folder, error)
                raise

    def compact(self) -> bool:
        """Write the database anew, so that nothing of what was deleted is left in its files. Not within a transaction.

        False: a reader holds an older state, so that the log cannot be emptied yet. Raises StorageFull.
        """
        with self._mutex, hold_lock(self.folder, WRITE):
            try:
                self._connection.execute("VACUUM")
                (busy, *_) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.DatabaseError as error:
                raise_full(self.folder, error)
                raise
            return not busy

    def is_alone(self) -> bool:
        """Whether nobody else, in this process or another, has the database open for writing."""
        with self._mutex, hold_lock(self.folder, WRITE):
            return self._share.is_alone()

    def close(self) -> None:
        """Closing checkpoints, so it is done under the write lock too."""
        with self._mutex, ExitStack() as stack:
            with suppress(OSError):  # not to be had where nothing can be written: then closing writes nothing
                stack.enter_context(hold_lock(self.folder, WRITE))
            self._connection.close()
            self._share.close()


@contextmanager
def open_store(folder: Path) -> Iterator[Store]:
    """The state folder's database for writing, made or migrated as needed.

    Raises UsageError for a folder that cannot hold a state, StateError for a database that cannot be used,
    StorageFull where nothing can be written. A database that turns out to be damaged is to be looked into by the
    next start.
    """
    prepare_state(folder)
    try:
        store = _open(folder)
    except OSError as error:
        raise_full(folder, error)
        raise
    try:
        yield store
    except Damaged:
        request_check(folder)
        raise
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_ERROR:  # no such table?
            request_check(folder)
        if not is_damage(error):
            raise
        request_check(folder)
        raise Damaged(
            f"the database {folder / DATABASE} is damaged ({error}): start faced again, it mends that"
        ) from error
    finally:
        store.close()


def _open(folder: Path) -> Store:
    path = folder / DATABASE
    with hold_lock(folder, WRITE), ExitStack() as undo:
        share = Share(folder)
        undo.callback(share.close)
        was_unclean = share.is_alone() and _has_log(path)
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, timeout=30, check_same_thread=False, isolation_level=None)
        undo.callback(connection.close)
        try:
            check_version(connection, folder)
            for pragma in (*PRAGMAS, SORT_IN_MEMORY):
                connection.execute(f"PRAGMA {pragma}")
            migrate(connection, folder)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise_full(folder, error)
            kind = Damaged if is_damage(error) else StateError
            raise kind(
                f"the database {path} cannot be used ({error}); it was left as it is: move faced.db* away and sync again,"
                " photos are then read anew and every name comes back from journal.jsonl beside it"
            ) from error
        if was_unclean:
            request_check(folder)
        undo.pop_all()
    return Store(folder, connection, share, was_unclean=was_unclean)


def _has_log(path: Path) -> bool:
    """Whether the last one to close the database did not, for that takes the log away."""
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size > 0
    except FileNotFoundError:
        return False


def raise_full(folder: Path, error: Exception) -> None:
    """Raises StorageFull if that is what the error says: the disk is full or cannot be written to."""
    if isinstance(error, OSError):
        is_full, is_other = error.errno in (errno.ENOSPC, errno.EDQUOT), error.errno == errno.EROFS
    else:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        is_full = code == sqlite3.SQLITE_FULL
        is_other = code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
    if is_full:
        raise StorageFull(
            f"the disk of {folder} is full; nothing is lost: make room, and it goes on from there"
        ) from error
    if is_other:
        raise StorageFull(
            f"{folder} cannot be written to ({error}); nothing is lost: put that right, and it goes on from there"
        ) from error


def load_changes(db: Database) -> int:
    """Grows with every transaction that changes something; while it is the same, everything is."""
    row = db.execute("SELECT value FROM settings WHERE key = ?", [CHANGES]).fetchone()
    return 0 if row is None else int(row[0])


def is_damage(error: Exception) -> bool:
    """Whether SQLite (or Python, of a text that is none) says that the file is not as it was written."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return isinstance(error, UnicodeDecodeError) or "decode to UTF-8" in str(error)
    return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def request_check(folder: Path) -> None:
    """The next start is to look whether the database is sound. Where that cannot be noted it does not."""
    with suppress(OSError):
        os.close(os.open(folder / CHECK, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


@contextmanager
def snapshot(db: Database) -> Iterator[Database]:
    """Several reads of one state, as it is now. For a reader, or a store whose connection nobody else uses."""
    db.execute("BEGIN")
    try:
        db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()  # BEGIN alone does not choose the state
        yield db
    finally:
        if db.conn.in_transaction:
            db.execute("ROLLBACK")


@contextmanager
def open_reader(folder: Path) -> Iterator[Database]:
    """The database for reading only. Raises StateError when there is none."""
    path = folder / DATABASE
    if not path.is_file():
        raise StateError(
            f"there is no faced state in {folder}: run `faced sync PHOTOS --people PEOPLE` first"
        )
    prepare_state(folder)
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30, isolation_level=None
    )
    try:
        connection.execute(f"PRAGMA {SORT_IN_MEMORY}")
        version = check_version(connection, folder)
        if version == 0:
            raise StateError(f"the database {path} is empty: run `faced sync PHOTOS --people PEOPLE` first")
        if version < newest_version():
            raise StateError(f"the database {path} is of an older faced: run `faced sync` once to renew it")
        yield Database(connection, execute_plugins=False)
    except Damaged:
        request_check(folder)
        raise
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        if is_damage(error):
            request_check(folder)
            raise Damaged(f"the database {path} cannot be read ({error}): `faced sync` mends that") from error
        raise StateError(f"the database {path} cannot be read ({error})") from error
    finally:
        connection.close()


def prepare_state(folder: Path) -> None:
    """Make the state folder, private, and refuse one that others own or can write to."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError as error:
        raise UsageError(
            f"the state folder {folder} cannot be made ({error.strerror}); use --state DIR"
        ) from error
    mount = find_mount(os.path.realpath(os.fsencode(folder)), read_mounts())
    if mount and is_network(mount.fstype):
        raise UsageError(
            f"the state folder {folder} is on a network file system ({mount.fstype}), where SQLite is not safe: "
            "move it to a local disk and name it with --state DIR"
        )
    if status.st_uid != os.geteuid():
        raise UsageError(
            f"the state folder {folder} belongs to another user (uid {status.st_uid}); use --state DIR"
        )
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise UsageError(f"others can write to the state folder {folder}: run `chmod 700` on it")
