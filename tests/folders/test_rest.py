"""What has not changed is not read again, and what has is seen."""

import os

import pytest

from faced.folders import sync, tree
from faced.folders.read import Known, ReadReport, read_user_edits
from faced.folders.rest import Remembered, load_known
from faced.folders.tree import list_folder, read_tree
from faced.folders.writer import KernelWriter
from faced.store.database import load_changes
from faced.store.seen import forget_seen, load_seen, save_seen
from faced.store.tree import load_tree, save_tree
from tests.support.treeworld import TreeWorld

KEY = "k"


@pytest.fixture
def calm(world: TreeWorld, monkeypatch: pytest.MonkeyPatch) -> TreeWorld:
    """Three folders, in which nothing was to be done the last time. No folder is too young to be remembered."""
    monkeypatch.setattr(tree, "YOUNG_NS", 0)
    for image in range(1, 6):
        world.photo(image, f"{image}.jpg")
    world.person(1, [1, 2, 3], "Anna", place=b"Family/Anna")
    world.person(2, [3, 4], "Ben")
    world.person(3, [5], "Carl")
    world.sync()
    world.sync(key=KEY)
    return world


def look(world: TreeWorld, key: str | None = KEY, remembered: Remembered | None = None) -> ReadReport:
    return read_user_edits(
        world.store,
        os.fsencode(world.people),
        Known(),
        lambda db, edits: None,
        now_ns=10**18,
        key=key,
        remembered=remembered,
    )


def write_something(world: TreeWorld) -> None:
    with world.store.write() as db:
        db.execute("UPDATE persons SET id = id WHERE id = 1")


class Listed(list[int]):
    """The inodes of the folders that were read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def listing(handle, *rest):
            self.append(os.fstat(handle).st_ino)
            return list_folder(handle, *rest)

        monkeypatch.setattr(tree, "list_folder", listing)


def test_where_nothing_changed_no_folder_is_read(calm, monkeypatch):
    """Not one, and base is not loaded; with other settings it is looked at again."""
    listed = Listed(monkeypatch)
    changes = load_changes(calm.store.db)
    assert look(calm).rests
    assert listed == []
    assert not look(calm, "other").rests
    assert listed == [], "no folder has changed"
    assert load_changes(calm.store.db) == changes


def test_only_the_folders_that_changed_are_read(calm, monkeypatch):
    """A link gone, a folder renamed, one more, another one closed: each is seen, and nothing else is read."""
    listed = Listed(monkeypatch)
    (calm.people / "Ben" / "4.jpg").unlink()
    assert not look(calm).rests
    assert listed == [os.lstat(calm.people / "Ben").st_ino]
    listed.clear()
    calm.sync(key=KEY, seen=look(calm).seen)
    calm.sync(key=KEY)
    listed.clear()
    (calm.people / "Family" / "Anna").rename(calm.people / "Family" / "Hanna")
    found = look(calm).seen
    assert b"Family/Hanna" in found
    assert b"Family/Anna" not in found
    inodes = {name: os.lstat(calm.people / name).st_ino for name in ("Family", "Family/Hanna", "Carl", "Ben")}
    assert inodes["Carl"] not in listed
    assert set(listed) <= {inodes["Family"], inodes["Family/Hanna"], inodes["Ben"]}


CHANGES = pytest.mark.parametrize(
    "change",
    [
        lambda people: (people / "new").mkdir(),
        lambda people: (people / "Carl" / "5.jpg").rename(people / "Carl" / "6.jpg"),
        lambda people: (people / "Family" / "Anna" / "note").write_text("mine"),
        lambda people: os.replace(people / "Ben" / "3.jpg", people / "Ben" / "4.jpg"),
        lambda people: (people / "Ben").rename(people / "Benjamin"),
    ],
)


@CHANGES
def test_what_a_user_changed_is_no_work_of_ours(calm, change):
    """Then all is read, and planned for everybody."""
    remembered = Remembered()
    calm.sync(key=KEY, seen=look(calm, remembered=remembered).seen, remembered=remembered)
    write_something(calm)
    assert look(calm, remembered=remembered).untouched
    change(calm.people)
    assert not look(calm, remembered=remembered).untouched


def test_who_lives_on_plans_for_those_of_whom_something_changed(calm, monkeypatch):
    """Nothing else of base is loaded; what comes of it is what comes of a whole plan."""
    remembered = Remembered()
    asked = []
    loading = sync.load_base

    def load(db, *, with_links=True, persons=None, folders=()):
        if with_links:
            asked.append(persons)
        return loading(db, with_links=with_links, persons=persons, folders=folders)

    monkeypatch.setattr(sync, "load_base", load)

    def run():
        asked.clear()
        write_something(calm)
        found = look(calm, remembered=remembered)
        calm.sync(key=KEY, seen=found.seen, remembered=remembered, untouched=found.untouched)
        calm.check()
        assert calm.left_alone() == {}
        return [*asked]

    assert run() == [None]
    calm.photo(4, "moved/4.jpg")
    assert run() == [{2}]
    calm.person(3, [5, 4], "Carl")
    assert run() == [{2, 3}], "until nothing is to be done"
    del calm.persons[1]
    assert run() == [{1, 2, 3}]
    assert not (calm.people / "Family" / "Anna").exists()
    assert run() == [{1, 2, 3}]
    assert run() == [set()]
    with (
        calm.store.write() as db
    ):  # as if it had been too young to be remembered: it is read, and not planned for
        db.execute("DELETE FROM seen_folders WHERE path = ?", [b"Ben"])
    calm.photo(5, "moved/5.jpg")
    assert run() == [{3}]
    assert run() == [{3}]
    calm.photo(3, "moved/3.jpg")
    calm.sync()  # by another process
    assert run() == [None]


def pass_by(world: TreeWorld, remembered: Remembered) -> ReadReport:
    write_something(world)
    found = look(world, remembered=remembered)
    world.sync(key=KEY, seen=found.seen, remembered=remembered, untouched=found.untouched)
    world.check()
    assert world.left_alone() == {}
    return found


def test_what_is_wanted_again_as_it_was_is_made_again(calm):
    """Before anything rests: a photo moves and comes back, somebody is on it no more, and then again."""
    remembered = Remembered()
    pass_by(calm, remembered)
    for path, images in (("moved/4.jpg", [3, 4]), ("4.jpg", [3]), ("4.jpg", [3, 4]), ("4.jpg", [3, 4])):
        calm.photo(4, path)
        calm.person(2, images, "Ben")
        assert pass_by(calm, remembered).untouched


def test_folders_that_are_young_are_nobody_elses(calm, monkeypatch):
    """Read whole, for they may change again without looking otherwise; their links are faced's all the same."""
    remembered = Remembered()
    pass_by(calm, remembered)
    monkeypatch.setattr(tree, "YOUNG_NS", 10**15)
    os.utime(calm.people / "Ben")
    calm.photo(5, "moved/5.jpg")
    assert pass_by(calm, remembered).untouched
    assert pass_by(calm, remembered).untouched


