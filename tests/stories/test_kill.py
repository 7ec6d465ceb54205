"""Promise 6, with the installed command: whatever dies, whenever, the next run ends where one run would have.

`strace` kills the main process at its n-th file-system call: one of every kind, in another part of the pass each,
half of the kinds while folders are taken away and the other half while they are made. FACED_LONG=1 takes every call.
"""

import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from faced.demo import DemoLibrary
from tests.conftest import small_paths
from tests.stories.test_sync import people_of
from tests.support.app import App
from tests.support.points import LONG, choose_points

CALLS = "symlinkat,renameat2,renameat,rename,unlinkat,unlink,mkdirat,rmdir,utimensat,syncfs,pwrite64,fsync,fdatasync,write"


def strace(*expressions: str, output: str = "/dev/null") -> list[str]:
    """Watch the main thread of the main process only: the folder step runs there."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    return ["strace", "-qq", "-o", output, *(word for each in expressions for word in ("-e", each))]


def read_calls(trace: Path) -> list[tuple[str, int]]:
    """(call, which of its kind) of every call that strace wrote down; signals and exits are none."""
    seen: Counter[str] = Counter()
    calls = []
    for line in trace.read_text("utf-8", "replace").splitlines():
        name, bracket, _ = line.partition("(")
        if bracket and name.isidentifier():
            seen[name] += 1
            calls.append((name, seen[name]))
    return calls


class Seesaw:
    """Two settings between which a sync makes every folder and link, or takes them away."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.shown, self.hidden = app.home / "shown.yaml", app.home / "hidden.yaml"
        self.shown.write_text("people: {min_photos: 3, settle: 0.05 s, second_look: 0.3 s}\n")
        self.hidden.write_text("people: {min_photos: 900, settle: 0.05 s, second_look: 0.3 s}\n")

    def sync(self, config: Path, **options: object) -> subprocess.CompletedProcess[str]:
        """A pass with one of them."""
        return self.app.sync("--config", config, **options)  # type: ignore[arg-type]

    def list_calls(self, config: Path) -> list[tuple[str, int]]:
        """(call, which of its kind) of every call that a pass makes: each could be its last."""
        trace = self.app.home / "trace"
        done = self.sync(config, under=strace(f"trace={CALLS}", output=str(trace)), status=None)
        if done.returncode and "ptrace" in done.stderr.lower():
            pytest.skip("strace may not trace here")
        assert done.returncode == 0, done.stderr
        return read_calls(trace)


def check_no_litter(app: App) -> None:
    """Nothing half done is left, and nothing was taken for the user's edit."""
    assert app.rows("SELECT count(*) FROM intents") == [(0,)]
    assert {path for (path,) in app.rows("SELECT path FROM left_alone")} <= {b"mine.txt"}
    assert list((app.people / ".faced" / "tmp").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "kinds"),
    [
        ("away", ("unlinkat", "renameat2", "rename", "unlink", "fsync", "write", "pwrite64")),
        ("back", ("symlinkat", "mkdirat", "renameat", "utimensat", "syncfs", "fdatasync", "pwrite64")),
    ],
)
def test_promise_6_killed_at_any_call_the_next_run_ends_where_one_run_would(
    known: App, demo: DemoLibrary, way: str, kinds: tuple[str, ...]
) -> None:
    """Taking all folders away, or making them all, killed at any file-system call."""
    known.sync()
    seesaw = Seesaw(known)
    groups, faces = known.groups(), known.rows("SELECT id, crc FROM faces ORDER BY id")
    assert groups == people_of(demo, small_paths(demo))
    stranger = known.people / "mine.txt"
    stranger.write_text("mine")
    config, other, wanted = seesaw.hidden, seesaw.shown, set[frozenset[str]]()
    if way == "back":
        config, other, wanted = other, config, groups
        seesaw.sync(other)
    calls = seesaw.list_calls(config)
    seesaw.sync(other)
    points, killed = choose_points([point for point in calls if LONG or point[0] in kinds]), 0
    for point in points:
        call, number = point
        died = seesaw.sync(config, under=strace(f"inject={call}:signal=KILL:when={number}"), status=None)
        killed += died.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
        seesaw.sync(config)
        assert known.groups() == wanted, point
        check_no_litter(known)
        assert known.rows("SELECT id, crc FROM faces ORDER BY id") == faces
        assert stranger.read_text() == "mine"
        seesaw.sync(other)
    assert killed >= len(points) * 2 // 3


def test_promise_6_killed_while_encoding_nothing_stored_is_computed_again(
    small: App, demo: DemoLibrary
) -> None:
    """kill -9 of the process in the middle of the first import, again and again: each stored face stays as it is."""
    seed = int(os.environ.get("FACED_SEED", "1"))
    print(f"FACED_SEED={seed}")
    chance = random.Random(seed)
    stored: dict[int, int] = {}
    for _ in range(40 if LONG else 4):
        process = subprocess.Popen(
            small.command("sync", small.photos, "--people", small.people),
            env=small.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(chance.uniform(1.0, 5.0))
        process.kill()
        process.wait()
        if (small.state / "faced.db").exists() and small.rows(
            "SELECT 1 FROM sqlite_master WHERE name = 'faces'"
        ):
            now = dict(small.rows("SELECT id, crc FROM faces"))
            assert stored.items() <= now.items(), "a stored face was lost or computed again"
            stored = now
    small.sync()
    assert stored.items() <= dict(small.rows("SELECT id, crc FROM faces")).items()
    assert small.groups() == people_of(demo, small_paths(demo))
    assert small.rows("SELECT count(*), count(DISTINCT image) FROM encodings") == [(13, 13)]
    assert small.json("status")["quarantined"] == []
    check_no_litter(small)
