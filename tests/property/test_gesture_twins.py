"""Two households in which the same is done in the file manager: in one faced looks, and dies, in between; in the other it
looks once, at the end. The same folders come of it; what was said holds; and all of it can be taken back.

Real stores, folders and faces (tests/support/wordworld). FACED_LONG=1 runs it for long and at random.
"""

import os
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
from tests.support.gestures import FOLDER_DEEDS, LINK_DEEDS, Gestures
from tests.support.mortal import STAGES

LONG = bool(os.environ.get("FACED_LONG"))
SHRINK = bool(os.environ.get("FACED_SHRINK"))
FOLDERS = 4

LOOKS = st.sampled_from(["no", "no", "look", "kill"])
KILLS = st.tuples(st.sampled_from(STAGES), st.integers(0, 30))
FOLDER = st.integers(0, FOLDERS - 1)
deeds = st.lists(
    st.tuples(st.sampled_from([*LINK_DEEDS, *FOLDER_DEEDS]), FOLDER, FOLDER, st.integers(0, 4), LOOKS, KILLS),
    min_size=1,
    max_size=6,
)


class Twins:
    """Two households of the same four persons and photos, and one user in both."""

    def __init__(self, folder: Path) -> None:
        self.homes = Home(folder / "often"), Home(folder / "once")
        self.hands = Gestures([home.world for home in self.homes], [home.folders() for home in self.homes])
        self.begin = [len(load_edits(home.world.store.db)) for home in self.homes]

    def close(self) -> None:
        for home in self.homes:
            home.world.close()

    def look(self, how: str, kill: tuple[str, int]) -> None:
        home = self.homes[0]
        before = {path.name: path.read_bytes() for path in home.world.library.iterdir()}
        with home.world.unchecked():
            home.world.do_pass(kill=kill if how == "kill" else None, now=how == "look")
        assert {path.name: path.read_bytes() for path in home.world.library.iterdir()} == before

    def check(self) -> None:
        """What was said holds; nothing is half done."""
        for home in self.homes:
            home.look()
            with home.world.unchecked():
                while home.world.answer(yes=True):
                    home.look()
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
        self.hands.check()

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
            for kind, one, other, photo, look, kill in done:
                twins.hands.do(kind, one, other, photo)
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
    max_examples=400 if LONG else 12,
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
        [("copy", 2, 1, 0, "kill", ("read", 16)), ("rename", 1, 0, 0, "look", ("look", 16))],
        # A pinned face is no anchor: its own cluster does not follow when its new person is hidden.
        [("move", 3, 2, 3, "look", ("read", 16)), ("ignore", 2, 2, 2, "no", ("look", 27))],
    ],
)
def test_found(done: list[tuple[str, int, int, int, str, tuple[str, int]]]) -> None:
    """What it found, each as short as it gets."""
    run(done)
