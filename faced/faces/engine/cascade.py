"""The detector of small and large faces: a cheap network proposes, MMOD judges.

Each proposal is cut from the decoded picture as a tile in which the window of MMOD that is expected to show the
face is in the middle; all tiles go through MMOD together. The best window near the middle gives box and
score. What nobody proposes is not found; proposals alone prove nothing, as they take hands and dogs too.
"""

from typing import Final

import numpy as np

from faced.faces.engine.mmod import MmodNet
from faced.faces.engine.proposer import Proposer
from faced.faces.engine.protocol import FoundFace
from faced.faces.engine.tiles import Halvings
from faced.faces.geometry import Boxes, iou_matrix, nms, scaled
from faced.faces.timings import stage
from faced.model import Box, Floats, Pixels

__all__ = ["MOST", "CascadeDetector"]

TILE: Final = 128
MOST: Final = 400
"""Proposals of one photo that are judged, the strongest."""

_NEAR: Final = 26.0  # px of a tile
_SAME: Final = 0.35
_BATCH: Final = 32

# What is likely a face and scores less is looked at again with another window: a window of the wrong size may
# score below -2 on a face that scores 1 in the right one.
_SURE: Final = 0.0
_AGAIN: Final = (0.83,)


class CascadeDetector:
    """A proposer, and MMOD on tiles."""

    def __init__(self, net: MmodNet, proposer: Proposer) -> None:
        self._net = net
        self._proposer = proposer

    def find(self, upright: Pixels) -> list[FoundFace]:
        """See protocol.Detector."""
        picture = Halvings(upright)
        with stage("propose"):
            proposed = self._proposer.propose(picture)
        with stage("judge"):
            boxes, scores = self._judge(picture, proposed.windows[:MOST], proposed.strengths[:MOST])
        taken = scores > proposed.needed[:MOST]
        boxes, scores = boxes[taken], scores[taken]
        kept = nms(boxes, scores, _SAME)
        size = np.array(picture.size * 2, np.float64)
        return [FoundFace(Box(*map(float, boxes[i] / size)), float(scores[i])) for i in kept]

    def _judge(self, picture: Halvings, windows: Boxes, strengths: Floats) -> tuple[Boxes, Floats]:
        """The best window of each proposal, in px of the picture, and its score."""
        boxes, scores = self._look(picture, windows)
        likely = (strengths > self._proposer.likely) & (scores < _SURE)
        certain = boxes[scores >= _SURE]
        again = np.flatnonzero(likely & ~(iou_matrix(windows, certain) > _SAME).any(axis=1))
        for scale in _AGAIN if again.size else ():
            others, its = self._look(picture, scaled(windows[again], scale))
            better = its > scores[again]
            boxes[again[better]], scores[again[better]] = others[better], its[better]
        return boxes, scores

    def _look(self, picture: Halvings, windows: Boxes) -> tuple[Boxes, Floats]:
        """The best window near the middle of each one's tile, in px of the picture, and its score."""
        squares = scaled(windows, TILE / self._net.window)
        boxes, scores = np.zeros((len(windows), 4)), np.zeros(len(windows), np.float32)
        for start in range(0, len(windows), _BATCH):
            part = slice(start, start + _BATCH)
            found, scores[part] = self._net.best_windows(picture.cut(squares[part], TILE), _NEAR)
            boxes[part] = found * (squares[part, 2:3] / TILE)
            boxes[part, :2] += squares[part, :2]
        return boxes, scores
