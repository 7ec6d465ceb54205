"""Which folders are in no watch: the truth about inotify is in /proc/self/fdinfo.

Reads; renews nothing. A folder can be unwatched without any error: when it was renamed in haste, when another
file system is mounted over it, when the limit of watches is reached.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from faced.library.watch.scope import Scope, is_entered

__all__ = ["Node", "find_deaf", "node_of", "read_watches", "walk_folders"]

Node = tuple[int, int]
"""Device and inode."""


def walk_folders(root: bytes, scope: Scope = Scope.PHOTOS, apart: Iterable[bytes] = ()) -> Iterator[bytes]:
    """The folders of a root that ought to be watched, relative to it, b"" first; no symbolic links.

    apart: folders relative to the root that are left out with all below them. What cannot be listed is
    named itself, without what is in it; a root that is not there gives nothing.
    """
    left_out = frozenset(apart)
    waiting = [b""] if os.path.isdir(root) else []
    while waiting:
        folder = waiting.pop()
        yield folder
        if scope is not Scope.WAKE:
            waiting += [
                below
                for below in _list_folders(root, folder)
                if below not in left_out and is_entered(scope, below)
            ]


def _list_folders(root: bytes, folder: bytes) -> list[bytes]:
    prefix = folder + b"/" if folder else b""
    try:
        with os.scandir(os.path.join(root, folder)) as entries:
            return [prefix + entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def read_watches(descriptor: int) -> frozenset[Node]:
    """The (device, inode) of everything that an inotify instance of this process watches."""
    try:
        text = Path(f"/proc/self/fdinfo/{descriptor}").read_bytes()
    except OSError:
        return frozenset()
    return frozenset(_node(line) for line in text.split(b"\n") if line.startswith(b"inotify wd:"))


def _node(line: bytes) -> Node:
    fields = dict(part.split(b":", 1) for part in line.split() if b":" in part)
    return int(fields[b"sdev"], 16), int(fields[b"ino"], 16)


def node_of(root: bytes, folder: bytes) -> Node | None:
    """What is at that folder now, None when nothing is; the root may be a symbolic link."""
    try:
        status = os.lstat(os.path.join(root, folder)) if folder else os.stat(root)
    except OSError:
        return None
    return os.major(status.st_dev) << 20 | os.minor(status.st_dev), status.st_ino


def find_deaf(root: bytes, folders: Iterable[bytes], watches: frozenset[Node]) -> dict[bytes, Node]:
    """Those of the folders that are there and not in `watches` (of `read_watches`).

    Some file systems (btrfs) tell another device in stat than the one the kernel's tables have. There only
    inodes are compared.
    """
    devices = _mounted_devices()
    inodes = frozenset(inode for _, inode in watches)
    deaf = {}
    for folder in folders:
        node = node_of(root, folder)
        if node is None:
            continue
        heard = node in watches if node[0] in devices else node[1] in inodes
        if not heard:
            deaf[folder] = node
    return deaf


def _mounted_devices() -> frozenset[int]:
    """As fdinfo writes them: the major number above twenty bits of minor."""
    try:
        lines = Path("/proc/self/mountinfo").read_bytes().split(b"\n")
    except OSError:
        return frozenset()
    pairs = (line.split(b" ", 3)[2].split(b":") for line in lines if line.count(b" ") > 3)
    return frozenset(int(major) << 20 | int(minor) for major, minor in pairs)
