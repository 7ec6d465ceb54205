"""Waiting until the user's hands are off the people folder: what is read in the middle of a gesture is half a gesture."""

import os
from contextlib import suppress

from faced.clock import CLOCK, Clock
from faced.folders.names import is_passed_over

__all__ = ["newest_change", "wait_until_quiet"]

POLL_NS = 500_000_000


def wait_until_quiet(
    root: bytes,
    *,
    settle_ns: int,
    longest_ns: int = 60_000_000_000,
    clock: Clock = CLOCK,
) -> bool:
    """Wait until no folder of the tree has changed for `settle_ns`, but no longer than `longest_ns`.

    Returns False when it never became quiet. A folder's time that lies in the future (another machine's clock) counts
    as long as it changes. A tree that cannot be read is quiet.
    """
    begun = clock.now_ns()
    latest, since = newest_change(root), begun
    while True:
        now, quiet = clock.now_ns(), clock.age_ns(latest)
        if now - begun >= longest_ns or now < begun:
            return False
        if quiet < 0:
            quiet = now - since
        if quiet >= settle_ns:
            return True
        # Not longer than half a second: the end of a gesture moves on while it goes on.
        clock.sleep(max(1, min(settle_ns - quiet, POLL_NS)) / 1e9)
        if (newest := newest_change(root)) != latest:
            latest, since = newest, clock.now_ns()


def newest_change(root: bytes) -> int:
    """The latest change of any folder in the tree, UTC nanoseconds; 0 when there is none to be seen."""
    newest = 0
    pending = [root]
    while pending:
        path = pending.pop()
        with suppress(OSError):
            status = os.stat(path) if path == root else os.lstat(path)
            newest = max(newest, status.st_mtime_ns, status.st_ctime_ns)
            if status.st_nlink == 2 and path != root:
                continue  # where folders count their subfolders: there are none (else the number is 1, or more)
            with os.scandir(path) as entries:
                pending += [
                    entry.path
                    for entry in entries
                    if entry.is_dir(follow_symlinks=False) and not is_passed_over(entry.name)
                ]
    return newest
