"""Boxes and their overlaps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faced.faces.geometry import (
    box_array,
    hull_overlap,
    iou,
    iou_matrix,
    iou_row,
    nms,
    pixel_rectangle,
    rolled,
)
from faced.model import Box

places = st.floats(-0.5, 1.5).map(lambda x: round(x, 3))
lengths = st.floats(0.01, 1).map(lambda x: round(x, 3))
boxes = st.builds(Box, places, places, lengths, lengths)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (Box(0, 0, 2, 2), 1.0),
        (Box(1, 0, 2, 2), 1 / 3),
        (Box(1, 1, 2, 2), 1 / 7),
        (Box(2, 0, 2, 2), 0.0),
        (Box(5, 5, 1, 1), 0.0),
        (Box(0.5, 0.5, 1, 1), 1 / 4),
        (Box(1, 1, 0, 0), 0.0),
    ],
)
def test_iou_of_a_square_and_others(other: Box, expected: float) -> None:
    """Equal, half aside, a corner, touching, apart, inside, empty."""
    assert iou(Box(0, 0, 2, 2), other) == pytest.approx(expected)


@given(boxes, boxes)
def test_iou_is_symmetric_and_bounded(a: Box, b: Box) -> None:
    """Either order, 0 to 1, and 1 with itself."""
    assert iou(a, b) == pytest.approx(iou(b, a))
    assert 0 <= iou(a, b) <= 1 + 1e-9
    assert iou(a, a) == pytest.approx(1)


@given(st.lists(boxes, max_size=5), st.lists(boxes, max_size=5))
def test_the_matrix_holds_each_pair(a: list[Box], b: list[Box]) -> None:
    """Row i, column j is the IoU of a[i] and b[j], for empty lists too."""
    matrix = iou_matrix(box_array(a), box_array(b))
    assert matrix.shape == (len(a), len(b))
    for i, one in enumerate(a):
        for j, other in enumerate(b):
            assert matrix[i, j] == pytest.approx(iou(one, other))


@given(boxes, boxes)
def test_the_hull_overlap_is_never_more_than_the_iou(a: Box, b: Box) -> None:
    """The hull holds the union."""
    one, many = box_array([a])[0], box_array([b])
    assert hull_overlap(one, many)[0] <= iou_row(one, many)[0] + 1e-9


def test_nms_keeps_the_best_of_each_heap() -> None:
    """Two heaps, the best of each, best first; a box that overlaps just as much as allowed stays."""
    rows = box_array([Box(0, 0, 2, 2), Box(0.1, 0, 2, 2), Box(10, 0, 2, 2), Box(10, 0.1, 2, 2)])
    assert nms(rows, np.array([0.5, 0.9, 1.5, 0.2]), 0.4) == [2, 1]
    half = box_array([Box(0, 0, 2, 2), Box(1, 0, 2, 2)])
    assert nms(half, np.array([2.0, 1.0]), iou_row(half[0], half[1:])[0]) == [0, 1]
    assert nms(half, np.array([2.0, 1.0]), 0.33) == [0]
    assert nms(box_array([]), np.zeros(0), 0.4) == []


@given(st.lists(st.tuples(boxes, st.sampled_from([0.5, 1.0, 1.5])), max_size=12, unique=True), st.randoms())
def test_nms_does_not_depend_on_the_order_of_the_rows(
    scored: list[tuple[Box, float]], random: object
) -> None:
    """The same boxes stay, whatever order they come in, and none of them overlaps another."""

    def kept(items: list[tuple[Box, float]]) -> list[Box]:
        rows = nms(box_array([b for b, _ in items]), np.array([s for _, s in items]), 0.3)
        return [items[row][0] for row in rows]

    shuffled = list(scored)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first = kept(scored)
    assert [iou(a, b) <= 0.3 for a in first for b in first if a is not b].count(False) == 0
    if len({(s, b.left, b.top) for b, s in scored}) == len(scored):
        assert kept(shuffled) == first


def test_a_rolled_box_goes_round_the_middle_and_stays_upright() -> None:
    """Clockwise: from the right of a square of 100 to below; back it is where it was."""
    box = np.array([[80.0, 45, 10, 10]])
    assert np.allclose(rolled(box, 100, 90), [[45, 80, 10, 10]])
    assert np.allclose(rolled(rolled(box, 100, 33), 100, -33), box)


def test_a_box_in_pixels() -> None:
    """Inclusive ends, partly outside is kept, and an empty box still holds a pixel."""
    assert pixel_rectangle(Box(0.1, 0.2, 0.5, 0.5), 100, 10) == (10, 2, 59, 6)
    assert pixel_rectangle(Box(-0.1, -0.1, 0.2, 0.2), 100, 100) == (-10, -10, 9, 9)
    assert pixel_rectangle(Box(0.5, 0.5, 0, 0), 10, 10) == (5, 5, 5, 5)
