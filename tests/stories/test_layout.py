"""How links are laid out: by years, and relative to their folders. Neither says anything, nor loses what is said."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from faced.passes import steps
from faced.passes.places import Places
from faced.store.edits import Edit
from faced.store.journal import load_edits
from faced.store.photos import set_libraries
from tests.stories.test_gestures import Home
from tests.support.app import App, look_at
from tests.support.wordphotos import read_new_photos


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "home")
    home.settled()
    yield home
    home.world.close()


def date_photos(home: Home) -> None:
    """Every third photo has no date; the others are of 2018 and 2019."""
    with home.world.store.write() as db:
        db.execute("UPDATE photos SET taken = (2017 + id % 3) || '-05-01T12:00:00' WHERE id % 3 > 0")


def said(home: Home) -> list[Edit]:
    return [edit for edit in load_edits(home.world.store.db) if edit.kind not in ("persons", "begin")]


def texts(home: Home) -> dict[str, str]:
    """Path of each link -> what it says."""
    return {path: os.readlink(home.people / path) for path in home.tree()}


def divided(home: Home) -> dict[str, str]:
    """A household with the folders divided by years."""
    date_photos(home)
    home.world.settings = {"people_by_year": True}
    return home.settled()


@pytest.fixture
def by_year(home: Home) -> Home:
    divided(home)
    return home


@pytest.fixture
def relative(home: Home) -> Home:
    home.world.settings = {"people_links": "relative"}
    home.settled()
    return home


def test_promise_3_dividing_by_years_and_back_says_nothing(home: Home) -> None:
    """Links move, and with them nothing else; what has no date of its own stays in the folder itself."""
    before, edits = home.settled(), said(home)
    tree = divided(home)
    taken = dict(home.world.store.db.execute("SELECT CAST(path AS TEXT), substr(taken, 1, 4) FROM photos"))
    for path, photo in tree.items():
        assert os.path.dirname(path).partition("/")[2] == (taken[photo] or ""), path
    assert {path.split("/")[0] for path in tree} == {path.split("/")[0] for path in before}
    assert len(tree) == len(before)
    assert said(home) == edits
    home.world.settings = {}
    assert home.settled() == before
    assert said(home) == edits
    assert all("/" not in folder for folder in home.folders())


def test_what_a_user_sorts_stays_where_it_is(by_year: Home) -> None:
    """Also in a folder of a year that is not the photo's, and when dividing ends: only a link of that year goes back."""
    anna = next(path for path in by_year.tree() if path.startswith("Anna/2018/"))
    by_year.rename(anna, f"Anna/Best/{os.path.basename(anna)}")
    other = next(path for path in by_year.tree() if path.startswith("Anna/2018/"))
    by_year.rename(other, f"Anna/2019/{os.path.basename(other)}")
    edits = said(by_year)
    tree = by_year.settled()
    assert f"Anna/Best/{os.path.basename(anna)}" in tree
    assert f"Anna/2019/{os.path.basename(other)}" in tree
    by_year.world.settings = {}
    tree = by_year.settled()
    assert f"Anna/Best/{os.path.basename(anna)}" in tree
    assert f"Anna/2019/{os.path.basename(other)}" in tree
    assert said(by_year) == edits


def test_gestures_in_folders_of_years_are_gestures(by_year: Home) -> None:
    """Out of `Anna/2019/` is out of `Anna/`; her name is said of all that is hers."""
    edits = len(said(by_year))
    gone, moved = [path for path in by_year.tree() if path.startswith("Anna/20")][:2]
    (by_year.people / gone).unlink()
    by_year.rename(moved, f"Ben/{os.path.basename(moved)}")
    tree = by_year.settled()
    assert gone not in tree
    assert moved not in tree
    assert moved.replace("Anna", "Ben") in tree
    assert [edit.kind for edit in said(by_year)[edits:]] == ["pin", "reject", "reject"]
    edits = len(said(by_year))
    by_year.rename("Anna", "Family/Nana")
    by_year.settled()
    named, anchored, placed = said(by_year)[edits:]
    assert (named.kind, anchored.kind, placed.kind) == ("name", "anchor", "place")
    assert len(anchored.faces) == len(list((by_year.people / "Family/Nana").rglob("*.png"))) == 3


