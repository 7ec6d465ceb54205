"""The step that brings the people folder up to date: recover, look, plan, and change it batch by batch.

Each batch is committed as intents before its first change, made, flushed to the disk, and then base becomes what
the disk says. Whatever dies, whenever: the next run finds the intents and looks. When
nothing is to be done nothing is written, neither in the tree nor in the database.
"""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from faced.errors import FacedError, Frozen
from faced.errors import shown as shown_path
from faced.folders.adopt import adopt_in_hand, what_adopting_takes
from faced.folders.clean import plan_leftovers, remove_own_files
from faced.folders.disk import Disk, DiskFolder, parent_of
from faced.folders.hold import hold_tree
from faced.folders.linking import Layout
from faced.folders.pictures import find_pictures
from faced.folders.place import HeldTree, ensure_own_folders, open_place, write_marker
from faced.folders.plan import ABSOLUTE, PhotoPath, ShownPerson, plan_tree
from faced.folders.plan_pictures import SUGGESTIONS, ShownFaces, plan_pictures
from faced.folders.recover import clear_strays, settle_batch
from faced.folders.rest import Remembered, add_links, digest_wanted, note_rest
from faced.folders.tree import apply_operations, read_folders, read_tree
from faced.folders.writer import KernelWriter, TreeWriter
from faced.model import ImageId, PersonId
from faced.store.asks import load_undecided
from faced.store.database import Store
from faced.store.follow import is_adopting, save_adopting
from faced.store.pictures import (
    checksum_of,
    is_made_picture,
    load_made_pictures,
    load_understood_pictures,
)
from faced.store.tree import (
    Base,
    BaseChange,
    BaseFolder,
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

__all__ = [
    "BATCH",
    "CutFaces",
    "FacesToShow",
    "TreeReport",
    "clean_tree",
    "recover_tree",
    "say_problem",
    "split_batches",
    "sync_tree",
]

BATCH = 200
"""Changes at most between two commits: what a crash leaves in doubt."""
NO_REASONS: Mapping[bytes, str] = {}
NO_CONTENTS: Mapping[str, bytes] = {}
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
    faces: FacesToShow | None = None,
    layout: Layout = ABSOLUTE,
    remembered: Remembered | None = None,
    untouched: bool = False,
) -> TreeReport:
    """Make the people folder show these persons. The caller holds the pass lock; nothing else runs in the tree.

    root: absolute path. photos: as for plan_tree; those of a library that is only offline must be among them.
    reasons: better ones for what is left alone (path to sentence). rebuild: as for open_place. A tree whose
    database was lost is adopted first. seen: the folders as they were read just now.
    key: says by which settings all this was made; when nothing is to be done, that is noted with it, so that nothing
    need be read while nothing changes. None: it is not.
    faces: those to have pictures; None: what there is of them stays. layout: as for plan_tree.
    remembered: what to show of whom when nothing was to be done. untouched: as the report of the look says; then only
    persons are planned for of whom that has changed.
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
            adopt_in_hand(store, held, *what_adopting_takes(persons, photos), layout.root)
        wanted = {} if remembered is None else digest_wanted(persons, photos)
        only = remembered.find_changed(wanted) if remembered is not None and untouched else None
        seen = seen if held.dates_folders and untouched == (only is not None) else None
        sync = _Sync(store, held, writer, batch, report, layout, only)
        calm, left_alone = sync.run(persons, photos, seen)
        is_calm = calm is not None and held.dates_folders
        if faces is not None:
            is_calm &= sync.show_faces(faces)
        sync.say(left_alone, reasons)
        if calm is not None and is_calm and key is not None and not report.pictures_left:
            note_rest(store, calm, key)
            if remembered is not None:
                remembered.note(key, wanted)
        elif remembered is not None and sync.only is not None:
            remembered.doubt(sync.only)
        elif remembered is not None:
            remembered.forget()
        if remembered is not None:
            remembered.leave(store.db)
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
        self,
        store: Store,
        held: HeldTree,
        writer: TreeWriter,
        batch: int,
        report: TreeReport,
        layout: Layout = ABSOLUTE,
        only: Collection[PersonId] | None = None,
    ) -> None:
        self.layout = layout
        self.only = only
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
        seen: Mapping[bytes, DiskFolder] | None,
    ) -> tuple[Disk | None, Mapping[bytes, str]]:
        """Bring folders and links up to date. Returns the disk when nothing was to be done, and what was left alone,
        path to reason.
        """
        left_alone: Mapping[bytes, str] = {}
        calm = None
        for number in range(ROUNDS):
            if self.only is not None and seen is not None:
                theirs = {home.path for home in self._load_homes() if home.person in self.only}
                seen = add_links(self.store.db, seen, theirs)
            seen = disk = read_tree(self.held.handle, seen)
            base = self._load_base(disk)
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
                only=self.only,
            )
            # A folder that another one left may be empty now.
            is_again = any(operation.op == "movedir" for operation in operations)
            if not operations and number == 0:
                calm = disk
            if not operations or not ((is_dirty := self._make(operations)) | is_again):
                break
            if is_dirty and self.only is not None:
                self.only = seen = None
        return calm, left_alone

    def _load_homes(self) -> tuple[BaseFolder, ...]:
        return load_base(self.store.db, with_links=False).folders

    def _load_base(self, disk: Disk) -> Base:
        """With the links of those who are planned for, and of all folders whose links were read."""
        if self.only is None:
            return load_base(self.store.db)
        read = [home.id for home in self._load_homes() if home.path in disk and disk[home.path].links]
        return load_base(self.store.db, persons=self.only, folders=read)

    def say(self, left_alone: Mapping[bytes, str], reasons: Mapping[bytes, str]) -> None:
        """Keep what was left alone for `faced status`, with better reasons where there are some."""
        passed_over = {row.path for row in load_undecided(self.store.db)}
        passed_over |= load_understood_pictures(self.store.db).keys() - reasons.keys()
        known = {path: reasons.get(path, reason) for path, reason in left_alone.items()}
        self._say({**self.failed, **{p: reason for p, reason in known.items() if p not in passed_over}})

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
        clear_strays(
            self.held.handle,
            lambda text: is_known_text(self.store.db, text),
            lambda checksum: is_made_picture(self.store.db, checksum),
            self.writer,
        )

    def _make(self, operations: Sequence[Operation]) -> bool:
        """Make a plan come true. Says whether the disk was not as planned for, so that it must be looked at again."""
        self.held.check_writable()
        is_dirty = False
        for operations_now in split_batches(operations, self.batch):
            is_dirty |= self._make_batch(operations_now, NO_CONTENTS)
        return is_dirty

    def _make_batch(self, operations: Sequence[Operation], contents: Mapping[str, bytes]) -> bool:
        self.held.check_generation(load_generation(self.store.db))
        ensure_own_folders(self.held.handle, self.writer)
        base = load_base(self.store.db, with_links=False)
        with self.store.write() as db:
            generation, intents = open_batch(db, operations)
        return self._apply(generation, intents, base, contents)

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
        is_dirty = bool(first) and self._make(first)
        folders = [o for o in operations if o.op == "picdir"]
        waiting = [o for o in operations if o.op == "picture"]
        made = 0
        while waiting:
            room = self.batch if faces.most is None else min(self.batch, faces.most - made)
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
                is_dirty |= self._make_batch(ready, contents)
        self.report.pictures_left = len(waiting)
        return is_dirty

    # One batch.

    def _apply(
        self, generation: int, intents: Sequence[Intent], base: Base, contents: Mapping[str, bytes]
    ) -> bool:
        try:
            write_marker(self.held.handle, self.held.installation, generation, self.writer)
            applied = apply_operations(self.held.handle, intents, base.inodes, self.writer, contents)
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
