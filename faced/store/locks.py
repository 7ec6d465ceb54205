"""The three locks of a state folder: `faced.run` (a daemon's life), `faced.pass` (a whole pass) and
`faced.write` (one transaction). They are flocks, so the kernel frees them when their holder dies.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["PASS", "RUN", "WRITE", "hold_lock"]

RUN = "faced.run"
PASS = "faced.pass"
WRITE = "faced.write"


@contextmanager
def hold_lock(folder: Path, name: str, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock within the block. Without `wait`, yields False when another process holds it."""
    handle = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield _take(handle, wait)
    finally:
        os.close(handle)


def _take(handle: int, wait: bool) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True
