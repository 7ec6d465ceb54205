"""Pictures of faces that are known: their photos are read once more and the faces cut out, by workers.

Knows no store. A photo that cannot be read now, or holds another picture by now, gives none: that costs its faces
and nothing else.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from faced.errors import FacedError, Unreadable
from faced.faces.engine import DEFAULT_ENGINE
from faced.faces.pool import EncodePool, Pool, WorkerFailed, count_usable_workers
from faced.faces.reader import read_file
from faced.faces.worker import Crop, Cut, EngineSettings, NeedsRoom, Outcome, Task
from faced.model import ImageKey

__all__ = ["CropSource", "FaceCutter"]

NO_ENGINE: Final = EngineSettings(DEFAULT_ENGINE, 0, 0, Path())
"""Nothing is looked for, so none is opened."""
_DELAY: Final = 0.5  # s, between two calls of beat


@dataclass(frozen=True, slots=True)
class CropSource:
    """A photo with the faces that are wanted of it. files: that held the image `key`, each with its library's root."""

    key: ImageKey
    files: tuple[tuple[bytes, bytes], ...]
    crops: tuple[Crop, ...]


class FaceCutter:
    """Cuts faces out as long as it is open; its workers start with the first photo.

    workers, timeout, memory: as for EncodePool. beat: called about twice a second.
    """

    def __init__(
        self,
        *,
        workers: int | None = None,
        timeout: float = 60.0,
        memory: int | None = 3 << 30,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._workers = workers or count_usable_workers()
        self._timeout = timeout
        self._memory = memory
        self._beat = beat
        self._pool: Pool | None = None

    def cut(self, sources: Iterable[CropSource]) -> dict[str, bytes]:
        """The JPEGs, by their comments. Raises FacedError when no worker can be started."""
        found: dict[str, bytes] = {}
        large: list[CropSource] = []
        running: dict[Future[Outcome], CropSource] = {}
        for source in sources:
            while len(running) > self._workers:
                self._take(running, found, large)
            if (future := self._submit(source, alone=False)) is not None:
                running[future] = source
        while running:
            self._take(running, found, large)
        for source in large:
            if (future := self._submit(source, alone=True)) is not None:
                running[future] = source
            while running:
                self._take(running, found, [])
        return found

    def close(self) -> None:
        """End the workers."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def _submit(self, source: CropSource, *, alone: bool) -> "Future[Outcome] | None":
        data = _read(source)
        if data is None:
            return None
        if self._pool is None:
            self._pool = EncodePool(self._workers, timeout=self._timeout, memory=self._memory)
        return self._pool.submit(Task(NO_ENGINE, data, want_faces=False, alone=alone, crops=source.crops))

    def _take(
        self,
        running: "dict[Future[Outcome], CropSource]",
        found: dict[str, bytes],
        large: list[CropSource],
    ) -> None:
        self._beat()
        done, _ = wait(running, timeout=_DELAY, return_when=FIRST_COMPLETED)
        for future in done:
            source = running.pop(future)
            try:
                found.update(_by_comment(source.crops, future.result(timeout=0)))
            except NeedsRoom:
                large.append(source)
            except FacedError:
                raise
            except (Unreadable, WorkerFailed):
                continue


def _by_comment(crops: Sequence[Crop], outcome: Outcome) -> Mapping[str, bytes]:
    if not isinstance(outcome, Cut):
        raise TypeError(f"a worker that was to cut faces out gave {type(outcome).__name__}")
    return {crop.comment: picture for crop, picture in zip(crops, outcome.pictures, strict=True)}


def _read(source: CropSource) -> bytes | None:
    for file, root in source.files:
        result = read_file(file, root)
        if not isinstance(result, Unreadable) and result[2] == source.key:
            return result[0]
    return None
