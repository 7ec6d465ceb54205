"""Portraits in a pass: what a user put into the people folder to show who somebody is becomes an edit of the journal.

A portrait is queued as a photo is, by the look that sees it first. Once it is encoded, and a second look agrees, its
face is said to be that of the person in whose folder it lies, or of somebody new who is called as the folder is. What
does not show one face above all others says nothing. The file is the user's, and stays as it is.
"""

import os
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlite_utils import Database

from faced.errors import shown
from faced.faces.engine import EngineRecord
from faced.folders.disk import DiskFolder, parent_of
from faced.folders.edits import Seeded
from faced.folders.names import name_of_folder
from faced.folders.portraits import PortraitPlace, find_portraits, judge_places
from faced.folders.read import ReadReport
from faced.library.changes import Changes, Scan, diff_photos, find_new
from faced.model import EngineId, FaceId, ImageKey, PersonId
from faced.people.choice import choose_common, choose_largest
from faced.store.asks import load_undecided
from faced.store.base import Base, is_link_of_base, load_base
from faced.store.database import Store
from faced.store.edits import Draft, FaceRef
from faced.store.explain import load_engine_text
from faced.store.follow import FoundFolder, UserChange, follow_user, load_copies
from faced.store.journal import add_edits, load_seeds_of
from faced.store.persons import add_persons
from faced.store.photos import delete_photos, load_stamps, move_photos, save_photos, save_stamps
from faced.store.portraits import (
    Portrait,
    drop_portraits,
    ensure_portraits_at,
    find_portraits_at,
    is_any_to_be_read,
    load_portraits,
    load_portraits_only,
    may_be_unread_photo,
    save_portraits,
    save_said,
)
from faced.store.settings import load_setting
from faced.store.spots import StoredFace, load_engine_key, load_faces_of_images
from faced.store.word import Word
from faced.store.word_tables import load_word

__all__ = ["Looking", "follow_portraits"]

NO_FACE = "no face was found in this picture: it says nothing, and is yours"
SEVERAL = "several faces are in this picture, and none is much larger than the others: cut out the one that is meant"
NOT_ONE = "the pictures in this folder do not show one and the same person: they say nothing"
UNREAD = "a portrait that is yet to be looked at"
TAKEN_BACK = "a portrait of which nothing is said any more; it is yours"


@dataclass(frozen=True, slots=True)
class Looking:
    """now_ns, second_look_ns: UTC nanoseconds and nanoseconds. trust_first: no second look is waited for.

    albums, hidden: persons and albums whose folders say nothing.
    """

    now_ns: int
    second_look_ns: int
    trust_first: bool
    albums: Collection[PersonId]
    hidden: Collection[PersonId]


@dataclass(slots=True)
class _Found:
    """What is to be written, and told. drafts: (person, or path of a new folder) -> portraits with the face that counts.

    photos: portraits that are photos of a library.
    """

    said: dict[PersonId | bytes, list[tuple[Portrait, FaceRef]]] = field(default_factory=dict)
    settled: list[tuple[Portrait, PersonId | None]] = field(default_factory=list)
    photos: list[Portrait] = field(default_factory=list)
    left_alone: dict[bytes, str] = field(default_factory=dict)
    dues: list[int] = field(default_factory=list)


def follow_portraits(
    store: Store, root: bytes, engine: EngineId, read: ReadReport, looking: Looking
) -> ReadReport:
    """After a look at the people folder: queue new portraits, and write down what those say that are encoded.

    Returns the report with that added.
    """
    if read.frozen is not None or read.rests:
        return read
    _note_files(store, root, read, looking.now_ns)
    portraits = load_portraits(store.db, engine)
    if not portraits:
        return read
    if read.adopting:  # what the journal says of them is to count from the first decision on
        return replace(read, to_encode=is_any_to_be_read(portraits))
    base = load_base(store.db, with_links=False)
    found = _Reader(store.db, engine, read, base, looking).read(portraits)
    seeded = _write(store, found, read.seen, datetime.fromtimestamp(looking.now_ns / 1e9, UTC))
    return replace(
        read,
        edits=(*read.edits, *seeded),
        undecided=read.undecided + len(found.dues),
        due_ns=min([*found.dues, *([] if read.due_ns is None else [read.due_ns])], default=None),
        left_alone={**read.left_alone, **found.left_alone},
        to_encode=is_any_to_be_read(portraits),
    )


