"""Photos that were copied into the people folder as files: known by their content, as a link is by its text.

Only reads. A file that cannot be read, or that is no photo of a library, is none; faced's own folders are passed over.
"""

import os
from collections.abc import Callable, Collection, Mapping

from faced.errors import Unreadable
from faced.folders.disk import Disk, join_path
from faced.folders.hold import OWN_FOLDERS
from faced.folders.names import is_junk
from faced.folders.tree import opened
from faced.model import ImageKey
from faced.pictures.hashing import image_key
from faced.pictures.read import read_photo
from faced.store.follow import KnownCopy

__all__ = ["CopiedFile", "find_copied_files"]

MAX_BYTES = 1 << 30
CopiedFile = tuple[bytes, ImageKey | None]
"""By what a file is known until it changes (as a link is by its text), and its image; None: not read, it is known."""


def find_copied_files(
    root: int, disk: Disk, copies: Collection[KnownCopy], may_be_photo: Callable[[int], bool]
) -> Mapping[bytes, CopiedFile]:
    """The files in the people folder that may be copies of photos, by path.

    root: handle. copies: those that are known are not read again. may_be_photo: whether a photo has so many bytes.
    """
    known = {(copy.folder, copy.name, copy.text) for copy in copies}
    found: dict[bytes, CopiedFile] = {}
    for path, folder in disk.items():
        names = [name for name in folder.others if not is_junk(name)]
        if not names or not path or path.split(b"/")[0].lower() in OWN_FOLDERS:
            continue
        try:
            with opened(root, path, folder.ino) as handle:
                for name in names:
                    seen = _look(handle, name, folder.ino, known, may_be_photo)
                    if seen is not None:
                        found[join_path(path, name)] = seen
        except OSError:
            continue  # gone since it was listed
    return found


def _look(
    folder: int,
    name: bytes,
    ino: int,
    known: Collection[tuple[int, bytes, bytes]],
    may_be_photo: Callable[[int], bool],
) -> CopiedFile | None:
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    mark = b"file %d %d %d" % (status.st_size, status.st_mtime_ns, status.st_ino)
    if (ino, name, mark) in known:
        return mark, None
    if not may_be_photo(status.st_size):
        return None
    try:
        data, _ = read_photo(b"/proc/self/fd/%d/" % folder + name, MAX_BYTES)
        return mark, image_key(data)
    except Unreadable:
        return None
