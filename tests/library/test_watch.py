"""What the watcher hears of real folders: each kind of change gives a hint to look at the right place."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faced.library.watch import Scope, Watcher, walk_folders
from faced.library.watch.hints import LIMIT, HintBox
from faced.library.watch.scope import folders_for, is_entered
from tests.support.hearing import Ear
from tests.support.rerun import in_mount_namespace, without_privileges


@pytest.fixture
def ear() -> Iterator[Ear]:
    with Ear() as ear:
        yield ear


@pytest.fixture
def lib(tmp_path: Path) -> Path:
    folder = tmp_path / "lib"
    (folder / "a/b").mkdir(parents=True)
    (folder / "a/old.jpg").write_bytes(b"old")
    return folder


def write(path: Path) -> None:
    path.write_bytes(b"x")


CHANGES: dict[str, tuple[Callable[[Path], object], bytes, bool]] = {
    "made": (lambda lib: write(lib / "a/b/new.JPG"), b"a/b", False),
    "written": (lambda lib: write(lib / "a/old.jpg"), b"a", False),
    "touched": (lambda lib: os.utime(lib / "a/old.jpg", (1, 1)), b"a", False),
    "allowed": (lambda lib: (lib / "a/old.jpg").chmod(0o600), b"a", False),
    "deleted": (lambda lib: (lib / "a/old.jpg").unlink(), b"a", False),
    "moved, from": (lambda lib: (lib / "a/old.jpg").rename(lib / "a/b/old.jpg"), b"a", False),
    "moved, to": (lambda lib: (lib / "a/old.jpg").rename(lib / "new.jpg"), b"", False),
    "moved out": (lambda lib: (lib / "a/old.jpg").rename(lib.parent / "x.jpg"), b"a", False),
    "renamed to a photo": (lambda lib: (write(lib / "x.part"), (lib / "x.part").rename(lib / "x.jpg")), b"", False),
    "linked": (lambda lib: (lib / "link.jpg").symlink_to("a/old.jpg"), b"", False),
    "linked hard": (lambda lib: (lib / "a/b/same.jpg").hardlink_to(lib / "a/old.jpg"), b"a/b", False),
    "folder made": (lambda lib: (lib / "a/c").mkdir(), b"a/c", True),
    "folder moved, from": (lambda lib: (lib / "a/b").rename(lib / "c"), b"a", False),
    "folder moved, its place": (lambda lib: (lib / "a/b").rename(lib / "c"), b"a/b", True),
    "folder moved, to": (lambda lib: (lib / "a/b").rename(lib / "c"), b"c", True),
    "folder moved out": (lambda lib: (lib / "a/b").rename(lib.parent / "c"), b"a", False),
    "folder deleted": (lambda lib: (lib / "a/b").rmdir(), b"a", False),
    "folder allowed": (lambda lib: (lib / "a/b").chmod(0o700), b"a/b", True),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("scope", ["photos", "everything"])
def test_each_change_is_hinted_at_where_it_was(ear: Ear, lib: Path, change: str, scope: str) -> None:
    """Whatever is done to a photo or a folder: there is a hint to look at the folder it was done in."""
    ear.watch(**{scope: lib})
    act, folder, below = CHANGES[change]
    act(lib)
    ear.wait_for(lib, folder, below)
    assert not ear.lost


NAMES = [
    b"new\nline.jpg",
    b"\xff\xfe\x80.jpg",
    b"caf\xc3\xa9.jpg",
    b"cafe\xcc\x81.jpg",
    b" \t'\"\\$.jpg",
    b"-rf.jpg",
    b"x" * 251 + b".jpg",
    bytes(sorted(set(range(1, 128)) - {ord("/")})) + b".jpg",
    bytes(range(128, 256)) + b".jpg",
]


def test_names_of_any_bytes_arrive_unharmed(ear: Ear, lib: Path) -> None:
    """Folders of any legal name, and photos of any legal name in them, are hinted at byte for byte."""
    root = os.fsencode(lib)
    for name in NAMES:
        os.mkdir(os.path.join(root, name))
    ear.watch(photos=lib)
    for name in NAMES:
        with open(os.path.join(root, name, name), "wb"):
            pass
    ear.wait(lambda ear: set(ear.folders.get(root, {})) == set(NAMES))


def test_a_root_of_any_bytes_is_watched(ear: Ear, tmp_path: Path) -> None:
    """A library whose own name is no text is heard as any other."""
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xffa\nb"))
    root.mkdir()
    ear.watch(photos=root)
    write(root / "x.jpg")
    ear.wait_for(root, b"")


def test_a_root_that_is_a_link_is_watched_where_it_leads(ear: Ear, lib: Path, tmp_path: Path) -> None:
    """A library named through a symbolic link is heard, and told under the name it was given."""
    link = tmp_path / "link"
    link.symlink_to(lib)
    ear.watch(photos=link)
    write(lib / "a/x.jpg")
    ear.wait_for(link, b"a")
    assert ear.watcher.check(os.fsencode(link)) == 0


def test_what_the_scan_passes_over_is_not_told(ear: Ear, lib: Path) -> None:
    """Hidden names, other files, and what lies in folders that the scan passes over give no hint."""
    for junk in (".hidden", "@eaDir", "#recycle", ".Trash-1000"):
        (lib / junk).mkdir()
    ear.watch(photos=lib)
    for path in (
        ".x.jpg",
        "notes.txt",
        "x.jpg.part",
        "jpg",
        ".hidden/x.jpg",
        "@eaDir/x.jpg",
        "#recycle/x.jpg",
    ):
        write(lib / path)
    (lib / ".hidden/deeper").mkdir()
    (lib / "a/old.jpg").touch()
    ear.wait_for(lib, b"a")
    assert ear.heard(lib) == {b"a": False}


def test_a_people_folder_inside_a_library_is_heard_as_people_only(ear: Ear, lib: Path) -> None:
    """Of a root of another kind inside, the library hears nothing, the other root all but its `.faced`."""
    people = lib / "people"
    (people / ".faced").mkdir(parents=True)
    (people / "Anna").mkdir()
    ear.watch(photos=lib, everything=people)
    inside = [b"people", b"people/Anna"]
    assert ear.watcher.find_deaf(os.fsencode(lib), inside) == inside  # nor is it watched twice
    write(people / ".faced/tree.json")
    (people / "Anna/photo.jpg").symlink_to("../../a/old.jpg")
    (people / "Anna/notes.txt").touch()
    write(people / "Anna/.hidden")
    (people / "Ben").mkdir()
    ear.wait_for(people, b"Ben", below=True)
    write(lib / "a/x.jpg")
    ear.wait_for(lib, b"a")
    assert ear.heard(people) == {b"Anna": False, b"Ben": True}
    assert ear.heard(lib) == {b"a": False}


def test_of_the_state_only_the_wake_file_is_heard(ear: Ear, tmp_path: Path) -> None:
    """The file `wake`, made or written, wakes; the database beside it and folders do not."""
    state = tmp_path / "state"
    (state / "crops").mkdir(parents=True)
    ear.watch(wake=state)
    write(state / "faced.db")
    write(state / "crops/wake")
    (state / "more").mkdir()
    write(state / "wake")
    ear.wait_for(state, b"")
    ear.forget()
    write(state / "wake")
    ear.wait_for(state, b"")
    assert ear.heard(state) == {b"": False}


def test_a_folder_moved_in_is_heard_from_then_on(ear: Ear, lib: Path, tmp_path: Path) -> None:
    """A tree built elsewhere and moved in is one hint; files made in it later are heard in their folders."""
    outside = tmp_path / "outside"
    for number in range(20):
        (outside / f"{number}/deep").mkdir(parents=True)
        write(outside / f"{number}/deep/x.jpg")
    ear.watch(photos=lib)
    outside.rename(lib / "in")
    ear.wait_for(lib, b"in", below=True)
    assert ear.watcher.check(os.fsencode(lib)) == 0
    ear.forget()
    for number in range(20):
        write(lib / f"in/{number}/deep/later.jpg")
    wanted = {b"in/%d/deep" % number for number in range(20)}
    ear.wait(lambda ear: ear.heard(lib).keys() >= wanted)


def test_folders_made_filled_and_renamed_at_once_are_heard_or_found(ear: Ear, lib: Path) -> None:
    """Whatever haste leaves in no watch is found by comparing, and cured by watching anew."""
    ear.watch(photos=lib)
    for number in range(200):
        (lib / f"tmp{number}/sub").mkdir(parents=True)
        write(lib / f"tmp{number}/sub/x.jpg")
        (lib / f"tmp{number}").rename(lib / f"done{number}")
    assert ear.watcher.check(os.fsencode(lib)) == 0
    ear.forget()
    for number in range(200):
        write(lib / f"done{number}/sub/later.jpg")
    wanted = {b"done%d/sub" % number for number in range(200)}
    ear.wait(lambda ear: os.fsencode(lib) in ear.lost or ear.heard(lib).keys() >= wanted)


def test_folders_that_come_back_do_not_deafen(ear: Ear, lib: Path, tmp_path: Path) -> None:
    """A folder moved out, made anew and deleted, then the one moved out deleted: what comes later is heard."""
    ear.watch(photos=lib)
    for number in range(2):
        (lib / "a/b").rename(tmp_path / "out")
        (lib / "a/b").mkdir()
        ear.wait_for(lib, b"a/b", below=True)
        (lib / "a/b").rmdir()
        (tmp_path / "out").rmdir()
        ear.watcher.check(os.fsencode(lib))
        (lib / "a/b").mkdir()
        ear.watcher.check(os.fsencode(lib))
        ear.forget()
        write(lib / f"a/b/{number}.jpg")
        ear.wait(lambda ear: os.fsencode(lib) in ear.lost or b"a/b" in ear.heard(lib))
        (lib / f"a/b/{number}.jpg").unlink()
        ear.forget()


def test_a_deaf_folder_is_found_and_cured(ear: Ear, lib: Path, tmp_path: Path) -> None:
    """A folder in no watch (here: the root was exchanged while watched) is named; renewing makes it heard."""
    root = os.fsencode(lib)
    ear.watch(photos=lib)
    assert ear.watcher.find_deaf(root, walk_folders(root)) == []
    lib.rename(tmp_path / "old")
    (lib / "c").mkdir(parents=True)
    assert sorted(ear.watcher.find_deaf(root, walk_folders(root))) == [b"", b"c"]
    assert ear.watcher.find_deaf(root, [b"not there"]) == []
    ear.watcher.renew(root)
    ear.wait_lost(lib)
    assert ear.watcher.find_deaf(root, walk_folders(root)) == []
    write(lib / "c/x.jpg")
    ear.wait_for(lib, b"c")


def test_a_root_that_is_not_there_is_watched_when_it_comes(ear: Ear, tmp_path: Path) -> None:
    """A missing library is a problem with words, not an error; asked again when it is there, it is heard."""
    lib, other, file = tmp_path / "lib", tmp_path / "other", tmp_path / "file.jpg"
    other.mkdir()
    file.touch()
    roots = {os.fsencode(path): Scope.PHOTOS for path in (lib, other, file)}
    ear.watcher.set_roots(roots)
    assert ear.watcher.problems.keys() == {os.fsencode(lib), os.fsencode(file)}
    assert "not there" in ear.watcher.problems[os.fsencode(lib)]
    ear.forget()
    lib.mkdir()
    ear.watcher.set_roots(roots)
    assert ear.watcher.problems.keys() == {os.fsencode(file)}
    assert ear.listen().lost == {os.fsencode(lib)}
    write(lib / "x.jpg")
    ear.wait_for(lib, b"")
    write(other / "x.jpg")
    ear.wait_for(other, b"")


def test_a_root_deleted_and_made_again(ear: Ear, lib: Path) -> None:
    """A library that is deleted is lost and a problem; made again and renewed it is heard."""
    root = os.fsencode(lib)
    ear.watch(photos=lib)
    shutil.rmtree(lib)
    ear.wait(lambda ear: root in ear.lost and root in ear.watcher.problems)
    assert "is gone" in ear.watcher.problems[root]
    assert ear.watcher.check(root) == 0
    ear.watcher.renew(root)
    assert root in ear.watcher.problems
    lib.mkdir()
    ear.watcher.renew(root)
    assert not ear.watcher.problems
    ear.forget()
    write(lib / "x.jpg")
    ear.wait_for(lib, b"")


def test_a_root_that_is_renamed_is_gone(ear: Ear, lib: Path) -> None:
    """What happens under its new name is nobody's; a folder below it that is renamed takes nothing away."""
    root = os.fsencode(lib)
    ear.watch(photos=lib)
    (lib / "a").rename(lib / "b")
    ear.wait_for(lib, b"b", below=True)
    assert not ear.watcher.problems
    ear.forget()
    lib.rename(lib.with_name("elsewhere"))
    ear.wait(lambda ear: root in ear.lost and root in ear.watcher.problems)
    assert "is gone" in ear.watcher.problems[root]
    lib.with_name("elsewhere").rename(lib)
    ear.watcher.renew(root)
    assert not ear.watcher.problems
    ear.forget()
    write(lib / "b" / "x.jpg")
    ear.wait_for(lib, b"b")


