"""The parent of `faced run`: not confined, knows no photos, and does next to nothing.

The kernel's rules on a confined process hang on the folders that were there when they were made. So the work
is done by a child, and when a folder has become another one, the child ends with RESTART and gets a
successor. The parent passes signals down, sd_notify messages up, and the exit status on. It sleeps
until one of them comes. Imports the standard library only, and little of it.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Final

from faced.daemon.notify import CHILD, deliver, is_journal

__all__ = ["CHILD", "RESTART", "attach_to_parent", "is_child", "run_parent"]

RESTART: Final = 75
"""The exit status with which a child asks for a successor."""

_MANY_RESTARTS, _WITHIN, _PAUSE = 5, 10.0, 5.0  # seconds
_END: Final = frozenset({signal.SIGTERM, signal.SIGINT})
_AT_ONCE: Final = (
    *_END,
    signal.SIGABRT,
)  # SIGABRT is the watchdog's; with faulthandler it says where the child hung
_WHEN_READY: Final = (
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
)  # they would kill a child that knows them not yet
_PR_SET_PDEATHSIG: Final = 1
_LONGEST_MESSAGE: Final = 1 << 16
_PROGRAM: Final = (sys.executable, "-P", "-m", "faced")


def is_child() -> bool:
    """Whether this process was started by run_parent."""
    return CHILD in os.environ


def attach_to_parent() -> None:
    """To be called first thing in a child: it ends when its parent does, whatever ends that."""
    end = int(os.environ[CHILD])
    os.set_inheritable(end, False)
    signal.signal(
        signal.SIGTTOU, signal.SIG_IGN
    )  # it may write to the terminal, though in a group of its own
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(
            _PR_SET_PDEATHSIG, *map(ctypes.c_ulong, (signal.SIGKILL, 0, 0, 0))
        )
    poll = select.poll()
    poll.register(end, 0)  # a parent that died before the line above has closed its end
    if poll.poll(0):
        os._exit(1)


def run_parent(arguments: Sequence[str], *, program: Sequence[str] = _PROGRAM) -> int:
    """Run `faced` with the arguments as a child until it ends for good, and return the exit status.

    That is the child's own, 128 + n when signal n ended it, or 0 when it was asked to end and did not get as far as
    ending by itself. To be called in the main thread.
    """
    return _Parent([*program, *arguments]).run()


class _Parent:
    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._asked_to_end: int | None = None
        self._restarts: deque[float] = deque(maxlen=_MANY_RESTARTS)
        self._signals, self._wake = socket.socketpair()
        for end in (self._signals, self._wake):
            end.setblocking(False)

    def run(self) -> int:
        restore = self._listen()
        try:
            while True:
                try:
                    child = _Child(self._command)
                except OSError as error:
                    _say(f"faced: {self._command[0]} cannot be started: {error.strerror}")
                    return 1
                status = child.serve(self._signals, self._note_signal)
                if status != RESTART or self._asked_to_end is not None:
                    return self._judge(status)
                self._pause_after_many()
                if self._asked_to_end is not None:
                    return 0
                deliver(b"WATCHDOG=1")
        finally:
            restore()
            self._signals.close()
            self._wake.close()

    def _judge(self, status: int) -> int:
        if self._asked_to_end is not None and status in (RESTART, -signal.SIGTERM):
            return 0
        return 128 - status if status < 0 else status

    def _listen(self) -> Callable[[], None]:
        """Signals come as bytes through a socket, so that one poll waits for everything."""
        before = signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        numbers = (*_AT_ONCE, *_WHEN_READY, signal.SIGTSTP, signal.SIGCHLD)
        handlers = {number: signal.signal(number, _ignore) for number in numbers}

        def restore() -> None:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before)

        return restore

    def _note_signal(self, number: int) -> None:
        if number in _END:
            self._asked_to_end = number

    def _pause_after_many(self) -> None:
        now = time.monotonic()
        is_many = len(self._restarts) == _MANY_RESTARTS and now - self._restarts[0] < _WITHIN
        self._restarts.append(now)
        if not is_many:
            return
        _say(
            f"faced began anew {_MANY_RESTARTS + 1} times within {_WITHIN:.0f} s; the next time in {_PAUSE:.0f} s"
        )
        until = now + _PAUSE
        while self._asked_to_end is None and (left := until - time.monotonic()) > 0:
            if select.select([self._signals], [], [], left)[0]:
                for number in self._signals.recv(4096):
                    self._note_signal(number)


class _Child:
    """One child, from its start to its end."""

    def __init__(self, command: Sequence[str]) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, _KIND)
        environment = {k: v for k, v in os.environ.items() if k not in ("NOTIFY_SOCKET", "WATCHDOG_PID")}
        if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
            environment.pop("WATCHDOG_USEC", None)  # it was meant for another process
        environment[CHILD] = str(theirs.fileno())
        with theirs:
            # In a group of its own: Ctrl-C reaches the parent only, and the child once.
            self._process = subprocess.Popen(
                command, env=environment, pass_fds=[theirs.fileno()], process_group=0
            )
        self._is_ready = self._is_ending = False
        self._held_back: list[int] = []

    def serve(self, signals: socket.socket, note: Callable[[int], None]) -> int:
        """Pass on what comes until the child has ended; its returncode."""
        poll = select.poll()
        poll.register(signals, select.POLLIN)
        poll.register(self._socket, select.POLLIN)
        with self._socket:
            while True:
                for handle, _ in poll.poll():
                    if handle == self._socket.fileno() and not self._pass_up():
                        poll.unregister(handle)  # closed; what is left is to wait for its end
                    elif handle == signals.fileno():
                        for number in signals.recv(4096):
                            note(number)
                            self._pass_down(number)
                if self._process.poll() is not None:
                    while self._pass_up(socket.MSG_DONTWAIT):
                        pass  # its last words
                    return self._process.returncode

    def _pass_up(self, flags: int = 0) -> bool:
        try:
            message = self._socket.recv(_LONGEST_MESSAGE, flags)
        except OSError:
            return False
        if not message:
            return False
        lines = message.split(b"\n")
        if not self._is_ending:  # the child ends, but the service does not: a manager would count the seconds
            lines = [line for line in lines if line != b"STOPPING=1"]
        if lines:
            deliver(b"\n".join(lines))
        if b"READY=1" in lines:
            self._is_ready = True
            for number in self._held_back:
                self._process.send_signal(number)
            self._held_back.clear()
        return True

    def _pass_down(self, number: int) -> None:
        self._is_ending = self._is_ending or number in _END
        if number in _AT_ONCE or (number in _WHEN_READY and self._is_ready):
            self._process.send_signal(number)
        elif number in _WHEN_READY and number not in self._held_back:
            self._held_back.append(number)
        elif number == signal.SIGTSTP:  # Ctrl-Z
            self._process.send_signal(signal.SIGSTOP)
            os.kill(os.getpid(), signal.SIGSTOP)
            self._process.send_signal(signal.SIGCONT)


_KIND: Final = socket.SOCK_SEQPACKET if sys.platform == "linux" else socket.SOCK_DGRAM


def _say(line: str) -> None:
    print(f"<4>{line}" if is_journal() else line, file=sys.stderr, flush=True)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """The number has come through the socket already."""
