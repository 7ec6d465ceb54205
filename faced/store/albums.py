"""Albums: folders that a user made and called after several persons, filled with the photos that show all of them.

An album has an id as a person has, and every edit about it (kinds `album` and `hide_link`) names it as its person.
The value of an `album` edit is all that is true of it from then on: {persons: [ids], name: text or null (then it is
called after them), place: folder path as text, over: bool}; that of `hide_link` is the key of an image.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from sqlite_utils import Database

from faced.model import ImageId, ImageKey, PersonId
from faced.store.edits import Draft, Edit, Json, is_understood
from faced.store.journal import load_counting

__all__ = ["Album", "draft_album", "draft_hidden_link", "fold_albums", "load_albums"]


@dataclass(frozen=True, slots=True)
class Album:
    """persons: as the user wrote them. name: his own, if he gave one. place: path, relative to the people folder.

    over: its folder was thrown away. hidden: images whose links were deleted in it.
    """

    id: PersonId
    persons: tuple[PersonId, ...]
    place: bytes
    name: str | None = None
    over: bool = False
    hidden: frozenset[ImageKey] = field(default_factory=frozenset)


def draft_album(album: Album) -> Draft:
    """The edit that says what is true of it now."""
    persons: list[Json] = [int(person) for person in album.persons]
    value: Json = {
        "persons": persons,
        "name": album.name,
        "place": os.fsdecode(album.place),
        "over": album.over,
    }
    return Draft("album", album.id, value=value)


def draft_hidden_link(db: Database, album: PersonId, image: ImageId) -> Draft:
    """The edit that says that an image is not shown in it."""
    (key,) = db.execute("SELECT key FROM images WHERE id = ?", [image]).fetchone()
    return Draft("hide_link", album, value=str(key))


def fold_albums(edits: Iterable[Edit]) -> dict[PersonId, Album]:
    """All albums, those that are over too, from the edits that count, in order. What makes no sense says nothing."""
    albums: dict[PersonId, Album] = {}
    for edit in edits:
        if edit.person is None or not is_understood(edit):
            continue
        known = albums.get(edit.person)
        if edit.kind == "album" and (album := _read_album(edit.person, edit.value)) is not None:
            albums[edit.person] = replace(album, hidden=known.hidden if known else frozenset())
        elif edit.kind == "hide_link" and known is not None and isinstance(edit.value, str):
            albums[edit.person] = replace(known, hidden=known.hidden | {ImageKey(edit.value)})
    return albums


def _read_album(id_: PersonId, value: Json) -> Album | None:
    match value:
        case {
            "persons": list(persons),
            "name": None | str() as name,
            "place": str(place),
            "over": bool(over),
        }:
            if len(persons) > 1 and all(type(person) is int and person > 0 for person in persons):
                some = tuple(PersonId(int(str(person))) for person in persons)
                return Album(id_, some, place.encode("utf-8", "surrogateescape"), name or None, over)
    return None


def load_albums(db: Database) -> Mapping[PersonId, Album]:
    """As fold_albums, of the journal."""
    return fold_albums(load_counting(db, ("album", "hide_link")))
