"""The plan: what is wanted, what is kept, what is never touched. Laws over a tree in memory, then single cases."""

import re
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from faced.folders.hold import hold_tree
from faced.folders.names import folder_name
from faced.folders.plan import ABSOLUTE, PhotoPath, ShownPerson, plan_tree
from faced.folders.rest import digest_wanted
from faced.model import ImageId, PersonId
from tests.support.treemodel import TreeModel

PATHS = [b"a.jpg", b"b.jpg", b"d/a.jpg", b"d/A.JPG", b"e/a (2).jpg", b"f/\xff.jpg", b"g/b.jpg", b"Thumbs.db"]
photos_of = st.lists(st.sampled_from(PATHS), max_size=2, unique=True).map(
    lambda paths: tuple(sorted(PhotoPath(b"/photos", path, 7) for path in paths))
)
person_names = st.sampled_from([None, None, "Anna", "anna", "Ben", "Person 2", "_x", "Anna (2)"])


@st.composite
def worlds(draw):
    """Persons and photos; a path holds one image only, as on a disk."""
    photos, used = {}, set()
    for number in range(1, draw(st.integers(1, 6)) + 1):
        found = tuple(photo for photo in draw(photos_of) if photo.path not in used)
        used |= {photo.path for photo in found}
        photos[ImageId(number)] = found
    images = st.frozensets(st.sampled_from(sorted(photos)), max_size=5)
    shown = [
        ShownPerson(PersonId(number), draw(person_names), draw(images))
        for number in sorted(draw(st.sets(st.integers(1, 5), max_size=4)))
    ]
    return shown, photos


def plan(model, shown, photos):
    base, disk = model.base, model.disk
    return plan_tree(shown, photos, base, disk, hold_tree(base, disk))


def sync(model, shown, photos):
    for operation in plan(model, shown, photos):
        model.apply(operation)


def shows(model):
    """What the tree says: {(person, folder): sorted link texts}."""
    people = {folder.id: (folder.person, folder.path) for folder in model.folders}
    found = {}
    for link in model.links:
        found.setdefault(people[link.folder], []).append(link.text)
    return {key: sorted(value) for key, value in found.items()}


def wanted_texts(shown, photos):
    return sorted((person.id, image) for person in shown for image in person.images if photos.get(image))


@settings(deadline=None)
@given(st.lists(worlds(), min_size=1, max_size=4))
def test_a_plan_makes_the_wanted_tree_and_then_nothing_is_left_to_do(history):
    """From any state of its own making: each operation is possible, the result is as wanted, a second plan is
    empty, and only folders of persons with a name or a photo stand."""
    model = TreeModel()
    for shown, photos in history:
        sync(model, shown, photos)
        assert sorted((link.person, link.image) for link in model.links) == wanted_texts(shown, photos)
        for link in model.links:
            assert link.text in [photo.text for photo in photos[link.image]]
        named = {person.id for person in shown if person.name is not None}
        pictured = {person for person, _ in wanted_texts(shown, photos)}
        owners = [folder.person for folder in model.folders]
        assert len(owners) == len(set(owners))
        assert pictured <= set(owners) <= pictured | named
        assert plan(model, shown, photos) == ()
        for folder in model.folders:
            wanted = {p.id: folder_name(p.name) if p.name else f"Person {p.id}" for p in shown}[folder.person]
            assert re.sub(rb"( \(\d+\))*$", b"", folder.path) == re.sub(r"( \(\d+\))*$", "", wanted).encode()


