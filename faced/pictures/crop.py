"""A face cut out of its photo, as a small JPEG that says in its comment which face it is.

Decides how much around a face is shown, and how large. Reads and writes no file.
"""

import io
from typing import Final

import numpy as np
from PIL import Image

from faced.model import Box, Pixels
from faced.pictures.parts import jpeg_comment

__all__ = ["SIDE", "crop_scale", "cut_face", "read_comment"]

SIDE: Final = 256
"""px. No side of the picture is longer."""
_AROUND: Final = 0.4  # of the box's longer side is shown on each side of it: hair and chin
_QUALITY: Final = 85


def crop_scale(box: Box, width: int, height: int) -> int:
    """px that the longer side of the picture should have so that the face need not be enlarged, or less.

    box: fractions of the picture. width, height: px of it.
    """
    side = max(box.width * width, box.height * height, 1.0) * (1 + 2 * _AROUND)
    return min(max(width, height), round(max(width, height) * SIDE / side) + 1)


def cut_face(pixels: Pixels, box: Box, comment: str) -> bytes:
    """The face with something around it, at most SIDE px, never enlarged, as a JPEG with this comment (ASCII).

    pixels: (h, w, 3) uint8, upright. box: fractions of that picture; may lie partly outside.
    """
    height, width = pixels.shape[:2]
    side = max(box.width * width, box.height * height, 1.0) * (1 + 2 * _AROUND)
    middle_x, middle_y = (box.left + box.width / 2) * width, (box.top + box.height / 2) * height
    left, right = _span(middle_x, side, width)
    top, bottom = _span(middle_y, side, height)
    cut = Image.fromarray(np.ascontiguousarray(pixels[top:bottom, left:right]))
    cut.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    cut.save(file, "JPEG", quality=_QUALITY, comment=comment.encode("ascii"))
    return file.getvalue()


def read_comment(data: bytes) -> str | None:
    """The comment of a JPEG, where it has one in ASCII."""
    comment = jpeg_comment(data)
    try:
        return None if comment is None else comment.decode("ascii")
    except UnicodeDecodeError:
        return None


def _span(middle: float, side: float, size: int) -> tuple[int, int]:
    """First and last px (exclusive) of a side around the middle, within the picture and never empty."""
    first = min(max(0, round(middle - side / 2)), size - 1)
    return first, max(first + 1, min(size, round(middle + side / 2)))
