"""Two households in which the same is done in the file manager: in one faced looks, and dies, in between; in the other it
looks once, at the end. The same folders come of it; what was said holds; and all of it can be taken back.

Real stores, folders and faces (tests/support/wordworld). FACED_LONG=1 runs it for long and at random.
"""

import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from faced.store.edits import BOOKS
from faced.store.journal import check_word, load_edits
from faced.store.word_tables import load_word
from tests.stories.test_gestures import Home
from tests.support.wordworld import STAGES

LONG = bool(os.environ.get("FACED_LONG"))
SHRINK = bool(os.environ.get("FACED_SHRINK"))
PHOTOS = [f"{number}.png" for number in range(1, 18)]
FOLDERS = 4

looks = st.sampled_from(["no", "no", "look", "kill"])
kills = st.tuples(st.sampled_from(STAGES), st.integers(0, 30))
deeds = st.lists(
    st.tuples(
        st.sampled_from(
            ["move", "move", "copy", "drop", "new", "rename", "rename link", "delete", "ignore", "sort"]
        ),
        st.integers(0, FOLDERS - 1),
        st.integers(0, FOLDERS - 1),
        st.integers(0, 16),
        looks,
        kills,
    ),
    min_size=1,
    max_size=5,
)


class Twins:
    """Folders are known by their inodes, links by their photos; only what can be done in both is done in both."""

    def __init__(self, folder: Path) -> None:
        self.homes = Home(folder / "often"), Home(folder / "once")
        self.inodes = [
            [os.stat(home.people / path).st_ino for path in sorted(home.folders())] for home in self.homes
        ]
        self.used: set[str] = set()
        self.busy: set[int] = set()
        self.begin = [len(load_edits(home.world.store.db)) for home in self.homes]

    def close(self) -> None:
        for home in self.homes:
            home.world.close()

    def paths(self, which: int) -> list[Path] | None:
        """Where that folder is, in each home."""
        found = []
        for home, inodes in zip(self.homes, self.inodes, strict=True):
            path = [p for p in home.people.rglob("*") if p.is_dir() and p.stat().st_ino == inodes[which]]
            if not path:
                return None
            found.append(path[0])
        return found

    def links(self, which: int, photo: str) -> list[Path] | None:
        """That folder's links to a photo."""
        found = []
        for folder in self.paths(which) or ():
            links = [
                x for x in folder.iterdir() if x.is_symlink() and os.path.basename(os.readlink(x)) == photo
            ]
            if len(links) != 1:
                return None
            found.append(links[0])
        return found or None

    def do(self, number: int, kind: str, one: int, other: int, photo: int) -> None:
        folders, targets = self.paths(one), self.paths(other)
        if folders is None or targets is None:
            return
        if kind in ("drop", "rename", "ignore"):
            self._carry(number, kind, one, other, folders, targets)
            return
        name = PHOTOS[photo]
        links = self.links(one, name)
        if links is None or name in self.used or any(len(list(f.iterdir())) < 4 for f in folders):
            return
        if kind in ("move", "copy") and (one == other or self.busy & {one, other}):
            return
        if kind in ("move", "copy"):
            new = [target / link.name for target, link in zip(targets, links, strict=True)]
        elif kind == "new":
            new = [home.people / "Eva" / link.name for home, link in zip(self.homes, links, strict=True)]
        elif kind == "sort":
            new = [link.parent / "2019" / link.name for link in links]
        else:
            new = [link.parent / f"mine {number}.png" for link in links]
        if any(os.path.lexists(path) for path in new) and kind != "delete":
            return
        for link, path in zip(links, new, strict=True):
            if kind == "delete":
                link.unlink()
                continue
            path.parent.mkdir(exist_ok=True)
            if kind == "copy":
                shutil.copy(link, path, follow_symlinks=False)
            else:
                os.rename(link, path)
        self.used.add(name)

    def _carry(
        self, number: int, kind: str, one: int, other: int, folders: list[Path], targets: list[Path]
    ) -> None:
        """A folder is carried once; what was put together is not taken apart."""
        if one in self.busy or (kind == "drop" and (one == other or other in self.busy)):
            return
        for home, folder, target in zip(self.homes, folders, targets, strict=True):
            new = {
                "drop": target / folder.name,
                "rename": folder.parent / f"Name {number}",
                "ignore": home.people / "_Ignored" / folder.name,
            }[kind]
            new.parent.mkdir(exist_ok=True)
            os.rename(folder, new)
        self.busy |= {one, other} if kind == "drop" else {one}

    def look(self, how: str, kill: tuple[str, int]) -> None:
        home = self.homes[0]
        before = {path.name: path.read_bytes() for path in home.world.library.iterdir()}
        with home.world.unchecked():
            home.world.do_pass(kill=kill if how == "kill" else None, now=how == "look")
        assert {path.name: path.read_bytes() for path in home.world.library.iterdir()} == before

    def check(self) -> None:
        """What was said holds; nothing is half done."""
        for home in self.homes:
            home.settled()
            db = home.world.store.db
            assert check_word(db) == []
            word = load_word(db)
            owners = {
                (key, left): person
                for key, left, person in db.execute(
                    "SELECT images.key, box_left, owners.person FROM owners JOIN faces ON faces.id = owners.face"
                    " JOIN images ON images.id = faces.image"
                )
            }
            for spot, person in word.pins.items():
                assert owners[spot.image, spot.box.left] == person
            for spot, persons in word.rejections.items():
                assert owners.get((spot.image, spot.box.left)) not in persons

    def outcome(self, home: Home) -> Counter[tuple[str, frozenset[tuple[str, str]]]]:
        """The folders with their links; one without a name is as good as another."""
        found: dict[str, set[tuple[str, str]]] = {}
        for path, photo in home.tree().items():
            folder, _, name = path.rpartition("/")
            found.setdefault(folder, set()).add((name, photo))
        return Counter(
            (
                "/".join("Person" if part.startswith("Person ") else part for part in folder.split("/")),
                frozenset(links),
            )
            for folder, links in found.items()
        )

    def take_back_all(self) -> None:
        for home, begin in zip(self.homes, self.begin, strict=True):
            new = [e for e in load_edits(home.world.store.db)[begin:] if e.kind not in BOOKS]
            for _ in {edit.gesture for edit in new}:
                home.world.take_back()
            home.settled()

    @property
    def is_ambiguous(self) -> bool:
        return any("faced merge" in why for home in self.homes for why in home.left_alone().values())


