"""Base follows what a look has found; folders that left the tree are remembered."""

import pytest

from faced.store.base import load_base
from faced.store.database import open_store
from faced.store.follow import (
    AwayFolder,
    FoundFolder,
    FoundLink,
    UserChange,
    adopt_folders,
    follow_user,
    is_adopting,
    load_away,
    load_images_of_texts,
    save_adopting,
)
from faced.store.intents import is_known_text
from faced.store.tree import forget_base
from tests.support.said import add_images, add_people


@pytest.fixture
def store(tmp_path):
    """Two persons, each with a folder of two links."""
    with open_store(tmp_path / "state") as store:
        add_people(store, 2)
        add_images(store, 3)
        with store.write() as db:
            adopt_folders(db, [folder(b"A", 1, 11, 1, 2), folder(b"B", 2, 12, 2, 3)])
        yield store


def folder(path, person, ino, *images):
    return FoundFolder(path, person, ino, tuple(FoundLink(b"%d" % i, b"/p/%d" % i, i) for i in images))


def follow(store, change):
    with store.write() as db:
        follow_user(db, change)


def paths(store):
    return {found.path: (found.person, found.ino) for found in load_base(store.db).folders}


def test_folders_move_and_swap(store):
    """All at once; their links and ids stay."""
    base = load_base(store.db)
    first, second = (found.id for found in base.folders)
    follow(store, UserChange(moved={first: (b"B", 11), second: (b"A", 99)}))
    assert paths(store) == {b"B": (1, 11), b"A": (2, 99)}
    assert load_base(store.db).links == base.links


def test_links_go_and_get_other_texts(store):
    """Only those that were named."""
    base = load_base(store.db)
    first, second = (found.id for found in base.folders)
    follow(store, UserChange(gone=[(first, b"1")], links=[base.links[2]._replace(text=b"/old/2")]))
    assert [(x.folder, x.name, x.text) for x in load_base(store.db).links] == [
        (first, b"2", b"/p/2"),
        (second, b"2", b"/old/2"),
        (second, b"3", b"/p/3"),
    ]


def test_a_folder_goes_away_and_comes_back(store):
    """What it was is remembered until it is back, or until its person has another one."""
    first, second = (found.id for found in load_base(store.db).folders)
    follow(store, UserChange(away=[first]))
    assert paths(store) == {b"B": (2, 12)}
    links = (FoundLink(b"1", b"/p/1", 1), FoundLink(b"2", b"/p/2", 2))
    assert load_away(store.db) == (AwayFolder(1, b"A", 11, links),)
    follow(store, UserChange(returned=[FoundFolder(b"C", 1, 77, links[:1])]))
    assert load_away(store.db) == ()
    assert paths(store) == {b"B": (2, 12), b"C": (1, 77)}
    follow(store, UserChange(away=[second]))
    with store.write() as db:
        adopt_folders(db, [folder(b"D", 2, 78)])
    assert load_away(store.db) == ()
    follow(store, UserChange(away=[found.id for found in load_base(store.db).folders if found.path == b"D"]))
    assert load_away(store.db) == (AwayFolder(2, b"D", 78, ()),)


def test_a_folder_that_is_let_go_is_not_remembered(store):
    """It is to be made anew."""
    follow(store, UserChange(removed=[found.id for found in load_base(store.db).folders]))
    assert paths(store) == {}
    assert load_base(store.db).links == ()
    assert load_away(store.db) == ()


def test_texts_and_forgetting(store):
    """Texts that were adopted are known for ever; folders that are away are not."""
    assert load_images_of_texts(store.db, [b"/p/1", b"/p/9"]) == {b"/p/1": 1}
    follow(store, UserChange(away=[load_base(store.db).folders[0].id]))
    with store.write() as db:
        forget_base(db)
    assert load_away(store.db) == ()
    assert is_known_text(store.db, b"/p/1")


def test_whether_a_tree_waits_to_be_adopted(store):
    """Not by itself."""
    assert not is_adopting(store.db)
    for value in (True, False):
        with store.write() as db:
            save_adopting(db, value)
        assert is_adopting(store.db) == value


def test_a_change_is_empty_or_not():
    """So that nothing is written for nothing."""
    assert not UserChange()
    assert UserChange(removed=[1])