def _note_files(store: Store, root: bytes, read: ReadReport, now_ns: int) -> None:
    """The rows of portraits follow the files."""
    db = store.db
    at = find_portraits_at(db)
    passed_over = read.pictures | {row.path for row in load_undecided(db) if row.what == "copy"}
    copies = {(copy.folder, copy.name) for copy in load_copies(db)}
    files = find_portraits(
        root, read.seen, passed_over, copies, lambda folder, name: is_link_of_base(db, folder, name)
    )
    known = {} if at is None else load_stamps(db, at[0])
    if not (files or known):
        return
    changes = diff_photos(known, Scan(files, {}, frozenset()))
    if changes or (at is not None and at[1] != root):
        _write_files(store, root, changes, now_ns)


def _write_files(store: Store, root: bytes, changes: Changes, now_ns: int) -> None:
    with store.write() as db:
        library, is_first = ensure_portraits_at(db, root)
        delete_photos(db, library, changes.gone)
        move_photos(db, library, ((m.old, m.new, m.stamp) for m in changes.moved))
        save_stamps(db, library, changes.touched)
        save_photos(db, library, find_new(changes), int(load_setting(db, "scan") or 0))
        save_portraits(db, library, now_ns, are_old=is_first)


class _Reader:
    """What the portraits say now."""

    def __init__(
        self, db: Database, engine: EngineId, read: ReadReport, base: Base, looking: Looking
    ) -> None:
        self.db = db
        self.engine = engine
        self.seen = read.seen
        self.base = base
        self.looking = looking
        self.unclear = read.left_alone.keys() | {row.path for row in load_undecided(db) if row.what != "copy"}
        self.word: Word = load_word(db)
        self.found = _Found()

    def read(self, portraits: Sequence[Portrait]) -> _Found:
        inside: dict[bytes, list[Portrait]] = defaultdict(list)
        for portrait in portraits:
            inside[parent_of(portrait.path)].append(portrait)
        places = judge_places(
            inside, self.base.folders, self.seen, self.looking.hidden, self.looking.albums, self.unclear
        )
        keys = {one.key for one in portraits if one.key is not None}
        mine = load_portraits_only(self.db, keys)
        stored = load_faces_of_images(self.db, keys)
        engine = load_engine_key(self.db, self.engine)
        self.faces: dict[ImageKey, list[StoredFace]] = defaultdict(list)
        for face in stored:
            if face.engine == engine:
                self.faces[face.image].append(face)
        new = {path for path, place in places.items() if place == PortraitPlace()}
        for folder, here in sorted(inside.items()):
            if any(folder.startswith(above + b"/") for above in new):
                self.found.dues.append(self.looking.now_ns)  # of whom, the next look knows
                continue
            self.found.photos += [one for one in here if one.key is not None and one.key not in mine]
            self._read_folder(
                folder, [one for one in here if one.key is None or one.key in mine], places[folder]
            )
        return self.found

    def _read_folder(self, folder: bytes, portraits: Sequence[Portrait], place: PortraitPlace) -> None:
        person = None if place.person is None else self.word.resolve(place.person)
        left_alone = self.found.left_alone
        new = []
        for one in portraits:
            if one.said is not None and self._is_said(one, person, is_elsewhere=place.why is not None):
                left_alone[one.path] = self._tell_said(one)
            elif place.why is not None:
                left_alone[one.path] = place.why
            elif (
                one.is_old
                and one.said is None
                and one.key is not None
                and (past := load_seeds_of(self.db, one.key))
            ):
                # The database was lost since; what the journal says of it stands, taken back or not. Of whom it was taken
                # back, her folder may have another number by now.
                counts = any(spot.image == one.key for spot in self.word.anchors)
                self.found.settled.append((one, past[-1].person if counts or person is None else person))
                left_alone[one.path] = UNREAD
            else:
                new.append(one)
        if new and self._are_ready(new):
            self._say(person if person is not None else folder, [one for one in new if one.problem is None])
        if place.person is None and portraits:
            left_alone.setdefault(folder, left_alone[portraits[0].path])

    def _is_said(self, one: Portrait, person: PersonId | None, *, is_elsewhere: bool) -> bool:
        """Whether what it says here was said before."""
        assert one.said is not None
        image, whose = one.said
        if one.key is not None and image != one.key:
            return False
        return is_elsewhere or person == self.word.resolve(whose)

    def _tell_said(self, one: Portrait) -> str:
        assert one.said is not None
        image, person = one.said
        hers = {spot.image for spot, whose in self.word.anchors.items() if whose == self.word.resolve(person)}
        if image not in hers:
            return TAKEN_BACK
        whose = self.word.resolve(person)
        return self._tell_known(whose)

    def _tell_known(self, whose: PersonId | bytes) -> str:
        if isinstance(whose, bytes):
            name = shown(whose.rpartition(b"/")[2])
        else:
            name = shown(os.fsencode(self.word.person(whose).name or f"Person {whose}"))
        return f"a portrait of {name}, whose face is known by it; it is yours"

    def _are_ready(self, portraits: Sequence[Portrait]) -> bool:
        """Whether all of them are encoded, and seen twice; else they wait."""
        looking, is_ready = self.looking, True
        for one in portraits:
            due = one.first_seen + looking.second_look_ns
            if one.problem is not None:
                self.found.left_alone[one.path] = f"it cannot be read as a portrait: {one.problem}"
                continue
            if not looking.trust_first and due > looking.now_ns:
                self.found.dues.append(due)
            elif one.is_encoded and not may_be_unread_photo(self.db, one.size):
                continue
            elif self.engine == 0:
                self.found.dues.append(looking.now_ns + looking.second_look_ns)
            self.found.left_alone[one.path] = UNREAD
            is_ready = False
        return is_ready

    def _say(self, whose: PersonId | bytes, portraits: Sequence[Portrait]) -> None:
        seen = [one for one in portraits if one.key is not None and self.faces[one.key]]
        for one in portraits:
            self.found.left_alone[one.path] = NO_FACE
        chosen = self._choose(whose, seen)
        if isinstance(chosen, str):
            self.found.left_alone.update({one.path: chosen for one in seen})
            return
        said = []
        for one, face in zip(seen, chosen, strict=True):
            if face is None:
                self.found.left_alone[one.path] = SEVERAL
                continue
            self.found.left_alone[one.path] = self._tell_known(whose)
            said.append((one, FaceRef(face.image, face.box, face.engine)))
        if said:
            self.found.said[whose] = said

    def _choose(
        self, whose: PersonId | bytes, portraits: Sequence[Portrait]
    ) -> list[StoredFace | None] | str:
        """The face that each is of. Of somebody new they must all be of one; a text: why they are not."""
        faces = [self.faces[one.key] for one in portraits if one.key is not None]
        by_id = {face.id: face for some in faces for face in some}
        largest = [choose_largest([f.id for f in some], {f.id: f.box.width for f in some}) for some in faces]
        if isinstance(whose, bytes) and len(portraits) > 1:
            candidates = [
                [big] if big is not None else [face.id for face in some]
                for big, some in zip(largest, faces, strict=True)
            ]
            near = self._near()
            common = choose_common(candidates, {id_: f.embedding for id_, f in by_id.items()}, near=near)
            return [by_id[face] for face in common] if common else NOT_ONE
        return [None if big is None else by_id[FaceId(big)] for big in largest]

    def _near(self) -> float:
        text = load_engine_text(self.db, self.engine)
        if text is None:
            return 0.0
        measured = EngineRecord.from_json(text).thresholds
        return max(measured.eps, measured.suggest)


