"""Where a face's eyes and nose are, and its chip: upright, 150 x 150 px, with dlib."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlib
import numpy as np

from faced.faces.geometry import pixel_rectangle
from faced.model import Box, Floats, Pixels

__all__ = ["CHIP", "Chip", "Landmarker", "landmark_fractions"]

CHIP = 150
_PADDING = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Chip:
    """landmarks: (5, 2) float32, fractions of the picture. pixels: (150, 150, 3) uint8."""

    landmarks: Floats
    pixels: Pixels


class Landmarker:
    """dlib's 5-point shape predictor. path: the checked model."""

    def __init__(self, path: Path) -> None:
        self._predict: Any = dlib.shape_predictor(str(path))

    def cut_chips(self, upright: Pixels, boxes: Sequence[Box]) -> list[Chip]:
        """One chip a box, in their order. Boxes are the detector's, fractions of the picture."""
        upright = np.ascontiguousarray(upright)
        return [self._cut_chip(upright, box) for box in boxes]

    def _cut_chip(self, upright: Pixels, box: Box) -> Chip:
        height, width = upright.shape[:2]
        shape = self._predict(upright, dlib.rectangle(*pixel_rectangle(box, width, height)))
        chip = dlib.get_face_chip(upright, shape, size=CHIP, padding=_PADDING)
        return Chip(landmark_fractions(shape, width, height), np.asarray(chip, np.uint8))


def landmark_fractions(shape: Any, width: int, height: int) -> Floats:
    """(5, 2) float32: the middles of the landmarks' pixels, as fractions of the picture."""
    points = np.array([(point.x + 0.5, point.y + 0.5) for point in shape.parts()])
    return (points / (width, height)).astype(np.float32)
