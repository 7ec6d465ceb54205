"""Homes for the daemon: one that sorts without encoding, and two hundred photos to come."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from faced.demo import DemoLibrary
from tests.conftest import forget_but_pictures
from tests.support.app import App
from tests.support.crowd import make_crowd
from tests.support.daemon import SETTLED
from tests.support.once import made_once

SPARE = {
    "p1": ("2018/IMG_1598.jpg", "2021/Zoë’s birthday/Foto 2.jpg"),
    "p2": ("2021/IMG_3310.jpg",),
    "p3": ("2019/IMG_2077.jpg", "2021/IMG_3355.webp"),
}
SEEN = {"p1": "2014/IMG_0007.jpg", "p2": "2014/IMG_0012.jpg", "p3": "2015/DSC_0201.JPG"}
"""A photo that nobody else is in."""


@dataclass(frozen=True)
class Waiting:
    """A home with three people. spare: photos of them that are not in the library yet, but whose pictures are known."""

    app: App
    spare: dict[str, list[Path]]

    def folder_of(self, person: str) -> str:
        """Her folder's name."""
        (name,) = (name for name, photos in self.app.folders().items() if SEEN[person] in photos)
        return name


@pytest.fixture
def waiting(known: App) -> Waiting:
    """See Waiting; each of the three is in three photos of the library."""
    (known.home / "config" / "faced" / "config.yaml").write_text(SETTLED)
    later = known.home / "later"
    later.mkdir()
    spare: dict[str, list[Path]] = {}
    for person, photos in SPARE.items():
        for photo in photos:
            spare.setdefault(person, []).append(later / Path(photo).name)
            (known.photos / photo).rename(spare[person][-1])
    return Waiting(known, spare)


@dataclass(frozen=True)
class Crowd:
    """Two hundred photos that were encoded before. truth: what a sync of them came to. database: that knows them."""

    photos: Path
    database: Path
    groups: set[frozenset[str]]
    images: set[str]
    faces: set[tuple[str, int]]


FACES = "SELECT images.key, faces.crc FROM faces JOIN images ON images.id = faces.image"


@pytest.fixture(scope="session")
def crowd(demo: DemoLibrary, model_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Crowd:
    """Made and encoded once; to be read only."""

    def encode(folder: Path) -> Crowd:
        app = App(folder, model_cache)
        make_crowd(demo, app.photos, 200)
        app.sync()
        images = {key for (key,) in app.rows("SELECT key FROM images")}
        groups, faces = app.groups(), set(app.rows(FACES))
        return Crowd(app.photos, forget_but_pictures(app), groups, images, faces)

    return made_once(tmp_path_factory, "crowd", encode)


@pytest.fixture
def crowded(app: App, crowd: Crowd) -> App:
    """A home with an empty library that knows the crowd's pictures."""
    app.state.mkdir(parents=True, mode=0o700)
    shutil.copy(crowd.database, app.state / "faced.db")
    return app
