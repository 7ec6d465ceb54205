"""What was said, as commands tell it: with what people call whom it is about. Only reads."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sqlite_utils import Database

from faced.model import PersonId
from faced.passes.albums import load_every_album_name
from faced.store.edits import Edit
from faced.store.journal import LogEntry, load_gesture, load_log
from faced.store.persons import load_names
from faced.store.word_tables import load_word

__all__ = ["look_at_log", "tell_edits"]


def look_at_log(db: Database, count: int) -> list[LogEntry]:
    """For `faced log`: the latest first."""
    return _tell(db, load_log(db, count))


def tell_edits(db: Database, edits: Iterable[Edit]) -> list[LogEntry]:
    """For a command that has just written them, in order."""
    return _tell(db, [LogEntry(edit, undone=False) for edit in edits])


def _tell(db: Database, entries: list[LogEntry]) -> list[LogEntry]:
    albums, names = load_every_album_name(db, load_word(db)), load_names(db)
    return [_complete(db, entry, albums, names) for entry in entries]


def _complete(
    db: Database, entry: LogEntry, albums: Mapping[PersonId, str], names: Mapping[PersonId, str]
) -> LogEntry:
    edit = entry.edit
    album = None if edit.person is None else albums.get(edit.person)
    back = None if edit.undoes is None else _find(db, edit.undoes)
    return replace(entry, album=album, names=names, back=back)


def _find(db: Database, id_: str) -> Edit | None:
    return next((edit for edit in load_gesture(db, id_) if edit.id == id_), None)
