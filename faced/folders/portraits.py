"""Portraits: pictures from elsewhere that a user put into the people folder, and whose they are by where they lie.

`find_portraits` looks at the files and only reads; `judge_places` is pure. What is on a picture is not known here.
"""

import os
import stat
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from faced.folders.arrived import is_usable_place, why_nobodys
from faced.folders.disk import DiskFolder, join_path, parent_of
from faced.folders.hold import OWN_FOLDERS
from faced.folders.names import is_junk
from faced.model import FileStamp, PersonId
from faced.pictures.decode import EXTENSIONS
from faced.store.base import BaseFolder

__all__ = ["PortraitPlace", "find_portraits", "judge_places"]


@dataclass(frozen=True, slots=True)
class PortraitPlace:
    """What a folder says of the portraits in it. person: they are hers; None: somebody new. why: they say nothing."""

    person: PersonId | None = None
    why: str | None = None


def find_portraits(
    root: bytes,
    disk: Mapping[bytes, DiskFolder],
    passed_over: Collection[bytes],
    copies: Collection[tuple[int, bytes]],
    is_link: Callable[[bytes, bytes], bool],
) -> dict[bytes, FileStamp]:
    """The files that may be portraits, by path.

    root: absolute path. passed_over: paths of something else, face pictures. copies: (inode of the folder, name) of copies
    of photos. is_link: whether base has a link of that folder and name, for which a program has put the file there.
    """
    found: dict[bytes, FileStamp] = {}
    for folder, here in disk.items():
        if not folder or folder.split(b"/")[0].lower() in OWN_FOLDERS:
            continue
        for name in here.others:
            path = join_path(folder, name)
            is_picture = name[name.rfind(b".") :].lower() in EXTENSIONS and not is_junk(name)
            if not is_picture or name[:1] == b"." or path in passed_over or (here.ino, name) in copies:
                continue
            if is_link(folder, name):
                continue
            stamp = _stamp_of(os.path.join(root, path))
            if stamp is not None:
                found[path] = stamp
    return found


def _stamp_of(file: bytes) -> FileStamp | None:
    try:
        status = os.lstat(file)
    except OSError:
        return None
    stamp = FileStamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    return stamp if stat.S_ISREG(status.st_mode) else None


def judge_places(
    folders: Collection[bytes],
    base: Collection[BaseFolder],
    disk: Mapping[bytes, DiskFolder],
    hidden: Collection[PersonId],
    albums: Collection[PersonId],
    unclear: Collection[bytes],
) -> dict[bytes, PortraitPlace]:
    """Say of each folder with portraits whose they are.

    hidden, albums: persons, and albums, whose folders say nothing. unclear: paths of which it is not known what became
    of them.

    | the folder is, or lies in           | the portraits are            |
    | a person's, with a name or without  | hers                         |
    | an album, a stranger's              | the user's affair            |
    | a new one, with a name              | somebody new                 |
    | one with links, or persons, in it   | the user's affair            |
    | what is held, or not decided        | not to be told now           |
    """
    owners = {folder.path: folder for folder in base if folder.person is not None}
    found = {}
    for path in folders:
        owner = next((owners[above] for above in _with_above(path) if above in owners), None)
        if any(above in unclear for above in _with_above(path)) or (
            owner is not None and disk[owner.path].ino != owner.ino
        ):
            found[path] = PortraitPlace(why="it waits until it is known what became of its folder")
        elif owner is not None and owner.person in albums:
            found[path] = PortraitPlace(why="a picture in an album says nothing; it is yours")
        elif owner is not None and owner.person in hidden:
            found[path] = PortraitPlace(
                why="a picture in the folder of somebody hidden says nothing; it is yours"
            )
        elif owner is not None:
            found[path] = PortraitPlace(person=owner.person)
        else:
            found[path] = PortraitPlace(why=_why_nobodys(path, owners, disk[path]))
    return found


def _why_nobodys(path: bytes, owners: Collection[bytes], here: DiskFolder) -> str | None:
    if not is_usable_place(path):
        return "nothing can be meant by a picture here; it is yours"
    if here.links:
        return "there are links in this folder, so it is not somebody's by a picture"
    above_somebody = any(owner.startswith(path + b"/") for owner in owners)
    return why_nobodys(path, is_above_somebody=above_somebody)


def _with_above(path: bytes) -> list[bytes]:
    found = []
    while path:
        found.append(path)
        path = parent_of(path)
    return found
