"""`journal.jsonl`: the copy of the journal beside the database, from which the user's word comes back.

Database first, then the file. The file is brought up to the database, never the other way round but by
`restore_journal`, when the database was lost or is older than the file. No byte of the file is thrown away:
what is no line of the journal is kept in `journal.torn`. Nothing is written while the two contradict each other.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlite_utils import Database

from faced.errors import StateError
from faced.store.database import Store, raise_full
from faced.store.edit_lines import Lines, read_lines
from faced.store.edits import explain_skipping
from faced.store.forgetting import strike_out, what_pictures
from faced.store.forgotten import delete_faces_at, delete_pictures
from faced.store.journal import (
    insert_lines,
    is_journal_empty,
    keep_books,
    load_edits,
    load_last_id,
    load_lines,
    rebuild_word,
    strike_lines,
)
from faced.store.settings import load_setting, read_installation, save_setting
from faced.store.wipe import wipe_replaced
from faced.store.word import find_highest_person, find_installation, find_persons

__all__ = [
    "JOURNAL",
    "TORN",
    "JournalReport",
    "Restored",
    "append_journal",
    "request_rewriting",
    "restore_journal",
]

JOURNAL = "journal.jsonl"
TORN = "journal.torn"
MARK = "journal.mark"
"""Setting: inode, size, mtime and last id of the file as faced left it. While it is so, it is not read again."""


REWRITE = "journal.rewrite"
"""Setting: 1 while lines were struck out of the database that the file still has."""


@dataclass(frozen=True, slots=True)
class JournalReport:
    """What bringing the file up to the database did.

    appended: lines. torn: bytes that were no lines of the journal, moved to journal.torn. ahead: the lines of
    a file that knows more than the database, which is lost or older; then nothing was written, and they are
    for restore_journal. Else empty.
    """

    appended: int = 0
    torn: int = 0
    ahead: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back. edits: how many. warnings: plain sentences on lines that have no effect."""

    edits: int
    warnings: tuple[str, ...]


# ---- database to file ----


def append_journal(store: Store, time: datetime) -> JournalReport:
    """Bring journal.jsonl up to the database: after each commit of edits, and at start before anything else.

    Not within a transaction. Raises StateError, having changed nothing, when the file is another
    installation's, when database and file contradict each other, or when the file cannot be written (StorageFull
    for want of room; then nothing is lost).
    """
    path = store.folder / JOURNAL
    try:
        with store.write() as db:
            if is_journal_empty(db) and load_setting(db, REWRITE) != "1":
                lines = read_lines(_read(path))
                if lines.edits:
                    return JournalReport(ahead=lines.texts)
            keep_books(db, time)
        with store.write() as db:
            if load_setting(db, REWRITE) == "1":
                _write_anew(db, path)
            return _bring_up(db, path)
    except OSError as error:
        raise_full(store.folder, error)
        raise StateError(
            f"{path} cannot be written ({error.strerror}); what you said is safe in the database, "
            "and the file is brought up to it as soon as that is possible"
        ) from error


def request_rewriting(db: Database) -> None:
    """Within a transaction that strikes lines out: the next append_journal writes the file anew."""
    save_setting(db, REWRITE, "1")


def _write_anew(db: Database, path: Path) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        _append(handle, load_lines(db))
    finally:
        os.close(handle)
    wipe_replaced(partial, path)
    _sync_folder(path.parent)
    save_setting(db, REWRITE, "0")


def _bring_up(db: Database, path: Path) -> JournalReport:
    handle = _open(path)
    try:
        marked = _find_marked(db, handle)
        if marked is not None:
            fit = _Fit(missing=load_lines(db, after=marked))
        else:
            fit = _compare(load_lines(db), _read(path), read_installation(db))
            if fit.ahead:
                return JournalReport(ahead=fit.ahead)
        if fit.torn:
            _save_torn(path.parent / TORN, fit.torn)
            os.ftruncate(handle, fit.keep)
        _append(handle, fit.missing)
        _save_mark(db, handle)
        return JournalReport(len(fit.missing), len(fit.torn))
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True)
class _Fit:
    """How a file and the journal in the database fit together.

    missing: (id, line) to append after the first `keep` bytes. torn: the bytes after those.
    """

    missing: list[tuple[str, str]]
    keep: int = 0
    torn: bytes = b""
    ahead: tuple[str, ...] = ()


def _compare(lines: Sequence[tuple[str, str]], content: bytes, installation: str) -> _Fit:
    """Pure. The file should be the first lines of the database's journal, byte for byte."""
    keep = count = 0
    for _, line in lines:
        whole = line.encode() + b"\n"
        if not content.startswith(whole, keep):
            break
        keep += len(whole)
        count += 1
    missing, rest = list(lines[count:]), content[keep:]
    if rest:
        found = read_lines(content)
        _refuse_foreign(found, installation)
        known = dict(lines)
        _refuse_contradiction(known, found)
        if any(edit.id not in known for edit in found.edits):
            return _Fit([], ahead=found.texts)
    return _Fit(missing, keep, rest)


