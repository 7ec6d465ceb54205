"""The steps of a pass, each of which reads what the ones before it wrote."""

import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlite_utils import Database

import faced
from faced.clock import CLOCK, Clock
from faced.config import Config
from faced.errors import Damaged, StorageFull
from faced.faces.engine import EngineRecord
from faced.folders.linking import Layout, Years
from faced.folders.plan import PhotoPath, ShownPerson
from faced.folders.quiet import wait_until_quiet
from faced.folders.read import Known, ReadReport, read_user_edits
from faced.folders.sync import TreeReport, sync_tree
from faced.library.exclude import compile_excludes
from faced.library.ready import Settling
from faced.library.step import LibraryReport, scan_library
from faced.model import EngineId, ImageId, PersonId
from faced.passes.albums import load_album_names, show_albums
from faced.passes.decide import Decide, Question, decide_here
from faced.passes.gestures import record_edits
from faced.passes.losses import find_ask, follow_losses
from faced.passes.meant import have_one_in_common
from faced.passes.pictured import find_noes
from faced.passes.pictures import PictureWork, open_faces
from faced.passes.places import Places, Run
from faced.passes.portraits import Looking, follow_portraits
from faced.passes.word import load_said_of_pictures, pass_on_numbers
from faced.people.recluster import Clustering, ReclusterReport, write_decision
from faced.store.base import load_person_folders
from faced.store.database import Store
from faced.store.faces import count_unencoded
from faced.store.health import check_health, is_check_due, mend, open_sound_store
from faced.store.jobs import ensure_engine
from faced.store.journal import load_founded_and_undone, load_last_id, load_moved_to, load_recent
from faced.store.journal_file import append_journal
from faced.store.persons import load_images_of_persons, load_names
from faced.store.photos import load_absent_images, load_libraries, load_photos_of_images
from faced.store.seen import is_at_rest
from faced.store.settings import load_setting, save_setting
from faced.store.traces import are_traces_left, clear_traces
from faced.store.tree import load_left_alone
from faced.store.upkeep import is_due, run_daily
from faced.store.word_tables import load_word

__all__ = [
    "TreeOptions",
    "choose_engine",
    "clustering_settings",
    "decide_persons",
    "keep_journal",
    "keep_safe",
    "load_shown_names",
    "look_at_tree",
    "open_state",
    "read_tree",
    "scan_all",
    "scan_one",
    "show_persons",
    "show_tree",
    "shown_engine",
]

SHOWN_ENGINE = "engine"
DIVIDED = "tree.divided"
"""Setting: 1 while folders are, or may still be, divided by years."""
DAY_NS = 86_400 * 10**9
ROUNDS = 3
TREE_RULES = 2
"""Counts up when the rules of reading or planning the people folder change."""


@dataclass(frozen=True, slots=True)
class TreeOptions:
    """now: trust the first look. rebuild: the tree is made anew from what is known. clock: by which all is done."""

    now: bool = False
    rebuild: bool = False
    clock: Clock = CLOCK


@contextmanager
def open_state(run: Run) -> Iterator[Store]:
    """The database, sound, with the journal beside it brought up to it; a lost one has its words back."""
    with open_sound_store(run.state, datetime.now(UTC)) as store:
        yield store


def keep_safe(store: Store) -> None:
    """Daily the word is exported, weekly the database checked and copied. A disk that is full is no hindrance.

    Raises Damaged when the check finds what only a new process can mend.
    """
    now = datetime.now(UTC)
    if are_traces_left(store.db):
        with suppress(StorageFull):
            clear_traces(store, now, patience=1.0)
    if is_check_due(store.db, now):
        check_health(store, now)
    if is_due(store.db, now):
        with suppress(StorageFull):
            run_daily(store, now)


def keep_journal(store: Store) -> None:
    """After a transaction with edits or new persons: the journal's second copy follows."""
    append_journal(store, datetime.now(UTC))


def scan_all(store: Store, config: Config, places: Places) -> list[LibraryReport]:
    """Every library of the set. One that lost too much is asked about, and believed when that was answered."""
    reports = [scan_one(store, config, places, row.root) for row in load_libraries(store.db)]
    return [report for report in reports if report is not None]


def scan_one(
    store: Store,
    config: Config,
    places: Places,
    root: bytes,
    *,
    only: Mapping[bytes, bool] | None = None,
    settling: Settling | None = None,
) -> LibraryReport | None:
    """One library, or these folders of it (see scan_library); None when it is not of the set any more."""
    library = next((row for row in load_libraries(store.db) if row.root == root), None)
    if library is None:
        return None
    ask = find_ask(store, library.id)
    report = scan_library(
        store,
        library.id,
        places.people,
        excludes=compile_excludes(config.library_exclude),
        named=places.named,
        accept_losses=ask is not None and ask.answer is True,
        only=only,
        settling=settling,
    )
    follow_losses(store, library.id, ask, report)
    return report


def shown_engine(db: Database) -> EngineId:
    """The engine whose result is shown; one that never was, before the first pass."""
    return EngineId(int(load_setting(db, SHOWN_ENGINE) or 0))


