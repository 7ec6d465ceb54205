"""Threads that read files: the bytes, the stamp of that moment, and the image's key.

A disk that does not answer holds up one of them and nothing else; they end with the process, whatever
they wait for. Decide nothing, never raise.
"""

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

from faced.errors import Unreadable
from faced.faces.confine import stand_back
from faced.faces.timings import stage
from faced.model import FileStamp, ImageKey
from faced.pictures.hashing import image_key
from faced.pictures.read import read_photo

__all__ = ["FILE_LIMIT", "ReadResult", "Readers", "read_file"]

FILE_LIMIT: Final = 1 << 30
"""Bytes. No photo is larger; a film with a photo's name may be."""

ReadResult = tuple[bytes, FileStamp, ImageKey | Unreadable] | Unreadable
"""Bytes, stamp and key, or why there is no key; or why there are no bytes."""


def read_file(file: bytes, root: bytes) -> ReadResult:
    """One file, read once. A symbolic link is followed as long as it stays below the library's root."""
    try:
        with stage("read"):
            data, stamp = read_photo(_follow(file, root), FILE_LIMIT)
    except Unreadable as error:
        return error
    except Exception as error:
        return Unreadable(f"it could not be read ({type(error).__name__}: {error})", lost=True)
    try:
        with stage("hash"):
            return data, stamp, image_key(data)
    except Unreadable as error:
        return data, stamp, error
    except Exception as error:
        return data, stamp, Unreadable(f"it is damaged ({type(error).__name__}: {error})")


def _follow(file: bytes, root: bytes) -> bytes:
    """What a link leads to; what lies elsewhere is left unfollowed, which `read_photo` refuses."""
    if not os.path.islink(file):
        return file
    target = os.path.realpath(file)
    return target if target.startswith(os.path.join(os.path.realpath(root), b"")) else file


class Readers:
    """A few threads that read what they are told, in that order."""

    def __init__(self, count: int) -> None:
        self._orders: SimpleQueue[tuple[bytes, bytes, Callable[[ReadResult], None]] | None] = SimpleQueue()
        self._count = count
        for number in range(count):
            threading.Thread(target=self._serve, name=f"reader-{number}", daemon=True).start()

    def read(self, file: bytes, root: bytes, told: Callable[[ReadResult], None]) -> None:
        """Returns at once; `told` is called in a reader's thread."""
        self._orders.put((file, root, told))

    def close(self) -> None:
        """Nothing further is read. Does not wait."""
        for _ in range(self._count):
            self._orders.put(None)

    def _serve(self) -> None:
        stand_back()
        while (order := self._orders.get()) is not None:
            file, root, told = order
            told(read_file(file, root))
