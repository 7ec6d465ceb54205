"""Landlock: the kernel itself refuses faced to write, move or delete an original.

Decides which rights are taken away and what to say about it; which folders stay writable is the caller's.
Reading, changing times and changing modes are not covered by Landlock. The numbers are those of
linux/landlock.h; a kernel is never asked for a right that it does not know.
"""

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from faced.errors import FacedError, shown

__all__ = ["SWITCHED_OFF", "Sandbox", "confine", "handled_rights", "identity_of", "is_shut_out", "read_abi"]


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Whether the kernel guards the originals. abi: what the kernel has; 0: nothing. text: one plain sentence."""

    active: bool
    abi: int
    text: str


SWITCHED_OFF: Final = Sandbox(
    active=False, abi=0, text="the kernel does not guard your photos: `sandbox: off` is set"
)

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every machine that Linux runs on
_ASK_VERSION: Final = 1
_PATH_BENEATH: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38

_WRITE_FILE: Final = 1 << 1
_REMOVE_DIR: Final = 1 << 4
_REMOVE_FILE: Final = 1 << 5
_MAKE: Final = sum(1 << bit for bit in range(6, 13))  # device, folder, file, socket, fifo, block device, link
_REFER: Final = 1 << 13
_TRUNCATE: Final = 1 << 14
_FOR_FILES: Final = _WRITE_FILE | _TRUNCATE

_LEAST_ABI: Final = 2
"""ABI 1 forbids every rename between folders, also between those that are writable."""

_WHY_NOT: Final = {
    errno.ENOSYS: "this kernel has no Landlock",
    errno.EOPNOTSUPP: "Landlock is switched off in this kernel",
    errno.EPERM: "Landlock is forbidden here, as in some containers",
}


def handled_rights(abi: int) -> int:
    """The rights that are taken away outside the writable folders, as far as the kernel's ABI knows them."""
    rights = _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE
    if abi >= 2:
        rights |= _REFER
    if abi >= 3:
        rights |= _TRUNCATE
    return rights


def read_abi() -> int:
    """The kernel's Landlock ABI, from 1. Raises OSError where there is none."""
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    return _syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_ASK_VERSION))


def confine(writable: Sequence[Path | bytes], *, files: Sequence[Path | bytes] = ()) -> Sandbox:
    """Take from this process and its children, for good, the right to write elsewhere.

    writable: folders, with all below them. files: single files that may be written to, such as /dev/null;
    one that is not there is passed over. Files that are open already stay as they are.
    To be called before any thread is started: RuntimeError when there are several. Raises FacedError when a
    folder is not there. Where the kernel cannot do it, nothing is done, and the text says why.
    """
    if _count_threads() > 1:
        raise RuntimeError("Landlock would not hold for the threads that run already")
    try:
        abi = read_abi()
    except OSError as error:
        reason = _WHY_NOT.get(error.errno or 0, f"Landlock failed ({error.strerror})")
        return Sandbox(active=False, abi=0, text=f"the kernel does not guard your photos: {reason}")
    if abi < _LEAST_ABI:
        return Sandbox(
            active=False,
            abi=abi,
            text=f"the kernel does not guard your photos: its Landlock is too old (ABI {abi} of {_LEAST_ABI})",
        )
    _restrict(handled_rights(abi), writable, files)
    return Sandbox(active=True, abi=abi, text=_describe(abi))


def _describe(abi: int) -> str:
    if abi >= 3:
        return f"the kernel forbids faced to write to your photos (Landlock ABI {abi})"
    return f"the kernel forbids faced to write to your photos, but not to cut them short (Landlock ABI {abi})"


def _restrict(rights: int, writable: Iterable[Path | bytes], files: Iterable[Path | bytes]) -> None:
    attribute = ctypes.create_string_buffer(struct.pack("=Q", rights), 8)
    ruleset = _syscall(_CREATE_RULESET, attribute, ctypes.c_size_t(8), ctypes.c_uint32(0))
    try:
        for folder in writable:
            with _opened(folder, os.O_DIRECTORY) as handle:
                _allow(ruleset, handle, rights)
        for file in files:
            if os.path.exists(file):
                with _opened(file, 0) as handle:
                    _allow(ruleset, handle, rights & _FOR_FILES)
        if ctypes.CDLL(None, use_errno=True).prctl(
            ctypes.c_int(_PR_SET_NO_NEW_PRIVS), *map(ctypes.c_ulong, (1, 0, 0, 0))
        ):
            raise _last_error()
        _syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


@contextmanager
def _opened(path: Path | bytes, kind: int) -> Iterator[int]:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC | kind)
    except OSError as error:
        raise FacedError(
            f"{shown(os.fsencode(path))} must be writable, but cannot be opened: {error.strerror}"
        ) from error
    try:
        yield handle
    finally:
        os.close(handle)


def _allow(ruleset: int, handle: int, rights: int) -> None:
    attribute = ctypes.create_string_buffer(struct.pack("=Qi", rights, handle), 12)
    _syscall(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_PATH_BENEATH), attribute, ctypes.c_uint32(0))


def _syscall(number: int, *arguments: object) -> int:
    result: int = ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        raise _last_error()
    return result


def _last_error() -> OSError:
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code))


def _count_threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except (
        OSError
    ):  # no /proc: then there is no Landlock worth the name either, but Python's own threads count
        return len(sys._current_frames())


def identity_of(path: Path | bytes) -> tuple[int, int] | None:
    """(st_dev, st_ino) of what the path leads to now; None: it cannot be reached.

    Another answer than at `confine` means another folder. The same answer does not mean the same folder: a
    disk that was unmounted and mounted again has its old numbers, and the kernel's rules are gone all the
    same. That is what is_shut_out sees.
    """
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def is_shut_out(path: Path | bytes) -> bool:
    """Whether the kernel's rules forbid this process to change the folder that holds the path.

    The path must exist, or the answer is no. It is renamed to itself, which by POSIX does nothing: nothing
    on the disk changes, nobody is told, no file's permissions are asked; only Landlock has its say before.
    """
    try:
        os.rename(path, path)
    except OSError as error:
        # Where a folder on the way is closed to us, that is what was refused.
        return error.errno == errno.EACCES and os.path.lexists(path)
    return False
