"""The pool that sends jobs to the workers of a Dask cluster.

A photo goes as its path while the workers read the same file there, else as its bytes. Decides what a
lost worker, a foreign version or a vanished scheduler means; what a photo's failure means is decided
where it ran. Imports Dask: to be imported only when a cluster is configured.
"""

import contextlib
import pickle
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, replace
from typing import Any, Final

from distributed import KilledWorker

from faced import __version__
from faced.errors import FacedError
from faced.faces.cluster_connect import connect, count_threads
from faced.faces.cluster_job import Answer, ClusterJob, Done, Lacking, Raised, Refused
from faced.faces.engine.proposals import read_proposals
from faced.faces.pool import WorkerFailed, given_up
from faced.faces.worker import Outcome, Task

__all__ = ["ClusterPool"]

_MISSES: Final = 3  # photos in a row that no worker found below a library, until all of it goes as bytes
_LOOK: Final = 2.0  # s, between two looks at the cluster
_NO_WORKER: Final = 60.0  # s without any worker, after which the jobs are given up


@dataclass(slots=True, eq=False)
class _Flight:
    """A job on its way; sent: Dask's future of it."""

    job: ClusterJob
    future: "Future[Outcome]"
    sent: Any = None

    @property
    def by_path(self) -> bool:
        return self.job.task.data is None and self.job.task.source is not None


