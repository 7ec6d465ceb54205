"""What a user did, row by row of the table; then the laws: cuts do not matter, faced's own work is no edit."""

import random as random_module

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faced.folders.disk import parent_of
from faced.folders.edits import Hidden, Moved, Named, Placed, Rejected, Shown
from faced.folders.missing import AS_BEFORE
from tests.support.treeuser import SECOND, UserTree, photo_text

ANNA, BEN, CARL = 1, 2, 3


@pytest.fixture
def tree():
    """Three persons without names: of four, three and two photos; photo 4 shows the first two."""
    return UserTree({ANNA: [1, 2, 3, 4], BEN: [4, 5, 6], CARL: [7, 8]})


def kinds(edits):
    return [(type(edit).__name__, edit.person) for edit in edits]


def anna(tree):
    return tree.folder_of(ANNA)


# Nothing.


def test_nothing_was_done(tree):
    """Looked at again and again, nothing is understood and nothing changes."""
    for _ in range(2):
        understood = tree.understand()
        assert (understood.edits, understood.waiting, understood.asks, understood.over) == ((), (), (), ())
        assert not understood.change
        assert understood.left_alone == {}


# A person's folder.


def test_a_renamed_folder_names_its_person(tree):
    """The links that are in it are the anchors; base knows the new name."""
    tree.move(anna(tree), b"Anna")
    (edit,) = tree.look()
    assert edit == Named(ANNA, "Anna", frozenset([1, 2, 3, 4]), "the folder Person 1 was renamed to Anna")
    assert tree.look() == ()
    tree.plan()
    assert tree.path_of(anna(tree)) == b"Anna"


def test_a_deleted_link_is_no_anchor(tree):
    """Renamed and a link deleted in one go."""
    tree.move(anna(tree), b"Anna")
    tree.delete_link(anna(tree), 2)
    (edit,) = tree.look()
    assert edit.images == {1, 3, 4}


def test_person_and_a_number_is_no_name(tree):
    """Whatever the number; and faced then gives the folder its own."""
    tree.move(anna(tree), b"Anna")
    tree.look()
    tree.move(anna(tree), b"person 99 (2)")
    assert tree.look() == (Named(ANNA, None, frozenset(), "the folder Anna was renamed to person 99 (2)"),)
    tree.plan()
    assert tree.path_of(anna(tree)) == b"Person 1"
    tree.move(anna(tree), b"Person 7")
    assert tree.look() == ()


def test_a_folder_moved_elsewhere_is_where_its_person_lives(tree):
    """And faced does not move it back; a rename on the way is a name."""
    tree.move(anna(tree), b"Family/Person 1")
    assert kinds(tree.look()) == [("Placed", ANNA)]
    tree.plan()
    assert tree.path_of(anna(tree)) == b"Family/Person 1"
    tree.move(anna(tree), b"Friends/Best/Anna")
    assert [type(edit) for edit in tree.look()] == [Named, Placed]
    assert tree.places[ANNA] == b"Friends/Best/Anna"
    tree.plan()
    assert tree.path_of(anna(tree)) == b"Friends/Best/Anna"


def test_a_folder_above_persons_is_renamed(tree):
    """Everybody in it lives there now."""
    tree.move(anna(tree), b"Family/Anna")
    tree.move(tree.folder_of(BEN), b"Family/Ben")
    tree.look()
    tree.move(tree.entries[b"Family"], b"Familie")
    assert [(edit.person, edit.path) for edit in tree.look()] == [
        (ANNA, b"Familie/Anna"),
        (BEN, b"Familie/Ben"),
    ]


def test_two_folders_swap_their_names(tree):
    """Each is known by its inode and its links."""
    tree.move(anna(tree), b"Anna")
    tree.move(tree.folder_of(BEN), b"Ben")
    tree.look()
    tree.swap(anna(tree), tree.folder_of(BEN))
    assert [(edit.person, edit.name) for edit in tree.look()] == [(ANNA, "Ben"), (BEN, "Anna")]


