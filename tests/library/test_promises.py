"""Promises 4 and 7 where the library room keeps them: over real mounts, and with every inode looked at."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from faced.library.step import LibraryReport, scan_libraries
from faced.store.database import Store, open_store
from faced.store.photos import load_libraries, set_libraries
from tests.support.rerun import in_mount_namespace, without_privileges


def put(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())


@contextmanager
def library(tmp_path: Path, *paths: str) -> Iterator[tuple[Path, Store]]:
    lib = tmp_path / "lib"
    lib.mkdir()
    with open_store(tmp_path / "state") as store:
        with store.write() as db:
            set_libraries(db, [os.fsencode(lib)], exact=False)
        put(lib, *paths)
        yield lib, store


def scan(store: Store, **options: bool) -> LibraryReport:
    (report,) = scan_libraries(store, None, **options)
    return report


def is_changed(report: LibraryReport) -> bool:
    return bool(report.added or report.changed or report.moved or report.gone)


def photos(store: Store) -> list[str]:
    return [os.fsdecode(path) for (path,) in store.db.execute("SELECT path FROM photos ORDER BY path")]


def mount(*arguments: object) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True)


def umount(point: Path) -> None:
    subprocess.run(["umount", str(point)], check=True)


def tmpfs(point: Path) -> None:
    point.mkdir(exist_ok=True)
    mount("-t", "tmpfs", "tmpfs", point)


def listing(root: Path) -> dict[str, tuple[int, ...]]:
    """Everything about every file and folder but when it was last read."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in [".", *folders, *files]:
            path = os.path.join(folder, name)
            s = os.lstat(path)
            found[path] = (s.st_ino, s.st_mode, s.st_nlink, s.st_size, s.st_mtime_ns, s.st_ctime_ns)
    return found


def test_promise_4_a_scan_writes_nothing_below_the_library(tmp_path):
    """Through first scan, changes, moves, losses and a frozen library no inode below it is touched."""
    with library(tmp_path, *(f"a/{n}.jpg" for n in range(60)), "b.jpg", ".hidden/x", "c/notes.txt") as (
        lib,
        store,
    ):
        (lib / "link.jpg").symlink_to("b.jpg")

        def scan_and_compare() -> None:
            before = listing(lib)
            scan(store)
            assert listing(lib) == before

        scan_and_compare()
        scan_and_compare()
        (lib / "b.jpg").write_bytes(b"new content")
        (lib / "a").rename(lib / "z")
        scan_and_compare()
        shutil.rmtree(lib / "z")
        scan_and_compare()
        (lib / "b.jpg").unlink()
        scan_and_compare()
        assert scan(store).online is False


