"""Keeps every root watched, and says so where it cannot.

Replaces an observer that overflowed or failed, finds folders in no watch, remembers roots that are not there.
Looks at no photo and decides nothing about what was heard.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from faced.library.watch.coverage import Node, find_deaf, read_watches, walk_folders
from faced.library.watch.hints import HintBox, Hints
from faced.library.watch.mountpoll import MountPoll
from faced.library.watch.observer import RootObserver
from faced.library.watch.problems import (
    deaf_problem,
    gone_problem,
    limit_problem,
    open_problem,
    read_watch_limit,
)
from faced.library.watch.scope import Scope

__all__ = ["Watcher"]

SECOND_LOOK = 0.5
"""s. A folder made this moment is not deaf yet: the word of it waits in the queue."""

BACKOFF = 1.0
"""s, doubled each time up to a minute: how long to leave a root alone that overflowed twice in CALM."""
CALM = 30.0
"""s without an overflow, after which the next one is the first again."""


@dataclass(eq=False)
class _Root:
    path: bytes
    scope: Scope
    apart: frozenset[bytes] = frozenset()
    observer: RootObserver | None = None
    deaf: frozenset[tuple[Node, bool]] = frozenset()
    """What a renewal did not help, and whether it could be read then."""
    limit: int | None = None
    """The limit of watches when it did not help."""
    breaks: int = 0
    broke_at: float = field(default=float("-inf"))


class Watcher:
    """Watches roots until it is closed. One thread calls its methods; `take` may be called by any.

    problems: root → a sentence for its user. overflows: how often the kernel's queue ran over. failures: how
    often watchdog itself failed and was replaced.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        """wake: called from any thread when there is something to take. It must be quick and not raise."""
        self.overflows = 0
        self.failures = 0
        self._problems: dict[bytes, str] = {}
        self._box = HintBox(wake)
        self._roots: dict[bytes, _Root] = {}
        self._lock = threading.RLock()  # of all but the box; never held when `wake` is called by an event
        self._closed = threading.Event()
        self._replacing: set[threading.Thread] = set()
        self._mounts = MountPoll(self._box.change_mounts)

    @property
    def problems(self) -> Mapping[bytes, str]:
        """Root → why it, or a part of it, is not watched, and what to do. A copy."""
        with self._lock:
            limited = {
                root.path: limit_problem(root.path)
                for root in self._roots.values()
                if root.observer is not None and root.observer.limit_reached
            }
            return {**limited, **self._problems}

    def is_well(self) -> bool:
        """Whether all threads that hear are alive."""
        with self._lock:
            observers = [root.observer for root in self._roots.values() if root.observer is not None]
            return all(observer.is_well() for observer in observers)

    def set_roots(self, roots: Mapping[bytes, Scope]) -> None:
        """Watch these absolute paths and no others.

        What is watched as wanted stays as it is. What is new is `lost` once, for it was not heard before. What
        cannot be watched now is in `problems` and tried again by the next call. Below a root of PHOTOS nothing
        is heard of roots of another kind. Returns when the watches stand.
        """
        with self._lock:
            for path in self._roots.keys() - roots.keys():
                self._drop(path)
            for path, scope in roots.items():
                root = self._roots.setdefault(path, _Root(path, scope))
                apart = _find_apart(path, roots) if scope is Scope.PHOTOS else frozenset()
                if root.observer is None or (root.scope, root.apart) != (scope, apart):
                    root.scope, root.apart = scope, apart
                    self._renew(root)

    def renew(self, root: bytes) -> None:
        """Watch it anew; it is `lost`. After a change of mounts, and for a root that was replaced or is deaf.

        KeyError: the root was not set.
        """
        with self._lock:
            self._renew(self._roots[root])

    def take(self) -> Hints:
        """What was heard since the last call."""
        return self._box.take()

    def find_deaf(self, root: bytes, folders: Iterable[bytes]) -> list[bytes]:
        """Those of the folders (relative to the root) that are there and in no watch. KeyError as in renew."""
        return list(self._find_deaf(self._roots[root], folders))

    def check(self, root: bytes) -> int:
        """Find folders in no watch, renew the root if that may help, and return how many stay deaf.

        What stays deaf is in `problems` and no reason to renew again until it can be read or, at the limit of
        watches, until that is another one. KeyError as in renew.
        """
        with self._lock:
            kept = self._roots[root]
            deaf = self._find_deaf(kept, self._walk(kept))
            if self._is_worth_renewing(kept, deaf):
                if kept.observer is not None:
                    self._closed.wait(SECOND_LOOK)
                    deaf = self._find_deaf(kept, deaf)
                if self._is_worth_renewing(kept, deaf):
                    self._renew(kept)
                    deaf = self._find_deaf(kept, self._walk(kept))
                    kept.limit = read_watch_limit()
            kept.deaf = _with_access(kept.path, deaf)
            if kept.observer is not None:
                self._tell_deaf(kept, kept.observer, len(deaf))
            return len(deaf)

    def close(self) -> None:
        """Stop all threads. The watcher is of no use afterwards."""
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
            for path in list(self._roots):
                self._drop(path)
            replacing = list(self._replacing)
        for thread in replacing:
            thread.join()
        self._mounts.close()

    # The rest is called with the lock, but for what observers call.

    def _drop(self, path: bytes) -> None:
        root = self._roots.pop(path)
        self._stop(root)
        self._box.forget(path)
        self._problems.pop(path, None)

    def _stop(self, root: _Root) -> None:
        if root.observer is not None:
            root.observer.close()
            root.observer = None

    def _renew(self, root: _Root) -> None:
        """The old observer goes first: both together could reach the limit."""
        heard = root.observer is not None
        self._stop(root)
        self._problems.pop(root.path, None)
        observer = None
        try:
            observer = RootObserver(
                root.path,
                root.scope,
                root.apart,
                hint=lambda folders: self._box.add(root.path, folders),
                gone=lambda gone: self._start(self._note_gone, root, gone),
                broken=lambda broken, overflow: self._start(self._replace, root, broken, overflow),
            )
            observer.open()
        except OSError as error:
            self._problems[root.path] = open_problem(root.path, error)
        else:
            root.observer = observer
        if heard or root.observer is not None:
            self._box.lose(root.path)

    def _walk(self, root: _Root) -> Iterable[bytes]:
        return walk_folders(root.path, root.scope, root.apart)

    def _find_deaf(self, root: _Root, folders: Iterable[bytes]) -> dict[bytes, Node]:
        observer = root.observer
        watches = read_watches(observer.descriptor) if observer is not None else frozenset()
        return find_deaf(root.path, folders, watches)

    def _is_worth_renewing(self, root: _Root, deaf: Mapping[bytes, Node]) -> bool:
        if not deaf:
            return False
        at_limit = root.observer is not None and root.observer.limit_reached
        if root.limit is not None and at_limit:
            return root.limit != read_watch_limit()
        return not root.deaf.issuperset(_with_access(root.path, deaf))

    def _tell_deaf(self, root: _Root, observer: RootObserver, deaf: int) -> None:
        if not deaf:
            self._problems.pop(root.path, None)
            observer.forget_limit()  # what was refused is gone
        elif observer.limit_reached:
            self._problems[root.path] = limit_problem(root.path, deaf)
        else:
            self._problems[root.path] = deaf_problem(root.path, deaf)

    # Called by observers' threads, which cannot stop themselves.

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=self._run, args=(work, *arguments), name="rewatch", daemon=True)
        self._replacing.add(thread)
        thread.start()

    def _run(self, work: Callable[..., None], *arguments: object) -> None:
        try:
            work(*arguments)
        finally:
            self._replacing.discard(threading.current_thread())

    def _note_gone(self, root: _Root, gone: RootObserver) -> None:
        with self._lock:
            if root.observer is gone:
                self._stop(root)
                self._problems[root.path] = gone_problem(root.path)
                self._box.lose(root.path)

    def _replace(self, root: _Root, broken: RootObserver, overflow: bool) -> None:
        with self._lock:
            if root.observer is not broken:
                return
            self.overflows += overflow
            self.failures += not overflow
            self._stop(root)
            delay = _next_delay(root)
        if self._closed.wait(delay):
            return
        with self._lock:
            if self._roots.get(root.path) is root and root.observer is None and not self._closed.is_set():
                self._renew(root)
                self._box.lose(root.path)


def _with_access(root: bytes, deaf: Mapping[bytes, Node]) -> frozenset[tuple[Node, bool]]:
    return frozenset(
        (node, os.access(os.path.join(root, path), os.R_OK, effective_ids=True))
        for path, node in deaf.items()
    )


def _next_delay(root: _Root) -> float:
    """How long to wait before watching again a root that broke: while a storm lasts it would break again."""
    now = time.monotonic()
    root.breaks = root.breaks + 1 if now - root.broke_at < CALM else 0
    root.broke_at = now
    return min(BACKOFF * 2 ** (root.breaks - 1), 60.0) if root.breaks else 0.0


def _find_apart(path: bytes, roots: Mapping[bytes, Scope]) -> frozenset[bytes]:
    """The roots of another kind below a root of photos, relative to it."""
    inside = os.path.join(os.path.realpath(path), b"")
    others = (os.path.realpath(other) for other, scope in roots.items() if scope is not Scope.PHOTOS)
    return frozenset(other[len(inside) :] for other in others if other.startswith(inside) and other != inside)
