"""What was understood in the people folder becomes edits of the journal: which faces a link stands for is
looked up here, and what was done in one go is one gesture, so that it is undone in one go.
"""

import os
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlite_utils import Database

from faced.folders.disk import parent_of
from faced.folders.edits import (
    AlbumMade,
    Copied,
    FaceAccepted,
    FacePinned,
    FaceProposed,
    FaceRejected,
    FolderEdit,
    Founded,
    Gathered,
    Hidden,
    Ignored,
    LinkNamed,
    Merged,
    Moved,
    Named,
    Placed,
    Rejected,
    Shown,
)
from faced.folders.names import name_of_folder
from faced.model import EngineId, ImageId, PersonId
from faced.passes.albums import draft_for_album
from faced.passes.meant import choose_copied, choose_gathered, find_faces_of_links, find_tags
from faced.passes.pictured import draft_faces
from faced.passes.word import part_again
from faced.store.albums import Album, draft_album, load_albums
from faced.store.base import load_person_folders
from faced.store.edits import Draft, Edit, FaceRef, Json
from faced.store.journal import add_edits, load_founded_and_undone, load_moved_faces
from faced.store.persons import add_persons, load_images_of_persons, load_names
from faced.store.spots import load_keys
from faced.store.undo import undo_last
from faced.store.word_tables import load_word

__all__ = ["draft_hide", "draft_merge", "draft_name", "record_edits", "take_back_gestures"]

GAINS = Moved | Copied | FacePinned | Merged
"""What is put into a person's folder, or said of it by what is."""


def record_edits(
    db: Database, engine: EngineId, edits: Sequence[FolderEdit], time: datetime
) -> Mapping[bytes, PersonId]:
    """Write what the user did into the journal, within a transaction of the caller.

    Returns the persons who are new, by the path of the folder that says so.
    """
    gestures: dict[Hashable, list[FolderEdit]] = {}
    made: dict[bytes, PersonId] = {}
    albums = dict(load_albums(db))
    again = _Again(db, edits)
    for edit in _without_albums(edits, albums):
        gestures.setdefault(_gesture_of(edit), []).append(edit)
    for together in gestures.values():
        drafts: list[Draft] = []
        for edit in together:
            if isinstance(edit, Gathered | Founded | AlbumMade):
                (made[edit.path],) = add_persons(db, 1)
                drafts += _draft_new(db, engine, edit, made[edit.path])
            elif isinstance(edit, FacePinned | FaceAccepted | FaceRejected | FaceProposed | Ignored):
                drafts += draft_faces(db, engine, edit)
            elif edit.person in albums:
                said, albums[edit.person] = draft_for_album(db, albums[edit.person], edit)
                drafts += said
            elif not isinstance(edit, Moved | Copied):
                drafts += _draft(db, engine, edit)
        links = [edit for edit in together if isinstance(edit, Moved | Copied)]
        drafts = [*again.draft(together), *_draft_links(db, engine, links), *drafts]
        add_edits(db, drafts, origin="folder", time=time)
    return made


def _without_albums(edits: Sequence[FolderEdit], albums: Mapping[PersonId, Album]) -> Iterator[FolderEdit]:
    """A link taken out of an album is hidden there; one put into it names nobody."""
    for edit in edits:
        if isinstance(edit, Moved | Copied | LinkNamed) and edit.person in albums:
            continue
        if isinstance(edit, Moved) and edit.source in albums:
            yield Copied(edit.person, edit.image, edit.why)
            yield Rejected(edit.source, edit.image, edit.why)
        elif isinstance(edit, Gathered):
            sources = tuple((image, None if who in albums else who) for image, who in edit.sources)
            yield replace(edit, sources=sources)
        elif not (isinstance(edit, Merged) and {edit.person, edit.into} & albums.keys()):
            yield edit


def take_back_gestures(db: Database, engine: EngineId, count: int, time: datetime) -> list[Edit]:
    """Undo the last gestures that still count, within a transaction of the caller. Returns the undos."""
    undos = undo_last(db, count, time=time)
    part_again(db, engine, undos)
    return undos


def _gesture_of(edit: FolderEdit) -> Hashable:
    """What was done in one go, as far as that can be seen, so that it is undone in one go."""
    match edit:
        case Gathered(path) | Founded(path) | AlbumMade(path):
            return path
        case Ignored():
            return "ignored"
        case FacePinned(person) | FaceAccepted(person):
            return person, "faces"
        case FaceProposed(person):
            return person, "proposals"
        case Rejected(person) | FaceRejected(person):
            return person, "rejections"
        case Moved(person) | Copied(person) | LinkNamed(person) | Merged(_, person):
            return person, "links"
        case _:
            return edit.person, "folder"


