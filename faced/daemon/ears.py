"""Which places are watched, and whether they are what they were when the watches were set.

Joins the watcher with the disks: a place that was unmounted, replaced or came back is watched anew. Decides nothing
about what is heard.
"""

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from faced.library.watch import Scope, Watcher
from faced.mounts import Mount, find_mount, is_network, read_mounts
from faced.passes.places import Run

__all__ = ["Ears", "Heard"]

_Node: TypeAlias = tuple[int, int, frozenset[Mount]]


@dataclass(frozen=True, slots=True)
class Heard:
    """As watch.Hints; wake: a command was here. problems: why a place is not heard, one sentence each."""

    folders: Mapping[bytes, Mapping[bytes, bool]]
    lost: frozenset[bytes]
    mounts_changed: bool
    wake: bool
    problems: Mapping[str, str]
    overflows: int


class Ears:
    """For the daemon's main thread. wake: called from any thread when there is something to take."""

    def __init__(self, run: Run, wake: Callable[[], None]) -> None:
        self._config = run.config
        self._state = os.fsencode(run.state)
        self._watcher = Watcher(wake)
        self._nodes: dict[bytes, _Node | None] = {}
        self._watched: frozenset[bytes] = frozenset()
        self._deaf: set[bytes] = set()
        self._offline: set[bytes] = set()

    def listen(self, libraries: Collection[bytes], people: bytes) -> frozenset[bytes]:
        """Watch these places from now on. Returns those that are new, came back, or are others than before."""
        scopes = {self._state: Scope.WAKE, people: Scope.EVERYTHING}
        if self._config.library_watch:
            scopes |= dict.fromkeys(libraries, Scope.PHOTOS)
        self._watcher.set_roots(scopes)
        self._watched = frozenset(scopes)
        before = self._nodes
        self._nodes = {root: _node(root) for root in (*libraries, people)}
        moved = {root for root, node in self._nodes.items() if before.get(root) != node}
        for root in moved & scopes.keys():
            if root in before:
                self._watcher.renew(root)
        self._offline &= self._nodes.keys()
        return frozenset(moved)

    def take(self) -> Heard:
        """What was heard since the last time."""
        hints = self._watcher.take()
        problems = {
            os.fsdecode(root): text
            for root, text in self._watcher.problems.items()
            if self._nodes.get(root) is not None
        }
        return Heard(
            {root: folders for root, folders in hints.folders.items() if root != self._state},
            hints.lost - {self._state},
            hints.mounts_changed,
            self._state in hints.folders or self._state in hints.lost,
            problems,
            self._watcher.overflows,
        )

    def rescan_every(self, root: bytes) -> float:
        """Seconds between two looks at a whole place of which nothing was heard."""
        mount = find_mount(os.path.realpath(root), read_mounts())
        is_remote = mount is not None and is_network(mount.fstype)
        if is_remote or root in self._deaf or root not in self._watched:
            return min(self._config.library_rescan_network, self._config.library_rescan)
        return self._config.library_rescan

    def verify(self, root: bytes) -> None:
        """See that every folder of a place is heard; if not, it is watched anew. What stays deaf is a problem."""
        if root in self._watched and self._watcher.check(root):
            self._deaf.add(root)
        else:
            self._deaf.discard(root)

    def note_presence(self, root: bytes, is_there: bool) -> None:
        """Whether a place could be used when it was last tried."""
        (self._offline.discard if is_there else self._offline.add)(root)

    @property
    def is_well(self) -> bool:
        """Whether all that listens still does."""
        return self._watcher.is_well()

    @property
    def is_missing_any(self) -> bool:
        """Whether a place is away, so that its return is to be looked for."""
        return bool(self._offline)

    def has_changed(self) -> bool:
        """Whether a place that is away looks another than when the watches were set."""
        return any(_node(root) != self._nodes.get(root) for root in self._offline)

    def close(self) -> None:
        """Hear no more."""
        self._watcher.close()


def _node(root: bytes) -> _Node | None:
    """What a place is, within one run of the machine, with what is mounted below it; None: not there."""
    try:
        status = os.stat(root)
    except OSError:
        return None
    mounts, real = read_mounts(), os.path.realpath(root)
    on = find_mount(real, mounts)
    below = {mount for mount in mounts if mount.point.startswith(os.path.join(real, b""))}
    return status.st_dev, status.st_ino, frozenset({*([on] if on else []), *below})
