"""The kernel guards the originals: what a confined process may do, and that it notices when the rules have gone."""

import errno
import os
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from faced.sandbox import Sandbox, confine, handled_rights, identity_of, is_shut_out, read_abi
from tests.support.rerun import in_mount_namespace


def has_landlock() -> bool:
    """Whether this kernel can do it."""
    try:
        return read_abi() >= 2
    except OSError:
        return False


needs_landlock = pytest.mark.skipif(
    not has_landlock(), reason="this kernel has no Landlock, or too old a one"
)

TRY = """
    import errno, os, shutil, sys
    from faced.sandbox import confine, identity_of, is_shut_out

    def outcome(act, *arguments):
        try:
            act(*arguments)
        except OSError as error:
            return errno.errorcode[error.errno]
        return "done"

    photos, people = sys.argv[1:3]
"""


def run_confined(folder: Path, body: str) -> str:
    """Run a program that may end confined, and return what it printed."""
    program = textwrap.dedent(TRY) + textwrap.dedent(body)
    words = [sys.executable, "-c", program, folder / "photos", folder / "people"]
    return subprocess.run(
        words, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2]
    ).stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A library with a photo in a folder, and a people folder."""
    (tmp_path / "photos" / "2019").mkdir(parents=True)
    (tmp_path / "photos" / "2019" / "a.jpg").write_bytes(b"the original")
    (tmp_path / "people" / "Anna").mkdir(parents=True)
    (tmp_path / "people" / "Ben").mkdir()
    return tmp_path


@needs_landlock
def test_an_original_cannot_be_changed(folder: Path) -> None:
    """Written to, cut, moved, deleted, linked, joined by another file: all are refused, reading is not."""
    printed = run_confined(
        folder,
        """
        photo = photos + "/2019/a.jpg"
        sandbox = confine([people], files=["/dev/null", "/dev/not-there"])
        assert sandbox.active and sandbox.abi >= 2, sandbox
        print(*[
            outcome(open, photo, "r+"), outcome(open, photo, "w"), outcome(os.unlink, photo),
            outcome(os.rename, photo, photos + "/b.jpg"), outcome(os.rename, photo, people + "/b.jpg"),
            outcome(os.link, photo, people + "/b.jpg"), outcome(os.symlink, "x", photos + "/l"),
            outcome(os.mkdir, photos + "/d"), outcome(shutil.rmtree, photos),
        ])
        if sandbox.abi >= 3:
            assert outcome(os.truncate, photo, 1) == "EACCES"
        assert open(photo).read() == "the original"
        open("/dev/null", "w").close()
        """,
    )
    assert set(printed.split()) <= {"EACCES", "EXDEV"}
    assert (folder / "photos" / "2019" / "a.jpg").read_bytes() == b"the original"
    assert os.listdir(folder / "photos") == ["2019"]


@needs_landlock
def test_the_people_folder_stays_writable(folder: Path) -> None:
    """Links are made, moved from folder to folder, and taken away; so do children of the process."""
    run_confined(
        folder,
        """
        confine([os.fsencode(people)])
        os.symlink(photos + "/2019/a.jpg", people + "/Anna/a.jpg")
        os.rename(people + "/Anna/a.jpg", people + "/Ben/a.jpg")
        os.mkdir(people + "/Person 3")
        if os.fork() == 0:
            os._exit(outcome(os.unlink, photos + "/2019/a.jpg") != "EACCES")
        assert os.wait()[1] == 0
        assert not is_shut_out(people + "/Ben") and not is_shut_out(people + "/Ben/a.jpg")
        os.unlink(people + "/Ben/a.jpg")
        """,
    )
    assert sorted(os.listdir(folder / "people")) == ["Anna", "Ben", "Person 3"]


@needs_landlock
def test_worker_processes_start_under_it(folder: Path) -> None:
    """A spawned worker needs /dev/shm, /dev/null and a TMPDIR of its own, and nothing else."""
    (folder / "tmp").mkdir()
    program = folder / "program.py"
    program.write_text(
        textwrap.dedent(
            """
            import multiprocessing, os, sys, tempfile
            from faced.sandbox import confine

            def work(number):
                with tempfile.TemporaryFile() as file:
                    file.write(b"x")
                return number + 1

            if __name__ == "__main__":
                os.environ["TMPDIR"] = sys.argv[1]
                confine([sys.argv[1], "/dev/shm"], files=["/dev/null"])
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    print(pool.apply(work, (41,)))
            """
        )
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, program, folder / "tmp"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("42\n", "")


@needs_landlock
def test_asking_changes_nothing(folder: Path) -> None:
    """No time of the folder moves, and what is forbidden is told from what is not there."""
    run_confined(
        folder,
        """
        confine([people])
        before = os.stat(people)
        assert not is_shut_out(people + "/Anna")
        after = os.stat(people)
        assert (before.st_mtime_ns, before.st_ctime_ns) == (after.st_mtime_ns, after.st_ctime_ns)
        assert is_shut_out(photos + "/2019") and is_shut_out(photos + "/2019/a.jpg")
        assert not is_shut_out(people + "/not there")
        """,
    )


def look_twice(folder: Path, change: Callable[[], None]) -> tuple[list[str], list[str]]:
    """What a confined child says before and after the change: device, inode, whether it is shut out."""
    look = """
        confine([people])
        for _ in range(2):
            print(*identity_of(people), is_shut_out(people + "/Anna"), flush=True)
            sys.stdin.readline()
    """
    words = [sys.executable, "-c", textwrap.dedent(TRY) + textwrap.dedent(look)]
    with subprocess.Popen(
        [*words, folder / "photos", folder / "people"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        first = child.stdout.readline().split()
        change()
        child.stdin.write("\n")
        child.stdin.flush()
        second = child.stdout.readline().split()
        child.stdin.close()
    return first, second


@needs_landlock
def test_a_folder_made_anew_is_shut_out(folder: Path) -> None:
    """The rules hang on the folder that was there, not on its name."""

    def make_anew() -> None:
        shutil.rmtree(folder / "people")
        (folder / "people" / "Anna").mkdir(parents=True)

    first, second = look_twice(folder, make_anew)
    assert (first[2], second[2]) == ("False", "True")


@needs_landlock
@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("mkfs.ext4"), reason="needs root, to mount an image, and mkfs.ext4"
)
@in_mount_namespace
def test_a_disk_that_came_back_is_shut_out_though_its_numbers_are_the_same(tmp_path: Path) -> None:
    """Unmounted and mounted again, a file system has its old device and inode, and the rules are gone."""
    image, people = tmp_path / "image", tmp_path / "people"
    people.mkdir()
    (tmp_path / "photos").mkdir()
    subprocess.run(["truncate", "-s", "8M", image], check=True)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    mount = ["mount", "-o", "loop", image, people]
    subprocess.run(mount, check=True)
    (people / "Anna").mkdir()

    def replug() -> None:
        subprocess.run(["umount", people], check=True)
        subprocess.run(mount, check=True)

    try:
        first, second = look_twice(tmp_path, replug)
    finally:
        subprocess.run(["umount", people], check=True)
    assert (first[2], second[2]) == ("False", "True")


@needs_landlock
def test_a_missing_folder_is_told_by_name(folder: Path) -> None:
    """An error for people, and nothing is confined."""
    printed = run_confined(
        folder,
        """
        from faced.errors import FacedError
        try:
            confine([people, photos + "/nowhere"])
        except FacedError as error:
            print(error)
        open(photos + "/b.jpg", "w").close()
        """,
    )
    assert (
        printed
        == f"{folder}/photos/nowhere must be writable, but cannot be opened: No such file or directory\n"
    )


def test_threads_are_refused(folder: Path) -> None:
    """What ran before would escape the rules."""
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        with pytest.raises(RuntimeError, match="threads"):
            confine([folder])
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSYS, "this kernel has no Landlock"),
        (errno.EOPNOTSUPP, "Landlock is switched off in this kernel"),
        (errno.EPERM, "Landlock is forbidden here"),
    ],
)
def test_without_landlock_nothing_happens_and_the_reason_is_said(
    monkeypatch: pytest.MonkeyPatch, folder: Path, code: int, words: str
) -> None:
    """The service runs all the same."""

    def refuse() -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("faced.sandbox.read_abi", refuse)
    monkeypatch.setattr("faced.sandbox._count_threads", lambda: 1)
    sandbox = confine([folder / "photos"])
    assert (sandbox.active, sandbox.abi) == (False, 0)
    assert words in sandbox.text
    (folder / "people" / "still writable").touch()


def test_the_first_abi_is_not_used(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """It would forbid every rename between two person folders."""
    monkeypatch.setattr("faced.sandbox.read_abi", lambda: 1)
    monkeypatch.setattr("faced.sandbox._count_threads", lambda: 1)
    assert confine([folder]) == Sandbox(
        active=False,
        abi=1,
        text="the kernel does not guard your photos: its Landlock is too old (ABI 1 of 2)",
    )


def test_the_mask_is_cut_to_what_the_kernel_knows() -> None:
    """Renames between folders from ABI 2 on, cutting files from ABI 3 on; no number beyond."""
    assert [handled_rights(abi).bit_length() for abi in (1, 2, 3, 7, 99)] == [13, 14, 15, 15, 15]
    assert all(handled_rights(abi) & 0b1101 == 0 for abi in (1, 2, 3))  # reading and running stay free


def test_identity_follows_links_and_survives_absence(folder: Path) -> None:
    """None is an answer, too."""
    (folder / "link").symlink_to(folder / "people")
    assert identity_of(folder / "link") == identity_of(os.fsencode(folder / "people"))
    assert identity_of(folder / "nowhere") is None
    assert not is_shut_out(folder / "nowhere")
