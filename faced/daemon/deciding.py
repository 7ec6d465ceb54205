"""Asks the process that decides who is who: only when there is something new, and not for longer than it is needed."""

import hashlib
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


class Deciding:
    """The daemon's way to a decision. beat: called about twice a second while an answer is waited for."""

    def __init__(self, store: Store, beat: Callable[[], None]) -> None:
        self._store = store
        self._beat = beat
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
        try:
            decision = self._child.decide(question, self._beat)
        finally:
            self._until = time.monotonic() + _KEEP
        self._asked = asked
        return decision

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
