"""The encode step over real files, a real database and real worker processes."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from faced.errors import FacedError
from faced.faces.encode import Progress
from faced.faces.pool import EncodePool, Pool, WorkerFailed
from faced.store.database import Store, open_store
from tests.support import workers
from tests.support.encoding import NOW, Album, Through, no_pool, settings_at
from tests.support.photos import face_jpeg, jpeg
from tests.support.pictures import png
from tests.support.rerun import without_privileges

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A new state."""
    with open_store(tmp_path / "state") as store:
        yield store


@pytest.fixture
def album(tmp_path: Path, store: Store) -> Album:
    """An empty library."""
    return Album(tmp_path, store)


@pytest.fixture(scope="module")
def quick() -> Iterator[Pool]:
    """Workers without a model, that go wrong where a file says so."""
    pool = EncodePool(2, timeout=8, function=workers.fragile_quick)
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def real() -> Iterator[Pool]:
    """faced's own workers, but for the markers."""
    pool = EncodePool(2, function=workers.fragile)
    yield pool
    pool.close()


def test_promise_6_what_is_stored_is_never_computed_again(album: Album, quick: Pool) -> None:
    """All photos of a folder are encoded; the second run needs no worker."""
    for number in range(30):
        album.put(f"{number % 3}/{number}.jpg", jpeg(seed=number, taken="2020:01:01 00:00:00"))
    album.scan()
    report = album.encode(quick)
    assert (report.encoded, report.faces, report.known, report.failed, report.later) == (30, 30, 0, 0, 0)
    assert album.rows("SELECT count(*), sum(stale), count(taken) FROM photos") == [(30, 0, 30)]
    assert album.rows("SELECT count(*) FROM encodings") == [(30,)]
    before = album.faces()
    album.scan()
    again = album.encode(no_pool())
    assert (again.encoded, again.known) == (0, 0)
    assert album.faces() == before


def test_faces_lie_where_the_stored_picture_has_them(album: Album, real: Pool, model_cache: Path) -> None:
    """The real engine on one portrait stored in four orientations: boxes turn with the pixels."""
    for orientation in (1, 3, 6, 8):
        album.put(f"{orientation}.jpg", face_jpeg(orientation=orientation))
    album.put("nobody.jpg", jpeg(320, 240))
    album.scan()
    report = album.encode(real, settings_at(model_cache))
    assert (report.encoded, report.faces) == (5, 4)
    rows = album.rows(
        "SELECT path, box_left + box_width / 2, box_top + box_height / 2, side, width, height"
        " FROM faces JOIN photos USING (image) JOIN images ON images.id = faces.image ORDER BY path"
    )
    middles = {os.fsdecode(path): (x, y) for path, x, y, *_ in rows}
    x, y = middles["1.jpg"]
    assert y < 0.45  # the portrait's face is in the upper half
    assert middles["3.jpg"] == pytest.approx((1 - x, 1 - y), abs=0.05)
    assert middles["6.jpg"] == pytest.approx((y, 1 - x), abs=0.05)
    assert middles["8.jpg"] == pytest.approx((1 - y, x), abs=0.05)
    sides = [side for *_, side, _, _ in rows]
    assert max(sides) - min(sides) < 0.05 * max(sides)
    dhashes = album.rows("SELECT DISTINCT dhash FROM images WHERE id IN (SELECT image FROM faces)")
    assert len(dhashes) <= 2  # of the upright picture, so the same but for rounding


def test_a_copy_is_encoded_once(album: Album, quick: Pool) -> None:
    """Copies that arrive together, and one that comes later, cost no second encoding."""
    for number in range(12):
        album.put(f"copy {number}.jpg", jpeg(seed=1))
    album.put("other.jpg", jpeg(seed=2))
    album.scan()
    report = album.encode(quick)
    assert (report.encoded, report.known, report.faces) == (2, 11, 2)
    before = album.faces()
    album.put("late.jpg", jpeg(seed=1))
    album.scan()
    report = album.encode(quick)
    assert (report.encoded, report.known) == (0, 1)
    assert album.faces() == before
    assert album.rows("SELECT count(DISTINCT image), count(*) FROM photos") == [(2, 14)]


