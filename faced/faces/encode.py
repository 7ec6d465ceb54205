"""The step that empties the queue: photos are read, hashed, encoded by workers and stored.

The only place that knows both the queue and the workers. Every file is read once, here, for its key and
for its pixels; what is stored already is not computed again. A job is in table attempts before it starts
and leaves it with its result, so that whatever dies, the next run goes on from what is stored.
"""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Final

from faced.errors import FacedError, Unreadable
from faced.faces.backlog import READERS, Backlog, Flight
from faced.faces.outcomes import Counts, Ended, write_ended
from faced.faces.pool import Pool, WorkerFailed, count_usable_workers
from faced.faces.pools import check_pool, make_pool
from faced.faces.reader import Readers, ReadResult
from faced.faces.timings import add_up, stage, take_seconds
from faced.faces.verdict import Verdict, judge_unreadable, wants_faces
from faced.faces.worker import EngineSettings, NeedsRoom, Notice, Outcome, Source, Task
from faced.model import EncodedPicture, EngineId, ImageKey, PhotoId
from faced.store import jobs
from faced.store.database import Store
from faced.store.forgotten import is_forgotten
from faced.store.jobs import Reading
from faced.store.settings import ENGINE_NOTICE, load_setting, save_setting

__all__ = ["EncodeReport", "Progress", "encode_photos"]

