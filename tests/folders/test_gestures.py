"""Links and folders that a user moved, copied, renamed and put together, row by row: what it is and what base makes of it."""

import pytest

from faced.folders.edits import (
    Copied,
    Gathered,
    Hidden,
    LinkNamed,
    Merged,
    Moved,
    Named,
    Placed,
    Rejected,
    Shown,
)
from tests.support.treeuser import UserTree, photo_text

ANNA, BEN, CARL, DORA = 1, 2, 3, 4


@pytest.fixture
def tree():
    """Anna and Ben have names, of four and three photos, one with both; two others are of two photos each."""
    tree = UserTree({ANNA: [1, 2, 3, 4], BEN: [4, 5, 6], CARL: [7, 8], DORA: [9, 10]})
    tree.move(tree.folder_of(ANNA), b"Anna")
    tree.move(tree.folder_of(BEN), b"Ben")
    tree.look()
    tree.plan()
    return tree


def kinds(edits):
    return [
        (type(edit).__name__, *([edit.person] if not isinstance(edit, Gathered) else [])) for edit in edits
    ]


def settle(tree):
    """Looks until nothing waits; then one more finds nothing, and faced's tree is as it wants it."""
    edits = []
    for _ in range(4):
        edits += tree.look(11)
        tree.plan()
    before = dict(tree.entries)
    assert tree.look(11) == ()
    tree.plan()
    assert tree.entries == before
    return edits


def links(tree, folder):
    """The names of the links in a folder."""
    return {
        p.rpartition(b"/")[2]
        for p, e in tree.entries.items()
        if isinstance(e, bytes) and p.rpartition(b"/")[0] == folder
    }


def jpgs(*numbers):
    return {b"%d.jpg" % number for number in numbers}


# Merged.


def test_a_folder_without_a_name_dropped_into_annas(tree):
    """It was Anna; her folder has all links, flat, and the other is no more."""
    tree.move(tree.folder_of(CARL), b"Anna/Person 3")
    assert tree.look() == (Merged(CARL, ANNA, "the folder Person 3 was put into Anna"),)
    tree.plan()
    assert settle(tree) == []
    assert links(tree, b"Anna") == jpgs(1, 2, 3, 4, 7, 8)
    assert b"Anna/Person 3" not in tree.entries
    assert b"Person 3" not in tree.entries


def test_annas_folder_dropped_into_one_without_a_name(tree):
    """The same; and her folder goes back to where she lives."""
    tree.move(tree.folder_of(ANNA), b"Person 3/Anna")
    assert tree.look() == (Merged(CARL, ANNA, "the folder Anna was put into Person 3"),)
    settle(tree)
    assert links(tree, b"Anna") == jpgs(1, 2, 3, 4, 7, 8)
    assert b"Person 3" not in tree.entries
    assert tree.names == {ANNA: "Anna", BEN: "Ben"}


def test_two_without_names_put_together(tree):
    """The inner one was the outer one."""
    tree.move(tree.folder_of(DORA), b"Person 3/Person 4")
    assert kinds(tree.look()) == [("Merged", DORA)]
    settle(tree)
    assert links(tree, b"Person 3") == jpgs(7, 8, 9, 10)


def test_one_in_another_in_annas(tree):
    """A chain: all were Anna."""
    tree.move(tree.folder_of(DORA), b"Person 3/Person 4")
    tree.move(tree.folder_of(CARL), b"Anna/Person 3")
    assert {(e.person, e.into) for e in tree.look()} == {(CARL, ANNA), (DORA, ANNA)}
    settle(tree)
    assert links(tree, b"Anna") == jpgs(1, 2, 3, 4, 7, 8, 9, 10)


def test_two_with_names_in_one_without_is_ambiguous(tree):
    """Whom of them was it? Held; with one of them moved out it is the other."""
    tree.move(tree.folder_of(ANNA), b"Person 3/Anna")
    tree.move(tree.folder_of(BEN), b"Person 3/Ben")
    assert tree.look() == tree.look(11) == ()
    assert "faced merge" in tree.understand().left_alone[b"Person 3/Ben"]
    tree.move(tree.folder_of(BEN), b"Ben")
    assert kinds(tree.look()) == [("Merged", CARL)]
    settle(tree)
    assert links(tree, b"Anna") == jpgs(1, 2, 3, 4, 7, 8)


