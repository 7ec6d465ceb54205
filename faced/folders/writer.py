"""The system calls that change the people folder, and nothing else does: one small class of them.

Every name is relative to a folder handle and nothing follows a link, so that a folder swapped for a link in the
meantime leads nowhere. Nothing here decides; no call replaces what is there unless its name says so.
"""

import ctypes
import errno
import os
from typing import Protocol

__all__ = ["KernelWriter", "TreeWriter"]


class TreeWriter(Protocol):
    """What it takes to change a tree of links. Each call raises OSError when the kernel refuses."""

    def symlink(self, text: bytes, folder: int, name: bytes) -> None:
        """Make a link; FileExistsError when the name is taken, by whatever."""

    def set_time(self, folder: int, name: bytes, time_ns: int) -> None:
        """Set a link's own times, where the file system keeps them."""

    def mkdir(self, folder: int, name: bytes, mode: int, group: int) -> int:
        """Make a folder with exactly this mode and, if allowed, group. Returns its inode."""

    def create_file(self, folder: int, name: bytes, content: bytes, mode: int, group: int) -> None:
        """Make a file, safe on disk when this returns; FileExistsError when the name is taken."""

    def move(self, folder: int, name: bytes, to_folder: int, to_name: bytes) -> None:
        """Rename without replacing: FileExistsError when the new name is taken."""

    def exchange(self, folder: int, name: bytes, to_folder: int, to_name: bytes) -> bool:
        """Swap two entries in one step; False when the file system cannot."""

    def replace(self, folder: int, name: bytes, to_folder: int, to_name: bytes) -> None:
        """Rename over what is there."""

    def unlink(self, folder: int, name: bytes) -> None:
        """Delete a link or a file."""

    def rmdir(self, folder: int, name: bytes) -> None:
        """Delete an empty folder."""

    def flush(self, folder: int) -> None:
        """Everything done so far on this file system is on the disk when this returns."""


NOREPLACE, EXCHANGE = 1, 2
UNABLE = frozenset([errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
TIMELESS = frozenset([errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EINVAL])

_libc = ctypes.CDLL(None, use_errno=True)


class KernelWriter:
    """The real one. What old kernels and network file systems lack is done the next best way."""

    def symlink(self, text: bytes, folder: int, name: bytes) -> None:
        os.symlink(text, name, dir_fd=folder)

    def set_time(self, folder: int, name: bytes, time_ns: int) -> None:
        try:
            os.utime(name, ns=(time_ns, time_ns), dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            if error.errno not in TIMELESS:
                raise

    def mkdir(self, folder: int, name: bytes, mode: int, group: int) -> int:
        os.mkdir(name, 0o700, dir_fd=folder)
        handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            _set_mode(handle, mode, group)
            return os.fstat(handle).st_ino
        finally:
            os.close(handle)

    def create_file(self, folder: int, name: bytes, content: bytes, mode: int, group: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(name, flags, 0o600, dir_fd=folder)
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(handle, view) :]
            _set_mode(handle, mode, group)
            os.fsync(handle)
        finally:
            os.close(handle)

    def move(self, folder: int, name: bytes, to_folder: int, to_name: bytes) -> None:
        code = _renameat2(folder, name, to_folder, to_name, NOREPLACE)
        if code in UNABLE:
            # A window of microseconds, where no call without it exists (FUSE and NFS, old kernels).
            try:
                os.lstat(to_name, dir_fd=to_folder)
            except FileNotFoundError:
                os.rename(name, to_name, src_dir_fd=folder, dst_dir_fd=to_folder)
                return
            code = errno.EEXIST
        if code:
            raise OSError(code, os.strerror(code), to_name)

    def exchange(self, folder: int, name: bytes, to_folder: int, to_name: bytes) -> bool:
        code = _renameat2(folder, name, to_folder, to_name, EXCHANGE)
        if code and code not in UNABLE:
            raise OSError(code, os.strerror(code), to_name)
        return not code

    def replace(self, folder: int, name: bytes, to_folder: int, to_name: bytes) -> None:
        os.replace(name, to_name, src_dir_fd=folder, dst_dir_fd=to_folder)

    def unlink(self, folder: int, name: bytes) -> None:
        os.unlink(name, dir_fd=folder)

    def rmdir(self, folder: int, name: bytes) -> None:
        os.rmdir(name, dir_fd=folder)

    def flush(self, folder: int) -> None:
        if not hasattr(_libc, "syncfs"):
            os.sync()
        elif _libc.syncfs(folder):
            code = ctypes.get_errno()
            if code not in UNABLE:
                raise OSError(code, os.strerror(code))
            os.sync()


def _renameat2(folder: int, name: bytes, to_folder: int, to_name: bytes, flag: int) -> int:
    """The error number, 0 for success."""
    if not hasattr(_libc, "renameat2"):
        return errno.ENOSYS
    if _libc.renameat2(folder, name, to_folder, to_name, ctypes.c_uint(flag)):
        return ctypes.get_errno()
    return 0


def _set_mode(handle: int, mode: int, group: int) -> None:
    """The group first: changing it takes the setgid bit away. A group that is not ours to give stays as it is."""
    if os.fstat(handle).st_gid != group:
        try:
            os.fchown(handle, -1, group)
        except PermissionError:
            mode &= ~0o2000
    os.fchmod(handle, mode)
