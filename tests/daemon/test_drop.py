"""Photos that come while the daemon runs, by every way they come: none is lost, none is taken half written."""

import shutil
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from faced.demo import DemoLibrary
from tests.daemon.conftest import FACES, SEEN, Crowd, Waiting
from tests.support.app import App, look_at
from tests.support.daemon import running, wait_for


def test_a_photo_that_comes_goes_or_moves_is_followed(waiting: Waiting) -> None:
    """Copied in, renamed into place, in a folder that is moved in; then deleted, and moved: the links are right each time."""
    app, spare = waiting.app, waiting.spare
    with running(app) as daemon:
        daemon.wait_for_folders(lambda folders: len(folders) == 3)

        app.add(spare["p1"][0], "new/copied.jpg")
        daemon.wait_for_link("new/copied.jpg", beside=SEEN["p1"])

        part = app.add(spare["p2"][0], ".renamed.jpg.part")
        part.rename(app.photos / "renamed.jpg")
        daemon.wait_for_link("renamed.jpg", beside=SEEN["p2"])

        album = app.home / "album"
        (album / "deep").mkdir(parents=True)
        shutil.copy2(spare["p3"][0], album / "one.jpg")
        shutil.copy2(spare["p3"][1], album / "deep" / "two.webp")
        album.rename(app.photos / "album")
        daemon.wait_for_link("album/one.jpg", beside=SEEN["p3"])
        daemon.wait_for_link("album/deep/two.webp", beside=SEEN["p3"])

        (app.photos / "new" / "copied.jpg").unlink()
        daemon.wait_for_folders(
            lambda folders: all("new/copied.jpg" not in hers for hers in folders.values())
        )

        daemon.quiet()
        before = look_at(app.people)
        (app.photos / "elsewhere").mkdir()
        (app.photos / "renamed.jpg").rename(app.photos / "elsewhere" / "moved.jpg")
        daemon.wait_for_link("elsewhere/moved.jpg", beside=SEEN["p2"])
        daemon.quiet()
        after = look_at(app.people)
        others = {name: entry for name, entry in before.items() if entry.text and "renamed.jpg" not in name}
        assert others == {
            name: entry for name, entry in after.items() if entry.text and "moved.jpg" not in name
        }
        assert len(others) == len([entry for entry in before.values() if entry.text]) - 1
        assert app.json("log") == []


def test_a_photo_dropped_during_an_import_is_not_forgotten(waiting: Waiting, demo: DemoLibrary) -> None:
    """While photos are encoded that were never seen, another one comes: all of them are linked."""
    app = waiting.app
    unseen = [
        path for path, people in demo.photos.items() if {"p1", "p2", "p3"} & set(people) and len(people) > 1
    ]
    unseen = [
        path
        for path in unseen
        if not (app.photos / path).exists() and Path(path).name not in str(waiting.spare)
    ]
    assert len(unseen) >= 4
    with running(app) as daemon:
        daemon.wait_for_folders(lambda folders: len(folders) >= 3)
        for path in unseen[:6]:
            app.add(demo.folder / path, f"import/{path}")
        wait_for(lambda: bool(app.rows("SELECT 1 FROM attempts")), "the import never began")
        app.add(waiting.spare["p1"][0], "import/late.jpg")
        daemon.wait_for_link("import/late.jpg", beside=SEEN["p1"])
        for path in unseen[:6]:
            daemon.wait_for_link(f"import/{path}")
        assert app.json("status")["quarantined"] == []


def copy_with_cp(source: Path, target: Path) -> None:
    """As a user does."""
    subprocess.run(["cp", "-r", f"{source}/.", target], check=True)


def copy_with_rsync(source: Path, target: Path) -> None:
    """Temporary names, then renamed into place."""
    if shutil.which("rsync") is None:
        pytest.skip("needs rsync")
    subprocess.run(["rsync", "-a", f"{source}/", target], check=True)


def copy_slowly(source: Path, target: Path) -> None:
    """In pieces, the file open all the time; some rest for longer than a file is waited for."""

    def copy(path: Path, number: int) -> None:
        data = path.read_bytes()
        with (target / path.relative_to(source)).open("wb", buffering=0) as file:
            for part in range(4):
                file.write(data[part * len(data) // 4 : (part + 1) * len(data) // 4])
                time.sleep(3.2 if number % 20 == 0 and part == number // 20 % 3 else 0.03)

    _copy_all(source, target, copy)


def copy_preallocated(source: Path, target: Path) -> None:
    """All zeros first, and closed; then filled from the front by several who open and close it, some after a rest."""

    def copy(path: Path, number: int) -> None:
        data, place = path.read_bytes(), target / path.relative_to(source)
        place.write_bytes(bytes(len(data)))
        for part in range(4):
            time.sleep(3.2 if number % 20 == 0 and part == 1 + number // 20 % 3 else 0.03)
            with place.open("r+b", buffering=0) as file:
                file.seek(part * len(data) // 4)
                file.write(data[part * len(data) // 4 : (part + 1) * len(data) // 4])

    _copy_all(source, target, copy)


def _copy_all(source: Path, target: Path, copy: Callable[[Path, int], None]) -> None:
    """Eight at a time, as a camera's program or a browser does it."""
    photos = sorted(path for path in source.rglob("*") if path.is_file())
    for path in photos:
        (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(copy, photos, range(len(photos))))


@pytest.mark.parametrize("copy", [copy_with_cp, copy_with_rsync, copy_slowly, copy_preallocated])
def test_of_two_hundred_photos_none_is_lost_and_none_is_read_half(
    crowded: App, crowd: Crowd, copy: Callable[[Path, Path], None]
) -> None:
    """However they are written: the pictures, faces and links are those of a sync of the finished files."""
    app = crowded
    with running(app) as daemon:
        copy(crowd.photos, app.photos)
        done = "SELECT count(*) FROM photos WHERE image IS NOT NULL AND NOT stale"
        wait_for(lambda: app.rows(done) == [(200,)], "not all were read")
        daemon.wait_for_folders(lambda _: app.groups() == crowd.groups)
        daemon.wait_for_status(lambda status: status["queued"] == 0 and status["photos"] == 200)
        assert app.json("status")["quarantined"] == []
    assert {key for (key,) in app.rows("SELECT key FROM images")} == crowd.images, "half a picture was read"
    assert set(app.rows(FACES)) == crowd.faces
    assert app.rows("SELECT count(*) FROM encodings") == [(len(crowd.images),)]
    assert app.json("log") == []
