"""The parent of the service, with real children: signals down, messages up, the exit status on, successors."""

import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from faced.daemon.parent import RESTART

ROOT = Path(__file__).parents[2]
PATIENCE = 60  # seconds; nothing here takes as much
RUN = "import sys; from faced.daemon.parent import run_parent; sys.exit(run_parent(sys.argv[2:], program=[sys.executable, sys.argv[1]]))"
HEAD = """
import os, signal, sys, time
from faced.daemon.notify import Notifier, watchdog_interval
from faced.daemon.parent import RESTART, attach_to_parent, is_child
attach_to_parent()
def say(*words): print(*words, flush=True)
"""


class Parent:
    """A parent with a child of ours, its output, and the manager's end of its messages."""

    def __init__(self, process: "subprocess.Popen[str]", manager: socket.socket) -> None:
        self.process = process
        self.manager = manager

    def line(self) -> str:
        """The next line that the child printed."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def message(self) -> bytes:
        """The next message that reached the service manager."""
        return self.manager.recv(65536)

    def signal(self, number: int) -> None:
        """To the parent."""
        self.process.send_signal(number)

    def end(self) -> int:
        """Its exit status."""
        return self.process.wait(PATIENCE)


@contextmanager
def started(
    folder: Path, body: str, *words: str, abstract: bool = False, **environment: str
) -> Iterator[Parent]:
    """A parent whose child runs the body."""
    program = folder / "child.py"
    program.write_text(HEAD + textwrap.dedent(body))
    address = f"@faced-test-{os.getpid()}-{folder.name}" if abstract else str(folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + address[1:] if abstract else address)
        manager.settimeout(PATIENCE)
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, program, *words],
            env={**os.environ, "PYTHONPATH": str(ROOT), "NOTIFY_SOCKET": address, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield Parent(process, manager)
        finally:
            process.kill()
            process.communicate()


def test_arguments_go_down_and_the_status_comes_up(tmp_path: Path) -> None:
    """The parent ends as its child did; it hides the manager's own variables from it."""
    body = """
    say(sys.argv[1:], is_child(), os.environ.get("NOTIFY_SOCKET"), os.environ.get("WATCHDOG_PID"))
    sys.exit(3)
    """
    with started(tmp_path, body, "a b", "--c") as parent:
        assert parent.line() == "['a b', '--c'] True None None"
        assert parent.end() == 3


def test_a_child_that_was_killed_counts_128_more(tmp_path: Path) -> None:
    """As shells count."""
    with started(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)") as parent:
        assert parent.end() == 128 + signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_wish_to_end_is_passed_on_once(tmp_path: Path, number: int) -> None:
    """The child ends in its own time and says how."""
    body = f"""
    got = []
    signal.signal({number}, lambda number, frame: got.append(number))
    say("here")
    while not got: signal.pause()
    time.sleep(0.3)
    say(got)
    sys.exit(0)
    """
    with started(tmp_path, body) as parent:
        assert parent.line() == "here"
        parent.signal(number)
        assert parent.line() == f"[{int(number)}]"
        assert parent.end() == 0


def test_an_early_wish_to_end_is_no_failure(tmp_path: Path) -> None:
    """A child that knows no signals yet is ended by this one; that was what was asked."""
    with started(tmp_path, "say('here'); time.sleep(1000)") as parent:
        assert parent.line() == "here"
        parent.signal(signal.SIGTERM)
        assert parent.end() == 0