def test_names_passed_on_in_a_ring(tree):
    """Three at once."""
    for person, name in ((ANNA, b"A"), (BEN, b"B"), (CARL, b"C")):
        tree.move(tree.folder_of(person), name)
    tree.look()
    first = anna(tree)
    tree.swap(first, tree.folder_of(BEN))
    tree.swap(first, tree.folder_of(CARL))
    assert [(edit.person, edit.name) for edit in tree.look()] == [(ANNA, "C"), (BEN, "A"), (CARL, "B")]


NAMES = [
    b"Anna",
    "Zoë".encode(),
    "Zoe\u0308".encode(),
    b"x" * 255,
    b"two\nlines",
    "\u202eannA".encode(),
    b".hidden",
    b"_Anna",
    b"Anna ",
    b" ",
    b"12345",
    "👩‍👧".encode(),
    b"Ren\xe9",
    b"-rf",
    b"Anna (2)",
    b"Anna + Ben",
    b"con",
    b"a:b*c?",
]


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith(b".")])
def test_names_of_all_kinds(tree, name):
    """The text is the name, byte for byte, and the folder keeps it."""
    tree.move(anna(tree), name)
    (edit,) = tree.look()
    assert edit.name.encode("utf-8", "surrogateescape") == name
    tree.plan()
    assert tree.path_of(anna(tree)) == name
    assert tree.look() == ()


def test_only_another_form_of_the_same_letters(tree):
    """NFC became NFD on the way through another system: no news. Another case is news."""
    tree.move(anna(tree), "Zoë".encode())
    tree.look()
    tree.move(anna(tree), "Zoe\u0308".encode())
    assert tree.look() == ()
    tree.plan()
    assert tree.path_of(anna(tree)) == "Zoe\u0308".encode()
    tree.move(anna(tree), "ZOË".encode())
    assert [edit.name for edit in tree.look()] == ["ZOË"]


def test_twins_in_form_are_two_persons(tree):
    """NFC and NFD side by side."""
    tree.move(anna(tree), "Zoë".encode())
    tree.move(tree.folder_of(BEN), "Zoe\u0308".encode())
    assert len(tree.look()) == 2
    tree.plan()
    assert (tree.path_of(anna(tree)), tree.path_of(tree.folder_of(BEN))) == (
        "Zoë".encode(),
        "Zoe\u0308".encode(),
    )


def test_two_persons_of_one_name(tree):
    """In different folders, or with the number that faced gave."""
    tree.move(anna(tree), b"Family/Anna")
    tree.move(tree.folder_of(BEN), b"Friends/Anna")
    tree.look()
    assert tree.names == {ANNA: "Anna", BEN: "Anna"}
    tree.plan()
    assert tree.look() == ()
    del tree.places[ANNA]
    del tree.places[BEN]
    tree.plan()  # both to the top
    assert {tree.path_of(anna(tree)), tree.path_of(tree.folder_of(BEN))} == {b"Anna", b"Anna (2)"}
    assert tree.look() == ()
    second = ANNA if tree.path_of(anna(tree)) == b"Anna (2)" else BEN
    tree.throw_away(tree.folder_of(ANNA + BEN - second))
    tree.move(tree.folder_of(second), b"Anna")
    tree.look()
    assert tree.look(10) == (Hidden(ANNA + BEN - second, "the folder Anna was deleted or moved away"),)
    assert (tree.names[second], tree.path_of(tree.folder_of(second))) == ("Anna", b"Anna")


def test_an_empty_named_folder_is_known_by_its_inode(tree):
    """Her photos are gone, the folder is renamed."""
    tree.move(anna(tree), b"Anna")
    tree.look()
    tree.on[ANNA] = frozenset()
    tree.plan()
    assert [path for path in tree.entries if path.startswith(b"Anna/")] == []
    tree.move(anna(tree), b"Family/Oma")
    assert [type(edit) for edit in tree.look()] == [Named, Placed]


def test_a_freed_inode_proves_nothing(tree):
    """The folder was deleted, and a new one with other things in it got its inode."""
    ino = anna(tree)
    tree.throw_away(ino)
    tree.put(b"Holiday", ino)
    tree.put(b"Holiday/note.txt", None)
    assert tree.look() == ()
    assert tree.look(10) == (Hidden(ANNA, "the folder Person 1 was deleted or moved away"),)


