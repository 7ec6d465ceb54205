"""The people folder as faced knows it: where it is, how often it was changed, and what in it is left alone.

Plain functions over the tables tree and left_alone, and the setting `generation`. Those that change something run
within a transaction of the caller.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlite_utils import Database

from faced.model import Place
from faced.store.settings import load_setting, save_setting

__all__ = [
    "LeftAlone",
    "Tree",
    "forget_base",
    "load_generation",
    "load_left_alone",
    "load_tree",
    "save_generation",
    "save_left_alone",
    "save_problem",
    "save_tree",
]


class LeftAlone(NamedTuple):
    """A path relative to the people folder, and why it was not touched, one plain sentence."""

    path: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Tree:
    """The people folder's row. place: None while it is not yet set up. problem: why it is frozen."""

    root: bytes
    place: Place | None
    probe: Mapping[str, Any]
    problem: str | None


def load_tree(db: Database) -> Tree | None:
    """The people folder, or None before the first sync."""
    row = db.execute("SELECT root, fsid, source, fstype, ino, probe, problem FROM tree").fetchone()
    if row is None:
        return None
    root, fsid, source, fstype, ino, probe, problem = row
    place = None if ino is None else Place(fsid=fsid, source=source, fstype=fstype, ino=ino)
    return Tree(root, place, json.loads(probe) if probe else {}, problem)


def save_tree(db: Database, root: bytes, place: Place | None, probe: Mapping[str, Any]) -> None:
    """What stood there is replaced; nothing is wrong with it any more."""
    where = (None,) * 4 if place is None else (place.fsid, place.source, place.fstype, place.ino)
    db.execute(
        "INSERT OR REPLACE INTO tree (id, root, fsid, source, fstype, ino, probe, problem)"
        " VALUES (1, ?, ?, ?, ?, ?, ?, NULL)",
        [root, *where, json.dumps(dict(probe), sort_keys=True)],
    )


def save_problem(db: Database, problem: str | None) -> None:
    """Why the people folder is frozen, one plain sentence; None: nothing is wrong."""
    db.execute("UPDATE tree SET problem = ?", [problem])


def load_generation(db: Database) -> int:
    """How often the tree has been changed; 0 before the first change."""
    return int(load_setting(db, "generation") or 0)


def save_generation(db: Database, generation: int) -> None:
    """As it was written into the tree, or is about to be."""
    save_setting(db, "generation", str(generation))


def forget_base(db: Database) -> None:
    """Another people folder is used from now on; what was left in the old one is nobody's concern."""
    for table in (
        "intents",
        "links",
        "pictures",
        "folders",
        "left_alone",
        "undecided",
        "copies",
        "away_links",
        "away_folders",
        "seen_folders",
        "shown_persons",
        "understood_pictures",
        "put_off",
        "put_off_faces",
    ):
        db.execute(f"DELETE FROM {table}")
    db.execute("DELETE FROM asks WHERE kind IN ('folders', 'rejections', 'pictures')")


def load_left_alone(db: Database) -> list[LeftAlone]:
    """What faced does not understand in the people folder, by path."""
    return list(
        map(LeftAlone._make, db.execute("SELECT path, reason FROM left_alone ORDER BY path").fetchall())
    )


def save_left_alone(db: Database, left_alone: Iterable[LeftAlone]) -> None:
    """What stood there is replaced."""
    db.execute("DELETE FROM left_alone")
    db.conn.executemany("INSERT INTO left_alone (path, reason) VALUES (?, ?)", left_alone)
