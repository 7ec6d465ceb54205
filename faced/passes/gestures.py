"""What was understood in the people folder becomes edits of the journal: which faces a link stands for is
looked up here, and what was done in one go is one gesture, so that it is undone in one go.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlite_utils import Database

from faced.folders.edits import (
    AlbumMade,
    FaceAccepted,
    FacePinned,
    FaceRejected,
    FolderEdit,
    Founded,
    Hidden,
    Ignored,
    Named,
    Placed,
    Rejected,
    Shown,
)
from faced.model import EngineId, FaceId, ImageId, ImageKey, PersonId
from faced.passes.albums import draft_for_album
from faced.people.choice import choose_faces
from faced.store.albums import Album, draft_album, load_albums
from faced.store.edits import Draft, FaceRef, Spot
from faced.store.journal import add_edits
from faced.store.persons import add_persons, load_images_of_persons
from faced.store.pictures import parse_face
from faced.store.spots import (
    load_engine_key,
    load_faces_of_images,
    load_free_faces,
    load_owned_faces,
)

__all__ = ["draft_hide", "draft_merge", "draft_name", "record_edits"]


def record_edits(
    db: Database, engine: EngineId, edits: Sequence[FolderEdit], time: datetime
) -> dict[bytes, PersonId]:
    """Write what the user did into the journal, within a transaction of the caller.

    Returns the persons who are new, by the path of the folder that says so.
    """
    gestures: dict[tuple[object, str], list[Draft]] = {}
    founded: dict[bytes, PersonId] = {}
    albums = dict(load_albums(db))
    for edit in edits:
        if isinstance(edit, Founded | AlbumMade):
            [founded[edit.path]] = add_persons(db, 1)
        elif not isinstance(edit, Ignored) and edit.person in albums:
            drafts, albums[edit.person] = draft_for_album(db, albums[edit.person], edit)
            gestures.setdefault(_gesture(edit), []).extend(drafts)
            continue
        gestures.setdefault(_gesture(edit), []).extend(_draft(db, engine, edit, founded))
    for drafts in gestures.values():
        add_edits(db, drafts, origin="folder", time=time)
    return founded


def _gesture(edit: FolderEdit) -> tuple[object, str]:
    """What was done in one go, as far as that can be seen, so that it is undone in one go."""
    match edit:
        case Founded(path) | AlbumMade(path):
            return path, "new"
        case Ignored():
            return None, "ignored"
        case FacePinned(person) | FaceAccepted(person):
            return person, "faces"
        case Rejected(person) | FaceRejected(person):
            return person, "rejections"
    return edit.person, "folder"


def _draft(
    db: Database, engine: EngineId, edit: FolderEdit, founded: Mapping[bytes, PersonId]
) -> list[Draft]:
    match edit:
        case Named(person, name, images):
            return _name(db, engine, person, name, images)
        case Placed(person, path):
            return [Draft("place", person, value=os.fsdecode(path))]
        case Hidden(person):
            return draft_hide(db, engine, person)
        case Shown(person):
            return [Draft("show", person)]
        case Rejected(person, image):
            faces = _refs(db, engine, person, frozenset([image]))
            return [Draft("reject", person, faces)] if faces else []
        case FacePinned(person, pictured):
            return [Draft("pin", person, _pictured(db, engine, pictured))]
        case FaceAccepted(person, pictured):
            return [Draft("anchor", person, _pictured(db, engine, pictured))] if pictured else []
        case FaceRejected(person, face):
            return [Draft("reject", person, _pictured(db, engine, [face]))]
        case Ignored(face):
            [person] = add_persons(db, 1)
            return [Draft("hide", person), Draft("pin", person, _pictured(db, engine, [face]))]
        case AlbumMade(path, persons):
            return [draft_album(Album(founded[path], persons, path))]
        case Founded(path, name, pictured):
            person = founded[path]
            place = [Draft("place", person, value=os.fsdecode(path))] if b"/" in path else []
            return [
                Draft("name", person, value=name),
                *place,
                Draft("pin", person, _pictured(db, engine, pictured)),
            ]


def _pictured(db: Database, engine: EngineId, faces: Collection[str]) -> tuple[FaceRef, ...]:
    """The faces that face pictures name. One that is known no more is kept too: a word outlives its face."""
    spots = [spot for face in sorted(faces) if (spot := parse_face(face)) is not None]
    known = load_faces_of_images(db, {spot.image for spot in spots})
    engines = {Spot(face.image, face.box): face.engine for face in known}
    ours = load_engine_key(db, engine)
    return tuple(FaceRef(spot.image, spot.box, engines.get(spot, ours)) for spot in spots)


def draft_hide(db: Database, engine: EngineId, person: PersonId) -> list[Draft]:
    """A stranger's faces are anchors too: without a name nothing else would keep knowing them."""
    return [Draft("hide", person), *_draft_anchors(db, engine, person)]


def draft_merge(
    db: Database, engine: EngineId, person: PersonId, into: PersonId, *, is_known: bool
) -> list[Draft]:
    """Both are one, and the faces that are theirs now say so. is_known: `into` has a name or another word already.

    The anchors are said of the one who goes, and before: so an undo knows which faces were whose.
    """
    staying = [] if is_known else _draft_anchors(db, engine, into)
    return [*_draft_anchors(db, engine, person), *staying, Draft("merge", person, value=into)]


def draft_name(db: Database, engine: EngineId, person: PersonId, name: str | None) -> list[Draft]:
    """A name given by command: the faces that are hers now become its anchors."""
    return _name(db, engine, person, name, _images_of(db, engine, person))


def _draft_anchors(db: Database, engine: EngineId, person: PersonId) -> list[Draft]:
    faces = _refs(db, engine, person, _images_of(db, engine, person))
    return [Draft("anchor", person, faces)] if faces else []


def _images_of(db: Database, engine: EngineId, person: PersonId) -> frozenset[ImageId]:
    return load_images_of_persons(db, engine).get(person, frozenset())


def _name(
    db: Database, engine: EngineId, person: PersonId, name: str | None, images: frozenset[ImageId]
) -> list[Draft]:
    drafts = [Draft("name", person, value=name)]
    faces = _refs(db, engine, person, images) if name is not None else ()
    if faces:
        drafts.append(Draft("anchor", person, faces))
    return drafts


def _refs(
    db: Database, engine: EngineId, person: PersonId, images: frozenset[ImageId]
) -> tuple[FaceRef, ...]:
    """The faces that links of a person's folder to these images stand for.

    Those that are hers. A folder may show what was hers a moment ago (it was decided anew, and the pass died
    before it was shown): there the faces are meant that are nobody's by name or word.
    """
    hers = load_owned_faces(db, engine, person, images)
    found = {face.image for face in hers}
    free = [face for face in load_free_faces(db, engine, images) if face.image not in found]
    by_image: dict[ImageKey, list[FaceId]] = {}
    for face in free:
        by_image.setdefault(face.image, []).append(face.id)
    embeddings = {face.id: face.embedding for face in free}
    chosen = set(choose_faces(list(by_image.values()), embeddings, [face.embedding for face in hers]))
    meant = [*hers, *(face for face in free if face.id in chosen)]
    return tuple(FaceRef(face.image, face.box, face.engine) for face in meant)
