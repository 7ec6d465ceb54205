"""The user's word, with the installed command: a name, once given, is never lost."""

import fcntl
import os
import shutil
import signal
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from faced.demo import DemoLibrary
from tests.conftest import small_paths
from tests.stories.test_kill import CALLS, check_no_litter, read_calls, strace
from tests.stories.test_sync import people_of
from tests.support.app import QUICK, App, look_at
from tests.support.points import LONG, choose_points

NAMES = {"p1": "Anna", "p2": "Ben", "p3": "Zoë 🎈"}


@pytest.fixture
def named(known: App, demo: DemoLibrary) -> App:
    """A synced home in which each of the three people was given a name by renaming the folder."""
    known.sync()
    name_all(known, demo)
    known.sync()
    return known


def name_all(app: App, demo: DemoLibrary) -> None:
    """Rename each folder to the name of whoever is in all of its photos."""
    for folder, photos in app.folders().items():
        [person] = set.intersection(*(set(demo.photos[path]) for path in photos))
        (app.people / folder).rename(app.people / NAMES.get(person, person))


def names_of(app: App) -> dict[int, str]:
    """Person to name, as `faced people` has it."""
    return {row["id"]: row["name"] for row in app.json("people") if row["name"] is not None}


def test_renaming_a_folder_names_the_person(named: App, demo: DemoLibrary) -> None:
    """The names are known, the folders keep them and their photos, and a second sync touches nothing."""
    assert set(named.folders()) == set(NAMES.values())
    assert named.groups() == people_of(demo, small_paths(demo))
    assert sorted(names_of(named).values()) == sorted(NAMES.values())
    before = look_at(named.people)
    assert named.sync().stdout == ""
    assert look_at(named.people) == before
    log = named.run("log").stdout
    assert "is called Anna (folder)" in log
    assert "(Anna) (folder)" in log, "whose the faces are that were in the folder"


def test_new_photos_of_somebody_with_a_name_come_into_that_folder(known: App, demo: DemoLibrary) -> None:
    """Named with all photos but one; the last one finds its way."""
    late = next(path for path in small_paths(demo) if demo.photos[path] == ("p1",))
    shutil.move(known.photos / late, known.home / "late.jpg")
    known.sync()
    name_all(known, demo)
    shutil.move(known.home / "late.jpg", known.photos / late)
    known.sync()
    assert late in known.folders()["Anna"]
    assert set(known.folders()) == set(NAMES.values())


def test_person_and_a_number_again_takes_the_name_away(named: App) -> None:
    """`Person <n>` is no name."""
    (named.people / "Ben").rename(named.people / "Person 77")
    named.sync()
    assert "Ben" not in names_of(named).values()
    assert len(named.folders()) == 3


def test_a_folder_may_live_anywhere_below(named: App) -> None:
    """Moved into Family/ and renamed on the way: followed, and new links go there."""
    (named.people / "Family").mkdir()
    (named.people / "Anna").rename(named.people / "Family" / "Oma")
    named.sync()
    rows = {row["name"]: row["folder"] for row in named.json("people")}
    assert rows["Oma"] == "Family/Oma"
    before = look_at(named.people)
    assert named.sync().stdout == ""
    assert look_at(named.people) == before


def test_two_folders_that_swap_names_are_understood(named: App) -> None:
    """Anna was Ben and Ben was Anna: by their links, not by their names."""
    anna, ben = named.folders()["Anna"], named.folders()["Ben"]
    (named.people / "Anna").rename(named.people / "x")
    (named.people / "Ben").rename(named.people / "Anna")
    (named.people / "x").rename(named.people / "Ben")
    named.sync()
    assert (named.folders()["Anna"], named.folders()["Ben"]) == (ben, anna)


@pytest.mark.installed
def test_the_command_names_and_undo_takes_it_back(named: App) -> None:
    """`faced name`, by number, by name and by folder; a twin is refused; `faced undo` restores the word."""
    number = next(person for person, name in names_of(named).items() if name == "Ben")
    named.run("name", str(number), "Benjamin")
    assert "Benjamin" in named.folders()
    named.run("name", "benjamin", "Ben/2")
    assert "Ben-2" in named.folders()
    done = named.run("name", named.people / "Ben-2", "ANNA", status=2)
    assert "Anna" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    named.run("undo", "2")
    assert set(named.folders()) == set(NAMES.values())
    named.run("name", "Ben", "--clear")
    assert f"Person {number}" in named.folders()
    assert named.run("name", "Nobody", "X", status=2).stderr.startswith("faced: there is no person")
    assert "letter" in named.run("name", "Anna", "  ", status=2).stderr


