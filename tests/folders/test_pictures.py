"""Face pictures, row by row of the table of what they mean; then the laws of plan and interpretation."""

from hypothesis import given, settings
from hypothesis import strategies as st

from faced.folders.disk import parent_of
from faced.folders.edits import FaceAccepted, FacePinned, FaceProposed, FaceRejected, Founded, Ignored
from faced.model import Box, ImageKey
from faced.store.edits import Spot
from faced.store.pictures import NOBODY, face_of_comment, face_text, parse_face
from tests.support.picturetree import ANNA, BEN, PictureTree

SUGGESTED = b"_Suggestions/Anna"


def make():
    return PictureTree({ANNA: [1, 2, 3], BEN: [4]}, nobody=[5, 6])


def paths(tree):
    return sorted(path.decode() for path in tree.files)


def quiet(tree):
    """Nothing is read out of it, nothing is to be done."""
    read = tree.read()
    assert (read.edits, bool(read.change), read.waiting, read.asks, read.moved) == ([], False, (), (), {})
    assert tree.operations() == ()


def test_pictures_are_called_by_distance_and_photo():
    """One a face; the folder of proposals is called as the person's own."""
    tree = make()
    assert paths(tree) == [
        "_Suggestions/Anna/0.40 1.jpg",
        "_Suggestions/Anna/0.40 2.jpg",
        "_Suggestions/Anna/0.40 3.jpg",
        "_Suggestions/Ben/0.40 4.jpg",
        "_Unsorted/5.jpg",
        "_Unsorted/6.jpg",
    ]
    quiet(tree)


def deny(tree, face):
    """Its picture is thrown away, and that is a no. Returns where it was, and the picture."""
    (path,) = tree.find(face)
    picture = tree.files[path]
    tree.delete(face)
    tree.look()
    tree.look(11)
    return path, picture


def test_moved_to_the_person_is_yes():
    """A pin; then the picture, which is faced's own, is taken away."""
    tree = make()
    tree.put(1, b"Anna")
    assert tree.look() == (FacePinned(ANNA, frozenset(["1"]), "a face picture was put into Anna"),)
    tree.plan()
    assert tree.find(1) == []
    quiet(tree)


def test_a_copy_counts_as_a_move():
    """Both pictures go."""
    tree = make()
    tree.put(1, b"Anna", copy=True)
    assert [type(edit) for edit in tree.look()] == [FacePinned]
    tree.plan()
    assert tree.find(1) == []
    quiet(tree)


def test_moved_to_somebody_else():
    """It was proposed to Anna, and is Ben: that is said of Ben, in a folder below his too."""
    tree = make()
    tree.put(1, b"Family/Ben/2019")
    assert [(type(e), e.person) for e in tree.look()] == [(FacePinned, BEN)]
    tree.plan()
    assert tree.find(1) == []


def test_deleted_is_no_at_the_second_look():
    """And it is not made again."""
    tree = make()
    tree.delete(1)
    assert tree.look() == ()
    assert tree.plan() == 0
    assert tree.look(11) == (
        FaceRejected(ANNA, "1", "the face picture _Suggestions/Anna/0.40 1.jpg was deleted"),
    )
    tree.plan()
    assert tree.proposals(ANNA) == {"2", "3"}
    quiet(tree)


def test_deleted_and_put_back_is_nothing():
    """Before the second look."""
    tree = make()
    kept = dict(tree.files)
    tree.delete(1)
    tree.look()
    tree.files = kept
    assert tree.look(11) == ()
    quiet(tree)


def test_deleted_here_and_there_a_moment_later_is_a_move():
    """As slow programs do it."""
    tree = make()
    (path,) = tree.find(1)
    picture = tree.files.pop(path)
    assert tree.look() == ()
    tree.files[b"Anna/x.jpg"] = picture
    assert [type(edit) for edit in tree.look(11)] == [FacePinned]


def test_many_deleted_at_once_are_asked_about():
    """The brake; yes rejects them, no brings them back."""
    for yes in (True, False):
        tree = PictureTree({ANNA: range(1, 61)})
        for face in range(1, 40):
            tree.delete(face)
        tree.look()
        assert tree.look(11) == ()
        (ask,) = tree.asks.values()
        assert ask.text == (
            "39 face pictures were deleted in _Suggestions/Anna within a day: is this person none of them? With a no they are put back"
        )
        assert tree.plan() == 0
        assert tree.look(60) == ()
        tree.answer(yes)
        assert len(tree.look()) == (39 if yes else 0)
        assert tree.asks == {}
        tree.plan()
        assert len(tree.proposals(ANNA)) == (21 if yes else 60)