def _draft_new(
    db: Database, engine: EngineId, edit: Gathered | Founded | AlbumMade, person: PersonId
) -> list[Draft]:
    match edit:
        case Gathered():
            return _gather(db, engine, edit, person)
        case Founded():
            return draft_faces(db, engine, edit, person)
        case AlbumMade(path, persons):
            return [draft_album(Album(person, persons, path))]


class _Again:
    """What is put into the folder that is left of somebody who was taken back says that there is somebody called so."""

    def __init__(self, db: Database, edits: Sequence[FolderEdit]) -> None:
        """edits: all that are recorded now."""
        self._db = db
        gains = any(isinstance(edit, GAINS) for edit in edits)
        self._folders = load_person_folders(db) if gains else {}
        renamed = {edit.person for edit in edits if isinstance(edit, Named)}
        self._named = renamed | (load_names(db).keys() if gains else set())

    def draft(self, edits: Sequence[FolderEdit]) -> list[Draft]:
        """Of one gesture."""
        gaining = {e.into if isinstance(e, Merged) else e.person for e in edits if isinstance(e, GAINS)}
        nameless = (gaining & self._folders.keys()) - self._named
        names = {p: name_of_folder(self._folders[p].rpartition(b"/")[2]) for p in nameless}
        called = {p: name for p, name in names.items() if name is not None}
        drafts = []
        for person in sorted(called.keys() & load_founded_and_undone(self._db) if called else ()):
            self._named.add(person)
            drafts.append(Draft("name", person, value=called[person]))
            if parent_of(self._folders[person]) and load_word(self._db).person(person).place is None:
                drafts.append(Draft("place", person, value=os.fsdecode(self._folders[person])))
        return drafts


def _draft(db: Database, engine: EngineId, edit: FolderEdit) -> list[Draft]:
    match edit:
        case Named(person, name, images):
            return _name(db, engine, person, name, images)
        case Placed(person, path):
            return [Draft("place", person, value=os.fsdecode(path))]
        case Hidden(person):
            # The folder that is left of somebody who was taken back: there is nobody to hide. But she may have got faces.
            is_nobody = person in load_founded_and_undone(db) and not _images_of(db, engine, person)
            return [] if is_nobody else draft_hide(db, engine, person)
        case Shown(person):
            return [Draft("show", person)]
        case Merged(person, into):
            return [*_anchor_moved(db, person, into), *draft_merge(db, engine, person, into)]
        case LinkNamed(person, image, name):
            return [_name_link(db, person, image, name)]
        case Rejected(person, image):
            return _reject(db, engine, person, image)
    raise AssertionError(f"no draft is made of {edit}")


def _reject(db: Database, engine: EngineId, person: PersonId, image: ImageId) -> list[Draft]:
    """Not hers: her faces on it, and the tag, if she has one there."""
    drafts = _untag(db, person, frozenset([image]))
    faces = find_faces_of_links(db, engine, person, frozenset([image]))
    return [*drafts, *([Draft("reject", person, faces)] if faces else [])]


def _anchor_moved(db: Database, person: PersonId, into: PersonId) -> list[Draft]:
    """Links that were moved to the other one before say as much as what is moved now."""
    word = load_word(db)
    moved = load_moved_faces(db, person)
    faces = tuple(face for face in moved if word.pins.get(face.spot) == word.resolve(into))
    return [Draft("anchor", person, faces)] if faces else []


def draft_hide(db: Database, engine: EngineId, person: PersonId) -> list[Draft]:
    """A stranger's faces are anchors too: without a name nothing else would keep knowing them."""
    return [Draft("hide", person), *_draft_anchors(db, engine, person)]


def draft_merge(db: Database, engine: EngineId, person: PersonId, into: PersonId) -> list[Draft]:
    """Both are one, and the faces that are theirs now say so: those of `into` too if nothing was said of her before.

    The anchors are said of the one who goes, and before: so an undo knows which faces were whose.
    """
    word = load_word(db).person(into)
    is_known = word.name is not None or word.hidden
    staying = [] if is_known else _draft_anchors(db, engine, into)
    return [*_draft_anchors(db, engine, person), *staying, Draft("merge", person, value=into)]


