"""After something was forgotten: the copies of the state that still know it, and what is left of it in the files.

Noted in the transaction that forgets, so that whatever dies on the way is done by the next start. A new copy of what
is known now is made at the end.
"""

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from sqlite_utils import Database

from faced.errors import StorageFull
from faced.store.backup import BACKUP, export_word, save_backup
from faced.store.database import DAMAGED, Store, raise_full
from faced.store.journal_file import TORN, append_journal, request_rewriting
from faced.store.settings import load_setting, save_setting
from faced.store.wipe import wipe_file

__all__ = ["are_traces_left", "clear_traces", "note_traces"]

TRACES = "forget.traces"
"""Setting: 1 while copies may still know what was forgotten."""
DERIVED = "faced.neighbours*"
PATIENCE = 30.0
"""s for readers to let an older state go."""


def note_traces(db: Database) -> None:
    """Within the transaction that forgets."""
    request_rewriting(db)
    save_setting(db, TRACES, "1")


def are_traces_left(db: Database) -> bool:
    """Whether clear_traces is still to be done."""
    return load_setting(db, TRACES) == "1"


def clear_traces(store: Store, now: datetime, *, patience: float = PATIENCE) -> bool:
    """Delete every copy that may know what was forgotten, and what is left of it in the database's files.

    Not within a transaction. The caller holds the pass lock, or has the state for itself. False: a reader of the
    database holds an older state; then it is to be done again. Raises StorageFull.
    """
    append_journal(store, now)
    try:
        for path in _copies(store.folder):
            wipe_file(path)
    except OSError as error:
        raise_full(store.folder, error)
        raise
    end = time.monotonic() + patience
    while not store.compact():
        if time.monotonic() >= end:
            return False
        time.sleep(0.2)
    with store.write() as db:
        save_setting(db, TRACES, "0")
    try:
        export_word(store, now)
        save_backup(store)
    except StorageFull:
        pass  # the next day's upkeep tries again
    return True


def _copies(folder: Path) -> Iterator[Path]:
    for copies in (BACKUP, DAMAGED):
        yield from (path for path in (folder / copies).glob("*") if path.is_file())
    yield from folder.glob(DERIVED)
    yield folder / TORN
