"""Messages to the service manager, without a parent between; the parent's share is in test_parent."""

import os
import socket
import sys
from pathlib import Path

import pytest

from faced.daemon.notify import CHILD, Notifier, is_journal, watchdog_interval


@pytest.fixture(autouse=True)
def no_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if nobody managed the tests."""
    for name in (CHILD, "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_manager_messages_go_nowhere() -> None:
    """`faced run` in a terminal."""
    notifier = Notifier()
    notifier.notify(READY=1)
    notifier.close()
    assert watchdog_interval() is None


def test_straight_to_the_manager(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One datagram a message, one line a field, whatever a value holds."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notifier = Notifier()
        notifier.notify(READY=1, STATUS="a\nb\r\nREADY=0 \udcff")
        assert manager.recv(4096) == b"READY=1\nSTATUS=a b READY=0 \\udcff"
    notifier.notify(STOPPING=1)  # nobody hears it


def test_to_the_parent_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And one that has gone is no error."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    monkeypatch.setenv(CHILD, str(theirs.fileno()))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nowhere"))
    with theirs:
        notifier = Notifier()
        with ours:
            notifier.notify(WATCHDOG=1)
            assert ours.recv(100) == b"WATCHDOG=1"
        notifier.notify(WATCHDOG=1)
        notifier.close()


@pytest.mark.parametrize(
    ("microseconds", "seconds"), [("120000000", 60.0), ("0", None), ("", None), ("soon", None)]
)
def test_the_watchdog_is_fed_twice_as_often_as_asked(
    monkeypatch: pytest.MonkeyPatch, microseconds: str, seconds: float | None
) -> None:
    """A ping a minute for WatchdogSec=120; none where none is wanted of this process."""
    monkeypatch.setenv("WATCHDOG_USEC", microseconds)
    assert watchdog_interval() == seconds
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert watchdog_interval() == seconds
    monkeypatch.setenv("WATCHDOG_PID", str(os.getppid()))
    assert watchdog_interval() is None


def test_the_journal_is_recognised(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only where standard error is what the manager made, not where it was redirected since."""
    with (tmp_path / "log").open("w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        status = os.fstat(stream.fileno())
        assert not is_journal()
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        assert is_journal()
        monkeypatch.setenv("JOURNAL_STREAM", "1:1")
        assert not is_journal()
    assert not is_journal()
