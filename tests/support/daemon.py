"""The installed daemon, started and ended as a user or a service manager does it."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.app import QUICK, App

__all__ = ["SETTLED", "Daemon", "descendants", "holding_pass", "is_alive", "running", "wait_for", "wait_gone"]

SETTLED = QUICK + "library: {settle: 0.3 s}\n"
"""For tests in which nobody writes slowly."""

PATIENCE = 240.0
"""s; on a busy machine everything takes long."""


def wait_for(what: Callable[[], bool], why: str = "", *, patience: float = PATIENCE) -> None:
    """Wait until it is so, or fail."""
    end = time.monotonic() + patience
    while not what():
        assert time.monotonic() < end, why or "it never came to be"
        time.sleep(0.05)


def descendants(pid: int) -> list[int]:
    """All processes below this one, as far as they live."""
    found = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that only waits to be buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def wait_gone(pids: Sequence[int]) -> None:
    """Wait until none of these processes runs."""
    wait_for(lambda: not any(map(is_alive, pids)), "somebody lives on")


@contextmanager
def holding_pass(state: Path) -> Iterator[Callable[[], None]]:
    """Another process is in a pass. What is yielded ends that."""
    program = (
        "import sys; from pathlib import Path; from faced.store.locks import PASS, hold_lock\n"
        "with hold_lock(Path(sys.argv[1]), PASS):\n"
        "    print('mine', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, state], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"mine\n"
        try:
            yield holder.stdin.close
        finally:
            holder.stdin.close()


class Daemon:
    """A running `faced run`. log: what it wrote to standard error."""

    def __init__(self, app: App, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.app = app
        self.process = process
        self._log = log

    @property
    def log(self) -> str:
        """So far."""
        return self._log.read_text("utf-8", "replace")

    def wait_for_log(self, words: str) -> None:
        """Wait until it said so."""
        wait_for(lambda: words in self.log or self.process.poll() is not None, f"no {words!r} in the log")
        assert words in self.log, self.log

    def wait_for_folders(self, wanted: Callable[[dict[str, frozenset[str]]], bool]) -> None:
        """Wait until the people folder is like that."""

        def are_there() -> bool:
            with contextlib.suppress(OSError):  # what goes while it is looked at
                return self.app.people.exists() and wanted(self.app.folders())
            return False

        wait_for(are_there, "the folders never came to be so")

    def child(self) -> int:
        """The process that does the work."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])

    def wait_for_link(self, name: str, beside: str | None = None) -> None:
        """Wait until a photo of the library is linked; beside: in every folder that has this one."""
        wait_for(lambda: self._is_linked(name, beside), f"{name} was never linked")

    def _is_linked(self, name: str, beside: str | None) -> bool:
        with contextlib.suppress(OSError):  # a folder that goes while it is looked at
            groups = self.app.groups()
            hers = groups if beside is None else {group for group in groups if beside in group}
            return bool(hers) and (
                any(name in group for group in hers)
                if beside is None
                else all(name in group for group in hers)
            )
        return False

    def wait_for_status(self, wanted: Callable[[Any], bool], *, under: Sequence[str] = ()) -> Any:
        """Wait until `faced status` says so; what it says."""
        end = time.monotonic() + PATIENCE
        while not wanted(status := json.loads(self.app.run("status", "--json", under=under).stdout)):
            assert time.monotonic() < end, status
            time.sleep(0.2)
        return status

    def quiet(self) -> None:
        """Wait until it has had nothing to do for a while: its main thread sleeps, and no process of it works."""
        calm, before = 0, (-1, -1)
        end = time.monotonic() + PATIENCE
        while calm < 6:
            assert time.monotonic() < end, f"it never was quiet:\n{self.log}"
            pids = [self.process.pid, *descendants(self.process.pid)]
            now = (_wakes(self.child()), sum(map(_ticks, pids)))
            is_calm = now[0] == before[0] and now[1] <= before[1] + 1
            calm, before = (calm + 1 if is_calm else 0), now
            time.sleep(0.25)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(30)


def _ticks(pid: int) -> int:
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])
    return 0


def _wakes(pid: int) -> int:
    """How often the main thread went to sleep."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                return int(line.split()[1])
    return 0


@contextmanager
def running(
    app: App,
    *words: str | Path,
    under: Sequence[str] = (),
    environment: dict[str, str] | None = None,
    ready: bool = True,
    ends: int | None = 0,
) -> Iterator[Daemon]:
    """`faced run PHOTOS --people PEOPLE`, until the block ends. ready: wait until it watches.

    ends: the exit status it must have in the end; None: whatever it is, for it is killed.
    """
    log = app.home / "daemon.log"
    before = log.read_text("utf-8", "replace").count(" watching ") if log.exists() else 0
    with log.open("ab") as err:
        process = subprocess.Popen(
            [*under, *app.command("run", app.photos, "--people", app.people, *words)],
            env={**app.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=err,
            stderr=err,
        )
    daemon = Daemon(app, process, log)
    try:
        if ready:
            wait_for(
                lambda: daemon.log.count(" watching ") > before or process.poll() is not None,
                "it never was ready",
            )
            assert process.poll() is None, daemon.log
        yield daemon
    finally:
        status = daemon.stop()
        # A worker that was just being started when its parent was killed complains in Python's own way.
        assert "Traceback" not in daemon.log or ends is None, daemon.log
        assert ends is None or status == ends or not ready, (status, daemon.log)