def test_a_divided_folder_is_thrown_away_and_comes_back(by_year: Home) -> None:
    """From the trash, and as a copy of what it was."""
    before = by_year.settled()
    with by_year.world.store.write() as db:  # no photo of hers is without a date now
        db.execute("UPDATE photos SET taken = '2018-01-01T00:00:00' WHERE taken IS NULL")
    before = by_year.settled()
    os.rename(by_year.people / "Anna", by_year.world.folder / "trash" / "Anna")
    by_year.settled()
    assert not any(path.startswith("Anna") for path in by_year.tree())
    os.rename(by_year.world.folder / "trash" / "Anna", by_year.people / "Anna")
    assert by_year.settled() == before
    shutil.copytree(by_year.people / "Anna", by_year.world.folder / "copy", symlinks=True)
    shutil.rmtree(by_year.people / "Anna")
    shutil.copytree(by_year.world.folder / "copy", by_year.people / "Anna", symlinks=True)
    edits = said(by_year)
    assert by_year.settled() == before
    assert said(by_year) == edits


def test_a_folder_of_somebody_without_a_name_is_merged_with_its_years(by_year: Home) -> None:
    """As without them."""
    stranger = next(path.split("/")[0] for path in by_year.tree() if path.startswith("Person"))
    mine = sum(path.startswith((f"{stranger}/", "Anna/")) for path in by_year.tree())
    by_year.rename(stranger, f"Anna/{stranger}")
    tree = by_year.settled()
    assert sum(path.startswith("Anna/") for path in tree) == mine
    assert not any(stranger in path for path in tree)


def test_promise_1_divided_folders_are_known_after_a_lost_database(by_year: Home) -> None:
    """With all their links; nothing is said by it."""
    before, edits = by_year.settled(), said(by_year)
    by_year.world.lose_database()
    date_photos_by(by_year, before)
    after = by_year.settled()
    assert {p for p in after if not p.startswith("Person")} == {
        p for p in before if not p.startswith("Person")
    }
    assert len(after) == len(before)
    assert said(by_year) == edits


def date_photos_by(home: Home, tree: dict[str, str]) -> None:
    """After a loss the photos have other row ids: their dates are those that the tree shows."""
    home.world.settings = {}
    steps.scan_all(home.world.store, home.world.config, Places((), os.fsencode(home.people)))
    read_new_photos(home.world.store, home.world.engine)
    with home.world.store.write() as db:
        for path, photo in tree.items():
            if path.count("/") == 2:
                year = path.split("/")[1]
                db.execute(
                    "UPDATE photos SET taken = ? WHERE path = ?", [f"{year}-05-01T12:00:00", photo.encode()]
                )
    home.world.settings = {"people_by_year": True}


# Relative links.


def test_promise_3_relative_links_and_back_say_nothing(home: Home) -> None:
    """Each leads where it led, from its folder; nothing else changes."""
    before, edits, absolute = home.settled(), said(home), texts(home)
    home.world.settings = {"people_links": "relative"}
    assert home.settled() == before
    assert set(texts(home).values()) == {f"../../photos/{photo}" for photo in before.values()}
    assert all((home.people / path).exists() for path in before)
    assert said(home) == edits
    home.world.settings = {}
    home.settled()
    assert texts(home) == absolute
    assert said(home) == edits


def test_a_folder_with_relative_links_moves_to_another_depth(relative: Home) -> None:
    """Its links lead nowhere then, and are known all the same; they are made right."""
    edits = len(said(relative))
    relative.rename("Anna", "Family/Us/Anna")
    tree = relative.settled()
    assert all((relative.people / path).exists() for path in tree)
    assert {text[:13] for path, text in texts(relative).items() if "Anna" in path} == {"../../../../p"}
    assert [edit.kind for edit in said(relative)[edits:]] == ["place"]


