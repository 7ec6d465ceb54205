"""Which folder on disk is which folder of base, wherever and whatever it is called now.

Values in, values out. A folder is known by its inode together with its path or its links. The inode alone proves
nothing, for a freed one is soon given again; the links alone find a folder that was restored or copied back. A link is known by
the text that faced once wrote into it, never by its name or by where it leads.
"""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TypeVar

from faced.errors import shown
from faced.folders.disk import Disk, join_path, parent_of
from faced.model import FolderId, ImageId, PersonId
from faced.store.base import Base, BaseFolder
from faced.store.follow import AwayFolder

__all__ = ["Identity", "Looks", "identify_folders"]

Key = TypeVar("Key", bound=Hashable)


@dataclass(slots=True)
class Identity:
    """found: where a folder of base is. unclear: why it cannot be told where it is. vanished: it is nowhere.
    returned: where the folder of somebody hidden is again.
    """

    found: dict[FolderId, bytes] = field(default_factory=dict)
    unclear: dict[FolderId, str] = field(default_factory=dict)
    vanished: list[BaseFolder] = field(default_factory=list)
    returned: dict[PersonId, bytes] = field(default_factory=dict)


class Looks:
    """The disk's folders by the images that their links stand for.

    A relative text may have been written into folders at two depths for two photos: a link is that of base which has
    its name and text in the folder of this inode; any other stands for the photo whose link is not where it was.
    """

    def __init__(self, base: Base, disk: Disk, images_of_texts: Mapping[bytes, ImageId]) -> None:
        self.disk = disk
        self._image_of = {**images_of_texts, **{link.text: link.image for link in base.links}}
        self._ours = self._find_double(base)
        self.inodes = frozenset(folder.ino for folder in base.folders)
        self._images: dict[bytes, frozenset[ImageId]] = {}
        self._below: dict[bytes, frozenset[ImageId]] = {}

    def image_of(self, text: bytes) -> ImageId | None:
        """The image that a link of this text stands for; None: no link of faced's."""
        return self._image_of.get(text)

    def images_in(self, path: bytes) -> frozenset[ImageId]:
        """The images that the links in a folder stand for."""
        if path not in self._images:
            here = self.disk[path]
            found = [
                self._ours.get((here.ino, name, text)) or self._image_of.get(text)
                for name, text in here.links.items()
            ]
            self._images[path] = frozenset(image for image in found if image is not None)
        return self._images[path]

    def _find_double(self, base: Base) -> dict[tuple[int, bytes, bytes], ImageId]:
        """Links whose texts stand for other photos elsewhere, by the inode of their folder, name and text."""
        double = {link.text for link in base.links if self._image_of[link.text] != link.image}
        if not double:
            return {}
        inodes = {folder.id: folder.ino for folder in base.folders}
        there = {(f.ino, name, text) for f in self.disk.values() for name, text in f.links.items()}
        ours = {
            (inodes[link.folder], link.name, link.text): link.image
            for link in base.links
            if link.text in double
        }
        for key, image in ours.items():
            if key not in there:
                self._image_of[key[2]] = image
        return ours

    def images_below(self, path: bytes) -> frozenset[ImageId]:
        """Those of its folders of years, too, or whatever else is in it."""
        if not self._below:
            found: dict[bytes, set[ImageId]] = defaultdict(set)
            for other in self.disk:
                above = other
                while above:
                    found[above] |= self.images_in(other)
                    above = parent_of(above)
            self._below = {other: frozenset(images) for other, images in found.items()}
        return self._below.get(path, frozenset())


@dataclass(frozen=True, slots=True)
class _Sought:
    """A folder to be found. images: of its links, without those that are known to be missing. inside: if those are in folders
    inside it (of years), where these were.
    """

    path: bytes
    ino: int
    images: frozenset[ImageId]
    inside: frozenset[bytes] = frozenset()

    def images_at(self, looks: Looks, path: bytes) -> frozenset[ImageId]:
        """What is to be compared with those."""
        return looks.images_below(path) if self.inside else looks.images_in(path)


