"""Places that are not there, go, come back, fill up or cannot be written to, under the running daemon."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.conftest import SEEN, Waiting
from tests.support.app import App, look_at
from tests.support.daemon import SETTLED, Daemon, running, wait_for
from tests.support.library import tiny_jpegs
from tests.support.namespace import Namespace, mount_namespace


@pytest.fixture
def mounts() -> Iterator[Namespace]:
    """A mount namespace; skipped without the right to mount."""
    with mount_namespace() as space:
        yield space


def troubles(daemon: Daemon, mounts: Namespace, words: str) -> None:
    """Wait until `faced status` tells of it."""
    daemon.wait_for_status(
        lambda status: any(words in text for text in status["daemon"]["troubles"]), under=mounts.prefix
    )


def test_a_library_that_comes_later_goes_and_comes_back(waiting: Waiting, mounts: Namespace) -> None:
    """Missing at the start, then mounted; unmounted, its links stay; what was put on it meanwhile is found."""
    app, disk = waiting.app, waiting.app.home / "disk"
    disk.mkdir()
    mounts.run("mount", "-t", "tmpfs", "a disk", disk)
    mounts.run("cp", "-a", f"{app.photos}/.", disk)
    shutil.rmtree(app.photos)
    app.photos.mkdir()
    mounts.run("mount", "--bind", disk, app.photos)
    app.sync(under=mounts.prefix)
    mounts.unmount(app.photos)
    app.photos.rmdir()
    with running(app, under=mounts.prefix) as daemon:
        daemon.app = mounts.view(app)
        daemon.wait_for_status(lambda status: not status["libraries"][0]["online"], under=mounts.prefix)
        assert len(daemon.app.folders()) == 3
        app.photos.mkdir()
        mounts.run("mount", "--bind", disk, app.photos)
        shutil.copy2(waiting.spare["p3"][0], mounts.path(disk) / "at last.jpg")
        daemon.wait_for_link("at last.jpg", beside=SEEN["p3"])
        daemon.quiet()
        before = look_at(daemon.app.people)

        mounts.unmount(app.photos)
        daemon.wait_for_status(lambda status: not status["libraries"][0]["online"], under=mounts.prefix)
        daemon.quiet()
        assert look_at(daemon.app.people) == before
        shutil.copy2(waiting.spare["p1"][0], mounts.path(disk) / "while away.jpg")
        mounts.run("mount", "--bind", disk, app.photos)
        daemon.wait_for_link("while away.jpg", beside=SEEN["p1"])
        daemon.wait_for_status(
            lambda status: status["libraries"][0]["online"] and not status["daemon"]["troubles"],
            under=mounts.prefix,
        )
        shutil.copy2(waiting.spare["p2"][0], mounts.path(disk) / "heard again.jpg")
        daemon.wait_for_link("heard again.jpg", beside=SEEN["p2"])
    assert app.json("log") == []


def test_a_library_that_is_renamed_and_replaced(waiting: Waiting) -> None:
    """Another folder in its place is not taken for it: links stay until the right one is back."""
    app, aside = waiting.app, waiting.app.home / "Aside"
    with running(app) as daemon:
        daemon.wait_for_folders(lambda folders: len(folders) == 3)
        daemon.quiet()
        before = look_at(app.people)
        app.photos.rename(aside)
        daemon.wait_for_status(lambda status: not status["libraries"][0]["online"])
        other = app.home / "Other"
        tiny_jpegs(12, 7, other)
        other.rename(app.photos)
        daemon.wait_for_status(lambda status: "another" in (status["libraries"][0]["problem"] or ""))
        daemon.quiet()
        assert look_at(app.people) == before
        shutil.rmtree(app.photos)
        shutil.copy2(waiting.spare["p1"][0], aside / "while away.jpg")
        aside.rename(app.photos)
        daemon.wait_for_link("while away.jpg", beside=SEEN["p1"])
        app.add(waiting.spare["p2"][0], "heard again.jpg")
        daemon.wait_for_link("heard again.jpg", beside=SEEN["p2"])
    assert app.json("log") == []


def mount_image(mounts: Namespace, image: Path, place: Path) -> None:
    """A disk of its own, whose folders are new ones to the kernel each time it is mounted."""
    if not image.exists():
        with image.open("wb") as file:
            file.truncate(16 << 20)
        made = shutil.which("mkfs.ext4") and subprocess.run(["mkfs.ext4", "-q", image], capture_output=True)
        if not made or made.returncode:
            pytest.skip("needs mkfs.ext4")
    if not mounts.try_to("mount", "-o", "loop", image, place):
        pytest.skip("may not mount a disk image here")


def test_a_people_folder_that_goes_and_comes_back(waiting: Waiting, mounts: Namespace) -> None:
    """Unmounted, nothing is written to the empty folder; mounted again, a new child may write there."""
    app, image = waiting.app, waiting.app.home / "people.img"
    app.people.mkdir()
    mount_image(mounts, image, app.people)
    (mounts.path(app.people) / "lost+found").rmdir()
    with running(app, under=mounts.prefix) as daemon:
        daemon.app = mounts.view(app)
        daemon.wait_for_folders(lambda folders: len(folders) == 3)
        daemon.quiet()
        before, child = daemon.app.folders(), daemon.child()

        mounts.unmount(app.people)
        daemon.wait_for_status(lambda status: bool(status["people"]["problem"]), under=mounts.prefix)
        app.add(waiting.spare["p1"][0], "while away.jpg")
        daemon.wait_for_status(
            lambda status: status["photos"] == 9 and not status["queued"], under=mounts.prefix
        )
        daemon.quiet()
        assert list(mounts.path(app.people).iterdir()) == []

        mount_image(mounts, image, app.people)
        daemon.wait_for_link("while away.jpg", beside=SEEN["p1"])
        assert before.keys() == daemon.app.folders().keys()
        if "Landlock" in daemon.log and "does not" not in daemon.log:
            assert daemon.child() != child, "the old rules cannot fit the new disk"
        app.add(waiting.spare["p2"][0], "afterwards.jpg")
        daemon.wait_for_link("afterwards.jpg", beside=SEEN["p2"])
        daemon.wait_for_status(lambda status: not status["daemon"]["troubles"], under=mounts.prefix)
    assert app.json("log") == []


WRITE = """
import errno, os, sys
from pathlib import Path
from faced.daemon.child import _writable
from faced.folders.writer import KernelWriter
from faced.passes.places import Places, open_run
from faced.sandbox import confine
run, photos, people = open_run(None, None), Path(sys.argv[1]), Path(sys.argv[2])
sandbox = confine(_writable(run, Places((), os.fsencode(people))), files=[b"/dev/null"])
if not sandbox.active:
    sys.exit(77)
