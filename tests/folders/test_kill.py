"""Promise 6 by force: the step is killed, or refused by the kernel, at its system calls, one after the other.

After each a new run must find no false state: the tree is as planned, base is the disk, nothing is half done,
nothing of the step's own is taken for a user's doing, and strangers' files are as they were.
The short form takes a call of every kind, in another part of the run each; FACED_LONG=1 takes every one.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from faced.folders.read import ReadReport
from tests.support.points import choose_points
from tests.support.treekill import STATES, STRANGERS, make_strangers, want
from tests.support.treeuserkill import EDITS, LINKS, PICTURES, work
from tests.support.treewords import open_words
from tests.support.treeworld import open_world

ROOT = Path(__file__).parents[2]
WRITING = [
    "symlinkat",
    "symlink",
    "renameat2",
    "renameat",
    "rename",
    "unlinkat",
    "unlink",
    "mkdirat",
    "mkdir",
    "rmdir",
    "utimensat",
    "fchmod",
    "fchown",
    "syncfs",
    "fsync",
    "fdatasync",
    "ftruncate",
    "pwrite64",
    "write",
]
READING = ["readlinkat", "getdents64", "openat", "newfstatat", "fstat", "faccessat2", "statfs", "lseek"]


def run_driver(folder, log, *options, driver="tests.support.treekill"):
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("needs strace")
    command = [
        strace,
        "-qq",
        "-o",
        str(log),
        *options,
        sys.executable,
        "-m",
        driver,
        str(folder),
    ]
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    """(call, its number among the calls of its name) of every call of the step, in order."""
    folder = tmp_path_factory.mktemp("all")
    make_strangers(folder / "people")
    found = trace(folder, "tests.support.treekill")
    check(folder)
    return found


@pytest.fixture(scope="module")
def user_points(tmp_path_factory):
    """The same of a user's work with a pass after each deed."""
    folder = tmp_path_factory.mktemp("user")
    found = trace(folder, "tests.support.treeuserkill")
    check_user(folder)
    return found


def trace(folder, driver):
    log = folder / "log"
    traced = "trace=" + ",".join("?" + call for call in WRITING + READING)
    done = run_driver(folder, log, "-e", traced, driver=driver)
    if done.returncode:
        pytest.skip(f"strace may not trace here: {done.stderr[-200:]}")
    found, seen, begun = [], dict.fromkeys(WRITING + READING, 0), False  # before: Python's own start
    for line in log.read_text(errors="replace").splitlines():
        call = line.partition("(")[0]
        if call not in seen:
            continue
        seen[call] += 1
        begun = begun or "people" in line
        if begun:
            found.append((call, seen[call]))
    return found


def check(folder, *, exact=True):
    """Bring it to the last state; everything must be true then, and a further run must have nothing to do."""
    with open_world(folder) as world:
        want(world, STATES - 1)
        report = world.sync()
        assert report.frozen is None
        world.check()
        said = world.left_alone()
        assert said.pop("Person 7/Thumbs.db", None) is None
        assert said == {
            "notes.txt": "a file that faced did not make",
            "Person 3": "a folder that faced did not make",
            "Person 5": "a folder that faced did not make",
        }
        for name, content in STRANGERS.items():
            assert (world.people / name).read_text() == content
        junk = [path.read_text() for path in world.people.rglob("Thumbs.db")]
        assert junk in ([], ["junk"], [""])  # the last: killed while the driver wrote it
        again = world.sync()
        assert (again.made, again.dropped, again.retargeted, again.recovered) == (0, 0, 0, 0)
        links = sorted(world.links())
        if not exact:  # a folder that could not be read kept its name from another one for a while
            links = [re.sub(r"^(Anna|Ben) \(2\)", r"\1", path) for path in links]
        assert sorted(links) == [
            "Anna/1.jpg",
            "Anna/9.jpg",
            "Ben/1.jpg",
            "Ben/5.jpg",
            "Ben/7.jpg",
            "Ben/oma.jpg",
            "Person 3 (2)/5.jpg",
            "Person 3 (2)/6.jpg",
        ]


def check_user(folder):
    """Let the user end his work: every edit was read once, none invented, and a further look finds nothing."""
    with open_words(folder) as world:
        work(world)
        world.run(11)
        assert world.run(11) == ReadReport()
        assert sorted(world.edits(), key=str) == sorted(EDITS, key=str)
        world.check_word()
        assert sorted(world.links()) == LINKS
        assert sorted(world.pictures()) == PICTURES
        assert world.left_alone() == {}
        assert os.listdir(world.people / ".faced" / "tmp") == []


@pytest.mark.slow
def test_promise_6_killed_at_any_system_call(points, tmp_path):
    """kill -9 just before the call."""
    chosen = choose_points([point for point in points if point[0] in WRITING])
    assert len(chosen) >= 12
    for call, nth in chosen:
        folder = tmp_path / f"{call}-{nth}"
        make_strangers(folder / "people")
        done = run_driver(
            folder, tmp_path / "log", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={nth}"
        )
        assert done.returncode in (-9, 137), (call, nth, done.returncode, done.stderr)
        try:
            check(folder)
        except BaseException as error:
            error.add_note(f"killed at {call} number {nth}")
            raise
        shutil.rmtree(folder)


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_promise_6_refused_at_any_system_call(points, tmp_path, error):
    """An I/O error or a full disk at one call: the run may end, the next one finds no false state."""
    calls = WRITING if error == "ENOSPC" else WRITING + READING
    for call, nth in choose_points([point for point in points if point[0] in calls], 6):
        folder = tmp_path / f"{call}-{nth}"
        make_strangers(folder / "people")
        done = run_driver(
            folder, tmp_path / "log", "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={nth}"
        )
        assert done.returncode in (0, 1), (call, nth, done.returncode, done.stderr)
        try:
            check(folder, exact=call in WRITING)
        except BaseException as failure:
            failure.add_note(f"{error} at {call} number {nth}: {done.stderr[-2000:]}")
            raise
        shutil.rmtree(folder)


@pytest.mark.slow
def test_promise_6_no_edit_is_invented_or_lost(user_points, tmp_path):
    """kill -9 at a call of a pass with renames, moves and deleted links in it, or of the user's own."""
    chosen = choose_points([point for point in user_points if point[0] in WRITING])
    assert len(chosen) >= 12
    for call, nth in chosen:
        folder = tmp_path / f"{call}-{nth}"
        folder.mkdir()
        done = run_driver(
            folder,
            tmp_path / "log",
            *("-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={nth}"),
            driver="tests.support.treeuserkill",
        )
        assert done.returncode in (-9, 137), (call, nth, done.returncode, done.stderr)
        try:
            check_user(folder)
        except BaseException as error:
            error.add_note(f"killed at {call} number {nth}")
            raise
        shutil.rmtree(folder)
