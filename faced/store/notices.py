"""What happened to the state itself and is to be told: a few plain sentences, the latest last.

They are no part of the user's word, so they do not stand in the journal. Decides nothing about when to tell them.
"""

import json
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlite_utils import Database

from faced.store.settings import load_setting, save_setting

__all__ = ["Notice", "add_notice", "load_notices"]

NOTICES = "notices"
KEEP = 5
TOLD = timedelta(days=30)
"""How long it is worth telling."""


class Notice(NamedTuple):
    """time: UTC nanoseconds since 1970. text: one plain sentence, or two."""

    time: int
    text: str


def add_notice(db: Database, text: str, time: datetime) -> None:
    """Within a transaction of the caller. The oldest are dropped."""
    kept = [*_load(db), Notice(_to_ns(time), text)][-KEEP:]
    save_setting(db, NOTICES, json.dumps(kept))


def load_notices(db: Database, now: datetime) -> tuple[Notice, ...]:
    """Those of the last thirty days."""
    return tuple(notice for notice in _load(db) if notice.time > _to_ns(now - TOLD))


def _load(db: Database) -> list[Notice]:
    try:
        return [Notice(int(time), str(text)) for time, text in json.loads(load_setting(db, NOTICES) or "[]")]
    except (TypeError, ValueError):
        return []


def _to_ns(time: datetime) -> int:
    return int(time.timestamp()) * 10**9