def test_roots_no_longer_wanted_are_silent(ear: Ear, lib: Path, tmp_path: Path) -> None:
    """What is dropped gives no hint any more and leaves no thread, no handle and no problem behind."""
    other = tmp_path / "other"
    other.mkdir()
    threads = threading.active_count()
    handles = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        ear.watcher.set_roots({os.fsencode(path): Scope.PHOTOS for path in (lib, other, tmp_path / "none")})
        ear.watcher.set_roots({})
    assert threading.active_count() == threads
    assert len(os.listdir("/proc/self/fd")) == handles
    assert not ear.watcher.problems
    ear.watch(photos=other)
    write(lib / "x.jpg")
    write(other / "x.jpg")
    ear.wait_for(other, b"")
    assert not ear.heard(lib)


def test_the_same_roots_again_change_nothing(ear: Ear, lib: Path) -> None:
    """Setting what is set already loses no hint."""
    ear.watch(photos=lib)
    ear.watcher.set_roots({os.fsencode(lib): Scope.PHOTOS})
    assert not ear.listen().lost


@without_privileges
def test_a_folder_that_may_not_be_read_is_told_and_not_renewed_for_ever(tmp_path: Path) -> None:
    """An unreadable folder stays deaf: said once, no reason to renew again; readable again it is heard."""
    root = os.fsencode(tmp_path)
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0)
    with Ear() as ear:
        ear.watch(photos=tmp_path)
        assert ear.watcher.check(root) == 1
        assert "may read" in ear.watcher.problems[root]
        ear.forget()
        assert ear.watcher.check(root) == 1
        assert not ear.listen().lost
        closed.chmod(0o700)
        ear.wait_for(tmp_path, b"closed", below=True)
        assert ear.watcher.check(root) == 0
        assert not ear.watcher.problems
        write(closed / "x.jpg")
        ear.wait_for(tmp_path, b"closed")