def draft_name(db: Database, engine: EngineId, person: PersonId, name: str | None) -> list[Draft]:
    """A name given by command: the faces that are hers now become its anchors."""
    return _name(db, engine, person, name, _images_of(db, engine, person))


def _draft_anchors(db: Database, engine: EngineId, person: PersonId) -> list[Draft]:
    return _anchor(db, person, find_faces_of_links(db, engine, person, _images_of(db, engine, person)))


def _anchor(db: Database, person: PersonId, faces: tuple[FaceRef, ...]) -> list[Draft]:
    """A face that was pinned is hers, and says nothing about those that it is like: another's link was put there."""
    pins = load_word(db).pins
    found = tuple(face for face in faces if face.spot not in pins)
    return [Draft("anchor", person, found)] if found else []


def _images_of(db: Database, engine: EngineId, person: PersonId) -> frozenset[ImageId]:
    return load_images_of_persons(db, engine).get(person, frozenset())


def _name(
    db: Database, engine: EngineId, person: PersonId, name: str | None, images: frozenset[ImageId]
) -> list[Draft]:
    drafts = [Draft("name", person, value=name)]
    faces = find_faces_of_links(db, engine, person, images) if name is not None else ()
    return [*drafts, *_anchor(db, person, faces)]


def _name_link(db: Database, person: PersonId, image: ImageId, name: bytes | None) -> Draft:
    text = None if name is None else os.fsdecode(name)
    return Draft("name_link", person, value={"image": load_keys(db, [image])[image], "name": text})


# Links that were moved or copied.


def _draft_links(db: Database, engine: EngineId, links: Sequence[Moved | Copied]) -> list[Draft]:
    moved: dict[tuple[PersonId, PersonId], set[ImageId]] = {}
    copied: dict[PersonId, set[ImageId]] = {}
    for edit in links:
        if isinstance(edit, Moved):
            moved.setdefault((edit.source, edit.person), set()).add(edit.image)
        else:
            copied.setdefault(edit.person, set()).add(edit.image)
    drafts = []
    for (source, person), images in moved.items():
        drafts += _move(db, engine, source, person, images)
    for person, images in copied.items():
        drafts += _pin(db, person, images, choose_copied(db, engine, person, frozenset(images)))
    return drafts


def _move(
    db: Database, engine: EngineId, source: PersonId, person: PersonId, images: set[ImageId]
) -> list[Draft]:
    """What was the one's is the other's. A link without a face is a tag, and goes on being one."""
    faces = find_faces_of_links(db, engine, source, frozenset(images))
    drafts = _pin(db, person, images, faces, source=source)
    drafts += _untag(db, source, frozenset(images))
    if faces and source in load_names(db):
        drafts.append(Draft("reject", source, faces))
    return drafts


def _untag(db: Database, person: PersonId, images: frozenset[ImageId]) -> list[Draft]:
    keys = {key for said in find_tags(db, person, images).values() for key in said}
    return [Draft("tag", person, value={"image": key, "on": False}) for key in sorted(keys)]


def _pin(
    db: Database,
    person: PersonId,
    images: set[ImageId],
    faces: tuple[FaceRef, ...],
    *,
    source: PersonId | None = None,
) -> list[Draft]:
    """These faces are hers; an image of which none is, is tagged."""
    value: Json = None if source is None else {"from": int(source)}
    drafts = [Draft("pin", person, faces, value=value)] if faces else []
    found = {face.image for face in faces}
    return drafts + [
        Draft("tag", person, value={"image": key, "on": True})
        for key in sorted(load_keys(db, images).values())
        if key not in found
    ]


def _gather(db: Database, engine: EngineId, edit: Gathered, person: PersonId) -> list[Draft]:
    drafts = [Draft("name", person, value=edit.name)]
    if parent_of(edit.path):
        drafts.append(Draft("place", person, value=os.fsdecode(edit.path)))
    named = load_names(db)
    for source, faces in choose_gathered(db, engine, edit.sources).items():
        value: Json = None if source is None else {"from": int(source)}
        drafts.append(Draft("pin", person, faces, value=value))
        if source in named:
            drafts.append(Draft("reject", source, faces))
    drafts += [_name_link(db, person, image, name) for image, name in sorted(edit.names.items())]
    for source in sorted(edit.emptied):
        drafts += [*_anchor_moved(db, source, person), *draft_merge(db, engine, source, person)]
    return drafts