def choose_engine(store: Store, record: EngineRecord) -> EngineId:
    """The engine whose result is shown: a new one only when it is done with every image."""
    known = shown_engine(store.db)
    with store.write() as db:
        wanted = ensure_engine(db, record.key, record.to_json())
    if known == wanted or (known and count_unencoded(store.db, wanted)):
        return known
    if known:
        pass_on_numbers(store, known, wanted)
    with store.write() as db:
        save_setting(db, SHOWN_ENGINE, str(wanted))
    return wanted


def read_tree(
    store: Store,
    config: Config,
    root: bytes,
    options: TreeOptions,
) -> ReadReport:
    """What the user did in the people folder, written into the journal.

    Waits for a quiet tree and, if something may be half of a gesture, for the second look.
    """
    clock = options.clock
    if not options.now:
        wait_until_quiet(root, settle_ns=int(config.people_settle * 1e9), clock=clock)
    first = look_at_tree(store, config, root, options)
    if first.due_ns is None or options.now:
        return first
    clock.sleep(max(0.0, (first.due_ns - clock.now_ns()) / 1e9) + 0.01)
    second = look_at_tree(store, config, root, TreeOptions(clock=clock))
    return replace(second, edits=(*first.edits, *second.edits))


def look_at_tree(
    store: Store,
    config: Config,
    root: bytes,
    options: TreeOptions,
) -> ReadReport:
    """One look at the people folder, as it is now; what the user did there goes into the journal."""
    now = options.clock.now_ns()
    engine = shown_engine(store.db)
    word = load_word(store.db)
    since = datetime.fromtimestamp((now - DAY_NS) / 1e9, UTC)
    rejected: dict[int, set[str]] = {}
    for edit in load_recent(store.db, "reject", since):
        if edit.person is not None:
            rejected.setdefault(word.resolve(edit.person), set()).update(face.image for face in edit.faces)
    names = {p: said.name for p, said in word.persons.items() if said.name and said.merged_into is None}
    hidden = frozenset(p for p, said in word.persons.items() if said.hidden and said.merged_into is None)
    albums, over = load_album_names(store.db, word)
    known = Known(
        names={**names, **albums},
        persons={p: name for p, name in names.items() if p not in hidden},
        albums=over | albums.keys(),
        hidden=hidden | over,
        excused=load_absent_images(store.db),
        rejected_lately={person: len(images) for person, images in rejected.items()},  # type: ignore[misc]
        merged={p: said.merged_into for p, said in word.persons.items() if said.merged_into is not None},
        rejected=frozenset(person for persons in word.rejections.values() for person in persons),
        link_names=load_said_of_pictures(store.db, word).link_names,
        moved_to=lambda person: load_moved_to(store.db, person),
        in_common=lambda sources: have_one_in_common(store.db, engine, sources),
        said_no=lambda face: frozenset(find_noes(store.db, face)),
    )
    report = read_user_edits(
        store,
        root,
        known,
        lambda db, edits: record_edits(db, engine, edits, options.clock.now()),
        now_ns=now,
        trust_first=options.now,
        second_look_ns=int(config.people_second_look * 1e9),
        rebuild=options.rebuild,
        key=None if options.rebuild else rest_key(config, engine),
    )
    looking = Looking(
        now, int(config.people_second_look * 1e9), options.now, known.albums, known.hidden - known.albums
    )
    report = follow_portraits(store, os.path.abspath(root), engine, report, looking)
    if report.edits:
        keep_journal(store)
    return report


def show_persons(
    store: Store,
    config: Config,
    root: bytes,
    record: EngineRecord,
    read: ReadReport,
    decide: Decide = decide_here,
    *,
    beat: Callable[[], None] = lambda: None,
    most_pictures: int | None = None,
) -> tuple[ReclusterReport, TreeReport]:
    """After a look at the people folder: decide who is who, and make the folder show it.

    beat: called about twice a second while face pictures are made. most_pictures: so many new ones at once.
    """
    engine = choose_engine(store, record)
    clustering = decide_persons(store, config, engine, record, decide)
    work = PictureWork(record.thresholds.gate, beat, most_pictures)
    return clustering, show_tree(store, config, root, engine, read, work)


def clustering_settings(config: Config, record: EngineRecord) -> Clustering:
    """What was measured for the engine, where the configuration does not say otherwise."""
    measured = record.thresholds
    return Clustering(
        eps=measured.eps if config.cluster_eps is None else config.cluster_eps,
        min_samples=measured.min_samples
        if config.cluster_min_samples is None
        else config.cluster_min_samples,
        gate=measured.gate,
        copy_bits=measured.near_copy_bits,
        suggest=measured.suggest if config.identity_suggest is None else config.identity_suggest,
        joins=True,
        crowd=measured.crowd,
    )


def decide_persons(
    store: Store, config: Config, engine: EngineId, record: EngineRecord, decide: Decide = decide_here
) -> ReclusterReport:
    """Who is who, by what is stored and what the user said."""
    settings = clustering_settings(config, record)
    question = Question(store.folder, engine, settings)
    for _ in range(ROUNDS):
        word = load_last_id(store.db)
        try:
            decision = decide(question)
        except Damaged:
            mend(store)  # what cannot be read is encoded again
            decision = decide(question)
        if load_last_id(store.db) == word:
            break  # else a command has said something meanwhile
    report = write_decision(store, engine, decision)
    if report.new_persons:
        keep_journal(store)
    return report