def test_one_inode_twice_in_base(tree):
    """Of a folder that is gone and not yet decided upon, and of one made since, both empty: it cannot be told."""
    for person, name in ((ANNA, b"Anna"), (BEN, b"Ben")):
        tree.move(tree.folder_of(person), name)
        tree.on[person] = frozenset()
    tree.look()
    tree.plan()
    ino = anna(tree)
    tree.throw_away(ino)
    ben = tree.folder_of(BEN)
    tree.folders = [f._replace(ino=ino) if f.person == BEN else f for f in tree.folders]
    tree.entries[b"Ben"] = ino
    assert kinds(tree.understand(trust_first=True).edits) == [("Hidden", ANNA)]
    tree.move(ino, b"Renamed")
    assert tree.look() == tree.look(10) == ()
    assert ben != ino
    assert "cannot be told" in tree.understand().left_alone[b"Ben"]


def test_a_folder_restored_from_a_backup(tree):
    """Another inode, the same links: it is hers, wherever it was put."""
    ino = anna(tree)
    tree.throw_away(ino)
    tree.restore(ino, new_ino=99_999)
    assert tree.look() == ()
    assert anna(tree) == 99_999
    tree.throw_away(99_999)
    tree.trash[99_999] = (b"Anna", tree.trash[99_999][1])
    tree.restore(99_999, new_ino=99_998)
    assert [edit.name for edit in tree.look()] == ["Anna"]


def test_which_of_two_restored_copies_cannot_be_told(tree):
    """Held, and said; with one of them gone it is the other."""
    ino = anna(tree)
    tree.throw_away(ino)
    _, inside = tree.trash[ino]
    for number, name in enumerate((b"One", b"Two")):
        for part, entry in inside.items():
            tree.put(name + part, 70_000 + number if entry == ino else entry)
    assert tree.look() == tree.look(10) == ()
    assert "more than one folder" in tree.understand().left_alone[b"Person 1"]
    tree.throw_away(70_001)
    assert [edit.name for edit in tree.look()] == ["One"]


def test_a_copy_is_the_users_own_affair(tree):
    """Said to be one; the original stays hers."""
    path = tree.path_of(anna(tree))
    tree.put(b"Copy", 50_000)
    for image in (1, 2, 3, 4):
        tree.put(b"Copy/%d.jpg" % image, photo_text(image))
    assert tree.look() == tree.look(10) == ()
    assert tree.understand().left_alone[b"Copy"] == "a copy of the folder Person 1; it is yours"
    assert tree.path_of(anna(tree)) == path


def test_an_album_with_her_few_photos_is_not_her(tree):
    """Her folder was deleted; a folder with all her links and many others is no person's folder."""
    tree.put(b"Holiday", 50_000)
    for image in (1, 2, 3, 4, 5, 6, 7, 8):
        tree.put(b"Holiday/%d.jpg" % image, photo_text(image))
    tree.throw_away(tree.folder_of(CARL))
    assert tree.look() == tree.look(10) == ()
    assert b"Person 3" in tree.understand().left_alone  # most of its links are elsewhere: perhaps a merge


@pytest.mark.parametrize("named", [True, False])
def test_a_folder_inside_another_persons(tree, named):
    """Two with names, or one that is given a name there: ambiguous. Moved out again: as before."""
    if named:
        tree.move(anna(tree), b"Anna")
    tree.move(tree.folder_of(BEN), b"Ben")
    tree.look()
    before = tree.path_of(anna(tree))
    tree.move(anna(tree), b"Ben/x")
    assert tree.look() == tree.look(10) == ()
    said = tree.understand().left_alone
    assert "faced merge" in said[b"Ben/x"]
    assert before in said
    tree.plan()
    assert tree.path_of(anna(tree)) == b"Ben/x"
    tree.move(anna(tree), before)
    assert tree.look() == ()
    assert tree.understand().left_alone == {}


