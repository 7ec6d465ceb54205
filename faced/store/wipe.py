"""Files that are to be gone with all that was in them: their bytes are written over before they are deleted.

On a disk that never writes twice to one place (copy on write, flash) the old bytes may be there until it needs the
room; nobody can see them through the file system.
"""

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["wipe_file", "wipe_replaced"]

CHUNK = 1 << 20


def wipe_file(path: Path) -> None:
    """Write zeros over a file and delete it; what is not there is gone already. Raises OSError."""
    with suppress(FileNotFoundError):
        handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _zero(handle)
            path.unlink()
        finally:
            os.close(handle)


def wipe_replaced(new: Path, path: Path) -> None:
    """Put a file in the place of another one, then write zeros over that one. Raises OSError."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        new.replace(path)
        return
    try:
        new.replace(path)
        _zero(handle)
    finally:
        os.close(handle)


def _zero(handle: int) -> None:
    size = os.fstat(handle).st_size
    zeros = bytes(min(size, CHUNK))
    while size:
        size -= os.write(handle, zeros[:size])
    os.fsync(handle)
