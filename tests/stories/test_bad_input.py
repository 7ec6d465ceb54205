"""Bad input: one bad file costs one row with its reason; a bad command costs one plain line and status 2."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faced.demo import DemoLibrary
from tests.conftest import small_paths
from tests.support.app import App, look_at
from tests.support.library import copy_library

OLD = time.time() - 3600


@pytest.fixture
def few(app: App, demo: DemoLibrary) -> App:
    """Three photos of one person, so that there is good input too."""
    app.photos.rmdir()
    copy_library(
        demo, app.photos, tuple(path for path in small_paths(demo) if demo.photos[path] == ("p1",))[:3]
    )
    return app


@pytest.fixture
def few_known(few: App, encoded: Path) -> App:
    """The same, encoded before: for tests of what comes after that."""
    few.state.mkdir(parents=True, mode=0o700)
    shutil.copy(encoded, few.state / "faced.db")
    return few


def refused(app: App, *words: str | Path, under: list[str] | None = None) -> str:
    """The one line with which a command is refused."""
    done = app.run(*words, under=under or [], status=2)
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("faced: ")
    return lines[0]


def age(path: Path) -> Path:
    """The file was finished long ago."""
    os.utime(path, (OLD, OLD))
    return path


def test_promise_8_each_bad_file_costs_one_row_with_its_reason(few: App) -> None:
    """Whatever lies in a library: the good photos are sorted, each bad one is named once with its reason."""
    good = next(few.photos.rglob("*.jpg")).read_bytes()
    bad = few.photos / "bad"
    bad.mkdir()
    (bad / "zero.jpg").write_bytes(b"")
    (bad / "cut.jpg").write_bytes(good[: len(good) // 2])
    (bad / "text.jpg").write_text("this is no image\n" * 20)
    (bad / "script.jpg").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    rows = np.zeros((1, 1), dtype=np.uint8)
    Image.fromarray(rows).resize((20000, 20000)).save(bad / "bomb.png", compress_level=9)
    for path in bad.iterdir():
        age(path)
    (bad / "young.jpg").write_bytes(good[: len(good) // 2])
    os.mkfifo(bad / "pipe.jpg")
    (bad / "loop.jpg").symlink_to("loop.jpg")
    (bad / "away.jpg").symlink_to("/nowhere/else.jpg")
    strange = os.fsencode(bad) + b"/n\xff\xfeame\n.jpg"
    Path(os.fsdecode(strange)).write_bytes(b"nothing good")
    age(Path(os.fsdecode(strange)))
    summary = few.sync().stdout
    assert len(few.folders()) == 1
    rows_ = few.json("status")["quarantined"]
    found = {Path(row["path"]).name: row for row in rows_}
    assert set(found) == {
        "zero.jpg",
        "cut.jpg",
        "text.jpg",
        "script.jpg",
        "bomb.png",
        "young.jpg",
        "n\ufffd\ufffdame\n.jpg",
    }
    assert all(row["reason"] and "\n" not in row["reason"] for row in rows_)
    assert {name for name, row in found.items() if row["later"]} == {"young.jpg"}
    assert "path_b64" in found["n\ufffd\ufffdame\n.jpg"]
    assert "400" in found["bomb.png"]["reason"]
    assert "1 photo not finished yet" in summary
    text = few.run("status").stdout
    assert r"n\xff\xfeame\n.jpg" in text


def test_what_was_cut_short_is_taken_when_it_is_whole(few: App) -> None:
    """A young half file is left for later; once finished it is a photo like any other."""
    source = next(few.photos.rglob("*.jpg"))
    data = source.read_bytes()
    source.write_bytes(data[: len(data) // 2])
    few.sync()
    assert few.json("status")["quarantined"][0]["later"] is True
    source.write_bytes(data)
    few.sync()
    assert few.json("status")["quarantined"] == []
    assert sum(len(folder) for folder in few.folders().values()) == 3


def test_a_quarantined_file_is_tried_again_when_it_changes_and_only_then(few: App) -> None:
    """Its reason stays while it does; a good file in its place is sorted."""
    good = next(few.photos.rglob("*.jpg")).read_bytes()
    path = few.photos / "broken.jpg"
    path.write_bytes(b"no image at all")
    age(path)
    few.sync()
    before = few.rows("SELECT * FROM quarantine")
    assert len(before) == 1
    few.sync()
    assert few.rows("SELECT * FROM quarantine") == before
    path.write_bytes(good)
    few.sync()
    assert few.rows("SELECT * FROM quarantine") == []


def test_permission_denied_costs_one_row_and_is_tried_again_when_it_is_given(few: App) -> None:
    """As somebody for whom permissions count: the reason names it."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv, for root may read everything")
    path = next(few.photos.rglob("*.jpg"))
    path.chmod(0)
    plain = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    few.sync(under=plain)
    [row] = few.json("status")["quarantined"]
    assert "permission" in row["reason"].lower()
    path.chmod(0o600)
    few.sync(under=plain)
    assert few.json("status")["quarantined"] == []
    assert few.json("status")["faces"] == 3


