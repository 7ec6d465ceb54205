"""What the file system of a people folder can do, asked by trying it once per place.

Says so in values; refuses one that has no links, for without them there is no people folder.
"""

import errno
import os
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from faced.errors import UsageError, shown
from faced.folders.names import NAME_BYTES
from faced.folders.tree import SCRATCH, opened, read_text
from faced.folders.writer import TreeWriter
from faced.mounts import find_mount, read_mounts

__all__ = ["probe_place"]

NO_LINKS = frozenset([errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
TOO_LONG = frozenset([errno.ENAMETOOLONG, errno.EINVAL])
NAME = "probe-é".encode()
TARGET = b"probe"
LONG_AGO = 1_000_000_000_000_000_000
"""UTC nanoseconds; in whole, even seconds, for some file systems know no others."""


def probe_place(root: bytes, handle: int, writer: TreeWriter) -> Mapping[str, Any]:
    """`folds_case`, `folds_forms`: two spellings are one name. name_max: bytes. `exchanges`: renameat2 works.
    dates_folders: a folder's time changes with what is in it, so that one whose time is the same is the same.

    Raises UsageError when links cannot be made. Leaves nothing behind in the scratch folder.
    """
    with opened(handle, SCRATCH) as scratch:
        _clear(handle, writer)
        try:
            writer.symlink(TARGET, scratch, NAME)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            _take_away(handle, writer)
            raise UsageError(
                f"the people folder {shown(root)} is on a file system without symbolic links"
                f"{_type_of(root)}; name a folder on a Linux file system (ext4, btrfs, xfs) with --people"
            ) from error
        try:
            upper = NAME.decode().upper().encode()
            other_form = unicodedata.normalize("NFD", NAME.decode()).encode()
            folds_case, folds_forms = _has(scratch, upper), _has(scratch, other_form)
            dates_folders = _dates_folders(handle, scratch, writer)
            exchanges = writer.exchange(scratch, NAME, scratch, b"probe-2")
            name_max = _longest(scratch, writer)
        finally:
            _clear(handle, writer)
    return {
        "dates_folders": dates_folders,
        "exchanges": exchanges,
        "folds_case": folds_case,
        "folds_forms": folds_forms,
        "name_max": name_max,
    }


def _dates_folders(handle: int, scratch: int, writer: TreeWriter) -> bool:
    with opened(handle, b".faced") as own:
        writer.set_time(own, b"tmp", LONG_AGO)
    was_old = os.fstat(scratch).st_mtime_ns == LONG_AGO
    writer.symlink(TARGET, scratch, b"probe-2")
    return was_old and os.fstat(scratch).st_mtime_ns != LONG_AGO


def _longest(scratch: int, writer: TreeWriter) -> int:
    """Encrypting file systems take shorter names than others, and not all of them say so."""
    said = min(os.statvfs(scratch).f_namemax or NAME_BYTES, NAME_BYTES)
    for length in (said, 143):
        try:
            writer.symlink(TARGET, scratch, b"p" * length)
        except OSError as error:
            if error.errno not in TOO_LONG:
                raise
        else:
            return length
    return 100


def _has(folder: int, name: bytes) -> bool:
    try:
        os.lstat(name, dir_fd=folder)
    except OSError:
        return False
    return True


def _clear(handle: int, writer: TreeWriter) -> None:
    """Take away the links of a probe, also of one that died. Other things in there are not ours to judge."""
    with opened(handle, SCRATCH) as scratch:
        for name in map(os.fsencode, os.listdir(scratch)):
            if read_text(scratch, name) == TARGET:
                writer.unlink(scratch, name)


def _take_away(handle: int, writer: TreeWriter) -> None:
    """A folder that cannot be used is left as it was found, as far as nobody else put something in it."""
    with suppress(OSError):
        with opened(handle, b".faced") as own:
            writer.rmdir(own, b"tmp")
            writer.rmdir(own, b"junk")
        writer.rmdir(handle, b".faced")


def _type_of(root: bytes) -> str:
    mount = find_mount(os.path.realpath(root), read_mounts())
    return f" ({mount.fstype})" if mount else ""
