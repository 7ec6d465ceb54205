"""Taking away what faced made in a people folder, once its links are gone: empty folders of nobody, and its own files.

What somebody else put there, or changed, stays, and with it the folder that it is in.
"""

import errno
import os
import stat
from contextlib import suppress

from faced.folders.disk import Disk, join_path
from faced.folders.place import FOR_OTHERS, MARKER, OWN, OWN_README
from faced.folders.tree import opened
from faced.folders.writer import TreeWriter
from faced.store.base import Base
from faced.store.intents import Operation

__all__ = ["plan_leftovers", "remove_own_files"]

STAYS = frozenset([errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.ELOOP])


def plan_leftovers(base: Base, disk: Disk) -> tuple[Operation, ...]:
    """Folders that faced made to put others into and that are empty now, the deepest first. Pure."""
    removed: set[bytes] = set()
    operations = []
    for folder in sorted(base.folders, key=lambda f: (-f.path.count(b"/"), f.path)):
        found = disk.get(folder.path)
        if folder.person is not None or found is None or found.problem is not None or found.ino != folder.ino:
            continue
        inside = {name for name in found.folders if join_path(folder.path, name) not in removed}
        if not (found.links or found.others or inside):
            removed.add(folder.path)
            operations.append(Operation("rmdir", folder.path, ino=folder.ino))
    return tuple(operations)


def remove_own_files(root: int, writer: TreeWriter) -> bool:
    """Markers and `.faced`, as far as they are as faced made them. root: handle. Says whether nothing was left."""
    for name, content in FOR_OTHERS.items():
        _remove_file(root, name, content, writer)
    try:
        with opened(root, OWN) as own:
            _remove_file(own, b"README", OWN_README, writer)
            for name in (MARKER, MARKER + b".new"):
                _remove_file(own, name, None, writer)
            for name in (b"tmp", b"junk"):
                _remove_folder(own, name, writer)
    except OSError as error:
        if error.errno not in STAYS:
            raise
    _remove_folder(root, OWN, writer)
    writer.flush(root)
    return not any(name in (*FOR_OTHERS, OWN) for name in map(os.fsencode, os.listdir(root)))


def _remove_file(folder: int, name: bytes, content: bytes | None, writer: TreeWriter) -> None:
    """content: what faced wrote; None: whatever it is. Only a plain file is one of faced's."""
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        is_ours = stat.S_ISREG(status.st_mode) and (content is None or file.read(len(content) + 1) == content)
    if is_ours:
        with suppress(FileNotFoundError):
            writer.unlink(folder, name)


def _remove_folder(folder: int, name: bytes, writer: TreeWriter) -> None:
    try:
        writer.rmdir(folder, name)
    except OSError as error:
        if error.errno not in STAYS:
            raise
