"""Whose folder is which, when the database that made them is lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faced.folders.adopt import Adoptee, match_folders
from faced.folders.disk import Disk, DiskFolder

TEXTS = {b"/p/%d" % image: image for image in range(1, 30)}


def disk(**folders):
    """Folders by path (`__` for `/`), each with links to these images."""
    found = Disk({b"": DiskFolder(1)})
    for number, (path, images) in enumerate(folders.items(), start=2):
        links = {b"%d.jpg" % image: b"/p/%d" % image for image in images}
        found[path.replace("__", "/").encode()] = DiskFolder(number, links)
    return found


def owners(found, persons, named=()):
    """path: person. persons: images by person."""
    of_image = {i: frozenset(p for p, images in persons.items() if i in images) for i in TEXTS.values()}
    words = {p: word if isinstance(word, Adoptee) else Adoptee(word) for p, word in dict(named).items()}
    return {folder.path.decode(): folder.person for folder in match_folders(found, of_image, TEXTS, words)}


def test_by_the_majority_of_links():
    """Numbers of unnamed persons are others now."""
    found = disk(Person_5=[1, 2, 3], Person_6=[3, 4, 5, 9])
    found = Disk({path.replace(b"_", b" "): folder for path, folder in found.items()})
    assert owners(found, {31: [3, 4, 5], 32: [1, 2, 3]}) == {"Person 5": 32, "Person 6": 31}


def test_names_come_first():
    """Also where the links say somebody else, or nothing."""
    found = disk(Anna=[1, 2, 3], Ben=[])
    assert owners(found, {1: [9], 2: [1, 2, 3]}, {1: "Anna", 2: "Ben"}) == {"Anna": 1, "Ben": 2}


def test_of_two_persons_of_one_name():
    """By the place that was said, then by the links."""
    found = disk(Anna=[1, 2], Family__Anna=[3, 4], Anna_x=[])
    persons = {1: [1, 2], 2: [3, 4]}
    assert owners(found, persons, {1: "Anna", 2: "Anna"}) == {"Anna": 1, "Family/Anna": 2}
    placed = {1: Adoptee("Anna", b"Family/Anna"), 2: "Anna"}
    assert owners(found, persons, placed) == {"Anna": 2, "Family/Anna": 1}


def test_two_persons_of_one_name_who_lived_in_one_place():
    """The links say whose it is; the other's folder has the number that it was given when the name was taken."""
    found = disk(**{"Ida": [1, 2], "Ida (2)": [3, 4], "Ida (3)": [5]})
    lived = Adoptee("Ida", b"Ida")
    assert owners(found, {1: [3, 4], 2: [1, 2]}, {1: lived, 2: lived}) == {"Ida": 2, "Ida (2)": 1}
    before = Adoptee("Ida", b"Person 2")
    assert owners(found, {1: [3, 4], 2: [1, 2]}, {1: lived, 2: before}) == {"Ida": 2, "Ida (2)": 1}


def test_a_place_from_before_she_had_another_name():
    """Where she lives is the folder around hers; the last part of a place is a name that she had."""
    found = disk(Carl=[1, 2], Oma=[3, 4], Family__Oma=[3])
    words = {1: Adoptee("Oma", b"Carl"), 2: Adoptee("Carl", b"Anna")}
    assert owners(found, {1: [3, 4], 2: [1, 2]}, words) == {"Carl": 2, "Oma": 1}


def test_a_name_that_nobody_has():
    """Renamed while the database was lost: hers by the links. Of somebody unnamed: it is left alone."""
    found = disk(Anni=[1, 2, 3], Carl=[7, 8])
    assert owners(found, {1: [1, 2, 3], 2: [7, 8]}, {1: "Anna"}) == {"Anni": 1}


def test_what_is_nobodys():
    """No majority, no links of ours, faced's own folders, a folder that cannot be read."""
    found = disk(**{"Person 1": [1, 2, 3, 4], "Person 2": [], "_Ignored/Person 3": [5, 6]})
    found[b"Person 4"] = DiskFolder(0, {b"5.jpg": b"/p/5"}, problem="Permission denied")
    found[b"Mine"] = DiskFolder(50, {b"x": b"/elsewhere"})
    assert owners(found, {1: [1, 2], 2: [5, 6]}) == {}


def test_only_links_to_photos_become_base():
    """With the image that they stand for now; others stay somebody's own."""
    found = disk(Anna=[1, 2])
    found[b"Anna"] = DiskFolder(7, {**found[b"Anna"].links, b"x": b"/elsewhere"}, others=frozenset([b"f"]))
    (folder,) = match_folders(found, {}, TEXTS, {1: Adoptee("Anna")})
    assert (folder.path, folder.ino) == (b"Anna", 7)
    assert [(link.name, link.image) for link in folder.links] == [(b"1.jpg", 1), (b"2.jpg", 2)]


@pytest.mark.parametrize("name", ["AC/DC", "_Oma", "Zoe\u0308", "anna", "Ren\udce9"])
def test_names_that_faced_or_the_user_spelt(name):
    """As a folder of faced's making, or as the user's own."""
    from faced.folders.names import folder_name

    for spelt in {folder_name(name).encode(), name.replace("/", "-").encode("utf-8", "surrogateescape")}:
        found = Disk({b"": DiskFolder(1), spelt: DiskFolder(2)})
        (folder,) = match_folders(found, {}, TEXTS, {1: Adoptee(name)})
        assert folder.path == spelt


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["Anna", "Ben", "Person 1", "Person 2", "F/Anna", "Mine"]),
        st.lists(st.integers(1, 6), unique=True, max_size=4),
    ),
    st.dictionaries(st.integers(1, 4), st.sets(st.integers(1, 6), max_size=4)),
    st.dictionaries(st.integers(1, 4), st.sampled_from(["Anna", "Ben", "Carl"])),
    st.randoms(use_true_random=False),
)
def test_one_to_one_whatever_the_order(folders, persons, named, random):
    """Nobody gets two folders, no folder two persons, and the order of what is handed in does not matter."""
    found = disk(**folders)
    expected = owners(found, persons, named)
    assert len(set(expected.values())) == len(expected)
    shuffled = Disk(dict(random.sample(sorted(found.items(), key=lambda x: x[0]), len(found))))
    mixed = dict(random.sample(sorted(named.items()), len(named)))
    assert owners(shuffled, persons, mixed) == expected


def test_strangers_are_known_in_the_folder_of_strangers():
    """By their links, with a name or without; and nobody else is in it."""
    found = disk(
        **{"Anna": [1, 2], "_Ignored__Person 7": [5, 6], "_Ignored__Ben": [3, 4], "_Ignored__Anna": [1]}
    )
    words = {1: Adoptee("Anna"), 2: Adoptee("Ben", hidden=True), 3: Adoptee(None, hidden=True)}
    assert owners(found, {1: [1, 2], 2: [3, 4], 3: [5, 6]}, words) == {
        "Anna": 1,
        "_Ignored/Ben": 2,
        "_Ignored/Person 7": 3,
    }
