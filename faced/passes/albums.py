"""Albums in a pass: which there are, what they show, and what a gesture on the folder of one says."""

from collections.abc import Mapping
from dataclasses import replace

from sqlite_utils import Database

from faced.folders.albums import album_name, read_album_name
from faced.folders.edits import FolderEdit, Hidden, Named, Placed, Rejected, Shown
from faced.folders.plan import ShownPerson
from faced.model import ImageId, PersonId
from faced.store.albums import Album, draft_album, draft_hidden_link, fold_albums, load_albums
from faced.store.edits import Draft
from faced.store.journal import load_edits
from faced.store.persons import load_ids_of_images, load_names
from faced.store.word import Word

__all__ = ["draft_for_album", "load_album_names", "load_every_album_name", "show_albums"]


def show_albums(db: Database, word: Word, images: Mapping[PersonId, frozenset[ImageId]]) -> list[ShownPerson]:
    """The albums that are to have a folder, as plan_tree takes them. images: of persons."""
    shown = []
    for album in load_albums(db).values():
        if album.over:
            continue
        persons = {word.resolve(person) for person in album.persons}
        found = [images.get(p, frozenset()) for p in persons if not word.person(p).hidden]
        both = frozenset.intersection(*found) if len(found) == len(persons) else frozenset()
        both -= load_ids_of_images(db, album.hidden)
        shown.append(ShownPerson(album.id, _name(album, word), both, album.place, may_divide=False))
    return shown


def load_album_names(db: Database, word: Word) -> tuple[dict[PersonId, str], frozenset[PersonId]]:
    """What each album is called, and those that are over."""
    albums = load_albums(db)
    names = {id_: _name(album, word) for id_, album in albums.items() if not album.over}
    return names, frozenset(id_ for id_, album in albums.items() if album.over)


def load_every_album_name(db: Database, word: Word) -> dict[PersonId, str]:
    """What albums are or were called, those too that were taken back."""
    edits = [edit for edit in load_edits(db) if edit.kind == "album"]
    return {id_: _name(album, word) for id_, album in fold_albums(edits).items()}


def _name(album: Album, word: Word) -> str:
    persons = dict.fromkeys(word.resolve(person) for person in album.persons)
    return album.name or album_name([word.person(p).name or f"Person {p}" for p in persons])


def draft_for_album(db: Database, album: Album, edit: FolderEdit) -> tuple[list[Draft], Album]:
    """What was done with the folder of an album, or with a link in it; and the album as it is then."""
    match edit:
        case Rejected(image=image):
            return [draft_hidden_link(db, album.id, image)], album
        case Named(name=name):
            persons = None if name is None else read_album_name(name, load_names(db))
            if isinstance(persons, tuple):
                now = replace(album, persons=persons, name=None)
            else:
                now = replace(album, name=name)
        case Placed(path=path):
            now = replace(album, place=path)
        case Hidden() | Shown():
            now = replace(album, over=isinstance(edit, Hidden))
        case _:
            return [], album
    return [draft_album(now)], now