def test_a_relative_link_is_moved_to_another_depth(relative: Home) -> None:
    """It was the other one's, whatever it leads to there."""
    relative.rename("Anna", "Family/Anna")
    relative.settled()
    link = next(
        path for path in relative.tree() if path.startswith("Ben/") and relative.tree()[path] != "17.png"
    )
    relative.rename(link, f"Family/Anna/{os.path.basename(link)}")
    edits = len(said(relative))
    tree = relative.settled()
    assert [edit.kind for edit in said(relative)[edits:]] == ["pin", "reject"]
    assert all((relative.people / path).exists() for path in tree)


def test_relative_links_divided_by_years_in_an_album_and_among_strangers(relative: Home) -> None:
    """The right number of steps up, each."""
    date_photos(relative)
    relative.world.settings = {"people_links": "relative", "people_by_year": True}
    (relative.people / "Albums").mkdir()
    (relative.people / "Albums" / "Anna + Ben").mkdir()
    (relative.people / "_Ignored").mkdir()
    stranger = next(path for path in relative.folders() if path.startswith("Person"))
    relative.rename(stranger, f"_Ignored/{stranger}")
    tree = relative.settled()
    assert all((relative.people / path).exists() for path in tree)
    assert all(text.count("../") == path.count("/") + 1 for path, text in texts(relative).items())
    assert {path.count("/") for path in tree} == {1, 2, 3}
    assert any(path.startswith("Albums/Anna + Ben/") for path in tree)


def test_library_and_people_move_together(relative: Home) -> None:
    """No link is touched, and nothing is read again."""
    before, edits = relative.settled(), said(relative)
    inodes = {path: os.lstat(relative.people / path).st_ino for path in before}
    world, new = relative.world, relative.world.folder / "new disk"
    new.mkdir()
    os.rename(world.library, new / "photos")
    os.rename(world.people, new / "People")
    world.library, world.people, relative.people = new / "photos", new / "People", new / "People"
    with world.store.write() as db:
        set_libraries(db, [os.fsencode(world.library)], exact=True)
    assert relative.settled() == before
    assert {path: os.lstat(relative.people / path).st_ino for path in before} == inodes
    assert said(relative) == edits


def test_promise_1_relative_links_are_known_after_a_lost_database(relative: Home) -> None:
    """As absolute ones are."""
    before, edits = relative.settled(), said(relative)
    inodes = {p: os.lstat(relative.people / p).st_ino for p in before if not p.startswith("Person")}
    relative.world.lose_database()
    relative.settled()
    assert {p: os.lstat(relative.people / p).st_ino for p in inodes} == inodes
    assert said(relative) == edits


@pytest.mark.installed
def test_the_installed_command_lays_links_out_as_configured(known: App) -> None:
    """Both at once, and back; nothing is said by it."""
    known.sync()
    before = {path: text for path, text in look_at(known.people).items() if "Person" in str(path)}
    count = sum(path.is_symlink() for path in known.people.rglob("*"))
    settings = known.home / "config" / "faced" / "config.yaml"
    text = settings.read_text()
    settings.write_text(text.replace("people: {", "people: {links: relative, by_year: true, "))
    known.sync()
    links = [path for path in known.people.rglob("*") if path.is_symlink()]
    assert len(links) == count
    for link in links:
        depth = len(link.relative_to(known.people).parts)
        assert os.readlink(link).startswith("../" * depth)
        assert link.exists()
    assert any(link.parent.name.isdigit() for link in links)
    assert known.json("log") == []
    assert known.sync().stdout == ""
    settings.write_text(text)
    known.sync()
    after = {path: text for path, text in look_at(known.people).items() if "Person" in str(path)}
    assert after.keys() == before.keys()
    assert known.json("log") == []
