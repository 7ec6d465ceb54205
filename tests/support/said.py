"""A store in which something was said, and ways to lose it."""

import random
from pathlib import Path

from faced.store.database import DATABASE, Store
from faced.store.edits import Draft, Edit
from faced.store.journal import add_edits
from faced.store.journal_file import append_journal
from faced.store.persons import add_persons
from faced.store.undo import undo_last
from faced.store.word import Word
from faced.store.word_tables import load_word
from tests.support.words import NOON, draft, face

__all__ = ["add_images", "add_people", "damage", "lose_database", "say", "say_much"]


def say(store: Store, *drafts: Draft, origin: str = "folder") -> list[Edit]:
    """One gesture, without the file."""
    with store.write() as db:
        return add_edits(db, drafts, origin=origin, time=NOON)


def add_people(store: Store, count: int) -> None:
    """Persons 1 to count."""
    with store.write() as db:
        add_persons(db, count)


def add_images(store: Store, count: int) -> None:
    """Images 1 to count, with keys b1:1 and so on, of which no photo is known."""
    with store.write() as db:
        db.conn.executemany(
            "INSERT INTO images (id, key, format, width, height) VALUES (?, ?, 'JPEG', 1, 1)",
            [(number, f"b1:{number}") for number in range(1, count + 1)],
        )


def say_much(store: Store) -> Word:
    """Something of every kind, in the database and in the file. Returns the word."""
    add_people(store, 6)
    say(store, draft("name", 1, value="Anna"), draft("anchor", 1, face(1), face(2), face(3)))
    say(store, draft("name", 2, value="Be\nn \udcff👩"), draft("born", 2, value=1990))
    say(store, draft("pin", 1, face(4)), draft("reject", 2, face(4)))
    say(store, draft("reject", 1, face(2)), draft("hide", 3), draft("place", 1, value="Family/Om\udce4"))
    say(store, draft("merge", 4, value=1), draft("pin", 4, face(5)))
    say(store, draft("name", 5, value="Nobody"))
    with store.write() as db:
        undo_last(db, time=NOON)
    append_journal(store, NOON)
    return load_word(store.db)


def lose_database(state: Path) -> None:
    """Delete it."""
    for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
        (state / name).unlink(missing_ok=True)


def damage(path: Path, dice: random.Random, *, after: int = 100, length: int = 64) -> None:
    """Random bytes somewhere, by default behind the file's header."""
    with path.open("r+b") as file:
        size = path.stat().st_size
        file.seek(dice.randrange(after, size - length))
        file.write(dice.randbytes(length))
