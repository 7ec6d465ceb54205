"""How flights ended, until the next transaction writes it: results in batches, each photo's as a whole.

Counts what was done. Starts nothing and waits for nothing.
"""

import time
from dataclasses import dataclass, field
from typing import Final

from sqlite_utils import Database

from faced.faces.backlog import Flight
from faced.faces.handover import match_boxes
from faced.faces.verdict import Verdict, judge_deaths
from faced.model import EngineId, PhotoId
from faced.store import jobs
from faced.store.jobs import Reading

__all__ = ["Counts", "Ended", "write_ended"]

_BATCH: Final = 50  # results that are written in one transaction
_DELAY: Final = 0.5  # s, until a result is written at the latest


@dataclass(slots=True)
class Counts:
    """Photos, see encode.EncodeReport."""

    encoded: int = 0
    known: int = 0
    faces: int = 0
    failed: int = 0
    later: int = 0
    vanished: int = 0

    @property
    def done(self) -> int:
        """Photos that this run is done with."""
        return self.encoded + self.known + self.failed + self.later + self.vanished

    def add(self, other: "Counts") -> None:
        """Count those of the other too."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class Ended:
    """Flights that have ended and are not yet written. deaths: with the reason of WorkerFailed."""

    readings: list[tuple[Flight, Reading]] = field(default_factory=list)
    verdicts: list[tuple[Flight, Verdict]] = field(default_factory=list)
    deaths: list[tuple[Flight, str]] = field(default_factory=list)
    urgent: bool = False  # somebody waits for one of them
    _since: float = field(default_factory=time.monotonic)

    def __len__(self) -> int:
        return len(self.readings) + len(self.verdicts) + len(self.deaths)

    def add(self, flight: Flight, outcome: Reading | Verdict | str) -> None:
        """The flight has ended so."""
        if not len(self):
            self._since = time.monotonic()
        if isinstance(outcome, Reading):
            self.readings.append((flight, outcome))
        elif isinstance(outcome, Verdict):
            self.verdicts.append((flight, outcome))
        else:
            self.deaths.append((flight, outcome))

    def flights(self) -> list[Flight]:
        """All of them."""
        return [flight for flight, _ in (*self.readings, *self.verdicts, *self.deaths)]

    def seconds_left(self) -> float:
        """Until they must be written."""
        if self.urgent or len(self) >= _BATCH:
            return 0.0
        return max(0.0, self._since + _DELAY - time.monotonic()) if len(self) else _DELAY


def write_ended(db: Database, engine: EngineId, ended: Ended) -> tuple[Counts, list[PhotoId]]:
    """Write them within the caller's transaction.

    Returns what that adds to the counts, and the photos that are done with for this run though they
    may still stand in the queue.
    """
    counts, over = Counts(), []
    for _, reading in ended.readings:
        _write_reading(db, engine, reading, counts)
    for flight, verdict in ended.verdicts:
        if not verdict.again:
            over.append(flight.job.photo)
        _write_verdict(db, flight, verdict, counts)
    for flight, reason in ended.deaths:
        deaths = jobs.add_death(db, flight.job.photo)
        judged = judge_deaths(deaths, reason, stale=flight.job.stale)
        if judged is not None:
            over.append(flight.job.photo)
            _write_verdict(db, flight, judged, counts)
    return counts, over


def _write_reading(db: Database, engine: EngineId, reading: Reading, counts: Counts) -> None:
    faces = reading.picture.faces
    if not jobs.save_reading(db, engine, reading, match_boxes):
        counts.later += 1
    elif faces is None:
        counts.known += 1
    else:
        counts.encoded += 1
        counts.faces += len(faces)


def _write_verdict(db: Database, flight: Flight, verdict: Verdict, counts: Counts) -> None:
    job = flight.job
    if verdict.reason is None:
        jobs.drop_attempts(db, [job.photo])
    else:
        jobs.save_quarantine(
            db,
            job.photo,
            job.stamp,
            verdict.reason,
            later=verdict.later,
            forget_image=verdict.forget_image,
        )
    counts.vanished += verdict.vanished
    counts.failed += verdict.failed
    counts.later += not (verdict.vanished or verdict.failed)
