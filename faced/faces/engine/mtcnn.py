"""MTCNN's three networks as proposers: where in a picture a face may be.

The first looks at every place of a small copy of the picture at all sizes, the second at what the first found,
and again at where it moved that to: the better placed a crop, the surer the answer, and the window. The third, ten times as
costly as the second, looks at what is left. Thresholds are low: the detector judges.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image

from faced.faces.engine.proposer import Proposed
from faced.faces.engine.session import Network
from faced.faces.engine.tiles import Halvings, copy_size
from faced.faces.geometry import Boxes, nms, squared
from faced.model import Floats, Pixels

__all__ = ["Mtcnn"]

_OF_SIZE: Final = 0.8
"""The longer side of the copy that is looked at, of the detection size: 640 px of 800. With 600 px, for 0.05 less of the
cost, 6 of 388 faces in group photos are lost."""

_ASPECT: Final = 0.625

_RATIO: Final = 0.709  # the package's
_CELL, _STRIDE = 12, 2
_OVERLAP: Final = _CELL - _STRIDE
_CROP, _CLOSE = 24, 48
# The first at 0.7 finds 364 of 388 faces in group photos, at 0.6 and for a quarter more crops 365; the second at 0.4 no more
# than at 0.6. Most of what is missed is in profile.
_PNET_LEAST: Final = 0.7
_RNET_FIRST, _RNET_LEAST = 0.2, 0.6
_ONET_LEAST: Final = 0.2
_LARGE: Final = 0.15  # of the usual copy: 96 px
_PNET_SURE, _ONET_SURE = 0.9, 0.5
_MOST_CELLS: Final = 3000  # of one level
_MOST_CROPS: Final = 1500
_MOST_CLOSE: Final = 600
_BATCH: Final = 128
_STRIP: Final = (
    80_000  # px of a level that go through the first network at once: what stays near the processor
)

_SAME_FIRST: Final = 0.7
_SAME_MOVED: Final = 0.9
_SAME: Final = 0.7

# The side of the detector's window against that of the third network's box. Measured on group photos: one window of 0.92
# finds 0.912 of the faces, 0.92 and then 0.76 of what is not sure yet 0.923, eight from 0.6 to 1.2 0.930. By the
# second network's box one window finds 0.88.
_WINDOW: Final = 0.92
_AGAIN: Final = ((0.83, 0.0), (1.0, -15.0), (1.0, 15.0))

# What the detector must say to a proposal of the third network's logit: the two know different things.
_NEEDED: Final = -0.5
_LESS: Final = 0.3
_MOST_LOGIT: Final = 3.0


class Mtcnn:
    """P-Net, R-Net and O-Net. detect_size: px; faces from 15 px of a picture of that size are proposed."""

    likely = 0.5
    again: Sequence[tuple[float, float]] = _AGAIN

    def __init__(self, pnet: Network, rnet: Network, onet: Network, detect_size: int) -> None:
        self._pnet = pnet
        self._rnet = rnet
        self._onet = onet
        self._size = detect_size * _OF_SIZE

    def propose(self, picture: Halvings) -> Proposed:
        """See proposer.Proposer."""
        boxes, scores = self._first_look(picture, self._size, _PNET_LEAST)
        kept = nms(boxes, scores, _SAME_FIRST)[:_MOST_CROPS]
        boxes, scores = _look_closer(self._rnet, _CROP, picture, boxes[kept], _RNET_FIRST)
        kept = nms(boxes, scores, _SAME_MOVED)
        boxes, scores = _look_closer(self._rnet, _CROP, picture, boxes[kept], _RNET_LEAST)
        return self._last_look(picture, boxes, scores, _ONET_LEAST)

    def propose_large(self, picture: Halvings) -> Proposed:
        """Only those that are sure and an eighth of the longer side of a usual picture or more; at an eighth of the cost."""
        boxes, scores = self._first_look(picture, _LARGE * self._size, _PNET_SURE)
        kept = nms(boxes, scores, _SAME_FIRST)[:_MOST_CROPS]
        boxes, scores = _look_closer(self._rnet, _CROP, picture, boxes[kept], _RNET_LEAST)
        return self._last_look(picture, boxes, scores, _ONET_SURE)

    def _last_look(self, picture: Halvings, boxes: Boxes, scores: Floats, least: float) -> Proposed:
        kept = nms(boxes, scores, _SAME)[:_MOST_CLOSE]
        boxes, scores = _look_closer(self._onet, _CLOSE, picture, boxes[kept], least)
        kept = nms(boxes, scores, _SAME)
        boxes, scores = boxes[kept], scores[kept]
        return Proposed(squared(boxes, _longer(boxes) * _WINDOW), scores, _needed(scores))

    def _first_look(self, picture: Halvings, longer: float, least: float) -> tuple[Boxes, Floats]:
        width, height = picture.size
        found = [(np.zeros((0, 4)), np.zeros(0, np.float32))]
        level = picture.resized(copy_size(width, height, longer, _ASPECT), Image.Resampling.BILINEAR)
        while min(level.size) >= _CELL:
            boxes, scores = _cells(self._run_in_strips(np.asarray(level)), least)
            kept = nms(boxes, scores, 0.5)
            shrunk = np.array([width / level.width, height / level.height] * 2)
            found.append((boxes[kept] * shrunk, scores[kept]))
            level = level.resize(
                (max(1, round(level.width * _RATIO)), max(1, round(level.height * _RATIO))),
                Image.Resampling.BOX,
            )
        return np.concatenate([boxes for boxes, _ in found]), np.concatenate([scores for _, scores in found])

    def _run_in_strips(self, level: Pixels) -> Floats:
        """(5, h', w') of the first network for a whole level, an eighth faster than at once, and the same."""
        height, width = level.shape[:2]
        step = max(_STRIP // width // _STRIDE * _STRIDE, 8 * _STRIDE)
        rows = range(0, max(height - _OVERLAP, 1), step)
        return np.concatenate(
            [self._pnet.run(level[None, top : top + step + _OVERLAP])[0] for top in rows], axis=1
        )


def _look_closer(
    network: Network, size: int, picture: Halvings, boxes: Boxes, least: float
) -> tuple[Boxes, Floats]:
    """Of those that score above `least` in crops of `size` px: the boxes, moved, and the network's scores."""
    squares = squared(boxes, _longer(boxes))
    out = np.zeros((0, 5), np.float32)
    for start in range(0, len(squares), _BATCH):
        out = np.concatenate([out, network.run(picture.cut(squares[start : start + _BATCH], size))])
    scores = _sigmoid(out[:, 0])
    sure = scores > least
    return _shifted(squares[sure], out[sure, 1:]), scores[sure]


