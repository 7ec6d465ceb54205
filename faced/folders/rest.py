"""What need not be done again: a pass that found nothing to do rests, and what has not changed since is neither read nor
planned.

Decides nothing about persons or links: only whether anything can have changed, and where.
"""

import marshal
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import chain

from sqlite_utils import Database

from faced.folders.disk import Disk, DiskFolder
from faced.folders.linking import Layout
from faced.folders.plan import PhotoPath, ShownPerson
from faced.folders.tree import stamp_of
from faced.model import FolderId, ImageId, PersonId
from faced.store.asks import load_undecided
from faced.store.base import (
    Base,
    BaseLink,
    count_links_by_person,
    count_links_in,
    load_folders_of_images,
    load_links_in,
    load_person_folders,
)
from faced.store.database import Store
from faced.store.follow import load_images_of_texts
from faced.store.seen import (
    SeenFolder,
    differs_from_seen,
    is_at_rest,
    load_seen,
    load_stamps_as_base,
    load_stamps_of_seen,
    save_rest,
    save_seen,
)
from faced.store.shown import load_shown, save_shown

__all__ = [
    "Stored",
    "digest_wanted",
    "find_changed",
    "load_known",
    "note_calm",
    "rests",
]

Wanted = Mapping[PersonId, bytes]
"""What is to be shown of each person, as a digest."""


def rests(db: Database, root: int, key: str) -> bool:
    """Whether neither the store nor any folder has changed since nothing was to be done. root: handle."""
    return is_at_rest(db, key) and _are_same(db, root)


def _are_same(db: Database, root: int) -> bool:
    for path, stamp in load_stamps_of_seen(db).items():
        try:
            status = os.stat(path, dir_fd=root, follow_symlinks=False) if path else os.fstat(root)
        except OSError:
            return False
        if stamp_of(status) != stamp:
            return False
    return True


def load_known(
    db: Database, *, with_links: bool = True, paths: Collection[bytes] | None = None
) -> dict[bytes, DiskFolder]:
    """The folders as they were when nothing was to be done, for read_tree. paths: only these."""
    return {
        path: DiskFolder(seen.stamp.ino, seen.links, seen.folders, seen.others, stamp=seen.stamp)
        for path, seen in load_seen(db, with_links=with_links, paths=paths).items()
    }


class Stored:
    """Base and the folders as they were when nothing was to be done, piece by piece (see part.Source).

    disk: as read with what load_known gave without links.
    """

    def __init__(self, db: Database, disk: Disk) -> None:
        self._db = db
        self._disk = disk
        self.stamps = load_stamps_as_base(db)

    def load_links(self, folders: Collection[FolderId]) -> tuple[BaseLink, ...]:
        return load_links_in(self._db, folders)

    def read_links(self, paths: Collection[bytes]) -> Mapping[bytes, Mapping[bytes, bytes]]:
        known = load_known(self._db, paths=[path for path in paths if self._disk[path].stamp is not None])
        return {path: seen.links for path, seen in known.items() if seen.stamp == self._disk[path].stamp}

    def fill(self) -> Disk:
        """The disk with all links."""
        links = self.read_links([path for path, found in self._disk.items() if not found.links])
        return Disk(
            {
                path: replace(found, links=links[path]) if path in links else found
                for path, found in self._disk.items()
            }
        )

    def find_images(self, texts: Collection[bytes]) -> Mapping[bytes, ImageId]:
        return load_images_of_texts(self._db, texts)

    def find_folders(self, images: Collection[ImageId]) -> Mapping[ImageId, frozenset[FolderId]]:
        return load_folders_of_images(self._db, images)

    def count_by_person(self) -> Mapping[PersonId, int]:
        return count_links_by_person(self._db)

    def count_in(self, folder: FolderId) -> int:
        return count_links_in(self._db, folder)


def digest_wanted(
    shown: Iterable[ShownPerson], photos: Mapping[ImageId, Sequence[PhotoPath]], layout: Layout
) -> dict[PersonId, bytes]:
    """Says of each person what is to be shown of her, and how."""
    how = repr(layout).encode()
    return {person.id: _digest(person, photos, how) for person in shown}


def _digest(person: ShownPerson, photos: Mapping[ImageId, Sequence[PhotoPath]], how: bytes) -> bytes:
    images = sorted(person.images)
    found = [photos.get(image, ()) for image in images]
    what = (
        how,
        None if person.name is None else person.name.encode("utf-8", "surrogateescape"),
        person.place,
        person.hidden,
        person.may_divide,
        sorted(person.link_names.items()),
        images,
        [*map(len, found)],
        [*chain.from_iterable(chain.from_iterable(found))],
    )
    # Version 2: later ones say the same thing in several ways.
    return blake2b(marshal.dumps(what, 2), digest_size=16).digest()


def find_changed(db: Database, key: str, wanted: Wanted) -> frozenset[PersonId] | None:
    """Of whom something else is to be shown than when nothing was to be done, or has been done since; None: that is not
    known.
    """
    before = load_shown(db, key)
    if before is None:
        return None
    everybody = wanted.keys() | before.keys()
    changed = {person for person in everybody if wanted.get(person) != before.get(person)}
    return frozenset(changed | (load_person_folders(db).keys() - before.keys()))


def note_calm(store: Store, base: Base, disk: Disk, key: str, wanted: Wanted, *, may_rest: bool) -> None:
    """Nothing was to be done. base, disk: as planned with, perhaps without the links of folders that are as base says.

    may_rest: neither is anything else. There is no rest while a folder is young or cannot be read, or something is
    undecided. Writes only what is news.
    """
    db = store.db
    if is_at_rest(db, key):
        return
    links: dict[FolderId, dict[bytes, bytes]] = {folder.id: {} for folder in base.folders}
    for link in base.links:
        links[link.folder][link.name] = link.text
    here = {folder.path: links[folder.id] for folder in base.folders if _is_at(folder.ino, disk, folder.path)}
    seen = {
        path: SeenFolder(found.stamp, found.links, found.folders, found.others, here.get(path) == found.links)
        for path, found in disk.items()
        if found.stamp is not None and found.problem is None
    }
    rests_now = may_rest and len(seen) == len(disk) and not load_undecided(db)
    if not rests_now and load_shown(db, key) == wanted and not differs_from_seen(db, seen):
        return
    with store.write() as db:
        save_seen(db, seen)
        save_shown(db, key, wanted)
        if rests_now:
            save_rest(db, key)


def _is_at(ino: int, disk: Disk, path: bytes) -> bool:
    found = disk.get(path)
    return found is not None and found.ino == ino