@in_mount_namespace
def test_mounts_are_told_and_what_is_mounted_is_heard_after_renewing(tmp_path: Path) -> None:
    """A mount over a watched folder, and its end, are told; the comparison finds what is deaf, check cures it."""
    lib, root = tmp_path / "lib", os.fsencode(tmp_path / "lib")
    (lib / "disk").mkdir(parents=True)
    with Ear() as ear:
        ear.watch(photos=lib)
        for mount in (["-t", "tmpfs", "none"], ["-t", "tmpfs", "other"]):
            assert os.spawnlp(os.P_WAIT, "mount", "mount", *mount, str(lib / "disk")) == 0
            ear.wait(lambda ear: ear.mounts_changed)
            assert ear.watcher.find_deaf(root, walk_folders(root)) == [b"disk"]
            assert ear.watcher.check(root) == 0
            ear.forget()
            write(lib / "disk/x.jpg")
            ear.wait_for(lib, b"disk")
        for _ in range(2):
            ear.forget()
            assert os.spawnlp(os.P_WAIT, "umount", "umount", str(lib / "disk")) == 0
            ear.wait(lambda ear: ear.mounts_changed)
            assert ear.watcher.check(root) == 0
            ear.forget()
            write(lib / "disk/y.jpg")
            ear.wait_for(lib, b"disk")


