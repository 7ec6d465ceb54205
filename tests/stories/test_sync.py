"""The main job, with the installed command on the demo library: photos in, folders of people out."""

import contextlib
import csv
import os
import pty
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from faced.demo import DemoLibrary
from tests.conftest import small_paths
from tests.support.app import App, look_at
from tests.support.library import copy_library
from tests.support.shared import shared_data


def faces_of(app: App) -> list[tuple[int, int]]:
    """(face id, checksum of its embedding): what was encoded stays what it was."""
    return app.rows("SELECT id, crc FROM faces ORDER BY id")


def people_of(demo: DemoLibrary, paths: tuple[str, ...]) -> set[frozenset[str]]:
    """Which of these photos belong together: everybody who is in at least three."""
    people = {person for path in paths for person in demo.photos[path]}
    groups = {frozenset(path for path in paths if person in demo.photos[path]) for person in people}
    return {group for group in groups if len(group) >= 3}


@pytest.mark.installed
def test_the_demo_library_becomes_a_folder_for_each_of_its_people(app: App, demo: DemoLibrary) -> None:
    """`faced demo`, then the command that it says: everybody has one folder with exactly their photos."""
    app.photos.rmdir()
    said = app.run("demo", app.photos).stdout
    assert "faced sync" in said
    summary = app.sync().stdout
    truth = demo.photos
    expected = {
        frozenset(path for path, people in truth.items() if person in people)
        for person in {person for people in truth.values() for person in people}
    }
    assert len(expected) >= 6
    assert len(truth) >= 40
    assert app.groups() == expected
    assert f"{len(truth)} new photos" in summary
    people = app.json("people")
    assert {row["folder"] for row in people} == set(app.folders())
    assert all(row.keys() >= {"id", "name", "state", "folder", "photos", "faces"} for row in people)
    assert {row["photos"] for row in people} == {len(group) for group in expected}


def test_promise_3_a_second_sync_changes_nothing_and_opens_no_image(known: App) -> None:
    """Again: no inode, no time, no row but that all was calm, no word; and the kernel saw no photo opened, no change."""
    known.sync()
    settings = "SELECT * FROM settings WHERE key NOT IN ('tree.rest', 'tree.shown', 'changes')"
    before, rows = look_at(known.people), known.rows(settings)
    trace = known.home / "trace"
    writing = (
        "openat,open,creat,symlinkat,symlink,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir"
    )
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    done = known.sync(under=["strace", "-f", "-qq", "-o", str(trace), "-e", f"trace={writing}"], status=None)
    if "ptrace" in done.stderr.lower() and done.returncode:
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert look_at(known.people) == before
    assert known.rows(settings) == rows
    for line in trace.read_text("utf-8", "replace").splitlines():
        if str(known.photos) + "/" in line and "open" in line:
            assert "O_DIRECTORY" in line, f"a photo was opened: {line}"
        if str(known.people) in line:
            assert not any(
                call in line for call in ("symlink", "rename", "unlink", "mkdir", "rmdir", "O_CREAT")
            ), line


