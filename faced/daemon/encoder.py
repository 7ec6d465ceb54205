"""The thread that empties the queue of photos, with a database connection of its own.

Its workers stay for a while after the last photo, so that the next one is quick, and then end: idle, faced costs
no memory for them. Decides nothing about when; what went wrong is told, and tried again when it is kicked again.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final, TypeAlias

from faced.errors import FacedError
from faced.faces.encode import EncodeReport, Progress, encode_photos
from faced.faces.pool import Pool, count_usable_workers
from faced.faces.pools import make_pool
from faced.faces.worker import Task
from faced.passes.full import engine_settings
from faced.passes.places import Run
from faced.store.database import open_store

__all__ = ["Advanced", "Encoder", "EncoderEvent", "Ended"]

_KEEP: Final = 60.0  # s after the last photo
_CLOSE: Final = 4.0  # s, for what is in flight when faced ends


@dataclass(frozen=True, slots=True)
class Advanced:
    """Results were stored. done, total: photos of this run."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A run is over. error: why it could not go on."""

    report: EncodeReport | None
    error: str | None = None


EncoderEvent: TypeAlias = Advanced | Ended


class Encoder:
    """Runs when kicked. tell: called from its thread with what happened; must return at once."""

    def __init__(self, run: Run, tell: Callable[[EncoderEvent], None]) -> None:
        self._run = run
        self._engine = engine_settings(run)
        self._tell = tell
        self._orders: SimpleQueue[str] = SimpleQueue()
        self._halt = threading.Event()
        self._pool: Pool | None = None
        self._used = 0.0
        self._thread = threading.Thread(target=self._serve, name="encoder", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether it still obeys."""
        return self._thread.is_alive()

    def warm(self) -> None:
        """A photo is on its way: get a worker ready."""
        if self._pool is None and self._run.config.encode_cluster is None:
            self._orders.put("warm")

    def kick(self) -> None:
        """There may be photos in the queue. An Ended follows."""
        self._halt.clear()
        self._orders.put("encode")

    def halt(self) -> None:
        """Stop where it is; what is done is stored. Returns at once."""
        self._halt.set()

    def close(self) -> None:
        """Stop, and end the workers."""
        self._halt.set()
        self._orders.put("end")
        self._thread.join(_CLOSE)

    def _serve(self) -> None:
        while True:
            left = None if self._pool is None else max(0.0, self._used + _KEEP - time.monotonic())
            try:
                order = self._orders.get(timeout=left)
            except Empty:
                self._end_pool()
                continue
            if order == "end":
                self._end_pool()
                return
            self._obey(order)
            self._used = time.monotonic()

    def _obey(self, order: str) -> None:
        if order == "warm":
            if self._pool is None:
                self._open_pool().submit(Task(self._engine, None))
            return
        try:
            report = self._encode()
        except FacedError as error:
            self._end_pool()
            self._tell(Ended(None, str(error)))
        except Exception as error:  # a full disk, a bug: the daemon lives on and tries again
            self._end_pool()
            self._tell(Ended(None, f"reading new photos failed ({type(error).__name__}: {error})"))
        else:
            self._tell(Ended(report))

    def _encode(self) -> EncodeReport:
        config = self._run.config
        stored = 0

        def progress(now: Progress) -> None:
            nonlocal stored
            if now.done != stored:
                stored = now.done
                self._tell(Advanced(now.done, now.total))

        with open_store(self._run.state) as store:
            return encode_photos(
                store,
                self._engine,
                workers=config.encode_workers,
                timeout=config.encode_timeout,
                memory=config.encode_memory,
                progress=progress,
                stop=self._halt,
                pool=self._open_pool(),
            )

    def _open_pool(self) -> Pool:
        if self._pool is None:
            config = self._run.config
            self._pool = make_pool(
                self._engine,
                config.encode_workers or count_usable_workers(),
                timeout=config.encode_timeout,
                memory=config.encode_memory,
                cluster=config.encode_cluster,
            )
        return self._pool

    def _end_pool(self) -> None:
        if self._pool is not None:
            self._pool.close()
            self._pool = None
