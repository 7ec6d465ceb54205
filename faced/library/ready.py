"""Which new files are written to the end: those that have been left alone, as two looks can tell.

Remembers how the unready ones looked; looks at no file and asks no clock itself. It is a guess all the same:
whoever reads the file compares its stamp again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from faced.model import FileStamp

__all__ = ["Settling"]

_BETWEEN_LOOKS: Final = 1.0  # s, at least, between the two that must agree
_TRUSTED_AGE: Final = 60.0  # s; what has not changed for so long is looked at once only


@dataclass(frozen=True, slots=True)
class _Look:
    """since: when the file was first seen like this. due: when it may be ready. Monotonic seconds."""

    mark: tuple[int, int, int]
    since: float
    due: float


class Settling:
    """The memory of looks, as large as what is unready. One for all libraries; not for several threads."""

    def __init__(self, settle: float) -> None:
        """settle: seconds for which a file must have been left alone."""
        self._settle = settle
        self._looks: dict[bytes, dict[bytes, _Look]] = {}
        self._sources: dict[bytes, dict[bytes, bytes]] = {}
        self._going: dict[bytes, tuple[frozenset[bytes], float]] = {}

    def find_unready(
        self,
        root: bytes,
        files: Mapping[bytes, FileStamp],
        *,
        now_ns: int,
        clock: float,
        ended: float | None = None,
        within: Callable[[bytes], bool] = lambda path: True,
        sources: Mapping[bytes, bytes] = MappingProxyType({}),
    ) -> frozenset[bytes]:
        """Those of the new or changed files that are still to be left alone.

        root: their library. now_ns: wall clock. clock: monotonic seconds; both from when the look began.
        ended: monotonic, when it ended. within: whether a path was looked at; one that was, and is not
        among the files, is forgotten. sources: by path, where a file may have been before; what became of the
        photo there is open as long as it waits.

        A file is ready when its last change is `settle` old. Younger than a minute, or changed in the future
        (by another machine's clock), it must also have looked the same at an earlier look: a second before,
        or `settle` before.
        """
        before = self._looks.get(root, {})
        after = {path: look for path, look in before.items() if not within(path)}
        for path, stamp in files.items():
            look = self._judge(stamp, before.get(path), now_ns, clock, clock if ended is None else ended)
            if look is not None:
                after[path] = look
        self._looks[root] = after
        known = {**self._sources.get(root, {}), **sources}
        self._sources[root] = {path: old for path, old in known.items() if path in after}
        self._drop_if_empty(root)
        return frozenset(after.keys() & files.keys())

    def _judge(
        self, stamp: FileStamp, before: _Look | None, now_ns: int, clock: float, ended: float
    ) -> _Look | None:
        """None: it is ready."""
        mark = (stamp.size, stamp.mtime_ns, stamp.ctime_ns)  # not the inode, which some disks make up
        since = before.since if before is not None and before.mark == mark else ended
        age = (now_ns - max(stamp.mtime_ns, stamp.ctime_ns)) / 1e9
        if age < 0:
            due = since + self._settle
            return None if since < ended and due <= clock else _Look(mark, since, due)
        old_enough = clock + self._settle - age
        seen_twice = since + _BETWEEN_LOOKS if age < _TRUSTED_AGE else clock
        if age >= self._settle and seen_twice <= clock:
            return None
        return _Look(mark, since, max(old_enough, seen_twice))

    def is_still_going(self, root: bytes, gone: frozenset[bytes], clock: float) -> bool:
        """Whether photos of a library go missing just now, so that it is too early to say how many are lost.

        gone: all that a look at everything does not find. They are judged together when no other has gone for
        `settle` seconds: a large deletion takes its time, and so does a disk that goes away.
        """
        before, since = self._going.get(root, (frozenset(), clock))
        if not gone or (gone <= before and clock - since >= self._settle):
            self._going.pop(root, None)
            return False
        self._going[root] = (gone, since if gone <= before else clock)
        return True

    def due(self) -> float | None:
        """When the next of them may be ready, in monotonic seconds; None: none waits."""
        dues = [look.due for looks in self._looks.values() for look in looks.values()]
        dues += [since + self._settle for _, since in self._going.values()]
        return min(dues, default=None)

    def folders(self, root: bytes) -> frozenset[bytes]:
        """The folders of the library in which files wait, may have been before, or have gone: where to look when they
        are due."""
        gone, _ = self._going.get(root, (frozenset(), 0.0))
        files = (*self._looks.get(root, ()), *self._sources.get(root, {}).values(), *sorted(gone)[:1])
        return frozenset(path[: max(path.rfind(b"/"), 0)] for path in files)

    def forget(self, root: bytes) -> None:
        """Of a library that cannot be looked at; what is new in it is new again when it is back."""
        self._looks.pop(root, None)
        self._sources.pop(root, None)
        self._going.pop(root, None)

    def _drop_if_empty(self, root: bytes) -> None:
        if not self._looks[root]:
            self._looks.pop(root, None)
            self._sources.pop(root, None)
