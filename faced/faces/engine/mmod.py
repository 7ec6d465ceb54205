"""dlib's MMOD face detector on a pyramid of the picture.

Finds faces from 80 px (one window) up to the whole picture: each level is 3/4 of the one before, in
its own run, which finds what dlib finds with steps of 5/6 and costs a third less. Decides nothing about
people; its boxes are the windows themselves, as the network has no regression of boxes.
"""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from faced.faces.engine.dat import MmodOptions
from faced.faces.engine.protocol import FoundFace
from faced.faces.engine.session import Network
from faced.faces.engine.tiles import MAX_ENLARGE, PAD_COLOUR, copy_size
from faced.faces.geometry import Boxes, hull_overlap, nms
from faced.model import Box, Floats, Pixels

__all__ = ["MmodNet", "PyramidDetector", "detection_copy"]

RATIO = 3 / 4

_STRIDE, _CENTRE = 8, 14  # cell (r, c) looks at pixel (8 c + 14, 8 r + 14)
_PADDING = 11  # dlib's, of the mean colour
_FIELD = 29  # px: less gives no cell at all
_LEAST = 40  # px: on a smaller level no window is half filled


class MmodNet:
    """The network itself: windows of pictures and their scores."""

    def __init__(self, network: Network, options: MmodOptions) -> None:
        self._network = network
        self.window = options.window
        self.overlap = options.overlap

    def score(self, pixels: Pixels) -> Floats:
        """(n, h, w, 3) pixels, h and w at least 29 -> (n, h', w') scores of the cells; above 0 is a face."""
        return self._network.run(pixels)[:, 0]

    def find_windows(self, pixels: Pixels, least: float = 0.0) -> tuple[Boxes, Floats]:
        """The windows of one picture (h, w, 3) that score above `least`: (n, 4) boxes in its px, (n,) scores."""
        scores = self.score(pixels[None])[0]
        rows, columns = np.nonzero(scores > least)
        centres = np.stack([columns, rows], 1) * float(_STRIDE) + (_CENTRE + 0.5)
        sides = np.full_like(centres, self.window)
        return np.concatenate([centres - self.window / 2, sides], 1), scores[rows, columns]

    def best_windows(self, tiles: Pixels, near: float) -> tuple[Boxes, Floats]:
        """Of each tile (n, h, w, 3) the best window whose centre is within `near` px of the tile's.

        (n, 4) boxes in px of the tile, (n,) scores.
        """
        scores = self.score(tiles)
        height, width = tiles.shape[1:3]
        rows, columns = np.indices(scores.shape[1:]).reshape(2, -1)
        centres = np.stack([columns, rows], 1) * float(_STRIDE) + (_CENTRE + 0.5)
        inside = np.hypot(*(centres - (width / 2, height / 2)).T) <= near
        centres, flat = centres[inside], scores.reshape(len(tiles), -1)[:, inside]
        best = flat.argmax(axis=1)
        sides = np.full((len(tiles), 2), float(self.window))
        boxes = np.concatenate([centres[best] - self.window / 2, sides], 1)
        return boxes, np.take_along_axis(flat, best[:, None], 1)[:, 0]


class PyramidDetector:
    """MMOD on every level of the pyramid. detect_size: px, longer side of the picture searched, a panorama's more."""

    def __init__(self, net: MmodNet, detect_size: int) -> None:
        self._net = net
        self._detect_size = detect_size

    def find(self, upright: Pixels) -> list[FoundFace]:
        """See protocol.Detector."""
        found = [self._find_on(level) for level in _levels(upright, self._detect_size)]
        boxes = np.concatenate([boxes for boxes, _ in found])
        scores = np.concatenate([scores for _, scores in found])
        kept = nms(boxes, scores, self._net.overlap, hull_overlap)
        return [FoundFace(Box(*map(float, boxes[i])), float(scores[i])) for i in kept]

    def _find_on(self, level: Image.Image) -> tuple[Boxes, Floats]:
        """Windows on one level, as fractions of it, with their scores."""
        boxes, scores = self._net.find_windows(_padded(level))
        boxes[:, :2] -= _PADDING
        return boxes / np.array([*level.size, *level.size], np.float64), scores


def detection_copy(upright: Pixels, detect_size: int) -> Image.Image:
    """The picture in the size in which it is searched: longer side detect_size, never enlarged beyond twice."""
    height, width = upright.shape[:2]
    scale = min(detect_size / max(width, height), MAX_ENLARGE)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    picture = Image.fromarray(upright)
    if picture.size == size:
        return picture
    # The gap lets most of a reduction be done by whole pixels, three times as fast; no score tells the difference.
    return picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=1.0)


def _levels(upright: Pixels, detect_size: int) -> Iterator[Image.Image]:
    """The picture in detection size, then each level from the one before; at least one."""
    level = detection_copy(upright, max(copy_size(upright.shape[1], upright.shape[0], detect_size)))
    yield level
    width, height = level.width * RATIO, level.height * RATIO
    while min(width, height) >= _LEAST:
        level = level.resize((round(width), round(height)), Image.Resampling.BOX)
        yield level
        width, height = width * RATIO, height * RATIO


def _padded(level: Image.Image) -> Pixels:
    """The level's pixels with a margin on each side."""
    width, height = (max(_FIELD, side + 2 * _PADDING) for side in level.size)
    canvas = Image.new("RGB", (width, height), PAD_COLOUR)
    canvas.paste(level, (_PADDING, _PADDING))
    return np.asarray(canvas)
