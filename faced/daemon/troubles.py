"""What keeps the daemon from its work: each said once in the log, and kept where `faced status` finds it."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from faced.passes.note import Note, save_note
from faced.store.database import Store

__all__ = ["Troubles"]

_log = logging.getLogger("faced")


class Troubles:
    """The daemon's note about itself, by topic."""

    def __init__(self, store: Store, note: Note) -> None:
        self._store = store
        self._note = note
        self._save()

    def say(self, topic: str, trouble: str | None) -> None:
        """There is this trouble, or none (any more)."""
        self._change(topic, {topic: trouble} if trouble else {}, self._note.overflows)

    def say_all(self, topic: str, troubles: Mapping[str, str], overflows: int) -> None:
        """All there are of a topic, each with a name of its own."""
        self._change(topic, {f"{topic} {name}": text for name, text in troubles.items()}, overflows)

    def _change(self, topic: str, now: Mapping[str, str], overflows: int) -> None:
        before = self._note.troubles
        ours = {name for name in before if name == topic or name.startswith(topic + " ")}
        if {name: before[name] for name in ours} == now and overflows == self._note.overflows:
            return
        for name, text in now.items():
            if before.get(name) != text:
                _log.warning("%s", text)
        if ours and not now:
            _log.info("over: %s", before[min(ours)])
        others = {name: text for name, text in before.items() if name not in ours}
        self._note = replace(self._note, troubles={**others, **now}, overflows=overflows)
        self._save()

    def _save(self) -> None:
        # A disk that is full is a trouble that cannot be written down; the log has it.
        with suppress(Exception), self._store.write() as db:
            save_note(db, self._note)