def test_the_folder_dropped_into_hers_is_yes_to_all():
    """Votes, not pins; then pictures and folder go."""
    tree = make()
    tree.move(SUGGESTED, b"Anna/Anna")
    (edit,) = tree.look()
    assert edit == FaceAccepted(ANNA, frozenset("123"), "the folder _Suggestions/Anna was put into Anna")
    tree.plan()
    assert b"Anna/Anna" not in tree.inodes
    assert tree.proposals(ANNA) == set()
    quiet(tree)


def test_the_folder_moved_picture_by_picture():
    """As a share's client does it: each is accepted, those left behind are not."""
    tree = make()
    tree.put(1, b"Anna/Anna")
    assert [(type(e), e.faces) for e in tree.look()] == [(FaceAccepted, {"1"})]
    tree.put(2, b"Anna/Anna")
    assert [(type(e), e.faces) for e in tree.look()] == [(FaceAccepted, {"2"})]
    tree.plan()
    assert tree.proposals(ANNA) == {"3"}
    quiet(tree)


def test_the_folder_dropped_into_somebody_elses_means_nothing():
    """It is left alone and said; moved back it is as before."""
    tree = make()
    tree.move(SUGGESTED, b"Family/Ben/Anna")
    assert tree.look() == ()
    assert b"Family/Ben/Anna" in tree.read().left_alone
    assert tree.plan() == 0
    tree.move(b"Family/Ben/Anna", SUGGESTED)
    quiet(tree)


def test_the_folder_deleted_is_not_now():
    """Nothing is rejected, and it is made again when something else is proposed."""
    tree = make()
    tree.delete_folder(SUGGESTED)
    assert tree.look() == ()
    assert tree.look(11) == ()
    tree.plan()
    assert tree.proposals(ANNA) == set()
    quiet(tree)
    tree.proposed[ANNA].append(7)
    tree.plan()
    assert tree.proposals(ANNA) == {"1", "2", "3", "7"}
    assert tree.rejected == set()


def test_all_of_it_deleted_is_not_now():
    """`_Suggestions` itself; and `_Unsorted`."""
    tree = make()
    tree.delete_folder(b"_Suggestions")
    tree.delete_folder(b"_Unsorted")
    assert tree.look(11) == ()
    tree.plan()
    assert tree.files == {}
    quiet(tree)
    tree.proposed[NOBODY].append(8)
    tree.plan()
    assert paths(tree) == ["_Unsorted/5.jpg", "_Unsorted/6.jpg", "_Unsorted/8.jpg"]


def test_a_no_out_of_the_trash_is_taken_back():
    """Where it was: it is proposed again, whether other proposals are left there or the folder was gone, too."""
    for faces in ([1], [1, 2, 3]):
        tree = make()
        trash = {path: tree.files[path] for face in faces for path in tree.find(face)}
        for face in faces:
            tree.delete(face)
        tree.look()
        assert [type(edit) for edit in tree.look(11)] == [FaceRejected] * len(faces)
        tree.plan()
        tree.inodes.setdefault(SUGGESTED, tree.number())
        tree.files.update(trash)
        why = "a face picture was put back into _Suggestions/Anna"
        assert tree.look() == tuple(FaceProposed(ANNA, str(face), why) for face in faces)
        assert (tree.rejected, tree.proposals(ANNA)) == (set(), {"1", "2", "3"})
        quiet(tree)


def test_a_no_that_is_nobodys_since_is_taken_back():
    """A face that is not Anna may lie among the unsorted; put where it was proposed it is proposed again."""
    tree = make()
    path, picture = deny(tree, 1)
    tree.proposed[ANNA].remove(1)
    tree.proposed[NOBODY].append(1)
    tree.plan()
    tree.files[path] = picture
    assert [type(edit) for edit in tree.look()] == [FaceProposed]
    tree.proposed[NOBODY].remove(1)
    tree.proposed[ANNA].append(1)
    tree.plan()
    assert tree.find(1) == [path]
    quiet(tree)


def test_a_picture_of_another_put_among_proposals_means_nothing():
    """It was no proposal to her; and so says the look."""
    tree = make()
    _, picture = deny(tree, 4)
    tree.files[SUGGESTED + b"/mine.jpg"] = picture
    read = tree.read()
    assert (read.edits, list(read.left_alone)) == ([], [SUGGESTED + b"/mine.jpg"])