@settings(deadline=None)
@given(worlds(), worlds(), st.booleans())
def test_planning_for_those_who_changed_is_planning_for_all(before, after, is_small):
    """Without the links of the others in base and on disk the same is planned, once nothing was to be done."""
    model = TreeModel()
    for _ in range(3):
        sync(model, *before)
    assert plan(model, *before) == ()
    shown, photos = after
    if is_small:  # but for one person, and one photo, all is as before
        shown = [*[p for p in before[0] if p.id not in {x.id for x in shown[:1]}], *shown[:1]]
        photos = {**before[1], **dict(list(photos.items())[:1])}
        paths = [photo.path for found in photos.values() for photo in found]
        assume(len(paths) == len(set(paths)))
    wanted, was = digest_wanted(shown, photos, ABSOLUTE), digest_wanted(*before, ABSOLUTE)
    only = {PersonId(n) for n in range(6) if wanted.get(PersonId(n)) != was.get(PersonId(n))}
    base, disk = model.base, model.disk
    theirs = {folder.id for folder in base.folders if folder.person in only}
    links = tuple(link for link in base.links if link.person in only or link.folder in theirs)
    full = {folder.path for folder in base.folders if folder.person in only}
    lean_disk = {p: f if p in full or f.folders else replace(f, links={}) for p, f in disk.items()}
    lean = replace(base, links=links)
    found = plan_tree(shown, photos, lean, lean_disk, hold_tree(lean, lean_disk), only=only)
    assert found == plan(model, shown, photos)


@settings(deadline=None)
@given(worlds(), worlds(), st.randoms(use_true_random=False))
def test_plan_ignores_arrival_order(first, second, random):
    """Other ids for the same persons and images, handed in in another order: the same tree, up to the numbers of
    unnamed persons and the suffixes of clashes."""
    renumbered = [number + 100 for number in range(1, 12)]
    random.shuffle(renumbered)
    trees = []
    for number_of in (lambda number: number, lambda number: renumbered[number]):
        model = TreeModel()
        for shown, photos in (first, second):
            shown = [
                replace(
                    person,
                    id=PersonId(number_of(person.id)),
                    images=frozenset(ImageId(number_of(image)) for image in person.images),
                )
                for person in shown
            ]
            photos = {ImageId(number_of(image)): found for image, found in photos.items()}
            random.shuffle(shown)
            photos = dict(random.sample(sorted(photos.items()), len(photos)))
            sync(model, shown, photos)
        trees.append(
            sorted(
                (re.sub(rb"( \(\d+\))*$", b"", re.sub(rb"^Person \d+", b"Person", path)).lower(), texts)
                for (_, path), texts in shows(model).items()
            )
        )
    assert trees[0] == trees[1]


JUNK = [b"Thumbs.db", b".DS_Store", b"._x"]
STRANGERS = [*JUNK, b"notes.txt", b"a.jpg", b"a (2).jpg"]


@st.composite
def meddling(draw):
    """What somebody does to a tree: (kind, which, name)."""
    kinds = ["drop", "text", "file", "add", "folder", "rmdir", "rename", "swap"]
    return (draw(st.sampled_from(kinds)), draw(st.integers(0, 20)), draw(st.sampled_from(STRANGERS)))


def meddle(model, change):
    """Do it to the disk, and leave base alone."""
    kind, which, name = change
    links = sorted(path for path, entry in model.entries.items() if isinstance(entry, bytes))
    folders = sorted(path for path, entry in model.entries.items() if isinstance(entry, int))
    if kind in ("drop", "text", "file") and links:
        path = links[which % len(links)]
        model.entries[path] = b"/elsewhere" if kind == "text" else None
        if kind == "drop":
            del model.entries[path]
    elif kind == "add":
        where = [b"", *folders][which % (len(folders) + 1)]
        model.entries.setdefault(where + b"/" + name if where else name, None)
    elif kind == "folder":
        model.entries.setdefault(b"Person %d" % (which % 6), 5_000 + which)
    elif kind in ("rmdir", "rename", "swap") and folders:
        path = folders[which % len(folders)]
        inside = {
            p: model.entries.pop(p) for p in sorted(model.entries) if p == path or p.startswith(path + b"/")
        }
        if kind == "rename":
            for old, entry in inside.items():
                model.entries[b"Renamed" + old[len(path) :]] = entry
        if kind == "swap":
            model.entries[path] = 6_000 + which


