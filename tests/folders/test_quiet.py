"""Waiting for a quiet tree, with a clock and a sleep of our own; in the end with real ones."""

import os
import shutil
import subprocess
import threading
import time

import pytest

from faced.clock import Clock
from faced.folders.quiet import wait_until_quiet

SECOND = 1_000_000_000


class MadeClock(Clock):
    """Time passes only in `sleep`; `at` says what somebody does when so many seconds have passed."""

    def __init__(self, start, at=()):
        self.start = self.time = start
        self.at = dict(at)

    def now_ns(self):
        return self.time

    def sleep(self, seconds):
        assert seconds > 0
        self.time += round(seconds * SECOND)
        for when in [when for when in self.at if self.time - self.start >= when * SECOND]:
            self.at.pop(when)()

    @property
    def passed(self):
        return (self.time - self.start) / SECOND


@pytest.fixture
def tree(tmp_path):
    """Three folders, last changed at a known time."""
    for name in ("Anna", "Family/Oma", ".faced"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def newest(tree):
    return max(max(path.lstat().st_mtime_ns, path.lstat().st_ctime_ns) for path in (tree, *tree.rglob("*")))


def wait(tree, clock):
    return wait_until_quiet(os.fsencode(tree), settle_ns=3 * SECOND, clock=clock)


def test_a_tree_that_is_quiet_costs_no_time(tree):
    """Changed long ago."""
    clock = MadeClock(newest(tree) + 3 * SECOND)
    assert wait(tree, clock)
    assert clock.passed == 0


def test_what_is_left_of_three_seconds_is_waited(tree):
    """Changed a second ago."""
    clock = MadeClock(newest(tree) + SECOND)
    assert wait(tree, clock)
    assert 2 <= clock.passed < 2.1


def change(folder, clock):
    """Something is done in a folder now, by our clock."""
    return lambda: os.utime(folder, ns=(clock.time, clock.time))


@pytest.mark.parametrize("folder", ["Anna", "Family/Oma", "."])
def test_a_change_in_between_begins_anew(tree, folder):
    """In any folder, at any depth."""
    clock = MadeClock(newest(tree))
    clock.at[2] = change(tree / folder, clock)
    assert wait(tree, clock)
    assert 5 <= clock.passed < 5.6


def test_unbroken_activity_is_read_after_a_minute(tree):
    """False: it was never quiet."""
    clock = MadeClock(newest(tree))
    clock.at = {second: change(tree / "Anna", clock) for second in range(1, 100)}
    assert not wait(tree, clock)
    assert 60 <= clock.passed < 61


def test_times_in_the_future_do_not_hold_it_up_for_ever(tree):
    """Another machine's clock is ahead."""
    ahead = newest(tree) + 10_000 * SECOND
    os.utime(tree / "Anna", ns=(ahead, ahead))
    clock = MadeClock(newest(tree) - 5_000 * SECOND)
    assert wait(tree, clock)
    assert clock.passed == 3


def test_a_tree_that_is_not_there_is_quiet(tree):
    """Whoever opens it says why not."""
    assert wait(tree / "none", MadeClock(0))


def test_own_and_hidden_folders_do_not_count(tree):
    """Not looked at."""
    clock = MadeClock(newest(tree) + 3 * SECOND)
    future = clock.time + 1
    os.utime(tree / ".faced", ns=(future, future))
    assert wait(tree, clock)
    assert clock.passed == 0


# Real hands, with the real clock: what they do in many steps is read when it is over.


def drag(tree):
    """Three hundred links, one by one."""
    for name in sorted(os.listdir(tree / "Anna")):
        (tree / "Anna" / name).rename(tree / "Family" / "Oma" / name)


def copy(tree):
    """A folder with all that is in it."""
    shutil.copytree(tree / "Anna", tree / "Copy", symlinks=True)
    shutil.copytree(tree / "Copy", tree / "Copy" / "deeper" / "still", symlinks=True)


def unpack(tree):
    """An archive, unpacked by tar."""
    packed = tree.parent / "packed.tar"
    subprocess.run(["tar", "-C", tree, "-cf", packed, "Anna"], check=True)
    (tree / "Unpacked").mkdir()
    with subprocess.Popen(["tar", "-C", tree / "Unpacked", "-xf", "-"], stdin=subprocess.PIPE) as tar:
        content = packed.read_bytes()
        for start in range(0, len(content), 1 << 14):  # as from a slow disk
            tar.stdin.write(content[start : start + (1 << 14)])
            tar.stdin.flush()
            time.sleep(0.02)


def dawdle(tree):
    """A client behind a slow line: a link now and then, with pauses that are shorter than a rest."""
    for name in sorted(os.listdir(tree / "Anna"))[:8]:
        (tree / "Anna" / name).rename(tree / "Family" / name)
        time.sleep(0.25)


@pytest.mark.parametrize("work", [drag, copy, unpack, dawdle])
def test_a_gesture_of_many_steps_is_over_when_it_is_read(tree, work):
    """Whenever somebody begins to wait, the wait ends after the last step and not before."""
    for number in range(300):
        (tree / "Anna" / f"{number}.jpg").symlink_to(f"/photos/{number}.jpg")
    ended = []

    def at_work():
        work(tree)
        ended.append(time.time_ns())

    hands = threading.Thread(target=at_work)
    hands.start()
    try:
        assert wait_until_quiet(os.fsencode(tree), settle_ns=800_000_000)
        waited = time.time_ns()
    finally:
        hands.join()
    assert ended
    assert ended[0] <= waited
