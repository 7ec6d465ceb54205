"""What a look at a library found, and how that is written down: one transaction, and none when nothing is new.

Decides only which quarantined files are others by now.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from faced.library.changes import Changes, Inodes, Scan, find_new
from faced.model import FileStamp, LibraryId, Place
from faced.store import photos as rows
from faced.store.database import Store
from faced.store.photos import Library
from faced.store.settings import next_number

__all__ = ["Findings", "State", "write_findings", "write_frozen"]


@dataclass(frozen=True, slots=True)
class State:
    """What the database says of a library as a whole."""

    online: bool
    problem: str | None
    place: Place | None


@dataclass(frozen=True, slots=True)
class Findings:
    """What is to be written. adopted: the library of which this one is the new place."""

    place: Place
    problem: str | None
    scan: Scan
    changes: Changes
    inodes: Inodes
    mounts: Mapping[bytes, Place] = field(default_factory=dict)
    adopted: Library | None = None
    held: bool = False
    going: bool = False
    unready: int = 0


def write_frozen(store: Store, library: Library, problem: str) -> None:
    """Nothing is known but that; every photo stays."""
    if library.online or library.problem != problem:
        with store.write() as db:
            rows.save_library_state(db, library.id, online=False, problem=problem, place=library.place)


def write_findings(store: Store, library: LibraryId, before: State, found: Findings) -> None:
    """In one transaction, and none when nothing is new."""
    owner = found.adopted.id if found.adopted else library
    seen_again = _changed_quarantine(store, owner, found)
    state_is_new = before != State(True, found.problem, found.place)
    mounts_are_new = rows.load_mounts(store.db, owner) != found.mounts
    if not (found.changes or found.adopted or seen_again or state_is_new or mounts_are_new):
        return
    with store.write() as db:
        if found.adopted:
            rows.adopt_library(db, owner, library)
        rows.save_library_state(db, owner, online=True, problem=found.problem, place=found.place)
        if mounts_are_new:
            rows.save_mounts(db, owner, found.mounts)
        if found.changes or seen_again:
            number = next_number(db, "scan")
            changes = found.changes
            rows.delete_photos(db, owner, changes.gone)
            rows.move_photos(db, owner, ((m.old, m.new, m.stamp) for m in changes.moved))
            rows.save_stamps(db, owner, changes.touched)
            rows.save_photos(db, owner, find_new(changes), number)
            rows.release_quarantine(db, owner, seen_again, number)


def _changed_quarantine(store: Store, library: LibraryId, found: Findings) -> list[bytes]:
    """Quarantined files that are not as they were when they failed, by the path they have now."""
    moved = {move.old: move.new for move in found.changes.moved}
    changed = []
    for path, failed in rows.load_quarantine_stamps(store.db, library).items():
        now = moved.get(path, path)
        seen = found.scan.find(now)
        if seen is not None and _is_other_file(failed, seen, found.inodes):
            changed.append(now)
    return changed


def _is_other_file(failed: FileStamp, seen: FileStamp, inodes: Inodes) -> bool:
    before = (failed.size, failed.mtime_ns, failed.ctime_ns)
    after = (seen.size, seen.mtime_ns, seen.ctime_ns)
    return before != after or (inodes is Inodes.STABLE and failed.ino != seen.ino)
