"""Names of folders and links: a table of examples, and the laws that no name can break."""

import os
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from faced.folders.names import (
    FOLDER_BYTES,
    NAME_BYTES,
    TakenNames,
    fold_name,
    folder_name,
    is_form_of,
    is_junk,
    is_passed_over,
    numbered_name,
    restored_name,
    unique_name,
)

TWINS = "a/\\._ \t\n\0é\u0301\u202e\u200d\u200bß\u0130🇩🇪👩\u1100\u1161\ud800İP1("
names = st.one_of(
    st.text(max_size=300),
    st.text(alphabet=TWINS, max_size=120),
    st.sampled_from(
        ["", ".", "..", "Person 7", "person 7 (2)", "Thumbs.db", "@eaDir", "._x", "Person 1" + "1" * 300]
    ),
)
file_names = st.one_of(
    st.binary(min_size=1, max_size=NAME_BYTES).map(lambda b: b.replace(b"/", b"-").replace(b"\0", b"-")),
    st.sampled_from(
        [b"a.jpg", b"A.JPG", b"a (2).jpg", b"a", b".jpg", b"x" * 251 + b".jpg", "é".encode() * 127]
    ),
).filter(lambda b: b not in (b".", b".."))


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("Anna", "Anna"),
        ("AC/DC", "AC-DC"),
        ("A\nB", "A B"),
        ("A\0B", "A B"),
        (" Anna. . ", "Anna"),
        (".", "Nameless"),
        ("..", "Nameless"),
        ("", "Nameless"),
        ("\u200d", "Nameless"),
        (".config", "．config"),
        ("_Ignored", "＿Ignored"),
        ("Thumbs.db", "Ｔhumbs.db"),
        ("@eaDir", "＠eaDir"),
        ("@anna", "@anna"),
        ("#recycle", "＃recycle"),
        ("Person 7", "Person-7"),
        ("person 12 (2)", "person-12 (2)"),
        ("Person of Interest", "Person of Interest"),
        ("\u202egnp.annA", "gnp.annA"),
        ("Anna\u2066Ben\u2069", "AnnaBen"),
        ("e\u0301va", "éva"),
        ("-rf", "-rf"),
        ("123", "123"),
        ("👩‍👩‍👧", "👩‍👩‍👧"),
        ("می‌خواهم", "می‌خواهم"),
    ],
)
def test_folder_names(name, folder):
    """Examples of what is changed, and what must stay as it is."""
    assert folder_name(name) == folder


def test_long_names_are_cut_between_graphemes():
    """A family of emoji or a letter with its marks is kept whole or left out whole."""
    family = "👩‍👩‍👧"
    assert folder_name(family * 30) == family * (FOLDER_BYTES // len(family.encode()))
    assert folder_name("x" + "e\u0323\u0302\u0301" * 60).encode()[-2:] == "\u0301".encode()
    assert folder_name("🇩🇪" * 40) == "🇩🇪" * (FOLDER_BYTES // 8)
    assert len(folder_name("a" + "\u0335" * 300).encode()) <= FOLDER_BYTES


@given(names)
@example("Person 1" + "1" * 300 + "x")
@example("." + "a" * 300)
def test_a_folder_name_is_one_entry_and_stable(name):
    """Whatever the name: not empty, not hidden, not reserved, short, NFC, and itself when given back as a name."""
    folder = folder_name(name)
    raw = folder.encode("utf-8")
    assert 0 < len(raw) <= FOLDER_BYTES
    assert b"/" not in raw
    assert b"\0" not in raw
    assert raw not in (b".", b"..")
    assert raw[:1] not in (b".", b"_")
    assert not is_junk(raw)
    assert not is_passed_over(raw)
    assert folder == folder.strip()
    assert not folder.endswith(".")
    assert unicodedata.is_normalized("NFC", folder)
    assert all(unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp") for char in folder)
    assert not set(folder) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")
    assert folder_name(folder) == folder


@given(st.lists(names, min_size=1, max_size=6))
def test_folder_names_make_exactly_one_folder_each(tmp_path_factory, wanted):
    """On a real disk: each name makes one entry in the root, never one outside, never two persons one."""
    root = tmp_path_factory.mktemp("names") / "root"
    root.mkdir()
    taken = TakenNames([])
    for name in wanted:
        os.mkdir(os.path.join(os.fsencode(root), taken.claim(folder_name(name).encode(), is_file=False)))
    assert len(os.listdir(root)) == len(wanted)
    assert os.listdir(root.parent) == ["root"]


@given(st.lists(file_names, max_size=12), file_names, st.booleans())
def test_unique_names_are_free_short_and_recognised(taken, wanted, is_file):
    """Free by casefold and NFC, at most 255 bytes, and known again as a form of what was wanted."""
    folds = {fold_name(name) for name in taken}
    name = unique_name(wanted, folds, is_file=is_file)
    assert fold_name(name) not in folds
    assert len(name) <= NAME_BYTES
    assert is_form_of(name, wanted, is_file=is_file)
    assert name == wanted or fold_name(wanted) in folds


@given(st.lists(file_names, max_size=12), file_names)
def test_claimed_names_are_those_that_unique_name_gives(taken, wanted):
    """The quick way gives the same names as the plain one, one after the other."""
    quick, folds = TakenNames(taken), {fold_name(name) for name in taken}
    for _ in range(4):
        plain = unique_name(wanted, folds, is_file=True)
        assert quick.claim(wanted, is_file=True) == plain
        folds.add(fold_name(plain))


@pytest.mark.parametrize(
    ("wanted", "is_file", "numbered"),
    [
        (b"a.jpg", True, b"a (2).jpg"),
        (b"a.tar.gz", True, b"a.tar (2).gz"),
        (b"Anna.B", False, b"Anna.B (2)"),
        (b"\xff\xfe.jpg", True, b"\xff\xfe (2).jpg"),
        (b"x" * 251 + b".jpg", True, b"x" * 247 + b" (2).jpg"),
        ("é".encode() * 125 + b".jpg", True, "é".encode() * 123 + b" (2).jpg"),
        (b"mr. " + b"x" * 30, True, b"mr. " + b"x" * 30 + b" (2)"),
    ],
)
def test_numbers_go_before_the_suffix_of_files(wanted, is_file, numbered):
    """Bytes that are no text stay as they are; a stem that is too long is cut between characters."""
    assert numbered_name(wanted, 2, is_file=is_file) == numbered


def test_twins_of_case_and_form_are_one_name():
    """Anna and anna, and the two spellings of é, would be one folder on other file systems."""
    assert unique_name(b"anna", {fold_name(b"Anna")}, is_file=False) == b"anna (2)"
    assert unique_name("e\u0301".encode(), {fold_name("é".encode())}, is_file=False) == "e\u0301 (2)".encode()
    assert fold_name(b"\xff") != fold_name(b"\xfe")


def test_restored_names():
    """What is given back under another name says so, before its suffix."""
    assert restored_name(b"a.jpg", 1) == b"a (restored).jpg"
    assert restored_name(b"Person 7", 2) == b"Person 7 (restored 2)"
    assert len(restored_name(b"x" * 255, 1)) == NAME_BYTES
