"""One full pass: scan, encode, read what the user did, decide who is who, bring the folders up to date.

A pass that dies anywhere is simply run again.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from faced.errors import FacedError
from faced.faces.encode import EncodeReport, Progress, encode_photos
from faced.faces.engine import resolve_proposals
from faced.faces.worker import EngineSettings
from faced.folders.read import ReadReport
from faced.folders.sync import TreeReport
from faced.library.step import LibraryReport
from faced.model import PersonId
from faced.passes import steps
from faced.passes.beside import PATIENCE
from faced.passes.decide import Question, decide_here
from faced.passes.places import Places, Run, check_named, choose_places
from faced.people.recluster import Decision, ReclusterReport
from faced.store.asks import Ask, finish_requests, load_questions, load_requests
from faced.store.database import Store, prepare_state
from faced.store.locks import PASS, hold_lock, hold_run

__all__ = ["Observer", "PassReport", "engine_settings", "run_pass"]


@dataclass(frozen=True, slots=True)
class Observer:
    """Who is told how a pass goes on. comparing: how many of the faces that are compared with all others are done."""

    step: Callable[[str], None]
    encoding: Callable[[Progress], None]
    comparing: Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class PassReport:
    """What each step did. names: of the persons, and albums, that have one. asks: questions to the user.

    seconds: scan, encode, read, decide, show -> what that step took.
    """

    libraries: tuple[LibraryReport, ...]
    encoding: EncodeReport
    read: ReadReport
    clustering: ReclusterReport
    tree: TreeReport
    names: Mapping[PersonId, str]
    asks: tuple[Ask, ...]
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def problems(self) -> tuple[str, ...]:
        """What kept a place from being read or written, one plain sentence each."""
        found = [library.problem for library in self.libraries if library.problem]
        return (*found, *([self.tree.frozen] if self.tree.frozen else []))


def run_pass(
    run: Run,
    libraries: list[Path],
    people: Path | None,
    observer: Observer,
    options: steps.TreeOptions = steps.TreeOptions(),  # noqa: B008 - frozen
) -> PassReport:
    """A whole pass, alone in its state. Raises FacedError when another process is in one."""
    check_named(run, libraries, people)
    prepare_state(run.state)
    with (
        hold_run(run.state, "sync") as mine,
        hold_lock(run.state, PASS, patience=PATIENCE if mine else 0) as ours,
    ):
        if not (mine and ours):
            raise FacedError(
                f"another faced is busy with the state in {run.state}; try again when it is done"
            )
        with steps.open_state(run) as store:
            places = choose_places(store, run, libraries, people)
            return _run_steps(store, run, places, observer, options)


def engine_settings(run: Run) -> EngineSettings:
    """The engine that the configuration names."""
    config = run.config
    return EngineSettings(
        config.engine,
        config.detect_size,
        config.embed_views,
        run.cache,
        resolve_proposals(config.detect_proposals),
        config.detect_turned,
        config.providers,
    )


def _run_steps(
    store: Store, run: Run, places: Places, observer: Observer, options: steps.TreeOptions
) -> PassReport:
    config = run.config
    waiting = [request.id for request in load_requests(store.db)]
    clock = _Clock(observer)
    clock.begin("scan", "looking at the libraries")
    scans = steps.scan_all(store, config, places)
    settings = engine_settings(run)
    clock.begin("encode", "reading new photos")
    encoding = _encode(store, run, observer)
    clock.begin("read", "reading the people folder")
    read = steps.read_tree(store, config, places.people, options)
    if read.to_encode:
        _encode(store, run, observer)
        again = steps.read_tree(store, config, places.people, steps.TreeOptions(now=options.now))
        read = replace(again, edits=(*read.edits, *again.edits))
    clock.begin("show", "deciding who is who")
    clustering, tree = steps.show_persons(
        store,
        config,
        places.people,
        settings.record,
        read,
        decide=lambda question: _decide(question, observer),
    )
    if waiting and tree.frozen is None:
        with store.write() as db:
            finish_requests(db, waiting)
    steps.keep_safe(store)
    return PassReport(
        tuple(scans),
        encoding,
        read,
        clustering,
        tree,
        steps.load_shown_names(store.db),
        tuple(load_questions(store.db)),
        clock.stop(),
    )


def _decide(question: Question, observer: Observer) -> Decision | None:
    decision = decide_here(question, progress=observer.comparing)
    observer.step("bringing the folders up to date")
    return decision


def _encode(store: Store, run: Run, observer: Observer) -> EncodeReport:
    config = run.config
    return encode_photos(
        store,
        engine_settings(run),
        workers=config.encode_workers,
        timeout=config.encode_timeout,
        memory=config.encode_memory,
        cluster=config.encode_cluster,
        progress=observer.encoding,
    )


class _Clock:
    """Tells the observer which step begins, and knows what the ones before took."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._begun: list[tuple[str, float]] = []

    def begin(self, name: str, words: str) -> None:
        self._observer.step(words)
        self._begun.append((name, time.perf_counter()))

    def stop(self) -> dict[str, float]:
        """Step -> seconds."""
        ends = [*(begun for _, begun in self._begun[1:]), time.perf_counter()]
        return {name: end - begun for (name, begun), end in zip(self._begun, ends, strict=True)}
