"""`faced clean`: what faced made goes, what anybody else put there stays, and the next sync makes no edit of it."""

import os

import pytest

from faced.folders.read import Known, read_user_edits
from faced.folders.sync import clean_tree
from faced.folders.writer import KernelWriter
from faced.store.base import load_base
from faced.store.follow import is_adopting
from tests.support.treeworld import OWN_FILES, TreeWorld, snapshot


@pytest.fixture
def full(world: TreeWorld) -> TreeWorld:
    """Anna in a folder that faced made for her, and two without names."""
    for image in range(1, 6):
        world.photo(image, f"{image}.jpg")
    world.person(1, [1, 2, 3], "Anna", place=b"Family/Anna")
    world.person(2, [3, 4])
    world.person(3, [5])
    world.sync()
    return world


def clean(world, writer=None):
    return clean_tree(world.store, os.fsencode(world.people), writer=writer)


def look(world):
    """What a pass makes of the people folder."""

    def refuse(db, edits):
        raise AssertionError(edits)

    return read_user_edits(
        world.store, os.fsencode(world.people), Known(), refuse, now_ns=0, trust_first=True
    )


def test_nothing_of_faceds_is_left_and_the_next_sync_makes_it_anew(full):
    """An empty folder; then the same tree, and no edit."""
    before = snapshot(full.people)
    report = clean(full)
    assert (report.dropped, report.folders_removed, report.left_alone) == (6, 4, 0)
    assert list(full.people.iterdir()) == []
    assert load_base(full.store.db).folders == ()
    assert look(full).adopting
    full.sync()
    assert snapshot(full.people) == before
    full.check()
    read = look(full)
    assert (read.edits, read.asks, read.frozen) == ((), (), None)
    assert not is_adopting(full.store.db)


def test_what_others_put_there_stays(full):
    """Files, links and folders of the user's, a link that was led elsewhere, a marker with other words."""
    (full.people / "Person 2" / "notes.txt").write_text("mine")
    (full.people / "Person 3" / "mine.jpg").symlink_to("/elsewhere/mine.jpg")
    (full.people / "album").mkdir()
    (full.people / "Family" / "Anna" / "1.jpg").unlink()
    (full.people / "Family" / "Anna" / "1.jpg").symlink_to("/elsewhere/1.jpg")
    (full.people / ".plexignore").write_text("*.mp4\n")
    (full.people / ".faced" / "mine").write_text("mine")
    clean(full)
    assert snapshot(full.people) == {
        "Person 2": None,
        "Person 2/notes.txt": None,
        "Person 3": None,
        "Person 3/mine.jpg": "/elsewhere/mine.jpg",
        "album": None,
        "Family": None,
        "Family/Anna": None,
        "Family/Anna/1.jpg": "/elsewhere/1.jpg",
    }
    assert (full.people / ".plexignore").read_text() == "*.mp4\n"
    assert os.listdir(full.people / ".faced") == ["mine"]
    assert {name for name in os.listdir(full.people) if name in OWN_FILES} == {".plexignore"}
    full.sync()
    assert "notes.txt" in os.listdir(full.people / "Person 2")
    assert os.readlink(full.people / "Family" / "Anna" / "1.jpg") == "/elsewhere/1.jpg"
    assert {"1 (2).jpg", "2.jpg", "3.jpg"} <= set(os.listdir(full.people / "Family" / "Anna"))
    assert look(full).edits == ()


class Dying(KernelWriter):
    """The power goes at the nth call."""

    def __init__(self, nth: int) -> None:
        self.left = nth

    def __getattribute__(self, name: str) -> object:
        found = super().__getattribute__(name)
        if name in ("unlink", "rmdir", "move", "replace", "create_file", "flush"):
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
        return found


def test_a_clean_that_dies_anywhere_is_no_edit(full):
    """Killed at every change to the disk: said again it is done; or a sync makes everything anew."""
    before = snapshot(full.people)
    for nth in range(60):
        try:
            clean(full, Dying(nth))
        except KeyboardInterrupt:
            pass
        else:
            break
        if nth % 2 == 0:
            clean(full)
        assert look(full).edits == ()
        full.sync()
        assert snapshot(full.people) == before
        full.check()
    else:
        raise AssertionError("it never came to its end")
    assert nth > 20


def test_a_place_that_is_not_there_is_not_cleaned(full):
    """Frozen, and nothing is forgotten."""
    base = load_base(full.store.db)
    full.people.rename(full.folder / "away")
    assert clean(full).frozen is not None
    assert load_base(full.store.db) == base
