"""The tables that keep the fold over the journal, so that nobody has to fold it to know a name.

They can be thrown away at any time: `rebuild_word` makes them anew from `edits`, `check_word` says whether
they are what it would make. What they mean is decided in `word`, not here.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlite_utils import Database

from faced.model import Box, ImageKey, PersonId
from faced.store.edits import Spot
from faced.store.word import NOTHING, NameSaid, PersonWord, Said, Statements, Word

__all__ = [
    "decode_name",
    "encode_name",
    "load_some_statements",
    "load_statements",
    "load_word",
    "save_difference",
]

BOX = "image, box_left, box_top, box_width, box_height"
THIS_BOX = "image = ? AND box_left = ? AND box_top = ? AND box_width = ? AND box_height = ?"


def encode_name(name: str) -> bytes:
    """As person_words has it. SQLite's TEXT refuses what stands for bytes that are no UTF-8."""
    return name.encode("utf-8", "surrogatepass")


def decode_name(name: bytes) -> str:
    """What encode_name was given."""
    return name.decode("utf-8", "surrogatepass")


def load_word(db: Database) -> Word:
    """The user's word now."""
    return load_statements(db).word()


def load_statements(db: Database) -> Statements:
    """All that stands."""
    return Statements(
        dict(_read_persons(db, "", ())),
        dict(_read_said(db, "pins", "", ())),
        dict(_read_rejections(db, "", ())),
        dict(_read_said(db, "anchors", "", ())),
        dict(_read_tags(db, "", ())),
        dict(_read_link_names(db, "", ())),
    )


def load_some_statements(
    db: Database, persons: Iterable[PersonId], spots: Iterable[Spot], images: Iterable[ImageKey]
) -> Statements:
    """What stands about these persons, those whom they were merged into, these faces, and these whole pictures."""
    some = Statements()
    for person in persons:
        some.persons.update(_read_persons(db, "WHERE person = ?", (person,)))
        into = some.person(person).merged_into
        if into is not None:
            some.persons.update(_read_persons(db, "WHERE person = ?", (into,)))
    for spot in spots:
        here = (spot.image, *_numbers(spot.box))
        some.pins.update(_read_said(db, "pins", f"WHERE {THIS_BOX}", here))
        some.rejections.update(_read_rejections(db, f"WHERE {THIS_BOX}", here))
        some.anchors.update(_read_said(db, "anchors", f"WHERE {THIS_BOX}", here))
    for image in images:
        some.tags.update(_read_tags(db, "WHERE image = ?", (image,)))
        some.link_names.update(_read_link_names(db, "WHERE image = ?", (image,)))
    return some


def save_difference(db: Database, before: Statements, after: Statements) -> None:
    """Bring the tables from `before`, which they hold, to `after`, within a transaction of the caller."""
    persons = _differences(before.persons, after.persons)
    db.conn.executemany(
        "DELETE FROM person_words WHERE person = ?", [(p,) for p, word in persons if word is None]
    )
    db.conn.executemany(
        "INSERT OR REPLACE INTO person_words (person, name, born, place, hidden, merged_into) VALUES (?, ?, ?, ?, ?, ?)",
        [_person_row(person, word) for person, word in persons if word is not None],
    )
    for table, was, now in (("pins", before.pins, after.pins), ("anchors", before.anchors, after.anchors)):
        changes = _differences(was, now)
        db.conn.executemany(
            f"DELETE FROM {table} WHERE {THIS_BOX}",
            [(spot.image, *_numbers(spot.box)) for spot, said in changes if said is None],
        )
        db.conn.executemany(
            f"INSERT OR REPLACE INTO {table} ({BOX}, person, edit) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(spot.image, *_numbers(spot.box), *said) for spot, said in changes if said is not None],
        )
    _save_pictures(db, before, after)
    rejections = _differences(before.rejections, after.rejections)
    db.conn.executemany(
        f"DELETE FROM rejections WHERE {THIS_BOX} AND person = ?",
        [(spot.image, *_numbers(spot.box), person) for (spot, person), edit in rejections if edit is None],
    )
    db.conn.executemany(
        f"INSERT OR REPLACE INTO rejections ({BOX}, person, edit) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (spot.image, *_numbers(spot.box), person, edit)
            for (spot, person), edit in rejections
            if edit is not None
        ],
    )


def _save_pictures(db: Database, before: Statements, after: Statements) -> None:
    tags, names = _differences(before.tags, after.tags), _differences(before.link_names, after.link_names)
    db.conn.executemany(
        "DELETE FROM tags WHERE image = ? AND person = ?", [place for place, edit in tags if edit is None]
    )
    db.conn.executemany(
        "INSERT OR REPLACE INTO tags (image, person, edit) VALUES (?, ?, ?)",
        [(*place, edit) for place, edit in tags if edit is not None],
    )
    db.conn.executemany(
        "DELETE FROM link_names WHERE image = ? AND person = ?",
        [place for place, said in names if said is None],
    )
    db.conn.executemany(
        "INSERT OR REPLACE INTO link_names (image, person, name, edit) VALUES (?, ?, ?, ?)",
        [(*place, *said) for place, said in names if said is not None],
    )


def _differences(before: dict[Any, Any], after: dict[Any, Any]) -> list[tuple[Any, Any]]:
    """(key, new value) of what is other or new, (key, None) of what is gone."""
    changed = [(key, value) for key, value in after.items() if before.get(key) != value]
    return changed + [(key, None) for key in before if key not in after]


def _read_persons(
    db: Database, where: str, values: tuple[object, ...]
) -> Iterator[tuple[PersonId, PersonWord]]:
    rows = db.execute(
        f"SELECT person, name, born, place, hidden, merged_into FROM person_words {where}", values
    )
    for person, name, born, place, hidden, merged_into in rows:
        text = None if name is None else decode_name(name)
        word = PersonWord(text, born, place, bool(hidden), merged_into)
        if word != NOTHING:
            yield PersonId(person), word


def _read_said(
    db: Database, table: str, where: str, values: tuple[object, ...]
) -> Iterator[tuple[Spot, Said]]:
    for image, *box, person, edit in db.execute(f"SELECT {BOX}, person, edit FROM {table} {where}", values):
        yield Spot(ImageKey(image), Box(*box)), Said(PersonId(person), edit)


def _read_tags(
    db: Database, where: str, values: tuple[object, ...]
) -> Iterator[tuple[tuple[ImageKey, PersonId], str]]:
    for image, person, edit in db.execute(f"SELECT image, person, edit FROM tags {where}", values):
        yield (ImageKey(image), PersonId(person)), edit


def _read_link_names(
    db: Database, where: str, values: tuple[object, ...]
) -> Iterator[tuple[tuple[ImageKey, PersonId], NameSaid]]:
    rows = db.execute(f"SELECT image, person, name, edit FROM link_names {where}", values)
    for image, person, name, edit in rows:
        yield (ImageKey(image), PersonId(person)), NameSaid(name, edit)


def _read_rejections(
    db: Database, where: str, values: tuple[object, ...]
) -> Iterator[tuple[tuple[Spot, PersonId], str]]:
    for image, *box, person, edit in db.execute(
        f"SELECT {BOX}, person, edit FROM rejections {where}", values
    ):
        yield (Spot(ImageKey(image), Box(*box)), PersonId(person)), edit


def _person_row(person: PersonId, word: PersonWord) -> tuple[object, ...]:
    name = None if word.name is None else encode_name(word.name)
    return (person, name, word.born, word.place, int(word.hidden), word.merged_into)


def _numbers(box: Box) -> tuple[float, float, float, float]:
    return (box.left, box.top, box.width, box.height)