def test_too_many_hints_become_lost() -> None:
    """More folders of one root than is sensible are that root as a whole; other roots keep their hints."""
    box = HintBox(lambda: None)
    for number in range(LIMIT):
        box.add(b"/a", [(b"%d" % number, False)])
    box.add(b"/b", [(b"x", True)])
    assert len(box.take().folders[b"/a"]) == LIMIT
    for number in range(LIMIT + 5):
        box.add(b"/a", [(b"%d" % number, False)])
    box.add(b"/b", [(b"x", True)])
    hints = box.take()
    assert hints.lost == {b"/a"}
    assert hints.folders == {b"/b": {b"x": True}}


def test_a_new_tree_is_one_hint_however_large() -> None:
    """What lies below a folder that is to be looked at with all below it is not kept, whichever came first."""
    box = HintBox(lambda: None)
    for number in range(LIMIT - 1):
        box.add(b"/a", [(b"new/%d" % number, False)])
    box.add(b"/a", [(b"new", True)])
    for number in range(3 * LIMIT):
        box.add(b"/a", [(b"new/%d/deep" % number, True)])
    box.add(b"/a", [(b"newer", False)])
    assert box.take().folders == {b"/a": {b"new": True, b"newer": False}}


def test_wake_is_called_once_for_what_comes_between_two_takes() -> None:
    """Many hints wake once; the first one after each take wakes again, also when it was known before."""
    calls: list[int] = []
    box = HintBox(lambda: calls.append(1))
    for _ in range(3):
        for _ in range(10):
            box.add(b"/a", [(b"x", False)])
            box.change_mounts()
            box.lose(b"/b")
        box.take()
    assert len(calls) == 3


