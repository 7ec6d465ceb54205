"""Worker processes that die, hang, grow and outlive nobody."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, wait
from pathlib import Path

import pytest

from faced.errors import FacedError, Unreadable
from faced.faces.pool import EncodePool, WorkerFailed, count_usable_workers
from faced.faces.worker import EngineSettings, NeedsRoom, Task, encode_task
from faced.model import EncodedPicture
from tests.support import workers
from tests.support.encoding import settings_at
from tests.support.photos import jpeg
from tests.support.pictures import png

LIMIT = 60  # seconds after which a test gives up waiting for what should happen at once


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> EngineSettings:
    """The default engine, its models in a folder of the tests' own."""
    return settings_at(tmp_path_factory.mktemp("models"))


def _outcome(future: "Future[EncodedPicture | None]") -> str:
    wait([future], timeout=LIMIT)
    error = future.exception(timeout=0)
    return "ok" if error is None else getattr(error, "reason", type(error).__name__)


def test_promise_8_each_way_to_go_wrong_costs_one_job(settings: EngineSettings) -> None:
    """Crash, exit, hang, no memory and a bug: the jobs before, between and behind them are all done."""
    good = Task(settings, jpeg(8, 8))
    markers = [
        workers.SEGFAULT,
        workers.EXIT,
        workers.HANG,
        workers.HANG_IN_C,
        workers.MEMORY,
        workers.RAISE,
        workers.TERMINATE,
    ]
    pool = EncodePool(2, timeout=1, function=workers.fragile_quick)
    try:
        bad = [pool.submit(Task(settings, jpeg(8, 8) + marker)) for marker in markers]
        fine = [pool.submit(good) for _ in range(6)]
        assert [_outcome(future) for future in fine] == ["ok"] * 6
        assert [_outcome(future) for future in bad] == [
            "crashed the decoder (SIGSEGV)",
            "crashed the decoder (exit status 3)",
            "took longer than 1 s",
            "took longer than 1 s",
            "needed more memory than encode.memory",
            "failed in the engine (RuntimeError: a bug of ours)",
            "lost its worker to a signal from outside",
        ]
        blamed = [error.blamed for f in bad if isinstance(error := f.exception(), WorkerFailed)]
        assert blamed == [True, True, True, True, True, True, False]
    finally:
        pool.close()


def test_the_memory_limit_holds_in_a_worker(settings: EngineSettings) -> None:
    """A worker has the address space of encode.memory, no core dumps, nice 15, and ignores Ctrl-C."""
    pool = EncodePool(1, memory=1 << 30, function=workers.limits)
    target = settings.cache / "limits"
    try:
        pool.submit(Task(settings, os.fsencode(target))).result(LIMIT)
    finally:
        pool.close()
    nice = max(os.nice(0), 15)
    assert target.read_text().split() == [str(1 << 30), "0", str(nice), "1", "1"]


@pytest.mark.parametrize(("jobs", "started"), [(1, 1), (3, 2)])
def test_a_lone_job_waits_for_the_worker_that_gets_ready(tmp_path: Path, jobs: int, started: int) -> None:
    """One photo dropped while faced was idle starts one worker, not two that load the models side by side."""
    engine = settings_at(tmp_path)
    pool = EncodePool(2, function=workers.slow_to_start)
    try:
        tasks = [Task(engine, None), *(Task(engine, b"") for _ in range(jobs))]
        for future in [pool.submit(task) for task in tasks]:
            future.result(LIMIT)
    finally:
        pool.close()
    assert len(set((engine.cache / "pids").read_text().split())) == started


def test_closing_gives_up_at_once_what_hangs(tmp_path: Path) -> None:
    """Neither a job in C nor one that waits keeps the pool from closing; nobody is blamed for it."""
    told = tmp_path / "pids"
    pool = EncodePool(1, timeout=3600, function=workers.pid_of_worker)
    task = Task(settings_at(tmp_path), os.fsencode(told))
    hanging, waiting = pool.submit(task), pool.submit(task)
    (pid,) = _wait_for_pids(told, 1)
    closing = threading.Thread(target=pool.close)
    closing.start()
    closing.join(LIMIT)
    assert not closing.is_alive()
    assert not _is_running(pid)
    for future in (hanging, waiting, pool.submit(task)):
        error = future.exception(timeout=0)
        assert isinstance(error, WorkerFailed)
        assert not error.blamed


