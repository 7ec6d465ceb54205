"""A thread that hears of every mount and unmount, for inotify tells of none.

Polls /proc/self/mountinfo without a time limit: it costs nothing while nothing is mounted. Where there is no
such file, nothing is heard. What changed is not its business.
"""

import contextlib
import os
import select
import threading
from collections.abc import Callable

__all__ = ["MountPoll"]


class MountPoll:
    """Calls `changed` from its own thread after each change of the mounts, until it is closed."""

    def __init__(self, changed: Callable[[], None], path: str = "/proc/self/mountinfo") -> None:
        self._changed = changed
        self._stop = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread: threading.Thread | None = None
        with contextlib.suppress(OSError):
            mounts = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self._thread = threading.Thread(target=self._run, args=(mounts,), name="mounts", daemon=True)
            self._thread.start()

    def _run(self, mounts: int) -> None:
        try:
            poll = select.poll()
            poll.register(mounts, select.POLLERR | select.POLLPRI)
            poll.register(self._stop, select.POLLIN)
            while not any(handle == self._stop for handle, _ in poll.poll()):
                self._changed()
        finally:
            os.close(mounts)

    def close(self) -> None:
        """Ends the thread and waits for it. To be called once."""
        os.eventfd_write(self._stop, 1)
        if self._thread:
            self._thread.join()
        os.close(self._stop)
