"""Worker processes: a decoder that crashes, hangs or eats the memory costs its worker and one job.

Each worker is a pebble pool of its own, so that nothing is shared that a dying worker could take along
(a lock of the pipe, half a message), and each death has exactly one job to its name. Decides what is a
job's own fault; tries none again that has begun, and knows no store.
"""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import get_context
from queue import SimpleQueue
from typing import Final, Protocol

from pebble import ProcessExpired, ProcessPool

from faced.errors import FacedError, Unreadable
from faced.faces.confine import confine_worker
from faced.faces.worker import NeedsRoom, Outcome, Task, encode_task

__all__ = ["EncodePool", "Pool", "WorkerFailed", "count_usable_workers", "given_up"]

_MAX_TASKS: Final = 500
"""Jobs after which a worker is replaced, so that what a library leaks is given back."""

_SECONDS_PER: Final = 32 << 20
"""Bytes. A file of this size has twice the time limit, of twice this size three times."""

_MEMORY_A_WORKER: Final = 1 << 30
"""Bytes of the machine's memory there must be for each worker that is started by default."""

_FROM_OUTSIDE: Final = frozenset((signal.SIGTERM, signal.SIGINT, signal.SIGHUP))


class Pool(Protocol):
    """Where jobs are done: here, or on other machines."""

    @property
    def workers(self) -> int:
        """How many jobs are done at a time, at present."""
        ...

    def submit(self, task: Task) -> "Future[Outcome]":
        """Returns at once. The future raises what encode_task raises, or WorkerFailed."""
        ...

    def close(self) -> None:
        """Give up what is not done, at once; its futures raise WorkerFailed."""
        ...


