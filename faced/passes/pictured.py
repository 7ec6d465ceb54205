"""What was said by face pictures becomes edits of the journal: each names its face, so nothing has to be found out."""

import os
from collections.abc import Collection

from sqlite_utils import Database

from faced.folders.disk import parent_of
from faced.folders.edits import (
    FaceAccepted,
    FaceEdit,
    FacePinned,
    FaceProposed,
    FaceRejected,
    Founded,
    Ignored,
)
from faced.model import EngineId, PersonId
from faced.store.edits import Draft, FaceRef, Spot
from faced.store.journal import load_gesture
from faced.store.persons import add_persons
from faced.store.pictures import parse_face
from faced.store.spots import load_engine_key, load_faces_of_images
from faced.store.word_tables import load_some_statements

__all__ = ["draft_faces", "find_noes"]


def draft_faces(
    db: Database, engine: EngineId, edit: FaceEdit, founded: PersonId | None = None
) -> list[Draft]:
    """The edits of one thing that was said, within a transaction of the caller. founded: who is new by it."""
    match edit:
        case FacePinned(person, faces):
            return [Draft("pin", person, _refs(db, engine, faces))]
        case FaceAccepted(person, faces):
            return [Draft("anchor", person, _refs(db, engine, faces))] if faces else []
        case FaceRejected(person, face):
            return [Draft("reject", person, _refs(db, engine, [face]))]
        case FaceProposed(person, face):
            return [Draft("undo", person, undoes=find_noes(db, face)[person])]
        case Ignored(face):
            (nobody,) = add_persons(db, 1)
            return [Draft("hide", nobody), Draft("pin", nobody, _refs(db, engine, [face]))]
        case Founded(path, name, faces):
            drafts = [Draft("name", founded, value=name)]
            if parent_of(path):
                drafts.append(Draft("place", founded, value=os.fsdecode(path)))
            return [*drafts, Draft("pin", founded, _refs(db, engine, faces))]


def find_noes(db: Database, face: str) -> dict[PersonId, str]:
    """Who was said not to be on a face, by an edit that says nothing else, whose id is given with each."""
    spot = parse_face(face)
    if spot is None:
        return {}
    said = load_some_statements(db, (), [spot], ()).rejections
    return {
        person: id_
        for (_, person), id_ in said.items()
        if any(edit.id == id_ and len(edit.faces) == 1 for edit in load_gesture(db, id_))
    }


def _refs(db: Database, engine: EngineId, faces: Collection[str]) -> tuple[FaceRef, ...]:
    """The faces that face pictures name. One that is known no more is kept too: a word outlives its face."""
    spots = [spot for face in sorted(faces) if (spot := parse_face(face)) is not None]
    known = load_faces_of_images(db, {spot.image for spot in spots})
    engines = {Spot(face.image, face.box): face.engine for face in known}
    ours = load_engine_key(db, engine)
    return tuple(FaceRef(spot.image, spot.box, engines.get(spot, ours)) for spot in spots)
