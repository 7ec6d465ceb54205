"""The portrait that faced brings along: one woman's face, looking at the camera."""

from pathlib import Path

import numpy as np
from PIL import Image

import faced
from faced.model import Pixels


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
