"""Reading what a user did on a real disk, with a real journal: each edit once, in one transaction, or not at all."""

import os
import shutil

import pytest

from faced.errors import FacedError
from faced.folders.missing import AS_BEFORE
from faced.folders.sync import sync_tree
from faced.model import PersonId
from faced.store.asks import answer_ask, load_asks, load_undecided
from faced.store.base import load_base, load_person_folders
from faced.store.edits import Draft
from faced.store.follow import is_adopting, load_away
from tests.support.treewords import open_words
from tests.support.writers import BlowUp, Interrupted


@pytest.fixture
def world(tmp_path):
    """Persons 1 (four photos), 2 (three, one of them with 1) and 3 (two); shown once."""
    with open_words(tmp_path) as world:
        for image in range(1, 10):
            world.photo(image, f"2019/{image}.jpg")
        world.person(1, [1, 2, 3, 4])
        world.person(2, [4, 5, 6])
        world.person(3, [7, 8])
        world.run()
        yield world
        world.check_word()


def everything(world):
    """All that a write would change, of each entry of the tree and of the database's files."""
    found = {}
    for folder in (world.people, world.folder / "state"):
        for where, folders, files in os.walk(folder):
            for name in (".", *folders, *files):
                status = os.lstat(os.path.join(where, name))
                found[os.path.join(where, name)] = (status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
    return found


def test_promise_3_nothing_is_written_when_nothing_was_done(world):
    """Neither in the tree nor in the database; nor when the same thing waits as before."""
    before = everything(world)
    assert world.read(writer=BlowUp()).edits == ()
    assert everything(world) == before
    (world.people / "Person 1" / "2.jpg").unlink()
    world.read()
    before = everything(world)
    report = world.read(5, writer=BlowUp())
    assert (report.undecided, report.due_ns) == (1, world.now + 5 * 10**9)
    assert everything(world) == before


def test_named_moved_and_rejected(world):
    """The main job: every edit once, and the tree as the user left it."""
    (world.people / "Person 1").rename(world.people / "Anna")
    (world.people / "Family").mkdir()
    (world.people / "Person 2").rename(world.people / "Family" / "Oma")
    (world.people / "Anna" / "2.jpg").unlink()
    world.run()
    world.run(10)
    world.run(10)
    assert world.edits() == [
        ("name", 1, "Anna"),
        ("anchor", 1, [1, 3, 4]),
        ("name", 2, "Oma"),
        ("anchor", 2, [4, 5, 6]),
        ("place", 2, "Family/Oma"),
        ("reject", 1, [2]),
    ]
    assert set(world.links()) == {
        *(f"Anna/{n}.jpg" for n in (1, 3, 4)),
        *(f"Family/Oma/{n}.jpg" for n in (4, 5, 6)),
        *(f"Person 3/{n}.jpg" for n in (7, 8)),
    }
    assert load_person_folders(world.store.db) == {1: b"Anna", 2: b"Family/Oma", 3: b"Person 3"}
    assert world.left_alone() == {}


def test_promise_1_a_rename_while_off_and_photos_gone(world):
    """The name comes first, then what the library says."""
    (world.people / "Person 3").rename(world.people / "Carl")
    world.photo(7)
    world.photo(8)
    world.run()
    assert world.word().person(3).name == "Carl"
    assert os.listdir(world.people / "Carl") == []
    (world.people / "Carl").rename(world.people / "Karl")
    world.run()
    assert world.word().person(3).name == "Karl"


def test_a_name_that_is_no_utf_8(world):
    """Bytes in, the same bytes out."""
    os.rename(os.fsencode(world.people) + b"/Person 1", os.fsencode(world.people) + b"/Ren\xe9")
    world.run()
    world.run()
    assert world.word().person(1).name == "Ren\udce9"
    assert load_person_folders(world.store.db)[1] == b"Ren\xe9"


def test_into_the_trash_and_back(world):
    """Hidden at the second look, with all that she is; shown again with the same folder."""
    (world.people / "Person 1").rename(world.people / "Anna")
    world.run()
    inode = os.lstat(world.people / "Anna").st_ino
    (world.people / "Anna").rename(world.folder / "trash")
    assert world.run().undecided == 1
    assert world.left_alone() == {}  # it waits, it is not left alone
    world.run(10)
    assert world.word().person(1).hidden
    assert [folder.person for folder in load_away(world.store.db)] == [1]
    world.photo(10, "2020/10.jpg")
    world.person(1, [1, 2, 3, 4, 10])
    world.run()
    (world.folder / "trash").rename(world.people / "Anna")
    world.run()
    assert not world.word().person(1).hidden
    assert world.word().person(1).name == "Anna"
    assert os.lstat(world.people / "Anna").st_ino == inode
    assert sorted(os.listdir(world.people / "Anna")) == ["1.jpg", "10.jpg", "2.jpg", "3.jpg", "4.jpg"]
    assert load_away(world.store.db) == ()
    assert world.left_alone() == {}


@pytest.mark.parametrize("name", [".anna", "#recycle", ".Trash-1000/files/Person 1", "@eaDir"])
def test_out_of_sight_is_out_of_the_tree(world, name):
    """Hidden folders and rubbish bins are not looked into: a person put there is hidden, and back when she is back."""
    (world.people / name).parent.mkdir(parents=True, exist_ok=True)
    (world.people / "Person 1").rename(world.people / name)
    world.run()
    world.run(10)
    assert world.word().person(1).hidden
    (world.people / name).rename(world.people / "Anna")
    world.run()
    assert world.word().person(1).name == "Anna"
    assert not world.word().person(1).hidden


def test_undecided_things_survive_a_restart(world):
    """The second look is another process's."""
    (world.people / "Person 1" / "2.jpg").unlink()
    shutil.rmtree(world.people / "Person 3")
    world.run()
    assert len(load_undecided(world.store.db)) == 2
    with open_words(world.folder) as again:
        again.photos, again.persons, again.now = world.photos, world.persons, world.now
        again.run(10)
    assert world.edits() == [("reject", 1, [2]), ("hide", 3, None)]
    assert load_undecided(world.store.db) == ()


def test_an_edit_that_cannot_be_recorded_moves_nothing(world):
    """Journal, base, undecided and asks are one transaction."""
    (world.people / "Person 1").rename(world.people / "Anna")
    before = load_base(world.store.db)
    record = world.record

    def fail(db, edits):
        record(db, edits)
        raise RuntimeError("power cut")

    world.record = fail
    with pytest.raises(RuntimeError):
        world.read()
    assert load_base(world.store.db) == before
    assert world.edits() == []
    world.record = record
    assert len(world.read().edits) == 1


def test_an_edit_between_the_look_and_the_plan_waits_for_the_next_pass(world):
    """Nothing is touched that differs from base by then."""
    world.read()
    (world.people / "Person 1").rename(world.people / "Anna")
    world.follow()
    assert sorted(os.listdir(world.people / "Anna")) == ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]
    assert not (world.people / "Person 1").exists()
    world.run()
    assert world.word().person(1).name == "Anna"
    assert world.left_alone() == {}


