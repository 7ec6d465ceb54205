"""What the daemon tells others about itself: a line in the store, for `faced status`, written when it is news."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from sqlite_utils import Database

from faced.store.settings import load_setting, save_setting

__all__ = ["Note", "load_note", "save_note"]

_KEY = "daemon"


@dataclass(frozen=True, slots=True)
class Note:
    """pid: of the process that works. sandbox: one sentence. overflows: of the kernel's queue, since it began.

    troubles: what keeps it from working, or from hearing of changes at once; one plain sentence each, by topic.
    """

    pid: int
    sandbox: str
    overflows: int = 0
    troubles: Mapping[str, str] = field(default_factory=dict)


def load_note(db: Database) -> Note | None:
    """The last daemon's note, whether or not it still runs."""
    text = load_setting(db, _KEY)
    return None if text is None else Note(**json.loads(text))


def save_note(db: Database, note: Note) -> None:
    """Within a transaction of the caller."""
    save_setting(db, _KEY, json.dumps(asdict(note), sort_keys=True))
