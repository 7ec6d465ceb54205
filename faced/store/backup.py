"""Copies of the state beside the database: the whole of it, and the user's word alone, for people and programs.

An export is JSON lines in ASCII. The first says `"kind":"word"`, the version, the installation, the time, and how
far the journal had come. Each other is a person (what was said of her) or a face (`pin`, `reject`, `anchor`): the
key of its image and its box, left, top, width, height, as fractions of the stored picture.
Decides nothing about when a copy is due.
"""

import json
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from faced.model import Box, ImageKey, PersonId
from faced.store.database import Store, open_reader, raise_full
from faced.store.edits import Draft, FaceRef, Json, format_time
from faced.store.journal import add_edits, last_edit
from faced.store.migrations import back_up, read_version
from faced.store.settings import read_installation, save_setting
from faced.store.word import Statements
from faced.store.word_tables import load_statements

__all__ = [
    "BACKUP",
    "KEEP_EXPORTS",
    "export_word",
    "list_backups",
    "list_exports",
    "read_export",
    "restore_export",
    "save_backup",
]

BACKUP = "backup"
KEEP_EXPORTS = 7
VERSION = 1
EXPORT = re.compile(r"word-\d{8}\.jsonl")
ENGINE = "export"
"""An export does not say whose boxes they are."""


@dataclass(frozen=True, slots=True)
class Export:
    """installation: hex id. drafts: the edits that say the same again, in order."""

    installation: str
    drafts: tuple[Draft, ...]


# ---- the whole database ----


def save_backup(store: Store) -> Path:
    """A copy of the database as it is now; the newest three are kept. Not within a transaction.

    Raises StorageFull where there is no room for it.
    """
    folder = store.folder / BACKUP
    with open_reader(store.folder) as db:  # of its own: whoever waits for the store need not wait for this
        try:
            return back_up(db.conn, folder, read_version(db.conn))
        except (OSError, sqlite3.DatabaseError) as error:
            raise_full(folder, error)
            raise


def list_backups(folder: Path) -> list[Path]:
    """The newest first. folder: of the state."""
    return sorted(
        (folder / BACKUP).glob("faced-*.db"), key=lambda path: path.stat().st_mtime_ns, reverse=True
    )


# ---- the word ----


def list_exports(folder: Path) -> list[Path]:
    """The newest first. folder: of the state."""
    found = (folder / BACKUP).glob("word-*.jsonl")
    return sorted((path for path in found if EXPORT.fullmatch(path.name)), reverse=True)


def export_word(store: Store, now: datetime) -> Path | None:
    """Write down all that the user's word is now; the newest seven are kept.

    None, and nothing is written, when nothing was said since the newest one. Raises StorageFull.
    """
    last = last_edit(store.db)
    older = list_exports(store.folder)
    if last == 0 or (older and _read_header(older[0]).get("edit") == last):
        return None
    with store.write() as db:
        installation = read_installation(db)
        statements = load_statements(db)
    header = {
        "v": VERSION,
        "kind": "word",
        "installation": installation,
        "time": format_time(now),
        "edit": last,
    }
    target = store.folder / BACKUP / f"word-{now:%Y%m%d}.jsonl"
    try:
        _write_whole(target, [header, *_describe(statements)])
    except OSError as error:
        raise_full(target.parent, error)
        raise
    for old in list_exports(store.folder)[KEEP_EXPORTS:]:
        old.unlink()
    return target


def _read_header(path: Path) -> dict[str, Any]:
    try:
        with path.open(encoding="ascii") as file:
            header = json.loads(file.readline())
    except (OSError, ValueError):
        return {}
    return header if isinstance(header, dict) and header.get("kind") == "word" else {}


def _describe(statements: Statements) -> Iterator[dict[str, Any]]:
    for person, word in sorted(statements.persons.items()):
        yield {
            "kind": "person",
            "person": person,
            "name": word.name,
            "born": word.born,
            "place": None if word.place is None else word.place.decode("utf-8", "surrogateescape"),
            "hidden": word.hidden,
            "merged_into": word.merged_into,
        }
    faces = [
        *(("pin", spot, said.person) for spot, said in statements.pins.items()),
        *(("reject", spot, person) for spot, person in statements.rejections),
        *(("anchor", spot, said.person) for spot, said in statements.anchors.items()),
    ]
    for kind, spot, person in sorted(faces):
        box = spot.box
        yield {
            "kind": kind,
            "person": person,
            "image": spot.image,
            "box": [box.left, box.top, box.width, box.height],
        }
    for image, person in sorted(statements.tags):
        yield {"kind": "tag", "person": person, "image": image}
    for (image, person), said in sorted(statements.link_names.items()):
        name = said.name.decode("utf-8", "surrogateescape")
        yield {"kind": "name_link", "person": person, "image": image, "name": name}


def _write_whole(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """All of it or nothing, for its owner only."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(handle, "w", encoding="ascii") as file:
            for line in lines:
                file.write(json.dumps(line, separators=(",", ":")) + "\n")
            file.flush()
            os.fsync(handle)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


# ---- back again ----


def read_export(path: Path) -> Export | None:
    """None for one that cannot be read whole."""
    header = _read_header(path)
    try:
        with path.open(encoding="ascii") as file:
            rows = [json.loads(line) for line in file][1:]
        if header.get("v") != VERSION:
            return None
        return Export(str(header["installation"]), tuple(_to_drafts(rows)))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _to_drafts(rows: list[dict[str, Any]]) -> Iterator[Draft]:
    """Merges first: what was said of a person who was merged is said of the other one."""
    persons = [row for row in rows if row["kind"] == "person"]
    for row in persons:
        if row["merged_into"] is not None:
            yield Draft("merge", PersonId(row["person"]), value=row["merged_into"])
    for row in persons:
        for kind in ("name", "born", "place"):
            if row[kind] is not None:
                yield Draft(kind, PersonId(row["person"]), value=row[kind])
        if row["hidden"]:
            yield Draft("hide", PersonId(row["person"]))
    for row in rows:
        if row["kind"] in ("pin", "reject", "anchor"):
            face = FaceRef(ImageKey(row["image"]), Box(*row["box"]), ENGINE)
            yield Draft(row["kind"], PersonId(row["person"]), (face,))
        elif row["kind"] == "tag":
            yield Draft("tag", PersonId(row["person"]), value={"image": row["image"], "on": True})
        elif row["kind"] == "name_link":
            value: Json = {"image": row["image"], "name": row["name"]}
            yield Draft("name_link", PersonId(row["person"]), value=value)


def restore_export(db: Database, export: Export, now: datetime) -> int:
    """Say it all again in a database that knows nothing. Returns how many edits that took.

    Within a transaction of the caller. Raises ValueError for an export that makes no sense.
    """
    save_setting(db, "installation", export.installation)
    persons = {draft.person for draft in export.drafts}
    persons |= {draft.value for draft in export.drafts if draft.kind == "merge"}  # type: ignore[misc]
    db.conn.executemany("INSERT OR IGNORE INTO persons (id) VALUES (?)", [(person,) for person in persons])
    return len(add_edits(db, export.drafts, origin="import", time=now))
