"""The step that brings the people folder up to date: recover, look, plan, and change it batch by batch.

When nothing is to be done nothing is written, neither in the tree nor in the database.
"""

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from faced.clock import CLOCK, Clock
from faced.errors import FacedError, Frozen
from faced.errors import shown as shown_path
from faced.folders.adopt import adopt_in_hand, what_adopting_takes
from faced.folders.batches import BATCH, NO_CONTENTS, Batches, TreeReport
from faced.folders.clean import plan_leftovers, remove_own_files
from faced.folders.disk import Disk, DiskFolder, parent_of
from faced.folders.hold import hold_tree
from faced.folders.linking import Layout
from faced.folders.part import find_part_of_plan
from faced.folders.pictures import find_pictures
from faced.folders.place import HeldTree, open_place
from faced.folders.plan import ABSOLUTE, PhotoPath, ShownPerson, plan_tree
from faced.folders.plan_pictures import SUGGESTIONS, ShownFaces, plan_pictures
from faced.folders.rest import Stored, digest_wanted, find_changed, load_known, note_calm
from faced.folders.tree import read_folders, read_tree
from faced.folders.writer import KernelWriter, TreeWriter
from faced.model import ImageId, PersonId
from faced.store.asks import load_undecided
from faced.store.base import Base, load_base
from faced.store.database import Store
from faced.store.follow import is_adopting, save_adopting
from faced.store.intents import Operation
from faced.store.pictures import (
    checksum_of,
    load_made_pictures,
    load_understood_pictures,
)
from faced.store.tree import (
    LeftAlone,
    forget_base,
    load_left_alone,
    load_tree,
    save_left_alone,
    save_problem,
    save_tree,
)

__all__ = [
    "CutFaces",
    "FacesToShow",
    "TreeReport",
    "clean_tree",
    "say_problem",
    "sync_tree",
]

NO_REASONS: Mapping[bytes, str] = {}
ROUNDS = 3
"""Looks at most while somebody else keeps changing the same paths."""

CutFaces = Callable[[Collection[str]], Mapping[str, bytes]]
"""Face pictures, by face (see store.pictures); what cannot be had now is left out."""