@pytest.mark.parametrize("call", [None, "move", "mkdir"])
def test_somebody_put_among_the_strangers_does_not_travel_along(world, call):
    """`mv "Person 1" _Ignored`, and while that becomes the folder of strangers, or right before, the same with Person 2."""

    def ignore(name):
        target = world.people / "_Ignored"
        (world.people / name).rename(target / name if target.exists() else target)

    ignore("Person 1")
    world.read()
    if call is None:
        ignore("Person 2")
        world.follow()
    else:
        world.follow(writer=Interrupted(call, lambda: ignore("Person 2")))
    world.run()
    world.run()
    assert world.edits() == [("hide", 1, None), ("hide", 2, None)]
    assert {path.rpartition("/")[0] for path in world.links()} == {
        "_Ignored/Person 1",
        "_Ignored/Person 2",
        "Person 3",
    }
    assert world.left_alone() == {}


def test_somebody_hidden_by_a_command_waits_for_the_folder_of_strangers(world):
    """It is the folder of Person 1 when the plan is made."""
    (world.people / "Person 1").rename(world.people / "_Ignored")
    world.read()
    world.say([Draft("hide", PersonId(2))])
    world.follow()
    world.run()
    assert world.edits() == [("hide", 1, None), ("hide", 2, None)]
    assert load_person_folders(world.store.db) == {
        1: b"_Ignored/Person 1",
        2: b"_Ignored/Person 2",
        3: b"Person 3",
    }


