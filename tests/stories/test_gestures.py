"""What people do in the file manager, with a real store, real folders and faces: whose each face is in the end."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from faced.store.asks import load_undecided
from faced.store.base import load_base
from faced.store.follow import load_copies
from faced.store.journal import load_edits
from faced.store.tree import load_left_alone
from faced.store.word_tables import load_word
from tests.support.wordworld import World


class Home:
    """A household in which folders are known by names. Four photos each of four people, and one of two of them."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        for person in (0, 1, 3, 4) * 4:
            self.world.add(person)
        self.world.add(0, 3)
        self.look()
        self.people = self.world.people
        for who, name in ((0, "Anna"), (3, "Ben")):
            self.rename(self.folder_of(who), name)
        self.look()

    def look(self, *, now: bool = True) -> None:
        with self.world.unchecked():
            assert self.world.do_pass(now=now)

    def folder_of(self, who: int) -> str:
        """The folder with most photos of these people's number `who`."""
        return max(self.folders(), key=lambda path: sum(who in people for people in self.shown(path)))

    def folders(self) -> list[str]:
        found = [path for path in self.people.rglob("*") if path.is_dir() and ".faced" not in path.parts]
        return [str(path.relative_to(self.people)) for path in sorted(found)]

    def shown(self, path: str) -> list[tuple[int, ...]]:
        """Who is on the photos that a folder's links lead to."""
        found = self.world.look_at_library()
        links = sorted(link for link in (self.people / path).iterdir() if link.is_symlink())
        return [found[os.path.basename(os.readlink(link))].people for link in links]

    def shown_one(self, path: str, name: str) -> tuple[int, ...]:
        """Who is on one of them."""
        return self.world.look_at_library()[os.path.basename(os.readlink(self.people / path / name))].people

    def names(self, path: str) -> list[str]:
        return sorted(link.name for link in (self.people / path).iterdir())

    def rename(self, old: str, new: str) -> None:
        (self.people / new).parent.mkdir(parents=True, exist_ok=True)
        os.rename(self.people / old, self.people / new)

    def undo(self) -> None:
        self.world.take_back()
        self.look()

    def left_alone(self) -> dict[str, str]:
        return {os.fsdecode(row.path): row.reason for row in load_left_alone(self.world.store.db)}

    def settled(self) -> dict[str, str]:
        """The tree, after which nothing waits and one more look changes nothing."""
        for _ in range(2):
            self.look()
        tree = self.tree()
        db = self.world.store.db
        known = load_base(db), load_edits(db), load_copies(db), self.left_alone()
        self.look()
        assert self.tree() == tree
        assert (load_base(db), load_edits(db), load_copies(db), self.left_alone()) == known
        assert load_undecided(self.world.store.db) == ()
        return tree

    def tree(self) -> dict[str, str]:
        """Path of each link -> photo."""
        return {
            str(path.relative_to(self.people)): os.path.basename(os.readlink(path))
            for path in sorted(self.people.rglob("*"))
            if path.is_symlink()
        }


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "home")
    yield home
    home.world.close()


def test_merge_by_dropping_a_folder_and_undo(home: Home) -> None:
    """Person 12 was Anna; taken back, it is Person 12 again, with its number and its photos."""
    before = home.settled()
    stranger = home.folder_of(4)
    home.rename(stranger, f"Anna/{stranger}")
    tree = home.settled()
    assert stranger not in home.folders()
    assert sorted(home.shown("Anna")) == [(0,)] * 4 + [(0, 3)] + [(4,)] * 4
    assert len(tree) == len(before)
    home.undo()
    assert home.settled() == before


def test_merge_by_moving_all_links(home: Home) -> None:
    """In steps. The last two go together: one face alone would be nobody, and not be shown."""
    stranger = home.folder_of(4)
    for name in home.names(stranger):
        home.rename(f"{stranger}/{name}", f"Anna/{name}")
        if len(home.names(stranger)) > 1:
            home.look()
    home.settled()
    assert stranger not in home.folders()
    assert home.shown("Anna").count((4,)) == 4
    home.world.add(4)
    home.look()
    assert home.shown("Anna").count((4,)) == 5


