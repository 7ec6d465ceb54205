"""Mounts: the lines of mountinfo, the longest mount point, and what tells one place from another."""

import os
import shutil
import subprocess

import pytest

from faced import mounts
from faced.model import Place
from faced.mounts import (
    Mount,
    find_mount,
    has_stable_inodes,
    is_network,
    parse_mountinfo,
    read_mounts,
    read_place,
)
from tests.support.powercut import MAKERS, MIB
from tests.support.rerun import in_mount_namespace

MOUNTINFO = rb"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 27 0:40 /@home /home rw master:2 propagate_from:1 - btrfs /dev/disk\040one rw,subvol=/@home
41 40 0:41 / /home/me/My\040Photos\011\134x rw - fuse.sshfs me@nas:/pictures rw
42 27 0:42 / /mnt rw - nfs4 nas:/a rw
43 27 0:43 / /mnt rw - ext4 /dev/sdb1 rw
not a line of mountinfo
"""


def test_a_line_gives_point_type_and_source():
    """Optional fields do not shift the rest; octal escapes are undone; other lines are passed over."""
    mounts = parse_mountinfo(MOUNTINFO)
    assert mounts[:4] == [
        Mount(b"/proc", "proc", "proc"),
        Mount(b"/", "ext4", "/dev/sda1"),
        Mount(b"/home", "btrfs", "/dev/disk one"),
        Mount(b"/home/me/My Photos\t\\x", "fuse.sshfs", "me@nas:/pictures"),
    ]
    assert len(mounts) == 6


def test_a_carriage_return_in_a_name_breaks_no_line():
    """The kernel escapes blanks and newlines, but not this one."""
    (mount,) = parse_mountinfo(b"41 40 0:41 / /mnt/a\rb rw - ext4 /dev/sdc1 rw\n")
    assert mount == Mount(b"/mnt/a\rb", "ext4", "/dev/sdc1")


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (b"/etc", "/dev/sda1"),
        (b"/", "/dev/sda1"),
        (b"/home", "/dev/disk one"),
        (b"/home/me/My Photos\t\\x/2019", "me@nas:/pictures"),
        (b"/home/me/My Photos", "/dev/disk one"),
        (b"/homes", "/dev/sda1"),
        (b"/mnt/a", "/dev/sdb1"),  # of two on one point the later one is seen
    ],
)
def test_a_path_lies_on_the_longest_mount_point_above_it(path, source):
    """By whole names: /homes is not in /home."""
    mount = find_mount(path, parse_mountinfo(MOUNTINFO))
    assert mount is not None
    assert mount.source == source


def test_a_later_mount_over_a_folder_hides_what_is_mounted_below_it():
    """The deeper one lies in the former /home, which nobody sees any more; it is found where it is to be seen."""
    mounts = parse_mountinfo(
        b"27 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        b"41 27 0:41 / /home/me/Photos rw - ext4 /dev/sdb1 rw\n"
        b"42 27 0:42 / /home rw - ext4 /dev/sdc1 rw\n"
        b"43 42 0:43 / /home/me rw - ext4 /dev/sdd1 rw\n"
        b"44 43 0:44 / /home/me rw - tmpfs over rw\n"
        b"45 43 0:45 / /home/me/under rw - tmpfs hidden rw\n"
        b"46 44 0:46 / /home/me/above rw - tmpfs shown rw\n"
    )
    found = {
        path: find_mount(path, mounts) for path in (b"/home/x", b"/home/me/Photos/1", b"/home/me/above/2")
    }
    assert {path: mount.source for path, mount in found.items()} == {
        b"/home/x": "/dev/sdc1",
        b"/home/me/Photos/1": "over",
        b"/home/me/above/2": "shown",
    }
    assert find_mount(b"/home/me/under", mounts).source == "over"


@in_mount_namespace
def test_a_real_mount_over_a_folder_hides_what_is_mounted_below_it(tmp_path):
    """As the kernel lists them."""
    deep = tmp_path / "a" / "deep"
    deep.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "first", deep], check=True)
    assert find_mount(os.fsencode(deep / "x"), read_mounts()).source == "first"
    subprocess.run(["mount", "-t", "tmpfs", "over", tmp_path / "a"], check=True)
    deep.mkdir()
    assert find_mount(os.fsencode(deep / "x"), read_mounts()).source == "over"
    subprocess.run(["mount", "-t", "tmpfs", "second", deep], check=True)
    assert find_mount(os.fsencode(deep / "x"), read_mounts()).source == "second"
    assert read_place(os.fsencode(deep)).source == "second"


def test_mounts_of_which_only_points_are_known():
    """The longest one above the path."""
    mounts = [Mount(b"/a/b", "ext4", "inner"), Mount(b"/", "ext4", "root"), Mount(b"/a", "ext4", "outer")]
    assert find_mount(b"/a/b/c", mounts).source == "inner"
    assert find_mount(b"/a/bc", mounts).source == "outer"


def attach(image):
    """A loop device of the image, as a number of its own while another one holds the first free."""
    done = subprocess.run(
        ["losetup", "--find", "--show", str(image)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no loop device here: {done.stderr.strip()}")
    return done.stdout.strip()


@pytest.mark.parametrize("by_kernel", [True, False])
@pytest.mark.skipif(not shutil.which("mkfs.xfs"), reason="needs mkfs.xfs")
@in_mount_namespace
def test_an_xfs_disk_is_the_same_on_another_device(tmp_path, by_kernel, monkeypatch):
    """Its f_fsid is the number of the device, so its UUID is asked for: of the kernel, or of udev's names."""
    image, filler, point = tmp_path / "image", tmp_path / "filler", tmp_path / "disk"
    names = tmp_path / "by-uuid"
    for folder in (point, names):
        folder.mkdir()
    with image.open("wb") as file:
        file.truncate(MIB["xfs"] << 20)
    with filler.open("wb") as file:
        file.truncate(1 << 20)
    subprocess.run([*MAKERS["xfs"], str(image)], check=True, capture_output=True)
    if not by_kernel:
        monkeypatch.setattr(mounts, "_ask_uuid", lambda folder: None)
        monkeypatch.setattr(mounts._look_up_uuid, "__defaults__", (names,))
    places, devices, fsids, held = [], [], [], []
    try:
        for _ in range(2):
            device = attach(image)
            devices.append(device)
            (names / "1b2f").unlink(missing_ok=True)
            (names / "1b2f").symlink_to(device)
            done = subprocess.run(["mount", "-t", "xfs", device, point], capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"xfs cannot be mounted here: {done.stderr.strip()}")
            places.append(read_place(os.fsencode(point)))
            fsids.append(os.statvfs(point).f_fsid)
            asked = mounts._ask_uuid(os.fsencode(point))
            subprocess.run(["umount", point], check=True)
            subprocess.run(["losetup", "--detach", device], check=True)
            held.append(attach(filler))  # takes the number
    finally:
        subprocess.run(["umount", point], check=False, capture_output=True)
        for device in {*held, *devices}:
            subprocess.run(["losetup", "--detach", device], check=False, capture_output=True)
    if devices[0] == devices[1] or fsids[0] == fsids[1]:
        pytest.skip("the image came back on the same device")
    if by_kernel and asked is None:
        pytest.skip("this kernel does not tell the UUID")
    assert places[0].is_same(places[1])


