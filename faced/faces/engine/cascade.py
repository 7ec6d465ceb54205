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
from faced.faces.geometry import Boxes, nms
from faced.model import Box, Floats, Pixels

__all__ = ["MOST", "CascadeDetector"]

TILE: Final = 128
MOST: Final = 400
"""Proposals of one photo that are judged, the strongest."""

_NEAR: Final = 26.0  # px of a tile
_ACCEPT, _ACCEPT_STRONG = -0.5, -1.5
_SAME: Final = 0.35
_BATCH: Final = 32


class CascadeDetector:
    """A proposer, and MMOD on tiles."""

    def __init__(self, net: MmodNet, proposer: Proposer) -> None:
        self._net = net
        self._proposer = proposer

    def find(self, upright: Pixels) -> list[FoundFace]:
        """See protocol.Detector."""
        picture = Halvings(upright)
        proposed = self._proposer.propose(picture)
        windows, strengths = proposed.windows[:MOST], proposed.strengths[:MOST]
        boxes, scores = self._judge(picture, windows)
        least = np.where(strengths > self._proposer.strong, _ACCEPT_STRONG, _ACCEPT)
        taken = scores > least
        boxes, scores = boxes[taken], scores[taken]
        size = np.array(picture.size * 2, np.float64)
        kept = nms(boxes, scores, _SAME)
        return [FoundFace(Box(*map(float, boxes[i] / size)), float(scores[i])) for i in kept]

    def _judge(self, picture: Halvings, windows: Boxes) -> tuple[Boxes, Floats]:
        """The best window near the middle of each proposal's tile, in px of the picture, and its score."""
        grow = TILE / self._net.window
        sides = windows[:, 2:] * grow
        squares = np.concatenate([windows[:, :2] - (sides - windows[:, 2:]) / 2, sides], axis=1)
        boxes, scores = np.zeros((len(windows), 4)), np.zeros(len(windows), np.float32)
        for start in range(0, len(windows), _BATCH):
            part = slice(start, start + _BATCH)
            found, scores[part] = self._net.best_windows(picture.cut(squares[part], TILE), _NEAR)
            scale = sides[part, :1] / TILE
            boxes[part] = found * scale
            boxes[part, :2] += squares[part, :2]
        return boxes, scores