def identify_folders(
    base: Base, looks: Looks, missing: Collection[tuple[PersonId, ImageId]], away: Iterable[AwayFolder]
) -> Identity:
    """Find each folder of base, and of `away`, on the disk.

    missing: (person, image) of links that an earlier look saw to be missing: nobody expects them.

    | the disk has                                                       | the folder is        |
    | its inode at its path, whatever is in it                           | there                |
    | its inode elsewhere, with a link of it, or most in new subfolders  | there (moved)        |
    | its inode, and it had no links                                     | there                |
    | not so; one other folder with most of its links and few others     | that one (restored)  |
    | not so; several that are as like it                                | unclear: held        |
    | its inode elsewhere, and no links any more                         | unclear: held        |
    | none of these, or it cannot be read                                | vanished, or unclear |
    """
    images: dict[FolderId, set[ImageId]] = defaultdict(set)
    for link in base.links:
        if (link.person, link.image) not in missing:
            images[link.folder].add(link.image)
    folders = {folder.id: folder for folder in base.folders}
    sought = {id_: _Sought(f.path, f.ino, frozenset(images[id_])) for id_, f in folders.items()}
    identity = Identity()
    disk = looks.disk
    for id_, folder in list(sought.items()):
        here = disk.get(folder.path)
        if here is not None and here.problem is not None:
            identity.unclear[id_] = f"the folder cannot be read: {here.problem}"
        elif here is not None and here.ino == folder.ino:
            identity.found[id_] = folder.path
    pending = {k: s for k, s in sought.items() if k not in identity.found and k not in identity.unclear}
    if pending:
        _look_deeper(pending, sought, folders)
        _find_lost(pending, looks, identity)
    _find_away(away, looks, identity, pending)
    identity.vanished = [folders[k] for k in pending if k not in identity.found and k not in identity.unclear]
    if identity.vanished:
        _doubt_vanished(identity, looks, frozenset(f.path for f in base.folders))
    return identity


def _look_deeper(
    pending: dict[FolderId, _Sought],
    sought: Mapping[FolderId, _Sought],
    folders: Mapping[FolderId, BaseFolder],
) -> None:
    """A person's folder that has no links itself, for all are in folders inside it, is known by those."""
    theirs: dict[PersonId, list[BaseFolder]] = defaultdict(list)
    for folder in folders.values():
        if folder.person is not None:
            theirs[folder.person].append(folder)
    for id_, one in pending.items():
        person = folders[id_].person
        if person is None or one.images:
            continue
        below = one.path + b"/"
        inside = [sought[other.id] for other in theirs[person] if other.path.startswith(below)]
        if any(other.images for other in inside):
            images = frozenset[ImageId]().union(*(other.images for other in inside))
            pending[id_] = replace(one, images=images, inside=frozenset(other.path for other in inside))


def _agrees(folder: _Sought, looks: Looks, path: bytes) -> bool:
    """Whether the links of a folder with the right inode speak for it: many may have been moved since, or most sorted."""
    here = folder.images & folder.images_at(looks, path)
    return not folder.images or bool(here) or _count_sorted(folder, looks, path) * 2 > len(folder.images)


def _count_sorted(folder: _Sought, looks: Looks, path: bytes) -> int:
    """Its links in subfolders that are new there; one of its own name is the folder itself, put into another."""
    inside = [other for other in looks.disk if other.startswith(path + b"/")]
    if any(_last(other) == _last(folder.path) for other in inside):
        return 0
    strange = (looks.images_in(other) for other in inside if looks.disk[other].ino not in looks.inodes)
    return len(folder.images & frozenset().union(*strange))


def _find_lost(pending: Mapping[FolderId, _Sought], looks: Looks, identity: Identity) -> None:
    """Those that are not at their path: by inode and links, then by links."""
    lost = dict(pending)
    by_ino = _by_ino(looks.disk, identity.found.values())
    claims: dict[bytes, list[tuple[int, FolderId]]] = defaultdict(list)
    for id_, folder in pending.items():
        path = by_ino.get(folder.ino)
        if path is None or path == folder.path or path in folder.inside:
            continue  # a copy of it was put there: its folder of a year got the inode
        if not folder.images and looks.images_in(path):
            identity.unclear[id_] = f"it cannot be told whether {shown(path)} is this folder, which was empty"
            del lost[id_]
        elif _agrees(folder, looks, path):
            claims[path].append((len(folder.images & folder.images_at(looks, path)), id_))
    for path, found in claims.items():
        # Base may have one inode twice: of a folder that is gone, and of one that was made since.
        most = [id_ for count, id_ in found if count == max(found)[0]]
        for id_ in most:
            if len(most) == 1:
                identity.found[id_] = path
            else:
                identity.unclear[id_] = f"it cannot be told whether {shown(path)} is this folder"
            del lost[id_]
    matched, unclear = _match(lost, looks, {*identity.found.values()})
    identity.found.update(matched)
    for id_ in unclear:
        identity.unclear[id_] = "more than one folder could be the one that faced made here"