def test_folders_out_of_the_trash_are_wanted_again():
    """Of proposals, and of what is nobody's: not now is over."""
    for folder in (SUGGESTED, b"_Suggestions", b"_Unsorted"):
        tree = make()
        before = dict(tree.files)
        inodes = dict(tree.inodes)
        tree.delete_folder(folder)
        tree.look(11)
        tree.plan()
        assert tree.files != before
        tree.files, tree.inodes = dict(before), {**inodes, **tree.inodes}
        assert tree.look() == ()
        tree.plan()
        assert (tree.files, tree.put_off) == (before, {})
        quiet(tree)


def test_of_nobody_moved_to_a_person():
    """A pin."""
    tree = make()
    tree.put(5, b"Anna")
    assert [(type(e), e.person, e.faces) for e in tree.look()] == [(FacePinned, ANNA, {"5"})]
    tree.plan()
    assert tree.find(5) == []


def test_of_nobody_deleted_is_not_now():
    """At once; and back when it is put back."""
    tree = make()
    (path,) = tree.find(5)
    picture = tree.files[path]
    tree.delete(5)
    assert tree.look() == ()
    tree.plan()
    assert tree.find(5) == []
    quiet(tree)
    tree.files[path] = picture
    assert tree.look() == ()
    quiet(tree)
    assert tree.proposals(NOBODY) == {"5", "6"}


def test_into_ignored_is_nobody():
    """Each for itself."""
    tree = make()
    tree.put(5, b"_Ignored")
    tree.put(6, b"_Ignored")
    assert [type(edit) for edit in tree.look()] == [Ignored, Ignored]
    tree.plan()
    assert tree.find(5) == tree.find(6) == []
    quiet(tree)


def test_a_new_folder_is_somebody_new():
    """With these faces; a further picture there is a pin."""
    tree = make()
    tree.put(5, b"Friends/Carl")
    tree.put(1, b"Friends/Carl")
    (edit,) = tree.look()
    assert edit == Founded(
        b"Friends/Carl", "Carl", frozenset("15"), "2 face pictures were put into Friends/Carl"
    )
    tree.put(6, b"Friends/Carl")
    assert [type(edit) for edit in tree.look()] == [FacePinned]
    tree.plan()
    assert tree.find(1) == tree.find(5) == tree.find(6) == []
    quiet(tree)


def test_where_it_means_nothing_it_is_left_alone_and_said():
    """In the people folder itself, in a folder around persons, in a folder without a name, among other proposals."""
    for folder in (b"", b"Family", b"Person 9", b"_Suggestions/Ben", b"_Suggestions"):
        tree = make()
        tree.put(1, folder)
        assert tree.look() == ()
        assert tree.look(11) == ()
        (path,) = tree.find(1)
        assert path in tree.read().left_alone
        assert tree.plan() == 0
        assert tree.find(1) == [path]


def test_in_two_places_it_means_nothing_until_one_is_left():
    """Anna's and Ben's."""
    tree = make()
    tree.put(1, b"Anna", copy=True)
    tree.put(1, b"Family/Ben", copy=True)
    assert tree.look() == ()
    del tree.files[b"Anna/0.40 1.jpg"]
    assert [(type(e), e.person) for e in tree.look()] == [(FacePinned, BEN)]


def test_an_edited_picture_is_understood_once_and_stays():
    """It is not faced's any more: not taken away, and not read again, also when the folder gets another name."""
    tree = make()
    tree.put(1, b"Anna")
    (path,) = tree.find(1)
    tree.files[path] = tree.files[path]._replace(checksum="another")
    assert [type(edit) for edit in tree.look()] == [FacePinned]
    tree.plan()
    assert tree.find(1) == [path]
    assert tree.look() == ()
    assert path in tree.read().left_alone
    tree.owners[b"Bea"] = tree.owners.pop(b"Anna")
    tree.move(b"Anna", b"Bea")
    assert tree.look() == ()
    tree.files.popitem()
    tree.look()
    assert tree.understood == {}


def test_a_picture_in_a_folder_that_is_held_waits():
    """Until it is known whose folder that is."""
    tree = make()
    tree.owners[b"Anna"] = None
    tree.put(1, b"Anna")
    assert tree.look() == tree.look(11) == ()
    tree.owners[b"Anna"] = ANNA
    assert [type(edit) for edit in tree.look()] == [FacePinned]


def test_renamed_in_its_folder():
    """The name is the user's own affair."""
    tree = make()
    (path,) = tree.find(1)
    tree.files[b"_Suggestions/Anna/perhaps.jpg"] = tree.files.pop(path)
    assert tree.look() == ()
    quiet(tree)