def test_promise_10_every_edit_can_be_undone(named: App) -> None:
    """All names, one gesture after the other, back to numbers; then nothing is left to undo."""
    for _ in NAMES:
        named.run("undo")
    assert names_of(named) == {}
    assert all(folder.startswith("Person ") for folder in named.folders())
    assert "nothing to undo" in named.run("undo").stdout


def test_a_deleted_link_is_a_rejection_that_stays(named: App) -> None:
    """Promise 2: a face that the user rejected never comes back, and undo brings it back."""
    link = sorted((named.people / "Anna").iterdir())[0]
    path = os.path.relpath(os.readlink(link), os.path.realpath(named.photos))
    link.unlink()
    named.sync()
    assert path not in named.folders()["Anna"]
    (named.photos / path).rename(named.photos / ("moved " + Path(path).name))
    named.sync()
    assert all(Path(path).name not in photo for photo in named.folders()["Anna"])
    named.run("undo")
    assert any(Path(path).name in photo for photo in named.folders()["Anna"])


def test_a_deleted_folder_is_a_stranger_and_undo_brings_it_back(named: App) -> None:
    """Not shown any more, not even when new photos come; nothing else changes."""
    photos = named.folders()["Ben"]
    shutil.rmtree(named.people / "Ben")
    named.sync()
    assert set(named.folders()) == {"Anna", "Zoë 🎈"}
    named.sync()
    assert set(named.folders()) == {"Anna", "Zoë 🎈"}
    named.run("undo")
    assert named.folders()["Ben"] == photos


@pytest.mark.installed
def test_promise_5_an_emptied_people_folder_is_asked_about(named: App) -> None:
    """Every link deleted one by one: held, asked, and answered with no everything is back."""
    before = named.folders()
    for folder in list(named.people.iterdir()):
        if not folder.name.startswith("."):
            for link in folder.iterdir():
                link.unlink()
    said = named.sync().stdout
    asks = named.json("status")["asks"]
    assert asks
    assert all(f"no: `faced accept --no {ask['id']}`" in said for ask in asks)
    assert len(names_of(named)) == 3
    answered = named.run("accept", "--no", *(str(ask["id"]) for ask in asks)).stdout
    assert answered.splitlines() == [f"question {ask['id']}: no, answered" for ask in asks]
    assert named.folders() == before
    assert named.json("status")["asks"] == []


@pytest.mark.slow
def test_promise_1_the_names_survive_any_eps(app: App, demo: DemoLibrary) -> None:
    """Named by renaming, then eps from 0.30 to 0.65 and back: at every step every name, at the end its faces."""
    app.photos.rmdir()
    shutil.copytree(demo.folder, app.photos)
    app.sync()
    name_all(app, demo)
    app.sync()
    naming = app.folders()
    names = set(naming)
    assert len(names) == len({person for people in demo.photos.values() for person in people})
    steps = [0.30, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60, 0.65] if LONG else [0.30, 0.42, 0.54, 0.65]
    for eps in [*steps, *reversed(steps)]:
        config = app.home / "eps.yaml"
        config.write_text(f"cluster: {{eps: {eps}}}\n{QUICK}")
        app.run("sync", "--config", config)
        assert names <= set(app.folders()), eps
    for name in names:
        assert len(app.folders()[name] & naming[name]) >= 0.95 * len(naming[name])


def test_a_lost_database_is_rebuilt_from_the_journal(named: App) -> None:
    """The database deleted, then also the tree: encoded again, adopted, every name on the right folder."""
    before = named.folders()
    inodes = {path: entry.inode for path, entry in look_at(named.people).items() if entry.text is not None}
    for path in named.state.glob("faced.db*"):
        path.unlink()
    named.sync()
    assert named.folders() == before
    after = {path: entry.inode for path, entry in look_at(named.people).items() if entry.text is not None}
    assert after == inodes, "adopted, not made anew"
    for path in named.state.glob("faced.db*"):
        path.unlink()
    shutil.rmtree(named.people)
    named.sync()
    assert named.folders() == before
    assert named.sync().stdout == ""


def test_a_deleted_tree_is_frozen_until_rebuild(named: App) -> None:
    """Nothing is taken for a wish to forget everybody; `faced sync --rebuild` makes it anew."""
    before = named.folders()
    shutil.rmtree(named.people)
    done = named.run("sync", status=1)
    assert "--rebuild" in done.stderr
    assert len(names_of(named)) == 3
    named.run("sync", "--rebuild")
    assert named.folders() == before


