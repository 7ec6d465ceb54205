"""The library step: look at each library of the set and write down what changed, or freeze it.

Read, decide, write: the walk is in `scan`, the decisions in `changes`, the rows in store.photos. A
library that is not what it was (missing, empty, another disk) keeps every row that it had.
"""

import os
import stat
from collections.abc import Collection
from dataclasses import dataclass

from faced.errors import shown
from faced.library.changes import (
    Changes,
    Inodes,
    Scan,
    count_lost,
    diff_photos,
    find_adopted,
    hold_losses,
    is_below,
    is_held,
    note_inodes,
)
from faced.library.exclude import Excludes
from faced.library.scan import read_library
from faced.model import FileStamp, LibraryId, Place
from faced.mounts import has_stable_inodes, read_mounts, read_place
from faced.store import photos as rows
from faced.store.database import Store
from faced.store.photos import Library
from faced.store.settings import next_number

__all__ = ["LibraryReport", "scan_libraries", "scan_library"]


@dataclass(frozen=True, slots=True)
class LibraryReport:
    """What one scan of one library found. Counts are of photos.

    online: it was there. problem: why it is frozen or held, or what in it could not be read; one plain
    sentence. lost: not seen, and kept as they were because of the problem. held: only because so many are
    not seen, or all; whoever says that this is right, `accept_losses`, is believed.
    """

    root: bytes
    online: bool
    problem: str | None = None
    added: int = 0
    changed: int = 0
    moved: int = 0
    gone: int = 0
    lost: int = 0
    held: bool = False

    @property
    def is_changed(self) -> bool:
        """Whether photos came, went, moved or changed."""
        return bool(self.added or self.changed or self.moved or self.gone)


@dataclass(frozen=True, slots=True)
class _Findings:
    """What is to be written. adopted: the library of which this one is the new place."""

    place: Place
    problem: str | None
    scan: Scan
    changes: Changes
    mounts: dict[bytes, Place]
    inodes: Inodes
    adopted: Library | None = None
    held: bool = False


class _Frozen(Exception):
    """The library is not to be believed now; the sentence says why. held: unless the user says that it is right."""

    def __init__(self, why: str, *, held: bool = False) -> None:
        super().__init__(why)
        self.held = held


def scan_libraries(
    store: Store,
    people: bytes | None,
    *,
    excludes: Excludes | None = None,
    named: Collection[bytes] = (),
    accept_losses: bool = False,
) -> list[LibraryReport]:
    """Scan every library of the set. One that is offline never holds up the others.

    New ones come first: an old one that cannot be found may have become one of them.
    """
    reports: dict[bytes, LibraryReport] = {}
    for library in sorted(rows.load_libraries(store.db), key=lambda row: (row.place is not None, row.root)):
        now = {row.id: row.root for row in rows.load_libraries(store.db)}
        if library.id in now and now[library.id] not in reports:
            reports[now[library.id]] = scan_library(
                store, library.id, people, excludes=excludes, named=named, accept_losses=accept_losses
            )
    return [reports[root] for root in sorted(reports)]


def scan_library(
    store: Store,
    library_id: LibraryId,
    people: bytes | None,
    *,
    excludes: Excludes | None = None,
    named: Collection[bytes] = (),
    accept_losses: bool = False,
) -> LibraryReport:
    """Bring the rows of one library up to what is on the disk, in one transaction; none when nothing changed.

    people: the people folder, absolute; it and the state are never scanned. named: the roots that the user
    asks for in this run; none of them is taken for the old place of another. accept_losses: believe
    what is there even if it is another disk, empty, or most of the photos are gone.
    """
    everything = rows.load_libraries(store.db, detached=True)
    library = next(row for row in everything if row.id == library_id)
    apart = [os.fsencode(store.folder), *([people] if people is not None else [])]
    others = [row for row in everything if row.id != library_id and row.root not in named]
    try:
        findings = _look(store, library, others, apart, excludes, accept_losses)
    except _Frozen as frozen:
        return _freeze(store, library, frozen)
    _write(store, library, findings)
    return LibraryReport(
        library.root,
        online=True,
        problem=findings.problem,
        added=len(findings.changes.added),
        changed=len(findings.changes.changed),
        moved=len(findings.changes.moved),
        gone=len(findings.changes.gone),
        lost=len(findings.changes.kept),
        held=findings.held,
    )


