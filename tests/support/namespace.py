"""A mount namespace that a test keeps open: what is mounted there nobody else sees, and it goes with it."""

import copy
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.app import App
from tests.support.daemon import wait_for

__all__ = ["Namespace", "mount_namespace"]


class Namespace:
    """pid: a process that sleeps in it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    @property
    def prefix(self) -> list[str]:
        """Before a command that is to run in it; the command becomes the process."""
        return ["nsenter", "--target", str(self.pid), "--mount"]

    def run(self, *command: str | Path) -> None:
        """Run a command in it."""
        done = subprocess.run([*self.prefix, *map(str, command)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stderr)

    def try_to(self, *command: str | Path) -> bool:
        """Whether it could be done."""
        return not subprocess.run(
            [*self.prefix, *map(str, command)], capture_output=True, check=False
        ).returncode

    def unmount(self, place: Path) -> None:
        """As soon as nobody is in it."""
        wait_for(lambda: self.try_to("umount", place), f"{place} stays busy")

    def path(self, place: Path) -> Path:
        """A place in it, for processes outside."""
        return Path(f"/proc/{self.pid}/root{place}")

    def view(self, app: App) -> App:
        """The home as it looks in there, for looking at folders and rows."""
        seen = copy.copy(app)
        seen.people, seen.state = self.path(app.people), self.path(app.state)
        return seen


@contextmanager
def mount_namespace() -> Iterator[Namespace]:
    """Skipped where one may not mount."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount")
    if not (shutil.which("unshare") and shutil.which("nsenter")):
        pytest.skip("needs unshare and nsenter")
    command = ["unshare", "--mount", "--propagation", "private"]
    if subprocess.run([*command, "mount", "-t", "tmpfs", "x", "/mnt"], capture_output=True).returncode:
        pytest.skip("may not mount here")
    with subprocess.Popen([*command, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as keeper:
        assert keeper.stdin is not None
        assert keeper.stdout is not None
        keeper.stdin.write(b"there\n")
        keeper.stdin.flush()
        assert keeper.stdout.readline() == b"there\n"
        try:
            yield Namespace(keeper.pid)
        finally:
            keeper.stdin.close()