def test_a_library_that_does_not_exist_is_refused(app: App) -> None:
    """With its name, before anything is made."""
    assert str(app.home / "nowhere") in refused(app, "sync", app.home / "nowhere", "--people", app.people)
    assert not app.people.exists()


def test_a_people_folder_that_is_a_file_is_refused(few: App) -> None:
    """It is named, and it is still the file that it was."""
    few.people.write_text("mine")
    assert str(few.people) in refused(few, "sync", few.photos, "--people", few.people)
    assert few.people.read_text() == "mine"


def test_a_people_folder_that_is_the_library_is_refused(few: App) -> None:
    """Photos and links do not mix."""
    before = look_at(few.photos)
    assert "cannot be both" in refused(few, "sync", few.photos, "--people", few.photos)
    assert look_at(few.photos) == before


def test_a_state_inside_the_library_is_refused_before_it_is_made(few: App) -> None:
    """Nothing is ever written among the photos."""
    before = look_at(few.photos)
    state = few.photos / "state"
    assert "--state" in refused(few, "sync", few.photos, "--people", few.people, "--state", state)
    assert look_at(few.photos) == before


def test_a_configured_library_may_be_away_at_the_first_start(app: App) -> None:
    """A disk that is mounted late is no wrong configuration: a service must not give up on it."""
    config = app.home / "late.yaml"
    config.write_text(f"libraries: [{app.home / 'disk'}]\npeople: {{folder: {app.people}}}\n")
    done = app.run("sync", "--config", config, status=1)
    assert "is not there" in done.stderr


def test_a_configured_library_that_is_unplugged_is_frozen_not_refused(few_known: App) -> None:
    """`libraries:` names it, and it was there before: its links stay."""
    config = few_known.home / "faced.yaml"
    config.write_text(f"libraries: [{few_known.photos}]\npeople: {{folder: {few_known.people}}}\n")
    few_known.run("sync", "--config", config)
    before = look_at(few_known.people)
    few_known.photos.rename(few_known.home / "unplugged")
    done = few_known.run("sync", "--config", config, status=1)
    assert "is not there" in done.stderr
    assert look_at(few_known.people) == before


def test_a_link_to_a_photo_of_the_library_is_that_photo(few: App) -> None:
    """Inside the library a symbolic link is one more photo of its image; nothing is quarantined."""
    target = next(few.photos.rglob("*.jpg"))
    (few.photos / "link.jpg").symlink_to(target)
    few.sync()
    assert few.json("status")["quarantined"] == []
    assert few.json("status")["photos"] == 4
    assert few.rows("SELECT count(*) FROM encodings") == [(3,)]