@dataclass(frozen=True, slots=True)
class FacesToShow:
    """The face pictures that are wanted, and who makes them. most: new ones in one run; None: all."""

    shown: ShownFaces
    cut: CutFaces
    most: int | None = None


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
    may_rest: bool = True,
    faces: FacesToShow | None = None,
    layout: Layout = ABSOLUTE,
    clock: Clock = CLOCK,
) -> TreeReport:
    """Make the people folder show these persons. The caller holds the pass lock; nothing else runs in the tree.

    root: absolute path. photos: as for plan_tree; those of a library that is only offline must be among them.
    reasons: better ones for what is left alone (path to sentence). rebuild: as for open_place. A tree whose
    database was lost is adopted first. seen: the folders as they were read just now.
    key: says by which settings all this was made; when nothing is to be done, that is noted with it, so that only what
    changes need be read and planned. None: it is not. may_rest: then nothing need be done at all while nothing changes.
    faces: those to have pictures; None: what there is of them stays. layout: as for plan_tree.
    clock: by which folders are young.
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
        batches = Batches(store, held, writer, report, batch)
        batches.recover()
        persons = list(shown)
        if is_adopting(store.db):
            adopt_in_hand(store, held, *what_adopting_takes(persons, photos), layout.root)
        key = key if held.dates_folders else None
        wanted = {} if key is None else digest_wanted(persons, photos, layout)
        changed = None if key is None else find_changed(store.db, key, wanted)
        sync = _Sync(store, held, report, batches, layout, changed, clock)
        calm, left_alone = sync.run(persons, photos, seen if held.dates_folders else None)
        understood = load_understood_pictures(store.db).keys()
        if faces is not None:
            may_rest &= sync.show_faces(faces) and not report.pictures_left
        sync.say(left_alone, reasons, understood)
        if calm is not None and key is not None:
            note_calm(store, *calm, key, wanted, may_rest=may_rest)
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
    nothing = FacesToShow(ShownFaces(), lambda _: NO_CONTENTS)
    report = sync_tree(store, root, [], {}, writer=writer, faces=nothing)
    if report.frozen is not None:
        return report
    root = os.path.abspath(root)
    try:
        held = open_place(store, root, writer)
    except Frozen as frozen:
        return _freeze(store, report, frozen)
    try:
        _Sync(store, held, report, Batches(store, held, writer, report)).remove_leftovers()
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


class _Sync:
    """One run of the step over a people folder in hand."""

    def __init__(
        self,
        store: Store,
        held: HeldTree,
        report: TreeReport,
        batches: Batches,
        layout: Layout = ABSOLUTE,
        changed: Collection[PersonId] | None = None,
        clock: Clock = CLOCK,
    ) -> None:
        """changed: of whom something else is to be shown than when nothing was to be done; None: maybe of all."""
        self.layout = layout
        self.changed = changed
        self.clock = clock
        self.store = store
        self.held = held
        self.report = report
        self.batches = batches

    def run(
        self,
        shown: list[ShownPerson],
        photos: Mapping[ImageId, Sequence[PhotoPath]],
        seen: Mapping[bytes, DiskFolder] | None,
    ) -> tuple[tuple[Base, Disk] | None, Mapping[bytes, str]]:
        """Bring folders and links up to date. Returns base and disk when nothing was to be done, and what was left
        alone, path to reason.
        """
        left_alone: Mapping[bytes, str] = {}
        calm = None
        if not seen and self.changed is not None:
            seen = load_known(self.store.db, with_links=False)
        for number in range(ROUNDS):
            seen = disk = read_tree(self.held.handle, seen, self.clock)
            base, disk, only = self._load_part(disk)
            held = hold_tree(base, disk)
            left_alone = held.left_alone
            operations = plan_tree(
                shown,
                photos,
                base,
                disk,
                held,
                name_max=self.held.name_max,
                layout=self.layout,
                only=only,
            )
            # A folder that another one left may be empty now.
            is_again = any(operation.op == "movedir" for operation in operations)
            if not operations and number == 0:
                calm = base, disk
            if not operations or not ((is_dirty := self.batches.make(operations)) | is_again):
                break
            if is_dirty:
                self.changed = None
        return calm, left_alone

    def _load_part(self, disk: Disk) -> tuple[Base, Disk, Collection[PersonId] | None]:
        """What is to be planned with, and for whom; None: for everybody."""
        stored = Stored(self.store.db, disk)
        if self.changed is None:
            return load_base(self.store.db), stored.fill(), None
        base = load_base(self.store.db, with_links=False)
        part = find_part_of_plan(base, disk, stored.stamps, stored, self.changed)
        return part.base, part.disk, part.persons

    def say(
        self, left_alone: Mapping[bytes, str], reasons: Mapping[bytes, str], understood: Collection[bytes]
    ) -> None:
        """Keep what was left alone for `faced status`, with better reasons where there are some.

        understood: paths of face pictures that were, when left_alone was found; they may be gone by now.
        """
        passed_over = {row.path for row in load_undecided(self.store.db)}
        passed_over |= set(understood) - reasons.keys()
        known = {path: reasons.get(path, reason) for path, reason in left_alone.items()}
        self._say(
            {**self.batches.failed, **{p: reason for p, reason in known.items() if p not in passed_over}}
        )

    def remove_leftovers(self) -> None:
        """Empty folders of nobody that faced made."""
        operations = plan_leftovers(load_base(self.store.db, with_links=False), read_tree(self.held.handle))
        if operations:
            self.batches.make(operations)

    def _say(self, left_alone: Mapping[bytes, str]) -> None:
        rows = sorted(map(LeftAlone._make, left_alone.items()))
        if rows != load_left_alone(self.store.db):
            with self.store.write() as db:
                save_left_alone(db, rows)
        say_problem(self.store, None)
        self.report.left_alone = len(rows)

    # Face pictures.

    def show_faces(self, faces: FacesToShow) -> bool:
        """Make and take away face pictures. Those that cannot be had now are left out, as are all above `most`.

        Says whether nothing was to be done.
        """
        is_calm = True
        for _ in range(ROUNDS):
            base = load_base(self.store.db, with_links=False)
            understood = load_understood_pictures(self.store.db)
            folders = {folder.path for folder in base.picture_folders} | set(map(parent_of, understood))
            disk = read_folders(self.held.handle, {b"", SUGGESTIONS, *folders})
            pictures = find_pictures(
                self.held.handle, base, disk, lambda sums: load_made_pictures(self.store.db, sums)
            )
            operations = plan_pictures(
                faces.shown, base, disk, pictures, understood, name_max=self.held.name_max
            )
            is_calm &= not operations
            if not self._make_pictures(operations, faces):
                break
        return is_calm

    def _make_pictures(self, operations: Sequence[Operation], faces: FacesToShow) -> bool:
        """As _make. A folder is made with the first picture that goes into it."""
        first = [o for o in operations if o.op not in ("picdir", "picture")]
        is_dirty = bool(first) and self.batches.make(first)
        folders = [o for o in operations if o.op == "picdir"]
        waiting = [o for o in operations if o.op == "picture"]
        made = 0
        while waiting:
            room = self.batches.size if faces.most is None else min(self.batches.size, faces.most - made)
            if room <= 0:
                break
            now, waiting = waiting[:room], waiting[room:]
            contents = faces.cut({o.face for o in now if o.face is not None})
            ready: list[Operation] = []
            for picture in now:
                if (content := contents.get(picture.face or "")) is None:
                    continue
                above = [o for o in folders if (picture.folder + b"/").startswith(o.folder + b"/")]
                folders = [o for o in folders if o not in above]
                ready += (*above, replace(picture, new=checksum_of(content).encode()))
                made += 1
            if ready:
                self.held.check_writable()
                is_dirty |= self.batches.make_batch(ready, contents)
        self.report.pictures_left = len(waiting)
        return is_dirty
