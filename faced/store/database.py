"""The database of a state folder: one writer for all processes, any number of readers.

SQLite before 3.51.3 can corrupt a WAL database when two connections write or checkpoint at the same
moment (sqlite.org/wal.html#walresetbug), so every write and every checkpoint happens under one flock.
This module knows no table.
"""

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from faced.errors import StateError, UsageError
from faced.mounts import find_mount, is_network, read_mounts
from faced.store.locks import WRITE, hold_lock
from faced.store.migrations import check_version, migrate, newest_version, transaction

__all__ = ["DATABASE", "Store", "open_reader", "open_store", "prepare_state"]

DATABASE = "faced.db"
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")


class Store:
    """The writing side. Reads see what is committed, and inside `write` also what is not yet."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self._connection = connection
        self._mutex = threading.RLock()
        self.db = Database(connection, execute_plugins=False)

    @contextmanager
    def write(self) -> Iterator[Database]:
        """One transaction: all of it is committed, or none of it. Not to be nested."""
        with self._mutex:
            if self._connection.in_transaction:  # waiting for our own lock would be for ever
                raise RuntimeError("a transaction within a transaction")
            with hold_lock(self.folder, WRITE), transaction(self._connection):
                yield self.db

    def close(self) -> None:
        """Closing checkpoints, so it is done under the write lock too."""
        with self._mutex, hold_lock(self.folder, WRITE):
            self._connection.close()


@contextmanager
def open_store(folder: Path) -> Iterator[Store]:
    """The state folder's database for writing, made or migrated as needed.

    Raises UsageError for a folder that cannot hold a state, StateError for a database that cannot be used.
    """
    prepare_state(folder)
    path = folder / DATABASE
    with hold_lock(folder, WRITE):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, timeout=30, check_same_thread=False, isolation_level=None)
        try:
            check_version(connection, folder)
            for pragma in PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            migrate(connection, folder)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            connection.close()
            raise StateError(
                f"the database {path} cannot be used ({error}); it was left as it is: move faced.db* away and sync again,"
                " photos are then read anew and every name comes back from journal.jsonl beside it"
            ) from error
        except BaseException:
            connection.close()
            raise
    store = Store(folder, connection)
    try:
        yield store
    finally:
        store.close()


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
        version = check_version(connection, folder)
        if version == 0:
            raise StateError(f"the database {path} is empty: run `faced sync PHOTOS --people PEOPLE` first")
        if version < newest_version():
            raise StateError(f"the database {path} is of an older faced: run `faced sync` once to renew it")
        yield Database(connection, execute_plugins=False)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
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