@settings(deadline=None)
@given(worlds(), st.lists(meddling(), max_size=4), worlds())
def test_promise_4_no_plan_touches_what_base_does_not_own(first, changes, second):
    """Whatever somebody did to the tree: every operation is on something that base owns and that is as it was
    left (the model refuses others), all that is not base's is still there, and what differs is said."""
    model = TreeModel()
    sync(model, *first)
    for change in changes:
        meddle(model, change)
    base, disk = model.base, model.disk
    held = hold_tree(base, disk)
    paths = {folder.id: folder.path for folder in base.folders}
    owned = {paths[link.folder] + b"/" + link.name: link.text for link in base.links} | {
        folder.path: folder.ino for folder in base.folders
    }
    strangers = {path: entry for path, entry in model.entries.items() if owned.get(path, "") != entry}
    for operation in plan_tree(*second, base, disk, held):
        model.apply(operation)
    for path, entry in strangers.items():
        name = path.rpartition(b"/")[2]
        stays = [p for p, e in model.entries.items() if e == entry and p.rpartition(b"/")[2] == name]
        assert stays or name in JUNK, path
    for path, entry in owned.items():
        above = path.rpartition(b"/")[0]
        if disk_entry(disk, path) != entry and above not in held.left_alone:
            assert path in held.left_alone
    assert plan(model, *second) == ()


def disk_entry(disk, path):
    folder, _, name = path.rpartition(b"/")
    if folder not in disk:
        return None
    if name in disk[folder].folders:
        return disk[path].ino
    return disk[folder].links.get(name)


@pytest.fixture
def model():
    """Anna (1), unnamed, with three photos, of which two have the same file name."""
    model = TreeModel()
    sync(model, [person(1, 1, 2, 3)], PHOTOS)
    return model


def person(number, *images, name=None):
    return ShownPerson(PersonId(number), name, frozenset(map(ImageId, images)))


def at(*paths):
    return tuple(sorted(PhotoPath(b"/photos", path, 7) for path in paths))


PHOTOS = {1: at(b"a.jpg"), 2: at(b"b.jpg"), 3: at(b"d/a.jpg")}


def entries(model):
    return {path: entry for path, entry in model.entries.items() if isinstance(entry, bytes)}


def test_links_have_the_photos_names(model):
    """A clash gets a number, in the order of library and path."""
    assert entries(model) == {
        b"Person 1/a.jpg": b"/photos/a.jpg",
        b"Person 1/a (2).jpg": b"/photos/d/a.jpg",
        b"Person 1/b.jpg": b"/photos/b.jpg",
    }


def test_a_number_is_given_once_and_kept(model):
    """The photo that had the plain name is gone; the other keeps its number."""
    sync(model, [person(1, 1, 2, 3)], {**PHOTOS, 1: ()})
    assert b"Person 1/a (2).jpg" in entries(model)
    assert b"Person 1/a.jpg" not in entries(model)


def test_a_link_stays_while_its_photo_does(model):
    """A copy whose path comes first changes nothing."""
    assert plan(model, [person(1, 1, 2, 3)], {**PHOTOS, 2: at(b"0/z.jpg", b"b.jpg")}) == ()


def test_a_link_goes_on_to_the_smallest_other_photo(model):
    """The photo was moved to another folder: the same link leads there (one operation, the name stays)."""
    operations = plan(model, [person(1, 1, 2, 3)], {**PHOTOS, 2: at(b"y/b.jpg", b"x/b.jpg")})
    assert [(o.op, o.name, o.old, o.new) for o in operations] == [
        ("retarget", b"b.jpg", b"/photos/b.jpg", b"/photos/x/b.jpg")
    ]


