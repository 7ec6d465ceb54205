"""What need not be done again: folders that have not changed are not read, and a pass that found nothing to do rests.

Decides nothing about persons or links: only whether anything can have changed.
"""

import os
from collections.abc import Mapping

from sqlite_utils import Database

from faced.folders.disk import Disk, DiskFolder
from faced.folders.tree import stamp_of
from faced.store.asks import load_undecided
from faced.store.database import Store
from faced.store.seen import SeenFolder, is_at_rest, load_seen, load_stamps_of_seen, save_rest, save_seen

__all__ = ["load_known", "note_rest", "rests"]


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


def load_known(db: Database) -> Mapping[bytes, DiskFolder]:
    """The folders as they were when nothing was to be done, for read_tree."""
    return {
        path: DiskFolder(seen.stamp.ino, seen.links, seen.folders, seen.others, stamp=seen.stamp)
        for path, seen in load_seen(db).items()
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
