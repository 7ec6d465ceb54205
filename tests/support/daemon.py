"""The installed daemon, started and ended as a user or a service manager does it."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.app import App

__all__ = ["Daemon", "running", "wait_for"]

PATIENCE = 90.0
"""s; on a busy machine everything takes long."""


def wait_for(what: Callable[[], bool], why: str = "", *, patience: float = PATIENCE) -> None:
    """Wait until it is so, or fail."""
    end = time.monotonic() + patience
    while not what():
        assert time.monotonic() < end, why or "it never came to be"
        time.sleep(0.05)


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
        wait_for(lambda: self.app.people.exists() and wanted(self.app.folders()), "the folders never came to be so")

    def child(self) -> int:
        """The process that does the work."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(30)


@contextmanager
def running(
    app: App,
    *words: str | Path,
    under: Sequence[str] = (),
    environment: dict[str, str] | None = None,
    ready: bool = True,
) -> Iterator[Daemon]:
    """`faced run PHOTOS --people PEOPLE`, until the block ends. ready: wait until it watches."""
    log = app.home / "daemon.log"
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
            wait_for(lambda: "watching" in daemon.log or process.poll() is not None, "it never was ready")
            assert process.poll() is None, daemon.log
        yield daemon
    finally:
        status = daemon.stop()
        assert "Traceback" not in daemon.log, daemon.log
        assert status == 0 or not ready, daemon.log