def test_named_in_named_is_followed_once_they_are_one(tree):
    """`faced merge` answers."""
    tree.move(tree.folder_of(BEN), b"Anna/Ben")
    assert tree.look() == tree.look(11) == ()
    tree.merge(BEN, ANNA)
    assert settle(tree) == []
    assert links(tree, b"Anna") == jpgs(1, 2, 3, 4, 5, 6)
    assert tree.understand().left_alone == {}


@pytest.mark.parametrize("cut", [None, 7, 8])
@pytest.mark.parametrize("is_deleted", [False, True])
def test_all_links_moved_into_annas(tree, cut, is_deleted):
    """In any number of steps, and whether or not the empty folder is deleted: merged."""
    if cut == 8:
        tree.on[CARL] |= {11, 12}
        tree.plan()
    folder = tree.folder_of(CARL)
    images = sorted(tree.images_of(CARL))
    for image in images:
        tree.put(b"Anna/%d.jpg" % image, tree.entries.pop(tree.link(folder, image)))
        if cut == image:
            assert kinds(tree.look()) == [("Moved", ANNA)] * (image - 6)
            tree.plan()
    if is_deleted:
        tree.throw_away(folder)
    settle(tree)
    assert tree.merged == {CARL: ANNA}
    assert tree.hidden == set()
    assert links(tree, b"Anna") == {*jpgs(1, 2, 3, 4), *jpgs(*images)}
    assert b"Person 3" not in tree.entries


def test_moved_to_several_is_no_merge(tree):
    """One link to Anna, and later the last one to Ben."""
    folder = tree.folder_of(CARL)
    tree.put(b"Anna/7.jpg", tree.entries.pop(tree.link(folder, 7)))
    tree.look()
    tree.plan()
    tree.put(b"Ben/8.jpg", tree.entries.pop(tree.link(folder, 8)))
    assert kinds(settle(tree)) == [("Moved", BEN)]
    assert tree.merged == {}


def test_some_deleted_and_the_rest_moved_is_no_merge(tree):
    """It was not all of them."""
    folder = tree.folder_of(CARL)
    tree.delete_link(folder, 7)
    tree.put(b"Anna/8.jpg", tree.entries.pop(tree.link(folder, 8)))
    assert kinds(settle(tree)) == [("Moved", ANNA), ("Rejected", CARL)]
    assert tree.merged == {}


def test_a_photo_of_both_is_shown_once_after_a_merge(tree):
    """Her folder had a link to it, and one was moved there."""
    tree.on[CARL] = frozenset([4, 7])
    tree.plan()
    folder = tree.folder_of(CARL)
    tree.put(b"Anna/7.jpg", tree.entries.pop(tree.link(folder, 7)))
    tree.put(b"Anna/4 (2).jpg", tree.entries.pop(tree.link(folder, 4)))
    settle(tree)
    assert tree.merged == {CARL: ANNA}
    assert links(tree, b"Anna") == jpgs(1, 2, 3, 4, 7)


# Moved and copied.


def test_a_link_moved_to_another_person(tree):
    """It was Ben: at once, for both ends are seen."""
    tree.put(b"Ben/1.jpg", tree.entries.pop(b"Anna/1.jpg"))
    assert tree.look() == (Moved(BEN, 1, ANNA, "the link Anna/1.jpg was moved to Ben/1.jpg"),)
    assert settle(tree) == []
    assert links(tree, b"Ben") == jpgs(1, 4, 5, 6)
    assert links(tree, b"Anna") == jpgs(2, 3, 4)


def test_a_move_over_two_looks(tree):
    """Deleted here at the first look, there at the second; or the other way round. No rejection, no copy."""
    text = tree.entries.pop(b"Anna/1.jpg")
    assert tree.look() == ()
    tree.put(b"Ben/1.jpg", text)
    assert kinds(tree.look(5)) == [("Moved", BEN)]
    tree.put(b"Ben/2.jpg", photo_text(2))
    assert tree.look() == ()
    del tree.entries[b"Anna/2.jpg"]
    assert kinds(tree.look(5)) == [("Moved", BEN)]
    assert settle(tree) == []


