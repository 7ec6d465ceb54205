"""What need not be done again: folders that have not changed are not read, and a pass that found nothing to do rests.

Decides nothing about persons or links: only whether anything can have changed, and of whom.
"""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlite_utils import Database

from faced.clock import CLOCK, Clock
from faced.folders.disk import Disk, DiskFolder
from faced.folders.plan import PhotoPath, ShownPerson
from faced.folders.tree import read_tree, stamp_of
from faced.model import ImageId, PersonId
from faced.store.asks import TREE_KINDS, load_asks, load_undecided
from faced.store.database import Store
from faced.store.follow import load_copies
from faced.store.pictures import load_understood_pictures
from faced.store.seen import (
    SeenFolder,
    is_at_rest,
    load_seen,
    load_stamps_of_seen,
    save_rest,
    save_seen,
)
from faced.store.tree import count_links, load_base, load_generation, load_left_alone, load_links_of

__all__ = [
    "Remembered",
    "add_links",
    "digest_wanted",
    "load_known",
    "look_untouched",
    "note_rest",
    "rests",
]

Wanted = Mapping[PersonId, int]
"""What is to be shown of each person, as a number that is another one when that is."""


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


# A process that lives on need not plan for persons of whom nothing has changed.


class Remembered:
    """What was to be shown of whom when nothing was to be done. It counts as long as nobody else changes the tree, or
    base; a process that lives on keeps it.
    """

    def __init__(self) -> None:
        self._wanted: Wanted | None = None
        self._key: str | None = None
        self._left: tuple[int, int] | None = None
        self._doubtful: frozenset[PersonId] = frozenset()

    def forget(self) -> None:
        """All is to be read and planned again."""
        self._wanted = None

    def note(self, key: str, wanted: Wanted) -> None:
        """Nothing was to be done for these settings."""
        self._key, self._wanted, self._doubtful = key, wanted, frozenset()

    def doubt(self, persons: Collection[PersonId]) -> None:
        """Something was done for these: they are to be planned for until nothing is."""
        self._doubtful |= frozenset(persons)

    def leave(self, db: Database) -> None:
        """A pass of this process is over: base as it is now is its work."""
        self._left = _base_now(db)

    def counts(self, db: Database, key: str) -> bool:
        """Whether it says anything about these settings and this base."""
        return self._wanted is not None and self._key == key and self._left == _base_now(db)

    def find_changed(self, wanted: Wanted) -> frozenset[PersonId] | None:
        """Of whom something else is to be shown than then, or was since; None: that cannot be told."""
        if self._wanted is None:
            return None
        before = self._wanted
        everybody = wanted.keys() | before.keys()
        changed = frozenset(person for person in everybody if wanted.get(person) != before.get(person))
        return changed | self._doubtful


def _base_now(db: Database) -> tuple[int, int]:
    return load_generation(db), count_links(db)


def digest_wanted(
    shown: Iterable[ShownPerson], photos: Mapping[ImageId, Sequence[PhotoPath]]
) -> dict[PersonId, int]:
    """Says of each person what is to be shown of her, within one process."""
    return {
        person.id: hash(
            (
                person.name,
                person.place,
                person.hidden,
                frozenset(person.link_names.items()),
                frozenset((image, tuple(photos.get(image, ()))) for image in person.images),
            )
        )
        for person in shown
    }


def look_untouched(db: Database, root: int, clock: Clock = CLOCK) -> Disk | None:
    """The disk if nobody but faced has changed it since nothing was to be done; then the links of folders that have not
    changed are left out. None: it may be, so it must be read whole. root: handle.
    """
    has_asks = any(ask.kind in TREE_KINDS for ask in load_asks(db))
    if (
        has_asks
        or load_undecided(db)
        or load_left_alone(db)
        or load_copies(db)
        or load_understood_pictures(db)
    ):
        return None
    known = load_known(db, with_links=False)
    disk = read_tree(root, known, clock)
    base = load_base(db, with_links=False)
    homes = {folder.path: folder for folder in (*base.folders, *base.picture_folders)}
    if any(path not in disk or disk[path].ino != home.ino for path, home in homes.items()):
        return None
    changed = [path for path, found in disk.items() if known.get(path) is not found]
    links = load_links_of(db, [homes[path].id for path in changed if path in homes])
    for path in changed:
        found, before = disk[path], known.get(path)
        if found.problem is not None or (path not in homes and (before is None or before.ino != found.ino)):
            return None
        ours = links.get(homes[path].id, {}) if path in homes else {}
        if found.links != ours or found.others != (frozenset() if before is None else before.others):
            return None
    return disk


def add_links(
    db: Database, disk: Mapping[bytes, DiskFolder], paths: Collection[bytes]
) -> dict[bytes, DiskFolder]:
    """To what look_untouched gave: the links of these folders, and of those around others."""
    around = {path for path, found in disk.items() if found.folders}
    known = load_known(db, paths=around.union(paths))
    return {
        path: known[path] if path in known and known[path].stamp == found.stamp else found
        for path, found in disk.items()
    }


def note_rest(store: Store, disk: Disk, key: str) -> None:
    """Nothing was to be done. Nothing is noted while a folder is young or cannot be read, or something is undecided."""
    if load_undecided(store.db) or is_at_rest(store.db, key):
        return
    seen = {
        path: SeenFolder(folder.stamp, folder.links, folder.folders, folder.others)
        for path, folder in disk.items()
        if folder.stamp is not None and folder.problem is None
    }
    with store.write() as db:
        save_seen(db, seen)
        if len(seen) == len(disk):
            save_rest(db, key)
