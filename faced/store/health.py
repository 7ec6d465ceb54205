"""A damaged database is set aside and made anew: from its newest sound backup and the journal, or the journal alone.

It is looked into after a stop that was none (power cut, kill), when damage was met, and once a week. Nothing is
overwritten or thrown away: what was damaged lies in `damaged/`. The new database is made beside the old one, whole,
and only then put in its place. What it does not know (photos, faces) is read again by the next pass; its people
folder is to be recognised first, so that nothing there is taken for the user's doing.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from sqlite_utils import Database

from faced.errors import Damaged, FacedError, StateError, StorageFull
from faced.store.backup import list_backups, list_exports, read_export, restore_export
from faced.store.database import (
    CHECK,
    DAMAGED,
    DATABASE,
    Store,
    is_damage,
    open_store,
    prepare_state,
    request_check,
)
from faced.store.edit_lines import read_lines
from faced.store.faces import find_damaged, forget_encodings
from faced.store.follow import save_adopting
from faced.store.journal import check_word, is_journal_empty, rebuild_word
from faced.store.journal_file import JOURNAL, append_journal, restore_journal
from faced.store.locks import WRITE, Share, hold_lock
from faced.store.migrations import Foreign
from faced.store.notices import add_notice
from faced.store.photos import set_libraries
from faced.store.salvage import NOTHING, Salvage, read_damaged
from faced.store.settings import load_setting, save_setting
from faced.store.soundness import find_damage
from faced.store.traces import are_traces_left, wipe_copies
from faced.store.tree import forget_base, save_tree

__all__ = ["DAMAGED", "check_health", "is_check_due", "mend", "open_sound_store"]

RESTORING = "restoring"
"""A folder in which the new database is made."""
READY = "faced.restored"
"""The new database, complete, before it takes its place."""
CHECKED = "health.checked"
WEEK = timedelta(days=7)


@contextmanager
def open_sound_store(folder: Path, now: datetime) -> Iterator[Store]:
    """open_store, with what is damaged made anew, and journal.jsonl brought up to it, or it to the file.

    now: with its time zone. Raises as open_store and append_journal do; Damaged when the database is damaged and
    another process has it open.
    """
    prepare_state(folder)
    _end_half_done(folder, now)
    with ExitStack() as stack:
        try:
            store = _enter(stack, folder, now)
        except (Damaged, Foreign, sqlite3.DatabaseError, UnicodeDecodeError) as error:
            stack.close()
            if not _may_rebuild(folder, error):
                raise
            _rebuild(folder, error, now)
            store = _enter(stack, folder, now)
        yield store


def _enter(stack: ExitStack, folder: Path, now: datetime) -> Store:
    store = stack.enter_context(open_store(folder))
    try:
        if ((folder / CHECK).exists() or is_check_due(store.db, now)) and store.is_alone():
            check_health(store, now)
        _bring_up_journal(store, now)
        if are_traces_left(store.db):
            with suppress(StorageFull):
                wipe_copies(store)
    except (StorageFull, Damaged):
        raise
    except (StateError, sqlite3.DatabaseError):
        if store.is_alone():
            check_health(store, now)  # says so if damage is the cause
        raise
    return store


def _bring_up_journal(store: Store, now: datetime) -> None:
    report = append_journal(store, now)
    if report.ahead:
        restore_journal(store, report.ahead)
        append_journal(store, now)


def _may_rebuild(folder: Path, error: Exception) -> bool:
    """Another program's database is none of ours, unless it is our own whose head was damaged."""
    if isinstance(error, Foreign):
        return bool(read_lines(_read(folder / JOURNAL)).edits)
    return isinstance(error, Damaged) or is_damage(error)


# ---- looking ----


def is_check_due(db: Database, now: datetime) -> bool:
    """Whether the last whole check was a week ago; one that never had a check has it as soon as a word is in it."""
    last = load_setting(db, CHECKED)
    if last is None:
        return not is_journal_empty(db)
    try:
        return not timedelta(0) <= now - datetime.fromisoformat(last) < WEEK
    except (TypeError, ValueError):
        return True


def check_health(store: Store, now: datetime) -> None:
    """Look into all of the database and mend what can be mended in place. Not within a transaction.

    Raises Damaged when it cannot: then the next start makes it anew.
    """
    why = find_damage(store.db)
    if why is not None:
        raise Damaged(
            f"the database {store.folder / DATABASE} is damaged ({why}): start faced again, it mends that"
        )
    mend(store)
    with store.write() as db:
        save_setting(db, CHECKED, now.isoformat())
    (store.folder / CHECK).unlink(missing_ok=True)


def mend(store: Store) -> None:
    """What the journal says of names, pins, rejections and anchors is written anew where the tables say otherwise;
    images with a damaged embedding are to be encoded again. Not within a transaction."""
    try:
        is_right = not check_word(store.db)
    except (TypeError, ValueError):
        is_right = False
    damaged = find_damaged(store.db)
    if is_right and not damaged:
        return
    with store.write() as db:
        if not is_right:
            rebuild_word(db)
        forget_encodings(db, damaged)


