"""Which mount a path lies on, and what makes a folder the same folder tomorrow.

Reads /proc/self/mountinfo and statvfs; decides nothing about what to do then.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from faced.model import Place

__all__ = [
    "Mount",
    "find_mount",
    "has_stable_inodes",
    "is_network",
    "parse_mountinfo",
    "read_mounts",
    "read_place",
]

NETWORK_TYPES = frozenset(
    [
        "9p",
        "afs",
        "ceph",
        "cifs",
        "davfs",
        "fuse.sshfs",
        "glusterfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "smb3",
        "smbfs",
        "virtiofs",
    ]
)


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo: where it is mounted, the type of its file system, and its source."""

    point: bytes
    fstype: str
    source: str


def parse_mountinfo(text: bytes) -> list[Mount]:
    """The mounts in the order of the file; of two on one point the later one is seen (man 5 proc)."""
    mounts = []
    for line in text.split(b"\n"):  # not splitlines: a carriage return may be part of a name
        left, separator, right = line.partition(b" - ")
        fields, tail = left.split(b" "), right.split(b" ")
        if separator and len(fields) >= 5 and len(tail) >= 2:
            mounts.append(Mount(_unescape(fields[4]), os.fsdecode(tail[0]), os.fsdecode(_unescape(tail[1]))))
    return mounts


def _unescape(field: bytes) -> bytes:
    return re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m.group(1), 8) & 255]), field)


def read_mounts() -> list[Mount]:
    """The mounts of this process; none where there is no /proc (then only inodes are compared)."""
    try:
        return parse_mountinfo(Path("/proc/self/mountinfo").read_bytes())
    except OSError:
        return []


def find_mount(path: bytes, mounts: list[Mount]) -> Mount | None:
    """The mount that an absolute, resolved path lies on: the longest mount point above it."""
    best: Mount | None = None
    for mount in mounts:
        above = mount.point.rstrip(b"/") + b"/"
        if (path + b"/").startswith(above) and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


def is_network(fstype: str) -> bool:
    """Whether changes may come from another machine, or locks and shared memory may not work."""
    return fstype in NETWORK_TYPES or fstype.startswith("fuse")


def has_stable_inodes(fstype: str) -> bool:
    """Whether a file keeps its inode number while it is the same file. FAT has none: the kernel makes
    them up, anew whenever it forgets a file; so do many file systems in user space."""
    return fstype not in ("exfat", "msdos", "vfat") and not fstype.startswith("fuse.")


def read_place(path: bytes, mounts: list[Mount] | None = None) -> Place:
    """The identity of an existing folder. Raises OSError when it cannot be looked at."""
    resolved = os.path.realpath(path)
    mount = find_mount(resolved, read_mounts() if mounts is None else mounts)
    fsid = os.statvfs(resolved).f_fsid
    return Place(
        fsid=fsid - (1 << 64) if fsid >= 1 << 63 else fsid,
        source=mount.source if mount else "",
        fstype=mount.fstype if mount else "",
        ino=os.stat(resolved).st_ino,
    )