def test_other_signals_wait_until_the_child_is_ready(tmp_path: Path) -> None:
    """One that came while the child knew it not would kill it."""
    body = """
    say("here")
    time.sleep(0.5)
    signal.signal(signal.SIGHUP, lambda number, frame: say("again"))
    Notifier().notify(READY=1)
    while True: signal.pause()
    """
    with started(tmp_path, body) as parent:
        assert parent.line() == "here"
        parent.signal(signal.SIGHUP)
        parent.signal(signal.SIGHUP)
        assert parent.message() == b"READY=1"
        assert parent.line() == "again"
        parent.signal(signal.SIGHUP)
        assert parent.line() == "again"


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_messages_reach_the_manager_from_the_parent(tmp_path: Path, abstract: bool) -> None:
    """In order, unchanged, the last words too; their sender is the main process of the service."""
    body = """
    notifier = Notifier()
    def end(*_):
        notifier.notify(STOPPING=1, STATUS="ending")
        sys.exit(0)
    signal.signal(signal.SIGTERM, end)
    notifier.notify(READY=1, STATUS="3 photos\\nleft")
    for number in range(50): notifier.notify(STATUS=f"Zoë {number}")
    while True: signal.pause()
    """
    with started(tmp_path, body, abstract=abstract) as parent:
        parent.manager.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        assert parent.message() == b"READY=1\nSTATUS=3 photos left"
        for number in range(50):
            message, more, _, _ = parent.manager.recvmsg(4096, socket.CMSG_SPACE(12))
            assert message == f"STATUS=Zoë {number}".encode()
            assert all(int.from_bytes(data[:4], sys.byteorder) == parent.process.pid for _, _, data in more)
        parent.signal(signal.SIGTERM)
        assert parent.message() == b"STOPPING=1\nSTATUS=ending"
        assert parent.end() == 0


def test_a_successor_is_no_end_of_the_service(tmp_path: Path) -> None:
    """A manager that is told STOPPING=1 kills what has not ended soon after."""
    body = """
    notifier = Notifier()
    if os.path.exists(sys.argv[1]):
        notifier.notify(READY=1, STATUS="again")
        time.sleep(1000)
    open(sys.argv[1], "w").close()
    notifier.notify(READY=1)
    notifier.notify(STOPPING=1)
    notifier.notify(STOPPING=1, STATUS="one moment")
    sys.exit(RESTART)
    """
    with started(tmp_path, body, str(tmp_path / "was here")) as parent:
        messages = [parent.message() for _ in range(4)]
    assert messages == [b"READY=1", b"STATUS=one moment", b"WATCHDOG=1", b"READY=1\nSTATUS=again"]


def test_a_manager_that_went_away_stops_nothing(tmp_path: Path) -> None:
    """Messages that cannot be delivered are dropped."""
    with started(
        tmp_path, "Notifier().notify(READY=1); sys.exit(4)", NOTIFY_SOCKET="/nowhere/at/all"
    ) as parent:
        assert parent.end() == 4


@pytest.mark.parametrize(("whose", "seen"), [("own", "60.0"), ("1", "None")])
def test_the_watchdog_is_passed_on(tmp_path: Path, whose: str, seen: str) -> None:
    """A ping a minute for 120 s; a watchdog that was meant for another process is none."""
    code = f"import os; os.environ['WATCHDOG_PID'] = str(os.getpid()); {RUN}" if whose == "own" else RUN
    program = tmp_path / "child.py"
    program.write_text(HEAD + "say(watchdog_interval())")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "WATCHDOG_USEC": "120000000", "WATCHDOG_PID": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, program], env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip() == seen, done.stderr


def test_a_child_gets_a_successor_when_it_asks(tmp_path: Path) -> None:
    """As often as it asks; the manager hears that the service lives."""
    body = """
    count = len(os.listdir(sys.argv[1]))
    open(f"{sys.argv[1]}/{count}", "w").close()
    say("child", count)
    sys.exit(RESTART if count < 3 else 5)
    """
    (tmp_path / "starts").mkdir()
    with started(tmp_path, body, str(tmp_path / "starts")) as parent:
        assert [parent.line() for _ in range(4)] == [f"child {number}" for number in range(4)]
        assert parent.end() == 5
        assert parent.message() == b"WATCHDOG=1"


