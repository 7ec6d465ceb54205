"""Fixtures that every folder of tests may use."""

from collections.abc import Callable
from pathlib import Path

import pytest

from faced.demo import DemoLibrary
from tests.support.app import App
from tests.support.library import copy_library, make_once


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoLibrary:
    """The demo library, made once; to be read only."""
    return make_once(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the converted models of the session are."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def app(tmp_path: Path, model_cache: Path) -> App:
    """The installed command in an empty home."""
    return App(tmp_path / "home", model_cache)


SMALL_CAST = ("p1", "p2", "p3")


def small_paths(demo: DemoLibrary) -> tuple[str, ...]:
    """Photos that show nobody but the first three people: enough for three folders, quick to encode."""
    return tuple(path for path, people in demo.photos.items() if set(people) <= set(SMALL_CAST))


@pytest.fixture
def small(app: App, demo: DemoLibrary) -> App:
    """A home whose library has the few photos of three people."""
    app.photos.rmdir()
    copy_library(demo, app.photos, small_paths(demo))
    return app


@pytest.fixture
def expected(demo: DemoLibrary) -> Callable[[tuple[str, ...]], set[frozenset[str]]]:
    """Which photos belong together, of these: everybody who is in at least three."""

    def groups(paths: tuple[str, ...]) -> set[frozenset[str]]:
        people = {person for path in paths for person in demo.photos[path]}
        found = {frozenset(path for path in paths if person in demo.photos[path]) for person in people}
        return {group for group in found if len(group) >= 3}

    return groups