class WorkerFailed(Exception):
    """A job ended without a result. blamed: it may have been the job's own doing.

    reason: one plain phrase that continues the sentence "it …".
    """

    def __init__(self, reason: str, *, blamed: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.blamed = blamed

    def __reduce__(self) -> tuple[object, ...]:
        return (_worker_failed, (self.reason, self.blamed))


def _worker_failed(reason: str, blamed: bool) -> WorkerFailed:
    return WorkerFailed(reason, blamed=blamed)


def count_usable_workers() -> int:
    """One a core that this process may use, as far as the machine's memory goes."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(cores, memory // _MEMORY_A_WORKER))


class EncodePool:
    """Worker processes on this machine, started as they are needed.

    timeout: seconds for a small file. memory: bytes of address space a worker; None: no limit.
    function: what a worker does with a task.
    """

    def __init__(
        self,
        workers: int,
        *,
        timeout: float = 60.0,
        memory: int | None = 3 << 30,
        function: Callable[[Task], Outcome] = encode_task,
    ) -> None:
        self._workers = workers
        self._timeout = timeout
        self._memory = memory
        self._function = function
        self._events: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._slots: list[_Slot] = []
        self._idle: list[_Slot] = []
        self._waiting: deque[tuple[Task, Future[Outcome]]] = deque()
        self._closed = False  # for callers
        self._ended = False  # for the thread
        # Workers live as long as the thread that started them, for the kernel takes that for their parent.
        self._thread = threading.Thread(target=self._serve, name="encode-pool", daemon=True)
        self._thread.start()

    @property
    def workers(self) -> int:
        """See Pool."""
        return self._workers

    def submit(self, task: Task) -> "Future[Outcome]":
        """See Pool."""
        future: Future[Outcome] = Future()
        if self._closed:
            future.set_exception(given_up())
            return future
        self._events.put(lambda: self._enqueue(task, future))
        return future

    def close(self) -> None:
        """See Pool."""
        self._closed = True
        self._events.put(self._shut)
        self._thread.join()

    def _serve(self) -> None:
        # Inherited by all workers: Ctrl-C is for the parent, also while a worker is still being started.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        while not self._ended:
            self._events.get()()

    def _enqueue(self, task: Task, future: "Future[Outcome]") -> None:
        self._waiting.append((task, future))
        self._start_waiting()

    def _start_waiting(self) -> None:
        while self._waiting and (slot := self._free_slot()):
            task, future = self._waiting.popleft()
            cancelled = not future.set_running_or_notify_cancel()
            if cancelled or not slot.start(_Job(task, future, self._limit(task)), self._finished):
                self._idle.append(slot)

    def _free_slot(self) -> "_Slot | None":
        if self._idle:
            return self._idle.pop()  # the last one used: its engine is open
        if len(self._slots) == self._workers or self._is_one_almost_ready():
            return None
        self._slots.append(_Slot(self._function, self._memory))
        return self._slots[-1]

    def _is_one_almost_ready(self) -> bool:
        """A lone job waits for a worker that is getting its engine ready: another would be no sooner."""
        return len(self._waiting) == 1 and any(slot.is_warming for slot in self._slots)

    def _limit(self, task: Task) -> float:
        return self._timeout * (1 + len(task.data or b"") / _SECONDS_PER)

    def _finished(self, slot: "_Slot") -> None:
        """Called in a thread of pebble."""
        self._events.put(lambda: self._settle(slot))

    def _settle(self, slot: "_Slot") -> None:
        if not slot.settle(self._finished):
            return
        self._idle.append(slot)
        self._start_waiting()

    def _shut(self) -> None:
        self._ended = True
        for slot in self._slots:
            slot.stop()
        for slot in self._slots:
            slot.join()
        for _, future in self._waiting:
            if future.set_running_or_notify_cancel():
                future.set_exception(given_up())


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    task: Task
    future: "Future[Outcome]"
    limit: float  # seconds
    first_time: bool = True


class _Slot:
    """One worker and the job it does. Used by the pool's own thread only."""

    def __init__(self, function: Callable[[Task], Outcome], memory: int | None) -> None:
        self._function = function
        self._memory = memory
        self._pool = self._make_pool()
        self._job: _Job | None = None
        self._inner: Future[Outcome] | None = None

    @property
    def is_warming(self) -> bool:
        """Whether its job is only to get the engine ready."""
        return self._job is not None and self._job.task.data is None

    def start(self, job: "_Job", finished: "Callable[[_Slot], None]") -> bool:
        """Begin a job. `finished` is called when it has ended, however; never when False is returned."""
        try:
            inner = self._schedule(job)
        except Exception as error:
            job.future.set_exception(FacedError(f"no worker process could be started: {error}"))
            return False
        self._job, self._inner = job, inner
        inner.add_done_callback(lambda _: finished(self))
        return True

    def _schedule(self, job: "_Job") -> "Future[Outcome]":
        try:
            return self._pool.schedule(self._function, args=(job.task,), timeout=job.limit)
        except RuntimeError:  # its worker died between two jobs, and that was seen
            self._renew()
            return self._pool.schedule(self._function, args=(job.task,), timeout=job.limit)

    def settle(self, finished: "Callable[[_Slot], None]") -> bool:
        """Hand over the result of a job that has ended. False: it had not begun, and is begun again."""
        job, inner = self._job, self._inner
        self._job = self._inner = None
        assert job is not None
        assert inner is not None
        try:
            result = inner.result(timeout=0)
        except Exception as error:
            if isinstance(error, BrokenProcessPool | MemoryError):
                self._renew()
            if isinstance(error, BrokenProcessPool) and job.first_time:
                # Its worker may have died between two jobs, unseen: then it is not this one's doing.
                return not self.start(replace(job, first_time=False), finished)
            job.future.set_exception(_judge_failure(error, job.limit))
        else:
            job.future.set_result(result)
        return True

    def stop(self) -> None:
        """Begin to end the worker, whatever it does."""
        self._pool.stop()  # type: ignore[no-untyped-call]

    def join(self) -> None:
        """The worker has ended; a job that was not done fails."""
        self._pool.join()
        if self._job is not None:
            self._job.future.set_exception(given_up())
            self._job = None

    def _make_pool(self) -> ProcessPool:
        return ProcessPool(
            max_workers=1,
            max_tasks=_MAX_TASKS,
            initializer=confine_worker,
            initargs=(os.getpid(), self._memory),
            context=get_context("spawn"),
        )

    def _renew(self) -> None:
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()
        self._pool = self._make_pool()


def given_up() -> WorkerFailed:
    """How a job ends whose pool is closed."""
    return WorkerFailed("was given up", blamed=False)


def _judge_failure(error: Exception, limit: float) -> Exception:
    """What a failed job's future raises: the job's own word, or whose fault it was that there is none."""
    if isinstance(error, Unreadable | NeedsRoom | FacedError):
        return error
    if isinstance(error, FutureTimeout):
        return WorkerFailed(f"took longer than {limit:.0f} s", blamed=True)
    if isinstance(error, ProcessExpired):
        return _judge_exit(error.exitcode)
    if isinstance(error, BrokenProcessPool):
        return WorkerFailed("lost its worker before it began", blamed=True)
    if isinstance(error, MemoryError):
        return WorkerFailed("needed more memory than encode.memory", blamed=True)
    if isinstance(error, CancelledError):
        return given_up()
    return WorkerFailed(f"failed in the engine ({type(error).__name__}: {error})", blamed=True)


def _judge_exit(status: int) -> WorkerFailed:
    if -status in _FROM_OUTSIDE:
        return WorkerFailed("lost its worker to a signal from outside", blamed=False)
    name = signal.Signals(-status).name if -status in list(signal.Signals) else f"exit status {status}"
    return WorkerFailed(f"crashed the decoder ({name})", blamed=True)
