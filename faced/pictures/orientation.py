"""From the stored picture to the upright one and back, for the eight EXIF orientations.

Values in, values out. Boxes and points are fractions of the picture's width and height, so no
size is needed. An orientation outside 1 to 8 is the caller's mistake (see decode.read_header).
"""

import numpy as np

from faced.model import Box, Floats, Pixels

__all__ = [
    "stored_box",
    "stored_points",
    "upright_box",
    "upright_pixels",
    "upright_points",
    "upright_size",
]

# Upright from stored: (swap the axes first, then mirror x, then mirror y).
_STEPS = {
    1: (False, False, False),
    2: (False, True, False),
    3: (False, True, True),
    4: (False, False, True),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}
# A quarter turn is undone by the opposite one; every other orientation undoes itself.
_BACK = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}


def upright_size(width: int, height: int, orientation: int) -> tuple[int, int]:
    """Width and height in px of the upright picture, from those of the stored one (or back)."""
    return (height, width) if _STEPS[orientation][0] else (width, height)


def upright_box(box: Box, orientation: int) -> Box:
    """The box on the upright picture of a box on the stored one."""
    swap, mirror_x, mirror_y = _STEPS[orientation]
    left, top, width, height = box.left, box.top, box.width, box.height
    if swap:
        left, top, width, height = top, left, height, width
    if mirror_x:
        left = 1 - left - width
    if mirror_y:
        top = 1 - top - height
    return Box(left, top, width, height)


def stored_box(box: Box, orientation: int) -> Box:
    """The box on the stored picture of a box on the upright one."""
    return upright_box(box, _BACK[orientation])


def upright_points(points: Floats, orientation: int) -> Floats:
    """The same points on the upright picture. points: (n, 2) float32, x and y; returns a new array."""
    swap, mirror_x, mirror_y = _STEPS[orientation]
    moved: Floats = points[:, ::-1].copy() if swap else points.copy()
    if mirror_x:
        moved[:, 0] = 1 - moved[:, 0]
    if mirror_y:
        moved[:, 1] = 1 - moved[:, 1]
    return moved


def stored_points(points: Floats, orientation: int) -> Floats:
    """The same points on the stored picture. points: (n, 2) float32, x and y; returns a new array."""
    return upright_points(points, _BACK[orientation])


def upright_pixels(pixels: Pixels, orientation: int) -> Pixels:
    """The upright picture. pixels: (h, w, 3) uint8 as stored; returns a contiguous array."""
    swap, mirror_x, mirror_y = _STEPS[orientation]
    turned = pixels.transpose(1, 0, 2) if swap else pixels
    if mirror_x:
        turned = turned[:, ::-1]
    if mirror_y:
        turned = turned[::-1]
    return np.ascontiguousarray(turned)