def _needed(scores: Floats) -> Floats:
    """Of the detector, for each of these scores of the third network."""
    sure = 1 / (1 + np.exp(-_MOST_LOGIT))
    probability = np.clip(scores.astype(np.float64), 0.5, sure)
    return np.asarray(_NEEDED - _LESS * np.log(probability / (1 - probability)), np.float32)


def _cells(out: Floats, least: float) -> tuple[Boxes, Floats]:
    """(5, h, w) of the first network -> boxes in px of its picture, and their probabilities above `least`."""
    rows, columns = np.nonzero(out[0] > _logit(least))
    best = np.argsort(-out[0, rows, columns], kind="stable")[:_MOST_CELLS]
    rows, columns = rows[best], columns[best]
    cells = np.stack([columns * _STRIDE, rows * _STRIDE, *np.full((2, len(rows)), _CELL)], 1).astype(
        np.float64
    )
    picked = out[:, rows, columns].T
    return _shifted(cells, picked[:, 1:]), _sigmoid(picked[:, 0])


def _shifted(boxes: Boxes, corners: Floats) -> Boxes:
    """Boxes whose left, top, right and bottom move by so many of their own sides."""
    moves = corners.astype(np.float64) * boxes[:, [2, 3, 2, 3]]
    moved = boxes + moves
    moved[:, 2:] = boxes[:, 2:] + moves[:, 2:] - moves[:, :2]
    return np.asarray(moved)


def _longer(boxes: Boxes) -> Boxes:
    """(n,) the longer sides."""
    return np.asarray(boxes[:, 2:].max(axis=1, initial=0))


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-values.astype(np.float32))), np.float32)


def _logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))
