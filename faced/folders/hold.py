"""Base and disk, for the plan: what is as faced left it, what is not, and what was never faced's.

Values in, values out. What differs from base is the user's doing. It is held here whatever it means: reported
with a plain reason, and no plan touches it. What it means is for `interpret` to say, in a look of its own.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from faced.folders.disk import Disk, DiskFolder, join_path
from faced.folders.names import is_junk, is_passed_over
from faced.model import FolderId
from faced.store.base import Base, BaseFolder, BaseLink

__all__ = [
    "IGNORED",
    "OWN_FOLDERS",
    "Held",
    "has_arrived_in",
    "hold_tree",
    "is_ignored",
    "is_strangers_place",
    "is_usable_parent",
]

IGNORED = b"_Ignored"
"""Where strangers' folders are: they are known, and shown nowhere else."""
OWN_FOLDERS = frozenset([b"_suggestions", b"_unsorted", b"_ignored"])
"""Of the people folder itself, in small letters: no person's folder is ever one of these, and only strangers' are in
one of them.
"""


@dataclass(frozen=True, slots=True)
class Held:
    """What the disk says, seen from base.

    held_folders: base folders that are not where or what they were; nothing in them is touched.
    held_links: (folder, name) of base links that are not as they were. left_alone: path to reason.
    """

    held_folders: frozenset[FolderId]
    held_links: frozenset[tuple[FolderId, bytes]]
    left_alone: Mapping[bytes, str]


def hold_tree(base: Base, disk: Disk) -> Held:
    """Compare base with the disk, entry by entry.

    | base            | disk                              | it is                          |
    | folder          | the same inode there              | as faced left it               |
    | folder          | cannot be read                    | held                           |
    | folder          | missing, or another one           | held: removed, renamed, moved  |
    | link in such    | anything                          | held with its folder           |
    | link            | a link with the same text         | as faced left it               |
    | link            | missing, other text, no link      | held                           |
    | -               | junk of the desktop, hidden       | nothing                        |
    | -               | an empty folder                   | nothing ("New folder")         |
    | -               | a file, link or folder            | somebody else's: reported      |
    """
    left_alone: dict[bytes, str] = {}
    here: dict[FolderId, BaseFolder] = {}
    for folder in base.folders:
        reason = _folder_reason(folder, disk)
        if reason is None:
            here[folder.id] = folder
        else:
            left_alone[folder.path] = reason
    ours: dict[bytes, set[bytes]] = defaultdict(set)
    held_links = set()
    for link in base.links:
        if (home := here.get(link.folder)) is None:
            continue
        ours[home.path].add(link.name)
        reason = _link_reason(link, disk[home.path])
        if reason is not None:
            held_links.add((link.folder, link.name))
            left_alone[join_path(home.path, link.name)] = reason
    _add_pictures(base, disk, here, ours)
    known = frozenset(folder.path for folder in here.values())
    left_alone.update(_strangers(disk, known, ours, left_alone))
    held = frozenset(folder.id for folder in base.folders if folder.id not in here)
    return Held(held, frozenset(held_links), left_alone)


def _add_pictures(
    base: Base, disk: Disk, here: dict[FolderId, BaseFolder], ours: dict[bytes, set[bytes]]
) -> None:
    """Face pictures are no strangers; what a user did with them is said where it is understood."""
    for folder in base.picture_folders:
        if (found := disk.get(folder.path)) is not None and found.ino == folder.ino:
            here[folder.id] = folder
    for picture in base.pictures:
        if picture.folder in here:
            ours[here[picture.folder].path].add(picture.name)


def _folder_reason(folder: BaseFolder, disk: Disk) -> str | None:
    found = disk.get(folder.path)
    if found is None:
        return "the folder that faced made here was removed, renamed or moved"
    if found.problem is not None:
        return f"the folder cannot be read: {found.problem}"
    if found.ino != folder.ino:
        return "another folder stands in the place of the one that faced made"
    return None


def _link_reason(link: BaseLink, found: DiskFolder) -> str | None:
    text = found.links.get(link.name)
    if text == link.text:
        return None
    if text is not None:
        return "the link that faced made here leads elsewhere now"
    if link.name in found.others or link.name in found.folders:
        return "something else stands in the place of the link that faced made"
    return "the link that faced made here was removed, renamed or moved"


def _strangers(
    disk: Disk, known: frozenset[bytes], ours: Mapping[bytes, set[bytes]], said: Mapping[bytes, str]
) -> Iterator[tuple[bytes, str]]:
    """What faced did not make, one line each; a folder of somebody else's is one line, whatever is in it."""
    parents = {above for path in known for above in _folders_above(path)}
    pending = [b""] if b"" in disk else []
    while pending:
        path = pending.pop()
        found = disk[path]
        if found.problem is not None and path and path not in said:
            yield path, f"the folder cannot be read: {found.problem}"
        for name in found.folders:
            below = join_path(path, name)
            if below in disk and (below in known or below in parents):
                pending.append(below)
            elif below not in said and below in disk and _holds_something(disk, below):
                yield below, "a folder that faced did not make"
        mine = ours.get(path, set())
        for names, kind in ((found.others, "file"), (found.links, "link")):
            for name in names:
                below = join_path(path, name)
                if name in mine or below in said or is_junk(name) or (not path and name.startswith(b".")):
                    continue
                yield below, f"a {kind} that faced did not make"


def _folders_above(path: bytes) -> Iterator[bytes]:
    above = path.rpartition(b"/")[0]
    while above:
        yield above
        above = above.rpartition(b"/")[0]


def _holds_something(disk: Disk, path: bytes) -> bool:
    """Whether anything but junk, hidden folders and empty folders is in it, at any depth."""
    pending = [path]
    while pending:
        here = pending.pop()
        found = disk[here]
        if found.problem is not None or found.links or any(not is_junk(name) for name in found.others):
            return True
        pending += [
            join_path(here, name)
            for name in found.folders
            if not is_passed_over(name) and join_path(here, name) in disk
        ]
    return False


def is_ignored(path: bytes) -> bool:
    """Whether this is a folder of a stranger, by where it is."""
    first, _, below = path.partition(b"/")
    return below != b"" and first.lower() == IGNORED.lower()


def is_strangers_place(path: bytes) -> bool:
    """Whether this is the folder of strangers itself: a person's was moved there before there was one."""
    return path.lower() == IGNORED.lower()


def has_arrived_in(path: bytes, inside: Iterable[int], folders: Iterable[BaseFolder]) -> bool:
    """Whether a person's folder was put into this one, that base has elsewhere. inside: inodes of all that is in it."""
    within = path + b"/"
    elsewhere = {f.ino for f in folders if f.person is not None and not (f.path + b"/").startswith(within)}
    return not elsewhere.isdisjoint(inside)


def is_usable_parent(folder: bytes, disk: Disk, taken: Collection[bytes]) -> bool:
    """Whether a person's folder may be put in this one: it is there or can be made, and is none of faced's own.

    taken: paths of folders that it must not be, nor lie in.
    """
    while folder:
        parent, _, name = folder.rpartition(b"/")
        found, around = disk.get(folder), disk.get(parent)
        is_there = found is not None and found.problem is None
        if around is not None and not is_there:
            used = {*around.links, *around.others, *around.folders}
            if around.problem is not None or name in used:
                return False
        if folder in taken or is_passed_over(name) or folder.lower() in OWN_FOLDERS or not name:
            return False
        folder = parent
    return True