def test_a_worker_that_dies_between_two_jobs_costs_none(settings: EngineSettings) -> None:
    """The out-of-memory killer takes an idle worker: the next job gets a new one."""
    pool = EncodePool(1, function=workers.quick)
    task = Task(settings, jpeg(8, 8))
    try:
        for _ in range(2):
            assert _outcome(pool.submit(task)) == "ok"
            (worker,) = [p for p in multiprocessing.active_children() if p.name == "pebble_pool_worker"]
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGKILL)
            deadline = time.monotonic() + LIMIT
            while _is_running(worker.pid):
                assert time.monotonic() < deadline
                time.sleep(0.01)
    finally:
        pool.close()


def test_promise_6_workers_die_with_their_parent(tmp_path: Path) -> None:
    """kill -9 of the parent while its workers work: they are gone at once."""
    told = tmp_path / "pids"
    script = (
        "import sys, time; from pathlib import Path\n"
        "from faced.faces.pool import EncodePool; from faced.faces.worker import Task\n"
        "from tests.support import encoding, workers\n"
        "if __name__ == '__main__':\n"
        "    pool = EncodePool(2, function=workers.pid_of_worker)\n"
        "    task = Task(encoding.settings_at(Path(sys.argv[1])), sys.argv[1].encode())\n"
        "    pool.submit(task); pool.submit(task)\n"
        "    time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(told)], cwd=Path(__file__).parents[2])
    try:
        pids = _wait_for_pids(told, 2)
        assert all(_is_running(pid) for pid in pids)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait(LIMIT)
    deadline = time.monotonic() + LIMIT
    while any(_is_running(pid) for pid in pids):
        assert time.monotonic() < deadline, "a worker outlived its parent"
        time.sleep(0.01)


def test_an_engine_that_cannot_be_opened_is_no_photos_fault(tmp_path: Path) -> None:
    """The error is one for people, and the job is not blamed."""
    pool = EncodePool(1)
    try:
        with pytest.raises(FacedError, match="engine must be one of"):
            pool.submit(Task(EngineSettings("no such", 800, 2, tmp_path), None)).result(LIMIT)
    finally:
        pool.close()


def test_what_is_no_picture_comes_back_as_unreadable(settings: EngineSettings) -> None:
    """The worker's own word about a file arrives whole."""
    pool = EncodePool(1)
    try:
        future = pool.submit(Task(settings, b"no picture at all"))
        with pytest.raises(Unreadable) as caught:
            future.result(LIMIT)
        assert "not a picture" in caught.value.reason
        assert (caught.value.later, caught.value.lost) == (False, False)
    finally:
        pool.close()


def test_a_header_costs_no_engine(tmp_path: Path) -> None:
    """Without want_faces nothing is encoded and no model is opened."""
    settings = settings_at(tmp_path / "models")
    picture = encode_task(Task(settings, jpeg(12, 8, orientation=6, taken="2019:05:04 03:02:01"), False))
    assert picture is not None
    assert (picture.format, picture.width, picture.height) == ("JPEG", 12, 8)
    assert (picture.orientation, picture.taken) == (6, "2019-05-04T03:02:01")
    assert (picture.faces, picture.dhash) == (None, None)
    assert not (tmp_path / "models").exists()


def test_a_large_picture_waits_until_it_is_alone(tmp_path: Path) -> None:
    """Seen in the header, before anything is decoded or an engine opened."""
    data = png(10_000, 7_000, 1, 0, b"\0" * (10_000 // 8 + 1) * 7_000)
    with pytest.raises(NeedsRoom):
        encode_task(Task(settings_at(tmp_path / "models"), data))
    assert not (tmp_path / "models").exists()


def test_there_is_always_a_worker() -> None:
    """One a core at most, and never none."""
    assert 1 <= count_usable_workers() <= (os.cpu_count() or 1)


def _wait_for_pids(file: Path, count: int) -> list[int]:
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        lines = file.read_text().split() if file.exists() else []
        if len(lines) == count:
            return [int(line) for line in lines]
        time.sleep(0.01)
    raise AssertionError("the workers did not start")


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
