"""The locks of a state folder, between real processes."""

import os
import signal
import stat
import subprocess
import sys

import pytest

from faced.store.locks import PASS, RUN, WRITE, hold_lock

HOLDER = """
import sys, pathlib
from faced.store.locks import hold_lock
with hold_lock(pathlib.Path(sys.argv[1]), sys.argv[2], patience=0) as mine:
    print(mine, flush=True)
    sys.stdin.read()
"""


def start_holder(folder, name):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return holder, holder.stdout.readline().strip() == "True"


def stop(holder):
    holder.communicate("")


def is_free(folder, name):
    with hold_lock(folder, name, patience=0) as mine:
        return mine


@pytest.mark.parametrize("name", [RUN, PASS, WRITE])
def test_one_process_at_a_time_holds_a_lock(tmp_path, name):
    """The second one is told so, or waits; the three locks know nothing of each other."""
    holder, held = start_holder(tmp_path, name)
    assert held
    assert not is_free(tmp_path, name)
    assert all(is_free(tmp_path, other) for other in (RUN, PASS, WRITE) if other != name)
    second, held = start_holder(tmp_path, name)
    assert not held
    stop(second)
    stop(holder)
    assert is_free(tmp_path, name)


def test_a_killed_holder_leaves_no_lock(tmp_path):
    """No stale lock files: the kernel frees it."""
    holder, held = start_holder(tmp_path, WRITE)
    assert held
    holder.send_signal(signal.SIGKILL)
    stop(holder)
    assert is_free(tmp_path, WRITE)


def test_a_lock_is_not_inherited_by_a_child(tmp_path):
    """Else a worker that outlives the daemon would keep it."""
    with hold_lock(tmp_path, RUN) as mine:
        assert mine
        child = subprocess.Popen(
            [sys.executable, "-c", "import sys; print('here', flush=True); sys.stdin.read()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            close_fds=False,
        )
        assert child.stdout.readline() == "here\n"
    try:
        assert is_free(tmp_path, RUN)
    finally:
        stop(child)


def test_the_lock_file_is_private(tmp_path):
    """As everything in the state is, whatever the umask."""
    before = os.umask(0)
    try:
        with hold_lock(tmp_path, PASS):
            assert stat.S_IMODE((tmp_path / PASS).stat().st_mode) == 0o600
    finally:
        os.umask(before)
