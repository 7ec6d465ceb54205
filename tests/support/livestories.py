"""Households in which the daemon runs: its own loop, hearing, settling, reading, deciding and showing, in a thread each.

Left out are only signals, the engine (see wordphotos), and the processes beside it: photos are encoded, who is who is
decided and face pictures are made in this one.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlite_utils import Database

from faced.config import Config
from faced.daemon import schedule, service
from faced.daemon.encoder import EncoderEvent, Ended
from faced.daemon.service import Service
from faced.faces.encode import EncodeReport
from faced.library.watch.observer import RootObserver
from faced.passes import pictures, steps
from faced.passes.beside import wake_daemon
from faced.passes.decide import Question, decide_here
from faced.passes.gestures import take_back_gestures
from faced.passes.places import Places, Run
from faced.people.recluster import Decision
from faced.sandbox import SWITCHED_OFF
from faced.store.asks import add_request, answer_ask, load_asks, load_requests, load_undecided
from faced.store.database import open_reader, open_store
from tests.support.squares import SquareCutter
from tests.support.wordphotos import engine_record, read_new_photos
from tests.support.wordworld import World

__all__ = ["LiveHome", "running_at", "wait_until_calm"]

SETTLE, SECOND_LOOK = 0.3, 1.0
VERIFY_AFTER = 0.5
"""s until it is seen whether new folders are heard."""
PATIENCE, AGAIN = 120.0, 3.0
"""s that a household may take to be done; s after which a mark is made once more, for nobody may have listened."""
MARK = b".heard "
"""What is heard of a folder called so was heard after all that was done before."""


class _Deciding:
    """The deciding process, in this one."""

    is_running = False

    def warm(self) -> None:
        pass

    def decide(
        self, question: Question, beat: Callable[[], None], progress: Callable[[int, int], None]
    ) -> Decision | None:
        return decide_here(question)

    def close(self) -> None:
        pass


class _Encoder:
    """The encoder, at once."""

    is_alive = True

    def __init__(self, run: Run, tell: Callable[[EncoderEvent], None]) -> None:
        self._run = run
        self._tell = tell

    def warm(self) -> None:
        pass

    def kick(self) -> None:
        with open_store(self._run.state) as store:
            count = read_new_photos(store, 0)
        self._tell(Ended(EncodeReport(encoded=count)))

    def close(self) -> None:
        pass

    halt = close


class _Watched(Service):
    """Says whether it has nothing to do, and which marks it has heard of by then."""

    is_resting = False
    marks: frozenset[bytes] = frozenset()

    def _take_in(self) -> None:
        marks = frozenset(_heard)
        super()._take_in()
        self.marks = marks

    def _wait(self, until: float | None) -> None:
        self.is_resting = self._inbox.empty() and (until is None or until > time.monotonic() + 4)
        super()._wait(until)
        self.is_resting = False


_heard: set[bytes] = set()
"""Marks of all households of which a watcher told."""


def _take(self: RootObserver, kind: str, paths: Iterable[bytes], *, is_folder: bool) -> None:
    found = list(paths)
    _TAKE(self, kind, found, is_folder=is_folder)
    _heard.update(path for path in found if os.path.basename(path).startswith(MARK))


_TAKE = RootObserver.take


class LiveHome:
    """A household, closed, whose daemon runs."""

    def __init__(self, world: World) -> None:
        self.people = world.people
        config = Config(
            people_min_photos=world.min_photos,
            people_settle=SETTLE,
            people_second_look=SECOND_LOOK,
            library_settle=0.1,
            cluster_eps=world.eps,
        )
        self.run = Run(world.run.state, config)
        self.error: BaseException | None = None
        self._library = world.library
        self._marks: list[bytes] = []
        self._marked = 0.0
        self._service: _Watched | None = None
        self._is_over = False
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def _live(self) -> None:
        try:
            with steps.open_state(self.run) as store:
                places = Places((), os.fsencode(self.people))
                daemon = self._service = _Watched(self.run, store, places, SWITCHED_OFF, lambda _: True)
                daemon._deciding._child = _Deciding()  # type: ignore[assignment]
                daemon._settle_in()
                daemon._look_into_store()
                while not self._is_over:
                    daemon._live()
                daemon._ears.close()
        except BaseException as error:
            self.error = error

    def mark(self) -> None:
        """What was done until now is to be heard before the household is calm."""
        self._marks, self._marked = [], time.monotonic()
        # An empty library is one that is not there.
        places = [self.people, *([self._library] if any(self._library.glob("*.png")) else [])]
        for place in places:
            mark = os.path.join(os.path.realpath(os.fsencode(place)), MARK + os.urandom(4).hex().encode())
            os.mkdir(mark)
            self._marks.append(mark)

    @property
    def is_listening(self) -> bool:
        """Whether the daemon has begun to live, or never will."""
        return self.error is not None or (self._service is not None and self._service.is_resting)

    @property
    def is_calm(self) -> bool:
        """Whether all that was done until it was marked has been read and shown."""
        daemon = self._service
        if self.error is not None:
            raise self.error
        if daemon is None or not daemon.is_resting:
            return False
        if not self._marks or not daemon.marks.issuperset(self._marks):
            if time.monotonic() - self._marked > AGAIN:
                self.mark()
            return False
        with open_reader(self.run.state) as db:
            asked = {ask.id for ask in load_asks(db)}
            return all(row.ask in asked for row in load_undecided(db)) and not load_requests(db)

    def take_back(self) -> None:
        """`faced undo`, beside the daemon."""
        with self._said() as db:
            take_back_gestures(db, steps.shown_engine(db), 1, datetime.now(UTC))

    def answer(self, *, yes: bool) -> None:
        """`faced accept`, or `faced accept --no`, of all that is asked."""
        with self._said() as db:
            asks = load_asks(db)
            assert asks
            assert all(answer_ask(db, ask.id, yes) for ask in asks)

    @contextmanager
    def _said(self) -> Iterator[Database]:
        with steps.open_state(self.run) as store:
            with store.write() as db:
                yield db
                add_request(db, "tree", time.time_ns())
            steps.keep_journal(store)
        wake_daemon(self.run.state)

    def end(self) -> None:
        """The daemon ends."""
        self._is_over = True
        if self._service is not None:
            self._service._wake()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        for place in (self.people, self._library):
            for mark in place.glob(f"{MARK.decode()}*"):
                mark.rmdir()


def wait_until_calm(homes: Sequence[LiveHome]) -> None:
    """All of them; what was done just now is heard first."""
    for home in homes:
        home.mark()
    end = time.monotonic() + PATIENCE
    while not all(home.is_calm for home in homes):
        assert time.monotonic() < end, "something is never done"
        time.sleep(0.02)


@contextmanager
def running_at(worlds: Sequence[World]) -> Iterator[list[LiveHome]]:
    """A daemon at each of these households, which are closed meanwhile; calm when it begins, and when it ends."""
    for world in worlds:
        world.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "engine_settings", lambda run: _Settings)
        patch.setattr(service, "Encoder", _Encoder)
        patch.setattr(pictures, "FaceCutter", SquareCutter)
        patch.setattr(RootObserver, "take", _take)
        for module in (schedule, service):
            patch.setattr(module, "_VERIFY_AFTER", VERIFY_AFTER)
        homes = [LiveHome(world) for world in worlds]
        try:
            while not all(home.is_listening for home in homes):
                time.sleep(0.02)
            wait_until_calm(homes)
            yield homes
            wait_until_calm(homes)
        finally:
            for home in homes:
                home.end()
    for world in worlds:
        world._open()


class _Settings:
    record: Any = engine_record(0)