_log = logging.getLogger(__name__)
_DELAY: Final = 0.5  # s, between two looks whether to stop
_FAILURES_IN_A_ROW: Final = 20  # of workers, without a result between them
_UNCLEAN: Final = 2  # processes that may die while a photo is read alone, until it is set aside


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. done, total: photos. faces: found so far. seconds: since it began."""

    done: int
    total: int
    faces: int
    failed: int
    seconds: float

    @property
    def rate(self) -> float:
        """Photos a second."""
        return self.done / self.seconds if self.seconds else 0.0

    @property
    def remaining(self) -> float | None:
        """Seconds to go at this rate; None before anything is done."""
        return (self.total - self.done) / self.rate if self.done else None


@dataclass(frozen=True, slots=True)
class EncodeReport:
    """What one run did, in photos.

    encoded: their faces were looked for, and `faces` found. known: what they hold was encoded before.
    failed: set aside with a reason. later: not finished, or changing; tried again by the next run.
    vanished: no longer there. seconds: of the whole run. stopped: it was told to, before the end.
    timings: stage -> seconds in it, of all processes and threads together (see faces.timings).
    workers: how many processes there were to be.
    """

    encoded: int = 0
    known: int = 0
    faces: int = 0
    failed: int = 0
    later: int = 0
    vanished: int = 0
    seconds: float = 0.0
    stopped: bool = False
    timings: Mapping[str, float] = field(default_factory=dict)
    workers: int = 0


def encode_photos(
    store: Store,
    engine: EngineSettings,
    *,
    workers: int | None = None,
    timeout: float = 60.0,
    memory: int | None = 3 << 30,
    clock: Callable[[], float] = time.time,
    progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
    pool: Pool | None = None,
    cluster: str | None = None,
) -> EncodeReport:
    """Encode until the queue is empty, or `stop` is set.

    workers: processes; None: as many as the machine bears. timeout: seconds for a small file. memory:
    bytes of address space of a worker. clock: seconds since 1970. pool: one that outlives the run; else
    one is made for it when the first photo needs it. cluster: address of the Dask scheduler whose workers
    do the work. Raises FacedError when it is the engine or the workers that do not work. Whatever ends
    it, what was done is stored.
    """
    count = workers or count_usable_workers()
    check_pool(cluster)
    with contextlib.ExitStack() as stack:

        def open_pool() -> Pool:
            made = make_pool(engine, count, timeout=timeout, memory=memory, cluster=cluster)
            stack.callback(made.close)
            return made

        run = _Run(store, engine, count, (lambda: pool) if pool else open_pool, clock, stop)
        return run.run(progress)


class _Stopped(Exception):
    """The run was told to stop while it waited."""


class _Run:
    """One run over the queue. All of it happens in the caller's thread; readers and pool send events."""

    def __init__(
        self,
        store: Store,
        settings: EngineSettings,
        workers: int,
        open_pool: Callable[[], Pool],
        clock: Callable[[], float],
        stop: threading.Event | None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._workers = workers
        self._open_pool = open_pool
        self._clock = clock
        self._stop = stop or threading.Event()
        self._pool: Pool | None = None
        self._events: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._readers = Readers(READERS)
        self._held: dict[PhotoId, Flight] = {}  # started, not ended
        self._copies: dict[ImageKey, list[Flight]] = {}  # of an image that is in work: they wait for it
        self._ended = Ended()
        self._failures = 0  # of workers, in a row
        self._warm = False
        self._counts = Counts()
        self._timings: dict[str, float] = {}
        self._total = 0
        self._started = time.monotonic()
        self._engine, self._backlog = self._recover()

    def run(self, progress: Callable[[Progress], None] | None) -> EncodeReport:
        try:
            with contextlib.suppress(_Stopped):
                more = True
                while more:
                    more = self._advance()
                    if progress:
                        progress(self._progress())
            self._release()
        except BaseException:
            with contextlib.suppress(Exception):  # it is the first error that is told
                self._release()
            raise
        finally:
            self._readers.close()
        c = self._counts
        seconds = time.monotonic() - self._started
        return EncodeReport(
            encoded=c.encoded,
            known=c.known,
            faces=c.faces,
            failed=c.failed,
            later=c.later,
            vanished=c.vanished,
            seconds=seconds,
            stopped=self._stop.is_set(),
            timings=add_up([self._timings, take_seconds()]),
            workers=self._backlog.workers,
        )

    def _progress(self) -> Progress:
        done = self._counts.done + len(self._ended)
        seconds = time.monotonic() - self._started
        return Progress(done, max(done, self._total), self._counts.faces, self._counts.failed, seconds)

    def _recover(self) -> tuple[EngineId, Backlog]:
        """What was in flight when a process died runs alone now, or is set aside if that killed one twice."""
        record = self._settings.record
        suspects = []
        if not self._settings.providers:
            self._notice(None)
        with self._store.write() as db:
            engine = jobs.ensure_engine(db, record.key, record.to_json())
            for attempt in jobs.load_attempts(db):
                if attempt.unclean < _UNCLEAN:
                    suspects.append(attempt)
                    continue
                reason = "faced itself was killed twice while it read this file"
                self._counts.failed += jobs.save_quarantine(
                    db, attempt.photo, attempt.stamp, reason, later=False, forget_image=attempt.stale
                )
        return engine, Backlog(engine, self._workers, suspects)

    def _advance(self) -> bool:
        """Start what can be started, wait for something to end, write what is due. False: all is done."""
        if self._stop.is_set():
            raise _Stopped
        while flight := self._backlog.take(self._store.db, self._held):
            self._start(flight)
        if not self._held:
            self._wake(self._commit(refill=True))
            return bool(self._backlog or self._held)
        self._take_events()
        if self._backlog.runs_dry or not self._ended.seconds_left():
            self._wake(self._commit(refill=self._backlog.runs_dry))
        return True

    # A flight begins

    def _start(self, flight: Flight) -> None:
        if flight.suspect:
            self._warm_up()  # else the time that takes would be held against the photo
            with self._store.write() as db:
                jobs.mark_alone(db, flight.job.photo)
        self._held[flight.job.photo] = flight
        if flight.key is not None:
            self._launch(flight)
        else:
            self._readers.read(
                flight.job.file,
                flight.job.root,
                lambda result: self._post(self._on_read, flight, (result, take_seconds())),
            )

    def _on_read(self, flight: Flight, told: tuple[ReadResult, dict[str, float]]) -> None:
        result, seconds = told
        self._timings = add_up([self._timings, seconds])
        if isinstance(result, Unreadable):
            self._end_unreadable(flight, result, reading=True)
            return
        data, stamp, key = result
        if (stamp.size, stamp.mtime_ns) != (flight.job.stamp.size, flight.job.stamp.mtime_ns):
            self._end(flight, Verdict(None))  # the next scan will tell what it is now
        elif isinstance(key, Unreadable):
            self._end_unreadable(flight, key, reading=False)
        else:
            flight.data, flight.key = data, key
            self._launch(flight)

    def _launch(self, flight: Flight) -> None:
        key, job = flight.key, flight.job
        assert key is not None
        if key in self._copies:
            self._copies[key].append(flight)
            return
        encoded = jobs.load_encoded_orientation(self._store.db, self._engine, key)
        wanted = wants_faces(known_key=job.key, orientation=job.orientation, key=key, encoded=encoded)
        wanted = wanted and not is_forgotten(self._store.db, key)
        if wanted:
            self._copies[key] = []
            self._warm_up()
        source = Source(job.file, job.root, len(flight.data), key)
        task = Task(self._settings, flight.data, wanted, flight.alone, source)
        future = self._use_pool().submit(task)
        future.add_done_callback(lambda done: self._post(self._on_done, flight, done))

    def _use_pool(self) -> Pool:
        if self._pool is None:
            self._pool = self._open_pool()
        self._backlog.workers = self._pool.workers
        return self._pool

    def _warm_up(self) -> None:
        """See once that the engine can be opened at all, so that no photo is blamed if it cannot."""
        if self._warm:
            return
        future = self._use_pool().submit(Task(self._settings, None))
        while not wait([future], timeout=_DELAY).done:
            if self._stop.is_set():
                raise _Stopped
        try:
            outcome = future.result()
        except WorkerFailed as error:
            raise FacedError(
                f"the engine {self._settings.name} cannot be used: a worker that only opened it {error.reason}"
            ) from None
        self._notice(outcome.text if isinstance(outcome, Notice) else None)
        self._warm = True

    def _notice(self, text: str | None) -> None:
        """What is not quite as configured is logged, and kept for whoever asks."""
        if text:
            _log.warning("%s", text)
        if (load_setting(self._store.db, ENGINE_NOTICE) or None) != text:
            with self._store.write() as db:
                save_setting(db, ENGINE_NOTICE, text or "")

    # A flight ends

    def _post(self, handler: Callable[..., None], flight: Flight, value: object) -> None:
        """From any thread: to be handled in the caller's."""
        self._events.put(lambda: handler(flight, value))

    def _take_events(self) -> None:
        with contextlib.suppress(Empty):
            self._events.get(timeout=min(self._ended.seconds_left(), _DELAY))()
            while True:
                self._events.get_nowait()()

    def _on_done(self, flight: Flight, future: "Future[Outcome]") -> None:
        key = flight.key
        assert key is not None
        try:
            picture = future.result(timeout=0)
        except Unreadable as error:
            self._failures = 0
            self._end_unreadable(flight, error, reading=False)
        except NeedsRoom:
            self._let_go(flight)
            self._backlog.put_by(flight)
        except WorkerFailed as error:
            self._on_worker_failed(flight, error)
        else:
            assert isinstance(picture, EncodedPicture)
            self._failures = 0
            self._timings = add_up([self._timings, picture.seconds])
            reading = Reading(flight.job.photo, flight.job.stamp, key, picture)
            self._end(flight, Verdict(None, again=True) if _is_changed(flight.job) else reading)

    def _on_worker_failed(self, flight: Flight, error: WorkerFailed) -> None:
        self._failures += 1
        if self._failures >= _FAILURES_IN_A_ROW:
            raise FacedError(
                f"{_FAILURES_IN_A_ROW} workers in a row gave no result, which cannot be the photos' fault: "
                f"the last one {error.reason}"
            )
        if error.blamed or not self._backlog.put_back(flight):
            self._end(flight, error.reason)
            return
        if flight.suspect:
            with self._store.write() as db:
                jobs.release_alone(db, flight.job.photo)
        self._let_go(flight)

    def _end_unreadable(self, flight: Flight, error: Unreadable, *, reading: bool) -> None:
        job = flight.job
        verdict = judge_unreadable(
            error,
            age=self._clock() - job.stamp.mtime_ns / 1e9,
            reading=reading,
            stale=job.stale,
            gone=error.lost and not (os.path.lexists(job.file) and os.path.isdir(job.root)),
            forbidden=not os.access(job.file, os.R_OK, effective_ids=True),
        )
        self._end(flight, verdict)

    def _end(self, flight: Flight, outcome: Reading | Verdict | str) -> None:
        del self._held[flight.job.photo]
        flight.data = b""
        self._ended.add(flight, outcome)
        if flight.key is not None and self._copies.get(flight.key):
            self._ended.urgent = True

    def _let_go(self, flight: Flight) -> None:
        """It ends here without an outcome, and is to be started again."""
        del self._held[flight.job.photo]
        self._wake([flight])

    def _wake(self, over: list[Flight]) -> None:
        """The copies that waited for one of these are looked at again."""
        for flight in over:
            for copy in self._copies.pop(flight.key, ()) if flight.key else ():
                self._launch(copy)

    # Writing

    def _commit(self, *, refill: bool) -> list[Flight]:
        """Write what has ended, and mark what is next, in one transaction. Returns what was written."""
        ended, loaded = self._ended, False
        if not (len(ended) or refill):
            return []
        with stage("store"), self._store.write() as db:
            counts, over = write_ended(db, self._engine, ended)
            for photo in over:
                self._backlog.skip(photo)
            if refill:
                loaded = self._backlog.refill(db, self._held)
        self._ended = Ended()
        self._counts.add(counts)
        if loaded:
            self._total = self._counts.done + self._count_remaining()
        return ended.flights()

    def _count_remaining(self) -> int:
        return max(0, jobs.count_jobs(self._store.db, self._engine) - self._backlog.skipped)

    def _release(self) -> None:
        """Write what has ended; what has not is in flight no longer, and that is held against nobody."""
        self._commit(refill=False)
        suspects = [photo for photo, flight in self._held.items() if flight.suspect]
        others = [photo for photo, flight in self._held.items() if not flight.suspect]
        with self._store.write() as db:
            for photo in suspects:
                jobs.release_alone(db, photo)
            jobs.release_in_flight(db, [*others, *self._backlog.pending()])


def _is_changed(job: jobs.Job) -> bool:
    """Whether the file is another by now: then what was read may have been half of it, and a scan will tell.

    One that is not to be had is not changed.
    """
    try:
        now = os.stat(job.file)
    except OSError:
        return False
    return (now.st_size, now.st_mtime_ns) != (job.stamp.size, job.stamp.mtime_ns)