def test_metadata_written_by_others_cost_no_encoding(album: Album, quick: Pool) -> None:
    """A date or rating in the file: the image and its faces stay, the photo's date is the new one."""
    album.put("a.jpg", jpeg(seed=1))
    album.scan()
    album.encode(quick)
    before, image = album.faces(), album.photos()["a.jpg"][1]
    album.put("a.jpg", jpeg(seed=1, taken="2011:12:13 14:15:16"))
    album.scan()
    report = album.encode(quick)
    assert (report.encoded, report.known) == (0, 1)
    assert album.photos()["a.jpg"] == (0, image, 1, "2011-12-13T14:15:16")
    assert album.faces() == before


def test_another_orientation_is_encoded_anew_once(album: Album, quick: Pool) -> None:
    """A viewer turns the photo by its flag: the same image, new faces, and then no more work."""
    album.put("a.jpg", jpeg(seed=1))
    album.scan()
    album.encode(quick)
    (key,) = before = album.faces()
    album.put("a.jpg", jpeg(seed=1, orientation=6))
    album.scan()
    report = album.encode(quick)
    assert (report.known, report.encoded) == (1, 1)
    assert album.photos()["a.jpg"][:3] == (0, key, 6)
    assert album.rows("SELECT orientation FROM encodings") == [(6,)]
    assert album.faces()[key] > before[key]
    assert album.encode(no_pool()).encoded == 0


def test_a_second_engine_leaves_the_first_ones_faces(album: Album, quick: Pool, tmp_path: Path) -> None:
    """Every image is encoded for it, once, without a scan; a copy too gets no second encoding."""
    album.put("a.jpg", jpeg(seed=1))
    album.put("b.jpg", jpeg(seed=1))
    album.put("c.jpg", jpeg(seed=2))
    album.scan()
    album.encode(quick)
    before = album.rows("SELECT id, image, embedding FROM faces")
    report = album.encode(quick, settings_at(tmp_path / "models", views=1))
    assert (report.encoded, report.known) == (2, 0)
    assert album.rows("SELECT id, image, embedding FROM faces WHERE engine = 1") == before
    assert album.rows("SELECT count(*) FROM faces WHERE engine = 2") == [(2,)]