def _look(
    store: Store,
    library: Library,
    others: list[Library],
    apart: list[bytes],
    excludes: Excludes | None,
    accept: bool,
) -> _Findings:
    place = _read_root(library)
    remembered = rows.load_mounts(store.db, library.id)
    scan = read_library(library.root, excludes, apart)
    if b"" in scan.unlisted:
        raise _Frozen(_sentence(library, f"cannot be read ({scan.unlisted[b'']})"))
    mounts, away = _check_mounts(library.root, {} if accept else remembered, scan)
    scan = Scan(scan.files, {**scan.unlisted, **away}, scan.skipped)
    # Was it unmounted while we looked? Then what we did not see is not gone.
    if _read_root(library) != place:
        raise _Frozen(_sentence(library, "was unmounted or replaced while it was scanned"))

    adopted = _find_old_place(store, library, others, scan) if library.place is None else None
    owner = adopted or library
    known = rows.load_stamps(store.db, owner.id)
    inodes = _judge_inodes(owner, place, known, scan, accept)
    changes = _keep_existing(library.root, diff_photos(known, scan, inodes), scan)
    if inodes is Inodes.UNSTABLE:
        changes = note_inodes(changes, known, scan, rows.load_unread(store.db, owner.id))
    problem = _describe_unlisted(library, scan, changes)
    lost = count_lost(changes, scan)
    held = False
    if lost and not accept:
        if not scan.files and not changes.kept:
            raise _Frozen(_sentence(library, "is empty"), held=True)
        if is_held(lost, len(known)):
            changes, held = hold_losses(changes), True
            problem = (
                f"{lost} of the {_photos(len(known))} in {shown(library.root)} are missing, so they are kept "
                "as they were in case a disk or folder is away: bring them back and sync again"
            )
    return _Findings(place, problem, scan, changes, mounts, inodes, adopted, held)


def _sentence(library: Library, what: str) -> str:
    """Where, what is wrong, what became of the data."""
    held = f" but held {_photos(library.photos)}" if library.photos else ""
    return f"{shown(library.root)} {what}{held}; nothing was changed"


def _photos(count: int) -> str:
    return "1 photo" if count == 1 else f"{count} photos"


def _read_root(library: Library) -> Place:
    try:
        place = read_place(library.root)
        if not stat.S_ISDIR(os.stat(library.root).st_mode):
            raise _Frozen(_sentence(library, "is not a folder"))
    except FileNotFoundError:
        raise _Frozen(_sentence(library, "is not there")) from None
    except OSError as error:
        raise _Frozen(_sentence(library, f"cannot be read ({error.strerror})")) from None
    return place


def _judge_inodes(
    library: Library, place: Place, known: dict[bytes, FileStamp], scan: Scan, accept: bool
) -> Inodes:
    """What inodes tell in this scan. Raises _Frozen when it is another disk with other photos."""
    moved_here = library.place is not None and not library.place.is_same(place)
    if moved_here and find_adopted({library.root: known}, scan) is None and known and not accept:
        raise _Frozen(
            f"{shown(library.root)} is another disk or folder than the one that held {_photos(len(known))}; "
            "nothing was changed: mount the right one and sync again"
        )
    if not has_stable_inodes(place.fstype):
        return Inodes.UNSTABLE
    return Inodes.RENUMBERED if moved_here else Inodes.STABLE


def _find_old_place(store: Store, library: Library, others: list[Library], scan: Scan) -> Library | None:
    """The library, no longer in use at its old root, whose photos have come here."""
    left = {
        row.root: row
        for row in others
        if row.photos and not library.photos and (not row.listed or not os.path.isdir(row.root))
    }
    root = find_adopted({root: rows.load_stamps(store.db, row.id) for root, row in left.items()}, scan)
    return None if root is None else left[root]


