"""What was understood in the people folder becomes edits of the journal: which faces a link stands for is
looked up here, and what was done in one go is one gesture, so that it is undone in one go.
"""

import os
from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime

from sqlite_utils import Database

from faced.folders.disk import parent_of
from faced.folders.edits import (
    AlbumMade,
    Copied,
    FaceAccepted,
    FacePinned,
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
from faced.model import EngineId, ImageId, PersonId
from faced.passes.albums import draft_for_album
from faced.passes.meant import choose_copied, choose_gathered, find_faces_of_links
from faced.passes.pictured import draft_faces
from faced.passes.word import part_again
from faced.store.albums import Album, draft_album, load_albums
from faced.store.edits import Draft, Edit, FaceRef, Json
from faced.store.journal import add_edits, undo_last
from faced.store.persons import add_persons, load_images_of_persons, load_names
from faced.store.spots import load_keys
from faced.store.word_tables import load_word

__all__ = ["draft_hide", "draft_merge", "draft_name", "record_edits", "take_back_gestures"]


def record_edits(
    db: Database, engine: EngineId, edits: Sequence[FolderEdit], time: datetime
) -> Mapping[bytes, PersonId]:
    """Write what the user did into the journal, within a transaction of the caller.

    Returns the new persons by the paths of their folders.
    """
    gestures: dict[Hashable, list[FolderEdit]] = {}
    for edit in edits:
        gestures.setdefault(_gesture_of(edit), []).append(edit)
    made: dict[bytes, PersonId] = {}
    albums = dict(load_albums(db))
    for together in gestures.values():
        drafts: list[Draft] = []
        for edit in together:
            if isinstance(edit, Gathered | Founded | AlbumMade):
                (made[edit.path],) = add_persons(db, 1)
                drafts += _draft_new(db, engine, edit, made[edit.path])
            elif isinstance(edit, FacePinned | FaceAccepted | FaceRejected | Ignored):
                drafts += draft_faces(db, engine, edit)
            elif edit.person in albums:
                said, albums[edit.person] = draft_for_album(db, albums[edit.person], edit)
                drafts += said
            elif not isinstance(edit, Moved | Copied):
                drafts += _draft(db, engine, edit)
        links = [
            Copied(e.person, e.image, e.why) if isinstance(e, Moved) and e.source in albums else e
            for e in together
            if isinstance(e, Moved | Copied) and e.person not in albums
        ]
        add_edits(db, [*_draft_links(db, engine, links), *drafts], origin="folder", time=time)
    return made


def take_back_gestures(db: Database, engine: EngineId, count: int, time: datetime) -> list[Edit]:
    """Undo the last gestures that still count, within a transaction of the caller. Returns the undos."""
    undos = undo_last(db, count, time=time)
    part_again(db, engine, undos)
    return undos


def _gesture_of(edit: FolderEdit) -> Hashable:
    match edit:
        case Gathered(path) | Founded(path) | AlbumMade(path):
            return path
        case Ignored():
            return "ignored"
        case FacePinned(person) | FaceAccepted(person):
            return person, "faces"
        case FaceRejected(person):
            return person, "rejections"
        case Rejected(person):
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


def _draft(db: Database, engine: EngineId, edit: FolderEdit) -> list[Draft]:
    match edit:
        case Named(person, name, images):
            return _name(db, engine, person, name, images)
        case Placed(person, path):
            return [Draft("place", person, value=os.fsdecode(path))]
        case Hidden(person):
            return draft_hide(db, engine, person)
        case Shown(person):
            return [Draft("show", person)]
        case Merged(person, into):
            return draft_merge(db, engine, person, into)
        case LinkNamed(person, image, name):
            return [_name_link(db, person, image, name)]
        case Rejected(person, image):
            return _reject(db, engine, person, image)
    raise AssertionError(f"no draft is made of {edit}")


def _reject(db: Database, engine: EngineId, person: PersonId, image: ImageId) -> list[Draft]:
    """Not hers: her faces on it, and the tag, if she has one there."""
    key = load_keys(db, [image])[image]
    drafts = []
    if (key, person) in load_word(db).tags:
        drafts.append(Draft("tag", person, value={"image": key, "on": False}))
    faces = find_faces_of_links(db, engine, person, frozenset([image]), hers=bool(drafts))
    return [*drafts, *([Draft("reject", person, faces)] if faces else [])]


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
    faces = find_faces_of_links(db, engine, person, _images_of(db, engine, person))
    return [Draft("anchor", person, faces)] if faces else []


def _images_of(db: Database, engine: EngineId, person: PersonId) -> frozenset[ImageId]:
    return load_images_of_persons(db, engine).get(person, frozenset())


def _name(
    db: Database, engine: EngineId, person: PersonId, name: str | None, images: frozenset[ImageId]
) -> list[Draft]:
    drafts = [Draft("name", person, value=name)]
    faces = find_faces_of_links(db, engine, person, images) if name is not None else ()
    if faces:
        drafts.append(Draft("anchor", person, faces))
    return drafts


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
    keys, tags = load_keys(db, images), load_word(db).tags
    tagged = {image for image in images if (keys[image], source) in tags}
    faces = find_faces_of_links(db, engine, source, frozenset(images - tagged))
    faces += find_faces_of_links(db, engine, source, frozenset(tagged), hers=True)
    drafts = _pin(db, person, images, faces, source=source)
    drafts += [Draft("tag", source, value={"image": keys[image], "on": False}) for image in sorted(tagged)]
    if faces and source in load_names(db):
        drafts.append(Draft("reject", source, faces))
    return drafts


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
        drafts += draft_merge(db, engine, source, person)
    return drafts