@pytest.mark.parametrize("place", [b"_Suggestions/A", b"_unsorted"])
def test_a_folder_put_where_faceds_own_are(tree, place):
    """Held and said."""
    tree.move(anna(tree), place)
    assert tree.look() == tree.look(10) == ()
    assert "faced's own" in tree.understand().left_alone[place]


def test_a_folder_that_cannot_be_read(tree):
    """Nothing is known of it, nor of one that is nowhere while something cannot be read."""
    tree.closed = {b"Person 1"}
    tree.throw_away(tree.folder_of(BEN))
    assert tree.look() == ()
    assert kinds(tree.look(10)) == [("Hidden", BEN)]
    assert "cannot be read" in tree.understand().left_alone[b"Person 1"]
    tree.move(tree.folder_of(CARL), b"Secret")
    tree.closed = {b"Secret"}
    assert tree.look(10) == tree.look(10) == ()
    assert "it may be in Secret" in tree.understand().left_alone[b"Person 3"]
    tree.closed = set()
    assert [edit.name for edit in tree.look()] == ["Secret"]


# Gone and back.


def test_a_deleted_folder_hides_its_person_at_the_second_look(tree):
    """Not at the first; nor when it is back by then; and the second must be late enough."""
    ino = anna(tree)
    tree.throw_away(ino)
    assert tree.look() == tree.look(9) == ()
    assert [(row.path, row.what, row.person) for row in tree.undecided] == [(b"Person 1", "folder", ANNA)]
    tree.restore(ino)
    assert tree.look() == ()
    assert tree.undecided == ()
    tree.throw_away(ino)
    assert tree.look() == ()
    assert tree.look(10) == (Hidden(ANNA, "the folder Person 1 was deleted or moved away"),)
    tree.plan()
    assert tree.look(10) == ()
    assert ANNA not in {folder.person for folder in tree.folders}


def test_the_first_look_is_trusted_when_told_so(tree):
    """`--now`."""
    tree.throw_away(anna(tree))
    assert kinds(tree.understand(trust_first=True).edits) == [("Hidden", ANNA)]


def test_a_clock_that_was_set_back_waits_anew(tree):
    """First seen in the future: seen now."""
    tree.throw_away(anna(tree))
    tree.look()
    assert tree.look(-3600) == ()
    assert tree.look(9) == ()
    assert kinds(tree.look(1)) == [("Hidden", ANNA)]


@pytest.mark.parametrize("new_ino", [None, 88_888])
def test_a_folder_back_from_the_trash_shows_its_person(tree, new_ino):
    """By its inode and its links, or by its links; with the name that it has."""
    tree.move(anna(tree), b"Anna")
    tree.look()
    ino = anna(tree)
    tree.throw_away(ino)
    tree.look()
    tree.look(10)
    tree.plan()
    assert tree.hidden == {ANNA}
    tree.restore(ino, new_ino)
    assert tree.look() == (Shown(ANNA, "the folder Anna was put back"),)
    assert tree.names == {ANNA: "Anna"}
    before = dict(tree.entries)
    tree.plan()
    assert tree.entries == before
    assert tree.look(10) == ()


def test_put_back_under_another_name(tree):
    """Shown, named and placed at once."""
    ino = anna(tree)
    tree.throw_away(ino)
    tree.look()
    tree.look(10)
    tree.trash[ino] = (b"Family/Anna", tree.trash[ino][1])
    tree.restore(ino)
    assert [type(edit) for edit in tree.look()] == [Shown, Named, Placed]


def test_an_album_does_not_bring_somebody_back(tree):
    """A few links of a hidden person among many others."""
    tree.throw_away(tree.folder_of(CARL))
    tree.look()
    tree.look(10)
    tree.put(b"Holiday", 50_000)
    for image in (1, 2, 5, 7, 8):
        tree.put(b"Holiday/%d.jpg" % image, photo_text(image))
    assert tree.look() == tree.look(10) == ()
    assert tree.hidden == {CARL}