def test_a_link_copied_to_another_person(tree):
    """At the second look: Ben is on it too."""
    tree.put(b"Ben/1.jpg", photo_text(1))
    assert tree.look() == tree.look(9) == ()
    assert tree.look(1) == (Copied(BEN, 1, "the link Ben/1.jpg was put there"),)
    assert settle(tree) == []
    assert links(tree, b"Ben") == jpgs(1, 4, 5, 6)
    assert links(tree, b"Anna") == jpgs(1, 2, 3, 4)


def test_a_deleted_link_put_back_later(tree):
    """Rejected by then: it was her after all."""
    text = tree.entries.pop(b"Anna/1.jpg")
    settle(tree)
    assert (ANNA, 1) in tree.rejected
    tree.put(b"Anna/1.jpg", text)
    assert kinds(settle(tree)) == [("Copied", ANNA)]
    assert (ANNA, 1) not in tree.rejected


def test_one_more_link_to_her_own_photo(tree):
    """The user's own affair: said, kept; and when her link goes, that one is it."""
    tree.put(b"Anna/best.jpg", photo_text(1))
    assert settle(tree) == []
    assert "it is yours" in tree.understand().left_alone[b"Anna/best.jpg"]
    del tree.entries[b"Anna/1.jpg"]
    assert kinds(settle(tree)) == [("LinkNamed", ANNA)]
    assert links(tree, b"Anna") == {b"best.jpg", *jpgs(2, 3, 4)}


def test_whose_link_it_was_cannot_be_told(tree):
    """Anna's and Ben's links to one photo are gone, one is at Person 3: left alone, until the other is put back."""
    text = tree.entries.pop(b"Anna/4.jpg")
    del tree.entries[b"Ben/4.jpg"]
    tree.put(b"Person 3/4.jpg", text)
    assert tree.look() == tree.look(11) == ()
    assert "cannot be told" in tree.understand().left_alone[b"Person 3/4.jpg"]
    tree.put(b"Ben/4.jpg", text)
    assert settle(tree) == [Moved(CARL, 4, ANNA, "the link Anna/4.jpg was moved to Person 3/4.jpg")]


@pytest.mark.parametrize("place", [b"1.jpg", b"_Suggestions/1.jpg", b"_Unsorted/x/1.jpg"])
def test_a_link_put_where_it_means_nothing(tree, place):
    """Left alone at both ends; deleted there too, it is a rejection."""
    tree.entries.setdefault(b"_Suggestions", 50_000)
    tree.entries.setdefault(b"_Unsorted", 50_001)
    tree.entries.setdefault(b"_Unsorted/x", 50_002)
    tree.put(place, tree.entries.pop(b"Anna/1.jpg"))
    assert tree.look() == tree.look(11) == ()
    assert {place, b"Anna/1.jpg"} <= tree.understand().left_alone.keys()
    tree.plan()
    assert b"Anna/1.jpg" not in tree.entries
    del tree.entries[place]
    assert settle(tree) == [Rejected(ANNA, 1, "the link Anna/1.jpg was deleted")]


# Renamed and sorted.


def test_a_renamed_link_keeps_that_name(tree):
    """And goes back to its photo's name when it is called so again."""
    tree.put(b"Anna/oma.jpg", tree.entries.pop(b"Anna/1.jpg"))
    assert tree.look() == (LinkNamed(ANNA, 1, b"oma.jpg", "the link Anna/oma.jpg was given this name"),)
    assert settle(tree) == []
    assert links(tree, b"Anna") == {b"oma.jpg", *jpgs(2, 3, 4)}
    tree.put(b"Anna/1.jpg", tree.entries.pop(b"Anna/oma.jpg"))
    assert settle(tree) == [LinkNamed(ANNA, 1, None, "the link Anna/1.jpg was given this name")]
    assert tree.link_names == {}


def test_two_links_swap_their_names(tree):
    """Each keeps the other's."""
    tree.entries[b"Anna/1.jpg"], tree.entries[b"Anna/2.jpg"] = photo_text(2), photo_text(1)
    settle(tree)
    assert tree.entries[b"Anna/1.jpg"] == photo_text(2)
    assert tree.entries[b"Anna/2.jpg"] == photo_text(1)


