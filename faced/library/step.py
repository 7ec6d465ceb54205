"""The library step: look at each library of the set and write down what changed, or freeze it.

Read, decide, write: the walk is in `scan`, the decisions in `changes` and `ready`, the rows in store.photos.
A library that is not what it was (missing, empty, another disk) keeps every row that it had. A look at a few
folders is worth as much as one at everything, or becomes one.
"""

import os
import stat
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from faced.errors import shown
from faced.library.changes import (
    Changes,
    Inodes,
    Known,
    Scan,
    count_lost,
    defer,
    diff_photos,
    find_adopted,
    find_new,
    hold_losses,
    is_below,
    is_held,
    note_inodes,
)
from faced.library.disks import Frozen, check_mounts, count_photos, has_mounts, read_root, sentence
from faced.library.exclude import Excludes
from faced.library.partial import Part
from faced.library.ready import Settling
from faced.library.record import Findings, State, write_findings, write_frozen
from faced.library.scan import read_library, read_part
from faced.model import LibraryId, Place
from faced.mounts import has_stable_inodes, read_place
from faced.store import photos as rows
from faced.store.database import Store
from faced.store.photos import Library

__all__ = ["LibraryReport", "scan_libraries", "scan_library"]


@dataclass(frozen=True, slots=True)
class LibraryReport:
    """What one scan of one library found. Counts are of photos.

    online: it was there. problem: why it is frozen or held, or what in it could not be read; one plain
    sentence. lost: not seen, and kept as they were because of the problem. held: only because so many are
    not seen, or all; whoever says that this is right, `accept_losses`, is believed. going: photos go missing just
    now, so it is too early to say how many are lost. unready: new or changed, but perhaps still being written, so
    left for a later scan and not counted as either.
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
    going: bool = False
    unready: int = 0


@dataclass(frozen=True, slots=True)
class _Terms:
    """How to look, and when that began. apart: folders that are no part of any library. accept: believe losses."""

    excludes: Excludes | None
    apart: tuple[bytes, ...]
    settling: Settling | None
    accept: bool = False
    began_ns: int = field(default_factory=time.time_ns)
    began: float = field(default_factory=time.monotonic)


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
    only: Mapping[bytes, bool] | None = None,
    settling: Settling | None = None,
) -> LibraryReport:
    """Bring the rows of one library up to what is on the disk, in one transaction; none when nothing changed.

    people: the people folder, absolute; it and the state are never scanned. named: the roots that the user
    asks for in this run; none of them is taken for the old place of another. accept_losses: believe
    what is there even if it is another disk, empty, or most of the photos are gone. only: folders below the
    root, b"", that may have changed (True: and all below); they may be gone. Unless they alone can tell what
    became of every photo known in them, everything is looked at. settling: what it finds unready is left out;
    without, every file is taken as it is.
    """
    apart = (os.fsencode(store.folder), *([people] if people is not None else []))
    if only is not None and not accept_losses:
        report = _scan_part(store, library_id, only, _Terms(excludes, apart, settling))
        if report is not None:
            return report
    everything = rows.load_libraries(store.db, detached=True)
    library = next(row for row in everything if row.id == library_id)
    others = [row for row in everything if row.id != library_id and row.root not in named]
    try:
        findings = _look(store, library, others, _Terms(excludes, apart, settling, accept_losses))
    except Frozen as frozen:
        if settling is not None:
            settling.forget(library.root)
        write_frozen(store, library, str(frozen))
        return LibraryReport(
            library.root, online=False, problem=str(frozen), lost=library.photos, held=frozen.held
        )
    owner = findings.adopted or library
    write_findings(store, library.id, State(library.online, library.problem, owner.place), findings)
    return _report(library.root, findings)


def _report(root: bytes, findings: Findings) -> LibraryReport:
    return LibraryReport(
        root,
        online=True,
        problem=findings.problem,
        added=len(findings.changes.added),
        changed=len(findings.changes.changed),
        moved=len(findings.changes.moved),
        gone=len(findings.changes.gone),
        lost=len(findings.changes.kept),
        held=findings.held,
        going=findings.going,
        unready=findings.unready,
    )


def _scan_part(
    store: Store, library_id: LibraryId, only: Mapping[bytes, bool], terms: _Terms
) -> LibraryReport | None:
    """None: only a look at everything can tell. Costs as much as there is in these folders."""
    sound = rows.load_sound_place(store.db, library_id)
    if only.get(b"") or sound is None or rows.load_mounts(store.db, library_id):
        return None
    root, before = sound
    findings = _look_at_part(store, library_id, root, before, only, terms)
    if findings is not None:
        write_findings(store, library_id, State(True, None, before), findings)
        return _report(root, findings)
    return None


def _look_at_part(
    store: Store, library_id: LibraryId, root: bytes, before: Place, only: Mapping[bytes, bool], terms: _Terms
) -> Findings | None:
    if not _is_at(root, before) or has_mounts(root):
        return None
    scan, part = read_part(root, only, terms.excludes, terms.apart)
    if part.is_everything or b"" in scan.unlisted or not _is_at(root, before):
        return None
    known = rows.load_stamps_within(store.db, library_id, part.folders, part.trees)
    inodes = Inodes.STABLE if has_stable_inodes(before.fstype) else Inodes.UNSTABLE
    changes = _diff(store, library_id, root, known, scan, inodes)
    if changes.gone:
        return None  # they may have moved, or be too many to be believed
    changes, unready = _settle(root, changes, terms, part)
    problem = _describe_unlisted(root, scan, changes)
    return Findings(before, problem, _without(scan, unready), changes, inodes, unready=len(unready))


def _is_at(root: bytes, place: Place) -> bool:
    try:
        return read_place(root) == place and stat.S_ISDIR(os.stat(root).st_mode)
    except OSError:
        return False


def _look(store: Store, library: Library, others: list[Library], terms: _Terms) -> Findings:
    place = read_root(library)
    remembered = rows.load_mounts(store.db, library.id)
    known = rows.load_stamps(store.db, library.id)
    here = library.place is not None and library.place.is_same(place)
    scan = read_library(library.root, terms.excludes, terms.apart, known if here else None)
    if b"" in scan.unlisted:
        raise Frozen(sentence(library, f"cannot be read ({scan.unlisted[b'']})"))
    mounts, away = check_mounts(library.root, {} if terms.accept else remembered, scan)
    scan = replace(scan, unlisted={**scan.unlisted, **away})
    # Was it unmounted while we looked? Then what we did not see is not gone.
    if read_root(library) != place:
        raise Frozen(sentence(library, "was unmounted or replaced while it was scanned"))

    adopted = _find_old_place(store, library, others, scan) if library.place is None else None
    owner = adopted or library
    if adopted:
        known = rows.load_stamps(store.db, adopted.id)
    inodes = _judge_inodes(owner, place, known, scan, terms.accept)
    changes = _diff(store, owner.id, library.root, known, scan, inodes)
    problem, held = _describe_unlisted(library.root, scan, changes), False
    lost = 0 if terms.accept else count_lost(changes, scan)
    going = _is_still_going(library.root, frozenset() if terms.accept else changes.gone, terms)
    if going:
        changes = hold_losses(changes)
    elif lost:
        if scan.empty and not changes.kept:
            raise Frozen(sentence(library, "is empty"), held=True)
        if is_held(lost, len(known)):
            changes, held = hold_losses(changes), True
            problem = (
                f"{lost} of the {count_photos(len(known))} in {shown(library.root)} are missing, so they are kept "
                "as they were in case a disk or folder is away: bring them back and sync again"
            )
    changes, unready = _settle(library.root, changes, terms)
    return Findings(
        place, problem, _without(scan, unready), changes, inodes, mounts, adopted, held, going, len(unready)
    )


def _diff(store: Store, library: LibraryId, root: bytes, known: Known, scan: Scan, inodes: Inodes) -> Changes:
    changes = _keep_existing(root, diff_photos(known, scan, inodes), scan)
    if inodes is Inodes.UNSTABLE:
        changes = note_inodes(changes, known, scan, rows.load_unread(store.db, library))
    return changes


def _is_still_going(root: bytes, gone: frozenset[bytes], terms: _Terms) -> bool:
    return terms.settling is not None and terms.settling.is_still_going(root, gone, terms.began)


def _settle(
    root: bytes, changes: Changes, terms: _Terms, part: Part | None = None
) -> tuple[Changes, frozenset[bytes]]:
    if terms.settling is None:
        return changes, frozenset()
    unready = terms.settling.find_unready(
        root,
        find_new(changes),
        now_ns=terms.began_ns,
        clock=terms.began,
        ended=time.monotonic(),
        within=part.holds if part else lambda path: True,
        sources={move.new: move.old for move in changes.moved if not move.sure},
    )
    return (defer(changes, unready) if unready else changes), unready


def _without(scan: Scan, files: Collection[bytes]) -> Scan:
    if not files:
        return scan
    return replace(scan, files={path: stamp for path, stamp in scan.files.items() if path not in files})


def _judge_inodes(library: Library, place: Place, known: Known, scan: Scan, accept: bool) -> Inodes:
    """What inodes tell in this scan. Raises Frozen when it is another disk with other photos."""
    moved_here = library.place is not None and not library.place.is_same(place)
    if moved_here and find_adopted({library.root: known}, scan) is None and known and not accept:
        raise Frozen(
            f"{shown(library.root)} is another disk or folder than the one that held {count_photos(len(known))}; "
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


def _describe_unlisted(root: bytes, scan: Scan, changes: Changes) -> str | None:
    if not scan.unlisted:
        return None
    path, reason = min(scan.unlisted.items())
    more = f" and {len(scan.unlisted) - 1} more" if len(scan.unlisted) > 1 else ""
    kept = f"; {count_photos(len(changes.kept))} known there stay as they were" if changes.kept else ""
    return f"{shown(os.path.join(root, path))}{more} cannot be read ({reason}){kept}"