def run(done: list[tuple[str, int, int, int, str, tuple[str, int]]]) -> None:
    with tempfile.TemporaryDirectory(prefix="faced-twins-") as folder:
        twins = Twins(Path(folder))
        try:
            for number, (kind, one, other, photo, look, kill) in enumerate(done):
                twins.do(number, kind, one, other, photo)
                if look != "no":
                    twins.look(look, kill)
            twins.check()
            if twins.is_ambiguous:
                return
            often, once = (twins.outcome(home) for home in twins.homes)
            assert often == once
            twins.take_back_all()
            often, once = (twins.outcome(home) for home in twins.homes)
            assert often == once
        finally:
            twins.close()


@settings(
    max_examples=200 if LONG else 5,
    deadline=None,
    derandomize=not LONG,
    suppress_health_check=list(HealthCheck),
    phases=list(Phase) if SHRINK else [Phase.reuse, Phase.generate],
)
@given(deeds)
def test_twins(done: list[tuple[str, int, int, int, str, tuple[str, int]]]) -> None:
    """Whether faced looked, or died, in between does not matter; and nothing that was said is lost."""
    run(done)


@pytest.mark.parametrize(
    "done",
    [
        # A link without a face of hers is none of the faces by which she is known when she is named.
        [("copy", 2, 1, 1, "kill", ("read", 16)), ("rename", 1, 0, 12, "look", ("look", 16))],
        # A pinned face is no anchor: its own cluster does not follow when its new person is hidden.
        [("move", 3, 2, 15, "look", ("read", 16)), ("ignore", 2, 2, 2, "no", ("look", 27))],
    ],
)
def test_found(done: list[tuple[str, int, int, int, str, tuple[str, int]]]) -> None:
    """What it found, each as short as it gets."""
    run(done)
