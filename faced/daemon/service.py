"""The daemon: hears of changes, and takes one step after another as the schedule says.

One thread does all of it but for hearing and encoding. Whatever goes wrong in a step is said once and the step is
tried again later; nothing that a photo, a disk or a user does ends it. What to do when is decided in `schedule`.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

from faced.daemon.deciding import Deciding
from faced.daemon.ears import Ears
from faced.daemon.encoder import Advanced, Encoder, EncoderEvent, Ended
from faced.daemon.notify import Notifier, watchdog_interval
from faced.daemon.parent import RESTART
from faced.daemon.quiet import Quiet
from faced.daemon.schedule import Encode, Pass, Scan, Schedule, Times, Verify, Wait
from faced.daemon.troubles import Troubles
from faced.errors import Damaged, FacedError, shown
from faced.library.ready import Settling
from faced.passes import steps
from faced.passes.beside import is_paused
from faced.passes.decide import Question
from faced.passes.full import engine_settings
from faced.passes.note import Note
from faced.passes.places import Places, Run, choose_places
from faced.people.recluster import Decision
from faced.sandbox import Sandbox
from faced.store.asks import Request, finish_requests, load_asks, load_requests
from faced.store.database import Store
from faced.store.locks import PASS, hold_lock
from faced.store.photos import load_counts, load_libraries

__all__ = ["Outdated", "Service"]

_log = logging.getLogger("faced")
_GRACE: Final = 4.5  # s after which an ending process ends, whatever it does; what is half done is found at the next start
_BUSY: Final = 0.5  # s until a pass is tried again that another command is in
_TROUBLED: Final = 5.0  # s of rest after a fault of our own
_VERIFY_AFTER: Final = 5.0  # s after a burst of new person folders: are all of them heard?
_PICTURES: Final = 50  # face pictures that are made in one pass, so that nobody waits long for another
_ABSENT: Final = 10.0  # s between two looks for a place that is not there


class Outdated(Exception):
    """This process cannot do what is asked of it now, a new one can: other places, or another configuration."""


class _Stopping(Exception):
    """faced was told to end."""


class Service:
    """The daemon of one state. is_current: whether the kernel's rules still fit the places."""

    def __init__(
        self, run: Run, store: Store, places: Places, sandbox: Sandbox, is_current: Callable[[Places], bool]
    ) -> None:
        self._run = run
        self._record = engine_settings(run).record
        self._store = store
        self._places = places
        self._is_current = is_current
        self._inbox: SimpleQueue[EncoderEvent | None] = SimpleQueue()
        self._stopping = self._hup = self._sync_waits = False
        self._reload: Callable[[], None] | None = None
        self._troubles = Troubles(store, Note(os.getpid(), sandbox.text))
        self._ears = Ears(run, self._wake)
        self._encoder = Encoder(run, self._inbox.put)
        self._deciding = Deciding(store, self._beat, self._tell_status)
        self._settling = Settling(run.config.library_settle)
        self._schedule = Schedule(Times(run.config.recluster_every, {}), time.monotonic())
        self._quiet = Quiet(places.people, run.config.people_settle)
        self._status = ""
        self._notifier = Notifier()
        self._ping_every = watchdog_interval()
        self._pinged = time.monotonic()

    # Life

    def serve(self, reload: Callable[[], None]) -> None:
        """Run until told to end. reload: called at SIGHUP; raises Outdated when there is something new."""
        self._reload = reload
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, signal.SIG_IGN)
        try:
            self._settle_in()
            self._look_into_store()
            self._notifier.notify(READY="1", STATUS="looking at the libraries")
            _log.info(
                "watching %s for %s",
                ", ".join(map(shown, sorted(self._schedule.roots))),
                shown(self._places.people),
            )
            while True:
                self._beat()
                self._live()
        except _Stopping:
            _log.info("ending")
            self._notifier.notify(STOPPING="1")
            self._close(0)
        except BaseException as error:
            self._close(RESTART if isinstance(error, Outdated) else 1)
            raise

    def _live(self) -> None:
        """Take in what happened and take a step. What nobody thought of is said, and is no reason to end."""
        try:
            self._take_in()
            self._take_step()
        except (_Stopping, Outdated, Damaged):
            raise
        except Exception as error:
            self._fail("faced", error)
            self._schedule.lose_all(time.monotonic())
            self._wait(time.monotonic() + _TROUBLED)
        else:
            self._troubles.say("faced", None)

    def _close(self, status: int) -> None:
        """End all that runs beside us; whatever that takes, this process ends soon, with this status."""
        _end_within(_GRACE, status)
        self._ears.close()
        self._deciding.close()
        self._encoder.close()

    def _on_signal(self, number: int, _: object) -> None:
        if number == signal.SIGHUP:
            self._hup = True
        else:
            self._stopping = True
            _end_within(_GRACE, 0)
        self._inbox.put(None)

    def _wake(self) -> None:
        self._inbox.put(None)

    def _beat(self) -> None:
        """Called about twice a second by whatever takes long."""
        if self._stopping:
            raise _Stopping
        now = time.monotonic()
        if self._ping_every is None or now - self._pinged < self._ping_every:
            return
        if self._encoder.is_alive and self._ears.is_well:
            self._notifier.notify(WATCHDOG="1")
            self._pinged = now

    # What happened

    def _take_in(self) -> None:
        while not self._inbox.empty():
            if (event := self._inbox.get_nowait()) is not None:
                self._on_encoder(event)
        if self._hup:
            self._hup = False
            assert self._reload is not None
            self._reload()
        heard = self._ears.take()
        now = time.monotonic()
        if heard.mounts_changed:
            self._settle_in()
        if heard.wake:
            self._look_into_store()
        people = self._places.people
        for root in heard.lost:
            self._schedule.lose(root, now)
        for root, folders in heard.folders.items():
            if root == people:
                continue
            self._schedule.hint(root, folders, now)
            self._warm()
        if people in heard.folders or people in heard.lost:
            self._schedule.touched(now, self._quiet.settle_now)
            if people in heard.lost or any(heard.folders[people].values()):
                self._schedule.verify(people, now + _VERIFY_AFTER)
        self._troubles.say_all("hearing", heard.problems, heard.overflows)

    def _warm(self) -> None:
        """Somebody is about to need those who take a second or two to get up."""
        if not self._schedule.paused:
            self._encoder.warm()
            self._deciding.warm()

    def _settle_in(self) -> None:
        """The places as they are now: watch those that are there, rescan as often as their disks need it."""
        if not self._is_current(self._places):
            raise Outdated
        roots = [library.root for library in load_libraries(self._store.db)]
        moved = self._ears.listen(roots, self._places.people)
        now = time.monotonic()
        self._set_rescans(roots)
        for root in moved:
            self._schedule.lose(root, now)
        self._schedule.want_pass(now)

    def _set_rescans(self, roots: Collection[bytes]) -> None:
        """Not only by their disks: what turns out not to be heard is looked at as often as what cannot be."""
        every = {root: self._ears.rescan_every(root) for root in roots}
        reread = self._ears.rescan_every(self._places.people)
        self._schedule.set_roots(every, time.monotonic(), reread)

    def _look_into_store(self) -> None:
        """A command was here: what does it want?"""
        people = Path(os.fsdecode(self._places.people))
        now_named = choose_places(self._store, self._run, [], people).named
        self._places = Places((*self._places.named, *now_named), self._places.people)
        if self._schedule.roots != {library.root for library in load_libraries(self._store.db)}:
            self._settle_in()
        now = time.monotonic()
        paused = is_paused(self._store.db)
        if paused and not self._schedule.paused:
            _log.info("paused")
            self._schedule.paused = True
            self._encoder.halt()
        elif self._schedule.paused and not paused:
            _log.info("going on")
            self._schedule.resume(now)
        wishes = load_requests(self._store.db)
        answers = (ask.kind for ask in load_asks(self._store.db) if ask.answer is True)
        if any(wish.kind == "sync" for wish in wishes) or "library" in answers:
            self._schedule.lose_all(now)
        if wishes:
            self._schedule.want_pass(now)

    # Steps

    def _take_step(self) -> None:
        step = self._schedule.next(time.monotonic())
        match step:
            case Scan():
                self._scan(step)
            case Encode():
                self._schedule.encoding_began()
                self._encoder.kick()
            case Pass():
                self._pass()
            case Verify(root):
                self._ears.verify(root)
                self._set_rescans(self._schedule.roots)
            case Wait(until):
                self._wait(until)

    def _scan(self, scan: Scan) -> None:
        began = time.monotonic()
        try:
            report = steps.scan_one(
                self._store,
                self._run.config,
                self._places,
                scan.root,
                only=scan.only,
                settling=self._settling,
            )
        except Exception as error:
            self._fail(f"library {shown(scan.root)}", error)
            self._schedule.scan_failed(scan, time.monotonic())
            return
        now = time.monotonic()
        self._troubles.say(f"library {shown(scan.root)}", None if report is None else report.problem)
        if report is None:
            return
        self._ears.note_presence(scan.root, report.online)
        self._schedule.scanned(
            scan,
            changed=bool(report.changed or report.moved or report.gone),
            queued=bool(report.added or report.changed or scan.only is None),
            now=now,
            took=now - began,
        )
        due = self._settling.due()
        if due is not None:
            self._schedule.look_again(scan.root, self._settling.folders(scan.root), due)

    def _pass(self) -> None:
        try:
            with hold_lock(self._run.state, PASS, patience=0) as mine:
                if not mine:
                    now = time.monotonic()
                    self._schedule.not_quiet(now, now + _BUSY)
                    return
                self._pass_alone()
        except (_Stopping, Outdated):
            raise
        except Exception as error:
            self._deciding.forget()
            self._fail("people folder", error)
            if not self._is_current(self._places):
                raise Outdated from error
            self._schedule.pass_failed(time.monotonic())

    def _pass_alone(self) -> None:
        if not self._is_current(self._places):
            raise Outdated
        config, root, store = self._run.config, self._places.people, self._store
        wishes = load_requests(store.db)
        kinds = {wish.kind for wish in wishes}
        options = steps.TreeOptions(now="now" in kinds, rebuild="rebuild" in kinds)
        if not options.now and (wait := self._quiet.seconds_left()) > 0:
            now = time.monotonic()
            if not self._schedule.is_unruly(now):
                self._schedule.not_quiet(now, now + wait)
                return
        is_settled = self._schedule.is_settled
        began = time.monotonic()
        read = steps.look_at_tree(store, config, root, options)
        if read.to_encode:
            self._schedule.want_encoding(began)
        if read.adopting and not is_settled:
            # The database is new, and folders are recognised by their photos: all of these are to be known first.
            self._schedule.want_pass(began)
            self._schedule.wait_for_photos()
            self._tell_status()
            return
        # While photos are still to come, who is nobody's changes with each of them.
        most = _PICTURES if is_settled else 0
        _, tree = steps.show_persons(
            store,
            config,
            root,
            self._record,
            read,
            self._decide,
            beat=self._beat,
            most_pictures=most,
        )
        self._quiet.note_own()
        now = time.monotonic()
        self._schedule.passed(began)
        if is_more := is_settled and tree.pictures_left > 0:
            self._schedule.want_pass(now)
        self._schedule.second_look(
            None if read.due_ns is None else now + (read.due_ns - time.time_ns()) / 1e9
        )
        self._ears.note_presence(root, tree.frozen is None)
        self._troubles.say("people folder", tree.frozen)
        for edit in read.edits:
            _log.info("understood: %s", edit.why)
        steps.keep_safe(store)
        self._finish(
            wishes,
            is_done=is_settled and read.due_ns is None and not (is_more or read.to_encode),
            is_shown=tree.frozen is None,
        )
        self._sync_waits = "sync" in kinds and not (is_settled and not read.to_encode)
        self._tell_status()

    def _decide(self, question: Question) -> Decision | None:
        try:
            return self._deciding.decide(question)
        except Damaged:
            self._schedule.want_encoding(time.monotonic())  # of what is about to be forgotten
            raise

    def _finish(self, wishes: list[Request], *, is_done: bool, is_shown: bool) -> None:
        """Carried out: a sync when all that was there when it was asked for is encoded and read, a word when it shows."""
        done = [wish.id for wish in wishes if is_done or (wish.kind == "tree" and is_shown)]
        if done:
            with self._store.write() as db:
                finish_requests(db, done)

    def _on_encoder(self, event: EncoderEvent) -> None:
        now = time.monotonic()
        match event:
            case Advanced(done, total):
                self._schedule.encoded(now)
                self._tell_status(f"reading photos: {done} of {total}")
            case Ended(report, error):
                self._troubles.say("encoding", error)
                if report is None:
                    self._schedule.encoding_ended(now, failed=True)
                    return
                if report.encoded or report.known or report.failed:
                    self._schedule.encoded(now)
                    _log.info("read %d photos, %d faces", report.encoded + report.known, report.faces)
                self._schedule.encoding_ended(now, unfinished=report.later)

    def _wait(self, until: float | None) -> None:
        self._tell_status()
        now = time.monotonic()
        if self._sync_waits and self._schedule.is_settled:
            self._sync_waits = False
            self._schedule.want_pass(now)
            return
        dues = [until] if until is not None else []
        if self._ping_every is not None:
            dues.append(self._pinged + self._ping_every)
        if self._deciding.due is not None:
            dues.append(self._deciding.due)
        if self._ears.is_missing_any:
            dues.append(now + _ABSENT)
        with suppress(Empty):
            event = self._inbox.get(timeout=max(0.0, min(dues) - now) if dues else None)
            if event is not None:
                self._on_encoder(event)
        now = time.monotonic()
        self._deciding.end_idle(now)
        if self._ears.is_missing_any and self._ears.has_changed():
            self._settle_in()

    # Telling

    def _fail(self, topic: str, error: Exception) -> None:
        if isinstance(error, Damaged):
            raise error  # a new process mends the database as it opens it
        words = str(error) if isinstance(error, FacedError) else f"{type(error).__name__}: {error}"
        self._troubles.say(topic, words)
        if not isinstance(error, FacedError):
            _log.debug("in full", exc_info=error)

    def _tell_status(self, words: str | None = None) -> None:
        if self._schedule.paused:
            words = "paused"
        elif words is None:
            words = f"watching {load_counts(self._store.db).photos} photos"
        if words != self._status:
            self._status = words
            self._notifier.notify(STATUS=words)


def _end_within(seconds: float, status: int) -> None:
    """End in any case: what a killed process leaves half done is found at the next start."""
    timer = threading.Timer(seconds, os._exit, (status,))
    timer.daemon = True
    timer.start()