def test_a_people_folder_that_cannot_be_written_is_refused(few: App) -> None:
    """On a read-only file system, say; as root only a mount can show it."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("needs root and unshare")
    few.people.mkdir()
    script = f'mount -t tmpfs -o ro none "{few.people}" && exec "$@"'
    line = refused(
        few, "sync", few.photos, "--people", few.people, under=["unshare", "-m", "sh", "-c", script, "sh"]
    )
    assert str(few.people) in line


def test_a_file_system_without_links_is_refused(few_known: App) -> None:
    """EPERM at the first symbolic link, as vfat and exFAT answer."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    under = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=symlinkat,symlink:error=EPERM"]
    done = few_known.sync(under=under, status=None)
    if done.returncode == 1 and "ptrace" in done.stderr.lower():
        pytest.skip("strace may not trace here")
    assert done.returncode == 2, done.stderr
    assert "link" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    few_known.sync()
    assert len(few_known.folders()) == 1


def test_a_configuration_with_faults_is_refused_with_their_lines(few: App) -> None:
    """Every fault is a line of its own, with file and line number."""
    config = few.home / "faced.yaml"
    config.write_text("cluster:\n  eps: wide\npeple: {}\n")
    done = few.run("sync", few.photos, "--people", few.people, "--config", config, status=2)
    assert done.stderr.splitlines() == [
        f"faced: {config}:2: cluster.eps must be a number above 0, at most 2, got 'wide'",
        f"faced: {config}:3: unknown key peple",
    ]


@pytest.fixture
def fuse(few: App) -> Iterator[Path]:
    """A folder on a file system of type fuse."""
    if os.geteuid() != 0 or shutil.which("bindfs") is None or not Path("/dev/fuse").exists():
        pytest.skip("needs root, bindfs and /dev/fuse")
    behind, mounted = few.home / "behind", few.home / "mounted"
    behind.mkdir()
    mounted.mkdir()
    if subprocess.run(["bindfs", behind, mounted], check=False, capture_output=True).returncode:
        pytest.skip("bindfs may not mount here")
    yield mounted
    subprocess.run(["umount", "-l", mounted], check=True)


def test_a_state_on_a_network_file_system_is_refused(few: App, fuse: Path) -> None:
    """SQLite's shared memory does not work there; the line says where to move it."""
    line = refused(few, "sync", few.photos, "--people", few.people, "--state", fuse / "state")
    assert "--state" in line
    assert "fuse" in line


@pytest.mark.installed
def test_without_places_it_says_how_to_begin(app: App) -> None:
    """Nothing named and nothing remembered."""
    for command in ("people", "status"):
        assert "faced sync PHOTOS --people PEOPLE" in app.run(command, status=1).stderr
    assert "faced sync PHOTOS --people PEOPLE" in refused(app, "sync")


def test_a_photo_that_is_not_known_is_said_plainly(few_known: App) -> None:
    """Not in a library, not there, not an image."""
    few_known.sync()
    assert "is gone" in few_known.run("faces", few_known.home / "no.jpg", status=1).stderr
    other = few_known.home / "other.png"
    Image.new("RGB", (20, 20)).save(other)
    assert "in no library" in few_known.run("faces", other, status=1).stderr


def test_names_that_are_not_utf8_are_photos_like_others(few: App, demo: DemoLibrary) -> None:
    """In a folder and a file name: linked under the same bytes."""
    source = next(
        path for path, people in demo.photos.items() if people == ("p1",) and not (few.photos / path).exists()
    )
    name = b"caf\xe9/\xff\n.jpg"
    target = os.path.join(os.fsencode(few.photos), name)
    os.makedirs(os.path.dirname(target))
    shutil.copy2(os.fsencode(demo.folder / source), target)
    few.sync()
    [folder] = [path for path in few.people.iterdir() if path.name.startswith("Person")]
    assert os.path.join(os.fsencode(folder), b"\xff\n.jpg") in [
        entry.path for entry in os.scandir(os.fsencode(folder))
    ]
    assert few.json("faces", os.fsdecode(target))[0]["person"] is not None
