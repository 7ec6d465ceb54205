"""A library, a store and the encode step, for tests; and a script that runs it where it can be killed."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from faced.faces.encode import EncodeReport, Progress, encode_photos
from faced.faces.pool import EncodePool, Pool, WorkerFailed
from faced.faces.worker import EngineSettings, Outcome, Task
from faced.library.step import scan_libraries
from faced.model import FileStamp
from faced.store.database import Store, open_store
from faced.store.photos import set_libraries
from tests.support import workers

__all__ = ["LONG_AGO", "NOW", "Album", "Through", "no_pool", "settings_at"]

NOW = 1_700_000_000.0
"""The time on the clock of all tests, s."""

LONG_AGO = NOW - 86_400.0


def settings_at(cache: Path, views: int = 2) -> EngineSettings:
    """The default engine."""
    return EngineSettings("dlib-onnx", 800, views, cache)


class Album:
    """A library `lib` with its store. Scans are real."""

    def __init__(self, base: Path, store: Store) -> None:
        self.base, self.store = base, store
        self.lib = base / "lib"
        self.lib.mkdir(exist_ok=True)
        self._last = LONG_AGO
        with store.write() as db:
            set_libraries(db, [os.fsencode(self.lib)], exact=True)

    def put(self, name: str | bytes, data: bytes, *, age: float | None = None) -> Path:
        """Write a file; without `age` (seconds) each is a second younger than the one before, and a day old."""
        path = self.lib / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self._last += 1
        time = self._last if age is None else NOW - age
        os.utime(path, (time, time))
        return path

    def scan(self) -> None:
        """The library step."""
        scan_libraries(self.store, None)

    def encode(
        self, pool: Pool | None, settings: EngineSettings | None = None, **options: Any
    ) -> EncodeReport:
        """The encode step, with the tests' clock."""
        chosen = settings or settings_at(self.base / "models")
        return encode_photos(self.store, chosen, pool=pool, workers=2, clock=lambda: NOW, **options)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query gives."""
        return [tuple(row) for row in self.store.db.execute(sql).fetchall()]

    def photos(self) -> dict[str, tuple[int, str | None, int | None, str | None]]:
        """path -> (stale, image key, orientation, taken)."""
        rows = self.rows(
            "SELECT path, stale, key, orientation, taken FROM photos LEFT JOIN images ON images.id = image"
        )
        return {os.fsdecode(path): tuple(rest) for path, *rest in rows}

    def quarantine(self) -> dict[str, tuple[str, int]]:
        """path -> (reason, later)."""
        rows = self.rows("SELECT path, reason, later FROM quarantine JOIN photos ON photos.id = photo")
        return {os.fsdecode(path): (reason, later) for path, reason, later in rows}

    def stamp(self, name: str) -> FileStamp:
        """As in the photo's row."""
        ((*stamp,),) = self.store.db.execute(
            "SELECT size, mtime_ns, ctime_ns, ino FROM photos WHERE path = ?", [os.fsencode(name)]
        ).fetchall()
        return FileStamp(*stamp)

    def faces(self) -> dict[str, list[int]]:
        """image key -> ids of its faces."""
        found: dict[str, list[int]] = {}
        for key, face in self.rows("SELECT key, faces.id FROM faces JOIN images ON images.id = image"):
            found.setdefault(key, []).append(face)
        return found


class Through:
    """A pool that asks before each photo: go on (to `inner`), or fail so."""

    def __init__(self, inner: Pool | None, ask: Callable[[], WorkerFailed | None]) -> None:
        self._inner = inner
        self._ask = ask

    @property
    def workers(self) -> int:
        """See Pool."""
        return self._inner.workers if self._inner else 1

    def submit(self, task: Task) -> "Future[Outcome]":
        """See Pool. Getting the engine ready is not asked about."""
        failure = self._ask() if task.data is not None else None
        if failure is None and self._inner:
            return self._inner.submit(task)
        answer: Future[Outcome] = Future()
        if failure:
            answer.set_exception(failure)
        else:
            answer.set_result(None)
        return answer

    def close(self) -> None:
        """The inner pool is closed by whoever made it."""


def no_pool() -> Pool:
    """Blows up when anything is to be computed."""

    def blow_up() -> None:
        raise AssertionError("something was computed again")

    return Through(None, blow_up)


def main(base: Path, kill_after: int) -> None:
    """Encode the album of `base`; kill this very process when so many photos are done (0: never)."""

    def progress(now: Progress) -> None:
        if kill_after and now.done >= kill_after:
            os.kill(os.getpid(), 9)

    pool = EncodePool(1, function=workers.fragile_quick)
    with open_store(base / "state") as store:
        Album(base, store).encode(pool, progress=progress)
    pool.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