def test_promise_4_a_scan_opens_no_photo(tmp_path):
    """strace sees folders opened and nothing else: on the first scan, an unchanged one, and one of a folder."""
    if not shutil.which("strace"):
        pytest.skip("needs strace")
    with library(tmp_path, "a.jpg", "b/c.jpg") as (lib, _):
        (lib / "link.jpg").symlink_to("b/c.jpg")
    program = (
        "import sys, pathlib\n"
        "from faced.library.step import scan_libraries, scan_library\n"
        "from faced.store.database import open_store\n"
        "with open_store(pathlib.Path(sys.argv[1])) as store:\n"
        "    print(sum(r.added for r in scan_libraries(store, None)))\n"
        "    print(sum(r.added for r in scan_libraries(store, None)))\n"
        "    print(scan_library(store, 1, None, only={b'b': True}).added)\n"
    )
    trace = tmp_path / "trace"
    calls = "trace=open,openat,openat2,creat,unlink,unlinkat,rename,renameat,renameat2,link,linkat,truncate,utimensat"
    run = subprocess.run(
        ["strace", "-f", "-o", trace, "-e", calls, sys.executable, "-c", program, tmp_path / "state"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    if run.returncode and "ptrace" in run.stderr.lower():
        pytest.skip("strace may not trace here")
    assert run.stdout.split() == ["3", "0", "0"], run.stderr
    touched = [line for line in trace.read_text("utf-8", "replace").splitlines() if os.fspath(lib) in line]
    assert touched
    assert all("openat(" in line and "O_RDONLY" in line and "O_DIRECTORY" in line for line in touched), (
        touched
    )


@in_mount_namespace
def test_promise_7_an_unmounted_library_is_frozen_and_comes_back(tmp_path):
    """Its mount point is empty and on another disk; mounted again, it is as it was."""
    with library(tmp_path) as (lib, store):
        disk = tmp_path / "disk"
        tmpfs(disk)
        put(disk, "a.jpg", "b/c.jpg")
        mount("--bind", disk, lib)
        assert scan(store).added == 2
        umount(lib)
        report = scan(store)
        assert (report.online, report.lost) == (False, 2)
        assert "another disk or folder than the one that held 2 photos" in report.problem
        assert photos(store) == ["a.jpg", "b/c.jpg"]
        mount("--bind", disk, lib)
        report = scan(store)
        assert (report.online, report.problem, is_changed(report)) == (True, None, False)


@in_mount_namespace
def test_promise_7_photos_in_the_bare_mount_point_are_not_the_library(tmp_path):
    """Somebody copied a file into the folder while the disk was away: still the wrong place."""
    with library(tmp_path, "stray.jpg") as (lib, store):
        tmpfs(lib)
        put(lib, "a.jpg", "b.jpg")
        assert scan(store).added == 2
        umount(lib)
        assert scan(store).online is False
        assert photos(store) == ["a.jpg", "b.jpg"]


@in_mount_namespace
def test_promise_7_another_disk_at_the_same_path_is_frozen(tmp_path):
    """Other photos on another file system, whose root may well have the same inode."""
    with library(tmp_path) as (lib, store):
        tmpfs(lib)
        put(lib, "a.jpg", "b.jpg")
        scan(store)
        first = os.statvfs(lib).f_fsid
        umount(lib)
        tmpfs(lib)
        put(lib, "holiday.jpg")
        if os.statvfs(lib).f_fsid == first:
            pytest.skip("this kernel gives every tmpfs the same file-system id")
        report = scan(store)
        assert (report.online, report.added, report.gone) == (False, 0, 0)
        assert photos(store) == ["a.jpg", "b.jpg"]


@in_mount_namespace
def test_promise_7_a_disk_below_the_library_that_is_away_freezes_its_part(tmp_path):
    """A few photos on a disk of their own are far below the brake's share: the mount point tells."""
    with library(tmp_path, *(f"main/{n}.jpg" for n in range(20)), "usb/.keep") as (lib, store):
        disk = tmp_path / "disk"
        tmpfs(disk)
        put(disk, "x.jpg", "y.jpg")
        mount("--bind", disk, lib / "usb")
        assert scan(store).added == 22
        umount(lib / "usb")
        (lib / "main/3.jpg").unlink()
        report = scan(store)
        assert (report.online, report.gone, report.lost) == (True, 1, 2)
        assert (
            "usb cannot be read (another disk, or none, is mounted there); 2 photos known there"
            in report.problem
        )
        assert {"usb/x.jpg", "usb/y.jpg"} < set(photos(store))

        mount("--bind", disk, lib / "usb")
        report = scan(store)
        assert (report.problem, is_changed(report)) == (None, False)

        (disk / "y.jpg").unlink()  # with the disk there, gone is gone
        assert scan(store).gone == 1

        umount(lib / "usb")
        shutil.rmtree(lib / "usb")  # the mount point itself was taken away: so was what was on it
        report = scan(store)
        assert (report.problem, report.gone) == (None, 1)


@in_mount_namespace
def test_promise_7_a_missing_disk_can_be_accepted(tmp_path):
    """The user says that it will not come back."""
    with library(tmp_path, "a.jpg", "usb/.keep") as (lib, store):
        tmpfs(lib / "usb")
        put(lib / "usb", "x.jpg")
        scan(store)
        umount(lib / "usb")
        assert scan(store).lost == 1
        report = scan(store, accept_losses=True)
        assert (report.problem, report.gone) == (None, 1)
        assert scan(store).problem is None


@in_mount_namespace
def test_promise_7_an_unmount_in_the_middle_of_a_scan_loses_nothing(tmp_path):
    """The walk then sees what is in the bare mount point; the place is asked again before anything is written."""
    with library(tmp_path, "stray.jpg") as (lib, store):
        tmpfs(lib)
        put(lib, "a.jpg", "b/c.jpg")
        scan(store)
        real = os.scandir

        def pull(path):
            if path == os.fsencode(lib) + b"/":
                umount(lib)
            return real(path)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "scandir", pull)
            report = scan(store)
        assert (report.online, report.added, report.lost) == (False, 0, 2)
        assert "was unmounted or replaced while it was scanned" in report.problem
        assert photos(store) == ["a.jpg", "b/c.jpg"]


@without_privileges
def test_promise_7_permission_lost_on_the_whole_library_freezes_it(tmp_path):
    """The folder is there, but may not be listed."""
    with library(tmp_path, "a.jpg", "b.jpg") as (lib, store):
        scan(store)
        lib.chmod(0)
        try:
            report = scan(store)
        finally:
            lib.chmod(0o700)
        assert (report.online, report.lost) == (False, 2)
        assert "cannot be read (Permission denied) but held 2 photos; nothing was changed" in report.problem
        assert load_libraries(store.db)[0].photos == 2
        assert scan(store).problem is None


def test_promise_7_a_name_that_is_no_text_is_gone_only_when_it_is(tmp_path):
    """A name that is no text survives scan, database, loss and return byte by byte."""
    with library(tmp_path) as (lib, store):
        name = b"\xe9t\xe9\n\xff" * 40 + b".JPG"
        path = os.path.join(os.fsencode(lib), name)
        with open(path, "wb") as file:
            file.write(b"x")
        put(lib, "a.jpg")
        scan(store)
        assert photos(store) == sorted(["a.jpg", os.fsdecode(name)], key=os.fsencode)
        os.unlink(path)
        assert scan(store).gone == 1
        assert photos(store) == ["a.jpg"]