def test_without_mounts_there_is_none():
    """Where there is no /proc."""
    assert find_mount(b"/home", []) is None


@pytest.mark.parametrize(
    ("fstype", "network", "stable"),
    [
        ("ext4", False, True),
        ("btrfs", False, True),
        ("nfs4", True, True),
        ("cifs", True, True),
        ("fuse.sshfs", True, False),
        ("fuseblk", True, True),  # ntfs-3g: in user space, but the numbers are those of the disk
        ("vfat", False, False),
        ("exfat", False, False),
    ],
)
def test_what_a_type_of_file_system_tells(fstype, network, stable):
    """Whether locks may fail there, and whether inode numbers are worth remembering."""
    assert (is_network(fstype), has_stable_inodes(fstype)) == (network, stable)


def test_the_mounts_of_this_process_are_read():
    """The root of the file system is among them."""
    if not os.path.exists("/proc/self/mountinfo"):
        pytest.skip("needs /proc")
    assert any(mount.point == b"/" for mount in read_mounts())


def test_a_place_is_the_same_by_every_name(tmp_path):
    """A link to a folder is the same place; the folder beside it is another."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "link").symlink_to("a")
    a, b, link = (read_place(os.fsencode(tmp_path / name)) for name in ("a", "b", "link"))
    assert a == link
    assert a.is_same(link)
    assert not a.is_same(b)
    assert -(1 << 63) <= a.fsid < 1 << 63


def test_a_place_that_is_not_there_is_an_error(tmp_path):
    """The caller decides what that means."""
    with pytest.raises(FileNotFoundError):
        read_place(os.fsencode(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Place(1, "/dev/sda1", "ext4", 7), Place(1, "/dev/sdb1", "ext4", 7), True),
        (Place(1, "/dev/sda1", "ext4", 7), Place(2, "/dev/sda1", "ext4", 7), False),
        (Place(1, "/dev/sda1", "ext4", 7), Place(1, "/dev/sda1", "ext4", 8), False),
        (Place(0, "nas:/a", "nfs4", 7), Place(0, "nas:/a", "nfs4", 7), True),
        (Place(0, "nas:/a", "nfs4", 7), Place(0, "nas:/b", "nfs4", 7), False),
        (Place(0, "nas:/a", "nfs4", 7), Place(5, "nas:/a", "nfs4", 7), True),
    ],
)
def test_a_place_is_known_by_file_system_and_inode(one, other, same):
    """The file-system id decides before the device's name, which changes with the port it is plugged into."""
    assert one.is_same(other) is other.is_same(one) is same


@in_mount_namespace
def test_a_mount_over_a_folder_makes_it_another_place(tmp_path):
    """And unmounting makes it the old one again."""
    point = tmp_path / "disk"
    point.mkdir()
    bare = read_place(os.fsencode(point))
    subprocess.run(["mount", "-t", "tmpfs", "a source", point], check=True)
    mounted = read_place(os.fsencode(point))
    assert (mounted.fstype, mounted.source) == ("tmpfs", "a source")
    assert not mounted.is_same(bare)
    subprocess.run(["umount", point], check=True)
    assert read_place(os.fsencode(point)).is_same(bare)
