"""Albums: which folders are some, and what the journal says of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faced.folders.albums import album_name, find_albums, read_album_name
from faced.folders.disk import Disk, DiskFolder
from faced.folders.names import folder_name
from faced.store.albums import Album, draft_album, fold_albums
from faced.store.edits import Edit

ANNA, BEN, OMA, OTHER = 1, 2, 3, 4
NAMES = {ANNA: "Anna", BEN: "Ben", OMA: "Oma/Opa"}


def edit(number, kind, value, person=9):
    return Edit(f"{number:012}-abcdefabcdef", "", "folder", kind, person, value=value)


@pytest.mark.parametrize(
    ("name", "persons"),
    [
        ("Anna + Ben", (ANNA, BEN)),
        ("ben  +  ANNA", (BEN, ANNA)),
        ("Anna + Oma-Opa + Ben", (ANNA, OMA, BEN)),
        ("Anna", None),
        ("Anna+Ben", None),
        ("Anna + Carl", None),
        ("Anna + Anna", None),
        (" + ", None),
    ],
)
def test_names_of_albums(name, persons):
    """Each part means one person, in whatever case; the order is the user's."""
    assert read_album_name(name, NAMES) == persons


def test_two_persons_of_one_name():
    """It cannot be told, unless one is called so to the letter."""
    assert "2 persons are called anna" in read_album_name("anna + Ben", {**NAMES, OTHER: "ANNA"})
    assert read_album_name("Anna + Ben", {**NAMES, OTHER: "ANNA"}) == (ANNA, BEN)


@given(st.lists(st.sampled_from(["Anna", "Ben", "Oma"]), min_size=2, max_size=3, unique=True))
def test_what_an_album_is_called_names_its_persons(names):
    known = dict(enumerate(names, start=1))
    assert read_album_name(folder_name(album_name(names)), known) == tuple(known)


def test_only_a_new_and_empty_folder_is_one():
    """Not one that is known, holds something, lies in a person's folder or among faced's own."""
    name = b"Anna + Ben"
    disk = Disk({b"": DiskFolder(1), b"Family": DiskFolder(2), b"Anna": DiskFolder(3)})
    for number, path in enumerate([name, b"Family/" + name, b"Anna/" + name, b"_Ignored/" + name], start=4):
        disk[path] = DiskFolder(number, others=frozenset([b".DS_Store"]))
    found, _ = find_albums(disk, {b"Anna"}, {b"Anna"}, NAMES)
    assert [(album.path, album.persons) for album in found] == [
        (name, (ANNA, BEN)),
        (b"Family/" + name, (ANNA, BEN)),
    ]
    assert find_albums(disk, {b"Anna", name, b"Family/" + name}, {b"Anna"}, NAMES) == ([], {})
    for full in (
        DiskFolder(4, links={b"1.jpg": b"/p/1.jpg"}),
        DiskFolder(4, others=frozenset([b"notes.txt"])),
        DiskFolder(4, folders=frozenset([b"x"])),
        DiskFolder(4, problem="Permission denied"),
    ):
        assert find_albums(Disk({b"": DiskFolder(1), name: full}), set(), set(), NAMES) == ([], {})


def test_an_album_is_what_was_said_of_it_last():
    """Links stay hidden in it; what makes no sense says nothing."""
    album = Album(9, (ANNA, BEN), b"Anna + Ben")
    renamed = Album(9, (ANNA, BEN), b"Family/\xff", name="Holidays")
    said = [
        edit(1, "album", draft_album(album).value),
        edit(2, "hide_link", "b1:00"),
        edit(3, "album", draft_album(renamed).value),
        edit(4, "album", {"persons": [1]}),
        edit(5, "hide_link", None),
        edit(6, "hide_link", "b1:01", person=8),
    ]
    assert fold_albums(said[:1]) == {9: album}
    assert fold_albums(said) == {
        9: Album(9, (ANNA, BEN), b"Family/\xff", name="Holidays", hidden=frozenset(["b1:00"]))
    }
