"""The step that brings the people folder up to date: recover, look, plan, and change it batch by batch.

Each batch is committed as intents before its first change, made, flushed to the disk, and then base becomes what
the disk says. Whatever dies, whenever: the next run finds the intents and looks. When
nothing is to be done nothing is written, neither in the tree nor in the database.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from faced.errors import FacedError, Frozen
from faced.errors import shown as shown_path
from faced.folders.adopt import adopt_in_hand, what_adopting_takes
from faced.folders.clean import plan_leftovers, remove_own_files
from faced.folders.disk import Disk, DiskFolder, parent_of
from faced.folders.hold import hold_tree
from faced.folders.place import HeldTree, ensure_own_folders, open_place, write_marker
from faced.folders.plan import PhotoPath, ShownPerson, plan_tree
from faced.folders.recover import clear_strays, settle_batch
from faced.folders.rest import note_rest
from faced.folders.tree import apply_operations, read_tree
from faced.folders.writer import KernelWriter, TreeWriter
from faced.model import ImageId, PersonId
from faced.store.asks import load_undecided
from faced.store.database import Store
from faced.store.follow import is_adopting, save_adopting
from faced.store.tree import (
    Base,
    BaseChange,
    Intent,
    LeftAlone,
    Operation,
    close_batch,
    forget_base,
    is_known_text,
    load_base,
    load_generation,
    load_intents,
    load_left_alone,
    load_tree,
    open_batch,
    save_left_alone,
    save_problem,
    save_tree,
)

__all__ = ["BATCH", "TreeReport", "clean_tree", "recover_tree", "say_problem", "split_batches", "sync_tree"]

BATCH = 200
"""Changes at most between two commits: what a crash leaves in doubt."""
NO_REASONS: Mapping[bytes, str] = {}
ROUNDS = 3
"""Looks at most while somebody else keeps changing the same paths."""


@dataclass(slots=True)
class TreeReport:
    """What became of the people folder.

    made, dropped, retargeted: links. folders_made, folders_moved, folders_removed: person folders.
    changes: links more (or less) by person. left_alone: how many paths faced does not understand (their reasons
    are in the store). frozen: why nothing was done, one plain sentence; None: it was.
    recovered: changes of a run that had died, which were looked at first.
    """

    made: int = 0
    dropped: int = 0
    retargeted: int = 0
    folders_made: int = 0
    folders_moved: int = 0
    folders_removed: int = 0
    changes: dict[PersonId, int] = field(default_factory=dict)
    left_alone: int = 0
    frozen: str | None = None
    recovered: int = 0


def sync_tree(
    store: Store,
    root: bytes,
    shown: Iterable[ShownPerson],
    photos: Mapping[ImageId, Sequence[PhotoPath]],
    *,
    writer: TreeWriter | None = None,
    batch: int = BATCH,
    reasons: Mapping[bytes, str] = NO_REASONS,
    rebuild: bool = False,
    seen: Mapping[bytes, DiskFolder] | None = None,
    key: str | None = None,
) -> TreeReport:
    """Make the people folder show these persons. The caller holds the pass lock; nothing else runs in the tree.

    root: absolute path. photos: as for plan_tree; those of a library that is only offline must be among them.
    reasons: better ones for what is left alone (path to sentence). rebuild: as for open_place. A tree whose
    database was lost is adopted first. seen: the folders as they were read just now.
    key: says by which settings all this was made; when nothing is to be done, that is noted with it, so that nothing
    need be read while nothing changes. None: it is not.
    Raises UsageError when `root` cannot be a people folder, FacedError when it could not be written (disk full):
    then nothing is lost, and the next run goes on from there.
    """
    root = os.path.abspath(root)
    writer = KernelWriter() if writer is None else writer
    report = TreeReport()
    try:
        held = open_place(store, root, writer, rebuild=rebuild)
    except Frozen as frozen:
        return _freeze(store, report, frozen)
    try:
        recover_tree(store, held, writer, report)
        persons = list(shown)
        if is_adopting(store.db):
            adopt_in_hand(store, held, *what_adopting_takes(persons, photos))
        calm = _Sync(store, held, writer, batch, report).run(persons, photos, reasons, seen)
        if calm is not None and key is not None:
            note_rest(store, calm, key)
    except Frozen as frozen:
        return _freeze(store, report, frozen)
    except OSError as error:
        raise FacedError(
            f"the people folder {shown_path(root)} could not be read or changed ({error.strerror}); nothing is lost,"
            " `faced sync` goes on from there"
        ) from error
    finally:
        held.close()
    return report


def clean_tree(store: Store, root: bytes, *, writer: TreeWriter | None = None) -> TreeReport:
    """Take away all that faced made in the people folder; whatever is not as faced left it stays.

    What is known of persons stays too: the next sync_tree sets the folder up anew and takes over what it finds.
    left_alone of the report: what faced did not make, or somebody changed. Raises as sync_tree does.
    """
    writer = KernelWriter() if writer is None else writer
    report = sync_tree(store, root, [], {}, writer=writer)
    if report.frozen is not None:
        return report
    root = os.path.abspath(root)
    try:
        held = open_place(store, root, writer)
    except Frozen as frozen:
        return _freeze(store, report, frozen)
    try:
        _Sync(store, held, writer, BATCH, report).remove_leftovers()
        with store.write() as db:
            forget_base(db)
            save_adopting(db, True)
            save_tree(db, root, None, {})
        # From here on the next sync sets the folder up, whatever ends this.
        remove_own_files(held.handle, writer)
    except OSError as error:
        raise FacedError(
            f"the people folder {shown_path(root)} could not be cleaned ({error.strerror}); say it again"
        ) from error
    finally:
        held.close()
    return report


def recover_tree(store: Store, held: HeldTree, writer: TreeWriter, report: TreeReport) -> None:
    """Look what became of the changes of a run that died, before anything else is made of the disk."""
    _Sync(store, held, writer, BATCH, report).recover()


def _freeze(store: Store, report: TreeReport, frozen: Frozen) -> TreeReport:
    say_problem(store, str(frozen))
    report.frozen = str(frozen)
    return report


def say_problem(store: Store, problem: str | None) -> None:
    """Why the people folder is frozen, for `faced status`; written only when it is news."""
    known = load_tree(store.db)
    if known is not None and known.problem != problem:
        with store.write() as db:
            save_problem(db, problem)


def split_batches(operations: Sequence[Operation], limit: int) -> Iterator[list[Operation]]:
    """Batches in order. Moves of folders change the paths of others, so they share a batch only with each other,
    and a folder is not moved in one batch with a folder inside it.
    """
    current: list[Operation] = []
    moved: set[bytes] = set()
    for operation in operations:
        is_move = operation.op == "movedir"
        if current and (
            len(current) >= limit
            or is_move != (current[-1].op == "movedir")
            or (is_move and operation.folder in moved)
        ):
            yield current
            current, moved = [], set()
        current.append(operation)
        if is_move:
            above = parent_of(operation.folder)
            while above:
                moved.add(above)
                above = parent_of(above)
    if current:
        yield current


class _Sync:
    """One run of the step over a people folder in hand."""

    def __init__(
        self, store: Store, held: HeldTree, writer: TreeWriter, batch: int, report: TreeReport
    ) -> None:
        self.store = store
        self.held = held
        self.writer = writer
        self.batch = batch
        self.report = report
        self.failed: dict[bytes, str] = {}

    def run(
        self,
        shown: list[ShownPerson],
        photos: Mapping[ImageId, Sequence[PhotoPath]],
        reasons: Mapping[bytes, str],
        seen: Mapping[bytes, DiskFolder] | None,
    ) -> Disk | None:
        """Returns the disk when nothing was to be done."""
        left_alone: Mapping[bytes, str] = {}
        calm = None
        for number in range(ROUNDS):
            base = load_base(self.store.db)
            seen = disk = read_tree(self.held.handle, seen)
            held = hold_tree(base, disk)
            left_alone = held.left_alone
            operations = plan_tree(shown, photos, base, disk, held, name_max=self.held.name_max)
            # A folder that another one left may be empty now.
            is_again = any(operation.op == "movedir" for operation in operations)
            if not operations and number == 0:
                calm = disk
            if not operations or not (self._make(operations) | is_again):
                break
        waiting = {row.path for row in load_undecided(self.store.db)}
        known = {path: reasons.get(path, reason) for path, reason in left_alone.items()}
        self._say({**self.failed, **{p: reason for p, reason in known.items() if p not in waiting}})
        return calm

    def remove_leftovers(self) -> None:
        """Empty folders of nobody that faced made."""
        operations = plan_leftovers(load_base(self.store.db, with_links=False), read_tree(self.held.handle))
        if operations:
            self._make(operations)

    def _say(self, left_alone: Mapping[bytes, str]) -> None:
        rows = sorted(map(LeftAlone._make, left_alone.items()))
        if rows != load_left_alone(self.store.db):
            with self.store.write() as db:
                save_left_alone(db, rows)
        say_problem(self.store, None)
        self.report.left_alone = len(rows)

    def recover(self) -> None:
        """As recover_tree."""
        intents = load_intents(self.store.db)
        if intents:
            ensure_own_folders(self.held.handle, self.writer)
            self._complete(intents, load_base(self.store.db), None)
            self.report.recovered = len(intents)
        clear_strays(self.held.handle, lambda text: is_known_text(self.store.db, text), self.writer)

    def _make(self, operations: Sequence[Operation]) -> bool:
        """Make a plan come true. Says whether the disk was not as planned for, so that it must be looked at again."""
        self.held.check_writable()
        is_dirty = False
        for operations_now in split_batches(operations, self.batch):
            self.held.check_generation(load_generation(self.store.db))
            ensure_own_folders(self.held.handle, self.writer)
            base = load_base(self.store.db, with_links=False)
            with self.store.write() as db:
                generation, intents = open_batch(db, operations_now)
            is_dirty |= self._apply(generation, intents, base)
        return is_dirty

    def _apply(self, generation: int, intents: Sequence[Intent], base: Base) -> bool:
        try:
            write_marker(self.held.handle, self.held.installation, generation, self.writer)
            inodes = {folder.path: folder.ino for folder in base.folders}
            applied = apply_operations(self.held.handle, intents, inodes, self.writer)
        except OSError:
            # The place is at fault (disk full): end what is half done, as the next run would, then say so.
            with suppress(OSError, Frozen):
                self._complete(intents, base, None)
            raise
        self._complete(intents, base, applied.made)
        self.failed |= applied.failed
        return applied.is_dirty

    def _complete(self, intents: Sequence[Intent], base: Base, made: Mapping[bytes, int] | None) -> None:
        """The end of a batch, whether or not the process that began it is this one: base becomes what is seen."""
        generation = load_generation(self.store.db)
        handle = self.held.handle
        if made is None and self.held.check_generation(generation, generation - 1) != generation:
            write_marker(handle, self.held.installation, generation, self.writer)
        change = settle_batch(handle, intents, base, self.writer, made)
        # What was seen must be on the disk before base says so; what comes after the look is the user's.
        self.writer.flush(handle)
        with self.store.write() as db:
            close_batch(db, change)
        self._count(intents, change)

    def _count(self, intents: Sequence[Intent], change: BaseChange) -> None:
        report = self.report
        new = {(o.folder, o.name) for _, o in intents if o.op == "link"}
        changes = Counter(report.changes)
        for link in change.links:
            if (link.folder, link.name) in new:
                report.made += 1
                changes[link.person] += 1
            else:
                report.retargeted += 1
        gone = set(change.gone)
        for _, operation in intents:
            if operation.op == "drop" and (operation.folder, operation.name) in gone:
                report.dropped += 1
                if operation.person is not None:
                    changes[operation.person] -= 1
        report.folders_made += len(change.made)
        report.folders_moved += len(change.moved)
        report.folders_removed += len(change.removed)
        report.changes = dict(changes)
