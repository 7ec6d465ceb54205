"""Fixtures that every folder of tests may use."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from faced.demo import DemoLibrary
from tests.support.app import App
from tests.support.library import copy_library, make_once
from tests.support.once import made_once


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests first: the last ones of a run are short then, and no processor waits for one that began late."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoLibrary:
    """The demo library, made once; to be read only."""
    return make_once(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the converted models of the run are."""
    return made_once(tmp_path_factory, "cache", lambda folder: folder)


@pytest.fixture
def app(tmp_path: Path, model_cache: Path, request: pytest.FixtureRequest) -> App:
    """The installed command in an empty home."""
    installed = request.node.get_closest_marker("installed") is not None
    return App(tmp_path / "home", model_cache, installed=installed)


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


KEPT = ("images", "encodings", "faces", "engines")


@pytest.fixture(scope="session")
def encoded(demo: DemoLibrary, model_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that has seen the pictures of `small`, and nothing else: no library, no person, no word."""

    def encode(folder: Path) -> Path:
        app = App(folder, model_cache)
        app.photos.rmdir()
        copy_library(demo, app.photos, small_paths(demo))
        app.sync()
        return forget_but_pictures(app)

    return made_once(tmp_path_factory, "encoded", encode)


def forget_but_pictures(app: App) -> Path:
    """Its database, which knows only what was encoded any more."""
    database = app.state / "faced.db"
    with contextlib.closing(sqlite3.connect(database)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            if table not in KEPT and not table.startswith("sqlite_"):
                connection.execute(f"DELETE FROM {table}")
        connection.execute("DELETE FROM sqlite_sequence WHERE name = 'persons'")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return database


@pytest.fixture
def known(small: App, encoded: Path) -> App:
    """As `small`, its pictures known from before: for tests of what comes after the encoding."""
    small.state.mkdir(parents=True, mode=0o700)
    shutil.copy(encoded, small.state / "faced.db")
    return small