def test_links_sorted_into_a_subfolder_stay_there(tree):
    """Also when her folder is renamed, hidden and back; deleted there it is a rejection."""
    tree.put(b"Anna/2019", 50_000)
    for image in (1, 2):
        tree.put(b"Anna/2019/%d.jpg" % image, tree.entries.pop(b"Anna/%d.jpg" % image))
    assert settle(tree) == []
    assert (links(tree, b"Anna"), links(tree, b"Anna/2019")) == (jpgs(3, 4), jpgs(1, 2))
    assert tree.understand().left_alone == {}
    ino = tree.folder_of(ANNA)
    tree.move(ino, b"Family/Oma")
    assert kinds(settle(tree)) == [("Named", ANNA), ("Placed", ANNA)]
    assert (links(tree, b"Family/Oma"), links(tree, b"Family/Oma/2019")) == (jpgs(3, 4), jpgs(1, 2))
    tree.throw_away(ino)
    assert kinds(settle(tree)) == [("Hidden", ANNA)]
    tree.restore(ino)
    assert kinds(settle(tree)) == [("Shown", ANNA)]
    assert (links(tree, b"Family/Oma"), links(tree, b"Family/Oma/2019")) == (jpgs(3, 4), jpgs(1, 2))
    del tree.entries[b"Family/Oma/2019/1.jpg"]
    assert kinds(settle(tree)) == [("Rejected", ANNA)]


def test_a_subfolder_that_is_deleted_or_moved(tree):
    """Its links are rejected; moved to Ben's they were Ben; back up they are hers as before."""
    tree.put(b"Anna/2019", 50_000)
    for image in (1, 2):
        tree.put(b"Anna/2019/%d.jpg" % image, tree.entries.pop(b"Anna/%d.jpg" % image))
    settle(tree)
    tree.move(50_000, b"Ben/2019")
    assert kinds(settle(tree)) == [("Moved", BEN), ("Moved", BEN)]
    assert links(tree, b"Ben/2019") == jpgs(1, 2)
    for image in (1, 2):
        tree.put(b"Ben/%d.jpg" % image, tree.entries.pop(b"Ben/2019/%d.jpg" % image))
    assert settle(tree) == []
    for image in (1, 2):
        tree.put(b"Ben/2019/%d.jpg" % image, tree.entries.pop(b"Ben/%d.jpg" % image))
    settle(tree)
    tree.throw_away(50_000)
    assert kinds(settle(tree)) == [("Rejected", BEN), ("Rejected", BEN)]


# New folders.


def test_links_moved_into_a_new_folder_are_somebody_new(tree):
    """Called as the folder is; a link with a name of its own keeps it."""
    tree.put(b"Eva", 50_000)
    tree.put(b"Eva/1.jpg", tree.entries.pop(b"Anna/1.jpg"))
    tree.put(b"Eva/mine.jpg", tree.entries.pop(b"Anna/2.jpg"))
    (edit,) = tree.look()
    assert edit == Gathered(
        b"Eva",
        "Eva",
        ((1, ANNA), (2, ANNA)),
        "links were moved into the new folder Eva",
        names={2: b"mine.jpg"},
    )
    assert settle(tree) == []
    assert links(tree, b"Eva") == {b"1.jpg", b"mine.jpg"}
    assert links(tree, b"Anna") == jpgs(3, 4)


@pytest.mark.parametrize("cut", [False, True])
def test_all_links_of_an_unnamed_person_moved_into_a_new_folder(tree, cut):
    """Whoever it was is called so now."""
    tree.put(b"Eva", 50_000)
    tree.put(b"Eva/7.jpg", tree.entries.pop(b"Person 3/7.jpg"))
    if cut:
        tree.look()
        tree.plan()
    tree.put(b"Eva/8.jpg", tree.entries.pop(b"Person 3/8.jpg"))
    settle(tree)
    assert links(tree, b"Eva") == jpgs(7, 8)
    assert b"Person 3" not in tree.entries
    assert len(tree.merged) == 1


def test_links_of_several_moved_into_a_new_folder(tree):
    """In one go or one by one: somebody new. Which faces are meant is for others to say."""
    tree.put(b"Eva", 50_000)
    tree.put(b"Eva/1.jpg", tree.entries.pop(b"Anna/1.jpg"))
    tree.put(b"Eva/5.jpg", tree.entries.pop(b"Ben/5.jpg"))
    assert [edit.sources for edit in settle(tree)] == [((1, ANNA), (5, BEN))]