def test_a_name_that_is_still_in_use_waits(tree):
    """Anna was deleted, Ben called Anna: Ben's name waits until it is known what became of Anna, and is not lost."""
    tree.move(anna(tree), b"Anna")
    tree.look()
    tree.throw_away(anna(tree))
    tree.move(tree.folder_of(BEN), b"Anna")
    assert tree.look() == ()
    assert "it waits" in tree.understand().left_alone[b"Anna"]
    tree.plan()
    assert [type(edit) for edit in tree.look(10)] == [Named, Hidden]
    assert tree.names == {ANNA: "Anna", BEN: "Anna"}


# Links.


def test_a_deleted_link_is_a_rejection_at_the_second_look(tree):
    """Not before; and then it does not come back."""
    tree.delete_link(anna(tree), 2)
    assert tree.look() == tree.look(9) == ()
    assert [(row.path, row.what, row.image) for row in tree.undecided] == [(b"Person 1/2.jpg", "link", 2)]
    tree.plan()
    assert tree.look(1) == (Rejected(ANNA, 2, "the link Person 1/2.jpg was deleted"),)
    tree.plan()
    assert tree.look(10) == ()
    assert not tree.delete_link(anna(tree), 2)


def test_a_link_put_back_in_time_was_never_away(tree):
    """And when it goes again, the time begins anew."""
    path = tree.link(anna(tree), 2)
    tree.delete_link(anna(tree), 2)
    tree.look()
    tree.put(path, photo_text(2))
    assert tree.look(5) == ()
    assert tree.undecided == ()
    tree.delete_link(anna(tree), 2)
    assert tree.look(5) == tree.look(9) == ()
    assert kinds(tree.look(1)) == [("Rejected", ANNA)]


def test_what_waits_follows_a_rename(tree):
    """The folder is renamed between the looks."""
    tree.delete_link(anna(tree), 2)
    tree.look()
    tree.move(anna(tree), b"Anna")
    assert kinds(tree.look(5)) == [("Named", ANNA)]
    assert [row.path for row in tree.undecided] == [b"Anna/2.jpg"]
    assert kinds(tree.look(5)) == [("Rejected", ANNA)]


def test_a_link_whose_photo_is_away_is_no_rejection(tree):
    """Offline, dangling or gone: it is made again, if it is wanted."""
    tree.excused = frozenset([2])
    tree.delete_link(anna(tree), 2)
    assert tree.look() == tree.look(10) == ()
    tree.plan()
    assert tree.entries[tree.link(anna(tree), 2)] == photo_text(2)
    assert tree.rejected == {}


def test_something_in_the_place_of_a_link(tree):
    """A program replaced the link by a file, or led it elsewhere: no rejection."""
    tree.entries[tree.link(anna(tree), 1)] = None
    tree.entries[tree.link(anna(tree), 2)] = b"/elsewhere"
    assert tree.look() == tree.look(10) == ()
    assert set(tree.understand().left_alone) == {b"Person 1/1.jpg", b"Person 1/2.jpg"}


def test_an_older_text_is_the_same_link(tree):
    """Restored from a time when the photo was elsewhere: known, and led to where the photo is now."""
    tree.texts[b"/photos/old/1.jpg"] = 1
    tree.entries[tree.link(anna(tree), 1)] = b"/photos/old/1.jpg"
    assert tree.look() == ()
    assert tree.understand().left_alone == {}
    tree.plan()
    assert tree.entries[tree.link(anna(tree), 1)] == photo_text(1)


# What is asked.


@pytest.fixture
def crowd():
    """Six persons; the first with 100 photos, the others with ten each."""
    return UserTree({1: range(1, 101), **{p: range(p * 100 + 1, p * 100 + 11) for p in range(2, 7)}})


def lose(tree, person, count):
    folder = tree.folder_of(person)
    images = sorted(link.image for link in tree.links if link.person == person)
    for image in images[:count]:
        assert tree.delete_link(folder, image)
    tree.look()
    return tree.look(10)


