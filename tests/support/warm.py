"""A process that has imported what `faced` imports, and forks one that runs a command.

Most of what a command costs is Python's start and its imports: half a second of a processor, a thousand times in a
run of the tests. A forked command differs from an installed one in that they are done, and in nothing else: its
environment, working folder, streams, `__main__` and end are its own.

    python -m tests.support.warm SOCKET    is the process; it ends when the other end of its socket is closed
"""

import atexit
import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import IO

__all__ = ["Warm", "the_warm"]

IMPORTED = ("cli.progress", "cli.timings", *(f"passes.{name}" for name in ("clean", "forget", "full", "log")))
LOOKS = tuple(f"passes.{name}" for name in ("beside", "look", "perhaps", "say", "who", "why"))
ENOUGH = 1 << 20
"""Bytes of a request."""


class Warm:
    """The process, as a test sees it."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * ENOUGH)
        self._one = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.warm", str(theirs.fileno())],
                cwd=Path(__file__).parents[2],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        atexit.register(self.close)

    def run(
        self, command: Sequence[str], environment: Mapping[str, str], timeout: float
    ) -> "subprocess.CompletedProcess[str] | None":
        """As subprocess.run does, both streams captured, or None if another command is running.

        Returns when the command and whoever has its streams have ended. Raises TimeoutExpired; it is killed then.
        """
        if not self._one.acquire(blocking=False):
            return None
        try:
            request = {"command": command, "environment": dict(environment), "folder": os.getcwd()}
            out, err = os.pipe(), os.pipe()
            socket.send_fds(self._line, [json.dumps(request).encode()], [out[1], err[1]])
            os.close(out[1])
            os.close(err[1])
            pid = int(self._line.recv(ENOUGH))
            with open(out[0], "rb") as one, open(err[0], "rb") as other:
                texts = _read_both(one, other, timeout)
            if texts is None:
                os.kill(pid, signal.SIGKILL)
            status = int(self._line.recv(ENOUGH))
            if texts is None:
                raise subprocess.TimeoutExpired(list(command), timeout)
            return subprocess.CompletedProcess(list(command), status, *texts)
        finally:
            self._one.release()

    def close(self) -> None:
        """End it."""
        self._line.close()
        self._process.wait()


@cache
def the_warm() -> Warm:
    """Of this process, made when it is first wanted."""
    return Warm()


def _read_both(one: IO[bytes], other: IO[bytes], timeout: float) -> tuple[str, str] | None:
    """What came out of both, or None after the timeout in seconds."""
    end, found = time.monotonic() + timeout, {one: b"", other: b""}
    with selectors.DefaultSelector() as both:
        for stream in found:
            both.register(stream, selectors.EVENT_READ)
        while both.get_map():
            for key, _ in both.select(max(0, end - time.monotonic())):
                part = os.read(key.fd, 1 << 16)
                found[key.fileobj] += part  # type: ignore[index]
                if not part:
                    both.unregister(key.fileobj)
            if time.monotonic() > end:
                return None
    text, error = (bytes(part).decode("utf-8", "surrogateescape") for part in found.values())
    return text, error


def main(line: socket.socket) -> int:
    """Fork a command for each request; in the parent return when there are no more, in a child what it returned."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # no thread outlives a fork
    for name in (*IMPORTED, *LOOKS):
        import_module(f"faced.{name}")
    gc.collect()
    gc.freeze()
    while True:
        data, streams, _, _ = socket.recv_fds(line, ENOUGH, 2)
        if not data:
            return 0
        pid = os.fork()
        if pid == 0:
            line.close()
            return run_command(json.loads(data), streams)
        for stream in streams:
            os.close(stream)
        line.send(str(pid).encode())
        line.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())


def run_command(request: dict[str, object], streams: list[int]) -> int:
    """Become the command."""
    from faced.cli import main as faced

    command, environment, folder = (request[name] for name in ("command", "environment", "folder"))
    assert isinstance(command, list)
    assert isinstance(environment, dict)
    for stream, place in zip(streams, (1, 2), strict=True):
        os.dup2(stream, place)
        os.close(stream)
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(str(folder))
    module = ModuleType("__main__")
    module.__file__ = command[0]
    sys.modules["__main__"], sys.argv, sys.path[0] = module, command, os.path.dirname(command[0])
    return faced()


if __name__ == "__main__":
    sys.exit(main(socket.socket(fileno=int(sys.argv[1]))))
