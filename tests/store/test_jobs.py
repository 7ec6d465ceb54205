"""The queue and its rows, in a real database."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlite_utils import Database

from faced.faces.handover import match_boxes
from faced.model import Box, DetectedFace, EncodedPicture, EngineId, FileStamp, ImageKey, PhotoId
from faced.store import jobs
from faced.store.database import Store, open_store
from faced.store.faces import load_faces

ENGINE = EngineId(1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """With two libraries, /a and /b, and one engine."""
    with open_store(tmp_path / "state") as store:
        with store.write() as db:
            for root in (b"/a", b"/b"):
                db.execute("INSERT INTO libraries (root, listed, online) VALUES (?, 1, 1)", [root])
            assert jobs.ensure_engine(db, "key", '{"name": "one"}') == ENGINE
        yield store


def _add(db: Database, path: str, *, library: int = 1, found: int = 1, mtime: int = 0) -> jobs.Job:
    db.execute(
        "INSERT INTO photos (library, path, size, mtime_ns, ctime_ns, ino, found, stale)"
        " VALUES (?, ?, 10, ?, 2, 3, ?, 1)",
        [library, os.fsencode(path), mtime, found],
    )
    (photo,) = db.execute("SELECT max(id) FROM photos").fetchone()
    root = b"/a" if library == 1 else b"/b"
    return jobs.Job(PhotoId(photo), root, os.fsencode(path), FileStamp(10, mtime, 2, 3), True, None, None)


def _picture(orientation: int = 1, faces: int | None = 1, dhash: int | None = 5) -> EncodedPicture:
    face = DetectedFace(
        Box(0.1, 0.2, 0.3, 0.4),
        np.zeros((5, 2), np.float32),
        1.5,
        80.0,
        0.25,
        np.arange(128, dtype=np.float32),
    )
    made = None if faces is None else (face,) * faces
    return EncodedPicture("JPEG", 40, 30, orientation, "2020-01-02T03:04:05", dhash, made)


def _read(db: Database, job: jobs.Job, key: str, picture: EncodedPicture, engine: EngineId = ENGINE) -> bool:
    return jobs.save_reading(
        db, engine, jobs.Reading(job.photo, job.stamp, ImageKey(key), picture), match_boxes
    )


def _queue(store: Store, engine: EngineId = ENGINE) -> list[str]:
    found = jobs.load_jobs(store.db, engine, 1000)
    assert jobs.count_jobs(store.db, engine) == len(found)
    return [os.fsdecode(job.file) for job in found]


def test_new_photos_come_before_the_backlog_and_newest_first(store: Store) -> None:
    """By scan, then by the files' time, then by path; limit and exclusion keep the order."""
    with store.write() as db:
        _add(db, "old2", mtime=2)
        _add(db, "old9", mtime=9)
        tied = _add(db, "tied", library=2, mtime=5)
        _add(db, "tied", mtime=5)
        _add(db, "new", found=2, mtime=1)
    assert _queue(store) == ["/a/new", "/a/old9", "/a/tied", "/b/tied", "/a/old2"]
    assert [job.path for job in jobs.load_jobs(store.db, ENGINE, 2)] == [b"new", b"old9"]
    first = jobs.load_jobs(store.db, ENGINE, 9, [tied.photo])
    assert [job.path for job in first] == [b"new", b"old9", b"tied", b"old2"]
    assert jobs.load_jobs(store.db, ENGINE, 9, only=[tied.photo]) == [tied]
    assert jobs.load_jobs(store.db, ENGINE, 9, only=[]) == []


@pytest.mark.parametrize("column", ["listed", "online"])
def test_promise_7_a_library_that_is_not_there_has_no_jobs(store: Store, column: str) -> None:
    """Its photos wait until it is back."""
    with store.write() as db:
        _add(db, "here")
        _add(db, "away", library=2)
        db.execute(f"UPDATE libraries SET {column} = 0 WHERE root = ?", [b"/b"])
    assert _queue(store) == ["/a/here"]


