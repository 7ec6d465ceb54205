"""How long the stages of the work take: a stopwatch for each thread, always running.

Two clock readings a stage, a few microseconds a photo. Decides nothing; what a stage is called is said where it
is done. A stage inside of another is counted for itself only, so all of them add up to the time that passed.
"""

import threading
from collections.abc import Iterable, Mapping
from time import perf_counter
from types import TracebackType
from typing import Final

__all__ = ["STAGES", "add_up", "stage", "take_seconds"]

STAGES: Final = (
    "read",
    "hash",
    "header",
    "decode",
    "copies",
    "propose",
    "judge",
    "detect",
    "turned",
    "chip",
    "embed",
    "store",
)
"""In the order in which a photo goes through them.

copies: the hash by which near-copies are known. detect, turned: what else it takes to find faces, and to find out
how a photo without a sure one must be turned.
"""


class _Watch(threading.local):
    """Of one thread. since: when the innermost stage went on."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self.since = 0.0
        self.seconds: dict[str, float] = {}

    def switch(self) -> None:
        now = perf_counter()
        if self.open:
            name = self.open[-1]
            self.seconds[name] = self.seconds.get(name, 0.0) + now - self.since
        self.since = now


_watch = _Watch()


class stage:  # noqa: N801 - reads as a statement: with stage("decode")
    """While the block runs, this thread's time is that stage's."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        _watch.switch()
        _watch.open.append(self._name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _watch.switch()
        _watch.open.pop()


def take_seconds() -> dict[str, float]:
    """Stage -> seconds of this thread since the last call."""
    taken, _watch.seconds = _watch.seconds, {}
    return taken


def add_up(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Stage -> seconds of all of these."""
    total: dict[str, float] = {}
    for part in parts:
        for name, seconds in part.items():
            total[name] = total.get(name, 0.0) + seconds
    return total
