"""Questions, what they hold, and wishes of other processes."""

import sqlite3

import pytest

from faced.store.asks import (
    Ask,
    Request,
    Undecided,
    add_ask,
    add_request,
    answer_ask,
    change_ask,
    delete_asks,
    finish_requests,
    is_request_done,
    load_asks,
    load_requests,
    load_undecided,
    save_undecided,
)
from faced.store.database import open_store
from tests.support.said import add_images, add_people


@pytest.fixture
def store(tmp_path):
    """Two persons and two images."""
    with open_store(tmp_path / "state") as store:
        add_people(store, 2)
        add_images(store, 2)
        yield store


def test_a_question_from_beginning_to_end(store):
    """Asked, changed, answered, answered otherwise, over; an id is never used twice."""
    with store.write() as db:
        first = add_ask(db, "rejections", "really?", {"person": 1}, 5)
        second = add_ask(db, "library", "gone?", {}, 6)
    assert load_asks(store.db) == [
        Ask(first, "rejections", "really?", {"person": 1}, 5, None),
        Ask(second, "library", "gone?", {}, 6, None),
    ]
    with store.write() as db:
        change_ask(db, first, "really, really?", {"person": 2})
        assert answer_ask(db, first, True)
        assert answer_ask(db, second, True)
        assert answer_ask(db, second, False)
        assert not answer_ask(db, 99, True)
    assert [(ask.text, ask.answer) for ask in load_asks(store.db)] == [
        ("really, really?", True),
        ("gone?", False),
    ]
    with store.write() as db:
        delete_asks(db, [second])
        assert add_ask(db, "library", "gone?", {}, 7) > second


def test_undecided_paths(store):
    """The last list is the whole one; what a question holds goes with it."""
    with store.write() as db:
        ask = add_ask(db, "folders", "hide?", {}, 5)
        rows = (
            Undecided(b"A", "folder", 1, None, 3, None, ask),
            Undecided(b"B/\xff.jpg", "link", 2, 1, 3, 13, None),
        )
        save_undecided(db, rows[::-1])
    assert load_undecided(store.db) == rows
    with store.write() as db:
        delete_asks(db, [ask])
    assert load_undecided(store.db) == rows[1:]
    with store.write() as db:
        save_undecided(db, [])
    assert load_undecided(store.db) == ()


@pytest.mark.parametrize(("due", "ask"), [(None, None), (5, 1)])
def test_either_a_second_look_or_a_question(store, due, ask):
    """Never both, never none."""
    with store.write() as db:
        add_ask(db, "folders", "hide?", {}, 5)
    with pytest.raises(sqlite3.IntegrityError), store.write() as db:
        save_undecided(db, [Undecided(b"A", "folder", 1, None, 3, due, ask)])


def test_requests(store):
    """They wait until they are carried out; those done long ago are forgotten."""
    with store.write() as db:
        ids = [add_request(db, "sync", number) for number in range(150)]
    assert load_requests(store.db)[0] == Request(ids[0], "sync", 0)
    with store.write() as db:
        finish_requests(db, ids[1:])
    assert load_requests(store.db) == [Request(ids[0], "sync", 0)]
    assert not is_request_done(store.db, ids[0])
    assert is_request_done(store.db, ids[1])
    assert store.db.execute("SELECT count(*) FROM requests").fetchone()[0] == 101
