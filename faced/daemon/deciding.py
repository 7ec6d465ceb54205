"""Asks the process that decides who is who: only when there is something new, and not for longer than it is needed."""

import hashlib
import logging
import time
from collections.abc import Callable
from typing import Final

from faced.passes.decide import Question
from faced.passes.decider import Decider
from faced.people.recluster import Decision
from faced.store.database import Store
from faced.store.faces import load_dated_faces
from faced.store.journal import load_last_id

__all__ = ["Deciding"]

_KEEP: Final = 60.0  # s that the process outlives its last answer
_MANY: Final = 10_000  # faces: fewer are compared before anybody asks how far it is
_LOG_EVERY: Final = 60.0  # s

_log = logging.getLogger("faced")


class Deciding:
    """The daemon's way to a decision. beat: called about twice a second while an answer is waited for.

    status: told in a few words how far it is, when very many faces are compared anew.
    """

    def __init__(
        self, store: Store, beat: Callable[[], None], status: Callable[[str], None] = lambda words: None
    ) -> None:
        self._store = store
        self._beat = beat
        self._status = status
        self._logged = 0.0
        self._child = Decider()
        self._until = 0.0
        self._asked: object = None

    def warm(self) -> None:
        """It will be asked soon."""
        self._child.warm()
        self._until = time.monotonic() + _KEEP

    def decide(self, question: Question) -> Decision | None:
        """See decide.Decide. Nothing new since the last answer is nothing to ask."""
        faces, years = load_dated_faces(self._store.db, question.engine)
        digest = hashlib.blake2b(faces.tobytes() + years.tobytes()).digest()
        asked = (question, load_last_id(self._store.db), digest)
        if asked == self._asked:
            return None
        self._asked = None
        self._logged = 0.0
        try:
            decision = self._child.decide(question, self._beat, self._compared)
        finally:
            self._until = time.monotonic() + _KEEP
        self._asked = asked
        return decision

    def _compared(self, done: int, total: int) -> None:
        """In the log now and then, and at the end."""
        if total < _MANY:
            return
        words = f"comparing faces: {done} of {total}"
        self._status(words)
        now = time.monotonic()
        if done >= total or self._logged == 0.0 or now - self._logged >= _LOG_EVERY:
            self._logged = now
            _log.info("%s", words)

    def forget(self) -> None:
        """The last answer was of no use: it is asked for again."""
        self._asked = None

    @property
    def due(self) -> float | None:
        """When it is to be ended, in monotonic seconds, if nobody asks; None: it does not run."""
        return self._until if self._child.is_running else None

    def end_idle(self, now: float) -> None:
        """End it if nobody has asked for a while."""
        if self.due is not None and now >= self.due:
            self._child.close()

    def close(self) -> None:
        """End it now."""
        self._child.close()