def _refuse_foreign(found: Lines, installation: str) -> None:
    theirs = find_installation(found.edits)
    if theirs is not None and theirs != installation:
        raise StateError(
            f"{JOURNAL} was written by another installation of faced ({theirs[:8]}…) than the database beside it "
            f"({installation[:8]}…): move one of the two to another folder; nothing was changed"
        )


def _refuse_contradiction(known: dict[str, str], found: Lines) -> None:
    differing = {
        e.id for e, text in zip(found.edits, found.texts, strict=True) if known.get(e.id, text) != text
    }
    if not differing:
        return
    ours = read_lines("\n".join(known.values()).encode()).edits
    # What was forgotten since a copy was made is struck out of the one and stands in the other.
    forgets = [edit for edit in (*ours, *found.edits) if edit.kind == "forget"]
    left = {edit.id: edit for edit in strike_out([*ours, *forgets])}
    for edit in strike_out([*found.edits, *forgets]):
        if edit.id in differing and (not forgets or left.get(edit.id, edit) != edit):
            raise StateError(
                f"edit {edit.id} is not the same in the database and in {JOURNAL}: one of the two is damaged; "
                "nothing was changed"
            )


# ---- file to database ----


def restore_journal(store: Store, lines: Iterable[str]) -> Restored:
    """Give a lost or older database what a journal file knows: edits, word, installation, person ids.

    Not within a transaction; append_journal is to be called after it. Raises StateError, having changed
    nothing, when the database holds edits that contradict the lines or are another installation's.
    """
    found = read_lines("\n".join(lines).encode())
    with store.write() as db:
        known = dict(load_lines(db))
        if known:
            _refuse_foreign(found, read_installation(db))
        _refuse_contradiction(known, found)
        new = [(e.id, t) for e, t in zip(found.edits, found.texts, strict=True) if e.id not in known]
        insert_lines(db, new)
        installation = find_installation(found.edits)
        if installation is not None:
            save_setting(db, "installation", installation)
        _restore_persons(db)
        rebuild_word(db)
        _forget_again(db)
    skipped = [why for edit in found.edits if (why := explain_skipping(edit)) is not None]
    broken = [f"line {number} of {JOURNAL} is no edit: {why}" for number, why in found.broken]
    return Restored(len(new), (*skipped, *broken))


def _forget_again(db: Database) -> None:
    """What the journal says is forgotten, a database or a file that was put back from a copy forgets again."""
    forgets = [edit for edit in load_edits(db) if edit.kind == "forget"]
    for edit in forgets:
        delete_faces_at(db, edit.faces)
        delete_pictures(db, what_pictures(edit))
    if forgets:
        strike_lines(db)
        request_rewriting(db)


def _restore_persons(db: Database) -> None:
    """A row for each person that an edit is about, and no id up to the highest is given again."""
    edits = load_edits(db)
    persons = find_persons(edits)
    db.conn.executemany("INSERT OR IGNORE INTO persons (id) VALUES (?)", [(person,) for person in persons])
    highest = find_highest_person(edits)
    known = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'persons'").fetchone()
    if known is None:
        db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('persons', ?)", [highest])
    elif known[0] < highest:
        db.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'persons'", [highest])


# ---- the file itself ----


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        handle = os.open(path, flags | os.O_CREAT, 0o600)
        _sync_folder(path.parent)
        return handle


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _append(handle: int, lines: Sequence[tuple[str, str]]) -> None:
    """In one write, so that a kill between two lines is not possible; all or nothing on a full disk."""
    if not lines:
        return
    before = os.fstat(handle).st_size
    content = memoryview("".join(line + "\n" for _, line in lines).encode())
    try:
        while content:
            content = content[os.write(handle, content) :]
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, before)
        raise


def _save_torn(path: Path, torn: bytes) -> None:
    handle = _open(path)
    try:
        os.write(handle, torn + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _find_marked(db: Database, handle: int) -> str | None:
    """The id of the file's last line, if the file is as faced left it."""
    mark = load_setting(db, MARK)
    place, _, last = (mark or "").rpartition(":")
    return last if place == _place(handle) else None


def _save_mark(db: Database, handle: int) -> None:
    mark = f"{_place(handle)}:{load_last_id(db)}"
    if load_setting(db, MARK) != mark:
        save_setting(db, MARK, mark)


def _place(handle: int) -> str:
    status = os.fstat(handle)
    return f"{status.st_ino}:{status.st_size}:{status.st_mtime_ns}"
