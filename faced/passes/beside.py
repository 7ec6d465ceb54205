"""Beside a daemon: a command leaves its wish in the store, wakes the daemon, and waits for it.

Decides nothing about what the daemon does then.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sqlite_utils import Database

from faced.errors import FacedError, UsageError, shown
from faced.library.roots import absolute_root
from faced.passes.places import Run, check_named, choose_places
from faced.store.asks import add_request, is_request_done
from faced.store.database import open_reader, open_store
from faced.store.locks import read_holder
from faced.store.settings import load_setting, save_setting
from faced.store.tree import load_tree

__all__ = [
    "PATIENCE",
    "is_daemon_running",
    "is_paused",
    "leave_wishes",
    "set_paused",
    "sync_beside",
    "wait_for_wishes",
    "wake_daemon",
]

WAKE: Final = "wake"
PATIENCE: Final = 10.0  # s that a command waits for the daemon to show what was said
_POLL: Final = 0.1
_PAUSED: Final = "paused"


def wake_daemon(state: Path) -> None:
    """Tell the daemon, if there is one, to look into the store."""
    handle = os.open(state / WAKE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    os.close(handle)


def is_daemon_running(state: Path) -> bool:
    """Whether a daemon has the state."""
    holder = read_holder(state)
    return holder is not None and holder.command == "run"


def sync_beside(
    run: Run, libraries: Sequence[Path], people: Path | None, *, now: bool, rebuild: bool
) -> None:
    """Have the running daemon look at everything, read it and show it; wait until it has. Raises FacedError."""
    check_named(run, libraries, people)
    with open_store(run.state) as store:
        if is_paused(store.db):
            raise FacedError("faced is paused: `faced resume` lets it go on")
        tree = load_tree(store.db)
        if people is not None and tree is not None and tree.root != absolute_root(people):
            raise UsageError(f"the running faced fills {shown(tree.root)}, not another folder; stop it first")
        choose_places(store, run, libraries, people or (None if tree else Path()))
    kinds = ["sync", *(["now"] if now else []), *(["rebuild"] if rebuild else [])]
    wait_for_wishes(run.state, leave_wishes(run.state, kinds), longest=None)


def leave_wishes(state: Path, kinds: list[str]) -> list[int]:
    """Ask the daemon for something; returns what to wait for."""
    with open_store(state) as store, store.write() as db:
        ids = [add_request(db, kind, time.time_ns()) for kind in kinds]
    wake_daemon(state)
    return ids


def wait_for_wishes(state: Path, ids: Sequence[int], *, longest: float | None) -> bool:
    """Wait until the wishes are carried out. False: not within `longest` seconds.

    Raises FacedError when there is no daemon any more.
    """
    end = None if longest is None else time.monotonic() + longest
    with open_reader(state) as db:
        while not all(is_request_done(db, id_) for id_ in ids):
            if end is not None and time.monotonic() >= end:
                return False
            if read_holder(state) is None and not all(is_request_done(db, id_) for id_ in ids):
                raise FacedError("faced ended meanwhile; say it again: nothing is lost")
            time.sleep(_POLL)
    return True


def set_paused(state: Path, paused: bool) -> bool:
    """Stop or resume the daemon's work, also after a restart. Returns whether that is news."""
    with open_store(state) as store:
        news = is_paused(store.db) != paused
        if news:
            with store.write() as db:
                save_setting(db, _PAUSED, "1" if paused else "0")
    wake_daemon(state)
    return news


def is_paused(db: Database) -> bool:
    """Whether the user paused the daemon."""
    return load_setting(db, _PAUSED) == "1"
