"""One full pass: scan, encode, re-cluster, bring the folders up to date. Each step reads what the one before
wrote, so a pass that dies anywhere is simply run again.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from faced.config import Config
from faced.errors import FacedError
from faced.faces.encode import EncodeReport, Progress, encode_photos
from faced.faces.engine import EngineRecord
from faced.faces.worker import EngineSettings
from faced.folders.plan import PhotoPath, ShownPerson
from faced.folders.sync import TreeReport, sync_tree
from faced.library.exclude import compile_excludes
from faced.library.step import LibraryReport, scan_libraries
from faced.model import EngineId, ImageId, PersonId
from faced.passes.places import Places, Run, check_named, choose_places
from faced.people.recluster import Clustering, ReclusterReport, recluster
from faced.store.database import Store, open_store
from faced.store.faces import count_unencoded
from faced.store.jobs import ensure_engine
from faced.store.locks import PASS, hold_lock
from faced.store.persons import load_images_of_persons, load_names
from faced.store.photos import load_photos_of_images
from faced.store.settings import load_setting, save_setting

__all__ = ["Observer", "PassReport", "run_pass"]

SHOWN_ENGINE = "engine"


@dataclass(frozen=True, slots=True)
class Observer:
    """Who is told how a pass goes on."""

    step: Callable[[str], None]
    encoding: Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class PassReport:
    """What each step did. names: of the persons in `tree`, those that have one."""

    libraries: tuple[LibraryReport, ...]
    encoding: EncodeReport
    clustering: ReclusterReport
    tree: TreeReport
    names: Mapping[PersonId, str]

    @property
    def problems(self) -> tuple[str, ...]:
        """What kept a place from being read or written, one plain sentence each."""
        found = [library.problem for library in self.libraries if library.problem]
        return (*found, *([self.tree.frozen] if self.tree.frozen else []))


def run_pass(run: Run, libraries: list[Path], people: Path | None, observer: Observer) -> PassReport:
    """A whole pass, alone in its state. Raises FacedError when another process is in one."""
    check_named(run, libraries, people)
    with open_store(run.state) as store, hold_lock(run.state, PASS, wait=False) as mine:
        if not mine:
            raise FacedError(
                f"another faced is busy with the state in {run.state}; try again when it is done"
            )
        places = choose_places(store, run, libraries, people)
        return _run_steps(store, run, places, observer)


def _run_steps(store: Store, run: Run, places: Places, observer: Observer) -> PassReport:
    config = run.config
    observer.step("looking at the libraries")
    scans = scan_libraries(
        store, places.people, excludes=compile_excludes(config.library_exclude), named=places.named
    )
    engine_settings = EngineSettings(config.engine, config.detect_size, config.embed_views, run.cache)
    observer.step("reading new photos")
    encoding = encode_photos(
        store,
        engine_settings,
        workers=config.encode_workers,
        timeout=config.encode_timeout,
        memory=config.encode_memory,
        progress=observer.encoding,
    )
    record = engine_settings.record
    engine = _choose_engine(store, record)
    observer.step("working out who is who")
    clustering = recluster(store, engine, _clustering(config, record))
    observer.step("bringing the folders up to date")
    shown = _shown_persons(store, engine, config.people_min_photos)
    tree = sync_tree(store, places.people, shown, _photo_paths(store))
    return PassReport(tuple(scans), encoding, clustering, tree, load_names(store.db))


def _choose_engine(store: Store, record: EngineRecord) -> EngineId:
    """The engine whose result is shown: a new one only when it is done with every image."""
    with store.write() as db:
        wanted = ensure_engine(db, record.key, record.to_json())
        known = load_setting(db, SHOWN_ENGINE)
        if known is None or (int(known) != wanted and count_unencoded(db, wanted) == 0):
            save_setting(db, SHOWN_ENGINE, str(wanted))
            return wanted
        return EngineId(int(known))


def _clustering(config: Config, record: EngineRecord) -> Clustering:
    measured = record.thresholds
    return Clustering(
        eps=measured.eps if config.cluster_eps is None else config.cluster_eps,
        min_samples=measured.min_samples
        if config.cluster_min_samples is None
        else config.cluster_min_samples,
        min_side=measured.min_side,
        copy_bits=measured.near_copy_bits,
    )


def _shown_persons(store: Store, engine: EngineId, min_photos: int) -> list[ShownPerson]:
    names = load_names(store.db)
    return [
        ShownPerson(person, names.get(person), images)
        for person, images in sorted(load_images_of_persons(store.db, engine).items())
        if person in names or len(images) >= min_photos
    ]


def _photo_paths(store: Store) -> dict[ImageId, tuple[PhotoPath, ...]]:
    return {
        image: tuple(
            PhotoPath(photo.root, photo.path, _taken_ns(photo.taken) or photo.mtime_ns) for photo in photos
        )
        for image, photos in load_photos_of_images(store.db).items()
    }


def _taken_ns(taken: str | None) -> int | None:
    """An EXIF date, the camera's local time, as nanoseconds since 1970."""
    if taken is None:
        return None
    try:
        return int(time.mktime(time.strptime(taken, "%Y-%m-%dT%H:%M:%S"))) * 10**9
    except (OverflowError, ValueError):
        return None
