"""A folder called after two persons, by the installed command."""

from faced.demo import DemoLibrary
from tests.conftest import small_paths
from tests.stories.test_names import named  # noqa: F401 - a fixture
from tests.support.app import App, look_at

ALBUM = "Anna + Zoë 🎈"


def test_an_album_of_two(named: App, demo: DemoLibrary) -> None:  # noqa: F811
    """Filled with the photos of both; it follows a name; a link deleted in it is hidden in it, and nothing else."""
    both = frozenset(
        path for path, who in demo.photos.items() if set(who) == {"p1", "p3"} and path in small_paths(demo)
    )
    assert len(both) == 1
    (named.people / ALBUM).mkdir()
    named.sync()
    assert named.folders()[ALBUM] == both
    before = look_at(named.people)
    assert named.sync().stdout == ""
    assert look_at(named.people) == before
    assert len(named.json("people")) == 3
    (named.people / "Anna").rename(named.people / "Bea")
    named.sync()
    assert named.folders()["Bea + Zoë 🎈"] == both
    [link] = (named.people / "Bea + Zoë 🎈").iterdir()
    link.unlink()
    named.sync("--now")
    asked = named.json("status")["asks"]
    assert asked == []
    assert named.folders()["Bea + Zoë 🎈"] == frozenset()
    assert both <= named.folders()["Bea"]
    assert named.json("log")[0]["kind"] == "hide_link"
    assert "a link is not shown in the album Bea + Zoë" in named.run("log", "1").stdout
    named.run("undo")
    named.sync()
    assert named.folders()["Bea + Zoë 🎈"] == both
    [link] = (named.people / "Bea + Zoë 🎈").iterdir()
    link.unlink()
    (named.people / "Bea + Zoë 🎈").rmdir()
    named.sync("--now")
    assert set(named.folders()) == {"Bea", "Ben", "Zoë 🎈"}
    assert named.json("log")[0]["kind"] == "album"
