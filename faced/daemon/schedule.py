"""What the daemon does next, and when. Pure: it is told what happened and what time it is, and does nothing itself.

All times are monotonic seconds. Hints of changes become looks at folders, new photos become encoding, and whatever
may change a person folder becomes one pass over the people folder, made when nobody is at work in it.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

__all__ = ["Encode", "Pass", "Scan", "Schedule", "Step", "Times", "Verify", "Wait"]

_FIRST_LOOK: Final = 0.1  # s after the first hint: half a burst is in, and the file's first stamp is noted
_BETWEEN_LOOKS: Final = 1.0  # s, at least, between two looks into one library
_SPARE: Final = (
    10.0  # times as long as a look took, at least, until the next: a busy library is no full-time job
)
_VERIFY_AFTER: Final = 5.0  # s after a burst of new folders: are all of them heard?
_UNREST: Final = 60.0  # s after which a people folder that is never quiet is read all the same
_FIRST_PASS: Final = 30.0  # s into a long import; then twice as long each time, up to `every`
_RETRIES: Final = (5.0, 10.0, 20.0, 40.0, 60.0)  # s, after a failure, or for files not finished


@dataclass(frozen=True, slots=True)
class Times:
    """every: between two passes while a long import goes on. rescan: of each root, whether or not anything was heard.
    reread: of the people folder, likewise.
    """

    every: float
    rescan: Mapping[bytes, float]
    reread: float = math.inf


@dataclass(frozen=True, slots=True)
class Scan:
    """Look at a library: at these folders (True: and all below), or None: at everything."""

    root: bytes
    only: Mapping[bytes, bool] | None


@dataclass(frozen=True, slots=True)
class Verify:
    """Are all folders of this root heard?"""

    root: bytes


@dataclass(frozen=True, slots=True)
class Encode:
    """There may be photos in the queue."""


@dataclass(frozen=True, slots=True)
class Pass:
    """Read the people folder, decide who is who, show it."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do until then; None: until something happens."""

    until: float | None


Step: TypeAlias = Scan | Verify | Encode | Pass | Wait


@dataclass(slots=True)
class _Root:
    """One library. folders: hinted at and not looked at yet. everything: hints may have been lost."""

    rescan_at: float
    folders: dict[bytes, bool] = field(default_factory=dict)
    everything: bool = True
    due: float = 0.0
    free_at: float = 0.0  # not before then: it was looked at just now
    failures: int = 0


