"""Small square cuts of one picture, each resized from the nearest of its halvings.

Decides only from which halving a cut is taken: the smallest that need not be enlarged. Knows no network. What lies
outside of the picture is filled with the mean colour.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image

from faced.faces.geometry import Boxes
from faced.model import Pixels

__all__ = ["MAX_ENLARGE", "PAD_COLOUR", "PANORAMA", "Halvings", "copy_size"]

PAD_COLOUR: Final = (123, 117, 104)
"""The mean colour of photos, as the detector knows it."""

MAX_ENLARGE: Final = 2.0
"""Copies of small pictures that are searched are at most so many times as large."""

PANORAMA: Final = 0.5
"""The shorter side by the longer one of a picture that is no panorama yet."""

_NEAREST: Final = 1.5
_LEAST: Final = 8  # px, of the shorter side of a halving


def copy_size(width: int, height: int, longer: float, aspect: float = PANORAMA) -> tuple[int, int]:
    """In px, of the copy of a picture that is searched: its longer side is `longer`; of one longer than `aspect` says the
    copy has as many pixels as one of that shape."""
    scale = longer * max(1 / max(width, height), (aspect / (width * height)) ** 0.5)
    scale = min(scale, MAX_ENLARGE)
    return max(1, round(width * scale)), max(1, round(height * scale))


class Halvings:
    """A picture and its halvings, made when they are first needed."""

    def __init__(self, upright: Pixels) -> None:
        self._levels = [Image.fromarray(upright)]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in px of the picture itself."""
        return self._levels[0].size

    def turned(self, turns: Sequence[Image.Transpose], least: int) -> tuple["Halvings", Boxes]:
        """The picture turned so, side by side in one picture; and (n, 4) its places there, in px.

        Made from the smallest halving that is still `least` px long.
        """
        level = 0
        while max(self._levels[level].size) >= 2 * least and self._halve(level):
            level += 1
        copies = [self._levels[level].transpose(turn) for turn in turns]
        widths = [copy.width for copy in copies]
        row = Image.new("RGB", (sum(widths), max(copy.height for copy in copies)), PAD_COLOUR)
        lefts = [sum(widths[:number]) for number in range(len(widths))]
        for copy, left in zip(copies, lefts, strict=True):
            row.paste(copy, (left, 0))
        places = [(left, 0, *copy.size) for copy, left in zip(copies, lefts, strict=True)]
        return Halvings(np.asarray(row)), np.array(places, np.float64)

    def resized(self, size: tuple[int, int], how: Image.Resampling) -> Image.Image:
        """The whole picture in this size, from the smallest halving that is as large."""
        level = 0
        while (
            self._halve(level)
            and min(a / b for a, b in zip(self._levels[level + 1].size, size, strict=True)) >= 1
        ):
            level += 1
        source = self._levels[level]
        return source if source.size == size else source.resize(size, how)

    def cut(self, squares: Boxes, size: int, roll: float = 0.0) -> Pixels:
        """(n, size, size, 3): the squares (n, 4) of the picture, in its px, each resized to `size` px.

        roll: degrees by which the squares are turned about their centres, clockwise.
        """
        column = Image.new("RGB", (size, size * len(squares)))  # a third faster than an array from each
        for number, (left, top, side, _) in enumerate(squares.tolist()):
            square = left, top, max(side, 1e-3)
            tile = self._cut_rolled(*square, size, roll) if roll else self._cut_one(*square, size)
            column.paste(tile, (0, size * number))
        return np.asarray(column).reshape(len(squares), size, size, 3)

    def _cut_one(self, left: float, top: float, side: float, size: int) -> Image.Image:
        source, across, down = self._source(side / (2 * size))
        width, height = source.size
        box = (left * across, top * down, (left + side) * across, (top + side) * down)
        if box[0] >= 0 and box[1] >= 0 and box[2] <= width and box[3] <= height:
            return source.resize((size, size), Image.Resampling.BILINEAR, box=box)
        return _cut_over_the_edge(source, box, size)

    def _cut_rolled(self, left: float, top: float, side: float, size: int, roll: float) -> Image.Image:
        # Nothing is averaged on the way, so the halving is the one whose pixels are nearest to the tile's.
        source, across, down = self._source(side / (_NEAREST * size))
        step, angle = side / size, math.radians(roll)
        x, y = step * math.cos(angle), step * math.sin(angle)
        # A tile's pixel (column, row) from its middle -> the source's.
        middle, half = (left + side / 2, top + side / 2), size / 2
        rows = (
            (x * across, -y * across, (middle[0] + (y - x) * half) * across),
            (y * down, x * down, (middle[1] - (x + y) * half) * down),
        )
        return source.transform(
            (size, size),
            Image.Transform.AFFINE,
            (*rows[0], *rows[1]),
            Image.Resampling.BILINEAR,
            fillcolor=PAD_COLOUR,
        )

    def _source(self, times: float) -> tuple[Image.Image, float, float]:
        """The halving that is smaller by `times` at most, where that is more than 1, and its sides' shares of the picture's.

        Halvings of odd sizes are rounded up, so each has factors of its own.
        """
        level = 0
        while times >= 1 and self._halve(level):
            level, times = level + 1, times / 2
        source = self._levels[level]
        return source, source.width / self.size[0], source.height / self.size[1]

    def _halve(self, level: int) -> bool:
        """Whether there is a halving behind this one, which then is made."""
        if level + 1 < len(self._levels):
            return True
        source = self._levels[level]
        if min(source.size) < 2 * _LEAST:
            return False
        self._levels.append(source.reduce(2))
        return True


def _cut_over_the_edge(source: Image.Image, box: Sequence[float], size: int) -> Image.Image:
    tile = Image.new("RGB", (size, size), PAD_COLOUR)
    left, top, right, bottom = box
    inside = max(left, 0.0), max(top, 0.0), min(right, source.width), min(bottom, source.height)
    across, down = size / (right - left), size / (bottom - top)
    place = [
        round((a - b) * by) for a, b, by in zip(inside, (left, top) * 2, (across, down) * 2, strict=True)
    ]
    width, height = place[2] - place[0], place[3] - place[1]
    if width > 0 and height > 0:
        tile.paste(
            source.resize((width, height), Image.Resampling.BILINEAR, box=inside), (place[0], place[1])
        )
    return tile
