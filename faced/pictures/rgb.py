"""Any kind of pixel that a file may hold, as 8-bit RGB the way a viewer would show it.

Decides how grey of many bits, transparency and colour spaces become RGB; opens no file and
turns nothing.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faced.model import Pixels

__all__ = ["to_rgb"]

_GROUND: Final = (128, 128, 128)  # what shines through: neither hides dark hair nor fair skin


def to_rgb(image: Image.Image) -> Image.Image:
    """The picture in mode RGB. Transparent parts are laid on mid grey, deep grey is scaled to 8 bit."""
    if image.mode.startswith("I;16"):
        return _from_grey(_from_16_bit(np.asarray(image)))
    if image.mode in ("I", "F"):
        return _from_grey(_from_any_range(np.asarray(image)))
    if image.mode == "La":
        image = image.convert("LA")
    if image.has_transparency_data or image.mode == "RGBa":
        return _on_ground(image.convert("RGBA"))
    return image if image.mode == "RGB" else image.convert("RGB")


def _on_ground(image: Image.Image) -> Image.Image:
    ground = Image.new("RGB", image.size, _GROUND)
    ground.paste(image, mask=image.getchannel("A"))
    return ground


def _from_grey(grey: Pixels) -> Image.Image:
    return Image.fromarray(grey).convert("RGB")


def _from_16_bit(values: NDArray[np.uint16]) -> Pixels:
    # Pillow's own conversion cuts everything above 255 to white.
    steps = (np.arange(65536, dtype=np.uint32) * 255 + 32767) // 65535
    scaled: Pixels = steps.astype(np.uint8)[values]
    return scaled


def _from_any_range(values: NDArray[np.int32] | NDArray[np.float32]) -> Pixels:
    """Neither a 32-bit nor a float picture says what white is: the smallest usual white that holds all."""
    finite = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    largest = float(finite.max(initial=0.0))
    if largest <= 1 and values.dtype.kind == "f":
        white = 1.0
    elif largest <= 255:
        white = 255.0
    elif largest <= 65535:
        white = 65535.0
    else:
        white = largest
    scaled: Pixels = (finite.clip(0, None) * (255 / white) + 0.5).astype(np.uint8)
    return scaled