class Schedule:
    """The daemon's memory of what is to be done."""

    def __init__(self, times: Times, now: float) -> None:
        self._times = times
        self._roots: dict[bytes, _Root] = {}
        self._verify: dict[bytes, float] = {}
        self._encode_at: float | None = now
        self._unfinished = 0  # retries of files that are not written to the end
        self._encoding = False
        self._faces_since: float | None = None
        self._pass_at: float | None = now  # for the rest: wanted since
        self._not_before = now
        self._unrest_since: float | None = None
        self._look_again_at: float | None = None
        self._import_wait = min(_FIRST_PASS, times.every)
        self._last_pass = now
        self._pass_failures = 0
        self._encode_failures = 0
        self._waits_for_photos = False
        self.paused = False
        self.set_roots(times.rescan, now, times.reread)

    # What happened

    def set_roots(self, rescan: Mapping[bytes, float], now: float, reread: float = math.inf) -> None:
        """The libraries of now; new ones are looked at as a whole. What is to be looked at more often, is from now on."""
        self._times = Times(self._times.every, rescan, reread)
        self._roots = {
            root: self._roots.get(root) or _Root(now + every, due=now) for root, every in rescan.items()
        }
        for root, its in self._roots.items():
            its.rescan_at = min(its.rescan_at, now + rescan[root])

    def hint(self, root: bytes, folders: Mapping[bytes, bool], now: float) -> None:
        """Something may have changed in these folders."""
        its = self._roots.get(root)
        if its is None:
            return
        if not its.folders and not its.everything:
            its.due = now + _FIRST_LOOK
        for folder, below in folders.items():
            its.folders[folder] = its.folders.get(folder, False) or below
        if any(folders.values()):
            self.verify(root, now + _VERIFY_AFTER)

    def verify(self, root: bytes, at: float) -> None:
        """New folders may not be heard; a later wish takes the place of an earlier one."""
        self._verify[root] = at

    def lose(self, root: bytes, now: float) -> None:
        """Hints may have been lost: all of it is to be looked at."""
        its = self._roots.get(root)
        if its is not None and not its.everything:
            its.everything, its.due = True, now

    def lose_all(self, now: float) -> None:
        """As lose, for every library."""
        for root in self._roots:
            self.lose(root, now)

    def scanned(self, scan: Scan, *, changed: bool, queued: bool, now: float, took: float) -> None:
        """A look has ended. changed: links may have to change at once. queued: photos wait for encoding."""
        its = self._roots.get(scan.root)
        if its is not None:
            its.free_at = now + max(_BETWEEN_LOOKS, _SPARE * took)
            its.failures = 0
            if scan.only is None:
                its.rescan_at = now + self._times.rescan[scan.root]
                self.verify(scan.root, now)
        if queued:
            self._encode_at, self._unfinished = now, 0
        if changed:
            self.want_pass(now)

    def look_again(self, root: bytes, folders: Collection[bytes], at: float) -> None:
        """Files in these folders were still being written."""
        its = self._roots.get(root)
        if its is None or not folders:
            return
        its.due = at if not (its.folders or its.everything) else min(its.due, at)
        for folder in folders:
            its.folders.setdefault(folder, False)
        its.free_at = min(its.free_at, at)

    def scan_failed(self, scan: Scan, now: float) -> None:
        """It is tried again later, and then as a whole."""
        its = self._roots.get(scan.root)
        if its is not None:
            its.everything, its.due = True, now + _retry(its.failures)
            its.failures += 1

    def want_encoding(self, now: float) -> None:
        """There are photos in the queue."""
        self._encode_at = now

    def encoding_began(self) -> None:
        """The queue is being worked off."""
        self._encoding = True

    def encoded(self, now: float) -> None:
        """New results are stored; the queue is not empty yet."""
        if self._faces_since is None:
            self._faces_since = now

    def encoding_ended(self, now: float, *, unfinished: int = 0, failed: bool = False) -> None:
        """The queue is empty but for `unfinished` files; or it failed, and is tried again."""
        self._encoding = False
        if failed:
            self._encode_at = now + _retry(self._encode_failures)
            self._encode_failures += 1
            return
        self._encode_failures = 0
        self._import_wait = min(_FIRST_PASS, self._times.every)
        if unfinished and self._encode_at is None:
            self._encode_at = now + _retry(self._unfinished)
            self._unfinished += 1

    def want_pass(self, now: float) -> None:
        """Something that the people folder shows has changed, or somebody asked."""
        self._pass_at = now if self._pass_at is None else min(self._pass_at, now)

    def touched(self, now: float, settle: float) -> None:
        """Somebody is at work in the people folder; it is read when that has been over for `settle` seconds."""
        if self._unrest_since is None:
            self._unrest_since = now
        self.want_pass(now)
        self._not_before = max(self._not_before, now + settle)

    def not_quiet(self, now: float, until: float) -> None:
        """A pass was put off, for the people folder changed just now."""
        if self._unrest_since is None:
            self._unrest_since = now
        self._not_before = max(self._not_before, until)

    def wait_for_photos(self) -> None:
        """A pass was put off, for it needs to know all photos: it is due when all is settled."""
        self._waits_for_photos = True

    def second_look(self, at: float | None) -> None:
        """When what may be half of a gesture is to be looked at again; None: nothing is."""
        self._look_again_at = at

    def passed(self, now: float) -> None:
        """A pass was made, with all that was stored when it began."""
        self._pass_at = self._unrest_since = self._faces_since = None
        self._waits_for_photos = False
        self._last_pass, self._pass_failures = now, 0
        if self._encoding:
            self._import_wait = min(2 * self._import_wait, self._times.every)

    def pass_failed(self, now: float) -> None:
        """It is tried again, later each time."""
        self.want_pass(now)
        self._not_before = now + _retry(self._pass_failures)
        self._pass_failures += 1

    def resume(self, now: float) -> None:
        """After a pause: everything is looked at."""
        self.paused = False
        self._encode_at = now
        self.lose_all(now)
        self.want_pass(now)

    # What is next

    @property
    def roots(self) -> frozenset[bytes]:
        """The libraries."""
        return frozenset(self._roots)

    @property
    def is_settled(self) -> bool:
        """Whether all photos that were heard of are looked at, and encoded as far as they can be now."""
        is_looked_at = not any(its.folders or its.everything for its in self._roots.values())
        return is_looked_at and not self._encoding and (self._encode_at is None or self._unfinished > 0)

    def is_unruly(self, now: float) -> bool:
        """Whether the people folder has not been quiet for so long that it is read all the same."""
        return self._unrest_since is not None and now - self._unrest_since >= _UNREST

    def next(self, now: float) -> Step:
        """The next step; what it returns counts as begun."""
        if self.paused:
            return Wait(None)
        for root, its in sorted(self._roots.items()):
            if (due := self._scan_due(its)) is not None and due <= now:
                return self._begin_scan(root, its, now)
        if self._encode_at is not None and self._encode_at <= now and not self._encoding:
            self._encode_at = None
            return Encode()
        if (due := self._pass_due(now)) is not None and due <= now:
            self._look_again_at = None
            return Pass()
        for root, at in sorted(self._verify.items()):
            if at <= now:
                del self._verify[root]
                return Verify(root)
        return Wait(self._next_due(now))

    def _begin_scan(self, root: bytes, its: _Root, now: float) -> Scan:
        if its.rescan_at <= now:
            its.everything = True
            its.rescan_at = now + self._times.rescan[root]
        only = None if its.everything else dict(its.folders)
        its.folders.clear()
        its.everything = False
        return Scan(root, only)

    def _scan_due(self, its: _Root) -> float | None:
        if its.everything or its.folders:
            return min(max(its.due, its.free_at), its.rescan_at)
        return its.rescan_at

    def _pass_due(self, now: float) -> float | None:
        wanted = [at for at in (self._pass_at, self._look_again_at, self._reread_at) if at is not None]
        if self._faces_since is not None:
            wait = self._last_pass + self._import_wait if self._encoding else self._faces_since
            wanted.append(max(self._faces_since, wait))
        if not wanted or (self._waits_for_photos and not self.is_settled):
            return None
        return max(min(wanted), min(self._not_before, now) if self.is_unruly(now) else self._not_before)

    @property
    def _reread_at(self) -> float | None:
        at = self._last_pass + self._times.reread
        return None if at == math.inf else at

    def _next_due(self, now: float) -> float | None:
        dues = [self._scan_due(its) for its in self._roots.values()]
        dues += [*self._verify.values(), self._pass_due(now)]
        if not self._encoding:
            dues.append(self._encode_at)
        return min((due for due in dues if due is not None), default=None)


def _retry(failures: int) -> float:
    return _RETRIES[min(failures, len(_RETRIES) - 1)]