def test_closing_twice_is_closing(lib: Path) -> None:
    """A closed watcher may be closed again, and leaves no thread."""
    threads = threading.active_count()
    watcher = Watcher(lambda: None)
    watcher.set_roots({os.fsencode(lib): Scope.EVERYTHING})
    watcher.close()
    watcher.close()
    assert threading.active_count() == threads


@pytest.mark.parametrize(
    ("scope", "folder", "entered"),
    [
        (Scope.PHOTOS, b"", True),
        (Scope.PHOTOS, b"a/b", True),
        (Scope.PHOTOS, b"a/.b/c", False),
        (Scope.PHOTOS, b"@Recycle", False),
        (Scope.PHOTOS, b"a/lost+found", False),
        (Scope.EVERYTHING, b".faced/tmp", False),
        (Scope.EVERYTHING, b"Anna/.faced", True),
        (Scope.EVERYTHING, b".hidden", True),
        (Scope.WAKE, b"", True),
        (Scope.WAKE, b"a", False),
    ],
)
def test_which_folders_are_entered(scope: Scope, folder: bytes, entered: bool) -> None:
    """A scope enters the folders that can matter to it and no others."""
    assert is_entered(scope, folder) is entered


def test_a_folder_that_becomes_visible_is_looked_at() -> None:
    """A download renamed from a hidden name: only the new place is named."""
    found = folders_for(Scope.PHOTOS, "moved", [b".2024.tmp", b"2024"], is_folder=True)
    assert found == [(b"", False), (b"2024", True)]


def test_walking_leaves_out_what_is_apart_and_does_not_follow_links(lib: Path) -> None:
    """The walk gives the folders that ought to be watched: none behind a link, none apart, none hidden."""
    (lib / "people/Anna").mkdir(parents=True)
    (lib / ".hidden/x").mkdir(parents=True)
    (lib / "link").symlink_to("a")
    assert sorted(walk_folders(os.fsencode(lib), apart=[b"people"])) == [b"", b"a", b"a/b"]
    assert list(walk_folders(os.fsencode(lib) + b"/none")) == []
