"""What the daemon costs when nothing happens: nothing but a ping where one is asked for."""

import contextlib
import os
import socket
import sqlite3
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.daemon.conftest import Waiting
from tests.support.app import App
from tests.support.daemon import Daemon, descendants, is_alive, running, wait_for

LONG = bool(os.environ.get("FACED_LONG"))
MANY = 10_000
WATCHED = 60.0 if LONG else 8.0
"""s of idleness that are measured."""


def multiply(app: App) -> None:
    """Make the library ten thousand photos large: hard links to those that it has, which it knows already."""
    app.sync()
    with contextlib.closing(sqlite3.connect(app.state / "faced.db")) as db:
        known = db.execute("SELECT id, path FROM photos ORDER BY id").fetchall()
        made = []
        for number in range(MANY - len(known)):
            photo, source = known[number % len(known)]
            path = f"many/{number // 100:03}/{number:05}{Path(os.fsdecode(source)).suffix}"
            target = app.photos / path
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(app.photos / os.fsdecode(source), target)
            made.append((path.encode(), photo))
        for photo, source in known:
            changed = (app.photos / os.fsdecode(source)).stat().st_ctime_ns
            db.execute("UPDATE photos SET ctime_ns = ? WHERE id = ?", (changed, photo))
        db.executemany(
            "INSERT INTO photos (library, path, size, mtime_ns, ctime_ns, ino, found, stale, image, orientation, taken)"
            " SELECT library, ?, size, mtime_ns, ctime_ns, ino, found, 0, image, orientation, taken FROM photos"
            " WHERE id = ?",
            made,
        )
        db.commit()


def switches(pids: list[int]) -> Counter[str]:
    """How often each thread went to sleep so far: once more for each time that it was woken."""
    found: Counter[str] = Counter()
    for pid in pids:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(OSError):
                    name = (task / "comm").read_text().strip()
                    for line in (task / "status").read_text().splitlines():
                        if line.startswith("voluntary_ctxt_switches"):
                            found[f"{name} {pid}/{task.name}"] = int(line.split()[1])
    return found


def ticks(pids: list[int]) -> int:
    """Processor time used so far, in hundredths of a second."""
    used = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        used += int(fields[11]) + int(fields[12])
    return used


def resident(pid: int) -> float:
    """MB of memory."""
    (line,) = (
        line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")
    )
    return int(line.split()[1]) / 1024


@pytest.mark.parametrize("watchdog", [0, 120 if LONG else 4])
def test_idle_nothing_wakes_and_nothing_is_used(waiting: Waiting, watchdog: int) -> None:
    """Ten thousand photos: no thread wakes, no processor time, little memory; with a watchdog one ping in half its time."""
    app = waiting.app
    multiply(app)
    address = str(app.home / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.setblocking(False)
        asked = {"NOTIFY_SOCKET": address} | ({"WATCHDOG_USEC": str(watchdog * 10**6)} if watchdog else {})
        with running(app, environment=asked) as daemon:
            daemon.wait_for_status(lambda status: status["photos"] == MANY and status["queued"] == 0)
            assert app.rows("SELECT count(*) FROM photos WHERE stale") == [(0,)]
            daemon.quiet()
            if LONG:
                wait_for(lambda: len(descendants(daemon.process.pid)) <= 2, "the helpers never ended")
            measure(daemon, manager, watchdog)


def measure(daemon: Daemon, manager: socket.socket, watchdog: int) -> None:
    """Watch it for a while. What it still has to do after work, like ending its helpers, it does once."""
    ours = [daemon.process.pid, daemon.child()]
    for _ in range(1 if LONG else 5):
        others = [pid for pid in descendants(daemon.process.pid) if pid not in ours and is_alive(pid)]
        heard(manager)
        before, used = switches([*ours, *others]), ticks(ours)
        time.sleep(WATCHED)
        after, used = switches([*ours, *others]), ticks(ours) - used
        pings = heard(manager).count(b"WATCHDOG=1")
        if all(map(is_alive, others)) and (watchdog or after == before):
            break
    woken = {thread: count - before[thread] for thread, count in after.items() if count != before[thread]}
    memory = [resident(pid) for pid in ours]
    print(
        f"{WATCHED:.0f} s idle at {MANY} photos: {pings} pings, woken {woken}, {used * 10} ms processor time"
    )
    print(f"memory: parent {memory[0]:.0f} MB, child {memory[1]:.0f} MB; {len(others)} other processes")
    if watchdog:
        assert WATCHED / watchdog - 1 <= pings <= 2 * WATCHED / watchdog + 2
    else:
        assert pings == 0
    # One ping wakes the child, which sends it, and the parent, which passes it on.
    assert sum(woken.values()) <= 6 * pings, woken
    assert used <= 2 + pings
    assert sum(memory) < 120


def heard(manager: socket.socket) -> list[bytes]:
    """What came for the service manager."""
    lines = []
    with contextlib.suppress(BlockingIOError):
        while True:
            lines += manager.recv(65536).splitlines()
    return lines