def test_another_engine_keeps_names_and_numbers(known: App, demo: DemoLibrary) -> None:
    """One view instead of two: other vectors, the same people under the same names and numbers."""
    known.sync()
    folder, photos = sorted(known.folders().items())[0]
    (known.people / folder).rename(known.people / "Anna")
    known.sync()
    before = known.folders()
    config = known.home / "engine.yaml"
    config.write_text(f"embed: {{views: 1}}\n{QUICK}")
    known.run("sync", "--config", config)
    assert known.folders() == before
    assert known.folders()["Anna"] == photos


def test_a_word_outlives_its_face_when_the_picture_is_turned(named: App) -> None:
    """Photos turned by another program, pixels and all: the name still has them, though nothing else says so."""
    photos = sorted(named.folders()["Ben"])
    for path in photos:
        with Image.open(named.photos / path) as image:
            upright = ImageOps.exif_transpose(image)
        upright.save(named.photos / path, exif=upright.getexif(), quality=97)
    named.sync()
    assert names_of(named)
    assert sorted(named.folders()["Ben"]) == photos


def test_deleted_photos_wait_for_their_return(named: App) -> None:
    """All of Anna's photos gone, her folder stays empty; back again they are hers."""
    photos = named.folders()["Anna"]
    for path in photos:
        target = named.home / "away" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(named.photos / path, target)
    named.sync()
    assert named.folders()["Anna"] == frozenset()
    shutil.copytree(named.home / "away", named.photos, dirs_exist_ok=True)
    named.sync()
    assert named.folders()["Anna"] == photos


def test_two_persons_may_share_a_name_in_different_folders(named: App) -> None:
    """Two Annas, one of them in Family/: both are kept, and the command asks which one is meant."""
    anna, ben = named.folders()["Anna"], named.folders()["Ben"]
    (named.people / "Family").mkdir()
    (named.people / "Ben").rename(named.people / "Family" / "Anna")
    named.sync()
    assert sorted(names_of(named).values()) == ["Anna", "Anna", NAMES["p3"]]
    rows = {row["folder"]: row["photos"] for row in named.json("people")}
    assert (rows["Anna"], rows["Family/Anna"]) == (len(anna), len(ben))
    assert "say the number" in named.run("name", "Anna", "Hanna", status=2).stderr
    named.run("name", "Family/Anna", "Hanna")
    assert (named.people / "Family" / "Hanna").is_dir()


def test_a_command_beside_a_running_pass_is_stored_and_shows_with_the_next(named: App) -> None:
    """Somebody else holds the pass lock: the word is not lost, and nobody waits."""
    with (named.state / "faced.pass").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = named.run("name", "Ben", "Benjamin").stdout
        assert "will show" in said
        assert "Ben" in named.folders()
        assert "busy" in named.sync(status=1).stderr
    assert named.rows("SELECT done FROM requests") == [(0,)]
    named.sync()
    assert "Benjamin" in named.folders()
    assert "Ben" not in named.folders()
    assert named.rows("SELECT * FROM requests WHERE NOT done") == []


@pytest.mark.slow
def test_promise_6_killed_in_a_pass_with_a_rename_no_edit_is_invented_and_none_lost(known: App) -> None:
    """kill -9 at file-system calls of a pass that reads a rename; afterwards the one name, and no other word."""
    known.sync()
    number = known.json("people")[0]["id"]
    folder, other = f"Person {number}", "Anna"
    trace = known.home / "trace"
    (known.people / folder).rename(known.people / other)
    known.sync(under=strace(f"trace={CALLS}", output=str(trace)), status=None)
    calls = read_calls(trace)
    names = [other]
    for call, when in choose_points(calls, 8):
        new = f"Anna {len(names)}"
        (known.people / names[-1]).rename(known.people / new)
        names.append(new)
        died = known.sync(under=strace(f"inject={call}:signal=KILL:when={when}"), status=None)
        assert died.returncode in (0, -signal.SIGKILL, 128 + signal.SIGKILL)
        known.sync()
        assert names_of(known) == {number: new}
        check_no_litter(known)
    kinds = known.rows("SELECT kind, count(*) FROM edits GROUP BY kind")
    assert dict(kinds)["name"] == len(names)
    assert set(dict(kinds)) <= {"begin", "persons", "name", "anchor"}