def test_what_is_not_understood_is_said_with_its_reason(world):
    """The reason that reading gave stands in the store."""
    (world.people / "Person 1" / "2.jpg").rename(world.people / "2.jpg")
    report = world.run()
    assert world.edits() == []
    said = world.left_alone()
    assert said == {os.fsdecode(path): reason for path, reason in report.left_alone.items()}
    assert "at 2.jpg" in said["Person 1/2.jpg"]


def test_questions_are_asked_once_and_answered(world):
    """A named person's last links: asked, kept over restarts, carried out when accepted."""
    (world.people / "Person 2").rename(world.people / "Ben")
    world.run()
    for name in os.listdir(world.people / "Ben"):
        (world.people / "Ben" / name).unlink()
    world.run()
    (ask,) = world.run(10).asks
    assert (
        ask.text
        == "3 links were deleted in Ben within a day: is this person not on these photos?" + AS_BEFORE
    )
    assert world.run(100).asks == (ask,)
    assert os.listdir(world.people / "Ben") == []
    with world.store.write() as db:
        assert answer_ask(db, ask.id, True)
    assert len(world.run().edits) == 3
    assert load_asks(world.store.db) == []
    assert world.word().person(2).name == "Ben"
    assert (world.people / "Ben").is_dir()


def test_a_question_answered_no_brings_everything_back(world):
    """Four of five folders deleted with their parent; no: made anew, at the same places with the same names."""
    world.person(4, [1, 9])
    world.person(5, [2, 9])
    world.run()
    (world.people / "F").mkdir()
    for number in (1, 2, 3, 4):
        (world.people / f"Person {number}").rename(world.people / "F" / f"P{number}")
    world.run()
    before = world.links()
    shutil.rmtree(world.people / "F")
    world.run()
    (ask,) = world.run(10).asks
    assert "4 person folders of 5 left the people folder" in ask.text
    with world.store.write() as db:
        answer_ask(db, ask.id, False)
    world.run()
    assert world.links() == before
    assert world.run(20).asks == ()
    world.check()


def test_undone_placement_moves_the_folder_back(world):
    """Only the word decides where a folder is, once it was read."""
    (world.people / "F" / "G").mkdir(parents=True)
    (world.people / "Person 1").rename(world.people / "F" / "G" / "Person 1")
    world.run()
    inode = os.lstat(world.people / "F" / "G" / "Person 1").st_ino
    with world.store.write() as db:
        db.execute("UPDATE person_words SET place = NULL")
    world.follow()
    assert os.lstat(world.people / "Person 1").st_ino == inode
    world.check()
    shutil.rmtree(world.people / "F")
    with world.store.write() as db:
        db.execute("UPDATE person_words SET place = ?", [b"F/G/Person 1"])
    world.follow()
    assert os.lstat(world.people / "F" / "G" / "Person 1").st_ino == inode
    world.check()
    assert world.read().edits == ()


def test_promise_7_a_frozen_tree_is_not_read(world):
    """Gone, emptied, or another one: no edit, whatever is missing in it."""
    away = world.folder / "away"
    world.people.rename(away)
    assert "is not there" in world.read().frozen
    world.people.mkdir()
    assert "is not the one it was" in world.read(60).frozen
    assert "rebuild" in world.problem()
    world.people.rmdir()
    away.rename(world.people)
    (world.people / ".faced").rename(world.folder / "hidden")
    assert "no .faced/tree.json" in world.read(60).frozen
    (world.folder / "hidden").rename(world.people / ".faced")
    assert world.run(60).frozen is None
    assert world.edits() == []
    assert world.problem() is None


def test_a_tree_that_cannot_be_read_is_said(world):
    """One plain line; nothing is written."""
    from faced.folders import read

    def fail(*_):
        raise OSError(5, "Input/output error")

    real, read.read_tree = read.read_tree, fail
    try:
        with pytest.raises(FacedError, match="could not be read"):
            world.read()
    finally:
        read.read_tree = real


# Anew.