def test_what_is_read_leaves_the_queue(store: Store) -> None:
    """Photo, image, encoding and faces are stored as one, and read back as they were."""
    with store.write() as db:
        job = _add(db, "one")
        jobs.mark_in_flight(db, [job.photo])
        assert _read(db, job, "b1:one", _picture(6, 2, dhash=(1 << 64) - 2))
    assert _queue(store) == []
    assert store.db.execute("SELECT count(*) FROM attempts").fetchone() == (0,)
    assert store.db.execute("SELECT stale, orientation, taken FROM photos").fetchall() == [
        (0, 6, "2020-01-02T03:04:05")
    ]
    faces = load_faces(store.db, ENGINE)
    assert faces.images == ("b1:one", "b1:one")
    assert faces.boxes.tolist() == [[0.1, 0.2, 0.3, 0.4]] * 2
    assert faces.dhashes.tolist() == [(1 << 64) - 2] * 2
    assert faces.embeddings[0].tolist() == list(range(128))


def test_a_photo_that_changed_meanwhile_stays_in_the_queue(store: Store) -> None:
    """A reading of what the file no longer is stores nothing at all."""
    with store.write() as db:
        job = _add(db, "one")
        jobs.mark_in_flight(db, [job.photo])
        db.execute("UPDATE photos SET ctime_ns = 99")
        assert not _read(db, job, "b1:one", _picture())
        assert not jobs.save_quarantine(db, job.photo, job.stamp, "bad", later=False, forget_image=True)
    assert _queue(store) == ["/a/one"]
    for table in ("images", "encodings", "faces", "quarantine", "attempts"):
        assert store.db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table


def test_another_engine_encodes_each_image_once_from_its_smallest_photo(store: Store) -> None:
    """Three photos of an image are one job for a new engine, and the old engine's faces stay."""
    with store.write() as db:
        new = jobs.ensure_engine(db, "other", "{}")
        for path, library in (("z", 1), ("m", 1), ("a", 2)):
            _read(db, _add(db, path, library=library), "b1:one", _picture())
    assert _queue(store) == []
    assert _queue(store, new) == ["/a/m"]
    (job,) = jobs.load_jobs(store.db, new, 9)
    assert (job.stale, job.key, job.orientation) == (False, "b1:one", 1)
    before = store.db.execute("SELECT id FROM faces").fetchall()
    with store.write() as db:
        _read(db, job, "b1:one", _picture(), new)
    assert _queue(store, new) == []
    assert store.db.execute("SELECT id FROM faces WHERE engine = 1").fetchall() == before


def test_a_new_engine_takes_the_next_photo_when_the_smallest_cannot_be_read(store: Store) -> None:
    """Neither an offline library nor quarantine keeps an image from its first encoding."""
    with store.write() as db:
        new = jobs.ensure_engine(db, "other", "{}")
        small = _add(db, "a")
        for job in (small, _add(db, "b"), _add(db, "c", library=2)):
            _read(db, job, "b1:one", _picture())
        jobs.save_quarantine(
            db, small.photo, small.stamp, "permission denied", later=False, forget_image=False
        )
    assert _queue(store, new) == ["/a/b"]
    with store.write() as db:
        db.execute("UPDATE libraries SET online = 0 WHERE root = ?", [b"/a"])
    assert _queue(store, new) == ["/b/c"]


def test_the_smallest_photo_says_which_orientation_is_encoded(store: Store) -> None:
    """A copy with another orientation is no job; the smallest with another one is; faces are replaced."""
    with store.write() as db:
        small = _add(db, "a")
        _read(db, small, "b1:one", _picture(1, 2))
        _read(db, _add(db, "b"), "b1:one", _picture(8, None, None))
    assert _queue(store) == []
    with store.write() as db:
        db.execute("UPDATE photos SET orientation = 6 WHERE path = ?", [b"a"])
    assert _queue(store) == ["/a/a"]
    with store.write() as db:
        _read(db, small, "b1:one", _picture(6, 1, 77))
    assert _queue(store) == []
    assert store.db.execute("SELECT count(*) FROM faces").fetchone() == (1,)
    assert store.db.execute("SELECT orientation FROM encodings").fetchall() == [(6,)]
    assert store.db.execute("SELECT dhash FROM images").fetchall() == [(77,)]


