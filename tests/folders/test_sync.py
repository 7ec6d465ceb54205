"""The step on real folders: what is made, what is kept, what is never touched, what is said."""

import os
import stat

import pytest

from faced.errors import FacedError
from faced.folders import recover
from faced.folders.batches import split_batches
from faced.folders.plan_pictures import ShownFaces
from faced.folders.sync import FacesToShow, clean_tree, sync_tree
from faced.folders.writer import KernelWriter
from faced.store.base import load_base, load_person_folders
from faced.store.intents import Operation, load_intents
from faced.store.tree import load_generation
from tests.support.powers import permissions_hold
from tests.support.treeworld import cut_squares, face_on, open_world, snapshot
from tests.support.writers import BlowUp, Interrupted, OldKernel


@pytest.fixture
def world(world):
    """Anna (1) with three photos and Ben (2) with two, one of them together; shown once."""
    for image in range(1, 5):
        world.photo(image, f"2019/{image}.jpg")
    world.person(1, [1, 2, 3])
    world.person(2, [3, 4])
    world.sync()
    return world


def identities(world):
    return {path: os.lstat(world.people / path).st_ino for path in snapshot(world.people)}


def everything(world):
    """All that a write would change, of each entry of the tree and of the database's files."""
    found = {}
    for folder in (world.people, world.folder / "state"):
        for where, folders, files in os.walk(folder):
            for name in (".", *folders, *files):
                status = os.lstat(os.path.join(where, name))
                found[os.path.join(where, name)] = (status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
    return found


def test_a_folder_of_links_for_each_person(world):
    """The first run makes what is wanted, and nothing else."""
    assert snapshot(world.people) == {
        "Person 1": None,
        "Person 1/1.jpg": "/photos/2019/1.jpg",
        "Person 1/2.jpg": "/photos/2019/2.jpg",
        "Person 1/3.jpg": "/photos/2019/3.jpg",
        "Person 2": None,
        "Person 2/3.jpg": "/photos/2019/3.jpg",
        "Person 2/4.jpg": "/photos/2019/4.jpg",
    }
    world.check()
    assert load_person_folders(world.store.db) == {1: b"Person 1", 2: b"Person 2"}


def test_promise_3_a_second_run_writes_nothing(world):
    """Nothing changed: no writing call below People, none in the database."""
    before = everything(world)
    report = world.sync(BlowUp())
    assert everything(world) == before
    assert (report.made, report.dropped, report.changes, report.left_alone) == (0, 0, {}, 0)


def test_promise_3_an_unchanged_link_keeps_its_inode(world):
    """Other persons and photos come and go; what did not change is the same link."""
    before = identities(world)
    world.photo(5, "2020/5.jpg")
    world.photo(2)
    world.person(3, [5, 1])
    report = world.sync()
    world.check()
    after = identities(world)
    assert set(before) - set(after) == {"Person 1/2.jpg"}
    assert all(after[path] == before[path] for path in after if path in before)
    assert report.changes == {1: -1, 3: 2}


def test_photos_moved_renamed_and_gone(world):
    """The tree follows the library."""
    world.photo(1, "2021/1.jpg")
    world.photo(2, "2019/oma.jpg")
    world.photo(4)
    report = world.sync()
    assert world.links() == {
        "Person 1/1.jpg": "/photos/2021/1.jpg",
        "Person 1/3.jpg": "/photos/2019/3.jpg",
        "Person 1/oma.jpg": "/photos/2019/oma.jpg",
        "Person 2/3.jpg": "/photos/2019/3.jpg",
    }
    assert (report.retargeted, report.made, report.dropped) == (1, 1, 2)
    world.check()
    world.sync(BlowUp())


def test_a_name_renames_the_folder(world):
    """By movement of the very folder: links and strangers' files go along."""
    (world.people / "Person 1" / "notes.txt").write_text("mine")
    before = identities(world)
    world.person(1, [1, 2, 3], "Anna")
    report = world.sync()
    after = identities(world)
    assert report.folders_moved == 1
    assert {path.replace("Anna", "Person 1"): ino for path, ino in after.items()} == before
    assert (world.people / "Anna" / "notes.txt").read_text() == "mine"
    world.check()


def test_promise_4_strangers_files_are_left_alone(world):
    """Files, folders and links of others stay as they are, wherever they are, and are reported."""
    (world.people / "notes.txt").write_text("1")
    (world.people / "Person 1" / "1 (2).jpg").write_text("2")
    (world.people / "Person 2" / "sub").mkdir()
    (world.people / "Person 2" / "sub" / "x.jpg").symlink_to("/somewhere")
    (world.people / "Person 3").mkdir()
    (world.people / "Person 3" / "mine.txt").write_text("3")
    (world.people / "New folder").mkdir()
    (world.people / ".hidden").write_text("4")
    (world.people / "Person 1" / "Thumbs.db").write_text("5")
    strangers = ["notes.txt", "Person 1/1 (2).jpg", "Person 2/sub/x.jpg", "Person 3/mine.txt", ".hidden"]
    strangers += ["New folder", "Person 1/Thumbs.db"]
    before = {path: os.lstat(world.people / path) for path in strangers}
    world.photo(5, "2020/1.jpg")
    world.person(1, [1, 2, 3, 5])
    world.person(3, [1, 4])
    world.sync()
    for persons in ([3], [2], []):
        world.persons = {number: world.persons[number] for number in persons if number in world.persons}
        world.sync()
    assert {path: os.lstat(world.people / path) for path in strangers} == before
    assert world.left_alone() == {
        "notes.txt": "a file that faced did not make",
        "Person 1/1 (2).jpg": "a file that faced did not make",
        "Person 2/sub": "a folder that faced did not make",
        "Person 3": "a folder that faced did not make",
    }
    assert world.links() == {"Person 2/sub/x.jpg": "/somewhere"}


def test_promise_5_what_a_user_did_is_left_as_it_is_and_said(world):
    """A link deleted, replaced, led elsewhere: not planned, reported, and quiet again when it is put back."""
    people = world.people
    (people / "Person 1" / "1.jpg").unlink()
    (people / "Person 1" / "2.jpg").unlink()
    (people / "Person 1" / "2.jpg").write_text("edited")
    (people / "Person 2" / "4.jpg").unlink()
    (people / "Person 2" / "4.jpg").symlink_to("/other")
    before = everything(world)
    world.sync()
    assert {p: e for p, e in everything(world).items() if str(people) in p} == {
        p: e for p, e in before.items() if str(people) in p
    }
    assert world.left_alone() == {
        "Person 1/1.jpg": "the link that faced made here was removed, renamed or moved",
        "Person 1/2.jpg": "something else stands in the place of the link that faced made",
        "Person 2/4.jpg": "the link that faced made here leads elsewhere now",
    }
    world.sync(BlowUp())
    world.photo(4)
    world.photo(5, "2020/5.jpg")
    world.person(1, [1, 2, 3, 5])
    world.sync()
    assert (people / "Person 1" / "5.jpg").is_symlink()
    assert os.readlink(people / "Person 2" / "4.jpg") == "/other"
    for name, text in (("1.jpg", "/photos/2019/1.jpg"), ("2.jpg", "/photos/2019/2.jpg")):
        (people / "Person 1" / name).unlink(missing_ok=True)
        (people / "Person 1" / name).symlink_to(text)
    world.sync(BlowUp())
    assert set(world.left_alone()) == {"Person 2/4.jpg"}


def test_promise_5_a_renamed_folder_is_left_alone(world):
    """Until faced understands it: no second folder, no change in the renamed one, one line each."""
    (world.people / "Person 1").rename(world.people / "Anna")
    (world.people / "Person 2").rename(world.people / "Anna" / "Person 2")
    world.photo(5, "2020/5.jpg")
    world.person(1, [1, 2, 5])
    world.sync(BlowUp())
    assert len(world.links()) == 5
    assert world.left_alone() == {
        "Person 1": "the folder that faced made here was removed, renamed or moved",
        "Person 2": "the folder that faced made here was removed, renamed or moved",
        "Anna": "a folder that faced did not make",
    }
    (world.people / "Anna" / "Person 2").rename(world.people / "Person 2")
    (world.people / "Anna").rename(world.people / "Person 1")
    world.sync()
    world.check()
    assert world.left_alone() == {}


def test_junk_goes_out_of_sight_with_the_last_link(world):
    """The folder is gone from People; what a desktop put there is not deleted."""
    (world.people / "Person 2" / ".DS_Store").write_text("junk")
    del world.persons[2]
    world.sync()
    assert not (world.people / "Person 2").exists()
    junk = list((world.people / ".faced" / "junk").rglob(".DS_Store"))
    assert [path.read_text() for path in junk] == ["junk"]
    world.check()


def test_modes_come_from_the_people_folder(world):
    """Mode, group and the setgid bit, whatever the umask; `.faced/tmp` is for faced only."""
    people = world.people
    if os.geteuid() == 0:
        os.chown(people, -1, 12345)
    people.chmod(0o2770)
    old = os.umask(0o077)
    try:
        world.person(3, [1])
        world.sync()
    finally:
        os.umask(old)
    status = (people / "Person 3").stat()
    assert stat.S_IMODE(status.st_mode) == 0o2770
    assert status.st_gid == people.stat().st_gid
    assert stat.S_IMODE((people / ".faced" / "tmp").stat().st_mode) == 0o700


def test_a_link_has_the_time_of_its_photo(world):
    """Sorted by date, a folder of links is sorted by the photos' dates; also after they lead elsewhere."""
    times = {p: os.lstat(world.people / p).st_mtime_ns for p in world.links()}
    assert times["Person 1/1.jpg"] == world.photos[1][0].time_ns
    world.photo(1, "x/1.jpg")
    world.sync()
    assert os.lstat(world.people / "Person 1/1.jpg").st_mtime_ns == world.photos[1][0].time_ns


def test_names_of_all_kinds(world):
    """Not UTF-8, newline, 255 bytes, twins in case and form, a leading dash: each a link, and none again."""
    names = [b"\xff\xfe.jpg", b"a\nb.jpg", b"x" * 251 + b".jpg", b"-rf", b"A.jpg", b"a.JPG"]
    names += ["é.jpg".encode(), "e\u0301.jpg".encode(), b" .jpg", b"Thumbs.db"]
    for number, name in enumerate(names, start=10):
        world.photo(number, b"odd/" + name)
    world.photo(30, *[b"2/" + names[2]])
    world.person(3, [*range(10, 10 + len(names)), 30])
    world.sync()
    world.check()
    world.sync(BlowUp())
    assert (world.people / "Person 3" / ("x" * 247 + " (2).jpg")).is_symlink()


def test_text_that_is_too_long_costs_one_link(world):
    """A photo whose path no link can hold is said; the others are linked."""
    world.photo(5, "/".join(["d" * 200] * 25) + "/5.jpg")
    world.person(1, [1, 2, 3, 5])
    report = world.sync()
    assert report.left_alone == 1
    assert world.left_alone() == {"Person 1/5.jpg": "it could not be changed: File name too long"}
    assert load_intents(world.store.db) == []


def test_batches_are_small_and_moves_stand_alone():
    """At most so many, folder moves only with each other, and never a folder with one that lies in it."""
    drop, link = Operation("drop", b"A", b"a"), Operation("link", b"A", b"b")
    inner, outer = Operation("movedir", b"F/A", new=b"F/B"), Operation("movedir", b"F", new=b"G")
    other = Operation("movedir", b"H", new=b"I")
    assert list(split_batches([drop, drop, drop, inner, other, outer, link], 2)) == [
        [drop, drop],
        [drop],
        [inner, other],
        [outer],
        [link],
    ]


def test_many_batches(world):
    """Batches of one change each: the same tree, one generation a batch."""
    world.photo(1)
    world.photo(2, "x/2.jpg")
    world.person(2, [3, 4], "Ben")
    world.person(3, [3])
    before = load_generation(world.store.db)
    world.sync(batch=1)
    world.check()
    assert load_generation(world.store.db) == before + 5


def test_a_file_system_that_cannot_exchange(world):
    """Links are led elsewhere by renaming over them, after one more look."""
    world.photo(1, "x/1.jpg")
    report = world.sync(OldKernel())
    assert report.retargeted == 1
    world.check()
    world.photo(1, "y/1.jpg")

    def swap():
        path = world.people / "Person 1" / "1.jpg"
        path.unlink()
        path.write_text("mine")

    world.sync(Interrupted("symlink", swap, inner=OldKernel()))
    assert (world.people / "Person 1" / "1.jpg").read_text() == "mine"


# Somebody else is at work in the same moment.


def test_promise_4_a_file_put_in_the_place_of_a_link_is_given_back(world):
    """Just before faced drops the link, or leads it elsewhere, a file takes its place: the file stays."""
    for call, change in (("move", lambda: world.photo(1)), ("exchange", lambda: world.photo(2, "x/2.jpg"))):
        path = world.people / "Person 1" / ("1.jpg" if call == "move" else "2.jpg")
        change()

        def put_file(path=path):
            path.unlink()
            path.write_text("mine")

        world.sync(Interrupted(call, put_file))
        assert path.read_text() == "mine"
        assert world.left_alone()[f"Person 1/{path.name}"].startswith("something else stands")
        assert os.listdir(world.people / ".faced" / "tmp") == []


def test_promise_4_a_file_whose_place_is_taken_again_is_given_back_beside(world):
    """Its name was given away while it was in hand."""
    path = world.people / "Person 1" / "1.jpg"
    world.photo(1)

    def put_file():
        path.unlink()
        path.write_text("mine")

    def take_name():
        path.write_text("another")

    world.sync(Interrupted("move", put_file, inner=Interrupted("move", take_name, after=True)))
    assert path.read_text() == "another"
    assert (path.parent / "1 (restored).jpg").read_text() == "mine"


def test_promise_4_what_comes_out_of_a_second_exchange_is_not_deleted(world):
    """A file took the link's place, and while faced gave it back another file took the place of faced's link."""
    path = world.people / "Person 1" / "1.jpg"
    world.photo(1, "x/1.jpg")
    other = world.folder / "other"
    other.write_text("second")

    def put_file():
        path.unlink()
        path.write_text("first")

    second = Interrupted("exchange", lambda: os.replace(other, path), 2)
    world.sync(Interrupted("exchange", put_file, inner=second))
    assert path.read_text() == "first"
    assert (path.parent / "1 (restored).jpg").read_text() == "second"


def test_a_name_taken_in_the_last_moment_makes_another_one(world):
    """A file appears where a link, or a folder, was about to be made: the next number is taken at once."""
    world.photo(5, "2020/5.jpg")
    world.person(1, [1, 2, 3, 5])
    world.sync(Interrupted("symlink", (world.people / "Person 1" / "5.jpg").touch))
    assert (world.people / "Person 1" / "5 (2).jpg").is_symlink()
    world.person(3, [5])
    world.sync(Interrupted("mkdir", (world.people / "Person 3").mkdir, after=True))
    assert os.listdir(world.people / "Person 3") == []
    assert os.listdir(world.people / "Person 3 (2)") == ["5.jpg"]
    assert os.listdir(world.people / ".faced" / "tmp") == []


def test_a_folder_filled_in_the_last_moment_stays(world):
    """A file is put into a folder that is about to be removed, or moved out of sight with its junk."""
    del world.persons[2]
    folder = world.people / "Person 2"
    world.sync(Interrupted("rmdir", (folder / "mine.txt").touch))
    assert os.listdir(folder) == ["mine.txt"]
    (folder / "mine.txt").rename(folder / "Thumbs.db")
    world.sync(Interrupted("move", (folder / "mine.txt").touch))
    assert sorted(os.listdir(folder)) == ["Thumbs.db", "mine.txt"]
    assert world.left_alone() == {"Person 2/mine.txt": "a file that faced did not make"}


def test_a_folder_renamed_while_it_is_filled(world):
    """The new links are in it, wherever it went, and base knows them as its own."""
    world.photo(5, "2020/5.jpg")
    world.photo(6, "2020/6.jpg")
    world.person(1, [1, 2, 3, 5, 6])
    world.sync(Interrupted("symlink", lambda: (world.people / "Person 1").rename(world.people / "Anna")))
    assert sorted(os.listdir(world.people / "Anna")) == ["1.jpg", "2.jpg", "3.jpg", "5.jpg", "6.jpg"]
    assert len([link for link in load_base(world.store.db).links if link.person == 1]) == 5
    (world.people / "Anna").rename(world.people / "Person 1")
    world.sync(BlowUp())
    world.check()


def test_a_folder_that_is_renamed_again_while_it_is_looked_for(world, monkeypatch):
    """Between finding where it went and opening it: it is looked for once more, and the pass goes on."""
    world.photo(5, "2020/5.jpg")
    world.person(1, [1, 2, 3, 5])
    steps = iter(["Ann", "Anna"])
    reading = recover.read_tree

    def read_and_rename(root):
        disk = reading(root)
        if (name := next(steps, None)) is not None:
            next(world.people.glob("*[1nb]")).rename(world.people / name)
        return disk

    monkeypatch.setattr(recover, "read_tree", read_and_rename)
    world.sync(Interrupted("symlink", lambda: (world.people / "Person 1").rename(world.people / "Bob")))
    assert next(steps, None) is None
    assert sorted(os.listdir(world.people / "Anna")) == ["1.jpg", "2.jpg", "3.jpg", "5.jpg"]
    assert len([link for link in load_base(world.store.db).links if link.person == 1]) == 4
    assert load_intents(world.store.db) == []


@pytest.mark.parametrize("call", ["symlink", "move", "rmdir", "exchange"])
def test_nothing_is_written_through_a_link_put_in_the_place_of_a_folder(world, call):
    """A directory swapped for a link to one outside, just before the call: outside nothing changes."""
    outside = world.folder / "outside"
    outside.mkdir()
    for name in ("1.jpg", "3.jpg", "4.jpg"):
        (outside / name).symlink_to(f"/photos/2019/{name}")
    (outside / "mine.txt").write_text("mine")
    before = {name: os.lstat(outside / name) for name in os.listdir(outside)}

    def swap():
        for number in (1, 2):
            folder = world.people / f"Person {number}"
            if folder.exists():
                folder.rename(world.folder / f"away {number}")
            folder.symlink_to(outside)

    world.photo(1)
    world.photo(5, "2020/5.jpg")
    world.photo(3, "x/3.jpg")
    world.person(1, [1, 2, 3, 5])
    del world.persons[2]
    world.sync(Interrupted(call, swap))
    world.sync()
    after = {name: os.lstat(outside / name) for name in os.listdir(outside)}
    assert {n: (s.st_ino, s.st_mtime_ns, s.st_ctime_ns) for n, s in after.items()} == {
        n: (s.st_ino, s.st_mtime_ns, s.st_ctime_ns) for n, s in before.items()
    }


# The place is at fault.


class Failing(KernelWriter):
    """A disk that is full from the nth new link on."""

    def __init__(self, left):
        self.left = left

    def symlink(self, text, folder, name):
        self.left -= 1
        if self.left < 0:
            raise OSError(28, os.strerror(28))
        super().symlink(text, folder, name)


def test_a_full_disk_ends_the_run_and_loses_nothing(world):
    """What was made is known, the rest is made when there is room."""
    for image in range(5, 9):
        world.photo(image, f"2020/{image}.jpg")
    world.person(1, range(1, 9))
    with pytest.raises(FacedError, match="No space left on device"):
        world.sync(Failing(2))
    assert load_intents(world.store.db) == []
    assert len(load_base(world.store.db).links) == len(world.links()) == 7
    assert world.sync().made == 3
    world.check()


def test_a_failed_flush_keeps_the_intents(world):
    """Base does not move on before the disk has it; the next run looks and goes on."""

    class Unflushed(KernelWriter):
        def flush(self, folder):
            raise OSError(5, os.strerror(5))

    world.photo(5, "2020/5.jpg")
    world.person(1, [1, 2, 3, 5])
    with pytest.raises(FacedError, match="Input/output error"):
        world.sync(Unflushed())
    assert len(load_intents(world.store.db)) == 1
    assert len(load_base(world.store.db).links) == 5
    report = world.sync()
    assert (report.recovered, report.made) == (1, 1)
    world.check()


def test_permission_lost_on_one_folder_costs_that_folder(world):
    """The others are brought up to date."""
    (world.people / "Person 1").chmod(0o500)
    world.photo(5, "2020/5.jpg")
    world.person(1, [1, 2, 3, 5])
    world.person(2, [3, 4, 5])
    with permissions_hold():
        world.sync()
    (world.people / "Person 1").chmod(0o700)
    assert world.left_alone() == {"Person 1/5.jpg": "it could not be changed: Permission denied"}
    assert (world.people / "Person 2" / "5.jpg").is_symlink()


def test_another_process_sees_what_was_recovered(world):
    """A store that is opened anew goes on with the intents of the one before."""
    world.photo(5, "2020/5.jpg")
    world.person(1, [1, 2, 3, 5])

    class Died(Exception):
        pass

    def die():
        raise Died

    with pytest.raises(Died):
        world.sync(Interrupted("set_time", die))
    with open_world(world.folder) as other:
        other.photos, other.persons = world.photos, world.persons
        assert other.sync().recovered == 1
        other.check()


# Face pictures.


def test_face_pictures_are_made_kept_and_taken_away(world):
    """One a face; a second run writes nothing; what is not proposed any more goes, and the folders with it."""
    world.propose(1, [4])
    world.propose(0, [1, 2])
    report = world.sync()
    assert report.pictures_made == 3
    assert world.pictures() == {
        "_Suggestions/Person 1/0.40 4.jpg": face_on(4),
        "_Unsorted/1.jpg": face_on(1),
        "_Unsorted/2.jpg": face_on(2),
    }
    world.check()
    before = everything(world)
    world.sync(BlowUp())
    assert everything(world) == before
    assert world.left_alone() == {}
    world.faces = {0: [wanted for wanted in world.faces[0] if wanted.face == face_on(2)]}
    report = world.sync()
    assert (report.pictures_made, report.pictures_dropped) == (0, 2)
    assert set(world.pictures()) == {"_Unsorted/2.jpg"}
    assert not (world.people / "_Suggestions").exists()
    world.check()


def test_a_picture_that_is_there_needs_no_photo(world):
    """What exists is not cut again; what cannot be cut now is left out, and no empty folder is made for it."""
    world.propose(0, [1])
    world.sync()
    asked = []

    def cut_none(faces):
        asked.extend(faces)
        return {}

    world.propose(0, [1, 2])
    world.propose(1, [3])
    root, shown = os.fsencode(world.people), world.persons.values()
    faces = FacesToShow(ShownFaces(world.faces), cut_none)
    sync_tree(world.store, root, shown, world.photos, faces=faces, writer=BlowUp())
    assert sorted(asked) == [face_on(2), face_on(3)]
    assert set(world.pictures()) == {"_Unsorted/1.jpg"}
    assert not (world.people / "_Suggestions").exists()


def test_no_more_pictures_at_once_than_wanted(world):
    """The rest is said to be left, and made by the next runs."""
    world.propose(0, [1, 2, 3, 4])
    for left in (2, 0):
        faces = FacesToShow(ShownFaces(world.faces), cut_squares, most=2)
        report = sync_tree(
            world.store, os.fsencode(world.people), world.persons.values(), world.photos, faces=faces
        )
        assert (report.pictures_made, report.pictures_left) == (2, left)
    world.check()


def test_a_name_renames_the_folder_of_proposals(world):
    """The very folder, with its pictures."""
    world.propose(1, [4])
    world.sync()
    before = identities(world)
    world.person(1, [1, 2, 3], "Anna")
    world.sync()
    assert {path.replace("Anna", "Person 1"): ino for path, ino in identities(world).items()} == before
    world.check()


def test_promise_4_a_changed_picture_is_left_alone(world):
    """Edited, replaced, joined by strangers' files: not taken away, nor is the folder around it."""
    world.propose(1, [4])
    world.propose(0, [1, 2])
    world.sync()
    people = world.people
    with (people / "_Unsorted" / "1.jpg").open("ab") as file:
        file.write(b"x")
    (people / "_Unsorted" / "2.jpg").write_bytes(b"mine")
    (people / "_Suggestions" / "Person 1" / "notes.txt").write_text("mine")
    world.faces = {}
    world.sync()
    assert sorted(path for path in snapshot(people) if path.startswith("_")) == [
        *("_Suggestions", "_Suggestions/Person 1", "_Suggestions/Person 1/notes.txt"),
        *("_Unsorted", "_Unsorted/1.jpg", "_Unsorted/2.jpg"),
    ]
    world.sync(BlowUp())


def test_promise_4_a_file_that_came_in_between_is_left_alone(world):
    """Right before the picture is put in its place, or taken away: the user's file stays, whole."""
    world.propose(0, [1])

    def put():
        (world.people / "_Unsorted" / "1.jpg").write_text("mine")

    world.sync(Interrupted("set_time", put))
    assert (world.people / "_Unsorted" / "1.jpg").read_text() == "mine"
    assert world.pictures() == {"_Unsorted/1 (2).jpg": face_on(1)}
    world.check()

    def exchange():
        (world.people / "_Unsorted" / "1 (2).jpg").unlink()
        (world.people / "_Unsorted" / "1 (2).jpg").write_text("mine too")

    world.propose(0, [])
    world.sync(Interrupted("move", exchange))
    assert (world.people / "_Unsorted" / "1 (2).jpg").read_text() == "mine too"


def test_pictures_take_their_mode_from_the_people_folder(world):
    """Mode and group, whatever the umask; folders the setgid bit too."""
    people = world.people
    if os.geteuid() == 0:
        os.chown(people, -1, 12345)
    people.chmod(0o2770)
    world.propose(0, [1])
    old = os.umask(0o077)
    try:
        world.sync()
    finally:
        os.umask(old)
    folder, picture = (people / "_Unsorted").stat(), (people / "_Unsorted" / "1.jpg").stat()
    assert stat.S_IMODE(folder.st_mode) == 0o2770
    assert stat.S_IMODE(picture.st_mode) == 0o660
    assert folder.st_gid == picture.st_gid == people.stat().st_gid


def test_pictures_are_recognised_in_a_tree_that_was_lost(world):
    """The very files stay, and are faced's to take away."""
    world.person(1, [1, 2, 3], "Anna")
    world.propose(1, [4])
    world.propose(0, [1])
    world.sync()
    before = identities(world)
    (world.people / ".faced" / "tree.json").unlink()
    with world.store.write() as db:
        db.execute("DELETE FROM made_pictures")
    world.sync(rebuild=True)
    assert identities(world) == before
    world.check()
    world.propose(1, [])
    world.propose(0, [])
    world.sync()
    assert world.pictures() == {}
    world.check()


def test_clean_takes_face_pictures_away(world):
    """Those that are as faced made them."""
    world.propose(1, [4])
    world.propose(0, [1, 2])
    world.sync()
    with (world.people / "_Unsorted" / "1.jpg").open("ab") as file:
        file.write(b"mine")
    clean_tree(world.store, os.fsencode(world.people))
    assert sorted(snapshot(world.people)) == ["_Unsorted", "_Unsorted/1.jpg"]
