"""The journal in the database: what the user says is added here, and looked up here; `undo` takes it back.

One call of `add_edits` is one gesture: its edits are undone together. Edits and what they mean for names, pins,
rejections and anchors are written in one transaction, the caller's. The journal's copy beside the database is
kept by `journal_file`, which is to be called after each commit and once at start, before anything is added.
"""

import sqlite3
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlite_utils import Database

from faced.errors import Damaged
from faced.model import ImageKey, PersonId
from faced.store.edit_lines import BrokenLine, from_line, to_line
from faced.store.edits import (
    BOOKS,
    Draft,
    Edit,
    FaceRef,
    Json,
    explain_skipping,
    find_undone,
    format_time,
    new_ids,
    number_of,
)
from faced.store.forgetting import find_forgotten, strike_out
from faced.store.forgotten import is_forgotten_kept, save_forgotten
from faced.store.settings import read_installation
from faced.store.word import Statements, apply_edit, fold_statements
from faced.store.word_tables import load_some_statements, load_statements, save_difference

__all__ = [
    "NOT_BOOKS",
    "LogEntry",
    "add_edits",
    "check_word",
    "find_edit",
    "insert_lines",
    "is_journal_empty",
    "keep_books",
    "last_edit",
    "load_counting",
    "load_edits",
    "load_founded_and_undone",
    "load_gesture",
    "load_last_id",
    "load_lines",
    "load_log",
    "load_moved_faces",
    "load_moved_to",
    "load_recent",
    "load_seeds_of",
    "load_undone",
    "parse_line",
    "read_sound",
    "rebuild_word",
    "strike_lines",
]

NOT_BOOKS = f"kind NOT IN ({', '.join(repr(kind) for kind in sorted(BOOKS))})"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An edit as `faced log` shows it. undone: it does not count any more. album: its name, if it is about one.

    names: what persons are called by now. back: what an undo takes back.
    """

    edit: Edit
    undone: bool
    album: str | None = None
    names: Mapping[PersonId, str] = field(default_factory=dict)
    back: Edit | None = None


# ---- adding ----


def add_edits(db: Database, drafts: Sequence[Draft], *, origin: str, time: datetime) -> list[Edit]:
    """Write what the user said in one gesture, in order, within a transaction of the caller.

    The persons must exist. Raises ValueError for a draft that is no proper edit.
    """
    if not drafts:
        return []
    keep_books(db, time)
    edits = _complete(drafts, new_ids(load_last_id(db), len(drafts)), origin, format_time(time))
    before = _load_touched(db, edits)
    after = before.copy()
    said = []
    for edit in edits:
        said.append(replace(edit, replaced=_find_replaced(after, edit)))
        apply_edit(after, edit)
    _insert(db, [(edit.id, to_line(edit)) for edit in said])
    if any(edit.kind == "forget" for edit in said):
        save_forgotten(db, find_forgotten(load_edits(db)))
    if any(edit.kind == "undo" for edit in said):
        after = fold_statements(load_edits(db))
    save_difference(db, before, after)
    return said


def keep_books(db: Database, time: datetime) -> None:
    """Note in the journal who this installation is and which person ids were given, if it does not say so yet.

    Within a transaction of the caller. An id that was shown in a folder's name must not be given again, even
    when the database is lost.
    """
    drafts = []
    if db.execute("SELECT 1 FROM edits WHERE kind = 'begin'").fetchone() is None:
        drafts.append(Draft("begin", value=read_installation(db)))
    given = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'persons'").fetchone()
    noted = db.execute(
        "SELECT json_extract(line, '$.value') FROM edits WHERE kind = 'persons' ORDER BY id DESC LIMIT 1"
    ).fetchone()
    if given is not None and given[0] > (0 if noted is None else noted[0]):
        drafts.append(Draft("persons", value=given[0]))
    if drafts:
        edits = _complete(drafts, new_ids(load_last_id(db), len(drafts)), "faced", format_time(time))
        _insert(db, [(edit.id, to_line(edit)) for edit in edits])


def strike_lines(db: Database) -> None:
    """Strike out of the journal what its forgets took, and bring the word to what is left.

    Within a transaction of the caller. The file beside the database is to be written anew then.
    """
    before = {edit.id: edit for edit in load_edits(db)}
    after = {edit.id: edit for edit in strike_out(before.values())}
    for table in ("pins", "rejections", "anchors", "tags", "link_names"):  # they refer to edits
        db.execute(f"DELETE FROM {table}")
    db.conn.executemany("DELETE FROM edits WHERE id = ?", [(key,) for key in before if key not in after])
    changed = [(to_line(edit), key) for key, edit in after.items() if edit != before[key]]
    db.conn.executemany(
        "UPDATE edits SET line = ?, crc = ? WHERE id = ?",
        [(line, zlib.crc32(line.encode()), key) for line, key in changed],
    )
    rebuild_word(db)


def insert_lines(db: Database, lines: Iterable[tuple[str, str]]) -> None:
    """Put (id, line) pairs of another database's journal into this one; the word is not brought up to them."""
    _insert(db, lines)


