"""What to say when something cannot be watched, and what to do about it. Values in, sentences out."""

import contextlib
import errno
from pathlib import Path

from faced.errors import shown

__all__ = ["deaf_problem", "gone_problem", "limit_problem", "open_problem", "read_watch_limit"]

SENSIBLE_LIMIT = 524_288
WATCHES = "max_user_watches"
INSTANCES = "max_user_instances"


def read_watch_limit() -> int | None:
    """How many watches a user may have; None where the kernel does not say."""
    return _read_limit(WATCHES)


def _read_limit(name: str) -> int | None:
    """The lower one of the system's and, in a container, the container's."""
    found = []
    for path in (f"fs/inotify/{name}", f"user/{name.replace('user', 'inotify')}"):
        with contextlib.suppress(OSError, ValueError):
            found.append(int(Path("/proc/sys", path).read_text()))
    return min(found, default=None)


def limit_problem(root: bytes, deaf: int | None = None) -> str:
    """The limit of watches is reached; deaf: how many folders are unwatched, when that is known."""
    limit = read_watch_limit()
    which = "some folders" if deaf is None else _folders(deaf)
    return (
        f"{which} of {shown(root)} cannot be watched, because the limit of inotify watches"
        f"{f' ({limit})' if limit else ''} is reached: {_sysctl(WATCHES, limit, SENSIBLE_LIMIT)}"
    )


def deaf_problem(root: bytes, deaf: int) -> str:
    """Folders stay unwatched and the kernel gave no reason: mostly one may not read them."""
    return f"{_folders(deaf)} of {shown(root)} cannot be watched: check that faced may read all folders in it"


def gone_problem(root: bytes) -> str:
    """The watched folder itself went away."""
    return f"{shown(root)} is gone: put it back or mount its disk"


def open_problem(root: bytes, error: OSError) -> str:
    """A root cannot be watched at all."""
    where = shown(root)
    if error.errno == errno.ENOSPC:
        limit = read_watch_limit()
        return (
            f"{where} cannot be watched, because the limit of inotify watches{f' ({limit})' if limit else ''} "
            f"is reached: {_sysctl(WATCHES, limit, SENSIBLE_LIMIT)}"
        )
    if error.errno == errno.EMFILE:
        limit = _read_limit(INSTANCES)
        return (
            f"{where} cannot be watched, because too many inotify instances or files are open: "
            f"{_sysctl(INSTANCES, limit, 1024)}, or raise the limit of open files"
        )
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return f"{where} is not there, or no folder: mount its disk or correct the path"
    if error.errno == errno.EACCES:
        return f"{where} cannot be watched: faced may not read it"
    return f"{where} cannot be watched: {error.strerror or error}"


def _sysctl(name: str, limit: int | None, sensible: int) -> str:
    wanted = max(sensible, 2 * (limit or 0))
    return f"set fs.inotify.{name} = {wanted} in /etc/sysctl.d/60-faced.conf and run `sudo sysctl --system`"


def _folders(count: int) -> str:
    return "1 folder" if count == 1 else f"{count:,} folders"
