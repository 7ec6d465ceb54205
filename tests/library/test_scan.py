"""The walk over real folders: what is taken, what is passed over, what could not be seen."""

import os
import subprocess
from pathlib import Path

import pytest

from faced.library.exclude import compile_excludes
from faced.library.scan import read_library
from faced.pictures.decode import EXTENSIONS
from tests.support.rerun import in_mount_namespace, without_privileges


def put(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())


def seen(root: Path, *exclude: str, apart: tuple[Path, ...] = ()) -> list[str]:
    scan = read_library(os.fsencode(root), compile_excludes(exclude), [os.fsencode(p) for p in apart])
    assert scan.complete
    return sorted(os.fsdecode(path) for path in scan.files)


def test_photos_are_found_at_every_depth_with_their_stamp(tmp_path):
    """Size, times and inode are those of lstat, and nothing is read."""
    put(tmp_path, "a.jpg", "2019/b.JPEG", "2019/summer/c.heic", "2019/notes.txt", "README", "x.jpg.part")
    scan = read_library(os.fsencode(tmp_path))
    assert sorted(scan.files) == [b"2019/b.JPEG", b"2019/summer/c.heic", b"a.jpg"]
    status = os.lstat(tmp_path / "2019/b.JPEG")
    stamp = scan.files[b"2019/b.JPEG"]
    assert (stamp.size, stamp.mtime_ns, stamp.ctime_ns, stamp.ino) == (
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_ino,
    )


def test_every_ending_of_the_list_counts_in_any_case(tmp_path):
    """Cameras write .JPG, phones .jpg and .HEIC."""
    names = [f"x{ending.decode()}" for ending in EXTENSIONS] + [
        f"Y{ending.decode().upper()}" for ending in EXTENSIONS
    ]
    put(tmp_path, *names)
    assert seen(tmp_path) == sorted(names)


def test_hidden_and_service_folders_are_passed_over(tmp_path):
    """Trash, thumbnails of a NAS and everything hidden are no photos of the user's."""
    put(
        tmp_path,
        *(f"{folder}/x.jpg" for folder in (".hidden", "@eaDir", "#recycle", "@Recycle", "@Recycled")),
        *(f"{folder}/x.jpg" for folder in ("lost+found", "$RECYCLE.BIN", ".Trash-1000")),
        "System Volume Information/x.jpg",
        "sub/@eaDir/x.jpg",
        ".x.jpg",
        "._y.jpg",
        "good/@eaDirs/x.jpg",
    )
    assert seen(tmp_path) == ["good/@eaDirs/x.jpg"]


def test_names_of_any_bytes_are_photos(tmp_path):
    """Not UTF-8, line breaks, the longest name there can be."""
    names = [b"\xff\xfe.jpg", b"line\nbreak.jpg", b"-rf.jpg", "\u202egpj.jpg".encode(), b"x" * 251 + b".jpg"]
    for name in names:
        with open(os.path.join(os.fsencode(tmp_path), name), "wb"):
            pass
    assert sorted(read_library(os.fsencode(tmp_path)).files) == sorted(names)


def test_a_path_too_long_for_the_system_costs_only_itself(tmp_path):
    """Folders deeper than PATH_MAX are named as not listed; the rest of the library is scanned."""
    put(tmp_path, "a.jpg")
    handle = os.open(tmp_path, os.O_RDONLY)
    handles = [handle]
    for _ in range(25):
        os.mkdir(b"d" * 200, dir_fd=handle)
        handle = os.open(b"d" * 200, os.O_RDONLY, dir_fd=handle)
        handles.append(handle)
    os.close(os.open(b"deep.jpg", os.O_CREAT, dir_fd=handle))
    try:
        scan = read_library(os.fsencode(tmp_path))
    finally:
        os.unlink(b"deep.jpg", dir_fd=handle)
        for above in reversed(handles[:-1]):
            os.rmdir(b"d" * 200, dir_fd=above)
        for one in handles:
            os.close(one)
    assert list(scan.files) == [b"a.jpg"]
    assert list(scan.unlisted.values()) == ["File name too long"]


def test_folders_that_are_links_are_not_followed(tmp_path):
    """A link to a folder, even one that leads in a circle, is no folder of the library."""
    put(tmp_path, "lib/real/a.jpg", "outside/b.jpg")
    lib = tmp_path / "lib"
    (lib / "again").symlink_to("real")
    (lib / "out").symlink_to(tmp_path / "outside")
    (lib / "real/up").symlink_to("..")
    (lib / "dir.jpg").symlink_to("real")
    assert seen(lib) == ["real/a.jpg"]


def test_a_link_to_a_photo_of_the_library_is_a_photo(tmp_path):
    """With the stamp of the file it leads to; links to links too. Links that lead outside are nothing."""
    put(tmp_path, "lib/real/a.jpg", "lib/.annex/key", "outside/b.jpg", "library2/c.jpg")
    lib = tmp_path / "lib"
    (lib / "best.jpg").symlink_to("real/a.jpg")
    (lib / "twice.jpg").symlink_to(lib / "best.jpg")
    (lib / "annexed.jpg").symlink_to(".annex/key")
    (lib / "out.jpg").symlink_to(tmp_path / "outside/b.jpg")
    (lib / "beside.jpg").symlink_to(tmp_path / "library2/c.jpg")
    (lib / "dangling.jpg").symlink_to("nowhere.jpg")
    (lib / "circle.jpg").symlink_to("circle.jpg")
    assert seen(lib) == ["annexed.jpg", "best.jpg", "real/a.jpg", "twice.jpg"]
    files = read_library(os.fsencode(lib)).files
    assert files[b"best.jpg"] == files[b"twice.jpg"] == files[b"real/a.jpg"]


