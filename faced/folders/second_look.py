"""Whether what may be half of a gesture has been so for long enough to be acted upon. Pure."""

from typing import Protocol

__all__ = ["Looking", "find_due", "first_seen"]


class Looking(Protocol):
    """now_ns, second_look_ns: UTC nanoseconds and nanoseconds. trust_first: no second look is waited for."""

    @property
    def now_ns(self) -> int: ...
    @property
    def second_look_ns(self) -> int: ...
    @property
    def trust_first(self) -> bool: ...


def first_seen(before: int | None, now_ns: int) -> int:
    """When it was first seen, UTC nanoseconds. before: as an earlier look noted it; a clock that was set back begins anew."""
    return now_ns if before is None else min(before, now_ns)


def find_due(seen: int, looking: Looking) -> int | None:
    """When the second look is due for what was first seen then; None: this look is one."""
    due = seen + looking.second_look_ns
    return None if looking.trust_first or looking.now_ns >= due else due
