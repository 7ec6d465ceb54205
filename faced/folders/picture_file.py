"""One file that may be a face picture: which face it says it is, and what makes it known again."""

import errno
import os
import stat
from typing import NamedTuple

from faced.pictures.crop import read_comment
from faced.store.pictures import checksum_of, face_of_comment

__all__ = ["LARGEST", "FoundPicture", "read_picture"]

LARGEST = 1 << 17
"""Bytes. No face picture is larger."""
GONE = frozenset([errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENXIO])


class FoundPicture(NamedTuple):
    """A face picture that a look has found."""

    face: str
    checksum: str
    ino: int
    mtime_ns: int


def read_picture(folder: int, name: bytes) -> FoundPicture | None:
    """The face picture of this name; None: there is none. Raises OSError when that cannot be told."""
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
        handle = os.open(name, flags, dir_fd=folder)
    except OSError as error:
        if error.errno in GONE:
            return None
        raise
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
            return None
        content = file.read(LARGEST + 1)
    comment = read_comment(content)
    face = None if comment is None else face_of_comment(comment)
    if face is None or len(content) > LARGEST:
        return None
    return FoundPicture(face, checksum_of(content), status.st_ino, status.st_mtime_ns)
