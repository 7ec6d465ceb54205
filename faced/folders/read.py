"""The step that reads what the user did: look at the people folder, understand it, and write it down.

The edits, base as it was seen, what waits and what is asked are one transaction: whatever dies, an edit is either
written and base knows, or neither. When nothing changed nothing is written. The tree itself is only read, but for
ending what a run that died has left half done.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields

from sqlite_utils import Database

from faced.clock import CLOCK, Clock
from faced.errors import FacedError, Frozen
from faced.errors import shown as shown_path
from faced.folders.batches import Batches, TreeReport
from faced.folders.context import Context, Known, Understood
from faced.folders.disk import Disk, DiskFolder
from faced.folders.edits import FolderEdit
from faced.folders.files import find_copied_files
from faced.folders.interpret import interpret_tree
from faced.folders.part import find_part_of_look, strange_texts
from faced.folders.pictures import find_pictures
from faced.folders.place import open_place
from faced.folders.rest import Stored, load_known, rests
from faced.folders.sync import say_problem
from faced.folders.tree import read_tree
from faced.folders.writer import KernelWriter, TreeWriter
from faced.model import ImageId, PersonId
from faced.store.asks import (
    TREE_KINDS,
    Ask,
    Undecided,
    add_ask,
    change_ask,
    delete_asks,
    load_asks,
    load_undecided,
    save_undecided,
)
from faced.store.base import Base, load_base
from faced.store.database import Store
from faced.store.follow import (
    KnownCopy,
    follow_user,
    is_adopting,
    load_away,
    load_copies,
    load_images_of_texts,
    save_copies,
)
from faced.store.photos import is_size_of_photo
from faced.store.pictures import follow_pictures, load_made_pictures, load_understood_pictures
from faced.store.portraits import load_portraits_only
from faced.store.shown import load_shown
from faced.store.spots import load_image_ids

__all__ = ["Known", "ReadReport", "Record", "read_user_edits"]

Record = Callable[[Database, Sequence[FolderEdit]], Mapping[bytes, PersonId]]
"""Writes edits into the journal; returns who is new, by the path of the folder."""


@dataclass(frozen=True, slots=True)
class ReadReport:
    """What a look came to.

    edits: as recorded. undecided: how many things wait for a second look; due_ns: when the first of them may have
    it (UTC nanoseconds). asks: the people folder's open questions. left_alone: reasons for sync_tree. frozen: why
    nothing was read. adopting: nothing was, for the folders are to be recognised first. recovered: as in TreeReport.
    rests: nothing has changed since nothing was to be done, so nothing was read. seen: the folders, as they were read;
    links may be left out where they are as they were then.
    pictures: paths of face pictures. to_encode: there are portraits that are to be read first.
    """

    edits: tuple[FolderEdit, ...] = ()
    undecided: int = 0
    due_ns: int | None = None
    asks: tuple[Ask, ...] = ()
    left_alone: Mapping[bytes, str] = field(default_factory=dict)
    frozen: str | None = None
    adopting: bool = False
    recovered: int = 0
    rests: bool = False
    seen: Mapping[bytes, DiskFolder] = field(default_factory=dict, repr=False, compare=False)
    pictures: frozenset[bytes] = field(default=frozenset(), repr=False, compare=False)
    to_encode: bool = False


def read_user_edits(
    store: Store,
    root: bytes,
    known: Known,
    record: Record,
    *,
    now_ns: int,
    trust_first: bool = False,
    second_look_ns: int = 10_000_000_000,
    writer: TreeWriter | None = None,
    rebuild: bool = False,
    key: str | None = None,
    clock: Clock = CLOCK,
) -> ReadReport:
    """Read the people folder and record the edits. The caller holds the pass lock; nothing else runs in the tree.

    record: writes the edits to the journal, within the transaction that moves base, and says who the new persons are,
    by the paths of their folders; it is not called without any.
    trust_first: no second look is waited for. rebuild: as for open_place. key, clock: as for sync_tree. Raises
    as that does.
    """
    root = os.path.abspath(root)
    writer = KernelWriter() if writer is None else writer
    recovered = TreeReport()
    try:
        held = open_place(store, root, writer, rebuild=rebuild)
    except Frozen as frozen:
        return _freeze(store, frozen)
    try:
        Batches(store, held, writer, recovered).recover()
        if is_adopting(store.db):
            disk = read_tree(held.handle)
            found = find_pictures(held.handle, Base(), disk, lambda _: {})
            return ReadReport(adopting=True, seen=disk, pictures=frozenset(found.at))
        if key is not None and held.dates_folders and rests(store.db, held.handle, key):
            return ReadReport(rests=True, recovered=recovered.recovered)
        in_part = key is not None and held.dates_folders and load_shown(store.db, key) is not None
        seen = load_known(store.db, with_links=not in_part) if held.dates_folders else None
        disk = read_tree(held.handle, seen, clock)
        copies = load_copies(store.db)
        files = _find_files(store, held.handle, disk, copies)
        understood, rows, asks, pictures = _understand(
            store, held.handle, disk, in_part, copies, files, known, now_ns, trust_first, second_look_ns
        )
    except Frozen as frozen:
        return _freeze(store, frozen)
    except OSError as error:
        raise FacedError(
            f"the people folder {shown_path(root)} could not be read ({error.strerror}); nothing is lost,"
            " `faced sync` goes on from there"
        ) from error
    finally:
        held.close()
    _write(store, understood, rows, asks, copies, record, now_ns)
    return ReadReport(
        edits=understood.edits,
        undecided=len(understood.waiting),
        due_ns=min((row.due for row in understood.waiting if row.due is not None), default=None),
        asks=tuple(ask for ask in load_asks(store.db) if ask.kind in TREE_KINDS),
        left_alone=understood.left_alone,
        recovered=recovered.recovered,
        seen=disk,
        pictures=pictures,
    )


def _freeze(store: Store, frozen: Frozen) -> ReadReport:
    say_problem(store, str(frozen))
    return ReadReport(frozen=str(frozen))


def _find_files(
    store: Store, root: int, disk: Disk, copies: frozenset[KnownCopy]
) -> dict[bytes, tuple[bytes, ImageId | None]]:
    """Copies of photos that are known, by path."""
    db = store.db
    found = find_copied_files(root, disk, copies, lambda size: is_size_of_photo(db, size))
    keys = {key for _, key in found.values() if key is not None}
    ids = load_image_ids(db, keys - load_portraits_only(db, keys))
    return {
        path: (mark, None if key is None else ids[key])
        for path, (mark, key) in found.items()
        if key is None or key in ids
    }


def _understand(
    store: Store,
    root: int,
    disk: Disk,
    in_part: bool,
    copies: frozenset[KnownCopy],
    files: Mapping[bytes, tuple[bytes, ImageId | None]],
    known: Known,
    now_ns: int,
    trust_first: bool,
    second_look_ns: int,
) -> tuple[Understood, tuple[Undecided, ...], tuple[Ask, ...], frozenset[bytes]]:
    base, away = load_base(store.db, with_links=not in_part), load_away(store.db)
    stored = Stored(store.db, disk)
    if in_part:
        part = find_part_of_look(
            base, disk, stored.stamps, stored, copies=copies, files=files, merged=known.merged, away=away
        )
        base, disk = part.base, part.disk
    pictures = find_pictures(root, base, disk, lambda sums: load_made_pictures(store.db, sums))
    rows = load_undecided(store.db)
    asks = tuple(ask for ask in load_asks(store.db) if ask.kind in TREE_KINDS)
    context = Context(
        **{each.name: getattr(known, each.name) for each in fields(Known)},
        now_ns=now_ns,
        undecided=rows,
        asks=asks,
        copies=copies,
        files=files,
        images_of_texts=load_images_of_texts(store.db, strange_texts(base, disk)),
        away=away,
        pictures=pictures,
        understood_pictures=load_understood_pictures(store.db),
        second_look_ns=second_look_ns,
        trust_first=trust_first,
        all_links=stored if in_part else None,
    )
    return interpret_tree(base, disk, context), rows, asks, frozenset(pictures.at)


def _write(
    store: Store,
    understood: Understood,
    rows: tuple[Undecided, ...],
    asks: tuple[Ask, ...],
    copies: frozenset[KnownCopy],
    record: Record,
    now_ns: int,
) -> None:
    before = {ask.id: ask for ask in asks}
    drafts = understood.asks
    asked = tuple(sorted((*understood.waiting, *(row for draft in drafts for row in draft.rows)), key=_path))
    is_same = (
        not understood.edits
        and not understood.change
        and not understood.pictures
        and not understood.over
        and all(draft.id is not None and draft.text == before[draft.id].text for draft in drafts)
        and asked == rows
        and understood.copies == copies
    )
    if is_same:
        return
    with store.write() as db:
        made = record(db, understood.edits) if understood.edits else {}
        change = understood.change
        change.adopted = [
            found._replace(person=made.get(found.path, found.person)) for found in change.adopted
        ]
        follow_user(db, change)
        save_copies(db, understood.copies)
        follow_pictures(db, understood.pictures)
        new = list(understood.waiting)
        for draft in drafts:
            id_ = draft.id
            if id_ is None:
                id_ = add_ask(db, draft.kind, draft.text, draft.details, now_ns)
            elif draft.text != before[id_].text:
                change_ask(db, id_, draft.text, draft.details)
            new += [row._replace(ask=id_) for row in draft.rows]
        save_undecided(db, new)
        delete_asks(db, understood.over)


def _path(row: Undecided) -> bytes:
    return row.path
