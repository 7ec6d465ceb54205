"""What has not changed is not read again, and what has is seen."""

import os

import pytest

from faced.folders import sync, tree
from faced.folders.read import Known, ReadReport, read_user_edits
from faced.folders.rest import load_known
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


def look(world: TreeWorld, key: str | None = KEY) -> ReadReport:
    return read_user_edits(
        world.store,
        os.fsencode(world.people),
        Known(),
        lambda db, edits: None,
        now_ns=10**18,
        key=key,
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


class Parts:
    """For whom was planned, and with how many links of base, in the rounds of the last pass; None: for everybody."""

    def __init__(self, world: TreeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.persons: list[set[int] | None] = []
        self.links: list[int] = []
        planning = sync.plan_tree

        def plan(shown, photos, base, disk, held, **options):
            only = options["only"]
            self.persons.append(None if only is None else set(only))
            self.links.append(len(base.links))
            return planning(shown, photos, base, disk, held, **options)

        monkeypatch.setattr(sync, "plan_tree", plan)

    def run(self) -> list[set[int] | None]:
        """A pass, with something else written before."""
        self.persons.clear()
        self.links.clear()
        write_something(self.world)
        self.world.sync(key=KEY, seen=look(self.world).seen)
        return [*self.persons]


def test_planned_is_for_those_of_whom_something_changed(calm, monkeypatch):
    """Nothing else of base is loaded; what comes of it is what comes of a whole plan. So does another process."""
    parts = Parts(calm, monkeypatch)

    def run():
        found = parts.run()
        calm.check()
        assert calm.left_alone() == {}
        return found

    assert run() == [set()]
    calm.photo(4, "moved/4.jpg")
    assert run() == [{2}]
    assert run() == [{2}], "the folder looks otherwise"
    assert run() == [set()]
    calm.person(3, [5, 4], "Carl")
    assert run() == [{3}]
    del calm.persons[1]
    assert run() == [{1, 3}], "until nothing is to be done"
    assert not (calm.people / "Family" / "Anna").exists()
    assert run() == [{3}]
    assert run() == [set()]
    with calm.store.write() as db:  # as if it had been too young to be remembered
        db.execute("DELETE FROM seen_folders WHERE path = ?", [b"Ben"])
    assert run() == [{2}]
    assert run() == [set()]
    calm.photo(3, "moved/3.jpg")
    calm.sync()  # by somebody else
    assert run() == [{2}]
    assert run() == [set()]


def test_what_is_wanted_again_as_it_was_is_made_again(calm):
    """Before anything rests: a photo moves and comes back, somebody is on it no more, and then again."""
    for path, images in (("moved/4.jpg", [3, 4]), ("4.jpg", [3]), ("4.jpg", [3, 4]), ("4.jpg", [3, 4])):
        calm.photo(4, path)
        calm.person(2, images, "Ben")
        write_something(calm)
        calm.sync(key=KEY, seen=look(calm).seen)
        calm.check()


def test_somebody_is_shown_again_after_all_was_taken_away(calm, monkeypatch):
    """As before, while nothing was noted in between."""
    person = calm.persons.pop(3)
    parts = Parts(calm, monkeypatch)
    parts.run()
    assert not (calm.people / "Carl").exists()
    calm.persons[3] = person
    assert parts.run()[0] == {3}
    calm.check()


def test_folders_that_are_young_are_read(calm, monkeypatch):
    """For they may change again without looking otherwise."""
    parts = Parts(calm, monkeypatch)
    monkeypatch.setattr(tree, "YOUNG_NS", 10**15)
    os.utime(calm.people / "Ben")
    calm.photo(5, "moved/5.jpg")
    assert parts.run() == [{2, 3}]
    calm.check()
    assert parts.run() == [{2, 3}]


@pytest.mark.parametrize("kind", ["left alone", "held", "waiting"])
def test_what_is_left_alone_or_held_costs_its_persons_only(calm, monkeypatch, kind):
    """A link of somebody else's in one folder, a link that leads elsewhere, one that is gone: the others are not read."""
    ben = calm.people / "Ben"
    if kind != "left alone":
        (ben / "4.jpg").unlink()
    if kind != "waiting":
        os.symlink("/elsewhere", ben / "4.jpg" if kind == "held" else ben / "mine.jpg")
    parts = Parts(calm, monkeypatch)
    parts.run()
    parts.run()
    said = calm.left_alone()
    changes = load_changes(calm.store.db)
    calm.sync(key=KEY, seen=look(calm).seen)
    assert load_changes(calm.store.db) == changes, "nothing is written twice"
    listed = Listed(monkeypatch)
    calm.photo(5, "moved/5.jpg")
    assert parts.run() == [{2, 3}]
    assert parts.links == [3]
    assert listed == []
    assert calm.left_alone() == said
    assert set(calm.links()) >= {"Ben/3.jpg", "Carl/5.jpg", "Family/Anna/1.jpg"}


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