def _complete(drafts: Sequence[Draft], ids: Sequence[str], origin: str, time: str) -> list[Edit]:
    edits = []
    for draft, key in zip(drafts, ids, strict=True):
        edit = Edit(
            key, time, origin, draft.kind, draft.person, draft.faces, draft.value, undoes=draft.undoes
        )
        why = explain_skipping(edit)
        if why is not None:
            raise ValueError(f"no proper edit: {draft!r} ({why})")
        edits.append(edit)
    return edits


def _load_touched(db: Database, edits: Sequence[Edit]) -> Statements:
    if any(edit.kind in ("merge", "undo") for edit in edits):
        return load_statements(db)
    persons = {edit.person for edit in edits if edit.person is not None}
    images = {
        ImageKey(str(edit.value["image"]))
        for edit in edits
        if edit.kind in ("tag", "name_link") and isinstance(edit.value, dict)
    }
    return load_some_statements(db, persons, {face.spot for edit in edits for face in edit.faces}, images)


def _find_replaced(statements: Statements, edit: Edit) -> Json:
    """Of a merge the name that goes out of use; of faces the person each was said to be; else the old value."""
    if edit.person is None:
        return None
    word = statements.person(statements.resolve(edit.person))
    match edit.kind:
        case "name" | "merge":
            return word.name
        case "born":
            return word.born
        case "place":
            return None if word.place is None else word.place.decode("utf-8", "surrogateescape")
        case "hide" | "show":
            return word.hidden
        case "pin" | "reject" | "anchor" | "seed":
            said = statements.anchors if edit.kind in ("anchor", "seed") else statements.pins
            persons = [said[face.spot].person if face.spot in said else None for face in edit.faces]
            return list(persons) if any(persons) else None
    return None


def _insert(db: Database, lines: Iterable[tuple[str, str]]) -> None:
    db.conn.executemany(
        "INSERT INTO edits (id, line, crc) VALUES (?, ?, ?)",
        [(key, line, zlib.crc32(line.encode())) for key, line in lines],
    )


# ---- looking up ----


def is_journal_empty(db: Database) -> bool:
    """Whether nothing was ever written to it, not even who this installation is."""
    return db.execute("SELECT 1 FROM edits LIMIT 1").fetchone() is None


def load_edits(db: Database) -> list[Edit]:
    """The whole journal, in order. Raises Damaged when a stored edit is not what was written."""
    return [parse_line(key, line) for key, line in load_lines(db)]


def load_last_id(db: Database) -> str | None:
    """The id of the last edit."""
    last = read_sound(db.execute("SELECT id, line, crc FROM edits ORDER BY id DESC LIMIT 1"))
    return last[0][0] if last else None


def last_edit(db: Database) -> int:
    """How far the journal has come: grows with each edit, 0 before the first. One look at its end."""
    (last,) = db.execute("SELECT max(id) FROM edits").fetchone()
    return 0 if last is None else number_of(last)


def load_lines(db: Database, after: str = "") -> list[tuple[str, str]]:
    """(id, line) of the edits after this one, in order. Raises Damaged for a damaged one."""
    return read_sound(db.execute("SELECT id, line, crc FROM edits WHERE id > ? ORDER BY id", [after]))


def load_log(db: Database, limit: int | None = None) -> list[LogEntry]:
    """What the user said, the last first, undos too."""
    undone = load_undone(db)
    rows = db.execute(
        f"SELECT id, line, crc FROM edits WHERE {NOT_BOOKS} ORDER BY id DESC LIMIT ?",
        [-1 if limit is None else limit],
    )
    return [LogEntry(parse_line(key, line), key in undone) for key, line in read_sound(rows)]


def load_recent(db: Database, kind: str, since: datetime) -> list[Edit]:
    """The edits of one kind from then on that still count, in order."""
    return _load_counting(db, "kind = ? AND time >= ?", [kind, format_time(since)])


def load_counting(db: Database, kinds: Sequence[str]) -> list[Edit]:
    """The edits of these kinds that still count, in order."""
    return _load_counting(db, f"kind IN ({', '.join('?' * len(kinds))})", kinds)


def load_seeds_of(db: Database, image: ImageKey) -> list[Edit]:
    """The edits that named somebody by a face on this portrait, undone or not, in order."""
    rows = db.execute("SELECT id, line, crc FROM edits WHERE kind = 'seed' ORDER BY id")
    edits = [parse_line(key, line) for key, line in read_sound(rows)]
    return [edit for edit in edits if any(face.image == image for face in edit.faces)]