def _check_mounts(
    root: bytes, remembered: dict[bytes, Place], scan: Scan
) -> tuple[dict[bytes, Place], dict[bytes, str]]:
    """The disks mounted inside the library now or before, and those that are away.

    A mount point that was removed is forgotten; one with another disk, or none, waits for its own.
    """
    mounts = read_mounts()
    real = os.path.join(os.path.realpath(root), b"")
    places: dict[bytes, Place] = {}
    away: dict[bytes, str] = {}
    for path, before in remembered.items():
        try:
            if not read_place(real + path, mounts).is_same(before):
                away[path] = "another disk, or none, is mounted there"
            places[path] = before
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            places[path], away[path] = before, error.strerror or "it cannot be read"
    for point in {mount.point for mount in mounts if mount.point.startswith(real)}:
        path = point[len(real) :]
        if path not in places and any(file.startswith(path + b"/") for file in scan.files):
            try:
                places[path] = read_place(point, mounts)
            except OSError as error:
                away[path] = error.strerror or "it cannot be read"
    return places, away


def _keep_existing(root: bytes, changes: Changes, scan: Scan) -> Changes:
    """Ask for each photo that is said to be gone, for a folder may be listed in part without an error."""
    there = frozenset(
        path for path in changes.gone if not is_below(path, scan.skipped) and _may_exist(root, path)
    )
    if not there:
        return changes
    return Changes(
        changes.added,
        changes.changed,
        changes.touched,
        changes.moved,
        changes.gone - there,
        changes.kept | there,
    )


def _may_exist(root: bytes, path: bytes) -> bool:
    try:
        return stat.S_ISREG(os.lstat(os.path.join(root, path)).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


def _describe_unlisted(library: Library, scan: Scan, changes: Changes) -> str | None:
    if not scan.unlisted:
        return None
    path, reason = min(scan.unlisted.items())
    more = f" and {len(scan.unlisted) - 1} more" if len(scan.unlisted) > 1 else ""
    kept = f"; {_photos(len(changes.kept))} known there stay as they were" if changes.kept else ""
    return f"{shown(os.path.join(library.root, path))}{more} cannot be read ({reason}){kept}"


def _freeze(store: Store, library: Library, frozen: _Frozen) -> LibraryReport:
    problem = str(frozen)
    if library.online or library.problem != problem:
        with store.write() as db:
            rows.save_library_state(db, library.id, online=False, problem=problem, place=library.place)
    return LibraryReport(library.root, online=False, problem=problem, lost=library.photos, held=frozen.held)


def _write(store: Store, library: Library, found: _Findings) -> None:
    owner = found.adopted or library
    seen_again = _changed_quarantine(store, owner.id, found)
    state_is_new = (library.online, library.problem, owner.place) != (True, found.problem, found.place)
    mounts_are_new = rows.load_mounts(store.db, owner.id) != found.mounts
    if not (found.changes or found.adopted or seen_again or state_is_new or mounts_are_new):
        return
    with store.write() as db:
        if found.adopted:
            rows.adopt_library(db, owner.id, library.id)
        rows.save_library_state(db, owner.id, online=True, problem=found.problem, place=found.place)
        if mounts_are_new:
            rows.save_mounts(db, owner.id, found.mounts)
        if found.changes or seen_again:
            number = next_number(db, "scan")
            changes = found.changes
            rows.delete_photos(db, owner.id, changes.gone)
            rows.move_photos(db, owner.id, ((m.old, m.new, m.stamp) for m in changes.moved))
            rows.save_stamps(db, owner.id, changes.touched)
            doubtful = {move.new: move.stamp for move in changes.moved if not move.sure}
            rows.save_photos(db, owner.id, {**changes.added, **changes.changed, **doubtful}, number)
            rows.release_quarantine(db, owner.id, seen_again, number)


def _changed_quarantine(store: Store, library: LibraryId, found: _Findings) -> list[bytes]:
    """Quarantined files that are not as they were when they failed, by the path they have now."""
    moved = {move.old: move.new for move in found.changes.moved}
    changed = []
    for path, failed in rows.load_quarantine_stamps(store.db, library).items():
        now = moved.get(path, path)
        seen = found.scan.files.get(now)
        if seen is not None and _is_other_file(failed, seen, found.inodes):
            changed.append(now)
    return changed


def _is_other_file(failed: FileStamp, seen: FileStamp, inodes: Inodes) -> bool:
    before = (failed.size, failed.mtime_ns, failed.ctime_ns)
    after = (seen.size, seen.mtime_ns, seen.ctime_ns)
    return before != after or (inodes is Inodes.STABLE and failed.ino != seen.ino)