WHOLE = jpeg(64, 48, seed=5)
BAD = {
    "empty.jpg": (b"", "empty"),
    "text.jpg": (b"Dear Anna, this is a letter.\n" * 9, "not a picture"),
    "eps.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", "not a picture"),
    "short.jpg": (WHOLE[: len(WHOLE) // 2], "JPEG"),
    "bomb.png": (png(40_000, 40_000, 1, 0, b""), "megapixels"),
}


@pytest.mark.parametrize("name", BAD)
def test_promise_8_a_bad_file_costs_one_row_with_its_reason(album: Album, quick: Pool, name: str) -> None:
    """Set aside without disturbing its neighbour, not tried again until it changes, then read."""
    data, reason = BAD[name]
    album.put(name, data)
    album.put("good.jpg", jpeg())
    album.scan()
    report = album.encode(quick)
    assert (report.encoded, report.failed, report.later) == (1, 1, 0)
    ((told, (why, later)),) = album.quarantine().items()
    assert (told, later) == (name, 0)
    assert reason in why
    assert "\n" not in why
    assert album.photos()[name][1:] == (None, None, None)
    album.scan()
    assert album.encode(no_pool()).failed == 0
    album.put(name, jpeg(seed=9))
    album.scan()
    assert album.encode(quick).encoded == 1
    assert album.quarantine() == {}


@pytest.mark.parametrize("age", [10, 599, -599])
def test_a_young_incomplete_file_is_for_later(album: Album, quick: Pool, age: float) -> None:
    """It may still be being written: each run tries it again, and takes it when it is whole."""
    album.put("new.jpg", WHOLE[: len(WHOLE) // 2], age=age)
    album.scan()
    for _ in range(2):
        report = album.encode(quick)
        assert (report.failed, report.later) == (0, 1)
        reason, later = album.quarantine()["new.jpg"]
        assert reason.startswith("still being written (")
        assert later == 1
    album.put("new.jpg", WHOLE, age=age)
    album.scan()
    assert album.encode(quick).encoded == 1
    assert album.quarantine() == {}


def test_an_incomplete_file_that_stays_so_is_set_aside(album: Album, quick: Pool) -> None:
    """Ten minutes after its last change nobody writes it any more."""
    path = album.put("new.jpg", WHOLE[: len(WHOLE) // 2], age=599)
    album.scan()
    assert album.encode(quick).later == 1
    os.utime(path, (NOW - 601, NOW - 601))
    album.scan()
    report = album.encode(quick)
    assert (report.failed, report.later) == (1, 0)
    assert album.quarantine()["new.jpg"][1] == 0


def test_a_file_that_is_damaged_loses_its_image(album: Album, quick: Pool) -> None:
    """A photo overwritten with rubbish holds no longer what it held; the image and its faces stay stored."""
    album.put("a.jpg", jpeg())
    album.scan()
    album.encode(quick)
    faces = album.faces()
    album.put("a.jpg", b"rubbish")
    album.scan()
    assert album.encode(quick).failed == 1
    assert album.photos()["a.jpg"][1] is None
    assert album.faces() == faces


def test_a_name_that_is_not_utf_8_is_a_name(album: Album, quick: Pool) -> None:
    """Bytes are bytes."""
    album.put(b"caf\xe9\n.jpg", jpeg())
    album.scan()
    assert album.encode(quick).encoded == 1
    assert album.rows("SELECT path, stale FROM photos") == [(b"caf\xe9\n.jpg", 0)]


def test_a_vanished_photo_costs_no_row(album: Album, quick: Pool) -> None:
    """Gone between scan and read: told, and left to the next scan; so is a whole library."""
    album.put("gone.jpg", jpeg(seed=1))
    album.put("here.jpg", jpeg(seed=2))
    album.scan()
    (album.lib / "gone.jpg").unlink()
    report = album.encode(quick)
    assert (report.encoded, report.vanished, report.failed) == (1, 1, 0)
    album.put("new.jpg", jpeg(seed=3))
    album.scan()
    album.lib.rename(album.base / "elsewhere")
    report = album.encode(quick)
    assert (report.vanished, report.failed) == (1, 0)
    assert album.quarantine() == {}
    assert album.rows("SELECT * FROM attempts") == []


@without_privileges
def test_a_forbidden_photo_keeps_what_is_known_of_it(tmp_path: Path) -> None:
    """Permission taken away: a row with the reason, the image kept, tried again by each run."""
    pool = EncodePool(1, function=workers.fragile_quick)
    with open_store(tmp_path / "state") as store:
        album = Album(tmp_path, store)
        path = album.put("a.jpg", jpeg(seed=1))
        album.scan()
        assert album.encode(pool).encoded == 1
        known = album.photos()["a.jpg"]
        path.write_bytes(jpeg(seed=2))
        path.chmod(0)
        album.scan()
        for _ in range(2):
            assert album.encode(pool).failed == 1
            assert album.quarantine() == {"a.jpg": ("permission denied", 1)}
            assert album.photos()["a.jpg"][1:] == known[1:]
        path.chmod(0o600)
        assert album.encode(pool).encoded == 1  # its content is what the scan saw, whatever its mode
        assert album.quarantine() == {}
    pool.close()


def test_a_file_that_changed_since_the_scan_stays_stale(album: Album, quick: Pool) -> None:
    """What was read is not what the photo's row speaks of: nothing is stored until the next scan."""
    album.put("a.jpg", jpeg(seed=1))
    album.scan()
    album.put("a.jpg", jpeg(seed=2))
    report = album.encode(quick)
    assert (report.encoded, report.later) == (0, 1)
    assert album.photos()["a.jpg"] == (1, None, None, None)
    assert album.rows("SELECT * FROM images") == []
    album.scan()
    assert album.encode(quick).encoded == 1


def test_a_photo_that_a_scan_finds_changed_while_it_is_encoded_stays_stale(album: Album, quick: Pool) -> None:
    """The result of the old content is thrown away, and the new content is encoded in the same run."""
    album.put("a.jpg", jpeg(seed=1))
    album.scan()
    changes = iter([jpeg(seed=2)])

    def meddle() -> None:
        for data in changes:
            album.put("a.jpg", data)
            album.scan()

    report = album.encode(Through(quick, meddle))
    assert (report.encoded, report.later) == (1, 1)
    assert album.rows("SELECT count(*), sum(stale) FROM photos") == [(1, 0)]
    assert len(album.faces()) == 1


def test_a_file_that_is_written_on_while_it_is_encoded_is_not_believed(album: Album, quick: Pool) -> None:
    """No scan has seen it yet: a picture of half a file is not stored, not even until the next scan."""
    album.put("a.jpg", jpeg(seed=1))
    album.put("b.jpg", jpeg(seed=3))
    album.scan()
    changes = iter([jpeg(seed=2)])

    def write_on() -> None:
        for data in changes:
            album.put("a.jpg", data)
            album.put("b.jpg", data)

    report = album.encode(Through(quick, write_on))
    assert report.encoded == 0
    assert album.rows("SELECT count(*), sum(stale), count(image) FROM photos") == [(2, 2, 0)]
    assert album.rows("SELECT (SELECT count(*) FROM attempts), (SELECT count(*) FROM quarantine)") == [(0, 0)]
    album.scan()
    report = album.encode(quick)
    assert (report.encoded, report.known) == (1, 1)
    assert album.rows("SELECT count(*), sum(stale) FROM photos") == [(2, 0)]


def test_a_photo_that_goes_while_it_is_encoded_is_no_change(album: Album, quick: Pool) -> None:
    """What it held is stored; the scan says that it is gone."""
    path = album.put("a.jpg", jpeg(seed=1))
    album.scan()
    assert album.encode(Through(quick, lambda: path.unlink())).encoded == 1


POISON = {
    "segfault": (workers.SEGFAULT, "it crashed the decoder (SIGSEGV), twice"),
    "exit": (workers.EXIT, "it crashed the decoder (exit status 3), twice"),
    "hang": (workers.HANG_IN_C, "it took longer than 8 s, twice"),
    "memory": (workers.MEMORY, "it needed more memory than encode.memory, twice"),
    "bug": (workers.RAISE, "it failed in the engine (RuntimeError: a bug of ours), twice"),
}


def test_promise_8_a_poisonous_file_is_set_aside_after_two_workers(album: Album, quick: Pool) -> None:
    """Five ways to kill a worker, five rows; all the other photos are encoded, and no attempt is left."""
    for number in range(10):
        album.put(f"good {number}.jpg", jpeg(seed=number))
    for name, (marker, _) in POISON.items():
        album.put(name + ".jpg", jpeg(seed=100) + marker)
    album.scan()
    report = album.encode(quick)
    assert (report.encoded, report.failed) == (10, 5)
    assert album.quarantine() == {name + ".jpg": (reason, 0) for name, (_, reason) in POISON.items()}
    assert album.rows("SELECT * FROM attempts") == []
    assert album.encode(no_pool()).failed == 0


def test_one_death_is_no_verdict(album: Album, quick: Pool) -> None:
    """A job is in table attempts before it starts; one that is done at the second try is clean again."""
    album.put("a.jpg", jpeg())
    album.scan()
    failures = iter([WorkerFailed("crashed", blamed=True)])

    def ask() -> WorkerFailed | None:
        assert album.rows("SELECT in_flight FROM attempts") == [(1,)]
        return next(failures, None)

    assert album.encode(Through(quick, ask)).encoded == 1
    assert album.rows("SELECT * FROM attempts") == []
    assert album.quarantine() == {}


def test_the_count_of_deaths_outlives_the_run(album: Album, quick: Pool) -> None:
    """One death in each of two runs is two."""
    album.put("a.jpg", jpeg())
    album.scan()
    for wanted in (0, 1):
        stop = threading.Event()

        def crash(stop: threading.Event = stop) -> WorkerFailed:
            stop.set()
            return WorkerFailed("crashed", blamed=True)

        album.encode(Through(quick, crash), stop=stop)
        assert len(album.quarantine()) == wanted
        album.scan()


def test_a_worker_that_is_terminated_from_outside_is_nobodys_fault(album: Album, quick: Pool) -> None:
    """A stop of the whole service reaches the workers too: no death is counted."""
    album.put("a.jpg", jpeg())
    album.scan()
    failures = iter([WorkerFailed("lost its worker", blamed=False)] * 3)
    report = album.encode(Through(quick, lambda: next(failures, None)))
    assert (report.encoded, report.failed) == (1, 0)
    assert album.rows("SELECT * FROM attempts") == []


def test_what_is_too_large_runs_alone(album: Album, quick: Pool) -> None:
    """A large picture, as the worker finds, and a large file; the others run before and behind them."""
    for number in range(8):
        album.put(f"{number}.jpg", jpeg(seed=number))
    album.put("large picture.jpg", jpeg(seed=20) + workers.ROOM)
    album.put("large file.jpg", jpeg(seed=21) + b"x" * (65 << 20))
    album.scan()
    assert album.encode(quick).encoded == 10
    alone = album.rows("SELECT path FROM faces JOIN photos USING (image) WHERE score = 1 ORDER BY path")
    assert alone == [(b"large file.jpg",), (b"large picture.jpg",)]


def test_stopping_leaves_a_consistent_state(album: Album, quick: Pool) -> None:
    """Told to stop in the middle, it stores what is done, leaves no attempt, and goes on later."""
    for number in range(40):
        album.put(f"{number}.jpg", jpeg(seed=number))
    album.scan()
    stop = threading.Event()
    report = album.encode(quick, progress=lambda now: stop.set() if now.done >= 3 else None, stop=stop)
    assert report.stopped
    assert 3 <= report.encoded < 40
    assert album.rows("SELECT * FROM attempts") == []
    before = album.faces()
    rest = album.encode(quick)
    assert rest.encoded == 40 - report.encoded
    assert not rest.stopped
    assert before.items() <= album.faces().items()


def test_ctrl_c_leaves_a_consistent_state(album: Album, quick: Pool) -> None:
    """As an exception out of the middle of a run."""
    for number in range(20):
        album.put(f"{number}.jpg", jpeg(seed=number))
    album.scan()

    def interrupt(now: Progress) -> None:
        if now.done >= 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        album.encode(quick, progress=interrupt)
    assert album.rows("SELECT * FROM attempts") == []
    stored = len(album.faces())
    assert stored >= 2
    assert album.encode(quick).encoded == 20 - stored


def test_progress_counts_to_the_end(album: Album, quick: Pool) -> None:
    """It never goes back, and ends with all done."""
    for number in range(25):
        album.put(f"{number}.jpg", jpeg(seed=number) if number else b"")
    album.scan()
    seen: list[Progress] = []
    album.encode(quick, progress=seen.append)
    done = [now.done for now in seen]
    assert done == sorted(done)
    assert (seen[-1].done, seen[-1].total, seen[-1].failed, seen[-1].faces) == (25, 25, 1, 24)
    assert seen[-1].remaining == 0
    assert Progress(0, 5, 0, 0, 1.0).remaining is None
    assert Progress(2, 6, 0, 0, 1.0).remaining == 2.0


def test_an_engine_that_kills_its_workers_is_no_photos_fault(album: Album) -> None:
    """On a processor that cannot run it no photo is blamed; the error says what happened."""
    album.put("a.jpg", jpeg())
    album.scan()
    pool = EncodePool(1, function=workers.dies_at_once)
    with pytest.raises(FacedError, match=r"engine dlib-onnx cannot be used.*SIGILL"):
        album.encode(pool)
    pool.close()
    assert album.quarantine() == {}
    assert album.rows("SELECT * FROM attempts") == []


def test_workers_that_never_give_a_result_end_the_run(album: Album) -> None:
    """Twenty in a row: most of the photos are still in the queue, for it cannot be their fault."""
    for number in range(60):
        album.put(f"{number}.jpg", jpeg(seed=number))
    album.scan()
    with pytest.raises(FacedError, match="20 workers in a row"):
        album.encode(Through(None, lambda: WorkerFailed("crashed", blamed=True)))
    assert album.rows("SELECT count(*) FROM attempts WHERE in_flight") == [(0,)]
    assert len(album.quarantine()) <= 10


def test_a_pool_of_its_own_is_closed_at_the_end(album: Album, model_cache: Path) -> None:
    """Without a pool the run starts one with the real worker function, and none when nothing is to do."""
    album.put("face.jpg", face_jpeg())
    album.scan()
    before = set(threading.enumerate())
    report = album.encode(None, settings_at(model_cache), memory=2 << 30)
    assert (report.encoded, report.faces) == (1, 1)
    left = [thread.name for thread in set(threading.enumerate()) - before]
    assert not [name for name in left if not name.startswith("reader")]


def test_promise_6_twenty_kills_cost_no_result_and_no_innocent(tmp_path: Path) -> None:
    """kill -9 of the process twenty times: what was stored keeps its rows, all is done in the end."""
    seed = random.randrange(1 << 30)
    print("seed", seed)
    chance = random.Random(seed)
    with open_store(tmp_path / "state") as store:
        album = Album(tmp_path, store)
        for number in range(120):
            album.put(f"{number}.jpg", jpeg(seed=number))
        album.scan()
    stored: dict[str, list[int]] = {}
    for _ in range(20):
        assert _run_script(tmp_path, chance.randint(1, 4)) == -signal.SIGKILL
        with open_store(tmp_path / "state") as store:
            now = Album(tmp_path, store).faces()
            assert stored.items() <= now.items(), "a stored result was computed again"
            stored = now
    assert _run_script(tmp_path, 0) == 0
    with open_store(tmp_path / "state") as store:
        album = Album(tmp_path, store)
        assert stored.items() <= album.faces().items()
        assert all(len(faces) == 1 for faces in album.faces().values())
        assert album.rows("SELECT count(*), sum(stale) FROM photos") == [(120, 0)]
        assert album.rows("SELECT count(*) FROM encodings") == [(120,)]
        assert album.quarantine() == {}
        assert album.rows("SELECT * FROM attempts") == []


def test_promise_6_a_file_that_kills_the_process_is_found_out(tmp_path: Path) -> None:
    """Three deaths (among others, alone, alone again) and it is set aside; all others are encoded."""
    with open_store(tmp_path / "state") as store:
        album = Album(tmp_path, store)
        for number in range(8):
            album.put(f"{number}.jpg", jpeg(seed=number))
        album.put("killer.jpg", jpeg(seed=50) + workers.KILL_PARENT)
        album.scan()
    ends = [_run_script(tmp_path, 0) for _ in range(4)]
    assert ends == [-signal.SIGKILL] * 3 + [0]
    with open_store(tmp_path / "state") as store:
        album = Album(tmp_path, store)
        assert album.quarantine() == {
            "killer.jpg": ("faced itself was killed twice while it read this file", 0)
        }
        assert album.rows("SELECT count(*) FROM encodings") == [(8,)]
        assert album.rows("SELECT * FROM attempts") == []


def _run_script(base: Path, kill_after: int) -> int:
    command = [sys.executable, "-m", "tests.support.encoding", str(base), str(kill_after)]
    return subprocess.run(command, cwd=ROOT, timeout=120).returncode