def test_a_library_named_by_a_link_is_scanned(tmp_path):
    """~/Photos is often a link to another disk; links inside still count as inside."""
    put(tmp_path, "disk/a.jpg")
    (tmp_path / "disk/b.jpg").symlink_to(tmp_path / "disk/a.jpg")
    (tmp_path / "Photos").symlink_to("disk")
    assert seen(tmp_path / "Photos") == ["a.jpg", "b.jpg"]


def test_fifos_sockets_and_folders_are_no_photos(tmp_path):
    """Whatever their name says."""
    os.mkfifo(tmp_path / "pipe.jpg")
    put(tmp_path, "folder.jpg/x.jpg")
    assert seen(tmp_path) == ["folder.jpg/x.jpg"]


def test_hard_links_are_photos_each(tmp_path):
    """Two names of one file are two photos of one image."""
    put(tmp_path, "a.jpg")
    os.link(tmp_path / "a.jpg", tmp_path / "b.jpg")
    files = read_library(os.fsencode(tmp_path)).files
    assert files[b"a.jpg"] == files[b"b.jpg"]


def test_people_and_state_folder_inside_are_never_photos(tmp_path):
    """By their name, and by what they are when they are reached under another name."""
    put(tmp_path, "lib/a.jpg", "lib/People/Anna/x.jpg", "lib/state/crops/y.jpg")
    (tmp_path / "people").symlink_to("lib/People")
    lib = tmp_path / "lib"
    assert seen(lib, apart=(tmp_path / "people", lib / "state")) == ["a.jpg"]
    (lib / "face.jpg").symlink_to("People/Anna/x.jpg")
    assert seen(lib, apart=(lib / "People", lib / "state")) == ["a.jpg"]


def test_a_people_folder_of_anybody_is_never_photos(tmp_path):
    """A folder with .faced/tree.json in it was made by some faced; a folder .faced alone is nothing."""
    put(tmp_path, "a.jpg", "Old People/.faced/tree.json", "Old People/Anna/x.jpg", "Old People/y.jpg")
    put(tmp_path, "other/.faced/notes", "other/z.jpg")
    scan = read_library(os.fsencode(tmp_path))
    assert sorted(scan.files) == [b"a.jpg", b"other/z.jpg"]
    assert scan.skipped == {b"Old People"}


def test_excluded_files_and_folders_are_passed_over(tmp_path):
    """What the user excludes is said to be skipped, which is another thing than gone."""
    put(tmp_path, "a.jpg", "a.png", "raw/b.jpg", "2019/raw/c.jpg", "2019/d.jpg")
    assert seen(tmp_path, "*.png", "raw/") == ["2019/d.jpg", "a.jpg"]
    scan = read_library(os.fsencode(tmp_path), compile_excludes(["*.png", "raw/"]))
    assert scan.skipped == {b"a.png", b"raw", b"2019/raw"}


def test_the_walk_does_not_depend_on_the_order_of_the_disk(tmp_path, monkeypatch):
    """Listed backwards, the same scan comes out."""
    put(tmp_path, "b/1.jpg", "a/2.jpg", "c/d/3.jpg", "4.jpg")
    forwards = read_library(os.fsencode(tmp_path))
    real = os.scandir

    class Backwards:
        def __init__(self, path):
            self.entries = real(path)

        def __enter__(self):
            return iter(sorted(self.entries, key=lambda entry: entry.name, reverse=True))

        def __exit__(self, *_):
            self.entries.close()

    monkeypatch.setattr(os, "scandir", Backwards)
    assert read_library(os.fsencode(tmp_path)) == forwards


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_a_root_that_is_no_folder_is_unlisted(tmp_path, kind):
    """So that nothing in it can count as gone."""
    if kind == "file":
        put(tmp_path, "root")
    scan = read_library(os.fsencode(tmp_path / "root"))
    assert not scan.files
    assert list(scan.unlisted) == [b""]


@without_privileges
def test_a_folder_without_permission_is_unlisted(tmp_path):
    """Neither its photos nor those of the rest are lost by it."""
    put(tmp_path, "lib/a.jpg", "lib/closed/b.jpg", "lib/names only/c.jpg", "lib/names only/d.jpg")
    (tmp_path / "lib/closed").chmod(0)
    (tmp_path / "lib/names only").chmod(0o400)
    try:
        scan = read_library(os.fsencode(tmp_path / "lib"))
    finally:
        (tmp_path / "lib/closed").chmod(0o700)
        (tmp_path / "lib/names only").chmod(0o700)
    assert list(scan.files) == [b"a.jpg"]
    assert scan.unlisted == {
        b"closed": "Permission denied",
        b"names only/c.jpg": "Permission denied",
        b"names only/d.jpg": "Permission denied",
    }


@in_mount_namespace
def test_a_folder_mounted_twice_or_in_itself_is_scanned_once(tmp_path):
    """Bind mounts make circles that no link shows; of two names the smaller one is kept."""
    put(tmp_path, "lib/b/x.jpg", "lib/loop/.keep", "lib/a/.keep", "lib/c/.keep")
    lib = tmp_path / "lib"
    for source, target in ((lib / "b", lib / "a"), (lib / "b", lib / "c"), (lib, lib / "loop")):
        subprocess.run(["mount", "--bind", source, target], check=True)
    assert seen(lib) == ["a/x.jpg"]
