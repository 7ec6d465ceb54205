"""Which job is next, and which must run alone.

Takes the queue from the store a piece at a time and marks each job before it starts. Alone run: files
so large, or pictures so large, that two of them would fill the memory, and jobs that were in flight
when a process died, until it is clear which of them it was. Starts nothing itself.
"""

import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlite_utils import Database

from faced.model import EngineId, ImageKey, PhotoId
from faced.store import jobs
from faced.store.jobs import Attempt, Job

__all__ = ["READERS", "Backlog", "Flight"]

READERS: Final = 2
"""Threads that read files."""

_BYTES: Final = 64 << 20  # of files in memory at a time, for every two workers; a larger file runs alone
_LOOK_AHEAD: Final = 512  # jobs that are loaded at a time
_FRESH: Final = 5.0  # s, after which they are loaded anew, for new photos come first
_LOADING: Final = 30  # loading takes at most this part of the time
_TRIES: Final = 4  # of a photo in one run, whatever happens


@dataclass(slots=True, eq=False)
class Flight:
    """A job on its way. alone: nothing else may run. suspect: a process may have died of it."""

    job: Job
    alone: bool = False
    suspect: bool = False
    data: bytes = b""
    key: ImageKey | None = None


class Backlog:
    """The jobs that are known and not yet started."""

    def __init__(self, engine: EngineId, workers: int, attempts: Iterable[Attempt]) -> None:
        self._engine = engine
        self.workers = workers  # jobs that are done at a time; it may change
        self._loaded: deque[Job] = deque()
        self._all_loaded = False
        self._reload_at = 0.0
        self._marked: deque[Job] = deque()
        self._solo: deque[Flight] = deque()
        self._suspects: deque[PhotoId] = deque()
        self._graver: deque[PhotoId] = deque()  # suspects that were alone with a dying process once
        for attempt in attempts:
            (self._graver if attempt.unclean else self._suspects).append(attempt.photo)
        self._skipped: set[PhotoId] = set()
        self._tries: dict[PhotoId, int] = {}

    def __bool__(self) -> bool:
        return bool(self._marked or self._solo or self._suspects)

    @property
    def runs_dry(self) -> bool:
        """Whether to call `refill` before the workers have nothing to do."""
        return not self._marked and (bool(self._loaded) or not self._all_loaded)

    @property
    def skipped(self) -> int:
        """Photos of the queue that are done with for this run."""
        return len(self._skipped)

    def skip(self, photo: PhotoId) -> None:
        """Not again in this run."""
        self._skipped.add(photo)

    def put_back(self, flight: Flight) -> bool:
        """It was started in vain, and no fault of its own. False: that has been so too often."""
        if self._tries[flight.job.photo] >= _TRIES:
            return False
        if flight.alone:
            self._solo.appendleft(flight)
        else:
            self._marked.appendleft(flight.job)
        return True

    def put_by(self, flight: Flight) -> None:
        """It is to run alone."""
        flight.alone = True
        self._solo.append(flight)

    def refill(self, db: Database, held: Mapping[PhotoId, Flight]) -> bool:
        """Mark further jobs, within the caller's transaction. held: started, not ended. True: were loaded."""
        now = time.monotonic()
        stale = now >= self._reload_at
        loads = stale or not held or not (self._loaded or self._all_loaded)
        if loads:
            self._load(db, held)
            took = time.monotonic() - now
            self._reload_at = now + max(_FRESH, _LOADING * took)
        piece = [self._loaded.popleft() for _ in range(min(len(self._loaded), max(16, 4 * self.workers)))]
        jobs.mark_in_flight(db, (job.photo for job in piece))
        self._marked.extend(piece)
        if not (self or held) and self._graver:
            self._suspects.append(self._graver.popleft())
        return loads

    def _load(self, db: Database, held: Mapping[PhotoId, Flight]) -> None:
        known = {job.photo for job in self._marked} | {flight.job.photo for flight in self._solo}
        worn_out = {photo for photo, tries in self._tries.items() if tries >= _TRIES}
        exclude = known | set(held) | set(self._suspects) | set(self._graver) | self._skipped | worn_out
        self._loaded = deque(jobs.load_jobs(db, self._engine, _LOOK_AHEAD, exclude))
        self._all_loaded = len(self._loaded) < _LOOK_AHEAD

    def take(self, db: Database, held: Mapping[PhotoId, Flight]) -> Flight | None:
        """The next job to be started beside those held; None: not now."""
        flight = self._next(db, held)
        if flight is not None:
            photo = flight.job.photo
            self._tries[photo] = self._tries.get(photo, 0) + 1
        return flight

    def _next(self, db: Database, held: Mapping[PhotoId, Flight]) -> Flight | None:
        while self._marked and self._marked[0].stamp.size > _BYTES:
            self._solo.append(Flight(self._marked.popleft(), alone=True))
        if self._suspects or self._solo:
            return None if held else self._next_alone(db)
        if not self._marked or len(held) >= 2 * self.workers + READERS:
            return None
        in_memory = sum(flight.job.stamp.size for flight in held.values())
        if any(flight.alone for flight in held.values()):
            return None
        if in_memory + self._marked[0].stamp.size > _BYTES * max(1, self.workers // 2):
            return None
        return Flight(self._marked.popleft())

    def _next_alone(self, db: Database) -> Flight | None:
        while self._suspects:
            found = jobs.load_jobs(db, self._engine, 1, only=[self._suspects.popleft()])
            if found:
                return Flight(found[0], alone=True, suspect=True)
        return self._solo.popleft() if self._solo else None

    def pending(self) -> list[PhotoId]:
        """Photos that are marked, were not started and are no suspects."""
        solo = [flight.job.photo for flight in self._solo if not flight.suspect]
        return [job.photo for job in self._marked] + solo