def test_brake_25_links_pass_and_26_are_asked_about(crowd):
    """And 26 of a day as well as 26 at once, put by piece."""
    assert len(lose(crowd, 1, 25)) == 25
    assert crowd.asks == {}
    crowd.plan()
    assert lose(crowd, 1, 1) == ()
    (ask,) = crowd.asks.values()
    assert (
        ask.text
        == "1 link was deleted in Person 1 within a day: is this person not on these photos?" + AS_BEFORE
    )
    assert (ask.kind, ask.details) == ("rejections", {"person": 1})
    crowd.now += 86400 * SECOND
    assert crowd.look() == ()  # once asked, it waits for the answer


def test_brake_asked_answered_yes(crowd):
    """Carried out by the next look, and the question is over."""
    assert lose(crowd, 1, 40) == ()
    assert len(crowd.undecided) == 40
    assert lose(crowd, 1, 0) == ()
    crowd.answer(True)
    assert len(crowd.look()) == 40
    assert (crowd.asks, crowd.undecided) == ({}, ())
    crowd.plan()
    assert len([link for link in crowd.links if link.person == 1]) == 60


def test_brake_asked_answered_no(crowd):
    """The links are made again."""
    before = dict(crowd.entries)
    assert lose(crowd, 1, 40) == ()
    crowd.answer(False)
    assert crowd.look() == ()
    crowd.plan()
    assert crowd.entries == before
    assert (crowd.asks, crowd.undecided) == ({}, ())


def test_brake_put_back(crowd):
    """Piece by piece; what is not back yet is still asked about."""
    before = dict(crowd.entries)
    assert lose(crowd, 1, 40) == ()
    lost = sorted(before.keys() - crowd.entries.keys())
    for path in lost[:30]:
        crowd.put(path, before[path])
    assert crowd.look(60) == ()
    assert "10 links were deleted" in next(iter(crowd.asks.values())).text
    for path in lost[30:]:
        crowd.put(path, before[path])
    assert crowd.look(60) == ()
    assert (crowd.asks, crowd.undecided) == ({}, ())
    assert not crowd.understand().change


def test_brake_the_last_link_of_a_named_person(tree):
    """All three of Ben's, with a name: asked. Without: rejections."""
    tree.move(tree.folder_of(BEN), b"Ben")
    tree.look()
    assert lose(tree, BEN, 3) == ()
    assert len(tree.asks) == 1
    assert kinds(lose(tree, CARL, 2)) == [("Rejected", CARL)] * 2


def test_brake_folders(crowd):
    """Three may go at once; four of six are asked about, and hidden when that is accepted."""
    for person in (2, 3, 4, 5):
        crowd.throw_away(crowd.folder_of(person))
    assert crowd.look() == crowd.look(10) == ()
    (ask,) = crowd.asks.values()
    assert ask.text == (
        "4 person folders of 6 left the people folder (Person 2, Person 3, Person 4, …): hide these persons? With a no they are put"
        " back"
    )
    crowd.plan()
    crowd.answer(True)
    assert kinds(crowd.look()) == [("Hidden", person) for person in (2, 3, 4, 5)]
    three = UserTree({p: [p * 10, p * 10 + 1] for p in range(1, 7)})
    for person in (1, 2, 3):
        three.throw_away(three.folder_of(person))
    three.look()
    assert len(three.look(10)) == 3


def test_brake_folders_answered_no_or_put_back(crowd):
    """Made anew; or known again, and the question is over."""
    inodes = {person: crowd.folder_of(person) for person in (2, 3, 4, 5)}
    for ino in inodes.values():
        crowd.throw_away(ino)
    crowd.look()
    crowd.look(10)
    crowd.restore(inodes[2])
    assert crowd.look(10) == ()
    assert crowd.folder_of(2) == inodes[2]
    crowd.answer(False)
    assert crowd.look() == ()
    crowd.plan()
    assert {folder.path for folder in crowd.folders} == {b"Person %d" % person for person in range(1, 7)}
    assert crowd.hidden == set()
    assert crowd.look(10) == ()


# Laws.

