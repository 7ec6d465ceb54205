"""Bad input in the people folder: each strange thing is left alone and said, and the rest goes on."""

import os
import shutil

import pytest

from tests.support.powers import permissions_hold
from tests.support.treewords import open_words


@pytest.fixture
def world(tmp_path):
    """Anna and two persons without names; shown once. A person more is to be shown by the next pass."""
    with open_words(tmp_path) as world:
        for image in range(1, 8):
            world.photo(image, f"2019/{image}.jpg")
        world.person(1, [1, 2, 3])
        world.person(2, [3, 4])
        world.run()
        (world.people / "Person 1").rename(world.people / "Anna")
        world.run(10)
        world.person(3, [5, 6])
        yield world
        world.check_word()


def check_rest_goes_on(world):
    """The new person has her folder, and nothing was understood that nobody said."""
    assert {"Person 3/5.jpg", "Person 3/6.jpg"} <= set(world.links())
    assert [kind for kind, *_ in world.edits()] == ["name", "anchor"]


LINKS = {
    "outside": b"/etc/passwd",
    "to a folder": b"/etc",
    "to the people folder": b"..",
    "to itself": None,
    "dangling": b"/nowhere/at/all.jpg",
    "of another machine": b"C:\\Users\\me\\Pictures\\1.jpg",
    "of another home": b"/Users/me/Pictures/2019/1.jpg",
    "relative": b"../../../../2019/1.jpg",
    "no UTF-8": b"/photos/\xff\xfe.jpg",
    "long": b"/" + b"x" * 250 + b"/y.jpg",
}


@pytest.mark.parametrize("where", ["", "Anna", "of mine"])
def test_links_that_are_none_of_faceds(world, where):
    """In the people folder, in a person's folder, in one of the user's: each stays with its text."""
    folder = os.fsencode(world.people / where)
    os.makedirs(folder, exist_ok=True)
    texts = {}
    for name, text in LINKS.items():
        path = folder + b"/" + os.fsencode(name) + (b"\xff" if name == "no UTF-8" else b"")
        texts[path] = path if text is None else text
        os.symlink(texts[path], path)
    for wait in (0, 10, 10):
        world.run(wait)
    assert {path: os.readlink(path) for path in texts} == texts
    check_rest_goes_on(world)
    said = world.left_alone()
    below = {os.fsdecode(os.path.relpath(path, os.fsencode(world.people))) for path in texts}
    assert (below if where != "of mine" else {"of mine"}) <= said.keys()


@pytest.mark.parametrize("kind", ["file", "link", "link to where it was taken", "fifo"])
def test_a_person_folder_replaced_by_something_else(world, kind, tmp_path):
    """Nobody is hidden, nothing is written through it; taken away, the folder is gone for good; put back, all is well."""
    away = tmp_path / "away"
    (world.people / "Anna").rename(away)
    before = sorted(os.listdir(away))
    match kind:
        case "file":
            (world.people / "Anna").write_text("mine")
        case "link":
            (world.people / "Anna").symlink_to("/nowhere")
        case "link to where it was taken":
            (world.people / "Anna").symlink_to(away)
        case "fifo":
            os.mkfifo(world.people / "Anna")
    world.person(1, [1, 2, 3, 7])
    for wait in (0, 10, 10):
        world.run(wait)
    check_rest_goes_on(world)
    assert sorted(os.listdir(away)) == before, "no write may leave the people folder"
    assert "no folder stands in its place" in world.left_alone()["Anna"]
    (world.people / "Anna").unlink()
    away.rename(world.people / "Anna")
    world.run()
    assert {f"Anna/{n}.jpg" for n in (1, 2, 3, 7)} <= set(world.links())
    assert world.left_alone() == {}
    check_rest_goes_on(world)
    shutil.rmtree(world.people / "Anna")
    world.run()
    world.run(10)
    assert world.edits()[-1] == ("hide", 1, None)


@pytest.mark.parametrize("mode", [0o000, 0o300, 0o600])
def test_a_folder_that_nobody_may_read(world, mode):
    """It is held and said; the rest goes on, and when it may be read again nothing has happened to it."""
    (world.people / "Anna").chmod(mode)
    world.person(1, [1, 2, 3, 7])
    with permissions_hold():
        for wait in (0, 10, 10):
            world.run(wait)
        said = world.left_alone()
    (world.people / "Anna").chmod(0o700)
    check_rest_goes_on(world)
    assert any(path == "Anna" or path.startswith("Anna/") for path in said), said
    world.run()
    assert {f"Anna/{n}.jpg" for n in (1, 2, 3, 7)} <= set(world.links())
    assert world.left_alone() == {}
    check_rest_goes_on(world)


def test_names_of_any_bytes_beside_and_in_a_persons_folder(world):
    """Files and folders whose names are no UTF-8, hold line breaks or look like options."""
    root = os.fsencode(world.people)
    names = [b"\xff\xfe", b"two\nlines", b"-rf", b" ", b"x" * 255, "e\u0301".encode(), b"\x1b[31mred"]
    for folder in (root, root + b"/Anna"):
        for name in names:
            with open(folder + b"/" + name, "wb") as file:
                file.write(name)
        os.mkdir(folder + b"/dir\xff")
        with open(folder + b"/dir\xff/in", "wb") as file:
            file.write(b"in")
    for wait in (0, 10):
        world.run(wait)
    for folder in (root, root + b"/Anna"):
        for name in names:
            with open(folder + b"/" + name, "rb") as file:
                assert file.read() == name
    assert len(world.left_alone()) == 2 * (len(names) + 1)
    check_rest_goes_on(world)