def test_photos_added_moved_renamed_copied_and_deleted_are_followed(small: App, demo: DemoLibrary) -> None:
    """The tree follows the library; what only moved is not encoded again."""
    paths = small_paths(demo)
    held_back = next(path for path in paths if demo.photos[path] == ("p1",))
    shutil.move(small.photos / held_back, small.home / "later.jpg")
    small.sync()
    assert small.groups() == people_of(demo, tuple(path for path in paths if path != held_back))

    shutil.move(small.home / "later.jpg", small.photos / held_back)
    assert "1 new photo" in small.sync().stdout
    assert small.groups() == people_of(demo, paths)
    faces, names = faces_of(small), set(small.folders())

    (small.photos / "moved").mkdir()
    (small.photos / "2017").rename(small.photos / "moved" / "2017")
    (small.photos / "2018/IMG_1598.jpg").rename(small.photos / "2018/Renamed.jpg")
    shutil.copy2(small.photos / "2019/IMG_2031.jpg", small.photos / "copy.jpg")
    small.sync()
    renamed = {
        path: path.replace("2017/", "moved/2017/").replace("2018/IMG_1598.jpg", "2018/Renamed.jpg")
        for path in paths
    }
    expected = {frozenset(renamed[path] for path in group) for group in people_of(demo, paths)}
    assert small.groups() == expected
    assert set(small.folders()) == names
    assert faces_of(small) == faces, "nothing was encoded again"
    assert any((folder / "Renamed.jpg").is_symlink() for folder in small.people.iterdir())

    gone = [path for path in paths if demo.photos[path] == ("p2",)]
    for path in gone[:2]:
        (small.photos / renamed[path]).unlink()
    (small.photos / "copy.jpg").unlink(missing_ok=True)
    small.sync()
    left = tuple(path for path in paths if path not in gone[:2])
    assert small.groups() == {frozenset(renamed[path] for path in group) for group in people_of(demo, left)}
    assert faces_of(small) == faces, "the faces of deleted photos wait"


def test_the_copy_takes_over_when_the_original_goes(known: App) -> None:
    """A link leads to the photo's copy once the photo is deleted."""
    known.sync()
    shutil.copy2(known.photos / "2019/IMG_2031.jpg", known.photos / "zz copy.jpg")
    known.sync()
    (known.photos / "2019/IMG_2031.jpg").unlink()
    known.sync()
    assert any("zz copy.jpg" in group for group in known.groups())


def test_a_rating_written_into_a_photo_keeps_its_faces(known: App) -> None:
    """Metadata makes no new image: the same links, nothing encoded again."""
    known.sync()
    before, faces = look_at(known.people), faces_of(known)
    photo = known.photos / "2019/IMG_2031.jpg"
    data = photo.read_bytes()
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'><xmp:Rating>5</xmp:Rating></x:xmpmeta>"
    photo.write_bytes(data[:2] + b"\xff\xe1" + (len(xmp) + 2).to_bytes(2, "big") + xmp + data[2:])
    assert "1 changed photo" in known.sync().stdout
    assert faces_of(known) == faces
    assert look_at(known.people) == before


def test_a_photo_turned_by_its_exif_flag_is_encoded_anew_and_stays_in_place(known: App) -> None:
    """The same image in another orientation: encoded again once, in the same folder."""
    known.sync()
    groups = known.groups()
    photo = known.photos / "2021/IMG_3355.webp"
    with Image.open(photo) as image:
        exif = image.getexif()
        upside_down = image.rotate(180)
    exif[0x0112] = 3
    upside_down.save(photo, exif=exif, quality=95)
    known.sync()
    assert known.groups() == groups
    known.sync()
    assert known.groups() == groups


def test_promise_4_originals_are_never_touched(small: App) -> None:
    """Not a byte, not a time, not a mode of anything in the library is other than before."""
    before = look_at(small.photos)
    contents = {path: path.read_bytes() for path in small.photos.rglob("*") if path.is_file()}
    small.sync()
    small.sync()
    small.run("faces", small.photos / "2019/IMG_2031.jpg")
    assert look_at(small.photos) == before
    assert {path: path.read_bytes() for path in small.photos.rglob("*") if path.is_file()} == contents


def test_promise_9_state_is_readable_by_its_owner_only(small: App) -> None:
    """Folders 0700, files 0600, whatever the umask of the shell."""
    small.sync(under=["sh", "-c", 'umask 000; exec "$@"', "sh"])
    for folder in (small.state, Path(small.environment["XDG_CACHE_HOME"]) / "faced"):
        assert folder.stat().st_mode & 0o777 == 0o700
        for path in folder.rglob("*"):
            assert path.stat().st_mode & 0o077 == 0, path


