"""What the watcher does when the kernel or watchdog lets it down: overflow, limits, failing threads, and idleness."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from watchdog.observers.inotify import InotifyEmitter
from watchdog.observers.inotify_c import InotifyFD

from tests.support.hearing import PATIENCE, Ear, Process

LONG = bool(os.environ.get("FACED_LONG"))
QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")


def queue_length() -> int:
    """Events that the kernel keeps for a reader; it is one setting for the whole machine, so never changed."""
    length = int(QUEUE.read_text())
    if length > 50_000:
        pytest.skip(f"{QUEUE} is {length}: too many events to make")
    return length


@contextmanager
def stopped(process: Process) -> Iterator[None]:
    """The process reads nothing meanwhile."""
    os.kill(process.pid, signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def flood(folder: Path, events: int) -> None:
    """Make at least so many events in the folder: each new file is two, and they are not merged."""
    for number in range(events // 2 + 100):
        os.close(os.open(folder / f"{number}.jpg", os.O_CREAT | os.O_WRONLY))


def test_an_overflow_is_told_and_deafens_nobody(tmp_path: Path) -> None:
    """More events than the kernel keeps: the root is lost once, then heard again; another root notices nothing."""
    events = queue_length()
    lib, other = tmp_path / "lib", tmp_path / "other"
    (lib / "a").mkdir(parents=True)
    other.mkdir()
    with Process() as process:
        process.set_root(lib)
        process.set_root(other)
        process.wait("lost", lambda lost: str(other) in lost)
        with stopped(process):
            flood(lib, events)
            (lib / "made meanwhile").mkdir()
            (other / "x.jpg").touch()
        lost = heard = False
        while not (lost and heard):
            line = process.wait("folders", lambda folders: True)
            assert str(other) not in line["lost"]
            lost = lost or str(lib) in line["lost"]
            heard = heard or str(other) in line["folders"]
        answer = process.ask("check")
        assert answer["answer"] == {str(lib): 0, str(other): 0}
        assert answer["overflows"] == 1
        (lib / "made meanwhile/later.jpg").touch()
        process.wait("folders", lambda folders: "made meanwhile" in folders.get(str(lib), []))


@pytest.mark.slow
@pytest.mark.skipif(not LONG, reason="20,000 folders: FACED_LONG=1")
def test_an_overflow_over_more_folders_than_the_queue_is_long_comes_once(tmp_path: Path) -> None:
    """With 20,000 folders, more than the queue holds, watching anew makes no second overflow, and none is deaf."""
    events = queue_length()
    lib = tmp_path / "lib"
    for number in range(20_000):
        os.makedirs(lib / f"{number // 200}/{number}")
    with Process() as process:
        process.set_root(lib)
        process.wait("lost")
        with stopped(process):
            flood(lib / "1", events)
            (lib / "7/made meanwhile").mkdir()
        process.wait("lost", lambda lost: str(lib) in lost)
        assert process.ask("check")["answer"] == {str(lib): 0}
        assert sum(len(files) for _, _, files in os.walk(lib)) >= events // 2  # read as a scan reads
        time.sleep(10)
        answer = process.ask("check")
        assert (answer["answer"], answer["overflows"]) == ({str(lib): 0}, 1)
        (lib / "7/made meanwhile/later.jpg").touch()
        process.wait("folders", lambda folders: "7/made meanwhile" in folders.get(str(lib), []))


def in_user_namespace() -> list[str]:
    """A prefix for a process with limits of its own."""
    prefix = ["unshare", "-U", "-r"]
    if not shutil.which("unshare") or subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip("`unshare -U -r` is not possible here")
    return prefix


def test_the_limit_of_watches_is_told_with_what_to_do(tmp_path: Path) -> None:
    """Folders beyond the limit are counted and told with the sysctl line, once; a higher limit cures it."""
    lib = tmp_path / "lib"
    for number in range(100):
        (lib / str(number)).mkdir(parents=True)
    with Process(in_user_namespace()) as process:
        process.ask("limit", "watches", "50")
        assert "fs.inotify.max_user_watches = " in process.set_root(lib)["problems"][str(lib)]
        answer = process.ask("check")
        assert answer["answer"] == {str(lib): 51}
        assert "51 folders" in answer["problems"][str(lib)]
        assert "fs.inotify.max_user_watches = 524288" in answer["problems"][str(lib)]
        again = process.ask("check")
        assert (again["answer"], again["problems"]) == (answer["answer"], answer["problems"])
        (lib / "100").mkdir()
        assert process.ask("check")["answer"] == {str(lib): 52}
        process.ask("limit", "watches", "1000")
        cured = process.ask("check")
        assert (cured["answer"], cured["problems"]) == ({str(lib): 0}, {})
        process.ask("limit", "watches", "101")
        (lib / "more").mkdir()
        deadline = time.monotonic() + PATIENCE
        while "limit" not in process.ask("say")["problems"].get(str(lib), ""):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        (lib / "more").rmdir()
        assert process.ask("check")["problems"] == {}


def test_no_watch_and_no_instance_at_all_are_told(tmp_path: Path) -> None:
    """Where not even the root can be watched, its problem says which limit; nothing is raised."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with Process(in_user_namespace()) as process:
        process.ask("limit", "watches", "0")
        problems = process.set_root(tmp_path / "a")["problems"]
        assert "fs.inotify.max_user_watches = " in problems[str(tmp_path / "a")]
        process.ask("limit", "instances", "0")
        problems = process.set_root(tmp_path / "b")["problems"]
        assert "fs.inotify.max_user_instances = " in problems[str(tmp_path / "b")]
        process.ask("limit", "instances", "10")
        process.ask("limit", "watches", "10")
        answer = process.ask("check")
        assert (set(answer["answer"].values()), answer["problems"]) == ({0}, {})