class ClusterPool:
    """See Pool.

    timeout, memory: of the worker processes there, as of EncodePool. Raises FacedError when the scheduler
    does not answer, has no worker, or is of another version.
    """

    def __init__(self, address: str, *, timeout: float = 60.0, memory: int | None = 3 << 30) -> None:
        self._address = address
        self._timeout = timeout
        self._memory = memory
        self._client = connect(address)
        self._threads = count_threads(self._client)
        self._call = _make_call()
        self._lock = threading.Lock()
        self._flights: dict[_Flight, Task] = {}  # with all that it was submitted with
        self._misses: dict[bytes, int] = {}  # of a library's root, in a row
        self._broken: FacedError | None = None
        self._closed = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="cluster-watch", daemon=True)
        self._watcher.start()

    @property
    def workers(self) -> int:
        """See Pool: the threads of all workers."""
        return max(1, self._threads)

    def submit(self, task: Task) -> "Future[Outcome]":
        """See Pool."""
        future: Future[Outcome] = Future()
        future.set_running_or_notify_cancel()
        key = task.engine.record.key
        flight = _Flight(ClusterJob(self._lighten(task), key, self._timeout, self._memory), future)
        with self._lock:
            broken = given_up() if self._closed.is_set() else self._broken
            if broken is None:
                self._flights[flight] = task
        if broken is not None:
            future.set_exception(broken)
        else:
            self._send(flight)
        return future

    def close(self) -> None:
        """See Pool."""
        self._closed.set()
        with self._lock:
            left, self._flights = list(self._flights), {}
        with contextlib.suppress(Exception):  # the scheduler may be gone
            if self._client.status == "running":
                self._client.cancel([flight.sent for flight in left if flight.sent is not None])
        for flight in left:
            flight.future.set_exception(given_up())
        with contextlib.suppress(Exception):
            self._client.close(timeout=5)
        self._watcher.join(timeout=5)

    def _lighten(self, task: Task) -> Task:
        """Without its bytes where the workers seem to read the library themselves."""
        if task.source is None or self._misses.get(task.source.root, 0) >= _MISSES:
            return task
        return replace(task, data=None)

    def _send(self, flight: _Flight) -> None:
        try:
            flight.sent = self._client.submit(
                self._call,
                __version__,
                pickle.dumps(flight.job),
                key=f"faced-encode-{uuid.uuid4().hex}",
                pure=False,
            )
            flight.sent.add_done_callback(lambda sent: self._on_done(flight, sent))
        except Exception as error:
            self._fail(flight, self._told(f"does not take jobs ({type(error).__name__}: {error})"))

    def _on_done(self, flight: _Flight, sent: Any) -> None:
        """Called in a thread of Dask."""
        try:
            answer, worker = sent.result()
        except (Exception, CancelledError) as error:
            self._fail(flight, self._judge(error))
        else:
            self._take_answer(flight, answer, worker)

    def _take_answer(self, flight: _Flight, answer: Answer, worker: str) -> None:
        if isinstance(answer, Lacking):
            self._send_more(flight, answer.what)
            return
        if flight.by_path and isinstance(answer, Done | Raised):
            self._count(flight, missed=False)
        if isinstance(answer, Done):
            if self._take_out(flight):
                flight.future.set_result(answer.outcome)
        elif isinstance(answer, Refused):
            self._fail(flight, FacedError(f"the Dask worker {worker} cannot be used: it {answer.reason}"))
        elif isinstance(answer.error, FacedError):
            self._fail(flight, FacedError(f"the Dask worker {worker}: {answer.error}"))
        else:
            self._fail(flight, answer.error)

    def _send_more(self, flight: _Flight, what: str) -> None:
        with self._lock:
            task = self._flights.get(flight)
        if task is None:  # given up meanwhile
            return
        if what == "data":
            self._count(flight, missed=True)
            flight.job = replace(flight.job, task=task)
        else:
            try:
                flight.job = replace(flight.job, proposals=read_proposals(task.engine.proposals))
            except FacedError as error:
                self._fail(flight, error)
                return
        self._send(flight)

    def _count(self, flight: _Flight, *, missed: bool) -> None:
        source = flight.job.task.source
        if source is None:
            return
        with self._lock:
            misses = self._misses.get(source.root, 0)
            if misses < _MISSES:
                self._misses[source.root] = misses + 1 if missed else 0

    def _judge(self, error: BaseException) -> Exception:
        if isinstance(error, KilledWorker):
            # Not the photo's doing, for that would have cost a process beside the worker.
            return WorkerFailed("lost several workers of the cluster one after the other", blamed=False)
        if isinstance(error, CancelledError):
            return given_up() if self._closed.is_set() else self._told("dropped a job")
        if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == "faced":
            return self._told(f"has a worker without faced: install faced[dask] {__version__} there")
        return self._told(f"failed ({type(error).__name__}: {error})")

    def _told(self, what: str) -> FacedError:
        return FacedError(f"the Dask cluster at {self._address} {what}")

    def _take_out(self, flight: _Flight) -> bool:
        with self._lock:
            known = self._flights.pop(flight, None) is not None
        flight.sent = None  # Dask forgets the result
        return known

    def _fail(self, flight: _Flight, error: Exception) -> None:
        if self._take_out(flight):
            flight.future.set_exception(error)

    # Whether there is still a cluster

    def _watch(self) -> None:
        alive = time.monotonic()
        while not self._closed.wait(_LOOK):
            try:
                self._threads = count_threads(self._client)
            except Exception:
                self._break("does not answer any more")
                return
            if self._threads:
                alive = time.monotonic()
            elif time.monotonic() - alive > _NO_WORKER:
                self._break("has no worker any more")
                return
            with self._lock:
                lost = [flight for flight in self._flights if getattr(flight.sent, "status", "") == "lost"]
            if lost or self._client.status != "running":
                self._break("was lost")
                return

    def _break(self, what: str) -> None:
        with self._lock:
            self._broken = self._told(what)
            left = [] if self._closed.is_set() else list(self._flights)
        for flight in left:
            self._fail(flight, self._broken)


def _make_call() -> Callable[[str, bytes], tuple[Answer, str]]:
    """What is called in a worker. A function in a function, for those travel by value.

    So the scheduler needs no faced, and a worker without one says just that.
    """

    def call(version: str, payload: bytes) -> tuple[Any, str]:
        from distributed import get_worker

        from faced.faces.cluster_job import run_job

        worker = get_worker()
        return run_job(version, payload, worker.state.nthreads), worker.address

    return call
