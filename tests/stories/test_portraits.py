"""Portraits that say who somebody is: what becomes of them later, and the installed command."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from faced.demo import DemoLibrary
from faced.store.journal import load_edits
from faced.store.persons import load_names
from tests.conftest import small_paths
from tests.stories.test_gestures import Home
from tests.stories.test_names import names_of
from tests.support.app import App, look_at
from tests.support.wordphotos import Picture


@pytest.fixture
def carl(tmp_path: Path) -> Iterator[Home]:
    """A household in which somebody was named by a portrait."""
    home = Home(tmp_path / "home")
    (home.people / "Carl").mkdir()
    (home.people / "Carl" / "carl.png").write_bytes(Picture(1001, (4,)).data)
    home.settled()
    assert sorted(home.shown("Carl")) == [(4,)] * 4
    yield home
    home.world.close()


def test_promise_1_a_name_by_a_portrait_survives_another_engine(carl: Home) -> None:
    """Its picture is encoded again, as all photos are, and nothing changes before that is done."""
    before, edits = carl.settled(), load_edits(carl.world.store.db)
    carl.world.engine = 1
    assert carl.settled() == before
    assert load_edits(carl.world.store.db) == edits


def test_promise_1_a_name_by_a_portrait_survives_a_lost_database(carl: Home) -> None:
    """The journal knows whose face it is; the picture is read again, and says nothing twice."""
    before = carl.settled()
    known = [edit for edit in load_edits(carl.world.store.db) if edit.kind != "persons"]
    carl.world.lose_database()
    carl.look()
    after = carl.settled()
    assert [path for path in after if path[:6] != "Person"] == [
        path for path in before if path[:6] != "Person"
    ]
    assert [edit for edit in load_edits(carl.world.store.db) if edit.kind != "persons"] == known
    assert "Carl" in load_names(carl.world.store.db).values()
    assert "Carl/carl.png" in carl.left_alone()


def test_a_portrait_that_was_taken_back_says_nothing_after_a_lost_database(carl: Home) -> None:
    """As long as it lies where it lay."""
    carl.undo()
    carl.settled()
    carl.world.lose_database()
    carl.settled()
    assert sorted(load_names(carl.world.store.db).values()) == ["Anna", "Ben"]


def test_promise_1_a_portrait_that_is_gone_goes_on_saying_who_it_was(carl: Home) -> None:
    """Whoever throws the picture away has his photos by then."""
    before = carl.settled()
    (carl.people / "Carl" / "carl.png").unlink()
    assert carl.settled() == before
    carl.world.add(4)
    carl.look()
    assert sorted(carl.shown("Carl")) == [(4,)] * 5


def test_a_portrait_is_retouched_and_its_folder_renamed(carl: Home) -> None:
    """The new picture is looked at anew, and it is his."""
    (carl.people / "Carl" / "carl.png").write_bytes(Picture(1001, (4,), edit=1).data)
    carl.rename("Carl", "Karl")
    carl.settled()
    assert sorted(carl.shown("Karl")) == [(4,)] * 4
    assert "a portrait of Karl" in carl.left_alone()["Karl/carl.png"]
    assert sorted(load_names(carl.world.store.db).values()) == ["Anna", "Ben", "Karl"]


def test_a_portrait_that_comes_into_the_library_is_a_photo(carl: Home) -> None:
    """Then it is in his folder, as any other; the file stays beside it."""
    shutil.copy(carl.people / "Carl" / "carl.png", carl.world.library / "carl.png")
    carl.settled()
    assert sorted(carl.shown("Carl")) == [(4,)] * 5
    assert (carl.people / "Carl" / "carl.png").is_file()


def test_a_portrait_waits_for_a_second_look(tmp_path: Path) -> None:
    """It may be half of a gesture."""
    home = Home(tmp_path / "home")
    (home.people / "Carl").mkdir()
    (home.people / "Carl" / "carl.png").write_bytes(Picture(1001, (4,)).data)
    home.look(now=False)
    (home.people / "Carl" / "carl.png").rename(home.people / "Anna" / "carl.png")
    home.settled()
    assert sorted(load_names(home.world.store.db).values()) == ["Anna", "Ben"]
    assert home.shown("Anna").count((4,)) == 4
    home.world.close()


def links_of(app: App, folder: str) -> set[str]:
    """The photos that a folder's links lead to."""
    return {
        str(link.readlink().relative_to(app.photos))
        for link in (app.people / folder).iterdir()
        if link.is_symlink()
    }


def test_the_installed_command_finds_somebody_by_a_portrait(known: App, demo: DemoLibrary) -> None:
    """One sync: his photos are in his folder. The picture is untouched, no photo, and told by status; so is one that
    is none.
    """
    mine = [path for path in small_paths(demo) if "p1" in demo.photos[path]]
    portrait = next(path for path in mine if demo.photos[path] == ("p1",))
    known.sync()
    for folder in ("Carl", "Text"):
        (known.people / folder).mkdir()
    with Image.open(known.photos / portrait) as picture:
        picture.resize((picture.width * 3 // 4, picture.height * 3 // 4)).save(
            known.people / "Carl" / "carl.jpg"
        )
    (known.people / "Text" / "text.jpg").write_text("no picture")
    os.utime(known.people / "Text" / "text.jpg", (0, 0))
    content = (known.people / "Carl" / "carl.jpg").read_bytes()
    said = known.sync().stdout
    assert "the portrait Carl/carl.jpg was put there" in said
    assert links_of(known, "Carl") == set(mine)
    [carl] = [row for row in known.json("people") if row["name"] == "Carl"]
    assert carl["photos"] == len(mine)
    left_alone = {row["path"]: row["reason"] for row in known.json("status")["left_alone"]}
    assert set(left_alone) == {"Carl/carl.jpg", "Text"}
    assert "Carl" in left_alone["Carl/carl.jpg"]
    assert "cannot be read as a portrait" in left_alone["Text"]
    before = look_at(known.people)
    assert known.sync().stdout == "2 paths in the people folder left alone (faced status says why)\n"
    assert look_at(known.people) == before
    assert (known.people / "Carl" / "carl.jpg").read_bytes() == content
    assert "1 face on a portrait is" in known.run("log").stdout
    known.run("undo")
    known.sync()
    assert "Carl" not in names_of(known).values()
    assert sum(path.name == "carl.jpg" for path in known.people.rglob("*")) == 1
