"""Face pictures on disk: which files of the people folder are some, and of which faces.

One is known by the comment in it, never by its name; it is faced's own while it is what faced made, to the last byte.
A picture that is as base has it is not read again.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from faced.folders.disk import Disk, join_path
from faced.folders.names import is_junk
from faced.folders.picture_file import LARGEST, FoundPicture, read_picture
from faced.folders.tree import is_place_wide, opened
from faced.store.base import Base, BasePicture

__all__ = ["Pictures", "find_pictures"]


@dataclass(frozen=True, slots=True)
class Pictures:
    """What a look found. at: by path. made: checksums of files that faced made."""

    at: Mapping[bytes, FoundPicture] = field(default_factory=dict)
    made: frozenset[str] = frozenset()

    def is_made(self, path: bytes) -> bool:
        """Whether a face picture is there that is still as faced made it."""
        found = self.at.get(path)
        return found is not None and found.checksum in self.made


def find_pictures(
    root: int, base: Base, disk: Disk, load_made: Callable[[Iterable[str]], Mapping[str, str]]
) -> Pictures:
    """Look at every small file of the tree. load_made: which of these checksums are of pictures that faced made.

    Raises OSError when the place is at fault.
    """
    folders = {folder.id: folder for folder in base.picture_folders}
    inodes = {folder.ino for folder in base.picture_folders}
    ours: dict[int, dict[bytes, BasePicture]] = {ino: {} for ino in inodes}
    for picture in base.pictures:
        ours[folders[picture.folder].ino][picture.name] = picture
    at: dict[bytes, FoundPicture] = {}
    for path, folder in disk.items():
        names = [name for name in folder.others if not is_junk(name) and (path or not name.startswith(b"."))]
        if not names or folder.problem is not None:
            continue
        try:
            with opened(root, path, folder.ino) as handle:
                for name in names:
                    known = ours.get(folder.ino, {}).get(name)
                    if (found := _look(handle, name, known)) is not None:
                        at[join_path(path, name)] = found
        except OSError as error:
            if is_place_wide(error) and error.errno != errno.EIO:
                raise
    known_sums = {picture.checksum for picture in base.pictures}
    made = load_made({found.checksum for found in at.values()} - known_sums)
    return Pictures(at, frozenset(known_sums | made.keys()))


def _look(folder: int, name: bytes, known: BasePicture | None) -> FoundPicture | None:
    try:
        status = os.lstat(name, dir_fd=folder)
        if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
            return None
        if known is not None and (status.st_ino, status.st_mtime_ns) == (known.ino, known.mtime_ns):
            return FoundPicture(known.face, known.checksum, known.ino, known.mtime_ns)
        return read_picture(folder, name)
    except OSError as error:
        if is_place_wide(error) and error.errno != errno.EIO:
            raise
        return None  # gone, or not to be read: then it is no face picture, for now
