"""What time it is, and letting it pass: a pass is given a clock, so that nobody need wait to see what waiting does."""

import time
from datetime import UTC, datetime

__all__ = ["CLOCK", "Clock"]


class Clock:
    """The computer's own."""

    def now_ns(self) -> int:
        """UTC nanoseconds."""
        return time.time_ns()

    def now(self) -> datetime:
        """UTC."""
        return datetime.fromtimestamp(self.now_ns() / 1e9, UTC)

    def age_ns(self, stamp_ns: int) -> int:
        """How long ago a file was changed that has this time; below 0 when it was dated by a clock that is ahead."""
        return self.now_ns() - stamp_ns

    def sleep(self, seconds: float) -> None:
        """Let so much time pass."""
        time.sleep(seconds)


CLOCK = Clock()