writer, name = KernelWriter(), b"IMG_0007.jpg"
handle = os.open(photos / "2014", os.O_RDONLY | os.O_DIRECTORY)
mine = os.open(people, os.O_RDONLY | os.O_DIRECTORY)
def refused(act, *arguments):
    try:
        act(*arguments)
    except OSError as error:
        assert error.errno in (errno.EACCES, errno.EXDEV), error
        return
    raise AssertionError(f"{act} was allowed")
refused(writer.unlink, handle, name)
refused(writer.mkdir, handle, b"x", 0o700, -1)
refused(writer.symlink, b"/x", handle, b"x")
refused(writer.move, handle, name, handle, b"other")
refused(writer.move, handle, name, mine, name)
refused(writer.replace, handle, name, handle, b"other")
refused(writer.exchange, handle, name, handle, name)
refused(writer.create_file, handle, b"x", b"mine", 0o600, -1)
refused(lambda: os.close(os.open(name, os.O_WRONLY, dir_fd=handle)))
refused(os.truncate, photos / "2014/IMG_0007.jpg", 0)
writer.symlink(b"/x", mine, b"x")
writer.unlink(mine, b"x")
"""


def test_the_confined_child_cannot_touch_an_original(app: App) -> None:
    """faced's own writer, under the rules that the child makes for itself: refused in the library, allowed in the people folder."""
    for folder in (app.people, app.state, app.photos / "2014"):
        folder.mkdir(parents=True)
    (app.photos / "2014" / "IMG_0007.jpg").write_bytes(b"the original")
    before = look_at(app.photos)
    done = subprocess.run(
        [sys.executable, "-c", WRITE, app.photos, app.people],
        env={**app.environment, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 77:
        pytest.skip("this kernel has no Landlock")
    assert done.returncode == 0, done.stderr
    assert look_at(app.photos) == before


def test_a_full_disk_of_the_state(waiting: Waiting, mounts: Namespace) -> None:
    """It says which disk; when there is room again it goes on by itself."""
    app = waiting.app
    kept = (app.state / "faced.db").read_bytes()
    mounts.run("mount", "-t", "tmpfs", "-o", "size=3m,mode=700", "small", app.state)
    (mounts.path(app.state) / "faced.db").write_bytes(kept)
    with running(app, under=mounts.prefix) as daemon:
        daemon.app = mounts.view(app)
        daemon.wait_for_folders(lambda folders: len(folders) == 3)
        daemon.quiet()
        filler = mounts.path(app.state) / "filler"
        fill(filler)
        for person, photos in waiting.spare.items():
            app.add(photos[0], f"{person}.jpg")
        for number, path in enumerate(tiny_jpegs(60, 3, app.home / "many")):
            app.add(path, f"many/{number}.jpg")
        daemon.wait_for_log(f"the disk of {app.state} is full")
        filler.unlink()
        for person in waiting.spare:
            daemon.wait_for_link(f"{person}.jpg", beside=SEEN[person])
        daemon.wait_for_status(
            lambda status: status["queued"] == 0 and not status["daemon"]["troubles"], under=mounts.prefix
        )
        assert daemon.log.count("is full") <= 8, "it says the same again and again"


def fill(path: Path) -> None:
    """Until nothing goes in any more."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 4096):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                pass


def use_up_inodes(folder: Path) -> None:
    """Until no file can be made any more."""
    with pytest.raises(OSError, match="No space left"):
        make_files(folder)


def make_files(folder: Path) -> None:
    """A hundred empty ones."""
    for number in range(100):
        (folder / str(number)).touch()


def test_a_full_or_locked_disk_of_the_people_folder(waiting: Waiting, mounts: Namespace) -> None:
    """No inode left, then read-only: told each time, and carried out when it can be."""
    app = waiting.app
    app.people.mkdir()
    mounts.run("mount", "-t", "tmpfs", "-o", "nr_inodes=80", "small", app.people)
    with running(app, under=mounts.prefix) as daemon:
        daemon.app = mounts.view(app)
        daemon.wait_for_folders(lambda folders: len(folders) == 3)
        daemon.quiet()
        stuff = daemon.app.people / ".stuff"
        stuff.mkdir()
        use_up_inodes(stuff)
        app.add(waiting.spare["p1"][0], "full.jpg")
        wait_for(lambda: "full" in daemon.log.lower() or "No space left" in daemon.log, "it never complained")
        troubles(daemon, mounts, str(app.people))
        shutil.rmtree(stuff)
        daemon.wait_for_link("full.jpg", beside=SEEN["p1"])

        mounts.run("mount", "-o", "remount,ro", app.people)
        app.add(waiting.spare["p2"][0], "locked.jpg")
        wait_for(lambda: "cannot be written to" in daemon.log, "it never complained")
        troubles(daemon, mounts, str(app.people))
        mounts.run("mount", "-o", "remount,rw", app.people)
        daemon.wait_for_link("locked.jpg", beside=SEEN["p2"])
        daemon.wait_for_status(lambda status: not status["daemon"]["troubles"], under=mounts.prefix)
    assert app.json("log") == []


def test_at_the_limit_of_watches_photos_are_found_all_the_same(waiting: Waiting) -> None:
    """It says what to set, in the log and in the status, and looks again and again at what it cannot hear."""
    app = waiting.app
    (app.home / "config" / "faced" / "config.yaml").write_text(
        SETTLED.replace("library: {", "library: {rescan_network: 1 s, ")
    )
    limited = ["unshare", "--user", "--map-root-user", "sh", "-c"]
    if subprocess.run(
        [*limited, "echo 30 > /proc/sys/user/max_inotify_watches"], capture_output=True
    ).returncode:
        pytest.skip("needs a user namespace with a limit of its own")
    for number in range(60):
        (app.photos / f"folder {number:02}").mkdir()
    under = [*limited, 'echo 30 > /proc/sys/user/max_inotify_watches; exec "$@"', "sh"]
    with running(app, under=under) as daemon:
        daemon.wait_for_folders(lambda folders: len(folders) == 3)
        daemon.wait_for_log("fs.inotify.max_user_watches")
        status = daemon.wait_for_status(lambda status: bool(status["daemon"]["troubles"]))
        assert any("sudo sysctl --system" in text for text in status["daemon"]["troubles"])
        for number in (0, 30, 59):
            app.add(waiting.spare["p3"][0], f"folder {number:02}/{number}.jpg")
            wait_for(
                lambda number=number: (
                    (f"folder {number:02}/{number}.jpg".encode(), 0)  # type: ignore[misc]
                    in app.rows("SELECT path, stale FROM photos")
                ),
                f"folder {number} was not looked at",
            )
        daemon.wait_for_folders(lambda folders: any(len(hers) == 4 for hers in folders.values()))
        assert daemon.log.count("fs.inotify.max_user_watches") <= 6, "it says the same again and again"


def test_an_overflow_loses_no_photo(waiting: Waiting) -> None:
    """The child is stopped, more happens than the kernel remembers, and among it a photo: it is found."""
    app = waiting.app
    events = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if events > 50_000:
        pytest.skip("too many events to make")
    with running(app) as daemon:
        daemon.wait_for_folders(lambda folders: len(folders) == 3)
        daemon.quiet()
        child = daemon.child()
        os.kill(child, signal.SIGSTOP)
        try:
            noise = app.photos / "noise"
            noise.mkdir()
            os.rmdir(noise)
            for number in range(events // 2 + 200):
                path = app.photos / f"{number}.txt"
                path.touch()
                path.unlink()
            (app.photos / "late").mkdir()
            app.add(waiting.spare["p1"][0], "late/during.jpg")
        finally:
            os.kill(child, signal.SIGCONT)
        daemon.wait_for_link("late/during.jpg", beside=SEEN["p1"])
        daemon.wait_for_status(lambda status: status["daemon"]["overflows"] == 1)
        app.add(waiting.spare["p2"][0], "late/after.jpg")
        daemon.wait_for_link("late/after.jpg", beside=SEEN["p2"])
        assert app.json("status")["daemon"]["overflows"] == 1