DIRS = [b"", b"Fam", b"Fam/Sub", b"Friends"]
WORDS = ["Anna", "Zoë", "_x", "Person 9", "\udcff"]  # and the number of the deed: nobody is Person 90
deeds = st.lists(
    st.tuples(
        st.sampled_from(["rename", "place", "both", "swap", "delete", "restore", "link", "file", "folder"]),
        st.integers(0, 4),
        st.integers(0, 6),
    ),
    max_size=7,
)
PERSONS = {1: [1, 2, 3], 2: [3, 4, 5, 6], 3: [7, 8], 4: [1, 2, 9], 5: [10, 11, 12, 13]}


def do(tree, inodes, number, deed):
    """One deed of a user, to whichever folders have these inodes."""
    kind, which, what = deed
    ino = inodes[which]
    path = tree.path_of(ino)
    word = f"{WORDS[what % len(WORDS)]}{number}".encode("utf-8", "surrogateescape")
    if kind in ("rename", "place", "both") and path is not None:
        # Never to a name that may be taken in one tree and not in the other, for faced gave its numbers back.
        where = parent_of(path) if kind == "rename" else DIRS[what % len(DIRS)]
        where += b"/%d" % which if where and kind == "place" else b""
        name = path.rpartition(b"/")[2] if kind == "place" and where else word
        tree.move(ino, where + b"/" + name if where else name)
    elif kind == "swap":
        tree.swap(ino, inodes[what % len(inodes)])
    elif kind == "delete":
        tree.throw_away(ino)
    elif kind == "restore":
        tree.restore(ino)
    elif kind == "link":
        tree.delete_link(ino, what + 1, keep=1)
    elif kind == "file" and path is not None:
        tree.entries.setdefault(path + b"/note%d.txt" % number, None)
    elif kind == "folder":
        tree.entries.setdefault(b"New folder %d" % number, 20_000 + number)


def settle(tree):
    """Looks until nothing waits; what is asked is accepted."""
    for _ in range(8):
        tree.look(11)
        tree.answer(True)
        tree.plan()
    assert tree.undecided == ()
    assert tree.asks == {}


def word_of(tree):
    """What came of it. What was done to a folder that is gone, before it went, only a look in between has seen."""
    return (
        {person: name for person, name in tree.names.items() if person not in tree.hidden},
        {
            p: parent_of(place)
            for p, place in tree.places.items()
            if parent_of(place) and p not in tree.hidden
        },
        tree.hidden,
        {key for key in tree.rejected if key[0] not in tree.hidden},
    )


@settings(max_examples=200, deadline=None)
@given(deeds, st.lists(st.integers(0, 12), min_size=7, max_size=7))
def test_interpretation_composes(done, waits):
    """Looked at (with all that follows) at any points in between, or only at the end: the same word."""
    once, often = UserTree(PERSONS), UserTree(PERSONS)
    inodes = [once.folder_of(person) for person in PERSONS]
    assert inodes == [often.folder_of(person) for person in PERSONS]
    for number, (deed, wait) in enumerate(zip(done, waits, strict=False)):
        do(once, inodes, number, deed)
        do(often, inodes, number, deed)
        if wait:
            often.look(wait)
            often.answer(True)
            if wait % 2:
                often.plan()
    settle(once)
    settle(often)
    assert word_of(once) == word_of(often)
    for tree in (once, often):
        before = len(tree.edits), dict(tree.entries)
        settle(tree)
        assert (len(tree.edits), tree.entries) == before