def show_tree(
    store: Store,
    config: Config,
    root: bytes,
    engine: EngineId,
    read: ReadReport,
    work: PictureWork | None = None,
    clock: Clock = CLOCK,
) -> TreeReport:
    """Make the people folder show who is who. work: how face pictures are made; None: what there is of them stays."""
    if read.frozen:
        return TreeReport(frozen=read.frozen)
    key = rest_key(config, engine)
    if read.rests and is_at_rest(store.db, key):
        return TreeReport(left_alone=len(load_left_alone(store.db)))
    is_calm = not (read.edits or read.undecided or read.asks)
    shown = _shown_persons(store, engine, config.people_min_photos)
    layout = _choose_layout(store, config, root)
    photos = _photo_paths(store, is_real=layout.root is not None)
    here = {person.id for person in shown if person.images}
    with ExitStack() as stack:
        faces = None
        if work is not None:
            faces = stack.enter_context(open_faces(store, config, engine, photos, here, work))
        report = sync_tree(
            store,
            root,
            shown,
            photos,
            reasons=read.left_alone,
            seen=read.seen,
            key=key,
            may_rest=is_calm,
            faces=faces,
            layout=layout,
            clock=clock,
        )
    if layout.years is Years.GATHER and report.frozen is None and not (report.made or report.dropped):
        with store.write() as db:
            save_setting(db, DIVIDED, "0")
    return report


def rest_key(config: Config, engine: EngineId) -> str:
    """By what the people folder is made, but for what is stored: another one, and everything is looked at again."""
    text = repr((faced.__version__, TREE_RULES, int(engine), config))
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def _shown_persons(store: Store, engine: EngineId, min_photos: int) -> list[ShownPerson]:
    word = load_word(store.db)
    images = load_images_of_persons(store.db, engine)
    pictures = load_said_of_pictures(store.db, word)
    names: dict[PersonId, dict[ImageId, bytes]] = {}
    for (person, image), name in pictures.link_names.items():
        names.setdefault(person, {})[image] = name
    named = {p for p, said in word.persons.items() if said.name is not None and said.merged_into is None}
    shown = []
    for person in sorted(named | images.keys() | pictures.tags.keys()):
        said = word.person(person)
        hers = images.get(person, frozenset()) | pictures.tags.get(person, frozenset())
        if said.hidden or said.name is not None or len(hers) >= min_photos or person in pictures.tags:
            place, called = said.place or b"", names.get(person, {})
            shown.append(ShownPerson(person, said.name, hers, place, said.hidden, called))
    shown += show_albums(store.db, word, images)
    return [*shown, *_keep_folders(store, {person.id for person in shown})]


def _keep_folders(store: Store, shown: Collection[PersonId]) -> list[ShownPerson]:
    """Whoever was taken back is shown no more, but a folder that the user made for him stays as it is."""
    folders = load_person_folders(store.db)
    gone = folders.keys() - shown
    gone = gone & load_founded_and_undone(store.db) if gone else gone
    return [
        ShownPerson(person, os.fsdecode(folders[person].rpartition(b"/")[2]), frozenset(), folders[person])
        for person in sorted(gone)
    ]


def load_shown_names(db: Database) -> dict[PersonId, str]:
    """What persons with a name, and albums, are called."""
    return {**load_names(db), **load_album_names(db, load_word(db))[0]}


def _choose_layout(store: Store, config: Config, root: bytes) -> Layout:
    """As configured; folders that were divided by years before are put together again first."""
    was_divided = load_setting(store.db, DIVIDED) == "1"
    if config.people_by_year and not was_divided:
        with store.write() as db:
            save_setting(db, DIVIDED, "1")
    years = Years.DIVIDE if config.people_by_year else Years.GATHER if was_divided else Years.KEEP
    return Layout(os.path.realpath(root) if config.people_links == "relative" else None, years)


def _photo_paths(store: Store, *, is_real: bool) -> dict[ImageId, tuple[PhotoPath, ...]]:
    """is_real: the roots without links in them, for what two paths have in common must be one and the same."""
    found = load_photos_of_images(store.db)
    roots = {photo.root: photo.root for photos in found.values() for photo in photos}
    if is_real:
        roots = {root: os.path.realpath(root) for root in roots}
    return {
        image: tuple(
            PhotoPath(
                roots[photo.root],
                photo.path,
                _taken_ns(photo.taken) or photo.mtime_ns,
                None if photo.taken is None else int(photo.taken[:4]),
            )
            for photo in photos
        )
        for image, photos in found.items()
    }


def _taken_ns(taken: str | None) -> int | None:
    """An EXIF date, the camera's local time, as nanoseconds since 1970."""
    if taken is None:
        return None
    try:
        return int(datetime.fromisoformat(taken).timestamp()) * 10**9
    except (OverflowError, ValueError, OSError):
        return None
