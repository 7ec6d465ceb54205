"""Which person a command means."""

import os
import re
import unicodedata
from collections.abc import Mapping

from sqlite_utils import Database

from faced.errors import UsageError, shown
from faced.model import PersonId
from faced.store.albums import load_albums
from faced.store.base import load_person_folders
from faced.store.persons import load_names, person_exists
from faced.store.tree import load_tree
from faced.store.word_tables import load_word

__all__ = ["call_by_name", "find_person", "fold"]


def call_by_name(text: str, names: Mapping[PersonId, str]) -> str:
    """What was computed about `Person <id>`, with the names of now."""
    return re.sub(r"\bPerson (\d+)", lambda found: names.get(PersonId(int(found[1])), found[0]), text)


def fold(name: str) -> str:
    """Names that differ in no more than case or spelling of accents are one."""
    return unicodedata.normalize("NFC", name).casefold()


def find_person(db: Database, words: str) -> PersonId:
    """The person with this number, this folder or this name; of a merged one, who stands for it.

    Raises UsageError when there is none, or more than one.
    """
    found = _by_number(db, words) or _by_name(db, words) or _by_folder(db, words)
    if found is None:
        raise UsageError(f"there is no person {shown(os.fsencode(words))}: `faced people` lists them")
    if found in load_albums(db):
        raise UsageError(f"{shown(os.fsencode(words))} is an album, not a person")
    return load_word(db).resolve(found)


def _by_number(db: Database, words: str) -> PersonId | None:
    digits = words.casefold().removeprefix("person ")
    if digits.isascii() and digits.isdigit() and len(digits) < 16 and person_exists(db, int(digits)):
        return PersonId(int(digits))
    return None


def _by_folder(db: Database, words: str) -> PersonId | None:
    tree = load_tree(db)
    if tree is None:
        return None
    below = os.path.join(os.path.realpath(tree.root), b"")
    wanted = {os.fsencode(words).rstrip(b"/"), os.path.realpath(os.fsencode(words)).removeprefix(below)}
    for person, path in load_person_folders(db).items():
        if path in wanted:
            return person
    return None


def _by_name(db: Database, words: str) -> PersonId | None:
    wanted = fold(words)
    named = sorted(person for person, name in load_names(db).items() if fold(name) == wanted)
    if len(named) > 1:
        numbers = ", ".join(str(person) for person in named)
        raise UsageError(
            f"{len(named)} persons are called {words}: say the number ({numbers}) or the path of the folder"
        )
    return named[0] if named else None
