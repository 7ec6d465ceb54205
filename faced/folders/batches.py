"""Carrying out a plan in the people folder, batch by batch.

Each batch is committed as intents before its first change, made, flushed to the disk, and then base becomes what the
disk says. Whatever dies, whenever: the next run finds the intents and looks. Decides nothing about what is to be done.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from faced.errors import Frozen
from faced.folders.apply import apply_operations
from faced.folders.disk import parent_of
from faced.folders.place import HeldTree, ensure_own_folders, write_marker
from faced.folders.recover import clear_strays, settle_batch
from faced.folders.writer import TreeWriter
from faced.model import PersonId
from faced.store.base import Base, load_base
from faced.store.database import Store
from faced.store.intents import (
    BaseChange,
    Intent,
    Operation,
    close_batch,
    is_known_text,
    load_intents,
    open_batch,
)
from faced.store.pictures import is_made_picture
from faced.store.tree import load_generation

__all__ = ["BATCH", "Batches", "TreeReport", "split_batches"]

BATCH = 200
"""Changes at most between two commits: what a crash leaves in doubt."""
NO_CONTENTS: Mapping[str, bytes] = {}


@dataclass(slots=True)
class TreeReport:
    """What became of the people folder.

    made, dropped, retargeted: links. folders_made, folders_moved, folders_removed: person folders.
    changes: links more (or less) by person. left_alone: how many paths faced does not understand (their reasons
    are in the store). frozen: why nothing was done, one plain sentence; None: it was.
    recovered: changes of a run that had died, which were looked at first. pictures_made, pictures_dropped: face
    pictures; pictures_left: so many more are to be made.
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
    pictures_made: int = 0
    pictures_dropped: int = 0
    pictures_left: int = 0


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


class Batches:
    """The way to change a people folder in hand. failed: path to reason, where the kernel refused one path."""

    def __init__(
        self, store: Store, held: HeldTree, writer: TreeWriter, report: TreeReport, size: int = BATCH
    ) -> None:
        self.store = store
        self.held = held
        self.writer = writer
        self.report = report
        self.size = size
        self.failed: dict[bytes, str] = {}

    def recover(self) -> None:
        """Look what became of the changes of a run that died, before anything else is made of the disk."""
        intents = load_intents(self.store.db)
        if intents:
            ensure_own_folders(self.held.handle, self.writer)
            self._complete(intents, load_base(self.store.db), None)
            self.report.recovered = len(intents)
        clear_strays(
            self.held.handle,
            lambda text: is_known_text(self.store.db, text),
            lambda checksum: is_made_picture(self.store.db, checksum),
            self.writer,
        )

    def make(self, operations: Sequence[Operation]) -> bool:
        """Make a plan come true. Says whether the disk was not as planned for, so that it must be looked at again."""
        self.held.check_writable()
        is_dirty = False
        for operations_now in split_batches(operations, self.size):
            is_dirty |= self.make_batch(operations_now, NO_CONTENTS)
        return is_dirty

    def make_batch(self, operations: Sequence[Operation], contents: Mapping[str, bytes]) -> bool:
        """One batch. contents: of the face pictures, by face. Says as make does."""
        self.held.check_generation(load_generation(self.store.db))
        ensure_own_folders(self.held.handle, self.writer)
        base = load_base(self.store.db, with_links=False)
        with self.store.write() as db:
            generation, intents = open_batch(db, operations)
        return self._apply(generation, intents, base, contents)

    # One batch.

    def _apply(
        self, generation: int, intents: Sequence[Intent], base: Base, contents: Mapping[str, bytes]
    ) -> bool:
        try:
            write_marker(self.held.handle, self.held.installation, generation, self.writer)
            applied = apply_operations(self.held.handle, intents, base, self.writer, contents)
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
            elif operation.op == "unpicture" and (operation.folder, operation.name) in gone:
                report.pictures_dropped += 1
        report.pictures_made += len(change.pictures)
        report.folders_made += len(change.made)
        report.folders_moved += len(change.moved)
        report.folders_removed += len(change.removed)
        report.changes = dict(changes)
