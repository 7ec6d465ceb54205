"""Places that cannot be right together are refused before anything happens."""

import os

import pytest

from faced.errors import UsageError
from faced.library.roots import absolute_root, check_roots
from tests.support.rerun import without_privileges


@pytest.fixture
def places(tmp_path):
    for name in ("photos/2019", "people/Anna", "state"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "file.jpg").touch()
    (tmp_path / "link").symlink_to("photos")
    return os.fsencode(tmp_path)


def check(places, roots, people=b"people", state=b"state", known=()):
    def at(path):
        return places + b"/" + path

    check_roots([at(r) for r in roots], people and at(people), at(state), [at(k) for k in known])


@pytest.mark.parametrize(
    ("roots", "people", "state", "known"),
    [
        ([b"photos"], b"people", b"state", []),
        ([b"photos"], None, b"state", []),
        ([b"photos"], b"photos/People", b"state", []),  # a people folder inside a library is allowed
        ([b"photos", b"photos"], b"people", b"state", [b"photos"]),
        ([b"photos"], b"people", b"state", [b"unplugged"]),
        ([b"photos"], b"not yet", b"not yet either", []),
    ],
)
def test_good_places_pass(places, roots, people, state, known):
    """And a library of the set that is missing just now stops nobody."""
    check(places, roots, people, state, known)


@pytest.mark.parametrize(
    ("roots", "people", "state", "known", "says"),
    [
        ([b"nowhere"], b"people", b"state", [], "does not exist"),
        ([b"file.jpg"], b"people", b"state", [], "is not a folder"),
        ([b"photos"], b"photos", b"state", [], "cannot be both"),
        ([b"photos"], b"link", b"state", [], "cannot be both"),
        ([b"people/Anna"], b"people", b"state", [], "is inside the people folder"),
        ([b"photos/2019"], b"link", b"state", [], "is inside the people folder"),
        ([b"photos"], b"people", b"photos/state", [], "is inside the library"),
        ([b"photos"], b"people", b"photos", [], "is inside the library"),
        ([b"photos"], b"people", b"link/2019/new", [], "is inside the library"),
        ([b"photos"], b"people", b"people/state", [], "is inside the people folder"),
        ([b"photos", b"photos/2019"], b"people", b"state", [], "scanned with all its folders"),
        ([b"photos/2019"], b"people", b"state", [b"photos"], "scanned with all its folders"),
        ([b"photos"], b"people", b"state", [b"photos/2019"], "scanned with all its folders"),
        ([b"photos", b"link"], b"people", b"state", [], "are the same folder"),
    ],
)
def test_wrong_places_are_refused_by_name(places, roots, people, state, known, says):
    """One plain line, exit status 2, and the path in it."""
    with pytest.raises(UsageError, match=says) as caught:
        check(places, roots, people, state, known)
    assert caught.value.exit_status == 2
    message = str(caught.value)
    assert "\n" not in message
    assert os.fsdecode(places) in message


def test_a_people_folder_cannot_be_a_library(places, tmp_path):
    """Not even that of another installation: its links would be scanned as photos."""
    (tmp_path / "people/.faced").mkdir()
    (tmp_path / "people/.faced/tree.json").write_text("{}")
    with pytest.raises(UsageError, match="is a people folder that faced made"):
        check(places, [b"people"], people=b"other")


@without_privileges
def test_a_library_that_may_not_be_read_is_refused(tmp_path):
    """When it is named for the first time; later it would be frozen."""
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(UsageError, match=r"cannot be read \(Permission denied\)"):
        check_roots([os.fsencode(tmp_path / "closed")], None, os.fsencode(tmp_path / "state"))


def test_roots_are_stored_absolute_and_as_named(tmp_path, monkeypatch):
    """`..` goes, links stay: the links of the people folder read as the user names his folders."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("photos")
    assert absolute_root("a/../link/") == os.fsencode(tmp_path / "link")