def test_promise_9_it_works_without_a_network_and_asks_for_none(small: App) -> None:
    """In an empty network namespace the job is done, and no internet socket was ever made."""
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("strace") is None:
        pytest.skip("needs root, unshare and strace")
    trace = small.home / "trace"
    small.sync(under=["unshare", "-n", "strace", "-f", "-qq", "-o", str(trace), "-e", "trace=socket"])
    assert len(small.folders()) == 3
    assert "AF_INET" not in trace.read_text()


@pytest.mark.installed
def test_faces_tells_where_whose_and_why(known: App, demo: DemoLibrary) -> None:
    """By the photo, by a link to it and by a copy elsewhere: the same faces, in pixels as shown."""
    known.sync()
    photo = known.photos / "2014/IMG_0031.jpg"
    faces = known.json("faces", photo)
    assert len(faces) == len(demo.photos["2014/IMG_0031.jpg"]) == 2
    with Image.open(photo) as image:
        width, height = image.size
    for face in faces:
        left, top, wide, high = face["box"]
        assert 0 <= left < left + wide <= width
        assert 0 <= top < top + high <= height
        assert face["quality"] == "good"
        assert face["person"]["id"] > 0
        assert "cluster of" in face["why"]
    assert faces[0]["box"][0] < faces[1]["box"][0]
    link = next(path for path in known.people.rglob("IMG_0031.jpg"))
    assert known.json("faces", link) == faces
    shutil.copy(photo, known.home / "elsewhere.jpg")
    assert known.json("faces", known.home / "elsewhere.jpg") == faces
    assert "Person" in known.run("faces", photo).stdout


def test_a_turned_photo_shows_its_boxes_as_shown(known: App) -> None:
    """A portrait that the camera stored lying has its box in the upright picture."""
    known.sync()
    photo = known.photos / "2014/IMG_0012.jpg"
    with Image.open(photo) as image:
        assert image.getexif()[0x0112] == 6
        width, height = image.size[1], image.size[0]
    [face] = known.json("faces", photo)
    left, top, wide, high = face["box"]
    assert 0 <= left < left + wide <= width
    assert 0 <= top < top + high <= height
    assert wide == pytest.approx(high, abs=3)


@pytest.mark.installed
def test_two_libraries_fill_one_people_folder_and_are_remembered(app: App, demo: DemoLibrary) -> None:
    """A second library is added to the first; after that a plain `faced sync` is enough."""
    paths = small_paths(demo)
    app.photos.rmdir()
    copy_library(demo, app.photos, paths[::2])
    other = app.home / "Other"
    copy_library(demo, other, paths[1::2])
    app.sync()
    app.run("sync", other)
    app.run("sync")
    owners = Counter(len(folder) for folder in app.folders().values())
    assert sum(owners.values()) == len(people_of(demo, paths)) == 3
    libraries = {row["path"]: row["online"] for row in app.json("status")["libraries"]}
    assert libraries == {str(app.photos): True, str(other): True}


def test_promise_7_an_unmounted_library_freezes_what_is_known(known: App) -> None:
    """The library's folder is empty, then gone: every link stays; and when it is back nothing was lost."""
    known.sync()
    before = look_at(known.people)
    away = known.home / "away"
    known.photos.rename(away)
    gone = known.run("sync", status=1)
    assert str(known.photos) in gone.stderr
    assert look_at(known.people) == before
    known.photos.mkdir()
    empty = known.run("sync", status=1)
    assert "nothing was changed" in empty.stderr
    assert look_at(known.people) == before
    status = known.json("status")
    assert status["libraries"][0]["online"] is False
    known.photos.rmdir()
    away.rename(known.photos)
    assert known.run("sync").stdout == ""
    assert look_at(known.people) == before


def test_promise_7_a_people_folder_that_is_gone_is_not_made_anew(known: App) -> None:
    """Deleted, or not mounted: nothing is written, and it is said what to do; back again it goes on."""
    known.sync()
    away = known.home / "away"
    known.people.rename(away)
    said = known.run("sync", status=1)
    assert str(known.people) in said.stderr
    assert not known.people.exists()
    away.rename(known.people)
    assert known.run("sync").stdout == ""


