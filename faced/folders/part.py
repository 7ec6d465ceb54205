"""Which part of base and of the disk is to be looked at: what can have changed since nothing was to be done, and what
may have to do with it.

A folder that is where base has it, and looks as it did when it held what base has there, is as base says: nobody need
load it. What is decided by the part that is chosen here is what the whole would decide; only that is less to do.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from faced.folders.disk import Disk, DiskFolder, join_path, parent_of
from faced.model import FolderId, ImageId, PersonId
from faced.store.base import Base, BaseFolder, BaseLink
from faced.store.follow import AwayFolder, KnownCopy
from faced.store.seen import FolderStamp

__all__ = ["AllLinks", "InHand", "Part", "Source", "find_part_of_look", "find_part_of_plan", "strange_texts"]


class AllLinks(Protocol):
    """What may be asked about all links of base."""

    def count_by_person(self) -> Mapping[PersonId, int]: ...
    def count_in(self, folder: FolderId) -> int: ...
    def find_folders(self, images: Collection[ImageId]) -> Mapping[ImageId, frozenset[FolderId]]: ...


class InHand:
    """All links of base, where they are loaded."""

    def __init__(self, links: Iterable[BaseLink]) -> None:
        self._links = tuple(links)

    def count_by_person(self) -> Mapping[PersonId, int]:
        return Counter(link.person for link in self._links)

    def count_in(self, folder: FolderId) -> int:
        return sum(link.folder == folder for link in self._links)

    def find_folders(self, images: Collection[ImageId]) -> Mapping[ImageId, frozenset[FolderId]]:
        found: dict[ImageId, set[FolderId]] = defaultdict(set)
        for link in self._links:
            if link.image in images:
                found[link.image].add(link.folder)
        return {image: frozenset(folders) for image, folders in found.items()}


class Source(AllLinks, Protocol):
    """Where the part comes from."""

    def load_links(self, folders: Collection[FolderId]) -> tuple[BaseLink, ...]:
        """Base's, in these folders."""

    def read_links(self, paths: Collection[bytes]) -> Mapping[bytes, Mapping[bytes, bytes]]:
        """The disk's in these folders, which look as they did when they were read last, by name."""

    def find_images(self, texts: Collection[bytes]) -> Mapping[bytes, ImageId]:
        """What links stand for that base does not have where they are, as far as that is known."""


@dataclass(frozen=True, slots=True)
class Part:
    """base, disk: without the links of folders that are as base says. persons: in whose folders something may have
    changed, or be otherwise than it is to be.
    """

    base: Base
    disk: Disk
    persons: frozenset[PersonId]


def find_part_of_plan(
    base: Base,
    disk: Disk,
    stamps: Mapping[bytes, FolderStamp],
    source: Source,
    changed: Collection[PersonId],
) -> Part:
    """What a plan must know.

    base: without links. disk: links may be left out where the folder looks as it did when it was read last.
    stamps: of the folders that held what base has there when they were read last. changed: persons of whom something
    else is to be shown. Folders around others are among what is loaded, for new names must be free in them.
    """
    chosen = _Choice(base, disk, stamps, source)
    chosen.add_touched()
    only = chosen.persons | set(changed)
    chosen.add_persons(only)
    chosen.add_paths(path for path, found in disk.items() if found.folders)
    return chosen.part(only)


def find_part_of_look(
    base: Base,
    disk: Disk,
    stamps: Mapping[bytes, FolderStamp],
    source: Source,
    *,
    copies: Collection[KnownCopy] = (),
    files: Mapping[bytes, tuple[bytes, ImageId | None]] | None = None,
    merged: Mapping[PersonId, PersonId] | None = None,
    away: Iterable[AwayFolder] = (),
) -> Part:
    """What an interpretation must know. base, disk, stamps: as for find_part_of_plan; the others: as in Context.

    That is what was touched; all of the persons whose folders that is in; and of those who have a link to a photo of which
    one more link, or copy, is found somewhere.
    """
    chosen = _Choice(base, disk, stamps, source)
    chosen.add_touched()
    persons = chosen.persons | chosen.find_owners_above()
    images = chosen.find_strange_images(frozenset(copies), merged or {}) | _images_of(
        files or {}, disk, copies
    )
    persons |= chosen.find_persons_on(images)
    together = {(merged or {}).get(person, person) for person in persons}
    persons |= together | {person for person, into in (merged or {}).items() if into in together}
    chosen.add_persons(persons)
    if chosen.is_deep() or any(b"/" in link.name for folder in away for link in folder.links):
        chosen.add_paths(chosen.find_below_strange())
    return chosen.part(persons)


def _images_of(
    files: Mapping[bytes, tuple[bytes, ImageId | None]], disk: Disk, copies: Collection[KnownCopy]
) -> set[ImageId]:
    known = {(copy.folder, copy.name, copy.text) for copy in copies}
    found = set()
    for path, (mark, image) in files.items():
        folder, name = parent_of(path), path.rpartition(b"/")[2]
        if image is not None and (disk[folder].ino, name, mark) not in known:
            found.add(image)
    return found


