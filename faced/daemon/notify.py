"""sd_notify: tells whoever started the service that it is ready, what it does, that it is alive.

Decides only where a message goes: to the parent that passes it on, to $NOTIFY_SOCKET itself, or nowhere.
A message that cannot be delivered is dropped. Imports next to nothing, for the parent uses it too.
"""

import os
import socket
import sys
from contextlib import suppress
from typing import Final

__all__ = ["CHILD", "Notifier", "deliver", "is_journal", "watchdog_interval"]

CHILD: Final = "FACED_CHILD"
"""The environment variable with the number of a child's end of the socket to its parent."""


class Notifier:
    """One for the life of a process; any thread may use it."""

    def __init__(self) -> None:
        self._parent: socket.socket | None = None
        if CHILD in os.environ:
            self._parent = socket.socket(fileno=os.dup(int(os.environ[CHILD])))
            self._parent.settimeout(1)  # a parent that is stopped does not stop the service

    def notify(self, **fields: object) -> None:
        """notify(READY=1, STATUS="12 photos left"). Line breaks in a value become spaces."""
        lines = [f"{name}={' '.join(str(value).splitlines())}" for name, value in fields.items()]
        message = "\n".join(lines).encode("utf-8", "backslashreplace")
        if self._parent is None:
            deliver(message)
            return
        with suppress(OSError):
            self._parent.send(message)

    def close(self) -> None:
        """To be called last."""
        if self._parent is not None:
            self._parent.close()


def deliver(message: bytes) -> None:
    """To $NOTIFY_SOCKET, where there is one."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.settimeout(5)
        out.sendto(message, "\0" + address[1:] if address[0] == "@" else address)


def watchdog_interval() -> float | None:
    """Seconds between two WATCHDOG=1, half of what the service manager waits; None: it does not."""
    whose = os.environ.get("WATCHDOG_PID") or str(os.getpid())
    if CHILD not in os.environ and whose != str(os.getpid()):
        return None
    try:
        microseconds = int(os.environ.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return microseconds / 2e6 if microseconds > 0 else None


def is_journal() -> bool:
    """Whether standard error goes to the journal, which takes a `<n>` before a line for its priority."""
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):  # closed, or no file
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