def test_a_rename_of_her_folder_renames_the_proposals():
    """The very folder, with its pictures."""
    tree = make()
    ino = tree.inodes[SUGGESTED]
    tree.owners[b"Bea"] = tree.owners.pop(b"Anna")
    tree.move(b"Anna", b"Bea")
    tree.look()
    tree.plan()
    assert tree.inodes[b"_Suggestions/Bea"] == ino
    assert SUGGESTED not in tree.inodes
    quiet(tree)


def test_strangers_files_are_never_touched():
    """In the folders of pictures, in their place, under their names."""
    tree = make()
    tree.files[b"_Suggestions/Anna/notes.txt"] = None
    tree.files[b"_Unsorted/9.jpg"] = None
    tree.proposed = {NOBODY: [9]}
    tree.look()
    tree.plan()
    assert tree.files[b"_Suggestions/Anna/notes.txt"] is None
    assert tree.files[b"_Unsorted/9.jpg"] is None
    assert tree.find(9) == [b"_Unsorted/9 (2).jpg"]
    quiet(tree)


def test_a_file_in_the_place_of_a_folder():
    """Nothing is made there, the rest goes on."""
    tree = PictureTree({ANNA: []}, nobody=[5])
    tree.files[b"_Suggestions"] = None
    tree.proposed[ANNA] = [1]
    tree.plan()
    assert paths(tree) == ["_Suggestions", "_Unsorted/5.jpg"]
    quiet(tree)


# Laws.

TARGETS = [b"Anna", b"Family/Ben", b"Anna/Anna", b"Carl", b"_Ignored", b"_Unsorted", b"", b"Family"]
gestures = st.one_of(
    st.tuples(st.just("put"), st.integers(1, 8), st.sampled_from(TARGETS), st.booleans()),
    st.tuples(st.just("delete"), st.integers(1, 8)),
    st.tuples(
        st.just("move"), st.just(SUGGESTED), st.sampled_from([b"Anna/Anna", b"Family/Ben/x", b"Elsewhere"])
    ),
    st.tuples(st.just("delete_folder"), st.sampled_from([SUGGESTED, b"_Unsorted", b"_Suggestions"])),
    st.tuples(st.just("propose"), st.sampled_from([ANNA, BEN, NOBODY]), st.integers(1, 8)),
)


def do(tree, gesture):
    what, *rest = gesture
    if what == "put":
        tree.put(rest[0], rest[1], copy=rest[2])
    elif what == "propose":
        person, face = rest
        if all(face not in faces for faces in tree.proposed.values()):
            tree.proposed.setdefault(person, []).append(face)
    else:
        getattr(tree, what)(*rest)


@settings(deadline=None)
@given(st.lists(st.tuples(gestures, st.sampled_from([None, 0, 11])), max_size=8))
def test_after_anything_it_comes_to_rest(history):
    """Whatever is done: each planned step is possible, faced's own work is read as nothing, and in the end nothing
    is to be done, no picture of a face that was spoken of is left where faced may take it away.
    """
    tree = make()
    for gesture, wait in history:
        do(tree, gesture)
        if wait is not None:
            tree.look(wait)
            tree.plan()
            assert tree.read().edits == []
    for _ in range(3):
        tree.look(11)
        tree.plan()
    tree.answer(True)
    tree.look(11)
    tree.plan()
    quiet(tree)
    for face in tree.said:
        said = tree.read().left_alone
        for path in tree.find(int(face)):
            assert path in said or parent_of(path) in said or path.startswith(b"_Suggestions/")


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([b"Anna", b"Family/Ben", b"_Ignored", b"Anna/Anna"]), st.booleans()),
        min_size=1,
        max_size=6,
    ),
    st.sets(st.integers(0, 5)),
)
def test_looks_between_change_nothing(targets, cuts):
    """Pictures put where they mean something, with and without passes in between: the same is said."""
    said = []
    for looked in (frozenset(), cuts):
        tree = make()
        for number, (target, copy) in enumerate(targets):
            tree.put(number + 1, target, copy=copy)
            if number in looked:
                tree.look()
                tree.plan()
        tree.look(11)
        tree.look(11)
        said.append((tree.said, tree.rejected))
    assert said[0] == said[1]


boxes = st.floats(allow_nan=False, allow_infinity=False)


@given(st.tuples(boxes, boxes, boxes, boxes), st.text("0123456789abcdef", min_size=1, max_size=32))
def test_a_face_is_read_back_to_the_last_bit(sides, key):
    spot = Spot(ImageKey(f"b1:{key}"), Box(*sides))
    assert parse_face(face_text(spot)) == spot
    assert face_of_comment("faced " + face_text(spot)) == face_text(spot)


@given(st.text())
def test_other_comments_name_no_face(text):
    assert face_of_comment(text) is None
    assert parse_face(text) is None
