"""Where a library lies, and which disks are mounted inside it: what proves that it is there.

Looks; a library that is not to be believed is `Frozen`, with a sentence that says why. Never writes.
"""

import os
import stat
from collections.abc import Mapping

from faced.errors import shown
from faced.library.changes import Scan
from faced.model import Place
from faced.mounts import read_mounts, read_place
from faced.store.photos import Library

__all__ = ["Frozen", "check_mounts", "count_photos", "has_mounts", "read_root", "sentence"]


class Frozen(Exception):
    """The library is not to be believed now; the sentence says why. held: unless the user says that it is right."""

    def __init__(self, why: str, *, held: bool = False) -> None:
        super().__init__(why)
        self.held = held


def sentence(library: Library, what: str) -> str:
    """Where, what is wrong, what became of the data."""
    held = f" but held {count_photos(library.photos)}" if library.photos else ""
    return f"{shown(library.root)} {what}{held}; nothing was changed"


def count_photos(count: int) -> str:
    """The number with its noun."""
    return "1 photo" if count == 1 else f"{count} photos"


def read_root(library: Library) -> Place:
    """What makes the root the folder that it is. Raises Frozen when it is not there or no folder."""
    try:
        place = read_place(library.root)
        if not stat.S_ISDIR(os.stat(library.root).st_mode):
            raise Frozen(sentence(library, "is not a folder"))
    except FileNotFoundError:
        raise Frozen(sentence(library, "is not there")) from None
    except OSError as error:
        raise Frozen(sentence(library, f"cannot be read ({error.strerror})")) from None
    return place


def has_mounts(root: bytes) -> bool:
    """Whether a disk is mounted somewhere inside."""
    real = os.path.join(os.path.realpath(root), b"")
    return any(mount.point.startswith(real) for mount in read_mounts())


def check_mounts(
    root: bytes, remembered: Mapping[bytes, Place], scan: Scan
) -> tuple[dict[bytes, Place], dict[bytes, str]]:
    """The disks mounted inside the library now or before, and those that are away.

    A mount point that was removed is forgotten; one with another disk, or none, waits for its own.
    """
    mounts = read_mounts()
    real = os.path.join(os.path.realpath(root), b"")
    places: dict[bytes, Place] = {}
    away: dict[bytes, str] = {}
    for path, before in remembered.items():
        try:
            if not read_place(real + path, mounts).is_same(before):
                away[path] = "another disk, or none, is mounted there"
            places[path] = before
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            places[path], away[path] = before, error.strerror or "it cannot be read"
    for point in {mount.point for mount in mounts if mount.point.startswith(real)}:
        path = point[len(real) :]
        if path not in places and _holds_photos(path, scan):
            try:
                places[path] = read_place(point, mounts)
            except OSError as error:
                away[path] = error.strerror or "it cannot be read"
    return places, away


def _holds_photos(folder: bytes, scan: Scan) -> bool:
    below = folder + b"/"
    return any(path.startswith(below) for path in scan.paths)
