"""watchdog, with what it does when the queue overflows, or when one of its threads fails, replaced.

One observer watches one root, with an inotify instance of its own: an overflow in one root leaves the others
alone, and renewing one is closing it (taking 20,000 watches out of a living instance queues 20,000 events, an
overflow in itself). An observer that broke says so once and is silent from then on: it is to be closed, from
another thread, and replaced. Turns events into folders to look at; knows nothing of what is done with them.
"""

import errno
import logging
import os
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from watchdog import events
from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify import InotifyEmitter, InotifyObserver, InotifyWatchGroup
from watchdog.observers.inotify_c import (
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    Watch,
    WatchDescriptor,
)

from faced.library.watch.scope import Scope, folders_for, is_entered

__all__ = ["RootObserver"]

# Its warnings carry the repr of all watches, and what it logs is told better by `lost` and `problems`.
warnings.filterwarnings("ignore", module=r"watchdog\.")
logging.getLogger("watchdog").setLevel(logging.CRITICAL)

# Never opened or closed without a change: our own scan would overflow the queue.
ALL_EVENTS: list[type[events.FileSystemEvent]] = [
    events.FileCreatedEvent,
    events.FileMovedEvent,
    events.FileClosedEvent,
    events.FileModifiedEvent,
    events.FileAttribEvent,
    events.FileDeletedEvent,
    events.DirCreatedEvent,
    events.DirMovedEvent,
    events.DirAttribEvent,
    events.DirDeletedEvent,
]
WAKE_EVENTS: list[type[events.FileSystemEvent]] = [events.FileCreatedEvent, events.FileClosedEvent]

Broken = Callable[["RootObserver", bool], None]
"""Called with the observer that lost events, and whether the kernel's queue had overflowed."""


