"""MTCNN's three networks as proposers: where in a picture a face may be.

The first looks at every place of a small copy of the picture at all sizes, the second at what the first found,
and again at where it moved that to: the better placed a crop, the surer the answer, and the window. The third, ten times as
costly as the second, looks at what is left. Thresholds are low: the detector judges.
"""

from typing import Final

import numpy as np
from PIL import Image

from faced.faces.engine.proposer import Proposed
from faced.faces.engine.session import Network
from faced.faces.engine.tiles import Halvings
from faced.faces.geometry import Boxes, nms, squared
from faced.model import Floats

__all__ = ["Mtcnn"]

_OF_SIZE: Final = 0.8
"""The longer side of the copy that is looked at, of the detection size: 640 px of 800."""

_MAX_ENLARGE: Final = 2.0
_LEAST_ASPECT: Final = 0.625  # a longer panorama's copy is as large as one of this shape

_RATIO: Final = 0.709  # the package's
_CELL, _STRIDE = 12, 2
_CROP, _CLOSE = 24, 48
# The first at 0.75, 0.6 and 0.5 finds 0.936, 0.941 and 0.938 of 388 faces in group photos; the second at 0.4 no more than at
# 0.6. Most of what is missed is in profile, or lies on its side.
_PNET_LEAST: Final = 0.6
_RNET_FIRST, _RNET_LEAST = 0.2, 0.6
_ONET_LEAST: Final = 0.2
_MOST_CELLS: Final = 3000  # of one level
_MOST_CROPS: Final = 1500
_MOST_CLOSE: Final = 600
_BATCH: Final = 128

_SAME_FIRST: Final = 0.7
_SAME_MOVED: Final = 0.9
_SAME: Final = 0.7

# The side of the detector's window against that of the third network's box. Measured on group photos: one window of 0.92
# finds 0.912 of the faces, 0.92 and then 0.76 of what is not sure yet 0.923, eight from 0.6 to 1.2 0.930. By the
# second network's box one window finds 0.88.
_WINDOW: Final = 0.92

# What the detector must say to a proposal of the third network's logit: the two know different things.
_NEEDED: Final = -0.5
_LESS: Final = 0.3
_MOST_LOGIT: Final = 3.0


class Mtcnn:
    """P-Net, R-Net and O-Net. detect_size: px; faces from 15 px of a picture of that size are proposed."""

    likely = 0.5

    def __init__(self, pnet: Network, rnet: Network, onet: Network, detect_size: int) -> None:
        self._pnet = pnet
        self._rnet = rnet
        self._onet = onet
        self._size = detect_size * _OF_SIZE

    def propose(self, picture: Halvings) -> Proposed:
        """See proposer.Proposer."""
        boxes, scores = self._first_look(picture)
        kept = nms(boxes, scores, _SAME_FIRST)[:_MOST_CROPS]
        boxes, scores = _look_closer(self._rnet, _CROP, picture, boxes[kept], _RNET_FIRST)
        kept = nms(boxes, scores, _SAME_MOVED)
        boxes, scores = _look_closer(self._rnet, _CROP, picture, boxes[kept], _RNET_LEAST)
        kept = nms(boxes, scores, _SAME)[:_MOST_CLOSE]
        boxes, scores = _look_closer(self._onet, _CLOSE, picture, boxes[kept], _ONET_LEAST)
        kept = nms(boxes, scores, _SAME)
        boxes, scores = boxes[kept], scores[kept]
        return Proposed(squared(boxes, _longer(boxes) * _WINDOW), scores, _needed(scores))

    def _first_look(self, picture: Halvings) -> tuple[Boxes, Floats]:
        width, height = picture.size
        copy = _copy_size(width, height, self._size)
        found = [(np.zeros((0, 4)), np.zeros(0, np.float32))]
        level = picture.resized(copy, Image.Resampling.BILINEAR)
        while min(level.size) >= _CELL:
            boxes, scores = _cells(self._pnet.run(np.asarray(level)[None])[0])
            kept = nms(boxes, scores, 0.5)
            shrunk = np.array([width / level.width, height / level.height] * 2)
            found.append((boxes[kept] * shrunk, scores[kept]))
            level = level.resize(
                (max(1, round(level.width * _RATIO)), max(1, round(level.height * _RATIO))),
                Image.Resampling.BOX,
            )
        return np.concatenate([boxes for boxes, _ in found]), np.concatenate([scores for _, scores in found])


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


def _copy_size(width: int, height: int, longer: float) -> tuple[int, int]:
    """Of the copy that is looked at; a panorama's is longer. Never enlarged beyond twice."""
    scale = max(longer / max(width, height), longer * (_LEAST_ASPECT / (width * height)) ** 0.5)
    scale = min(scale, _MAX_ENLARGE)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _cells(out: Floats) -> tuple[Boxes, Floats]:
    """(5, h, w) of the first network -> boxes in px of its picture, and their probabilities."""
    rows, columns = np.nonzero(out[0] > _logit(_PNET_LEAST))
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
