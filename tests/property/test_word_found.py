"""What the word machine found, each as short as it gets."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from faced.passes import steps
from tests.support.wordworld import Killed, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two people without names, of three photos each, in `Person 1` and `Person 2`."""
    world = World(tmp_path / "home")
    for person in (0, 0, 0, 3, 3, 3):
        world.add(person)
    assert world.do_pass()
    yield world
    world.close()


def person_on(world: World, photo: str) -> int:
    """Whose folder has a link to the photo."""
    return next(person for person, image in world.base_links() if image == world.known[photo].key)


def sync(world: World) -> None:
    """Passes until all that was done is understood. Each checks that the journal has exactly that."""
    for _ in range(2):
        assert world.do_pass()
    assert world.hands == {}


def test_a_link_deleted_and_its_photo_retouched_is_a_rejection(world: World) -> None:
    """A photo that was edited where it was is not away: its link was deleted by the user."""
    person = person_on(world, "1.png")
    world.delete_link(person, world.known["1.png"].key)
    world.change("1.png", turn=False)
    sync(world)
    assert (person, world.known["1.png"].key) not in world.owned()


def test_a_link_deleted_and_its_photo_turned_is_a_rejection(world: World) -> None:
    """Turned by its EXIF data the image is encoded again: who was on it is still known."""
    person = person_on(world, "1.png")
    world.delete_link(person, world.known["1.png"].key)
    world.change("1.png", turn=True)
    sync(world)
    assert (person, world.known["1.png"].key) not in world.owned()


def test_a_name_given_while_all_photos_are_turned_has_its_photos(world: World) -> None:
    """Somebody turns his photos and says who it is, all while faced was off."""
    person = person_on(world, "1.png")
    for photo in ("1.png", "2.png", "3.png"):
        world.change(photo, turn=True)
    world.rename(person, "Anna")
    sync(world)
    assert {image for whose, image in world.owned() if whose == person} == {
        world.known[photo].key for photo in ("1.png", "2.png", "3.png")
    }


def test_a_folder_named_before_the_tree_shows_what_was_decided(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is who was decided anew, but the tree still shows the old when the user names a folder in it.

    Here the pass dies in between. A rename while it works out who is who is the same.
    """
    person = person_on(world, "1.png")

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(steps, "show_tree", die)
        world.eps = 0.05
        assert not world.do_pass()
    world.eps = 0.4
    world.rename(person, "Anna")
    sync(world)
    assert {image for whose, image in world.owned() if whose == person} == {
        world.known[photo].key for photo in ("1.png", "2.png", "3.png")
    }
