"""The detector of small and large faces: a cheap network proposes, MMOD judges.

Each proposal is cut from the decoded picture as a tile in which the window of MMOD that is expected to show the
face is in the middle; all tiles go through MMOD together. The best window near the middle gives box and
score. What nobody proposes is not found; proposals alone prove nothing, as they take hands and dogs too.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from PIL import Image

from faced.faces.engine.mmod import MmodNet
from faced.faces.engine.proposer import Proposed, Proposer
from faced.faces.engine.protocol import FoundFace
from faced.faces.engine.tiles import Halvings
from faced.faces.geometry import Boxes, box_array, iou_matrix, nms, rolled, scaled
from faced.faces.timings import stage
from faced.model import Box, Floats, Pixels
from faced.pictures.orientation import stored_box

__all__ = ["MOST", "CascadeDetector"]

TILE: Final = 128
MOST: Final = 400
"""Proposals of one photo that are judged, the strongest."""

_NEAR: Final = 26.0  # px of a tile
_SAME: Final = 0.35
_BATCH: Final = 32

# What is likely a face and scores less is looked at again in other windows: one of the wrong size may score below -2 on a
# face that scores 1 in the right one.
_SURE: Final = 0.0

# Large faces that lie, of a baby or of friends whose heads meet, are looked for in a small copy turned by quarters, as EXIF
# says it and as Pillow does: 2 or 3 of 100 faces in group photos.
_TURNS: Final = {6: Image.Transpose.ROTATE_270, 3: Image.Transpose.ROTATE_180, 8: Image.Transpose.ROTATE_90}
_LYING_LARGE: Final = 8  # the longer side of a picture has room for so many at most
_LYING_LEAST: Final = 600  # px, longer side of the picture that their tiles are cut from
_LYING_SURE: Final = 0.3  # of the detector, as of a photo that is turned as a whole

# The detector takes an upright face for a lying one at times, and is as sure of it (up to 1.07 against 1.02): in 202 photos
# of people a dozen times. Faces that do lie scored nothing upright.
_LYING_LESS: Final = 0.5


class CascadeDetector:
    """A proposer, and MMOD on tiles. lying: proposes large faces; if given, those that lie on their side or head are
    looked for as well, in the picture turned three ways."""

    def __init__(
        self, net: MmodNet, proposer: Proposer, lying: Callable[[Halvings], Proposed] | None = None
    ) -> None:
        self._net = net
        self._proposer = proposer
        self._lying = lying

    def find(self, upright: Pixels) -> list[FoundFace]:
        """See protocol.Detector."""
        picture = Halvings(upright)
        with stage("propose"):
            proposed = self._proposer.propose(picture)
        with stage("judge"):
            boxes, scores = self._judge(picture, proposed.windows[:MOST], proposed.strengths[:MOST])
        boxes /= np.array(picture.size * 2, np.float64)
        taken = np.flatnonzero(scores > proposed.needed[:MOST])
        found = [FoundFace(Box(*map(float, boxes[row])), float(scores[row])) for row in taken]
        if self._lying and min(picture.size) * _LYING_LARGE >= max(picture.size):
            found += self._find_lying(picture, self._lying)
        ranks = np.array([face.score - _LYING_LESS * (face.turn != 1) for face in found])
        kept = nms(box_array([face.box for face in found]), ranks, _SAME)
        return sorted((found[row] for row in kept), key=lambda face: -face.score)

    def _find_lying(self, picture: Halvings, propose: Callable[[Halvings], Proposed]) -> list[FoundFace]:
        """Large faces in a picture that is turned three ways at once."""
        with stage("propose"):
            row, places = picture.turned(list(_TURNS.values()), _LYING_LEAST)
            windows = propose(row).windows[:MOST]
        with stage("judge"):
            boxes, scores = self._look(row, windows)
        found = []
        for number in np.flatnonzero(scores > _LYING_SURE):
            where = int(((boxes[number, 0] + boxes[number, 2] / 2) >= places[:, 0]).sum()) - 1
            place = places[max(where, 0)]
            box = (boxes[number] - (*place[:2], 0, 0)) / (*place[2:], *place[2:])
            turn = list(_TURNS)[max(where, 0)]
            found.append(FoundFace(stored_box(Box(*map(float, box)), turn), float(scores[number]), turn))
        return found

    def _judge(self, picture: Halvings, windows: Boxes, strengths: Floats) -> tuple[Boxes, Floats]:
        """The best window of each proposal, in px of the picture, and its score."""
        boxes, scores = self._look(picture, windows)
        likely = strengths > self._proposer.likely
        for scale, roll in self._proposer.again:
            certain = boxes[scores >= _SURE]
            seen = (iou_matrix(windows, certain) > _SAME).any(axis=1)
            again = np.flatnonzero(likely & (scores < _SURE) & ~seen)
            if not again.size:
                break
            others, its = self._look(picture, scaled(windows[again], scale), roll)
            better = its > scores[again]
            boxes[again[better]], scores[again[better]] = others[better], its[better]
        return boxes, scores

    def _look(self, picture: Halvings, windows: Boxes, roll: float = 0.0) -> tuple[Boxes, Floats]:
        """The best window near the middle of each one's tile, in px of the picture, and its score.

        roll: degrees by which the tiles are turned; the windows told are not.
        """
        squares = scaled(windows, TILE / self._net.window)
        boxes, scores = np.zeros((len(windows), 4)), np.zeros(len(windows), np.float32)
        for start in range(0, len(windows), _BATCH):
            part = slice(start, start + _BATCH)
            found, scores[part] = self._net.best_windows(picture.cut(squares[part], TILE, roll), _NEAR)
            boxes[part] = rolled(found, TILE, roll) * (squares[part, 2:3] / TILE)
            boxes[part, :2] += squares[part, :2]
        return boxes, scores
