"""Rows of two times that are the same are found as runs, and what is known of them is moved on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faced.people import alignment
from faced.people.alignment import Alignment, align_ids, align_masks

NEW = -7
lists_of_ids = st.lists(st.integers(0, 60), unique=True, max_size=40)


@st.composite
def changes(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Ids then, and now: some are gone, and others stand between them."""
    then = draw(lists_of_ids)
    now = [one for one in then if draw(st.integers(0, 3))]
    for one in range(100, 100 + draw(st.integers(0, 8))):
        now.insert(draw(st.integers(0, len(now))), one)
    return then, now


@pytest.fixture(autouse=True, params=[(0, (1, 3), 2), (0, (2, 2), 40), (200, (256, 1 << 14), 64)])
def _sizes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in zip(("RUN", "CHUNKS", "WINDOW"), request.param, strict=True):
        monkeypatch.setattr(alignment, name, value)


def assert_runs(found: Alignment, then: list[int], now: list[int], same: set[int]) -> None:
    """These ids, and no other, are said to be the same; columns follow, and back again."""
    was = {one: row for row, one in enumerate(then) if one in same}
    came = [was.get(one, -1) for one in now]
    assert found.came.tolist() == came
    assert found.moved.tolist() == [now.index(one) if one in same else -1 for one in then]
    assert found.new.tolist() == [row for row, one in enumerate(came) if one < 0]
    column = np.array([[3 * one, one] for one in then], dtype=np.int64).reshape(-1, 2)
    assert found.carry(column, NEW).tolist() == [[3 * one, one] if one in same else [NEW, NEW] for one in now]
    assert found.back.carry(np.array(now), NEW).tolist() == [one if one in same else NEW for one in then]
    assert (np.diff(found.then) > 0).all()
    assert (np.diff(found.now) > 0).all()


@given(changes())
@settings(max_examples=150, deadline=None)
def test_law_all_that_stay_in_their_order_are_found(change: tuple[list[int], list[int]]) -> None:
    then, now = change
    found = align_ids(np.array(then, dtype=np.int64), np.array(now, dtype=np.int64))
    assert_runs(found, then, now, set(then) & set(now))
    masks = align_masks(~np.isin(then, now), ~np.isin(now, then))
    assert_runs(masks, then, now, set(then) & set(now))


@given(lists_of_ids, lists_of_ids)
@settings(max_examples=150, deadline=None)
def test_law_what_is_in_another_order_is_the_same_or_is_not_but_never_another(
    then: list[int], now: list[int]
) -> None:
    found = align_ids(np.array(then, dtype=np.int64), np.array(now, dtype=np.int64))
    came = found.came.tolist()
    same = {one for row, one in enumerate(now) if came[row] >= 0}
    assert all(then[came[row]] == one for row, one in enumerate(now) if one in same)
    assert_runs(found, then, now, same)


def test_many_that_come_at_one_place_are_seen_past(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than are looked ahead at."""
    monkeypatch.setattr(alignment, "WINDOW", 4)
    then = [*range(30)]
    now = [*range(10), *range(100, 140), *range(10, 30)]
    assert_runs(align_ids(np.array(then), np.array(now)), then, now, set(then))
