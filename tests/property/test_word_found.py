"""What the word machine found, each as short as it gets."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from faced.model import PersonId
from faced.passes import steps
from faced.passes.gestures import draft_hide, draft_merge
from faced.store.pictures import parse_face
from faced.store.tree import load_left_alone
from faced.store.word_tables import load_word
from tests.support.facegestures import pictures_in
from tests.support.mortal import Killed
from tests.support.wordworld import World


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


def test_a_rejection_holds_through_turning_another_engine_and_a_retouch(world: World) -> None:
    """One engine saw the picture turned, the other did not: in one picture that makes no difference."""
    person = person_on(world, "1.png")
    world.change("1.png", turn=True)
    world.engine = 1
    sync(world)
    world.delete_link(person, world.known["1.png"].key)
    sync(world)
    world.change("1.png", turn=False)
    world.engine = 0
    sync(world)
    assert (person, world.known["1.png"].key) not in world.owned()


def test_a_rejection_goes_with_its_face_whichever_engine_saw_it(world: World) -> None:
    """Named by one engine's box, rejected by another's: in an edited, turned copy neither stands without the other."""
    person = person_on(world, "1.png")
    world.rename(person, "Anna")
    sync(world)
    world.engine = 1
    sync(world)
    world.delete_link(person, world.known["1.png"].key)
    world.copy("1.png")
    sync(world)
    (copy,) = sorted(world.known)[-1:]
    world.change(copy, turn=True)
    world.engine = 0
    sync(world)
    world.change(copy, turn=False)
    sync(world)
    assert (person, world.known[copy].key) not in world.owned()


def test_turned_photos_and_another_engine_leave_the_numbers(world: World) -> None:
    """`Person 1` is the same one, though her photos were turned when the other engine looked at them."""
    folders = world.folders()
    for photo in ("1.png", "2.png", "3.png"):
        world.change(photo, turn=True)
    world.engine = 1
    sync(world)
    assert world.folders() == folders


def test_a_folder_emptied_and_moved_hides_nobody(world: World) -> None:
    """All links deleted and the folder moved, before faced looked: nobody said that she is a stranger."""
    person = person_on(world, "1.png")
    world.delete_link(person, world.known["1.png"].key)
    world.rename(person, "Anna")
    sync(world)
    for image in list(world.links_in(person)):
        world.delete_link(person, image)
    world.rename(person, "Family/Anna")
    for _ in range(2):
        with world.unchecked():
            assert world.do_pass()
    assert load_word(world.store.db).person(PersonId(person)).hidden is False


@pytest.mark.parametrize("is_copied", [False, True])
def test_a_folder_that_was_sorted_comes_back_from_the_trash(world: World, is_copied: bool) -> None:
    """All her links are in a subfolder: she comes back under her name, not under that of the subfolder."""
    person = person_on(world, "1.png")
    world.rename(person, "Anna")
    sync(world)
    with world.unchecked():
        (world.people / "Anna" / "2019").mkdir()
        for link in list((world.people / "Anna").glob("*.png")):
            link.rename(link.parent / "2019" / link.name)
        assert world.do_pass()
        os.rename(world.people / "Anna", world.trash / "Anna")
        assert world.do_pass()
        assert load_word(world.store.db).person(PersonId(person)).hidden
        if is_copied:
            shutil.copytree(world.trash / "Anna", world.people / "Anna", symlinks=True)
        else:
            os.rename(world.trash / "Anna", world.people / "Anna")
        for _ in range(2):
            assert world.do_pass()
    said = load_word(world.store.db).person(PersonId(person))
    assert (said.name, said.hidden, said.place) == ("Anna", False, None)
    assert sorted(world.paths_of_links(person)) == [f"Anna/2019/{n}.png" for n in (1, 2, 3)]


def test_a_folder_that_was_renamed_and_sorted_has_its_own_name(world: World) -> None:
    """Renamed, and all its links moved into a subfolder, before faced looked: she is not called as the subfolder is."""
    person = person_on(world, "1.png")
    world.rename(person, "Anna")
    (world.people / "Anna" / "2019").mkdir()
    for link in list((world.people / "Anna").glob("*.png")):
        link.rename(link.parent / "2019" / link.name)
    with world.unchecked():
        for _ in range(2):
            assert world.do_pass()
    said = load_word(world.store.db).person(PersonId(person))
    assert (said.name, said.place) == ("Anna", None)
    assert sorted(world.paths_of_links(person)) == [f"Anna/2019/{n}.png" for n in (1, 2, 3)]


def merge(world: World, person: int, into: int) -> None:
    """As `faced merge` does."""
    world.say(lambda db, engine: draft_merge(db, engine, PersonId(person), PersonId(into)))


@pytest.mark.parametrize("is_shown", [False, True])
@pytest.mark.parametrize("gesture", ["renamed", "moved", "deleted", "ignored"])
def test_what_becomes_of_the_folder_of_one_who_was_merged_says_nothing(
    world: World, gesture: str, is_shown: bool
) -> None:
    """`Person 2` was Anna, and her folder is still there: shown, for a note lies in it, or not shown yet."""
    anna, other = person_on(world, "1.png"), person_on(world, "4.png")
    folder = world.people / world.folders()[other]
    world.rename(anna, "Anna")
    sync(world)
    world.put_stranger(folder.name)
    with world.unchecked():
        merge(world, other, anna)
        if is_shown:
            assert world.do_pass()
            assert [path.suffix for path in folder.iterdir()] == [".txt"]
        if gesture == "deleted":
            os.rename(folder, world.trash / "away")
        else:
            target = {
                "renamed": "Letters",
                "moved": f"Family/{folder.name}",
                "ignored": f"_Ignored/{folder.name}",
            }
            (world.people / target[gesture]).parent.mkdir(exist_ok=True)
            os.rename(folder, world.people / target[gesture])
        for _ in range(3):
            assert world.do_pass()
    said = load_word(world.store.db).person(PersonId(anna))
    assert (said.name, said.hidden, said.place) == ("Anna", False, None)
    assert len(world.paths_of_links(anna)) == 6


def test_a_new_person_taken_back_gives_the_faces_back(tmp_path: Path) -> None:
    """The folder made for a face picture stays when that is undone; whose it is has too few photos, and is shown as before."""
    world = World(tmp_path / "home", min_photos=3)
    world.add(4)
    world.add(4)
    sync(world)
    before = pictures_in(world)
    (world.people / "Carl").mkdir()
    for path in before.values():
        os.rename(path, world.people / "Carl" / path.name)
    with world.unchecked():
        for _ in range(2):
            assert world.do_pass()
        assert pictures_in(world) == {}
        world.take_back()
        for _ in range(2):
            assert world.do_pass()
    assert (world.people / "Carl").is_dir()
    assert pictures_in(world).keys() == before.keys()
    assert len(before) == 2
    world.close()


@pytest.mark.parametrize("place", ["_Ignored", "_Ignored/statues", "Family/Carl", "Family"])
def test_a_face_picture_in_a_folder_of_faceds_own_waits_for_nobody(world: World, place: str) -> None:
    """faced made `_Ignored` and `Family` for the two persons in them; they stand in nobody's way."""
    anna, other = person_on(world, "1.png"), person_on(world, "4.png")
    world.rename(anna, "Family/Anna")
    sync(world)
    world.add(4)
    with world.unchecked():
        world.say(lambda db, engine: draft_hide(db, engine, PersonId(other)))
        for _ in range(2):
            assert world.do_pass()
        ((key, picture),) = pictures_in(world).items()
        (world.people / place).mkdir(exist_ok=True)
        os.rename(picture, world.people / place / picture.name)
        for _ in range(2):
            assert world.do_pass()
    spot = parse_face(key[0])
    assert spot is not None
    word = load_word(world.store.db)
    if place == "Family":
        (reported,) = load_left_alone(world.store.db)
        assert reported.reason == "a face picture; to say who it is, put it into a person's folder"
    else:
        said = word.person(word.pins[spot])
        assert (said.name, said.hidden) == (("Carl", False) if place.startswith("Family") else (None, True))


