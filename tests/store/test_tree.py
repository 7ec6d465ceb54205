"""The tables of the people folder: base, intents, the place, what was left alone."""

import sqlite3

import pytest

from faced.model import FolderId, ImageId, PersonId, Place
from faced.store.base import Base, BaseFolder, BaseLink, load_base, load_person_folders
from faced.store.database import open_store
from faced.store.intents import (
    BaseChange,
    Operation,
    SeenLink,
    close_batch,
    is_known_text,
    load_intents,
    open_batch,
)
from faced.store.tree import (
    LeftAlone,
    Tree,
    forget_base,
    load_generation,
    load_left_alone,
    load_tree,
    save_left_alone,
    save_problem,
    save_tree,
)
from tests.support.said import add_images, add_people

ANNA, BEN = PersonId(1), PersonId(2)


@pytest.fixture
def store(tmp_path):
    """Two persons and three images; two folders with a link each, one folder inside another."""
    with open_store(tmp_path / "state") as store:
        add_images(store, 3)
        add_people(store, 2)
        with store.write() as db:
            change = BaseChange(
                made=[(b"A", ANNA, 11), (b"A/in", None, 12), (b"B", BEN, 13)],
                links=[link(b"A", b"1", 1, ANNA), link(b"A/in", b"2", 2, ANNA), link(b"B", b"1", 1, BEN)],
            )
            close_batch(db, change)
        yield store


def link(folder, name, image, person):
    return SeenLink(folder, name, b"/p/" + name, ImageId(image), person)


def paths(store):
    return {folder.path: folder.ino for folder in load_base(store.db).folders}


def test_base_comes_back_as_it_was_seen(store):
    """Folders by path, links by folder and name."""
    assert load_base(store.db) == Base(
        (
            BaseFolder(FolderId(1), b"A", ANNA, 11),
            BaseFolder(FolderId(2), b"A/in", None, 12),
            BaseFolder(FolderId(3), b"B", BEN, 13),
        ),
        (
            BaseLink(FolderId(1), b"1", b"/p/1", ImageId(1), ANNA),
            BaseLink(FolderId(2), b"2", b"/p/2", ImageId(2), ANNA),
            BaseLink(FolderId(3), b"1", b"/p/1", ImageId(1), BEN),
        ),
    )
    assert load_base(store.db, with_links=False).links == ()
    assert load_person_folders(store.db) == {ANNA: b"A", BEN: b"B"}


def test_a_batch_is_opened_whole(store):
    """Intents in order with all they say, link texts, and the next generation; a second batch has to wait."""
    operations = [
        Operation("mkdir", b"C\xff", person=ANNA),
        Operation("link", b"A", b"3\xff", b"/p/3\xff", None, None, ImageId(3), ANNA, -5),
        Operation("drop", b"B", b"1", None, b"/p/1", person=BEN),
        Operation("movedir", b"B", new=b"D", ino=13, person=BEN),
    ]
    with store.write() as db:
        generation, intents = open_batch(db, operations)
    assert generation == load_generation(store.db) == 1
    assert load_intents(store.db) == intents
    assert [(i.id, i.operation) for i in intents] == list(enumerate(operations, start=1))
    assert is_known_text(store.db, b"/p/3\xff")
    assert not is_known_text(store.db, b"/p/1")
    with pytest.raises(sqlite3.IntegrityError), store.write() as db:
        open_batch(db, operations)
    assert load_generation(store.db) == 1


def test_a_text_stands_for_the_last_image_it_was_written_for(store):
    """A photo was replaced by another picture."""
    for image in (1, 2):
        with store.write() as db:
            open_batch(db, [Operation("link", b"A", b"x", b"/p/x", None, None, ImageId(image), ANNA, 0)])
            close_batch(db, BaseChange())
    assert store.db.execute("SELECT image FROM link_texts").fetchall() == [(2,)]


def test_closing_a_batch_moves_base_on(store):
    """Links gone, changed and new; the folder removed with what base had in it; no intents left."""
    with store.write() as db:
        open_batch(db, [Operation("rmdir", b"B", ino=13)])
        close_batch(
            db,
            BaseChange(
                made=[(b"C", BEN, 14)],
                removed=[b"B", b"not there"],
                links=[link(b"A", b"1", 3, ANNA), link(b"C", b"9", 1, BEN)],
                gone=[(b"A/in", b"2"), (b"gone", b"2")],
            ),
        )
    base = load_base(store.db)
    assert paths(store) == {b"A": 11, b"A/in": 12, b"C": 14}
    assert [(found.name, found.image) for found in base.links] == [(b"1", 3), (b"9", 1)]
    assert load_intents(store.db) == []


def test_folders_swap_their_names(store):
    """All at once, and what lies in a moved folder moves along; ids and links stay."""
    links = load_base(store.db).links
    with store.write() as db:
        close_batch(db, BaseChange(moved={b"A": b"B", b"B": b"A"}))
    assert paths(store) == {b"B": 11, b"B/in": 12, b"A": 13}
    assert load_base(store.db).links == links
    with store.write() as db:
        close_batch(db, BaseChange(moved={b"B": b"F/B", b"B/in": b"B/out"}))
    assert paths(store) == {b"F/B": 11, b"B/out": 12, b"A": 13}


def test_a_removed_folders_id_is_never_used_again(store):
    """Its junk lies under that number."""
    with store.write() as db:
        close_batch(db, BaseChange(removed=[b"B"]))
        close_batch(db, BaseChange(made=[(b"B", BEN, 15)]))
    assert [folder.id for folder in load_base(store.db).folders if folder.path == b"B"] == [4]


def test_a_transaction_that_fails_leaves_base_as_it_was(store):
    """A link in a folder that base does not have is a fault of ours; nothing of the batch is kept."""
    before = load_base(store.db)
    with pytest.raises(KeyError), store.write() as db:
        close_batch(db, BaseChange(gone=[(b"A", b"1")], links=[link(b"no", b"1", 1, ANNA)]))
    assert load_base(store.db) == before


def test_the_place_and_its_problem(store):
    """Saved, changed, and the problem gone with the next place."""
    assert load_tree(store.db) is None
    place = Place(fsid=-(1 << 63), source="/dev/vda", fstype="ext4", ino=1 << 60)
    with store.write() as db:
        save_tree(db, b"/people\xff", None, {})
    assert load_tree(store.db) == Tree(b"/people\xff", None, {}, None)
    with store.write() as db:
        save_tree(db, b"/people", place, {"name_max": 255})
        save_problem(db, "away")
    assert load_tree(store.db) == Tree(b"/people", place, {"name_max": 255}, "away")
    with store.write() as db:
        save_tree(db, b"/people", place, {})
    assert load_tree(store.db) == Tree(b"/people", place, {}, None)


def test_what_was_left_alone(store):
    """The last list is the whole one; forgetting base forgets it, but never the texts of links."""
    rows = [LeftAlone(b"a\xff", "because"), LeftAlone(b"b", "why")]
    with store.write() as db:
        save_left_alone(db, rows)
        save_left_alone(db, rows[:1])
        open_batch(db, [Operation("link", b"A", b"x", b"/p/x", None, None, ImageId(1), ANNA, 0)])
    assert load_left_alone(store.db) == rows[:1]
    with store.write() as db:
        forget_base(db)
    assert load_left_alone(store.db) == []
    assert load_base(store.db) == Base()
    assert load_intents(store.db) == []
    assert is_known_text(store.db, b"/p/x")