def load_founded_and_undone(db: Database) -> frozenset[PersonId]:
    """Persons and albums that a user made by a folder of his own, and of whom nothing that was said counts any more,
    but for where that folder is.
    """
    counting: set[PersonId] = set()
    kinds: dict[tuple[str, PersonId], set[str]] = {}
    for entry in load_log(db):
        edit = entry.edit
        if edit.person is None or edit.kind == "undo":
            continue
        if not entry.undone and edit.kind != "place":
            counting.add(edit.person)
        kinds.setdefault((edit.gesture, edit.person), set()).add(edit.kind)
    founded = {
        person
        for (_, person), said in kinds.items()
        if "album" in said or ("name" in said and said & {"pin", "seed"})
    }
    return frozenset(founded - counting)


def load_moved_faces(db: Database, person: PersonId) -> tuple[FaceRef, ...]:
    """The faces of this person's links that were moved to others, one by one, by edits that still count."""
    return tuple(dict.fromkeys(face for edit in _load_moves(db, person) for face in edit.faces))


def load_moved_to(db: Database, person: PersonId) -> frozenset[PersonId]:
    """To whom links of this person were moved, one by one, as said; moves that still count."""
    return frozenset(edit.person for edit in _load_moves(db, person) if edit.person is not None)


def _load_moves(db: Database, person: PersonId) -> list[Edit]:
    return _load_counting(db, "kind = 'pin' AND json_extract(line, '$.value.from') = ?", [person])


def _load_counting(db: Database, which: str, values: Sequence[object]) -> list[Edit]:
    """which: a condition on `edits`, for which the undos are looked up only if there is such an edit."""
    found = read_sound(db.execute(f"SELECT id, line, crc FROM edits WHERE {which} ORDER BY id", list(values)))
    undone = load_undone(db) if found else frozenset[str]()
    return [parse_line(key, line) for key, line in found if key not in undone]


def load_undone(db: Database) -> frozenset[str]:
    """Ids of the edits that do not count any more."""
    rows = db.execute("SELECT id, line, crc FROM edits WHERE kind = 'undo' ORDER BY id")
    return find_undone(parse_line(key, line) for key, line in read_sound(rows))


def read_sound(rows: Iterable[tuple[str, str, int]]) -> list[tuple[str, str]]:
    """(id, line) of rows of (id, line, crc) that are what was written. Raises Damaged for one that is not."""
    lines = []
    try:
        for key, line, crc in rows:
            whole = isinstance(line, str) and zlib.crc32(line.encode()) == crc and f'"{key}"' in line
            if not whole:
                raise Damaged(f"the database is damaged: edit {key!a} is not what was written")
            lines.append((key, line))
    except (sqlite3.OperationalError, ValueError) as error:  # bytes that are no text any more
        raise Damaged("the database is damaged: an edit in it cannot be read") from error
    return lines


def parse_line(key: str, line: str) -> Edit:
    """The edit that a stored line is. Raises Damaged when it is none."""
    try:
        return from_line(line)
    except BrokenLine as error:
        raise Damaged(f"the database is damaged: edit {key} cannot be read ({error})") from error


def find_edit(db: Database, words: str) -> list[str]:
    """Ids of the edits that this id, or the number that it begins with, means; empty: there is none to be undone."""
    number = f"{int(words):012}" if words.isascii() and words.isdigit() and len(words) <= 12 else None
    rows = db.execute(
        f"SELECT id FROM edits WHERE {NOT_BOOKS} AND kind <> 'forget' AND (id = ? OR substr(id, 1, 12) = ?) ORDER BY id",
        [words, number],
    )
    return [key for (key,) in rows]


def load_gesture(db: Database, edit: str) -> list[Edit]:
    """The edits that were made together with this one, itself among them, in order."""
    rows = db.execute(
        "SELECT id, line, crc FROM edits WHERE id LIKE ? ORDER BY id", ["%-" + edit.partition("-")[2]]
    )
    return [parse_line(key, line) for key, line in read_sound(rows)]


# ---- the tables ----


def rebuild_word(db: Database) -> None:
    """Make the tables of names, pins, rejections and anchors anew, within a transaction of the caller."""
    for table in ("person_words", "pins", "rejections", "anchors", "tags", "link_names"):
        db.execute(f"DELETE FROM {table}")
    edits = load_edits(db)
    save_difference(db, Statements(), fold_statements(edits))
    save_forgotten(db, find_forgotten(edits))


def check_word(db: Database) -> list[str]:
    """The tables that are not what the journal says; empty when all is well."""
    edits = load_edits(db)
    is_, should = load_statements(db), fold_statements(edits)
    pairs = {
        "person_words": is_.persons == should.persons,
        "pins": is_.pins == should.pins,
        "rejections": is_.rejections == should.rejections,
        "anchors": is_.anchors == should.anchors,
        "forgotten": is_forgotten_kept(db, find_forgotten(edits)),
        "tags": is_.tags == should.tags,
        "link_names": is_.link_names == should.link_names,
    }
    return [table for table, same in pairs.items() if not same]
