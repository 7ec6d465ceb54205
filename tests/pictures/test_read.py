"""Reading a file once, steadily, and never anything but a file."""

import errno
import os
import socket

import pytest

from faced.errors import Unreadable
from faced.model import FileStamp
from faced.pictures import read
from faced.pictures.read import read_photo, stamp_of

LIMIT = 1_000_000


def refused(path, limit=LIMIT, **options):
    """What reading it says."""
    with pytest.raises(Unreadable) as caught:
        read_photo(os.fsencode(path), limit, **options)
    return caught.value


@pytest.mark.parametrize("content", [b"", b"x", os.urandom(300_000)])
def test_a_file_is_read_whole_with_its_stamp(tmp_path, content):
    """Content and stamp, also of a name that is no UTF-8."""
    path = os.fsencode(tmp_path) + b"/caf\xe9\n.jpg"
    with open(path, "wb") as file:
        file.write(content)
    status = os.stat(path)
    stamp = FileStamp(len(content), status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    assert read_photo(path, LIMIT) == (content, stamp)
    assert stamp_of(status) == stamp


def test_only_regular_files_are_opened(tmp_path):
    """A folder, a pipe, a device and a socket are told apart from a photo, and nothing hangs."""
    os.mkfifo(tmp_path / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        here = os.getcwd()
        os.chdir(tmp_path)  # a socket's path is short
        try:
            server.bind("socket.jpg")
        finally:
            os.chdir(here)
    assert refused(tmp_path).reason == "it is a folder, not a file"
    assert refused(tmp_path / "pipe.jpg").reason == "it is a pipe, not a file"
    assert refused("/dev/zero").reason == "it is a device or socket, not a file"
    assert refused(tmp_path / "socket.jpg").reason == "it is a device or socket, not a file"
    assert not refused(tmp_path).lost


def test_a_link_is_followed_only_when_asked(tmp_path):
    """The last part of the path may be a link only with `follow`; folders above it always may."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.jpg").write_bytes(b"abc")
    (tmp_path / "folder").symlink_to("real")
    (tmp_path / "link.jpg").symlink_to("real/a.jpg")
    (tmp_path / "dangling.jpg").symlink_to("nowhere")
    (tmp_path / "circle.jpg").symlink_to("circle.jpg")
    assert refused(tmp_path / "link.jpg").reason == "it is a symbolic link"
    assert read_photo(os.fsencode(tmp_path / "link.jpg"), LIMIT, follow=True)[0] == b"abc"
    assert read_photo(os.fsencode(tmp_path / "folder" / "a.jpg"), LIMIT)[0] == b"abc"
    dangling = refused(tmp_path / "dangling.jpg", follow=True)
    assert (dangling.lost, dangling.reason) == (True, "the file that the symbolic link names is not there")
    assert "circle" in refused(tmp_path / "circle.jpg", follow=True).reason


def test_what_cannot_be_read_is_lost_not_bad(tmp_path):
    """Gone, below a file, too long a name: nothing is known about the content."""
    (tmp_path / "a.jpg").write_bytes(b"abc")
    for path, reason in (
        (tmp_path / "b.jpg", "the file is gone"),
        (tmp_path / "a.jpg" / "b.jpg", "the file is gone"),
        (tmp_path / ("n" * 300), "its path is too long for this system"),
    ):
        error = refused(path)
        assert (error.lost, error.later, error.reason) == (True, False, reason)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_permission_denied_is_lost(tmp_path):
    """A file of somebody else's is no bad photo."""
    (tmp_path / "a.jpg").write_bytes(b"abc")
    (tmp_path / "a.jpg").chmod(0)
    error = refused(tmp_path / "a.jpg")
    assert (error.lost, error.reason) == (True, "permission denied")


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EIO, "the disk could not read it (input/output error)"),
        (errno.ESTALE, "the file is gone"),
        (errno.EACCES, "permission denied"),
        (errno.ENOMEM, "it could not be read (Cannot allocate memory)"),
    ],
)
def test_an_error_of_the_disk_is_lost(tmp_path, monkeypatch, number, reason):
    """Whatever the kernel says while reading becomes a sentence."""

    def failing(_handle, _size):
        raise OSError(number, os.strerror(number))

    (tmp_path / "a.jpg").write_bytes(b"abc")
    monkeypatch.setattr(read.os, "read", failing)
    error = refused(tmp_path / "a.jpg")
    assert (error.lost, error.later, error.reason) == (True, False, reason)


def test_a_large_file_is_not_read(tmp_path):
    """One byte above the limit is too much, the limit itself is not; a sparse terabyte costs nothing."""
    (tmp_path / "a.jpg").write_bytes(b"abcd")
    assert read_photo(os.fsencode(tmp_path / "a.jpg"), 4)[0] == b"abcd"
    assert refused(tmp_path / "a.jpg", 3).reason == "the file has 4 bytes, more than the limit of 3"
    with open(tmp_path / "huge.jpg", "wb") as file:
        file.truncate(1 << 40)
    assert "more than the limit" in refused(tmp_path / "huge.jpg").reason


def grow(path):
    """Somebody appends."""
    with open(path, "ab") as file:
        file.write(b"more")


def shrink(path):
    """Somebody truncates."""
    os.truncate(path, 2)


def overwrite(path):
    """Somebody writes other bytes of the same number."""
    with open(path, "r+b") as file:
        file.write(b"XYZ")
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("change", [grow, shrink, overwrite])
@pytest.mark.parametrize("when", ["before the bytes", "after the bytes"])
def test_a_file_that_changes_meanwhile_is_left_for_later(tmp_path, monkeypatch, change, when):
    """Grown, shortened or overwritten between the two looks: not a photo yet."""
    path = tmp_path / "a.jpg"
    path.write_bytes(b"abcdef")
    real, done = os.read, []

    def racing(handle, size):
        if when == "before the bytes" and not done:
            done.append(change(path))
        data = real(handle, size)
        if when == "after the bytes" and not done:
            done.append(change(path))
        return data

    monkeypatch.setattr(read.os, "read", racing)
    error = refused(path)
    assert (error.later, error.lost, error.reason) == (True, False, "the file changed while it was read")


def test_a_rename_meanwhile_changes_no_content(tmp_path, monkeypatch):
    """A rename touches ctime only; the stamp is the one from before, so the next scan looks again."""
    path = tmp_path / "a.jpg"
    path.write_bytes(b"abcdef")
    before = stamp_of(os.stat(path))
    real = os.read

    def renaming(handle, size):
        if path.exists():
            path.rename(tmp_path / "b.jpg")
        return real(handle, size)

    monkeypatch.setattr(read.os, "read", renaming)
    assert read_photo(os.fsencode(path), LIMIT) == (b"abcdef", before)


def test_nothing_stays_open(tmp_path):
    """Every way out closes the file."""
    (tmp_path / "a.jpg").write_bytes(b"abc")
    before = len(os.listdir("/proc/self/fd"))
    read_photo(os.fsencode(tmp_path / "a.jpg"), LIMIT)
    refused(tmp_path)
    refused(tmp_path / "a.jpg", 1)
    assert len(os.listdir("/proc/self/fd")) == before