# ---- making it anew ----


def _rebuild(folder: Path, error: Exception, now: datetime) -> None:
    with hold_lock(folder, WRITE):
        request_check(folder)  # until it is done: whatever ends this half-way, the next start looks again
        _refuse_company(folder, error)
        salvage = read_damaged(folder / DATABASE)
        aside = _name_aside(folder, now)
        _make_ready(folder, salvage, aside, now)
        _set_aside(folder, aside)
        (folder / READY).replace(folder / DATABASE)
        _sync(folder)
        (folder / CHECK).unlink(missing_ok=True)


def _refuse_company(folder: Path, error: Exception) -> None:
    share = Share(folder)
    try:
        if not share.is_alone():
            raise Damaged(
                f"the database {folder / DATABASE} is damaged, and another faced has it open: stop that one"
                " (`systemctl --user stop faced`, or end `faced run`) and start faced again, it mends that"
            ) from error
    finally:
        share.close()


def _make_ready(folder: Path, salvage: Salvage, aside: Path, now: datetime) -> None:
    """The database that is to be, as READY: the newest backup that is sound and fits the journal, or a new one."""
    lines = _gather_lines(folder, salvage)
    made = folder / RESTORING
    for backup in (*list_backups(folder), None):
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(mode=0o700)
        try:
            if backup is not None:
                shutil.copyfile(backup, made / DATABASE)
                (made / DATABASE).chmod(0o600)
            with open_store(made) as store:
                if backup is not None and find_damage(store.db) is not None:
                    continue
                _fill(store, folder, lines, NOTHING if backup else salvage, now)
                with store.write() as db:
                    add_notice(db, _tell(aside, backup), now)
                    save_setting(db, CHECKED, now.isoformat())
            break
        except StateError:
            if backup is None:
                raise
    handle = os.open(made / DATABASE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    (made / DATABASE).replace(folder / READY)
    shutil.rmtree(made, ignore_errors=True)


def _fill(store: Store, folder: Path, lines: Sequence[str], salvage: Salvage, now: datetime) -> None:
    if lines:
        restore_journal(store, lines)
    with store.write() as db:
        if not lines and is_journal_empty(db):
            for export in map(read_export, list_exports(folder)):
                if export is not None:
                    restore_export(db, export, now)
                    break
        forget_base(db)
        if salvage.roots:
            set_libraries(db, salvage.roots, exact=False)
        if salvage.tree is not None:
            save_tree(db, salvage.tree.root, salvage.tree.place, salvage.tree.probe)
        save_adopting(db, True)
    mend(store)


def _gather_lines(folder: Path, salvage: Salvage) -> list[str]:
    """The journal: of the file, and what only the damaged database knew."""
    found = read_lines(_read(folder / JOURNAL))
    lines = {edit.id: text for edit, text in zip(found.edits, found.texts, strict=True)}
    for edit, text in zip(salvage.journal.edits, salvage.journal.texts, strict=True):
        lines.setdefault(edit.id, text)
    return list(lines.values())


def _tell(aside: Path, backup: Path | None) -> str:
    came = (
        f"its backup {backup.name} and the journal: every name is back, and photos that came since are read again"
        if backup
        else "the journal: every name is back, and all photos are read again"
    )
    return f"The database was damaged. It was set aside as {aside} and made anew from {came}."


def _name_aside(folder: Path, now: datetime) -> Path:
    """A name that nothing has yet."""
    (folder / DAMAGED).mkdir(mode=0o700, exist_ok=True)
    first = path = folder / DAMAGED / f"faced-{now:%Y%m%d-%H%M%S}.db"
    number = 1
    while any(path.with_name(path.name + suffix).exists() for suffix in ("", "-wal", "-shm")):
        number += 1
        path = first.with_stem(f"{first.stem}-{number}")
    return path


def _set_aside(folder: Path, aside: Path) -> None:
    """The database first: with it gone, what is left of it is found and set aside by `_end_half_done`."""
    for suffix in ("", "-wal", "-shm"):
        path = folder / f"{DATABASE}{suffix}"
        if path.exists():
            os.chmod(path, 0o600)
            path.rename(aside.with_name(aside.name + suffix))
    _sync(aside.parent)
    _sync(folder)


def _end_half_done(folder: Path, now: datetime) -> None:
    """A rebuilding that died between setting the old database aside and putting the new one in its place."""
    if not (folder / READY).exists():
        return
    with hold_lock(folder, WRITE):
        if (folder / READY).exists() and not (folder / DATABASE).exists():
            _set_aside(folder, _name_aside(folder, now))
            (folder / READY).replace(folder / DATABASE)
            _sync(folder)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise FacedError(f"{path} cannot be read ({error.strerror}); nothing was changed") from error


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
