"""Which mount a path lies on, and what makes a folder the same folder tomorrow.

Reads /proc/self/mountinfo, statvfs and the UUIDs of file systems; decides nothing about what to do then.
"""

import fcntl
import hashlib
import os
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from uuid import UUID

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


DEVICE_NUMBERED = frozenset(["exfat", "f2fs", "ntfs3", "vfat", "xfs"])
"""Their f_fsid is the number of the device, which may be another one after a reboot or in another socket."""
GETFSUUID = 0x80111500
"""ioctl FS_IOC_GETFSUUID, Linux 6.9 (include/uapi/linux/fs.h): fills in struct {u8 len; u8 uuid[16];}."""
BY_UUID = Path("/dev/disk/by-uuid")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo: where it is mounted, the type of its file system, and its source.

    id, parent: of the mount and the one that it lies in; 0: not known.
    """

    point: bytes
    fstype: str
    source: str
    id: int = field(default=0, compare=False)
    parent: int = field(default=0, compare=False)


def parse_mountinfo(text: bytes) -> list[Mount]:
    """The mounts in the order of the file; of two on one point the later one is seen (man 5 proc)."""
    mounts = []
    for line in text.split(b"\n"):  # not splitlines: a carriage return may be part of a name
        left, separator, right = line.partition(b" - ")
        fields, tail = left.split(b" "), right.split(b" ")
        if separator and len(fields) >= 5 and len(tail) >= 2 and fields[0].isdigit() and fields[1].isdigit():
            source = os.fsdecode(_unescape(tail[1]))
            ids = int(fields[0]), int(fields[1])
            mounts.append(Mount(_unescape(fields[4]), os.fsdecode(tail[0]), source, *ids))
    return mounts


def _unescape(field: bytes) -> bytes:
    return re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m.group(1), 8) & 255]), field)


def read_mounts() -> list[Mount]:
    """The mounts of this process; none where there is no /proc (then only inodes are compared)."""
    try:
        return list(_parse_once(Path("/proc/self/mountinfo").read_bytes()))
    except OSError:
        return []


@lru_cache(maxsize=1)
def _parse_once(text: bytes) -> tuple[Mount, ...]:
    """A pass asks several times, and mounts seldom change."""
    return tuple(parse_mountinfo(text))


def find_mount(path: bytes, mounts: list[Mount]) -> Mount | None:
    """The mount that an absolute, resolved path lies on, found as the kernel does: from the root downwards.

    A mount over a folder hides what was mounted below that folder before.
    """
    ids = {mount.id for mount in mounts}
    found: Mount | None = None
    for point in _points_above(path):
        here = [mount for mount in mounts if mount.point.rstrip(b"/") == point]
        while here:  # several may be stacked on one point: each lies in the one below it
            inner = [mount for mount in here if _lies_in(mount, found, ids)]
            if not inner:
                break
            found = inner[-1]
            here = [mount for mount in here if mount.parent == found.id and found.id]
    return found


def _points_above(path: bytes) -> list[bytes]:
    """`/a/b`: nothing (the root), /a, /a/b."""
    names = path.rstrip(b"/").split(b"/")
    return [b"/".join(names[:count]) for count in range(1, len(names) + 1)]


def _lies_in(mount: Mount, outer: Mount | None, ids: set[int]) -> bool:
    """Its own parent is the outer one, or not among those that this process sees."""
    is_outermost = not mount.parent or mount.parent not in ids
    return is_outermost or (outer is not None and mount.parent == outer.id)


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
    if mount and mount.fstype in DEVICE_NUMBERED:
        uuid = _ask_uuid(resolved) or _look_up_uuid(mount.source)
        if uuid is not None:
            fsid = int.from_bytes(hashlib.blake2b(uuid.encode(), digest_size=8).digest())
    return Place(
        fsid=fsid - (1 << 64) if fsid >= 1 << 63 else fsid,
        source=mount.source if mount else "",
        fstype=mount.fstype if mount else "",
        ino=os.stat(resolved).st_ino,
    )


def _ask_uuid(folder: bytes) -> str | None:
    """The file system's UUID as udev writes it, from the kernel; None where it does not say."""
    answer = bytearray(17)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(handle, GETFSUUID, answer)
    except OSError:
        return None
    finally:
        os.close(handle)
    return str(UUID(bytes=bytes(answer[1:]))) if answer[0] == 16 and any(answer[1:]) else None


def _look_up_uuid(device: str, names: Path = BY_UUID) -> str | None:
    """The name that udev gave the device; None where it gave none."""
    try:
        wanted = os.stat(device).st_rdev
        return next((name.name for name in sorted(names.iterdir()) if name.stat().st_rdev == wanted), None)
    except OSError:
        return None
