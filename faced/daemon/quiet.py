"""Whether the user's hands are off the people folder, told apart from what faced itself did there."""

import time

from faced.folders.quiet import newest_change

__all__ = ["Quiet"]


class Quiet:
    """Of one people folder. settle: seconds without a change after which a gesture is taken to be over."""

    def __init__(self, root: bytes, settle: float) -> None:
        self._root = root
        self._settle = settle
        self._own_change = (
            0  # UTC nanoseconds; nothing else has changed since, or somebody within the same moment
        )
        self._strange: tuple[int, float] | None = None

    def note_own(self) -> None:
        """All that has changed until now is our own doing, and was looked at."""
        self._own_change = newest_change(self._root)

    @property
    def settle_now(self) -> float:
        """Seconds to leave the folder alone after a change that was just heard of; none after our own."""
        return 0.0 if newest_change(self._root) == self._own_change else self._settle

    def seconds_left(self) -> float:
        """Until it will have been quiet long enough, if nothing happens; 0 or less: it is."""
        newest, now = newest_change(self._root), time.time_ns()
        if newest == self._own_change:
            return 0.0
        if newest <= now:
            return newest / 1e9 + self._settle - now / 1e9
        if (
            self._strange is None or self._strange[0] != newest
        ):  # another machine's clock: it counts from now on
            self._strange = (newest, time.monotonic())
        return self._strange[1] + self._settle - time.monotonic()