@pytest.mark.parametrize("in_common", [True, False])
def test_copies_of_several_strangers(tree, in_common):
    """Somebody new if one person is on all of them; else an album."""
    tree.on[CARL] |= {11}
    tree.on[DORA] |= {12}
    tree.plan()
    tree.put(b"Eva", 50_000)
    tree.put(b"Eva/7.jpg", photo_text(7))
    tree.put(b"Eva/9.jpg", photo_text(9))
    tree.in_common = in_common
    assert [edit.sources for edit in settle(tree)] == ([((7, None), (9, None))] if in_common else [])


def test_copies_from_somebody_without_a_name_are_somebody_new(tree):
    """At the second look, when the copying is over; her other links stay where they are."""
    tree.on[CARL] |= {11, 12}
    tree.plan()
    tree.put(b"Eva", 50_000)
    tree.put(b"Eva/7.jpg", photo_text(7))
    assert tree.look() == ()
    tree.put(b"Eva/8.jpg", photo_text(8))
    assert tree.look(10) == ()
    (edit,) = tree.look(10)
    assert (edit.name, edit.sources) == ("Eva", ((7, CARL), (8, CARL)))


def test_copies_of_named_persons_links_are_an_album(tree):
    """Left alone, said; nothing becomes of it when her link is deleted, or when the album is renamed or moved."""
    tree.put(b"Holiday", 50_000)
    for image in (1, 5):
        tree.put(b"Holiday/%d.jpg" % image, photo_text(image))
    assert settle(tree) == []
    assert "your own" in tree.understand().left_alone[b"Holiday"]
    tree.move(50_000, b"Best of")
    del tree.entries[b"Anna/1.jpg"]
    assert kinds(settle(tree)) == [("Rejected", ANNA)]
    assert links(tree, b"Best of") == jpgs(1, 5)


def test_a_link_moved_into_an_album_makes_it_somebody(tree):
    """What was copied there before stays the user's affair."""
    tree.put(b"Eva", 50_000)
    tree.put(b"Eva/5.jpg", photo_text(5))
    assert settle(tree) == []
    tree.put(b"Eva/1.jpg", tree.entries.pop(b"Anna/1.jpg"))
    assert kinds(settle(tree)) == [("Gathered",), ("Copied", 5)]
    assert links(tree, b"Eva") == jpgs(1, 5)


def test_a_copy_of_a_whole_folder_is_the_users_own(tree):
    """Though its person has no name."""
    tree.put(b"Eva", 50_000)
    for image in (7, 8):
        tree.put(b"Eva/%d.jpg" % image, photo_text(image))
    assert settle(tree) == []
    assert "a copy of" in tree.understand().left_alone[b"Eva"]


@pytest.mark.parametrize("name", [b"Person 77", b"Anna + Ben"])
def test_new_folders_that_are_nobody(tree, name):
    """Without a name, or for albums: what was moved there is left alone."""
    tree.put(name, 50_000)
    tree.put(name + b"/1.jpg", tree.entries.pop(b"Anna/1.jpg"))
    assert tree.look() == tree.look(11) == ()
    assert name + b"/1.jpg" in tree.understand().left_alone


def test_a_folder_of_persons_is_not_somebody(tree):
    """A link that fell into `Family/`, beside Anna's folder."""
    tree.move(tree.folder_of(ANNA), b"Family/Anna")
    settle(tree)
    tree.put(b"Family/5.jpg", tree.entries.pop(b"Ben/5.jpg"))
    assert tree.look() == tree.look(11) == ()
    assert b"Family/5.jpg" in tree.understand().left_alone


def test_a_new_folder_in_a_folder_is_placed_there(tree):
    """`Family/Eva`."""
    tree.put(b"Family", 50_000)
    tree.put(b"Family/Eva", 50_001)
    tree.put(b"Family/Eva/1.jpg", tree.entries.pop(b"Anna/1.jpg"))
    settle(tree)
    assert links(tree, b"Family/Eva") == jpgs(1)
    assert tree.names[5] == "Eva"


