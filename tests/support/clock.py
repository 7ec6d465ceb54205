"""A clock that a test moves, over real files: these are dated by the kernel, whose time nobody can move."""

import time
from collections.abc import Callable

from faced.clock import Clock

__all__ = ["MovableClock"]

REALTIME_COARSE = 5
"""Linux dates files by it."""


class MovableClock(Clock):
    """Real time passes as well. What was changed before a jump is that much older after it, what is changed after it
    is not; of what cannot be told apart, since the kernel's clock had not ticked in between, the younger is said.

    meanwhile: what happens while somebody sleeps, one thing at a time.
    """

    def __init__(self) -> None:
        self._ahead = 0
        self._jumps: list[tuple[int, int]] = []
        self.meanwhile: list[Callable[[], None]] = []
        self._is_asleep = False

    def now_ns(self) -> int:
        """UTC nanoseconds."""
        return time.time_ns() + self._ahead

    def age_ns(self, stamp_ns: int) -> int:
        """Of a file with this time."""
        ahead = next((after for at, after in reversed(self._jumps) if at <= stamp_ns), 0)
        return self.now_ns() - stamp_ns - ahead

    def sleep(self, seconds: float) -> None:
        """Time passes at once, and somebody else is at work."""
        self._jump(seconds, is_exact=not self._is_asleep)
        self._is_asleep = True
        if self.meanwhile:
            self.meanwhile.pop(0)()
            self._is_asleep = False

    def let_all_happen(self) -> None:
        """What has not happened yet."""
        while self.meanwhile:
            self.meanwhile.pop(0)()

    def move(self, seconds: float) -> None:
        """Let time pass between two passes."""
        self._jump(seconds, is_exact=True)

    def wake(self) -> None:
        """A pass is over: files may have changed."""
        self._is_asleep = False

    def _jump(self, seconds: float, *, is_exact: bool) -> None:
        tick = _kernel_time()
        while is_exact and _kernel_time() == tick:
            pass
        self._ahead += int(seconds * 1e9)
        self._jumps.append((_kernel_time(), self._ahead))


def _kernel_time() -> int:
    return time.clock_gettime_ns(REALTIME_COARSE)