def test_a_rename_in_the_library_is_followed(model):
    """The old link is dropped, one of the new name is made."""
    operations = plan(model, [person(1, 1, 2, 3)], {**PHOTOS, 2: at(b"oma.jpg")})
    assert [(o.op, o.name) for o in operations] == [("drop", b"b.jpg"), ("link", b"oma.jpg")]


def test_a_name_that_is_not_the_photos_stays(model):
    """Base may hold a name that a user gave: it stays when the photo moves on."""
    model.links = [link._replace(name=b"mine.jpg") if link.name == b"b.jpg" else link for link in model.links]
    model.entries[b"Person 1/mine.jpg"] = model.entries.pop(b"Person 1/b.jpg")
    operations = plan(
        model, [replace(person(1, 1, 2, 3), link_names={2: b"mine.jpg"})], {**PHOTOS, 2: at(b"oma.jpg")}
    )
    assert [(o.op, o.name, o.new) for o in operations] == [("retarget", b"mine.jpg", b"/photos/oma.jpg")]


def test_a_photo_edited_in_place_keeps_its_link_untouched(model):
    """Another picture at the same path: the link stands for it, and is the same link."""
    photos = {1: at(b"a.jpg"), 2: (), 3: at(b"d/a.jpg"), 4: at(b"b.jpg")}
    operations = plan(model, [person(1, 1, 3, 4)], photos)
    assert [(o.op, o.name, o.old == o.new, o.image) for o in operations] == [("retarget", b"b.jpg", True, 4)]


def test_two_photos_that_swapped_their_names(model):
    """Each link is dropped before its name is given again."""
    sync(model, [person(1, 1, 2)], {1: at(b"b.jpg"), 2: at(b"a.jpg")})
    assert entries(model) == {b"Person 1/b.jpg": b"/photos/b.jpg", b"Person 1/a.jpg": b"/photos/a.jpg"}
    assert plan(model, [person(1, 1, 2)], {1: at(b"b.jpg"), 2: at(b"a.jpg")}) == ()


def test_names_move_in_a_ring():
    """Three folders pass their names on at once; each arrives."""
    model = TreeModel()
    photos = {1: at(b"a.jpg"), 2: at(b"b.jpg"), 3: at(b"c.jpg")}
    sync(model, [person(n, n, name=name) for n, name in ((1, "A"), (2, "B"), (3, "C"))], photos)
    inodes = {folder.person: folder.ino for folder in model.folders}
    sync(model, [person(n, n, name=name) for n, name in ((1, "B"), (2, "C"), (3, "A"))], photos)
    assert {f.path: (f.person, f.ino) for f in model.folders} == {
        b"B": (1, inodes[1]),
        b"C": (2, inodes[2]),
        b"A": (3, inodes[3]),
    }


def test_a_renamed_person_keeps_the_place_of_the_folder(model):
    """A folder that lies below another one is renamed there."""
    model.entries[b"Family"] = 900
    model.apply(replace(plan(model, [], {})[-1], op="movedir", new=b"Family/Person 1"))
    sync(model, [person(1, 1, 2, 3, name="Oma")], PHOTOS)
    assert [folder.path for folder in model.folders] == [b"Family/Oma"]


def test_the_empty_folder_of_a_named_person_stays(model):
    """Her photos are gone, her name is not."""
    sync(model, [person(1, 1, 2, 3, name="Anna")], PHOTOS)
    sync(model, [person(1, name="Anna")], PHOTOS)
    assert [folder.path for folder in model.folders] == [b"Anna"]
    assert entries(model) == {}


def test_a_person_who_is_not_shown_any_more_leaves_no_folder(model):
    """Links first, then the folder."""
    assert [o.op for o in plan(model, [], PHOTOS)] == ["drop", "drop", "drop", "rmdir"]


