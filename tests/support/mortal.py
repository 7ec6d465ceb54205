"""Passes that die: at the n-th change that is made to the tree or the database after a stage has begun."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from faced.folders import adopt, read, sync
from faced.folders.writer import KernelWriter
from faced.passes import pictures
from faced.store.database import Store
from tests.support.squares import SquareCutter

__all__ = ["STAGES", "Killed", "Mortal", "writers"]

STAGES = ("look", "read", "decide", "show")


class Killed(BaseException):
    """The process dies here."""


class Mortal:
    """Dies at the n-th change that is made to the tree or the database after a stage of the pass has begun."""

    def __init__(self, kill: tuple[str, int] | None) -> None:
        self._kill = kill
        self.left: int | None = None

    def begin(self, stage: str) -> None:
        if self._kill is not None and stage == self._kill[0]:
            self.left = self._kill[1]

    def tick(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise Killed

    def writer(self) -> Any:
        return _MortalWriter(self)

    def guard(self, store: Store) -> None:
        inner = store.write

        @contextmanager
        def write() -> Iterator[Any]:
            self.tick()
            with inner() as db:
                yield db
                self.tick()
            self.tick()

        store.write = write  # type: ignore[method-assign]


class _MortalWriter:
    def __init__(self, mortal: Mortal) -> None:
        self._mortal = mortal
        self._inner = KernelWriter()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)

        def call(*args: Any) -> Any:
            self._mortal.tick()
            return method(*args)

        return call


@contextmanager
def writers(make: Callable[[], Any]) -> Iterator[None]:
    before = [(room, room.KernelWriter) for room in (read, sync, adopt)]
    for room, _ in before:
        room.KernelWriter = make  # type: ignore[attr-defined]
    cutter, pictures.FaceCutter = pictures.FaceCutter, SquareCutter  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        pictures.FaceCutter = cutter  # type: ignore[misc]
        for room, writer in before:
            room.KernelWriter = writer  # type: ignore[attr-defined]
