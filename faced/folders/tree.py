"""The people folder on disk: the way to its folders, and reading them.

Every folder is reached by handles, without following links, and known by its inode. Nothing here writes.
"""

import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from faced.clock import CLOCK, Clock
from faced.folders.disk import Disk, DiskFolder, join_path
from faced.folders.names import is_passed_over
from faced.store.seen import FolderStamp

__all__ = [
    "MOVED_ON",
    "SCRATCH",
    "is_place_wide",
    "list_folder",
    "open_folder",
    "opened",
    "read_folders",
    "read_text",
    "read_tree",
    "stamp_of",
]

SCRATCH = b".faced/tmp"
YOUNG_NS = 2_000_000_000
"""A folder that changed so shortly before it was read may change again without looking otherwise."""
DEEPEST = 32
"""Folders below this depth are not read."""
OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

MOVED_ON = frozenset(
    [errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ESTALE]
)
"""Of errors: the world moved on since the plan was made, so look again."""
# One path is at fault, not the place.
OF_ONE_PATH = frozenset(
    [errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.EBUSY, errno.EXDEV, errno.EMLINK, errno.EINVAL]
)


def is_place_wide(error: OSError) -> bool:
    """Whether an error is of the whole place (disk full, broken, gone), so that going on is of no use."""
    return error.errno not in MOVED_ON and error.errno not in OF_ONE_PATH


def open_folder(root: int, path: bytes, ino: int | None = None) -> int:
    """A handle on a folder of the tree. Raises OSError, also (ENOENT) when it is not the one of this inode."""
    handle = os.open(b".", OPEN_FOLDER, dir_fd=root)
    try:
        for part in path.split(b"/") if path else ():
            below = os.open(part, OPEN_FOLDER, dir_fd=handle)
            os.close(handle)
            handle = below
        if ino is not None and os.fstat(handle).st_ino != ino:
            raise FileNotFoundError(errno.ENOENT, "another folder stands there", path)
    except BaseException:
        os.close(handle)
        raise
    return handle


@contextmanager
def opened(root: int, path: bytes, ino: int | None = None) -> Iterator[int]:
    """open_folder, closed again after the block."""
    handle = open_folder(root, path, ino)
    try:
        yield handle
    finally:
        os.close(handle)


def read_text(folder: int, name: bytes) -> bytes | None:
    """What the link of this name says; None when there is no link. Raises OSError when that cannot be told."""
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EINVAL, errno.ENOTDIR):
            return None
        raise


def read_tree(root: int, seen: Mapping[bytes, DiskFolder] | None = None, clock: Clock = CLOCK) -> Disk:
    """Everything below the people folder that may be of a person. A folder that cannot be read costs that folder.

    seen: as folders were when they were last read; those that look the same are not read again.
    Raises OSError when the people folder itself cannot be read.
    """
    disk = Disk({})
    device = os.fstat(root).st_dev
    seen = seen or {}
    pending = [b""]
    while pending:
        path = pending.pop()
        found = _read_folder(root, path, device, seen.get(path), clock)
        if found is None:
            continue
        if path.count(b"/") >= DEEPEST:
            found = DiskFolder(ino=found.ino, problem="it lies too deep")
        disk[path] = found
        pending += [join_path(path, name) for name in found.folders if not is_passed_over(name)]
    return disk


def stamp_of(status: os.stat_result) -> FolderStamp:
    """What a folder looks like from outside."""
    dev = status.st_dev - (1 << 64) if status.st_dev >= 1 << 63 else status.st_dev
    return FolderStamp(dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)


def read_folders(root: int, paths: Iterable[bytes]) -> Disk:
    """As read_tree, but only of these folders; those that are not there are left out."""
    device = os.fstat(root).st_dev
    found = {path: _read_folder(root, path, device) for path in sorted(paths)}
    return Disk({path: folder for path, folder in found.items() if folder is not None})


def _read_folder(
    root: int, path: bytes, device: int, before: DiskFolder | None = None, clock: Clock = CLOCK
) -> DiskFolder | None:
    try:
        with opened(root, path) as handle:
            if before is not None and before.stamp == stamp_of(os.fstat(handle)):
                return before
            return list_folder(handle, device, clock)
    except OSError as error:
        if not path or (is_place_wide(error) and error.errno != errno.EIO):
            raise
        if error.errno in MOVED_ON:
            return None
        return DiskFolder(ino=0, problem=os.strerror(error.errno or 0))


def list_folder(handle: int, device: int | None = None, clock: Clock = CLOCK) -> DiskFolder:
    """One folder. Raises OSError when it cannot be read whole, for half a list would look like deletions."""
    status = os.fstat(handle)
    stamp: FolderStamp | None = stamp_of(status)
    if clock.age_ns(max(status.st_mtime_ns, status.st_ctime_ns)) < YOUNG_NS:
        stamp = None
    if device is not None and status.st_dev != device:
        return DiskFolder(status.st_ino, problem="another file system is mounted there")
    links: dict[bytes, bytes] = {}
    folders, others = set(), set()
    with os.scandir(handle) as entries:
        for entry in entries:
            name = os.fsencode(entry.name)
            if entry.is_symlink():
                if (text := read_text(handle, name)) is not None:
                    links[name] = text
            elif entry.is_dir(follow_symlinks=False):
                folders.add(name)
            else:
                others.add(name)
    return DiskFolder(status.st_ino, links, frozenset(folders), frozenset(others), stamp=stamp)