def test_a_folder_moved_out_and_replaced_does_not_end_the_reader(tmp_path: Path) -> None:
    """A folder moved out, one of its name made and deleted, the first deleted: watchdog's books stay right."""
    lib, root = tmp_path / "lib", os.fsencode(tmp_path / "lib")
    (lib / "a/b").mkdir(parents=True)
    with Ear() as ear:
        ear.watch(photos=lib)
        (lib / "a/b").rename(tmp_path / "out")
        (lib / "a/b").mkdir()
        ear.wait_for(lib, b"a/b", below=True)
        (lib / "a/b").rmdir()
        (tmp_path / "out").rmdir()
        ear.forget()
        (lib / "x.jpg").touch()
        ear.wait_for(lib, b"")
        assert not ear.lost
        assert ear.watcher.failures == 0
        assert ear.watcher.check(root) == 0


@pytest.mark.parametrize("place", [(InotifyFD, "handle_event"), (InotifyEmitter, "build_and_queue_event")])
def test_a_thread_of_watchdog_that_fails_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: tuple[type, str]
) -> None:
    """An error inside watchdog loses the root, and it is watched anew, not deaf for ever."""
    kind, name = place
    works = getattr(kind, name)
    failed: list[object] = []

    def fails_once(*arguments: object, **options: object) -> None:
        if not failed:
            failed.append(arguments)
            raise KeyError(name)
        works(*arguments, **options)

    with Ear() as ear:
        ear.watch(photos=tmp_path)
        monkeypatch.setattr(kind, name, fails_once)
        (tmp_path / "a").mkdir()
        ear.wait_lost(tmp_path)
        assert (ear.watcher.failures, ear.watcher.overflows) == (1, 0)
        assert ear.watcher.is_well()
        ear.forget()
        (tmp_path / "a/x.jpg").touch()
        ear.wait_for(tmp_path, b"a")


def switches(pid: int) -> dict[str, str]:
    """How often each thread of the process was given the processor."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        found[task.name] = " ".join(line for line in lines if "ctxt_switches" in line)
    return found


def test_nothing_wakes_up_while_nothing_happens(tmp_path: Path) -> None:
    """No thread of a watcher runs, not even for a moment, while its folders are left alone."""
    for name in ("photos", "people", "state"):
        (tmp_path / name).mkdir()
    with Process() as process:
        for name in ("photos", "people", "state"):
            process.set_root(tmp_path / name)
        (tmp_path / "photos/x.jpg").touch()
        process.wait_for(tmp_path / "photos", "")
        assert len(switches(process.pid)) >= 8
        deadline = time.monotonic() + PATIENCE
        quiet = False
        while not quiet:  # what was to be done for the photo may still go on
            assert time.monotonic() < deadline
            before = switches(process.pid)
            time.sleep(2)
            quiet = switches(process.pid) == before
