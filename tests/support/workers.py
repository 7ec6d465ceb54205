"""Worker functions for tests: faced's own, but a marker in the file's bytes makes the worker go wrong.

The markers stand behind the picture (what trails an EOI is no part of it), so such a file is a photo
like any other to everything else.
"""

import ctypes
import os
import signal
import time
from pathlib import Path

import numpy as np

from faced.faces.worker import NeedsRoom, Task, encode_task
from faced.model import Box, DetectedFace, EncodedPicture
from faced.pictures.decode import read_header

__all__ = [
    "EXIT",
    "HANG",
    "HANG_IN_C",
    "KILL_PARENT",
    "MEMORY",
    "RAISE",
    "ROOM",
    "SEGFAULT",
    "TERMINATE",
    "dies_at_once",
    "fragile",
    "fragile_quick",
    "limits",
    "pid_of_worker",
    "quick",
    "slow_to_start",
]

SEGFAULT = b"<segfault>"
EXIT = b"<exit>"
HANG = b"<hang>"
HANG_IN_C = b"<hang in c>"
MEMORY = b"<memory>"
RAISE = b"<raise>"
TERMINATE = b"<terminate>"
KILL_PARENT = b"<kill parent>"
ROOM = b"<room>"


def fragile(task: Task) -> EncodedPicture | None:
    """faced's own worker function, with the markers."""
    _go_wrong(task.data or b"")
    return encode_task(task)


def quick(task: Task) -> EncodedPicture | None:
    """A real header, and one face made of the file's size and of `alone`: no model is loaded."""
    if task.data is None:
        return None
    header = read_header(task.data)
    faces = (_face(len(task.data), task.alone),) if task.want_faces else None
    return EncodedPicture(
        header.format,
        header.width,
        header.height,
        header.orientation,
        header.taken,
        7 if task.want_faces else None,
        faces,
    )


def fragile_quick(task: Task) -> EncodedPicture | None:
    """`quick`, with the markers."""
    data = task.data or b""
    _go_wrong(data)
    if ROOM in data and not task.alone:
        raise NeedsRoom
    return quick(task)


def limits(task: Task) -> EncodedPicture | None:
    """Writes what the worker is confined to where the task's data say."""
    import resource

    words = [
        resource.getrlimit(resource.RLIMIT_AS)[0],
        resource.getrlimit(resource.RLIMIT_CORE)[0],
        os.nice(0),
        int(signal.getsignal(signal.SIGINT) == signal.SIG_IGN),
        int(os.environ["OPENBLAS_NUM_THREADS"]),
    ]
    Path(os.fsdecode(task.data or b"")).write_text(" ".join(map(str, words)))
    return None


def pid_of_worker(task: Task) -> EncodedPicture | None:
    """Appends the worker's process id to the file that the task's data name, then hangs in C."""
    with open(os.fsdecode(task.data or b""), "a") as file:
        file.write(f"{os.getpid()}\n")
    ctypes.PyDLL(None).sleep(3600)
    return None


def slow_to_start(task: Task) -> EncodedPicture | None:
    """Appends the worker's process id to `pids` in the cache; getting the engine ready takes longer than a job."""
    with (task.engine.cache / "pids").open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(1 if task.data is None else 0.1)
    return None


def dies_at_once(task: Task) -> EncodedPicture | None:
    """A worker on a machine that cannot run the engine."""
    os.kill(os.getpid(), signal.SIGILL)
    return None


def _face(size: int, alone: bool) -> DetectedFace:
    return DetectedFace(
        box=Box(0.25, 0.25, 0.5, 0.5),
        landmarks=np.full((5, 2), 0.5, np.float32),
        score=float(alone),
        side=100.0,
        sharpness=0.1,
        embedding=np.full(128, size, np.float32),
    )


def _go_wrong(data: bytes) -> None:
    if SEGFAULT in data:
        ctypes.string_at(0)
    if EXIT in data:
        os._exit(3)
    if HANG in data:
        while True:
            pass
    if HANG_IN_C in data:
        ctypes.PyDLL(None).sleep(3600)  # holds the interpreter's lock: no Python code runs meanwhile
    if MEMORY in data:
        bytearray(1 << 40)
    if RAISE in data:
        raise RuntimeError("a bug of ours")
    if TERMINATE in data:
        os.kill(os.getpid(), signal.SIGTERM)
    if KILL_PARENT in data:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