def test_a_strangers_file_is_left_alone_and_reported(known: App) -> None:
    """A deleted link is not made again, a stranger's file is kept, and status says so."""
    known.sync()
    folder = next(path for path in known.people.iterdir() if path.name.startswith("Person"))
    link = next(iter(folder.iterdir()))
    link.unlink()
    note = folder / "note.txt"
    note.write_text("mine")
    known.sync()
    assert not link.is_symlink()
    assert note.read_text() == "mine"
    assert [row["path"] for row in known.json("status")["left_alone"]] == [f"{folder.name}/note.txt"]


def test_the_soccer_players_have_a_folder_each(app: App) -> None:
    """Real photos: at least four of five players have one folder with 80 % of theirs, and none is mixed."""
    source = shared_data() / "soccer"
    with (source / "labels.csv").open() as file:
        player = {row["photo"]: row["player"] for row in csv.DictReader(file)}
    totals = Counter(player.values())
    app.run("sync", source / "photos", "--people", app.people)
    app.photos = source / "photos"
    folders = [Counter(player[path] for path in group) for group in app.folders().values()]
    assert all(len(folder) == 1 for folder in folders), folders
    done = {name for folder in folders for name, found in folder.items() if found >= 0.8 * totals[name]}
    assert len(done) >= 4


def test_the_reference_engine_does_the_same_job(app: App, demo: DemoLibrary) -> None:
    """`engine: face_recognition`, the package itself, behind the same protocol."""
    pytest.importorskip("face_recognition_models")
    paths = tuple(path for path in small_paths(demo) if demo.photos[path] == ("p1",))[:3]
    app.photos.rmdir()
    copy_library(demo, app.photos, paths)
    config = app.home / "faced.yaml"
    config.write_text("engine: face_recognition\nencode: {timeout: 600 s}\n")  # it is slow beside other tests
    app.sync("--config", config)
    assert app.groups() == {frozenset(paths)}


def test_another_engine_is_switched_to_when_every_image_is_done(known: App) -> None:
    """One view instead of two is another record: everything is encoded again, and the tree is as before."""
    known.sync()
    groups = known.groups()
    config = known.home / "faced.yaml"
    config.write_text("embed: {views: 1}\n")
    known.run("sync", "--config", config)
    assert known.groups() == groups
    assert known.rows("SELECT count(DISTINCT engine) FROM faces") == [(2,)]


def test_the_summary_is_json_on_request_and_progress_only_on_a_terminal(small: App) -> None:
    """`--json` prints one object; without a terminal nothing but results is written."""
    report = small.json("sync", small.photos, "--people", small.people)
    assert report["encoded"] == 13
    assert report["faces"] == 14
    assert report["problems"] == []
    assert [row["change"] for row in report["persons"]] == sorted(
        (row["change"] for row in report["persons"]), reverse=True
    )
    done = small.sync()
    assert (done.stdout, done.stderr) == ("", "")


def test_on_a_terminal_the_progress_shows_rate_and_time_left(small: App) -> None:
    """A bar with photos a second while photos are read; the summary stays what it is."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        small.command("sync", small.photos, "--people", small.people),
        env={**small.environment, "TERM": "xterm", "COLUMNS": "120"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # EIO: the other end was closed
        while part := os.read(ours, 4096):
            seen += part
    os.close(ours)
    summary, _ = process.communicate()
    assert process.returncode == 0
    text = seen.decode("utf-8", "replace")
    assert "reading new photos" in text
    assert re.search(r"\d/13", text)
    assert "photos/s" in text
    assert re.search(r"\d:\d\d:\d\d", text)
    assert "13 new photos" in summary


def test_promise_9_nothing_is_left_in_the_home(small: App) -> None:
    """No library of ours writes an identifier or a report of its own anywhere (ONNX Runtime would)."""
    small.sync()
    assert {path.name for path in small.home.iterdir()} == {"Pictures", "People", "state", "config"}