def _find_away(
    away: Iterable[AwayFolder], looks: Looks, identity: Identity, pending: Mapping[FolderId, _Sought]
) -> None:
    """Folders of hidden persons: an empty one only under its old name, for its inode may be another's by now."""
    sought = {
        f.person: _Sought(
            f.path,
            f.ino,
            frozenset(link.image for link in f.links),
            frozenset(parent_of(join_path(f.path, link.name)) for link in f.links if b"/" in link.name),
        )
        for f in away
    }
    if not sought:
        return
    taken = {*identity.found.values(), *(folder.path for folder in pending.values())}
    by_ino = _by_ino(looks.disk, taken)
    for person, folder in list(sought.items()):
        path = by_ino.get(folder.ino)
        if path is None or path in identity.returned.values() or not _agrees(folder, looks, path):
            continue
        if folder.images or (_last(path) == _last(folder.path) and not looks.disk[path].links):
            identity.returned[person] = path
            del sought[person]
    matched, _ = _match(sought, looks, taken | {*identity.returned.values()})
    identity.returned.update(matched)


def _by_ino(disk: Disk, taken: Iterable[bytes]) -> dict[int, bytes]:
    not_free = {b"", *taken}
    return {found.ino: path for path, found in disk.items() if found.problem is None and path not in not_free}


def _match(
    sought: Mapping[Key, _Sought], looks: Looks, taken: Collection[bytes]
) -> tuple[dict[Key, bytes], set[Key]]:
    """One to one, by the images of the links alone: most of one are most of the other. Same path first, then same
    name, then most alike. What is no better than another choice is not chosen: the second value.
    """
    free = [
        path for path, found in looks.disk.items() if path and found.problem is None and path not in taken
    ]
    holding: dict[ImageId, list[bytes]] = defaultdict(list)
    if any(folder.images and not folder.inside for folder in sought.values()):
        for path in free:
            for image in looks.images_in(path):
                holding[image].append(path)
    pairs: list[tuple[tuple[bool, bool, Fraction], Key, bytes]] = []
    for key, folder in sought.items():
        common: dict[bytes, int] = defaultdict(int)
        for image in folder.images:
            for path in holding.get(image, ()):
                common[path] += 1
        if folder.inside:
            common = {path: len(folder.images & looks.images_below(path)) for path in free}
        for path, count in common.items():
            size = len(looks.images_below(path)) if folder.inside else len(looks.disk[path].links)
            if count * 2 > len(folder.images) and count * 2 > size:
                alike = Fraction(count, len(folder.images) + size - count)
                rank = (path == folder.path, _last(path) == _last(folder.path), alike)
                pairs.append((rank, key, path))
    return _choose(pairs)


def _choose(
    pairs: list[tuple[tuple[bool, bool, Fraction], Key, bytes]],
) -> tuple[dict[Key, bytes], set[Key]]:
    chosen: dict[Key, bytes] = {}
    unclear: set[Key] = set()
    while pairs:
        best = max(rank for rank, _, _ in pairs)
        tied = [(key, path) for rank, key, path in pairs if rank == best]
        keys, paths = [key for key, _ in tied], [path for _, path in tied]
        for key, path in tied:
            if keys.count(key) == 1 and paths.count(path) == 1:
                chosen[key] = path
            else:
                unclear.add(key)
        pairs = [pair for pair in pairs if pair[1] not in keys and pair[2] not in paths]
    return chosen, unclear


def _doubt_vanished(identity: Identity, looks: Looks, base_paths: frozenset[bytes]) -> None:
    """A folder may be inside one that cannot be read, or have been emptied and moved, or something that is no folder
    stands in its place (a link to where it was taken, say): then it is not gone.
    """
    closed = [path for path, found in looks.disk.items() if found.problem is not None]
    strange = [path for path in closed if path not in base_paths]
    known = {b"", *identity.found.values()}
    empty = {
        found.ino: path
        for path, found in looks.disk.items()
        if path not in known and found.problem is None and not found.links and not found.others
    }
    for folder in list(identity.vanished):
        above = [path for path in closed if folder.path.startswith(path + b"/")]
        where = (*above, *strange)
        if where:
            identity.unclear[folder.id] = f"it may be in {shown(where[0])}, which cannot be read"
            identity.vanished.remove(folder)
        elif folder.ino in empty:
            identity.unclear[folder.id] = f"it may be {shown(empty[folder.ino])}, which is empty"
            identity.vanished.remove(folder)
        elif (around := looks.disk.get(parent_of(folder.path))) and (
            _last(folder.path) in around.links or _last(folder.path) in around.others
        ):
            identity.unclear[folder.id] = (
                "something that is no folder stands in its place: take it away, or put the folder back"
            )
            identity.vanished.remove(folder)


def _last(path: bytes) -> bytes:
    return path[len(parent_of(path)) :].lstrip(b"/")
