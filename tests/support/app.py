"""The installed command, run as a user runs it, in a home of its own."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.warm import the_warm

__all__ = ["QUICK", "App", "Entry", "look_at"]

QUICK = "people: {settle: 0.05 s, second_look: 0.3 s}\n"
"""Nobody waits for a test."""
FACED = Path(sys.executable).with_name("faced")


@dataclass(frozen=True)
class Entry:
    """What must not change about a file, folder or link that nobody had a reason to touch."""

    inode: int
    mode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    text: str | None


def look_at(folder: Path) -> dict[str, Entry]:
    """Every path below the folder, and the folder itself (`.`)."""
    found = {".": _entry(os.lstat(folder), None)}
    pending = [(os.fspath(folder), "")]
    while pending:
        path, prefix = pending.pop()
        with os.scandir(path) as entries:
            for entry in entries:
                text = os.readlink(entry.path) if entry.is_symlink() else None
                found[prefix + entry.name] = _entry(entry.stat(follow_symlinks=False), text)
                if entry.is_dir(follow_symlinks=False):
                    pending.append((entry.path, f"{prefix}{entry.name}/"))
    return found


def _entry(status: os.stat_result, text: str | None) -> Entry:
    times = status.st_mtime_ns, status.st_ctime_ns
    return Entry(status.st_ino, status.st_mode, status.st_size, *times, text)


class App:
    """A home with a library, a people folder and a state. The converted models may be shared by many.

    installed: each command is started anew, as a user's is; else most are forked, which costs a quarter (see Warm).
    """

    def __init__(self, home: Path, cache: Path, *, installed: bool = False) -> None:
        self.installed = installed
        self.home = home
        self.photos = home / "Pictures"
        self.people = home / "People"
        self.state = home / "state" / "faced"
        home.mkdir(parents=True, exist_ok=True)
        self.photos.mkdir(exist_ok=True)
        settings = home / "config" / "faced"
        settings.mkdir(parents=True, exist_ok=True)
        (settings / "config.yaml").write_text(QUICK)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "FACED_"))},
            "HOME": str(home),
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_CACHE_HOME": str(cache),
            "XDG_CONFIG_HOME": str(home / "config"),
        }

    def command(self, *words: str | Path) -> list[str]:
        """The words of a command line."""
        return [str(FACED), *map(str, words)]

    def run(
        self, *words: str | Path, under: Sequence[str] = (), status: int | None = 0, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run a command, under another program (strace, setpriv, …) if wanted, and check its exit status."""
        forked = not (self.installed or under)
        done = the_warm().run(self.command(*words), self.environment, timeout) if forked else None
        done = done or subprocess.run(
            [*under, *self.command(*words)],
            env=self.environment,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=timeout,
            check=False,
        )
        assert status is None or done.returncode == status, (done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def sync(self, *more: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        """A full pass over the library into the people folder."""
        return self.run("sync", self.photos, "--people", self.people, *more, **options)

    def json(self, *words: str | Path) -> Any:
        """What a command reports."""
        return json.loads(self.run(*words, "--json").stdout)

    def folders(self) -> dict[str, frozenset[str]]:
        """Person folder to the photos in it, relative to the library."""
        root = os.path.realpath(self.photos)
        return {
            folder.name: frozenset(os.path.relpath(os.readlink(link), root) for link in folder.iterdir())
            for folder in self.people.iterdir()
            if folder.is_dir() and not folder.name.startswith((".", "_"))
        }

    def groups(self) -> set[frozenset[str]]:
        """The photos of each person folder, whatever it is called."""
        return set(self.folders().values())

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What the database says."""
        connection = sqlite3.connect(f"file:{self.state / 'faced.db'}?mode=ro", uri=True)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def add(self, source: Path, name: str) -> Path:
        """A copy of a file in the library, with its times."""
        target = self.photos / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
        return target
