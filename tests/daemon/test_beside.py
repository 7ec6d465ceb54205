"""Commands beside the running daemon: what is said is stored at once and shown soon, by whoever may."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.daemon.conftest import SEEN, Crowd, Waiting
from tests.support.app import App, look_at
from tests.support.daemon import Daemon, holding_pass, running, wait_for


@pytest.fixture
def ready(waiting: Waiting) -> Iterator[tuple[Waiting, Daemon]]:
    """A daemon that has shown three people and has nothing to do."""
    with running(waiting.app) as daemon:
        daemon.wait_for_folders(lambda folders: len(folders) == 3)
        daemon.quiet()
        yield waiting, daemon


def kinds(app: App) -> list[tuple[str, bool]]:
    """(kind, undone) of all that the user said, the latest first: without what comes along with a name."""
    return [
        (entry["kind"], entry["undone"])
        for entry in app.json("log")
        if entry["kind"] not in ("anchor", "undo")
    ]


def test_sync_waits_until_what_was_just_copied_is_linked(ready: tuple[Waiting, Daemon]) -> None:
    """When it returns the link is there; it reports what `faced status` reports."""
    waiting, daemon = ready
    app = waiting.app
    app.add(waiting.spare["p1"][0], "just/now.jpg")
    status = app.json("sync")
    assert "just/now.jpg" in app.folders()[waiting.folder_of("p1")]
    assert status["queued"] == 0
    assert status["photos"] == 9
    app.add(waiting.spare["p2"][0], "again.jpg")
    app.run("sync", app.photos, "--people", app.people, "--now")
    assert "again.jpg" in app.folders()[waiting.folder_of("p2")]
    elsewhere = app.run("sync", "--people", app.home / "Others", status=2).stderr
    assert str(app.people) in elsewhere
    assert daemon.process.poll() is None


@pytest.mark.installed
def test_a_name_and_its_undo_are_shown_at_once(ready: tuple[Waiting, Daemon]) -> None:
    """Nobody else is in a pass: the command shows it itself, and the daemon adds nothing to the log."""
    waiting, daemon = ready
    app = waiting.app
    person = next(row["id"] for row in app.json("people") if row["folder"] == waiting.folder_of("p1"))
    app.run("name", str(person), "Anna")
    assert SEEN["p1"] in app.folders()["Anna"]
    app.run("undo")
    assert "Anna" not in app.folders()
    app.run("name", str(person), "Anna Maria")
    daemon.quiet()
    assert SEEN["p1"] in app.folders()["Anna Maria"]
    assert [row["name"] for row in app.json("people") if row["id"] == person] == ["Anna Maria"]
    assert kinds(app) == [("name", False), ("name", True)]


def test_a_word_said_during_a_pass_is_kept_and_shown_by_the_daemon(ready: tuple[Waiting, Daemon]) -> None:
    """A short pass of others: the command waits and it is shown. A long one: it will show soon, and does."""
    waiting, daemon = ready
    app = waiting.app
    person = next(row["id"] for row in app.json("people") if row["folder"] == waiting.folder_of("p1"))
    with holding_pass(app.state) as let_go:
        with said(app, "name", str(person), "Anna") as command:
            wait_for(lambda: bool(app.rows("SELECT 1 FROM edits WHERE kind = 'name'")))
            assert "Anna" not in app.folders()
            time.sleep(1)
            assert command.poll() is None
            let_go()
            out, err = command.communicate(timeout=60)
        assert command.returncode == 0, err
        assert "Anna" in app.folders() or "will show soon" in out
        daemon.wait_for_folders(lambda folders: "Anna" in folders)
    with holding_pass(app.state) as let_go:
        out = app.run("undo").stdout
        assert "will show soon" in out
        assert "Anna" in app.folders()
        let_go()
        daemon.wait_for_folders(lambda folders: "Anna" not in folders and len(folders) == 3)
    assert kinds(app) == [("name", True)]


@contextmanager
def said(app: App, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """A command that is under way."""
    with subprocess.Popen(
        app.command(*words), env=app.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        yield process


def shown_photos(app: App) -> set[str]:
    """All photos that a folder shows."""
    return set().union(*app.groups())


def test_an_answer_beside_the_daemon_is_carried_out(crowded: App, crowd: Crowd) -> None:
    """So many photos gone at once are asked about: yes, and their links go; no, and they stay. Before it they stay too."""
    shutil.copytree(crowd.photos, crowded.photos, dirs_exist_ok=True)
    (crowded.photos / "other").mkdir()
    for photo in sorted(crowded.photos.glob("IMG_*"))[::2]:
        photo.rename(crowded.photos / "other" / photo.name)

    def without(folder: str) -> set[frozenset[str]]:
        """What the folders show when these are gone."""
        links = (
            {name for name in ids if not name.startswith(folder)}
            for ids in ({paths[Path(name).name] for name in group} for group in crowd.groups)
        )
        return {frozenset(group) for group in links if len(group) >= 3}

    paths = {path.name: str(path.relative_to(crowded.photos)) for path in crowded.photos.rglob("*.jpg")}
    with running(crowded) as daemon:
        daemon.wait_for_folders(lambda _: crowded.groups() == without("nothing"))
        (crowded.photos / "more").rename(crowded.home / "more")
        status = daemon.wait_for_status(lambda status: bool(status["asks"]))
        assert crowded.groups() == without("nothing")
        crowded.run("accept", str(status["asks"][0]["id"]))
        daemon.wait_for_folders(lambda _: not any(name.startswith("more/") for name in shown_photos(crowded)))
        daemon.wait_for_status(lambda status: status["asks"] == [])

        daemon.quiet()
        before = crowded.groups()
        (crowded.photos / "other").rename(crowded.home / "other")
        status = daemon.wait_for_status(lambda status: bool(status["asks"]))
        number = str(status["asks"][0]["id"])
        with holding_pass(crowded.state) as let_go, said(crowded, "accept", "--no", number) as command:
            time.sleep(0.5)
            let_go()
            assert command.wait(60) == 0
        daemon.quiet()
        assert crowded.groups() == before
        assert crowded.json("status")["asks"] == []
        crowded.run("sync", status=1)  # which says that they are missing
        assert crowded.json("status")["asks"] == []  # a no is not asked about again
    assert kinds(crowded) == []


def test_a_folder_renamed_while_it_runs_is_a_name_and_nothing_else_is(ready: tuple[Waiting, Daemon]) -> None:
    """The user's rename is understood; what the daemon does itself, then and later, never comes back as an edit."""
    waiting, daemon = ready
    app = waiting.app
    (app.people / waiting.folder_of("p2")).rename(app.people / "Berta")
    wait_for(
        lambda: any(row["name"] == "Berta" for row in app.json("people")), "the name was never understood"
    )
    app.add(waiting.spare["p2"][0], "berta.jpg")
    daemon.wait_for_link("berta.jpg", beside=SEEN["p2"])
    app.add(waiting.spare["p3"][0], "third.jpg")
    daemon.wait_for_link("third.jpg", beside=SEEN["p3"])
    (app.photos / "third.jpg").unlink()
    daemon.wait_for_folders(lambda folders: all("third.jpg" not in hers for hers in folders.values()))
    daemon.quiet()
    assert "berta.jpg" in app.folders()["Berta"]
    named = [entry for entry in app.json("log") if entry["kind"] == "name"]
    assert len(named) == 1
    assert {entry["kind"] for entry in app.json("log")} <= {"name", "anchor"}
    assert all(entry["person"] == named[0]["person"] for entry in app.json("log"))


