"""A real Dask cluster on the loopback: a scheduler and workers as a user starts them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

__all__ = ["LIMIT", "DaskCluster", "dask_cluster"]

LIMIT = 180.0
"""s, after which a test gives up waiting for what should happen at once."""

_DASK = (str(Path(sys.executable).with_name("dask")),)
_WITHOUT_FACED = (
    sys.executable,
    "-c",
    "import sys; sys.modules['faced'] = None; from dask.__main__ import main; main()",
)
_PROJECT = Path(__file__).parents[2]


class DaskCluster:
    """Its processes are leaders of groups of their own, so that all of a machine can be killed at once."""

    def __init__(self, base: Path, cache: Path, environment: Mapping[str, str] = {}) -> None:
        self.base = base
        base.mkdir()
        self.environment = {
            **os.environ,
            "HOME": str(base),
            "XDG_CACHE_HOME": str(cache),
            "PYTHONPATH": os.pathsep.join([str(_PROJECT), os.environ.get("PYTHONPATH", "")]),
            **environment,
        }
        self._processes: list[subprocess.Popen[bytes]] = []
        self.address = ""

    def start_scheduler(self, *more: str) -> int:
        """The process id; the address is known then. It has no faced, for it needs none."""
        told = self.base / "scheduler.json"
        words = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file"]
        process = self._start("scheduler", [*_WITHOUT_FACED, *words, str(told), *more])
        self.address = _wait_for_address(told, process)
        return process.pid

    def start_worker(self, *more: str, under: Sequence[str] = (), with_faced: bool = True) -> int:
        """A worker of one thread, with its nanny; the process id of the latter, or of what it runs under.

        Without faced there is no nanny.
        """
        name = f"worker-{len(self._processes)}"
        words = ["worker", self.address, "--host", "127.0.0.1", "--nthreads", "1", "--no-dashboard"]
        more = ("--local-directory", str(self.base / name), *more)
        command = (*under, *_DASK) if with_faced else (*_WITHOUT_FACED,)
        return self._start(name, [*command, *words, *(() if with_faced else ("--no-nanny",)), *more]).pid

    def is_running(self, pid: int) -> bool:
        """Whether a process that was started here has not ended."""
        return any(process.pid == pid and process.poll() is None for process in self._processes)

    def kill(self, pid: int) -> None:
        """One machine goes."""
        os.killpg(pid, signal.SIGKILL)

    def _start(self, name: str, command: Sequence[str]) -> "subprocess.Popen[bytes]":
        with open(self.base / f"{name}.log", "wb") as log:
            process = subprocess.Popen(
                command,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def stop(self) -> None:
        """Kill all of it."""
        for process in reversed(self._processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(LIMIT)


@contextlib.contextmanager
def dask_cluster(
    base: Path, cache: Path, workers: int = 0, environment: Mapping[str, str] = {}
) -> Iterator[DaskCluster]:
    """A scheduler with so many workers, whose converted models are in `cache`."""
    cluster = DaskCluster(base, cache, environment)
    try:
        cluster.start_scheduler()
        for _ in range(workers):
            cluster.start_worker()
        yield cluster
    finally:
        cluster.stop()


def _wait_for_address(told: Path, process: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + LIMIT
    while True:
        with contextlib.suppress(OSError, ValueError):
            return str(json.loads(told.read_text())["address"])
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
