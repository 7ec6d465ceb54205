"""A child process that decides who is who, so that a long-lived process never loads what that takes.

It only reads the database; what it decided is written by whoever asked. What clustering keeps it holds in memory and
writes to a file of its own. It is started when it is needed and ends
with its parent, whatever kills that.
"""

import ctypes
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

from faced.errors import FacedError
from faced.faces.confine import confine_worker
from faced.passes.decide import Question, decide_here
from faced.people.memory import Memory
from faced.people.recluster import Decision

__all__ = ["Decider", "keep_freed_memory"]

_BEAT = 0.5  # s, between two calls of `beat` while an answer is waited for
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_KEPT = 1 << 28  # bytes that are kept, at most
_APART = 1 << 25  # bytes from which on something is given back at once, whatever it is


@dataclass(frozen=True, slots=True)
class _Compared:
    """How many of the faces that must be compared with all others are done."""

    done: int
    total: int


class Decider:
    """The child, or none. Not to be shared by threads; the one that started it must outlive it."""

    def __init__(self) -> None:
        self._context = get_context("spawn")
        self._pipe: Connection | None = None
        self._process: SpawnProcess | None = None

    @property
    def is_running(self) -> bool:
        """Whether there is a child."""
        return self._pipe is not None

    @property
    def pid(self) -> int | None:
        """Of the child."""
        return None if self._process is None else self._process.pid

    def warm(self) -> None:
        """Start the child, which takes a second or two, so that it is ready when it is asked. Returns at once."""
        if self._pipe is not None:
            return
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_serve, args=(theirs, os.getpid()), name="faced-decider", daemon=True
        )
        process.start()
        theirs.close()
        self._pipe, self._process = ours, process

    def decide(
        self,
        question: Question,
        beat: Callable[[], None],
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Decision | None:
        """Ask, and wait for the answer. beat: called about twice a second meanwhile; what it raises ends the child.
        progress: see decide_owners; told no more often than that, and of the end.

        Raises FacedError when the state cannot be read or the child died.
        """
        self.warm()
        assert self._pipe is not None
        try:
            self._pipe.send(question)
            while isinstance(answer := self._receive(beat), _Compared):
                beat()
                progress(answer.done, answer.total)
        except (EOFError, OSError) as error:
            self.close()
            raise FacedError(
                "the process that decides who is who died (out of memory?); it is tried again"
            ) from error
        except BaseException:
            self.close()
            raise
        if isinstance(answer, Exception):
            raise answer
        assert answer is None or isinstance(answer, Decision)
        return answer

    def _receive(self, beat: Callable[[], None]) -> object:
        assert self._pipe is not None
        while not self._pipe.poll(_BEAT):
            beat()
        return self._pipe.recv()

    def close(self) -> None:
        """End the child, whatever it does."""
        if self._pipe is None:
            return
        assert self._process is not None
        self._pipe.close()
        self._process.kill()
        self._process.join()
        self._pipe = self._process = None


def keep_freed_memory() -> None:
    """What this process frees is kept for what comes next, and not given back and asked for again with each step, which takes a
    fifth of a decision about a million faces.
    """
    with suppress(AttributeError, OSError):  # glibc's
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT)
        libc.mallopt(_M_MMAP_THRESHOLD, _APART)


def _serve(pipe: Connection, parent: int) -> None:
    confine_worker(parent, None)
    import scipy.sparse.csgraph  # noqa: F401 - now, and not when the first answer is waited for
    from threadpoolctl import threadpool_limits

    # For good: idle threads spin for a while after each product.
    threadpool_limits(limits=1, user_api="blas")
    keep_freed_memory()
    memories: dict[Path, Memory] = {}
    while True:
        try:
            question = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            memory = memories.setdefault(question.state, Memory(question.state))
            answer: Decision | Exception | None = decide_here(question, memory, _tell(pipe))
        except FacedError as error:
            answer = error
        except Exception as error:  # told as one line by whoever asked
            answer = FacedError(f"deciding who is who failed ({type(error).__name__}: {error})")
        try:
            pipe.send(answer)
        except OSError:  # whoever asked was killed
            return


def _tell(pipe: Connection) -> Callable[[int, int], None]:
    """Sends on how far it is, now and then."""
    told = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal told
        now = time.monotonic()
        if done >= total or now - told >= _BEAT:
            told = now
            pipe.send(_Compared(done, total))

    return progress