def test_a_new_folder_where_one_was_just_deleted_waits(tree):
    """Ben's was thrown away, and a new Ben is made of Anna's link: first it must be known what became of the old."""
    tree.throw_away(tree.folder_of(BEN))
    tree.put(b"Ben", 50_000)
    tree.put(b"Ben/1.jpg", tree.entries.pop(b"Anna/1.jpg"))
    assert tree.look() == ()
    assert "it waits" in tree.understand().left_alone[b"Ben/1.jpg"]
    assert kinds(settle(tree)) == [("Gathered",), ("Hidden", BEN)] or tree.names[5] == "Ben"


# Strangers.


def test_moved_into_ignored_and_out_again(tree):
    """Hidden, and shown there with what is new; out of it, shown as before."""
    tree.entries[b"_Ignored"] = 50_000
    tree.move(tree.folder_of(CARL), b"_Ignored/Person 3")
    assert tree.look() == (Hidden(CARL, "the folder Person 3 was moved to _Ignored/Person 3"),)
    tree.on[CARL] |= {11}
    assert settle(tree) == []
    assert links(tree, b"_Ignored/Person 3") == jpgs(7, 8, 11)
    assert tree.understand().left_alone == {}
    tree.move(tree.folder_of(CARL), b"_Ignored/Postman")
    assert kinds(settle(tree)) == [("Named", CARL)]
    tree.move(tree.folder_of(CARL), b"Postman")
    assert [type(edit) for edit in settle(tree)] == [Shown, Placed]
    assert tree.hidden == set()
    assert links(tree, b"Postman") == jpgs(7, 8, 11)


def test_undone_by_the_word_alone(tree):
    """Hidden by a command it goes to `_Ignored`; shown again it comes back."""
    tree.hidden.add(CARL)
    tree.plan()
    assert links(tree, b"_Ignored/Person 3") == jpgs(7, 8)
    assert settle(tree) == []
    tree.hidden.discard(CARL)
    tree.plan()
    assert links(tree, b"Person 3") == jpgs(7, 8)
    assert settle(tree) == []


def test_a_stranger_thrown_away_is_shown_nowhere(tree):
    """Not in `_Ignored` either."""
    tree.hidden.add(CARL)
    tree.plan()
    tree.throw_away(tree.folder_of(CARL))
    assert settle(tree) == []
    assert b"_Ignored/Person 3" not in tree.entries


# Several at once.


def test_renamed_and_moved_links_in_one_go(tree):
    """The folder has a new name, a link went to Ben, another was renamed, a third deleted."""
    tree.move(tree.folder_of(ANNA), b"Oma")
    tree.put(b"Ben/1.jpg", tree.entries.pop(b"Oma/1.jpg"))
    tree.put(b"Oma/x.jpg", tree.entries.pop(b"Oma/2.jpg"))
    del tree.entries[b"Oma/3.jpg"]
    edits = settle(tree)
    assert [type(edit) for edit in edits] == [Named, Moved, LinkNamed, Rejected]
    assert edits[0].images == {2, 4}


def test_a_folder_split_in_two(tree):
    """Half of a person without a name is somebody new, the other half is whoever it was."""
    tree.on[CARL] = frozenset([7, 8, 11, 12])
    tree.plan()
    tree.put(b"Eva", 50_000)
    for image in (7, 8):
        tree.put(b"Eva/%d.jpg" % image, tree.entries.pop(b"Person 3/%d.jpg" % image))
    assert kinds(settle(tree)) == [("Gathered",)]
    assert (links(tree, b"Eva"), links(tree, b"Person 3")) == (jpgs(7, 8), jpgs(11, 12))


@pytest.mark.parametrize("source", [b"Anna/1.jpg", b"Ben/5.jpg"])
def test_a_link_put_over_another_takes_its_name_and_destroys_nothing(tree, source):
    """Whoever it was moved from: the one that stood there was not rejected, and is made again beside it."""
    image = 1 if source.startswith(b"Anna") else 5
    tree.entries[b"Anna/2.jpg"] = tree.entries.pop(source)
    edits = settle(tree)
    assert not [edit for edit in edits if isinstance(edit, Rejected)]
    assert tree.entries[b"Anna/2.jpg"] == photo_text(image)
    assert photo_text(2) in {entry for path, entry in tree.entries.items() if path.startswith(b"Anna/")}
