"""What people do in the file manager, as text: what they did, the tree that comes of it, and what the journal says.

A story is a sentence, commands of the shell (in the people folder; `$PHOTOS` is the library, `$ELSEWHERE` a folder of
pictures that are in no library), the tree (a line a
folder: the names of its links, without `.png`, and of face pictures, without what faced makes of them), what is left alone, and the journal's new edits (kind, person: photos
or value). Each is told three times: with faced off until all is done, with a look after each command, and with the
daemon running. The journal is compared only in the first way: else what was done in steps is said in steps. In stories whose
names begin with `faces` there are photos that may show Anna, and some of which nobody knows whom they show.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from faced.errors import shown
from faced.store.asks import answer_ask, load_asks
from faced.store.edits import Edit
from faced.store.journal import load_edits
from tests.stories.test_gestures import Home
from tests.support.livestories import LiveHome, running_at, wait_until_calm
from tests.support.wordphotos import UNSURE, Picture

STORIES = sorted((Path(__file__).parent / "gestures").glob("*.txt"))


class Story:
    """A text, taken apart."""

    def __init__(self, text: str) -> None:
        parts = text.rstrip("\n").split("\n\n")
        self.commands = [line.strip() for line in parts[1].split("\n")]
        self.tree = dict(line.split(": ", 1) for line in parts[2].split("\n"))
        self.left_alone: list[str] = []
        self.edits: list[str] | None = None
        for part in parts[3:]:
            lines = part.split("\n")
            if lines[0].startswith("left alone: "):
                self.left_alone = [line.removeprefix("left alone: ") for line in lines]
            else:
                self.edits = lines


PORTRAITS = {"anna": (0,), "stranger": (4,), "stranger2": (4,), "two": (1, 4), "nobody": ()}


HOUSEHOLDS = 16
"""With a daemon each at a time, for there may be 128 inotify instances."""


UNSURE_PHOTOS = {"perhaps": (0,), "maybe": (0,), "statue": (2,), "poster": (2,)}


def make_home(folder: Path, story: Path) -> Home:
    """With pictures elsewhere, and those that the story wants in the library. Its face pictures are squares."""
    home = Home(folder)
    if story.stem.startswith("faces"):
        for number, (name, people) in enumerate(UNSURE_PHOTOS.items(), start=UNSURE + 1):
            (home.world.library / f"{name}.png").write_bytes(Picture(number, people).data)
        home.look()
    elsewhere = home.world.folder / "elsewhere"
    elsewhere.mkdir()
    for number, (name, people) in enumerate(PORTRAITS.items(), start=1001):
        (elsewhere / f"{name}.png").write_bytes(Picture(number, people).data)
    return home


@pytest.fixture
def home(tmp_path: Path, story: Path) -> Iterator[Home]:
    home = make_home(tmp_path / "home", story)
    yield home
    home.world.close()


def do(home: Home, command: str) -> None:
    """One command; `faced` itself is told to the household."""
    if command == "faced undo":
        home.look()
        home.world.take_back()
    elif command == "faced sync":
        home.look()
    elif command.startswith("faced accept"):
        home.look()
        with home.world.store.write() as db:
            for ask in load_asks(db):
                assert answer_ask(db, ask.id, command == "faced accept")
        home.look()
    else:
        in_shell(home, command)


def in_shell(home: Home, command: str) -> None:
    """In the people folder."""
    places = {
        "PHOTOS": os.path.realpath(home.world.library),
        "ELSEWHERE": str(home.world.folder / "elsewhere"),
    }
    subprocess.run(["sh", "-ec", command], cwd=home.people, env={**os.environ, **places}, check=True)


def tree_of(home: Home) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for path in home.tree():
        folder, _, name = shown(os.fsencode(path)).rpartition("/")
        found.setdefault(folder, []).append(name.removesuffix(".png"))
    for path in home.people.rglob("*.jpg"):
        folder, name = str(path.parent.relative_to(home.people)), path.stem
        found.setdefault(folder, []).append(re.sub(r"^\d\.\d\d ", "", name))
    return {folder: " ".join(sorted(names)) for folder, names in found.items()}


def told(home: Home, edit: Edit) -> str:
    photos = {
        picture.key: path.removesuffix(".png") for path, picture in home.world.look_at_library().items()
    }
    what = " ".join(
        sorted((photos.get(face.image, "0") for face in edit.faces), key=lambda name: (len(name), name))
    )
    if isinstance(edit.value, dict) and edit.kind == "tag":
        what = ("" if edit.value["on"] else "not ") + photos[str(edit.value["image"])]  # type: ignore[index]
    elif isinstance(edit.value, dict) and edit.kind == "name_link":
        what = str(edit.value["name"])
    elif not edit.faces and edit.value is not None:
        what = photos.get(str(edit.value), str(edit.value))
    return f"{edit.kind} {edit.person}: {what}".rstrip()


def check(home: Home, wanted: Story, library: dict[str, bytes]) -> None:
    """The tree, what is left alone, and the photos, as they were."""
    home.settled()
    trees = [
        "\n".join(f"{folder}: {' '.join(sorted(names.split(' ')))}" for folder, names in sorted(tree.items()))
        for tree in (tree_of(home), wanted.tree)
    ]
    assert trees[0] == trees[1], f"it is\n{trees[0]}\nleft alone: {home.left_alone()}"
    assert sorted(home.left_alone()) == wanted.left_alone
    assert sorted(library.values()) == sorted(path.read_bytes() for path in home.world.library.iterdir())


@pytest.mark.parametrize("is_watched", [False, True], ids=["off", "looked at"])
@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.stem)
def test_story(home: Home, story: Path, is_watched: bool) -> None:
    """See the text."""
    wanted = Story(story.read_text())
    library = {path.name: path.read_bytes() for path in home.world.library.iterdir()}
    before = len(load_edits(home.world.store.db))
    for command in wanted.commands:
        do(home, command)
        if is_watched:
            home.look()
    check(home, wanted, library)
    if wanted.edits is not None and not is_watched:
        new = [edit for edit in load_edits(home.world.store.db)[before:] if edit.kind != "persons"]
        assert [told(home, edit) for edit in new] == wanted.edits


@pytest.mark.parametrize("first", range(0, len(STORIES), HOUSEHOLDS))
def test_stories_while_the_daemon_runs(tmp_path: Path, first: int) -> None:
    """The same comes of them; many at once, each in a household of its own."""
    paths = STORIES[first : first + HOUSEHOLDS]
    homes = [make_home(tmp_path / path.stem, path) for path in paths]
    libraries = [{path.name: path.read_bytes() for path in home.world.library.iterdir()} for home in homes]
    stories = [Story(path.read_text()) for path in paths]
    with running_at([home.world for home in homes]) as daemons:
        for number in range(max(len(story.commands) for story in stories)):
            for home, story, daemon in zip(homes, stories, daemons, strict=True):
                if number < len(story.commands):
                    do_beside(home, story.commands[number], daemon)
    try:
        wrong = {}
        for path, home, story, library in zip(paths, homes, stories, libraries, strict=True):
            before = tree_of(home), load_edits(home.world.store.db)
            try:
                check(home, story, library)
                assert (tree_of(home), load_edits(home.world.store.db)) == before, "something was left to do"
            except AssertionError as error:
                wrong[path.stem] = str(error)
        assert not wrong, "\n".join(f"{name}: {error}" for name, error in wrong.items())
    finally:
        for home in homes:
            home.world.close()


def do_beside(home: Home, command: str, daemon: LiveHome) -> None:
    """As `do`, while the daemon runs."""
    if command.startswith("faced "):
        wait_until_calm([daemon])
    if command == "faced undo":
        daemon.take_back()
    elif command.startswith("faced accept"):
        daemon.answer(yes=command == "faced accept")
    elif command != "faced sync":
        in_shell(home, command)