def test_somebody_who_was_taken_back_and_got_faces_is_hidden_with_her_folder(world: World) -> None:
    """The number of a new person who was undone may be that of her photos by now."""
    with world.unchecked():
        old = person_on(world, "1.png")
        (world.people / "Carl").mkdir()
        for link in ("1.png", "2.png"):
            os.rename(world.people / world.folders()[old] / link, world.people / "Carl" / link)
        assert world.do_pass()
        carl = person_on(world, "1.png")
        world.take_back()
        assert world.do_pass()
        person = person_on(world, "1.png")
        assert person == carl != old
        (world.people / "_Ignored").mkdir()
        os.rename(world.people / world.folders()[person], world.people / "_Ignored" / f"Person {person}")
        assert world.do_pass()
    said = load_word(world.store.db).person(PersonId(person))
    assert said.hidden


@pytest.fixture
def carl(world: World) -> PersonId:
    """Made of a link to 1.png and taken back: the folder `Carl` is left."""
    old = person_on(world, "1.png")
    (world.people / "Carl").mkdir()
    os.rename(world.people / world.folders()[old] / "1.png", world.people / "Carl" / "1.png")
    with world.unchecked():
        assert world.do_pass()
    carl = person_on(world, "1.png")
    world.learn()
    world.undo()
    sync(world)
    assert world.folders()[carl] == "Carl"
    assert list((world.people / "Carl").iterdir()) == []
    return PersonId(carl)


@pytest.mark.parametrize("is_moved", [False, True])
def test_the_folder_of_somebody_who_was_taken_back_hides_nobody_when_it_is_thrown_away(
    world: World, carl: PersonId, is_moved: bool
) -> None:
    """It is an empty folder of the user's, wherever he has moved it; out of the trash it is there again."""
    path = "Family/Carl" if is_moved else "Carl"
    if is_moved:
        world.rename(carl, path)
        sync(world)
    assert world.folders()[carl] == path
    world.throw_away(carl)
    sync(world)
    assert not load_word(world.store.db).person(carl).hidden
    world.restore(carl)
    sync(world)
    assert world.folders()[carl] == path


@pytest.mark.parametrize("what", ["link", "folder"])
def test_what_is_put_into_the_folder_of_somebody_who_was_taken_back_is_his(
    world: World, carl: PersonId, what: str
) -> None:
    """As in any folder that the user made: there is somebody called so. Taken back once more, it is empty again."""
    old = world.people / world.folders()[person_on(world, "1.png")]
    put = old / "1.png" if what == "link" else old
    os.rename(put, world.people / "Carl" / put.name)
    with world.unchecked():
        for _ in range(2):
            assert world.do_pass()
    assert load_word(world.store.db).person(carl).name == "Carl"
    assert (world.people / "Carl" / "1.png").is_symlink()
    with world.unchecked():
        world.take_back()
        assert world.do_pass()
    assert list((world.people / "Carl").iterdir()) == []
    assert person_on(world, "1.png") != carl
