"""A disk that loses its power: a file system in an image file, of which a copy taken while it is mounted has only
what was written to it by then. Needs root and a mount namespace of one's own.

The copy comes back in the place of the original, on the same device and mount point, as after a reboot.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from faced.folders.writer import KernelWriter

__all__ = ["MAKERS", "CutAt", "Forgetful", "LoopDisk", "PowerCut", "copy_state", "open_disk"]

MAKERS = {
    "ext4": ("mkfs.ext4", "-q", "-F"),
    "xfs": ("mkfs.xfs", "-q", "-f"),
    "btrfs": ("mkfs.btrfs", "-q", "-f"),
}
MIB = {"ext4": 64, "xfs": 320, "btrfs": 128}
"""About the smallest that each of them makes."""
LAZY = {"ext4": "commit=300", "xfs": "rw", "btrfs": "commit=300"}
"""A kernel that writes back seldom, so that what is not flushed is really not there."""
TRIES = 5
BLKFLSBUF = 0x1261


class PowerCut(BaseException):
    """The power is gone; nothing may catch it but the test."""


class LoopDisk:
    """A mounted image. `cut` keeps what a power cut now would leave, `restore` goes on from there."""

    def __init__(self, image: Path, device: str, handle: int, point: Path, fstype: str) -> None:
        self.image, self.device, self.handle, self.point = image, device, handle, point
        self.fstype = fstype
        self.kept = image.with_suffix(".cut")
        self.is_mounted = False

    def mount(self) -> None:
        """Mount it; what a journal holds is replayed."""
        command = ["mount", "-t", self.fstype, "-o", LAZY[self.fstype], self.device, str(self.point)]
        subprocess.run(command, check=True, capture_output=True)
        self.is_mounted = True

    def unmount(self) -> None:
        """Unmount it; nothing may be open on it."""
        subprocess.run(["umount", str(self.point)], check=True)
        self.is_mounted = False

    def writes(self) -> int:
        """How many writes the device has had."""
        return int(Path("/sys/block", Path(self.device).name, "stat").read_text().split()[4])

    def cut(self) -> None:
        """Keep a copy of the image as it is. One during which the kernel wrote would be of no moment at all."""
        for _ in range(TRIES):
            before = self.writes()
            subprocess.run(["cp", "--sparse=always", str(self.image), str(self.kept)], check=True)
            if self.writes() == before:
                return
        pytest.skip("the kernel writes to the disk all the time here")

    def restore(self) -> None:
        """The disk as it was when the power was cut."""
        self.unmount()
        fcntl.ioctl(self.handle, BLKFLSBUF)
        # Into the same file: the loop device stays the same one (xfs makes its file-system id of the device's number).
        subprocess.run(["cp", "--sparse=always", str(self.kept), str(self.image)], check=True)
        fcntl.ioctl(self.handle, BLKFLSBUF)
        self.mount()


@contextmanager
def open_disk(folder: Path, fstype: str) -> Iterator[LoopDisk]:
    """A new disk, mounted at `folder`/disk."""
    image, point = folder / "image", folder / "disk"
    point.mkdir()
    with image.open("wb") as file:
        file.truncate(MIB[fstype] << 20)
    subprocess.run([*MAKERS[fstype], str(image)], check=True, capture_output=True)
    attached = subprocess.run(
        ["losetup", "--find", "--show", str(image)], capture_output=True, text=True, check=False
    )
    if attached.returncode:
        pytest.skip(f"no loop device here: {attached.stderr.strip()}")
    device = attached.stdout.strip()
    handle = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    # Free from now on as soon as nobody has it open: also when this process is killed.
    subprocess.run(["losetup", "--detach", device], check=True)
    disk = LoopDisk(image, device, handle, point, fstype)
    try:
        try:
            disk.mount()
        except subprocess.CalledProcessError as error:
            pytest.skip(f"{fstype} cannot be mounted here: {os.fsdecode(error.stderr).strip()}")
        yield disk
    finally:
        if disk.is_mounted:
            subprocess.run(["umount", "--lazy", str(point)], check=False)
        os.close(handle)


class CutAt:
    """The real writer until its `nth` call: `cut` is called before it, and the power is gone. calls: their names."""

    def __init__(self, nth: int | None, cut: Callable[[], None]) -> None:
        self.nth, self.cut = nth, cut
        self.inner = KernelWriter()
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.inner, name)

        def counted(*args: Any) -> Any:
            if len(self.calls) == self.nth:
                self.cut()
                raise PowerCut
            self.calls.append(name)
            return method(*args)

        return counted


class Forgetful(KernelWriter):
    """Does not flush: what faced would be without step 5 of its protocol."""

    def flush(self, folder: int) -> None:
        pass


def copy_state(state: Path, to: Path) -> None:
    """A database's folder as it is now, without what is only in memory."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(state, to, ignore=shutil.ignore_patterns("*-shm"))
