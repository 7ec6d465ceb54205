"""The portrait that faced brings along: one woman's face, looking at the camera."""

from pathlib import Path

import numpy as np
from PIL import Image

import faced
from faced.model import Pixels

__all__ = ["FACE", "portrait", "portrait_on"]


def portrait(longer: int | None = None) -> Pixels:
    """Its pixels, (h, w, 3) uint8 RGB; `longer`: px, resized so that the longer side has that length."""
    path = Path(faced.__file__).parent / "demo" / "astronaut.png"
    with Image.open(path) as image:
        picture = image.convert("RGB")
    if longer is not None:
        scale = longer / max(picture.size)
        size = round(picture.width * scale), round(picture.height * scale)
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return np.array(picture)


FACE = (0.46, 0.2235, 0.2367, 0.2649)
"""Where the detector sees her face: left, top, width, height, fractions of the portrait."""


def portrait_on(size: tuple[int, int], longer: int, left: int = 0, top: int = 0) -> tuple[Pixels, np.ndarray]:
    """The portrait, so many px long, on a grey picture (width, height); and (1, 4) her face's box in px of it."""
    one = portrait(longer)
    canvas = np.full((size[1], size[0], 3), 90, np.uint8)
    canvas[top : top + one.shape[0], left : left + one.shape[1]] = one
    box = np.array(FACE) * (*one.shape[1::-1], *one.shape[1::-1]) + (left, top, 0, 0)
    return canvas, box[None]
