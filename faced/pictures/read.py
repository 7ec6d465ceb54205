"""Reads one photo's file, whole and once, and says what it looked like while it was read.

Decides whether the bytes are those of one moment: a file that changes while it is read is left
for later. Never opens anything but a regular file, never waits for one (a fifo would), never
writes.
"""

import errno
import os
import stat
from typing import Final

from faced.errors import Unreadable
from faced.model import FileStamp

__all__ = ["read_photo", "stamp_of"]

_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY

_LOST: Final = {
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENOENT: "the file is gone",
    errno.ENOTDIR: "the file is gone",
    errno.ESTALE: "the file is gone",
    errno.EIO: "the disk could not read it (input/output error)",
    errno.ENAMETOOLONG: "its path is too long for this system",
}


def stamp_of(status: os.stat_result) -> FileStamp:
    """The stamp of what lstat, fstat or a directory entry's stat says."""
    return FileStamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def read_photo(path: bytes, limit: int, *, follow: bool = False) -> tuple[bytes, FileStamp]:
    """The content of the file and its stamp from before the first byte was read.

    limit: bytes; a larger file is Unreadable. follow: whether `path` itself may be a symbolic
    link (folders above it always may). Unreadable is `lost` when the file could not be read, and
    `later` when it was being written.
    """
    try:
        handle = os.open(path, _FLAGS | (0 if follow else os.O_NOFOLLOW))
    except OSError as error:
        raise _why_not_opened(error, path, follow) from None
    try:
        return _read_steady(handle, limit)
    except OSError as error:
        raise _lost(error) from None
    finally:
        os.close(handle)


def _read_steady(handle: int, limit: int) -> tuple[bytes, FileStamp]:
    before = os.fstat(handle)
    if not stat.S_ISREG(before.st_mode):
        raise Unreadable(f"it is {_kind(before.st_mode)}, not a file")
    if before.st_size > limit:
        raise Unreadable(f"the file has {before.st_size} bytes, more than the limit of {limit}")
    data = _read_all(handle, before.st_size)
    after = os.fstat(handle)
    if len(data) != before.st_size or _content_mark(after) != _content_mark(before):
        raise Unreadable("the file changed while it was read", later=True)
    return data, stamp_of(before)


def _read_all(handle: int, size: int) -> bytes:
    """`size` bytes and perhaps one more: enough to see that the file has grown."""
    pieces = []
    wanted = size + 1
    while wanted and (piece := os.read(handle, wanted)):
        pieces.append(piece)
        wanted -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _content_mark(status: os.stat_result) -> tuple[int, int, int]:
    # Not ctime: a rename or a new permission while reading changes no byte.
    return status.st_size, status.st_mtime_ns, status.st_ino


def _why_not_opened(error: OSError, path: bytes, follow: bool) -> Unreadable:
    if error.errno == errno.ELOOP:
        return Unreadable(
            "it is a symbolic link that leads in a circle" if follow else "it is a symbolic link"
        )
    if error.errno in (errno.ENXIO, errno.ENODEV):
        return Unreadable("it is a device or socket, not a file")
    if follow and error.errno == errno.ENOENT and os.path.islink(path):
        return Unreadable("the file that the symbolic link names is not there", lost=True)
    return _lost(error)


def _lost(error: OSError) -> Unreadable:
    known = _LOST.get(error.errno or 0)
    return Unreadable(known or f"it could not be read ({os.strerror(error.errno or 0)})", lost=True)


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a pipe"
    return "a device or socket"