class RootObserver(InotifyObserver):
    """Watches one root from `open` to `close`.

    root: an absolute path of a folder. apart: folders relative to it of which nothing is told.
    hint: called with folders to look at, (relative folder, whether all below it too). gone: the root was
    deleted. broken: see Broken. All are called from threads of the observer and must be quick.
    """

    def __init__(
        self,
        root: bytes,
        scope: Scope,
        apart: frozenset[bytes],
        *,
        hint: Callable[[Iterable[tuple[bytes, bool]]], None],
        gone: Callable[["RootObserver"], None],
        broken: Broken,
    ) -> None:
        self.root = os.path.realpath(root)
        self.scope = scope
        self.apart = apart
        self._hint = hint
        self._gone = gone
        self._broken = broken
        self.is_broken = False
        self._inotify_fd: _Inotify = _Inotify(self.fail)
        # Not InotifyObserver's own: it would make an InotifyFD that handles an overflow by itself.
        BaseObserver.__init__(self, _Emitter, inotify_fd=self._inotify_fd, observer=self)

    @property
    def descriptor(self) -> int:
        """The inotify instance."""
        return self._inotify_fd.descriptor

    @property
    def limit_reached(self) -> bool:
        """Whether the kernel has refused a watch because this user has too many."""
        return self._inotify_fd.limit_reached

    def forget_limit(self) -> None:
        """Say it again only when it happens again."""
        self._inotify_fd.limit_reached = False

    def is_well(self) -> bool:
        """Whether it hears."""
        threads = [self, self._inotify_fd, *self.emitters]
        return not self.is_broken and all(thread.is_alive() for thread in threads)

    def open(self) -> None:
        """Watch. Raises OSError, and is closed then, when the root itself cannot be watched."""
        wake = self.scope is Scope.WAKE
        try:
            if not os.path.isdir(self.root):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            self._inotify_fd.start()
            self.start()
            self.schedule(
                _Handler(self),
                os.fsdecode(self.root),
                recursive=not wake,
                event_filter=WAKE_EVENTS if wake else ALL_EVENTS,
            )
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop all threads and give the instance back. Not from one of its threads."""
        self.is_broken = True
        if self.is_alive():
            self.stop()
            self.join()
        self._inotify_fd.release()

    def fail(self, overflow: bool) -> None:
        """Something was not heard: say so, once."""
        if not self.is_broken:
            self.is_broken = True
            self._broken(self, overflow)

    def lose_root(self) -> None:
        """The root was deleted or has another name now: what is heard from here on is not of it."""
        self._gone(self)

    def is_wanted(self, path: bytes) -> bool:
        """Whether a folder, an absolute path, is watched at all."""
        relative = self._relative(path)
        return relative is not None and is_entered(self.scope, relative) and not self._is_apart(relative)

    def take(self, kind: str, paths: Iterable[bytes], *, is_folder: bool) -> None:
        """Turn an event into hints. kind, paths (absolute): see `folders_for`."""
        if self.is_broken:
            return
        relative = [path for path in map(self._relative, paths) if path is not None]
        if is_folder and kind == "deleted" and b"" in relative:
            self.lose_root()
            return
        if self.apart:
            relative = [path for path in relative if not self._is_apart(path)]
        folders = folders_for(self.scope, kind, relative, is_folder=is_folder)
        if folders:
            self._hint(folders)

    def _relative(self, path: bytes) -> bytes | None:
        if path == self.root:
            return b""
        prefix = os.path.join(self.root, b"")
        return path[len(prefix) :] if path.startswith(prefix) else None

    def _is_apart(self, path: bytes) -> bool:
        return any(path == folder or path.startswith(folder + b"/") for folder in self.apart)


class _Handler(events.FileSystemEventHandler):
    def __init__(self, observer: RootObserver) -> None:
        self._observer = observer

    def dispatch(self, event: events.FileSystemEvent) -> None:
        paths = [os.fsencode(path) for path in (event.src_path, event.dest_path) if path]
        self._observer.take(event.event_type, paths, is_folder=event.is_directory)


class _Inotify(InotifyFD):
    """An inotify instance that leaves overflows to `fail` and survives none of its own errors quietly."""

    def __init__(self, fail: Callable[[bool], None]) -> None:
        super().__init__()
        self.limit_reached = False
        self._fail = fail
        self._failed = False
        self._released = False
        os.set_inheritable(self._inotify_fd, False)

    @property
    def descriptor(self) -> int:
        return self._inotify_fd

    def handle_event(self, event: InotifyEvent) -> None:
        if self._failed:
            return
        try:
            if not event.is_queue_overflow:
                super().handle_event(event)
                return
        except Exception:  # its books can be wrong about folders that came back; the thread must not die
            self._failed = True
            self._fail(False)
            return
        self._failed = True
        self._fail(True)

    def _get_or_create_watch(self, path: bytes, mask: Mask) -> Watch:
        if not os.access(path, os.R_OK, effective_ids=True):  # watchdog takes EACCES for success
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        try:
            watch = super()._get_or_create_watch(path, mask)
        except OSError as error:
            self.limit_reached = self.limit_reached or error.errno == errno.ENOSPC
            raise
        watch.callbacks.clear()  # one root, one callback: what would be overwritten, and warned of, is its own
        return watch

    def _close_resources(self) -> None:
        self._released = True
        super()._close_resources()

    def release(self) -> None:
        """Stop, and close what watchdog leaves open when it is stopped before its first read."""
        self.stop()
        if self.is_alive():
            self.join()
        if not self._released:
            self._close_resources()


@dataclass
class _Group(InotifyWatchGroup):
    """Watches no folder that nobody would look into (a NAS keeps one `@eaDir` for each folder), and hands over
    what happened to files at once, without pairing their moves and without a queue: measured with 200,000 new
    files, 2.6 s of processor time instead of 6.4, and 5 MB of memory instead of 46."""

    observer: RootObserver = field(kw_only=True, repr=False)

    def _add_callback(self, path: bytes) -> None:
        if self.observer.is_wanted(path):
            super()._add_callback(path)

    def on_event(self, event: InotifyEvent) -> None:
        if event.is_move_self:  # of a folder below, its parent tells too; nobody does of the root
            if self._build_event_source_path(event) == self.observer.root:
                self.observer.lose_root()
            return
        if event.is_directory or not event.name:
            super().on_event(event)
            return
        with self._lock:
            path = self._build_event_source_path(event) if self.is_active else None
        if path is not None:
            self.observer.take("changed", [path], is_folder=False)

    def _remove_watch_internally(self, wd: WatchDescriptor) -> None:
        # watchdog's own raises KeyError, in the reading thread, which is then no more: when a folder was moved
        # out, one of its name came and went, and then the first is deleted.
        path = self._active_callbacks_by_watch.pop(wd, None)
        if path is not None and self._active_callbacks_by_path.get(path) == wd:
            del self._active_callbacks_by_path[path]

    def deactivate(self) -> None:
        # The instance goes as a whole. Taking out watch by watch is slower, and its books may be wrong.
        with self._lock:
            self._is_active = False
        self._move_event_grouper.close()


class _Emitter(InotifyEmitter):
    """Watches what the observer wants, and tells it of its own failure."""

    def __init__(self, *arguments: object, observer: RootObserver, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self._observer = observer

    def on_thread_start(self) -> None:
        self._inotify = _Group(
            self._inotify_fd,
            os.fsencode(self.watch.path),
            is_recursive=self.watch.is_recursive,
            event_mask=Mask(self.get_event_mask_from_filter() | InotifyConstants.IN_MOVE_SELF),
            observer=self._observer,
        )

    def queue_event(self, event: events.FileSystemEvent) -> None:
        if (
            event.is_directory and not event.is_synthetic
        ):  # the rest lies below a folder to be looked at whole
            super().queue_event(event)

    def run(self) -> None:
        try:
            super().run()
        except Exception:
            self._observer.fail(False)