@settings(deadline=None)
@given(
    st.lists(
        st.dictionaries(st.integers(1, 5), st.frozensets(st.integers(1, 9)), max_size=5),
        min_size=1,
        max_size=4,
    ),
    st.lists(st.tuples(st.integers(1, 5), st.sampled_from([None, "Anna", "Ben", "Anna (2)"])), max_size=4),
    st.lists(st.tuples(st.integers(1, 5), st.sampled_from([b"", b"F/x", b"G/H/x"])), max_size=4),
)
def test_faceds_own_work_is_no_edit(states, names, places):
    """Whatever faced does to its tree by itself, the next look finds nothing done and nothing to say."""
    tree = UserTree({})
    for number, state in enumerate(states):
        tree.on = dict(state)
        for person, name in names[number:]:
            tree.names.pop(person, None)
            if name is not None:
                tree.names[person] = name
        tree.places = dict(places[number:])
        tree.plan()
        tree.plan()
        understood = tree.understand(trust_first=True)
        assert understood.edits == ()
        assert not understood.change
        assert understood.left_alone == {}


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"", b"Person 1", b"Person 2", b"Theirs", b"Theirs/in", b".hid"]),
            st.sampled_from([b"a", b"b", b"Person 9", b"notes.txt", b"Thumbs.db"]),
            st.sampled_from([None, b"/elsewhere/x", b"/photos/new.jpg", "folder"]),
        ),
        max_size=8,
    )
)
def test_strangers_are_no_edit(strangers):
    """Files, folders and links of others, anywhere: nobody is named, hidden or rejected, and base stays."""
    tree = UserTree(PERSONS)
    for number, (where, name, what) in enumerate(strangers):
        for above in (where.split(b"/")[0], where):
            if above:
                tree.entries.setdefault(above, 30_000 + 10 * number + len(above))
        path = where + b"/" + name if where else name
        tree.entries.setdefault(path, 40_000 + number if what == "folder" else what)
    understood = tree.understand(trust_first=True)
    assert understood.edits == ()
    assert not understood.change
    assert understood.waiting == understood.asks == ()


@settings(deadline=None)
@given(deeds, st.randoms(use_true_random=False))
def test_the_order_in_which_things_are_handed_in_does_not_matter(done, random):
    """Base, disk and undecided rows shuffled: the same is understood."""
    tree = UserTree(PERSONS)
    inodes = [tree.folder_of(person) for person in PERSONS]
    for number, deed in enumerate(done):
        do(tree, inodes, number, deed)
        if random.random() < 0.3:
            tree.look(4)
    expected = tree.understand(trust_first=True)
    shuffled = random_module.Random(random.random())
    shuffled.shuffle(tree.folders)
    shuffled.shuffle(tree.links)
    entries = list(tree.entries.items())
    shuffled.shuffle(entries)
    tree.entries = dict(entries)
    tree.undecided = tuple(shuffled.sample(tree.undecided, len(tree.undecided)))
    again = tree.understand(trust_first=True)
    assert again.edits == expected.edits
    assert again.waiting == expected.waiting
    assert [draft.text for draft in again.asks] == [draft.text for draft in expected.asks]
    assert again.left_alone == expected.left_alone
    assert again.change.moved == expected.change.moved
    assert sorted(again.change.gone) == sorted(expected.change.gone)


@pytest.mark.parametrize(("person", "image"), [(ANNA, 1), (BEN, 5)])
def test_one_relative_text_of_two_photos(tree, person, image):
    """At two depths one text leads to two libraries: what is moved is the link that is not where it was."""
    text = b"../../../Photos/a.jpg"
    for whose, of in ((ANNA, 1), (BEN, 5)):
        (known,) = (x for x in tree.links if (x.person, x.image) == (whose, of))
        tree.links[tree.links.index(known)] = known._replace(text=text)
        tree.entries[tree.link(tree.folder_of(whose), of)] = text
    tree.texts[text] = 5
    tree.look()
    name = b"%d.jpg" % image
    path = tree.path_of(tree.folder_of(person)) + b"/" + name
    tree.put(tree.path_of(tree.folder_of(CARL)) + b"/" + name, tree.entries.pop(path))
    (edit,) = [edit for edit in tree.look() if isinstance(edit, Moved)]
    assert (edit.person, edit.image, edit.source) == (CARL, image, person)


def test_a_link_moved_out_of_a_folder_that_is_then_thrown_away(tree):
    """In one sweep: the link is the other one's, the folder is hidden. So is it where a third one is on that photo."""
    for person in (ANNA, CARL):
        tree.on[person] |= {1}
    tree.plan()
    path = tree.path_of(anna(tree)) + b"/1.jpg"
    tree.put(tree.path_of(tree.folder_of(BEN)) + b"/1.jpg", tree.entries.pop(path))
    tree.throw_away(anna(tree))
    assert kinds(tree.look()) == [("Moved", BEN)]
    assert kinds(tree.look(10)) == [("Hidden", ANNA)]
    assert tree.undecided == ()
