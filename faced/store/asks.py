"""What is not decided: questions to the user, paths that wait for a second look, wishes of other processes.

Plain functions over the tables asks, undecided and requests. Those that change something run within a
transaction of the caller. What is asked, and what an answer means, is decided by who asks.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from sqlite_utils import Database

from faced.model import ImageId, PersonId

__all__ = [
    "TREE_KINDS",
    "Ask",
    "Request",
    "Undecided",
    "add_ask",
    "add_request",
    "answer_ask",
    "change_ask",
    "delete_asks",
    "finish_requests",
    "is_request_done",
    "load_asks",
    "load_questions",
    "load_requests",
    "load_undecided",
    "save_undecided",
]

TREE_KINDS = frozenset(["rejections", "folders", "pictures", "nested"])
"""Kinds of the people folder's own questions; reading the tree acts on their answers."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A question. text: one plain sentence. since: UTC nanoseconds. answer: None while there is none."""

    id: int
    kind: str
    text: str
    details: Mapping[str, Any]
    since: int
    answer: bool | None = None


class Undecided(NamedTuple):
    """Something of base that is missing on disk, or a link more than base has, and is not acted upon yet.

    path: as base has it, or of the copy. person: whose it is, or whose folder a copy is in. image: None for a folder or
    face picture. first_seen, due: UTC nanoseconds. Either `due`, when a second
    look may decide, or `ask`, the question that holds it.
    """

    path: bytes
    what: Literal["link", "folder", "copy", "picture"]
    person: PersonId | None
    image: ImageId | None
    first_seen: int
    due: int | None
    ask: int | None


class Request(NamedTuple):
    """Something that a command wants of the process that holds the pass lock. made: UTC nanoseconds."""

    id: int
    kind: str
    made: int


def load_questions(db: Database) -> list[Ask]:
    """Those that wait for an answer, the first asked first."""
    return [ask for ask in load_asks(db) if ask.answer is None]


def load_asks(db: Database) -> list[Ask]:
    """All of them, the first asked first."""
    rows = db.execute("SELECT id, kind, text, details, since, answer FROM asks ORDER BY id")
    return [
        Ask(id_, kind, text, json.loads(details), since, None if answer is None else bool(answer))
        for id_, kind, text, details, since, answer in rows
    ]


def add_ask(db: Database, kind: str, text: str, details: Mapping[str, Any], since: int) -> int:
    """Ask something new; its id is what the user answers with, and is never used twice."""
    row = db.execute(
        "INSERT INTO asks (kind, text, details, since) VALUES (?, ?, ?, ?) RETURNING id",
        [kind, text, json.dumps(dict(details), sort_keys=True), since],
    ).fetchone()
    return int(row[0])


def change_ask(db: Database, id_: int, text: str, details: Mapping[str, Any]) -> None:
    """The same question, about more or less than before."""
    db.execute(
        "UPDATE asks SET text = ?, details = ? WHERE id = ?",
        [text, json.dumps(dict(details), sort_keys=True), id_],
    )


def answer_ask(db: Database, id_: int, yes: bool) -> bool:
    """Note an answer, or another one than before. False: there is no such question."""
    found = db.execute("UPDATE asks SET answer = ? WHERE id = ? RETURNING id", [int(yes), id_])
    return found.fetchone() is not None


def delete_asks(db: Database, ids: Iterable[int]) -> None:
    """What was asked is over; what it held is no longer held by it."""
    db.conn.executemany("DELETE FROM asks WHERE id = ?", [(id_,) for id_ in ids])


def load_undecided(db: Database) -> tuple[Undecided, ...]:
    """By path."""
    rows = db.execute(
        "SELECT path, what, person, image, first_seen, due, ask FROM undecided ORDER BY path"
    ).fetchall()
    return tuple(map(Undecided._make, rows))


def save_undecided(db: Database, rows: Iterable[Undecided]) -> None:
    """What stood there is replaced."""
    db.execute("DELETE FROM undecided")
    db.conn.executemany(
        "INSERT OR REPLACE INTO undecided (path, what, person, image, first_seen, due, ask)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        rows,
    )


def add_request(db: Database, kind: str, made: int) -> int:
    """Ask the process that holds the pass lock for something."""
    row = db.execute(
        "INSERT INTO requests (kind, made, done) VALUES (?, ?, 0) RETURNING id", [kind, made]
    ).fetchone()
    return int(row[0])


def load_requests(db: Database) -> list[Request]:
    """Those that wait, the oldest first."""
    rows = db.execute("SELECT id, kind, made FROM requests WHERE done = 0 ORDER BY id").fetchall()
    return list(map(Request._make, rows))


def finish_requests(db: Database, ids: Iterable[int]) -> None:
    """They were carried out. Those that were done before the last hundred are forgotten."""
    db.conn.executemany("UPDATE requests SET done = 1 WHERE id = ?", [(id_,) for id_ in ids])
    db.execute("DELETE FROM requests WHERE done = 1 AND id <= (SELECT max(id) FROM requests) - 100")


def is_request_done(db: Database, id_: int) -> bool:
    """Whether it was carried out; so is one that was forgotten since."""
    row = db.execute("SELECT done FROM requests WHERE id = ?", [id_]).fetchone()
    return row is None or bool(row[0])
