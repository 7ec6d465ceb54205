"""Where a face's eyes and nose are, and its chips: upright, 150 x 150 px, with dlib."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlib
import numpy as np

from faced.faces.geometry import pixel_rectangle
from faced.faces.timings import stage
from faced.model import Box, Floats, Pixels

__all__ = ["CHIP", "Chip", "Landmarker", "chip_paddings", "landmark_fractions"]

CHIP = 150
_PADDING = 0.25
# On either side of dlib's; of fifteen triples some did a little better, by noise. True-accept at 1e-4 on 359 web
# photos of 17 people: 0.590 with one view, 0.661 with its mirror image, 0.663 with all three (at 1e-3: 0.759, 0.803,
# 0.815).
_MORE_PADDINGS = (0.20, 0.35)


@dataclass(frozen=True, slots=True, eq=False)
class Chip:
    """landmarks: (5, 2) float32, fractions of the picture. pixels: (150, 150, 3) uint8. others: in other frames."""

    landmarks: Floats
    pixels: Pixels
    others: tuple[Pixels, ...] = ()

    @property
    def frames(self) -> tuple[Pixels, ...]:
        """All that is shown of the face."""
        return (self.pixels, *self.others)


def chip_paddings(views: int) -> tuple[float, ...]:
    """What a chip shows around the face, for embeddings of so many views; the first is dlib's."""
    return (_PADDING, *_MORE_PADDINGS) if views == 6 else (_PADDING,)


class Landmarker:
    """dlib's 5-point shape predictor. path: the checked model. views: of the embeddings, see resnet."""

    def __init__(self, path: Path, views: int = 1) -> None:
        self._predict: Any = dlib.shape_predictor(str(path))
        self._paddings = chip_paddings(views)

    def cut_chips(self, upright: Pixels, boxes: Sequence[Box]) -> list[Chip]:
        """One chip a box, in their order. Boxes are the detector's, fractions of the picture."""
        with stage("chip"):
            upright = np.ascontiguousarray(upright)
            return [self._cut_chip(upright, box) for box in boxes]

    def _cut_chip(self, upright: Pixels, box: Box) -> Chip:
        height, width = upright.shape[:2]
        shape = self._predict(upright, dlib.rectangle(*pixel_rectangle(box, width, height)))
        frames = [
            np.asarray(dlib.get_face_chip(upright, shape, size=CHIP, padding=padding), np.uint8)
            for padding in self._paddings
        ]
        return Chip(landmark_fractions(shape, width, height), frames[0], tuple(frames[1:]))


def landmark_fractions(shape: Any, width: int, height: int) -> Floats:
    """(5, 2) float32: the middles of the landmarks' pixels, as fractions of the picture."""
    points = np.array([(point.x + 0.5, point.y + 0.5) for point in shape.parts()])
    return (points / (width, height)).astype(np.float32)