def test_junk_does_not_keep_a_folder_alive(model):
    """It is moved out of sight with the folder, for it is not ours to delete."""
    model.entries[b"Person 1/Thumbs.db"] = None
    operations = plan(model, [], PHOTOS)
    assert [(o.op, o.new) for o in operations[3:]] == [("movedir", b".faced/junk/1")]


def test_a_strangers_file_keeps_a_folder_alive(model):
    """The links go, the folder stays with what somebody put there."""
    model.entries[b"Person 1/notes.txt"] = None
    assert [o.op for o in plan(model, [], PHOTOS)] == ["drop", "drop", "drop"]


def test_names_that_others_use_are_not_wanted(model):
    """A stranger's folder `Person 2` and a stranger's file `c.jpg`: the next number is taken."""
    model.entries[b"Person 2"] = 900
    model.entries[b"Person 1/C.JPG"] = None
    sync(model, [person(1, 1, 2, 3, 4), person(2, 4)], {**PHOTOS, 4: at(b"c.jpg")})
    assert entries(model)[b"Person 1/c (2).jpg"] == b"/photos/c.jpg"
    assert entries(model)[b"Person 2 (2)/c.jpg"] == b"/photos/c.jpg"


def test_a_person_whose_folder_is_held_gets_no_other(model):
    """The folder was renamed by somebody: nothing is made, nothing dropped, it is said."""
    model.entries = {b"Anna" + path[8:]: entry for path, entry in model.entries.items()}
    base, disk = model.base, model.disk
    held = hold_tree(base, disk)
    assert plan_tree([person(1, 1, 2, 3, 4)], {**PHOTOS, 4: at(b"c.jpg")}, base, disk, held) == ()
    assert held.left_alone == {
        b"Person 1": "the folder that faced made here was removed, renamed or moved",
        b"Anna": "a folder that faced did not make",
    }


def test_folders_of_nobody_and_of_unknown_persons():
    """A folder without a person stays; one of a person that nobody knows goes when it is empty."""
    model = TreeModel()
    sync(model, [person(1, 1)], {1: at(b"a.jpg")})
    model.folders = [model.folders[0]._replace(person=None)]
    assert [o.op for o in plan(model, [], {})] == ["drop"]
    sync(model, [], {})
    model.folders = [model.folders[0]._replace(person=PersonId(99))]
    assert [o.op for o in plan(model, [], {})] == ["rmdir"]


def test_short_names_where_the_file_system_wants_them(model):
    """An encrypting file system takes 143 bytes."""
    base, disk = model.base, model.disk
    photos = {**PHOTOS, 4: at(b"x" * 200 + b".jpg")}
    held = hold_tree(base, disk)
    operations = plan_tree([person(1, 1, 2, 3, 4)], photos, base, disk, held, name_max=143)
    assert [o.name for o in operations] == [b"x" * 139 + b".jpg"]


def place(number, *images, at, name=None):
    return ShownPerson(PersonId(number), name, frozenset(map(ImageId, images)), at)


def paths_of(model):
    return {folder.person: folder.path for folder in model.folders if folder.person is not None}


def test_a_new_folder_goes_where_its_person_is_said_to_live():
    """Folders above are made, once, and are nobody's; the last part counts while it says the name."""
    model = TreeModel()
    shown = [
        place(1, 1, at=b"Family/Near/Anna", name="Anna"),
        place(2, 2, at=b"Family/Near/Ben", name="Bernd"),
        place(3, 3, at=b"Family/_C", name="_C"),
        place(4, 3, at=b"", name="Dora"),
        place(5, 1, at=b"Family/Person 9"),
    ]
    sync(model, shown, PHOTOS)
    assert paths_of(model) == {
        1: b"Family/Near/Anna",
        2: b"Family/Near/Bernd",
        3: b"Family/_C",
        4: b"Dora",
        5: b"Family/Person 5",
    }
    assert sorted(folder.path for folder in model.folders if folder.person is None) == [
        b"Family",
        b"Family/Near",
    ]
    assert plan(model, shown, PHOTOS) == ()