def test_too_many_successors_are_waited_for_and_the_wait_can_be_ended(tmp_path: Path) -> None:
    """Five at once, then a pause, which is said; a wish to end is heard in it. Slow machines have longer."""
    program = tmp_path / "child.py"
    program.write_text(HEAD + "say('child'); sys.exit(RESTART)")
    longer = "import faced.daemon.parent as parent; parent._WITHIN = parent._PAUSE = 600; "
    process = subprocess.Popen(
        [sys.executable, "-c", longer + RUN, program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        assert process.stderr.readline() == "faced began anew 6 times within 600 s; the next time in 600 s\n"
        process.terminate()
        printed, _ = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert (process.returncode, printed) == (0, "child\n" * 6)


def test_no_successor_after_a_wish_to_end(tmp_path: Path) -> None:
    """Both at once: the end it is."""
    body = f"""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit({RESTART}))
    say("here")
    time.sleep(1000)
    """
    with started(tmp_path, body) as parent:
        assert parent.line() == "here"
        parent.signal(signal.SIGTERM)
        assert parent.end() == 0
        assert parent.line() == ""


def test_the_child_does_not_outlive_its_parent(tmp_path: Path) -> None:
    """Not even one that hears no signal, when the parent is killed."""
    body = """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)
    say(os.getpid())
    time.sleep(1000)
    """
    with started(tmp_path, body) as parent:
        handle = os.pidfd_open(int(parent.line()))
        parent.process.kill()
        assert select.select([handle], [], [], PATIENCE)[0]
        os.close(handle)


def test_a_child_whose_parent_died_first_ends_at_once(tmp_path: Path) -> None:
    """Between its start and the moment when the kernel was told."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.close()
    with theirs:
        done = subprocess.run(
            [sys.executable, "-c", HEAD + "say('alive')"],
            env={**os.environ, "PYTHONPATH": str(ROOT), "FACED_CHILD": str(theirs.fileno())},
            pass_fds=[theirs.fileno()],
            stdout=subprocess.PIPE,
            timeout=PATIENCE,
            check=False,
        )
    assert (done.returncode, done.stdout) == (1, b"")


def test_ctrl_z_stops_both_and_both_go_on(tmp_path: Path) -> None:
    """The child is in a group of its own, so the parent has to see to it."""
    body = "say(os.getpid())\nwhile True: time.sleep(0.05)"
    with started(tmp_path, body) as parent:
        child = int(parent.line())
        parent.signal(signal.SIGTSTP)
        wait_for_state(parent.process.pid, "T")
        wait_for_state(child, "T")
        parent.signal(signal.SIGCONT)
        wait_for_state(child, "SR")
        parent.signal(signal.SIGTERM)
        assert parent.end() == 0


def wait_for_state(process: int, letters: str) -> None:
    """Until /proc says that the process is in one of these states."""
    until = time.monotonic() + PATIENCE
    while Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in letters:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_the_parent_sleeps(tmp_path: Path) -> None:
    """Nothing wakes it while nothing happens."""
    with started(tmp_path, "Notifier().notify(READY=1); say('here'); time.sleep(1000)") as parent:
        assert parent.line() == "here"
        assert parent.message() == b"READY=1"
        until, before = time.monotonic() + PATIENCE, ""
        while (now := count_switches(parent.process.pid)) != before:
            assert time.monotonic() < until
            before = now
            time.sleep(1.5)


def count_switches(process: int) -> str:
    """How often it gave up the processor by itself: once for each time it slept."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(line for line in lines if line.startswith("voluntary_ctxt_switches"))


def test_the_parent_loads_nothing_of_the_rooms(tmp_path: Path) -> None:
    """`faced run` up to the parent: no numpy, no database, no YAML, no pass."""
    code = "import sys, faced.__main__, faced.daemon.parent; print(*sys.modules)"
    printed = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    )
    loaded = set(printed.stdout.split())
    heavy = {
        "numpy",
        "sqlite3",
        "yaml",
        "PIL",
        "onnxruntime",
        "dlib",
        "sklearn",
        "watchdog",
        "rich",
        "logging",
        "ctypes",
    }
    assert not loaded & heavy
    ours = {name.split(".")[1] for name in loaded if name.startswith("faced.")}
    assert ours <= {"__main__", "cli", "daemon", "errors"}


def test_a_program_that_is_gone_is_told(tmp_path: Path) -> None:
    """An upgrade may have taken the interpreter away; the service manager tries again later."""
    code = "import sys; from faced.daemon.parent import run_parent; sys.exit(run_parent([], program=['/no/python']))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (
        1,
        "faced: /no/python cannot be started: No such file or directory\n",
    )