@pytest.mark.parametrize(
    "change",
    [
        lambda people: (people / "new").mkdir(),
        lambda people: (people / "Carl" / "5.jpg").rename(people / "Carl" / "6.jpg"),
        lambda people: (people / "Family" / "Anna" / "note").write_text("mine"),
        lambda people: (people / "Ben").chmod(0o750),
        lambda people: os.replace(people / "Ben" / "3.jpg", people / "Ben" / "4.jpg"),
    ],
)
def test_any_change_ends_the_rest(calm, change):
    """What is read then is what is there."""
    change(calm.people)
    assert not look(calm).rests
    handle = os.open(calm.people, os.O_RDONLY)
    try:
        assert read_tree(handle, load_known(calm.store.db)) == read_tree(handle)
    finally:
        os.close(handle)


def test_a_change_of_the_store_ends_the_rest_until_nothing_is_to_be_done(calm):
    """Whatever was written."""
    calm.photo(6, "6.jpg")
    assert not look(calm).rests
    calm.sync(key=KEY, seen=look(calm).seen)
    assert look(calm).rests
    with calm.store.write() as db:
        forget_seen(db)
    assert not look(calm).rests


def test_a_folder_that_changed_just_now_is_not_remembered(calm, monkeypatch):
    """Within one tick of the clock it may change again without looking otherwise."""
    monkeypatch.setattr(tree, "YOUNG_NS", 2_000_000_000)
    (calm.people / "Ben" / "mine").write_text("1")
    calm.sync(key=KEY, seen=look(calm).seen)
    assert not look(calm).rests
    assert b"Ben" not in load_seen(calm.store.db)


def test_where_folders_have_no_times_everything_is_read(calm, monkeypatch):
    """A file system that does not date folders: nothing is taken to be the same."""
    tree_row = load_tree(calm.store.db)
    with calm.store.write() as db:
        save_tree(db, tree_row.root, tree_row.place, {**tree_row.probe, "dates_folders": False})
    calm.sync(key=KEY, seen=look(calm).seen)
    listed = Listed(monkeypatch)
    assert not look(calm).rests
    assert len(listed) == 5


class Timeless(KernelWriter):
    """The time of a folder cannot be set, so nobody can tell whether it changes."""

    def set_time(self, folder, name, time_ns):
        pass


def test_whether_folders_are_dated_is_asked_once(world):
    """By trying it in faced's own folder."""
    world.sync(Timeless())
    assert load_tree(world.store.db).probe["dates_folders"] is False


def test_what_is_undecided_does_not_rest(calm):
    """A link that is gone waits for its second look, whatever is or is not touched meanwhile."""
    (calm.people / "Ben" / "4.jpg").unlink()
    read = look(calm)
    assert read.undecided == 1
    calm.sync(key=KEY, seen=read.seen)
    assert not look(calm).rests


def test_names_of_any_bytes_come_back(calm):
    """As they were read: no UTF-8, line breaks, and links that say nothing sensible."""
    strange = os.fsencode(calm.people / "Ben")
    os.symlink(b"/x/\xff\n", strange + b"/a\xfe\nb")
    os.mkdir(strange + b"/\x01")
    calm.sync(key=KEY)
    handle = os.open(calm.people, os.O_RDONLY)
    try:
        known = load_known(calm.store.db)
        assert known == read_tree(handle)
        assert {path: folder.stamp for path, folder in known.items()} == {
            path: folder.stamp for path, folder in read_tree(handle).items()
        }
    finally:
        os.close(handle)
    with calm.store.write() as db:
        save_seen(db, {})
    assert load_seen(calm.store.db) == {}
