"""What is to be done for the state every day and every week: copies of it, and a look whether it is sound."""

from datetime import UTC, datetime
from pathlib import Path

from sqlite_utils import Database

from faced.store.backup import export_word, save_backup
from faced.store.database import Store
from faced.store.health import check_health
from faced.store.settings import load_setting, save_setting

__all__ = ["is_due", "run_daily"]

DAY = "upkeep.day"
WEEK = "upkeep.week"
"""Settings: when it was last done, YYYY-MM-DD in UTC."""


def is_due(db: Database, now: datetime) -> bool:
    """Whether it was not done today (UTC). now: with its time zone."""
    return load_setting(db, DAY) != _day(now)


def run_daily(store: Store, now: datetime) -> list[Path]:
    """Write down the user's word if it changed; once a week, and the first time, look whether the database is sound
    and copy it. Returns the files that were written. Not within a transaction; nothing is done that is not due.

    Raises Damaged, StorageFull; what was not done is due again at the next call.
    """
    if not is_due(store.db, now):
        return []
    written = [export_word(store, now)]
    if _is_week_over(store.db, now):
        check_health(store, now)  # first: a damaged copy must not push a sound one out
        written.append(save_backup(store))
        with store.write() as db:
            save_setting(db, WEEK, _day(now))
    with store.write() as db:
        save_setting(db, DAY, _day(now))
    return [path for path in written if path is not None]


def _is_week_over(db: Database, now: datetime) -> bool:
    last = load_setting(db, WEEK)
    try:
        return (
            last is None
            or not 0 <= (now.astimezone(UTC).date() - datetime.fromisoformat(last).date()).days < 7
        )
    except ValueError:
        return True


def _day(now: datetime) -> str:
    return now.astimezone(UTC).date().isoformat()
