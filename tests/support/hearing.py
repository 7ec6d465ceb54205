"""A Watcher with an ear: what it handed over so far, and waiting until it has said something.

Run as a module it is a process to be stopped, limited or overwhelmed: it takes commands on its standard
input (`set ROOT SCOPE` with the path in hex, `check`, `limit NAME NUMBER` in a user namespace, `say`, `quit`)
and answers each, and tells each hint, with one line of JSON.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from faced.library.watch import Hints, Scope, Watcher

__all__ = ["PATIENCE", "Ear", "Process"]

PATIENCE = 60.0
"""s. How long a test waits for what must come; it comes at once on a machine that is not busy."""


class Ear:
    """Collects what a watcher tells, from the moment it is woken."""

    def __init__(self) -> None:
        self.folders: dict[bytes, dict[bytes, bool]] = {}
        self.lost: set[bytes] = set()
        self.mounts_changed = False
        self._woken = threading.Event()
        self.watcher = Watcher(self._woken.set)

    def __enter__(self) -> "Ear":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.watcher.close()

    def watch(self, **roots: Path) -> None:
        """Watch each root in the scope that its name says, and forget that it is new."""
        self.watcher.set_roots({os.fsencode(path): Scope[name.upper()] for name, path in roots.items()})
        self.forget()

    def forget(self) -> None:
        """Forget all that was told."""
        self.listen()
        self.folders, self.lost, self.mounts_changed = {}, set(), False

    def listen(self) -> Hints:
        """Take what there is and add it to the rest."""
        hints = self.watcher.take()
        for root, folders in hints.folders.items():
            known = self.folders.setdefault(root, {})
            for folder, below in folders.items():
                known[folder] = known.get(folder, False) or below
        self.lost |= hints.lost
        self.mounts_changed |= hints.mounts_changed
        return hints

    def wait(self, enough: Callable[["Ear"], bool]) -> None:
        """Until it is enough; only a wake-up makes it look again."""
        deadline = time.monotonic() + PATIENCE
        self.listen()
        while not enough(self):
            assert self._woken.wait(max(0.0, deadline - time.monotonic())), (
                f"never told: {self.folders} lost {self.lost} {self.watcher.problems}"
            )
            self._woken.clear()
            self.listen()

    def wait_for(self, root: Path, folder: bytes, below: bool = False) -> None:
        """Until the folder is hinted at, with all below it if asked."""
        key = os.fsencode(root)

        def told(ear: Ear) -> bool:
            found = ear.folders.get(key, {})
            return found.get(folder, False) if below else folder in found

        self.wait(told)

    def wait_lost(self, root: Path) -> None:
        """Until all of the root is to be looked at."""
        self.wait(lambda ear: os.fsencode(root) in ear.lost)

    def heard(self, root: Path) -> dict[bytes, bool]:
        """What was told of a root so far."""
        self.listen()
        return self.folders.get(os.fsencode(root), {})


class Process:
    """This module as a process, possibly below another command."""

    def __init__(self, under: Sequence[str] = ()) -> None:
        command = [*under, sys.executable, "-m", "tests.support.hearing"]
        self.child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            text=True,
        )
        self._hints: list[dict[str, Any]] = []
        self._answers: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.pid = int(self._next(self._answers)["pid"])

    def __enter__(self) -> "Process":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.ask("quit")
        else:
            self.child.kill()
        self.child.wait()
        self._reader.join()
        for pipe in (self.child.stdin, self.child.stdout):
            if pipe:
                pipe.close()

    def _read(self) -> None:
        assert self.child.stdout
        for line in self.child.stdout:
            self._put(json.loads(line))
        self._put({"ended": True})

    def _put(self, line: dict[str, Any]) -> None:
        with self._changed:
            if "folders" in line or "ended" in line:
                self._hints.append(line)
            if "folders" not in line:
                self._answers.append(line)
            self._changed.notify_all()

    def wait(self, key: str, found: Callable[[Any], bool] = bool) -> dict[str, Any]:
        """The next line of hints whose value under `key` is as wanted; those before it are forgotten."""
        return self._next(self._hints, lambda line: found(line[key]))

    def wait_for(self, root: Path, folder: str) -> None:
        """Until the folder is hinted at, alone or, because its root was just set or renewed, with all of it."""
        key = str(root)
        self._next(self._hints, lambda line: key in line["lost"] or folder in line["folders"].get(key, []))

    def _next(
        self, lines: list[dict[str, Any]], wanted: Callable[[dict[str, Any]], bool] = bool
    ) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        seen: list[dict[str, Any]] = []
        with self._changed:
            while True:
                while lines:
                    line = lines.pop(0)
                    seen.append(line)
                    assert "ended" not in line, seen
                    if wanted(line):
                        return line
                assert self._changed.wait(deadline - time.monotonic()), seen

    def set_root(self, root: Path, scope: Scope = Scope.PHOTOS) -> dict[str, Any]:
        """Watch one more root."""
        return self.ask("set", os.fsencode(root).hex(), scope.name)

    def ask(self, *words: str) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        assert self.child.stdin
        self.child.stdin.write(" ".join(words) + "\n")
        self.child.stdin.flush()
        return self._next(self._answers)


def _main() -> None:
    lock = threading.Lock()

    def tell(**line: object) -> None:
        with lock:
            print(json.dumps(line), flush=True)

    woken = threading.Event()
    watcher = Watcher(woken.set)

    def pass_on() -> None:
        while woken.wait():
            woken.clear()
            hints = watcher.take()
            folders = {os.fsdecode(r): [os.fsdecode(f) for f in found] for r, found in hints.folders.items()}
            lost = [os.fsdecode(root) for root in hints.lost]
            tell(folders=folders, lost=lost, mounts=hints.mounts_changed, overflows=watcher.overflows)

    threading.Thread(target=pass_on, daemon=True).start()
    tell(pid=os.getpid())
    roots: dict[bytes, Scope] = {}
    for line in sys.stdin:
        command, *words = line.split()
        answer: object = None
        if command == "set":
            roots[bytes.fromhex(words[0])] = Scope[words[1]]
            watcher.set_roots(roots)
        elif command == "check":
            answer = {os.fsdecode(root): watcher.check(root) for root in roots}
        elif command == "limit":
            Path(f"/proc/sys/user/max_inotify_{words[0]}").write_text(words[1])
        elif command == "quit":
            watcher.close()
        problems = {os.fsdecode(root): text for root, text in watcher.problems.items()}
        tell(done=command, answer=answer, problems=problems, overflows=watcher.overflows)
        if command == "quit":
            return


if __name__ == "__main__":
    _main()
