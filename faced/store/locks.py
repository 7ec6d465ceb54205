"""The locks of a state folder: `faced.run` (a daemon's life), `faced.pass` (a whole pass) and `faced.write` (one
transaction), and `faced.use`, which every open store shares. They are flocks, so the kernel frees them when their
holder dies.
"""

import errno
import fcntl
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

__all__ = ["PASS", "RUN", "USE", "WRITE", "Holder", "Share", "hold_lock", "hold_run", "read_holder"]

RUN = "faced.run"
PASS = "faced.pass"
WRITE = "faced.write"
USE = "faced.use"

_POLL = 0.02  # s
_GLANCE = 0.1  # s; somebody may have only looked who holds it (read_holder)


@contextmanager
def hold_lock(folder: Path, name: str, *, patience: float = math.inf) -> Iterator[bool]:
    """Hold the lock within the block. Yields False when another process holds it for longer than `patience` s."""
    handle = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield _take_within(handle, patience)
    finally:
        os.close(handle)


def _take_within(handle: int, patience: float) -> bool:
    if patience == math.inf:
        return _take(handle, wait=True)
    end = time.monotonic() + patience
    while not (mine := _take(handle, wait=False)) and time.monotonic() < end:
        time.sleep(_POLL)
    return mine


def _take(handle: int, wait: bool) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True


class Holder(NamedTuple):
    """Who has a state for itself: its process id, and the command that it is (`run`, `sync`)."""

    pid: int
    command: str


@contextmanager
def hold_run(folder: Path, command: str, *, patience: float = _GLANCE) -> Iterator[bool]:
    """Have the state for oneself within the block, and say so to others (see read_holder)."""
    handle = os.open(folder / RUN, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        mine = _take_within(handle, patience)
        if mine:
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()} {command}\n".encode(), 0)
        yield mine
    finally:
        os.close(handle)


def read_holder(folder: Path) -> Holder | None:
    """Who has the state for itself now; None: nobody."""
    try:
        handle = os.open(folder / RUN, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
        pid, _, command = os.pread(handle, 100, 0).decode("ascii", "replace").strip().partition(" ")
        return Holder(int(pid) if pid.isdigit() else 0, command)
    finally:
        os.close(handle)


class Share:
    """A share in the use of a state. To be made, asked and closed under the write lock only: so nobody else asks
    in the moment in which it is exchanged for the whole and back.
    """

    def __init__(self, folder: Path) -> None:
        self._handle = os.open(folder / USE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def is_alone(self) -> bool:
        """Whether nobody else has one, in this process or another."""
        alone = _take(self._handle, wait=False)
        fcntl.flock(self._handle, fcntl.LOCK_SH)  # also if it was not to be had: asking gave the share away
        return alone

    def close(self) -> None:
        """Give it back."""
        os.close(self._handle)