def test_promise_7_a_disk_that_comes_and_goes_has_nothing_encoded_again(store: Store) -> None:
    """While the library of the smallest photo is away, the copy's other orientation changes nothing."""
    with store.write() as db:
        _read(db, _add(db, "a"), "b1:one", _picture(1))
        _read(db, _add(db, "b", library=2), "b1:one", _picture(8, None, None))
        db.execute("UPDATE libraries SET online = 0 WHERE root = ?", [b"/a"])
    assert _queue(store) == []


def test_quarantine_waits_for_a_change_and_later_does_not(store: Store) -> None:
    """Only what is for later stands in the queue; a reading takes the row away."""
    with store.write() as db:
        bad, unfinished = _add(db, "bad"), _add(db, "unfinished")
        for job, later in ((bad, False), (unfinished, True)):
            assert jobs.save_quarantine(db, job.photo, job.stamp, "why", later=later, forget_image=False)
    assert _queue(store) == ["/a/unfinished"]
    with store.write() as db:
        _read(db, unfinished, "b1:one", _picture())
    assert store.db.execute("SELECT photo FROM quarantine").fetchall() == [(bad.photo,)]


def test_forgetting_the_image_is_asked_for(store: Store) -> None:
    """A file that holds nothing readable any more loses its image, one that could not be read keeps it."""
    with store.write() as db:
        job = _add(db, "one")
        _read(db, job, "b1:one", _picture())
        jobs.save_quarantine(db, job.photo, job.stamp, "denied", later=False, forget_image=False)
    assert store.db.execute("SELECT image FROM photos").fetchone() == (1,)
    with store.write() as db:
        jobs.save_quarantine(db, job.photo, job.stamp, "damaged", later=False, forget_image=True)
    assert store.db.execute("SELECT image, orientation, taken FROM photos").fetchone() == (None,) * 3
    assert store.db.execute("SELECT reason FROM quarantine").fetchall() == [("damaged",)]


def test_attempts_remember_who_was_in_flight(store: Store) -> None:
    """In flight, alone, dead, released: the counts are those that the next process needs."""
    with store.write() as db:
        photos = [_add(db, name).photo for name in "abc"]
        jobs.mark_in_flight(db, photos)
        jobs.mark_alone(db, photos[0])
    found = [(a.photo, a.unclean, a.stale) for a in jobs.load_attempts(store.db)]
    assert found == [(photos[1], 0, True), (photos[2], 0, True), (photos[0], 1, True)]
    with store.write() as db:
        jobs.release_alone(db, photos[0])
        assert jobs.add_death(db, photos[1]) == 1
        jobs.release_in_flight(db, photos[1:])
    assert [(a.photo, a.unclean) for a in jobs.load_attempts(store.db)] == [(photos[0], 0)]
    assert store.db.execute("SELECT photo, deaths FROM attempts ORDER BY photo").fetchall() == [
        (photos[0], 0),
        (photos[1], 1),
    ]
    with store.write() as db:
        jobs.mark_in_flight(db, [photos[1]])
        assert jobs.add_death(db, photos[1]) == 2


def test_an_engine_has_one_row_and_its_newest_record(store: Store) -> None:
    """The same key is the same engine, whatever its thresholds say today."""
    with store.write() as db:
        assert jobs.ensure_engine(db, "key", '{"name": "renamed"}') == ENGINE
        other = jobs.ensure_engine(db, "other", "{}")
    assert other != ENGINE
    assert store.db.execute("SELECT record FROM engines ORDER BY id").fetchall() == [
        ('{"name": "renamed"}',),
        ("{}",),
    ]