def _write(store: Store, found: _Found, seen: Mapping[bytes, DiskFolder], time: datetime) -> list[Seeded]:
    """In one transaction, and none when nothing is new."""
    if not (found.said or found.settled or found.photos):
        return []
    seeded = []
    with store.write() as db:
        drop_portraits(db, [one.photo for one in found.photos])  # the next look takes them for what they are
        for one, person in found.settled:
            assert one.key is not None
            save_said(db, one.photo, one.key, person)
        for whose, said in found.said.items():
            drafts, change = [], UserChange()
            if isinstance(whose, bytes):
                (person,) = add_persons(db, 1)
                drafts = [Draft("name", person, value=name_of_folder(whose.rpartition(b"/")[2]))]
                if parent_of(whose):
                    drafts.append(Draft("place", person, value=os.fsdecode(whose)))
                change.adopted.append(FoundFolder(whose, person, seen[whose].ino, ()))
            else:
                person = whose
            faces = tuple(face for _, face in said)
            add_edits(db, [*drafts, Draft("seed", person, faces)], origin="folder", time=time)
            follow_user(db, change)
            for one, face in said:
                save_said(db, one.photo, face.image, person)
            seeded.append(Seeded(person, _why([one.path for one, _ in said])))
    return seeded


def _why(paths: Sequence[bytes]) -> str:
    if len(paths) == 1:
        return f"the portrait {shown(paths[0])} was put there"
    return f"the portraits {', '.join(map(shown, paths[:3]))}{', …' if len(paths) > 3 else ''} were put there"