class _Choice:
    """What is loaded so far."""

    def __init__(self, base: Base, disk: Disk, stamps: Mapping[bytes, FolderStamp], source: Source) -> None:
        self.base = base
        self.disk = Disk(dict(disk))
        self.source = source
        self.homes = {folder.path: folder for folder in base.folders}
        self.away = [folder for folder in base.folders if not _is_in_place(folder, disk)]
        away = {folder.path for folder in self.away}
        self.as_base = {
            path
            for path, found in disk.items()
            if path in self.homes and path not in away and _is_same(found, stamps.get(path))
        }
        self.links: dict[FolderId, tuple[BaseLink, ...]] = {}
        self.filled: set[bytes] = set()
        self.persons: set[PersonId] = set()

    def part(self, persons: Collection[PersonId]) -> Part:
        for path in self.as_base:  # as base says, and base is not asked
            if self.disk[path].links and self.homes[path].id not in self.links:
                self.disk[path] = replace(self.disk[path], links={})
        links = tuple(link for _, found in sorted(self.links.items()) for link in found)
        return Part(replace(self.base, links=links), self.disk, frozenset(persons))

    # Loading.

    def add_touched(self) -> None:
        touched = self.disk.keys() - self.as_base
        self._load([self.homes[path] for path in touched if path in self.homes] + self.away)
        self._fill(touched)
        found = {folder.person for folder in self.base.folders if folder.id in self.links}
        self.persons = {person for person in found if person is not None}

    def add_persons(self, persons: Collection[PersonId]) -> None:
        self._add([folder for folder in self.base.folders if folder.person in persons])

    def add_paths(self, paths: Iterable[bytes]) -> None:
        self._add([self.homes[path] for path in paths if path in self.homes])

    def _add(self, folders: list[BaseFolder]) -> None:
        self._load(folders)
        self._fill({folder.path for folder in folders if folder.path in self.disk})

    def _load(self, folders: Iterable[BaseFolder]) -> None:
        new = {folder.id for folder in folders} - self.links.keys()
        self.links |= dict.fromkeys(new, ())
        found: dict[FolderId, list[BaseLink]] = defaultdict(list)
        for link in self.source.load_links(new):
            found[link.folder].append(link)
        self.links |= {id_: tuple(links) for id_, links in found.items()}

    def _fill(self, paths: Collection[bytes]) -> None:
        new = {path for path in set(paths) - self.filled if not self.disk[path].links}
        self.filled |= new
        for path, links in self.source.read_links(new).items():
            self.disk[path] = replace(self.disk[path], links=links)

    # Who has to do with it.

    def find_owners_above(self) -> set[PersonId]:
        """Of the folders in which those are that were touched."""
        owners = {self.homes[above].person for above in self._above_touched() if above in self.homes}
        return {person for person in owners if person is not None}

    def _above_touched(self) -> set[bytes]:
        return {above for path in self.disk.keys() - self.as_base for above in _with_above(path)}

    def find_persons_on(self, images: Collection[ImageId]) -> set[PersonId]:
        """Who has a link to one of these."""
        folders = {id_ for found in self.source.find_folders(images).values() for id_ in found}
        return {f.person for f in self.base.folders if f.id in folders and f.person is not None}

    def find_strange_images(
        self, copies: Collection[KnownCopy], merged: Mapping[PersonId, PersonId]
    ) -> set[ImageId]:
        """Of links that are none of base's, nor known to be the user's affair."""
        at = {folder.ino: folder for folder in self.away}
        strange: list[bytes] = []
        for path in self.disk.keys() - self.as_base:
            found = self.disk[path]
            home = at.get(found.ino, self.homes.get(path))
            ours = {} if home is None else {link.name: link.text for link in self.links[home.id]}
            owner = None if self.away or not copies else self._owner(path, merged)
            strange += [
                text
                for name, text in found.links.items()
                if ours.get(name) != text
                and (self.away or KnownCopy(found.ino, name, text, owner) not in copies)
            ]
        known = {link.text: link.image for links in self.links.values() for link in links}
        known = {**self.source.find_images(set(strange)), **known}
        return {known[text] for text in strange if text in known}

    def _owner(self, path: bytes, merged: Mapping[PersonId, PersonId]) -> PersonId | None:
        for above in _with_above(path):
            home = self.homes.get(above)
            if home is not None and home.person is not None:
                return merged.get(home.person, home.person)
        return None

    def is_deep(self) -> bool:
        """Whether a folder is sought by links that are in others inside it."""
        persons = {folder.person for folder in self.away if folder.person is not None}
        inside = [folder for folder in self.base.folders if folder.person in persons]
        return any(
            other.person == folder.person and other.path.startswith(folder.path + b"/")
            for folder in self.away
            for other in inside
        )

    def find_below_strange(self) -> list[bytes]:
        """Folders inside those that base does not know."""
        strange = self.disk.keys() - self.homes.keys() - {b""}
        return [path for path in self.disk if any(above in strange for above in _with_above(parent_of(path)))]


def _is_in_place(folder: BaseFolder, disk: Disk) -> bool:
    found = disk.get(folder.path)
    return found is not None and found.ino == folder.ino and found.problem is None


def _is_same(found: DiskFolder, stamp: FolderStamp | None) -> bool:
    return found.stamp is not None and found.stamp == stamp


def _with_above(path: bytes) -> Iterator[bytes]:
    while path:
        yield path
        path = parent_of(path)


def strange_texts(base: Base, disk: Disk) -> set[bytes]:
    """Texts of links that base does not have where they are."""
    paths = {folder.id: folder.path for folder in base.folders}
    ours = {join_path(paths[link.folder], link.name): link.text for link in base.links}
    return {
        text
        for path, found in disk.items()
        for name, text in found.links.items()
        if ours.get(join_path(path, name)) != text
    }