@pytest.mark.installed
def test_while_it_is_paused_nothing_changes(waiting: Waiting) -> None:
    """No link, no look, also after a restart; `faced status` says so, `faced sync` too; resume makes up for it."""
    app = waiting.app
    with running(app) as daemon:
        daemon.wait_for_folders(lambda folders: len(folders) == 3)
        daemon.quiet()
        app.run("pause")
        daemon.wait_for_log(" paused")
        before = look_at(app.people)
        app.add(waiting.spare["p1"][0], "meanwhile.jpg")
        (app.photos / "2014/IMG_0031.jpg").unlink()
        daemon.quiet()
        status = app.json("status")
        assert status["paused"] is True
        assert status["photos"] == 8
        assert "resume" in app.run("sync", status=1).stderr
        assert "as before" in app.run("pause").stdout
    with running(app) as daemon:
        daemon.quiet()
        assert look_at(app.people) == before
        app.run("resume")
        daemon.wait_for_link("meanwhile.jpg", beside=SEEN["p1"])
        daemon.wait_for_folders(
            lambda folders: all("2014/IMG_0031.jpg" not in hers for hers in folders.values())
        )
        assert app.json("status")["paused"] is False
    assert kinds(app) == []


def test_a_library_that_a_sync_adds_is_watched_from_then_on(ready: tuple[Waiting, Daemon]) -> None:
    """`faced sync OTHER` beside the daemon links what is in it; what comes later is heard."""
    waiting, daemon = ready
    app, other = waiting.app, waiting.app.home / "Phone"
    other.mkdir()
    shutil.copy2(waiting.spare["p1"][0], other / "first.jpg")
    app.run("sync", other)
    assert linked(app, other / "first.jpg")
    shutil.copy2(waiting.spare["p1"][1], other / "second.jpg")
    wait_for(lambda: linked(app, other / "second.jpg"), "the second library is not watched")
    assert {library["path"] for library in app.json("status")["libraries"]} == {str(app.photos), str(other)}
    app.add(waiting.spare["p2"][0], "first library.jpg")
    daemon.wait_for_link("first library.jpg", beside=SEEN["p2"])


