"""Where hints wait until they are taken: merged, bounded, and told of once.

Keeps; decides only that too many folders of one root are as good as all of them.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

__all__ = ["LIMIT", "HintBox", "Hints"]

LIMIT = 2_000
"""Folders of one root. Looking at so many one by one costs more than a scan of all."""


@dataclass(frozen=True, slots=True)
class Hints:
    """folders: root → {folder relative to it, b"" is the root: True when all below is to be looked at too};
    a folder may be gone by now. lost: roots to be looked at as a whole, because something may not have been
    heard (they are not in `folders`). mounts_changed: something was mounted or unmounted somewhere."""

    folders: Mapping[bytes, Mapping[bytes, bool]]
    lost: frozenset[bytes]
    mounts_changed: bool


class HintBox:
    """For many threads. wake is called without a lock, once for all that comes until the next take()."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._folders: dict[bytes, dict[bytes, bool]] = {}
        self._lost: set[bytes] = set()
        self._mounts_changed = False
        self._told = False

    def add(self, root: bytes, folders: Iterable[tuple[bytes, bool]]) -> None:
        """Remember that these folders of the root want a look."""
        with self._lock:
            news = root not in self._lost and self._merge(root, folders)
            call = self._is_to_be_told(news)
        if call:
            self._wake()

    def lose(self, root: bytes) -> None:
        """Remember that hints of the root may be missing."""
        with self._lock:
            self._folders.pop(root, None)
            self._lost.add(root)
            call = self._is_to_be_told(True)
        if call:
            self._wake()

    def change_mounts(self) -> None:
        """Remember that the mounts changed."""
        with self._lock:
            self._mounts_changed = True
            call = self._is_to_be_told(True)
        if call:
            self._wake()

    def forget(self, root: bytes) -> None:
        """The root is watched no longer."""
        with self._lock:
            self._folders.pop(root, None)
            self._lost.discard(root)

    def take(self) -> Hints:
        """All there is, once."""
        with self._lock:
            folders, self._folders = self._folders, {}
            lost, self._lost = self._lost, set()
            mounts_changed, self._mounts_changed = self._mounts_changed, False
            self._told = False
        return Hints(
            {root: _without_covered(found) for root, found in folders.items()},
            frozenset(lost),
            mounts_changed,
        )

    def _is_to_be_told(self, news: bool) -> bool:
        call = news and not self._told
        self._told = self._told or news
        return call

    def _merge(self, root: bytes, folders: Iterable[tuple[bytes, bool]]) -> bool:
        """Returns whether there is something that was not there before."""
        found = self._folders.get(root, {})
        news = False
        for folder, below in folders:
            if found.get(folder) is True or (folder in found and not below) or _is_covered(folder, found):
                continue
            found[folder] = below
            news = True
        if len(found) > LIMIT:
            found = _without_covered(found)
        if len(found) > LIMIT:
            self._folders.pop(root, None)
            self._lost.add(root)
        elif found:
            self._folders[root] = found
        return news


def _is_covered(folder: bytes, found: Mapping[bytes, bool]) -> bool:
    """Whether a folder above is to be looked at with all below it."""
    while folder:
        folder = folder[: max(folder.rfind(b"/"), 0)]
        if found.get(folder):
            return True
    return False


def _without_covered(found: dict[bytes, bool]) -> dict[bytes, bool]:
    return {folder: below for folder, below in found.items() if not _is_covered(folder, found)}
