"""Boxes: how much two of them overlap, and which of many stand for one face.

Pure. Arrays of boxes are (n, 4) float64 rows of left, top, width, height, all in one unit
(pixels, or fractions of one picture: overlaps are the same in both). Nothing here knows what
a box shows.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from faced.model import Box

__all__ = [
    "Boxes",
    "Overlap",
    "box_array",
    "hull_overlap",
    "iou",
    "iou_matrix",
    "iou_row",
    "nms",
    "pixel_rectangle",
    "rolled",
    "scaled",
    "squared",
]

Boxes: TypeAlias = NDArray[np.float64]
Overlap: TypeAlias = Callable[[Boxes, Boxes], NDArray[np.float64]]
"""One box (4,) and many (n, 4) -> (n,) how much each overlaps the one, 0 to 1; of (m, 1, 4) -> (m, n)."""

_BLOCK = 64  # boxes that nms compares with each other at once


def box_array(boxes: Sequence[Box]) -> Boxes:
    """(n, 4) float64, one row a box; (0, 4) when there are none."""
    return np.array([(b.left, b.top, b.width, b.height) for b in boxes], np.float64).reshape(-1, 4)


def iou(a: Box, b: Box) -> float:
    """Intersection over union; 0 for boxes that only touch, or are empty."""
    return float(iou_row(box_array([a])[0], box_array([b]))[0])


def iou_row(one: Boxes, many: Boxes) -> NDArray[np.float64]:
    """(n,) IoU of one box with each of many."""
    shared = _intersection(one, many)
    union = one[..., 2] * one[..., 3] + many[..., 2] * many[..., 3] - shared
    return _ratio(shared, union)


def iou_matrix(a: Boxes, b: Boxes) -> NDArray[np.float64]:
    """(n, m) IoU of each box of a with each of b."""
    return iou_row(a[:, None], b)


def hull_overlap(one: Boxes, many: Boxes) -> NDArray[np.float64]:
    """(n,) intersection over the smallest box that holds both: what dlib calls the overlap.

    Never more than the IoU.
    """
    right = np.maximum(one[..., 0] + one[..., 2], many[..., 0] + many[..., 2])
    bottom = np.maximum(one[..., 1] + one[..., 3], many[..., 1] + many[..., 3])
    width = right - np.minimum(one[..., 0], many[..., 0])
    height = bottom - np.minimum(one[..., 1], many[..., 1])
    return _ratio(_intersection(one, many), width * height)


def nms(boxes: Boxes, scores: NDArray[np.floating], at_most: float, overlap: Overlap = iou_row) -> list[int]:
    """Row numbers of the boxes that stay, best score first.

    From the best score down each box stays unless it overlaps one that stays by more than `at_most`.
    Equal scores go by left, then top, so that the result does not depend on the order of the rows.
    """
    order = np.lexsort((boxes[:, 1], boxes[:, 0], -scores))
    kept: list[int] = []
    while order.size:
        block, order = order[:_BLOCK], order[_BLOCK:]
        stay = _best_of(overlap(boxes[block][:, None], boxes[block]) > at_most)
        kept += block[stay].tolist()
        covered = overlap(boxes[block[stay]][:, None], boxes[order]) > at_most
        order = order[~covered.any(axis=0)]
    return kept


def pixel_rectangle(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) in whole pixels of a picture of that size, the last two inclusive.

    It may lie partly outside the picture, and holds at least one pixel.
    """
    left, top = round(box.left * width), round(box.top * height)
    right = max(left, round((box.left + box.width) * width) - 1)
    bottom = max(top, round((box.top + box.height) * height) - 1)
    return left, top, right, bottom


def scaled(boxes: Boxes, by: float) -> Boxes:
    """Boxes about the same centres with sides `by` times as long."""
    sides = boxes[:, 2:] * by
    return np.concatenate([boxes[:, :2] + (boxes[:, 2:] - sides) / 2, sides], axis=1)


def rolled(boxes: Boxes, size: float, degrees: float) -> Boxes:
    """Boxes in a square of side `size`, whose centres turn clockwise about its middle; they stay upright."""
    angle = np.radians(degrees)
    middles = boxes[:, :2] + boxes[:, 2:] / 2 - size / 2
    turned = middles @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.concatenate([turned + size / 2 - boxes[:, 2:] / 2, boxes[:, 2:]], axis=1)


def squared(boxes: Boxes, sides: NDArray[np.float64]) -> Boxes:
    """Squares about the boxes' centres. sides: (n,)."""
    whole = np.stack([sides, sides], axis=1)
    return np.concatenate([boxes[:, :2] + (boxes[:, 2:] - whole) / 2, whole], axis=1)


def _best_of(same: NDArray[np.bool_]) -> list[int]:
    """Of boxes in order of their rank those that no better one that stays is the same as. same: (n, n)."""
    free = np.ones(len(same), np.bool_)
    for row, others in enumerate(same):
        if free[row]:
            free[row + 1 :] &= ~others[row + 1 :]
    return [int(row) for row in np.flatnonzero(free)]


def _intersection(one: Boxes, many: Boxes) -> NDArray[np.float64]:
    right = np.minimum(one[..., 0] + one[..., 2], many[..., 0] + many[..., 2])
    bottom = np.minimum(one[..., 1] + one[..., 3], many[..., 1] + many[..., 3])
    width = right - np.maximum(one[..., 0], many[..., 0])
    height = bottom - np.maximum(one[..., 1], many[..., 1])
    return np.asarray(np.clip(width, 0, None) * np.clip(height, 0, None))


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