def linked(app: App, photo: Path) -> bool:
    """Whether any person folder has it."""
    return any(os.readlink(link) == str(photo) for link in app.people.rglob("*") if link.is_symlink())


def test_status_tells_of_the_daemon(ready: tuple[Waiting, Daemon]) -> None:
    """Its process, the kernel's guard, no overflow, no trouble; the same in words."""
    waiting, daemon = ready
    status = waiting.app.json("status")
    assert status["daemon"] == {
        "pid": daemon.child(),
        "sandbox": status["daemon"]["sandbox"],
        "overflows": 0,
        "troubles": [],
    }
    assert "kernel" in status["daemon"]["sandbox"]
    assert status["paused"] is False
    assert str(daemon.child()) in waiting.app.run("status").stdout


def test_merging_cleaning_and_forgetting_beside_the_daemon(ready: tuple[Waiting, Daemon]) -> None:
    """Merged and split at once; not cleaned, for it would be made again; forgotten, though the daemon has the database
    open, and it does not come back by what the daemon remembers.
    """
    waiting, daemon = ready
    app = waiting.app
    before = app.folders()
    one, two = waiting.folder_of("p1"), waiting.folder_of("p2")
    app.run("merge", one, two)
    assert app.folders()[two] == before[one] | before[two]
    app.run("undo")
    assert app.folders() == before
    assert "faced pause" in app.run("clean", "--yes", status=1).stderr
    person = one.removeprefix("Person ")
    sql = f"SELECT embedding FROM faces JOIN owners ON owners.face = faces.id WHERE person = {person}"
    needles = [row[0][:16] for row in app.rows(sql)]
    assert needles
    app.run("forget", one, "--yes")
    daemon.quiet()
    app.run("sync")
    assert app.folders() == {name: photos for name, photos in before.items() if name != one}
    for path in app.state.rglob("*"):
        assert not path.is_file() or not any(needle in path.read_bytes() for needle in needles), path
