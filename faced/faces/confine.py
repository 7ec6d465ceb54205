"""What a worker process is made into before it touches a photo.

It ends with its parent, whatever kills that; it has a bounded memory, leaves no core dump, stands back
behind the desktop's programs and does not listen to Ctrl-C. Imports nothing heavy: numpy must not be
loaded before its threads are forbidden.
"""

import ctypes
import os
import resource
import signal
import sys
import threading
from typing import Final

__all__ = ["NICENESS", "confine_worker", "stand_back"]

_PR_SET_PDEATHSIG: Final = 1

NICENESS: Final = 15
"""Of all that reads and encodes photos, whoever started it: a desktop's programs go first, also beside `faced sync`
in a terminal, which takes no longer for it where nobody else wants the machine. Linux derives the I/O
priority from it: the lowest of the best-effort class, which waits for others but does not starve."""

_ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def confine_worker(parent: int, memory: int | None) -> None:
    """To be called first in the worker. parent: its process id. memory: bytes of address space; None: no limit."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # ends it at once, also inside a decoder
    _die_with(parent)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for name in _ONE_THREAD:
        os.environ[name] = "1"  # the machine is filled with processes
    os.nice(max(0, NICENESS - os.nice(0)))


def stand_back() -> None:
    """A thread that reads files gives way to others from now on, as workers do; where threads are told apart."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)
