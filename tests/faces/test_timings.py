"""The stopwatch: stages inside of stages, threads, errors."""

import threading
import time

from faced.faces.timings import STAGES, add_up, stage, take_seconds


def test_a_stage_inside_of_another_counts_for_itself_only() -> None:
    """All of them together are the time that passed."""
    take_seconds()
    start = time.perf_counter()
    with stage("outer"):
        time.sleep(0.02)
        with stage("inner"):
            time.sleep(0.04)
        with stage("inner"):
            time.sleep(0.01)
    whole = time.perf_counter() - start
    seconds = take_seconds()
    assert set(seconds) == {"outer", "inner"}
    assert seconds["inner"] >= 0.05
    assert 0.02 <= seconds["outer"] <= whole - seconds["inner"]
    assert sum(seconds.values()) <= whole
    assert take_seconds() == {}


def test_each_thread_has_its_own() -> None:
    """What another thread did is not counted here."""
    take_seconds()
    told: list[dict[str, float]] = []

    def work() -> None:
        with stage("there"):
            time.sleep(0.01)
        told.append(take_seconds())

    thread = threading.Thread(target=work)
    with stage("here"):
        thread.start()
        thread.join()
    assert set(take_seconds()) == {"here"}
    assert set(told[0]) == {"there"}


def test_an_error_ends_the_stages_it_leaves() -> None:
    """The next photo starts outside of all stages, and the time is not lost."""
    take_seconds()
    try:
        with stage("outer"), stage("inner"):
            raise ValueError
    except ValueError:
        pass
    assert set(take_seconds()) == {"outer", "inner"}
    time.sleep(0.01)
    with stage("next"):
        pass
    assert set(take_seconds()) == {"next"}


def test_adding_up() -> None:
    """Stage by stage."""
    assert add_up([{"a": 1.0, "b": 2.0}, {}, {"a": 0.5}]) == {"a": 1.5, "b": 2.0}
    assert len(set(STAGES)) == len(STAGES)