def test_a_folder_follows_what_is_said(model):
    """Moved and renamed at once; b"" is the top; None says nothing."""
    sync(model, [place(1, 1, 2, 3, at=b"F/x", name="Anna")], PHOTOS)
    assert paths_of(model) == {1: b"F/Anna"}
    assert plan(model, [place(1, 1, 2, 3, at=None, name="Anna")], PHOTOS) == ()
    sync(model, [place(1, 1, 2, 3, at=b"G/H/x", name="Anna")], PHOTOS)
    assert paths_of(model) == {1: b"G/H/Anna"}
    sync(model, [place(1, 1, 2, 3, at=b"", name="Anna")], PHOTOS)
    assert paths_of(model) == {1: b"Anna"}


@pytest.mark.parametrize(
    "where", [b"note/x", b"Anna/x", b"_Ignored/x", b".git/x", b"F/.trash/x", b"F//x", b"../x", b"F/../x"]
)
def test_a_place_that_will_not_do(where):
    """A file is there, it is a person's, hidden or faced's own: new at the top, and what is there stays."""
    model = TreeModel()
    model.entries[b"note"] = None
    anna = place(1, 1, at=None, name="Anna")
    sync(model, [anna], PHOTOS)
    sync(model, [anna, place(2, 2, at=where, name="Ben")], PHOTOS)
    assert paths_of(model) == {1: b"Anna", 2: b"Ben"}
    assert plan(model, [anna, place(2, 2, at=where, name="Ben")], PHOTOS) == ()


def test_places_and_names_in_each_others_way(model):
    """One becomes `Family` while others move into a folder of that name."""
    sync(model, [person(1, 1, 2, 3, name="Anna"), person(2, 2, name="Ben")], PHOTOS)
    shown = [
        place(1, 1, 2, 3, at=b"", name="Family"),
        place(2, 2, at=b"Family/Ben", name="Ben"),
        place(3, 3, at=b"Family/Carl", name="Carl"),
    ]
    sync(model, shown, PHOTOS)
    sync(model, shown, PHOTOS)
    assert paths_of(model) == {1: b"Family (2)", 2: b"Family/Ben", 3: b"Family/Carl"}
    assert plan(model, shown, PHOTOS) == ()


@settings(deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(
                st.integers(1, 4),
                st.sampled_from([None, "Anna", "F", "Person 2"]),
                st.sampled_from([None, b"", b"F/x", b"F/G/x", b"Anna/x", b"f/x"]),
            ),
            max_size=4,
            unique_by=lambda row: row[0],
        ),
        min_size=1,
        max_size=4,
    )
)
def test_places_come_to_rest(history):
    """Whatever is said, in whatever order: every step is possible, and soon there is nothing left to do."""
    model = TreeModel()
    for state in history:
        shown = [place(number, number % 3 + 1, at=at, name=name) for number, name, at in state]
        for _ in range(3):
            sync(model, shown, PHOTOS)
        assert plan(model, shown, PHOTOS) == ()
        assert paths_of(model).keys() == {number for number, _, _ in state}


def test_the_name_of_a_folder_that_goes_is_free_for_another(model):
    """Anna is merged into a person without a name, who is called so from now on."""
    photos = {
        ImageId(1): (PhotoPath(b"/photos", b"a.jpg", 7),),
        ImageId(2): (PhotoPath(b"/photos", b"b.jpg", 7),),
    }
    anna, other = ImageId(1), ImageId(2)
    sync(
        model,
        [
            ShownPerson(PersonId(1), "Anna", frozenset([anna])),
            ShownPerson(PersonId(2), None, frozenset([other])),
        ],
        photos,
    )
    sync(model, [ShownPerson(PersonId(2), "Anna", frozenset([anna, other]))], photos)
    assert shows(model) == {(2, b"Anna"): [b"/photos/a.jpg", b"/photos/b.jpg"]}