def test_a_moved_link_is_pinned_there_and_rejected_here(home: Home) -> None:
    """And undone with one undo."""
    before = home.settled()
    name = next(n for n in home.names("Ben") if home.shown_one("Ben", n) == (3,))
    home.rename(f"Ben/{name}", f"Anna/{name}")
    home.settled()
    assert (3,) in home.shown("Anna")
    assert len(home.shown("Ben")) == 4
    word = load_word(home.world.store.db)
    assert len(word.pins) == len(word.rejections) == 1
    home.undo()
    assert home.settled() == before


def test_a_copied_link_pins_the_free_face_nearest_to_her(home: Home) -> None:
    """A face that nobody has; where none fits it is a tag."""
    home.world.add(0, 4)
    home.look()
    anna, link = "Anna", next(iter(home.names("Ben")))
    shutil.copy(home.people / "Ben" / link, home.people / anna / "again.png", follow_symlinks=False)
    tree = home.settled()
    word = load_word(home.world.store.db)
    assert f"{anna}/again.png" in tree
    assert (len(word.pins), len(word.tags)) == (0, 1)
    os.unlink(home.people / anna / "again.png")
    assert f"{anna}/again.png" not in home.settled()
    assert load_word(home.world.store.db).tags == frozenset()


def test_a_new_folder_of_moved_links_is_somebody_new(home: Home) -> None:
    """Ben's links moved into `Carl`: Carl, and not Ben; photos that come later go to whom they are like."""
    before = home.settled()
    os.mkdir(home.people / "Carl")
    for name in home.names("Ben")[:2]:
        home.rename(f"Ben/{name}", f"Carl/{name}")
    home.settled()
    assert len(home.shown("Carl")) == 2
    assert len(home.shown("Ben")) == 3
    assert "Carl" in {said.name for said in load_word(home.world.store.db).persons.values()}
    home.undo()
    assert home.settled() == before


def test_copies_of_strangers_links_are_somebody_new(home: Home) -> None:
    """Of two persons without a name, who are one for the user: only if they are alike."""
    os.mkdir(home.people / "Carl")
    one, other = home.folder_of(4), home.folder_of(1)
    for folder in (one, other):
        name = home.names(folder)[0]
        shutil.copy(home.people / folder / name, home.people / "Carl" / name, follow_symlinks=False)
    home.settled()
    assert "Carl" in home.left_alone()
    os.unlink(home.people / "Carl" / home.names(other)[0])
    name = home.names(one)[1]
    shutil.copy(home.people / one / name, home.people / "Carl" / name, follow_symlinks=False)
    home.settled()
    assert home.left_alone() == {}
    assert home.shown("Carl") == [(4,), (4,)]


def test_a_renamed_link_keeps_its_name_when_its_photo_is_renamed(home: Home) -> None:
    """Also when it leads elsewhere since, and after the folder was hidden and shown."""
    name = home.names("Anna")[0]
    photo = home.tree()[f"Anna/{name}"]
    home.rename(f"Anna/{name}", "Anna/Oma laughs.png")
    home.settled()
    os.rename(home.world.library / photo, home.world.library / "other.png")
    assert home.settled()["Anna/Oma laughs.png"] == "other.png"
    home.undo()
    assert home.settled()["Anna/other.png"] == "other.png"


def test_a_stranger_moved_into_ignored(home: Home) -> None:
    """She is still known, shown there only; moved out she is back."""
    before = home.settled()
    stranger = home.folder_of(4)
    home.rename(stranger, f"_Ignored/{stranger}")
    home.world.add(4)
    home.settled()
    assert home.shown(f"_Ignored/{stranger}").count((4,)) == 5
    home.rename(f"_Ignored/{stranger}", stranger)
    assert len(home.settled()) == len(before) + 1
    assert home.left_alone() == {}