def test_a_deleted_tree_is_made_again_when_told_so(world):
    """Frozen, for it may be a disk that is not there; `--rebuild` makes it with all names."""
    (world.people / "Person 1").rename(world.people / "Anna")
    (world.people / "Family").mkdir()
    (world.people / "Person 2").rename(world.people / "Family" / "Oma")
    world.run()
    before = world.links()
    shutil.rmtree(world.people)
    assert world.read().frozen is not None
    report = world.read(rebuild=True)
    assert (report.frozen, report.adopting) == (None, True)
    world.follow()
    assert world.links() == before
    assert not is_adopting(world.store.db)
    world.check()
    assert world.run(10).edits == ()


def test_rebuild_keeps_what_is_there(world):
    """A copy of the tree (another disk): its folders are recognised, nothing is made twice, no inode changes."""
    (world.people / "Person 1").rename(world.people / "Anna")
    world.run()
    before = world.links()
    shutil.copytree(world.people, world.folder / "copy", symlinks=True)
    shutil.rmtree(world.people)
    (world.folder / "copy").rename(world.people)
    inodes = {name: os.lstat(world.people / name).st_ino for name in before}
    assert world.read(rebuild=True).adopting
    world.follow()
    assert {name: os.lstat(world.people / name).st_ino for name in world.links()} == inodes
    world.check()
    assert world.run(10).edits == ()


def test_rebuild_of_a_tree_that_is_well_reads_it(world):
    """What the user did is an edit as always."""
    (world.people / "Person 1").rename(world.people / "Anna")
    assert len(world.read(rebuild=True).edits) == 1


def test_a_lost_database_adopts_the_tree(world, tmp_path):
    """Names are back from the journal, numbers are others: every folder is found again, no link is touched."""
    (world.people / "Person 1").rename(world.people / "Anna")
    (world.people / "Family").mkdir()
    (world.people / "Person 2").rename(world.people / "Family" / "Oma")
    (world.people / "Mine").mkdir()
    (world.people / "Mine" / "x.jpg").symlink_to("/photos/2019/1.jpg")
    world.run()
    inodes = {name: os.lstat(world.people / name).st_ino for name in world.links()}
    installation = world.store.db.execute("SELECT value FROM settings WHERE key = 'installation'").fetchone()[
        0
    ]
    other = tmp_path / "other"
    other.mkdir()
    with open_words(other) as again:
        again.people = world.people
        with again.store.write() as db:
            db.execute("INSERT INTO settings (key, value) VALUES ('installation', ?)", [installation])
        for image, photos in world.photos.items():
            again.photo(int(image), *(photo.path for photo in photos))
        again.person(11, [1, 2, 3, 4])
        again.person(12, [4, 5, 6])
        again.person(13, [7, 8])
        with again.store.write() as db:
            db.execute("INSERT INTO person_words (person, name, hidden) VALUES (11, CAST('Anna' AS BLOB), 0)")
            db.execute(
                "INSERT INTO person_words (person, name, place, hidden)"
                " VALUES (12, CAST('Oma' AS BLOB), CAST('Family/Oma' AS BLOB), 0)"
            )
        (world.people / "Person 3").rename(world.people / "Person 4")
        assert again.read().adopting
        assert again.read(60).edits == ()
        again.follow()
        assert load_person_folders(again.store.db) == {11: b"Anna", 12: b"Family/Oma", 13: b"Person 13"}
        now = {name: os.lstat(world.people / name).st_ino for name in again.links()}
        assert now == {name.replace("Person 3", "Person 13"): ino for name, ino in inodes.items()}
        assert "Mine" in again.left_alone()
        assert again.read(60).edits == ()


@pytest.mark.parametrize("call", ["create_file", "replace", "flush", "mkdir"])
def test_promise_6_a_rebuild_that_died_is_done_again(world, call):
    """Died while the place is set up anew: the next run ends it, and still recognises the folders."""
    (world.people / "Person 1").rename(world.people / "Anna")
    world.run()
    before = world.links()
    shutil.rmtree(world.people / ".faced")

    class Died(Exception):
        pass

    def die():
        raise Died

    with pytest.raises(Died):
        world.read(rebuild=True, writer=Interrupted(call, die))
    world.read(rebuild=True)
    world.follow()
    assert world.links() == before
    world.check()


def test_sync_tree_rebuilds_and_adopts_by_itself(world):
    """Without a look before."""
    before = world.links()
    shutil.rmtree(world.people)
    report = sync_tree(
        world.store, os.fsencode(world.people), world.persons.values(), world.photos, rebuild=True
    )
    assert report.frozen is None
    assert world.links() == before
