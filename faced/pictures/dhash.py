"""The 64-bit difference hash of a picture, by which near-copies are known.

Decides how alike two pictures look as a whole, never who is in them. The same picture in another
size, quality or brightness keeps nearly all its bits; two different photos differ in half of them.

Measured on 202 photos of scenes (1024 px, groups and players) and 288 portraits cut alike (the
hardest case), all variants of one photo against itself, then all pairs of different photos:

    same picture                  99 % of scenes within   of portraits   most
    resized to 50 %                       1 bit              1            1
    resized to 25 %                       1                  1            2
    JPEG quality 40                       2                  3            4
    10 % brighter                         3                  2            5
    contrast 15 % up                      3                  3            4
    25 %, quality 40 and brighter         4                  4            8
    20 % brighter                         6                  4            8
    1 % cropped off each side             7                  6            7

    different photos              within 3   4   5   6   8  10  12 bits
    scenes, 20,301 pairs                 0   0   0   0   0   0   1
    scenes mirrored, 20,301              0   0   0   0   0   0   0
    portraits, 41,326                    0   0   1   7  27 107 316
    portraits mirrored, 41,328           0   1   2   4  33 123 324

So at 4 bits 99 % of the near-copies are known, and one of 123,256 pairs of different photos is
taken for one (less than 1 in 100,000); at 5 bits it would be three, at 6 eleven.
"""

from typing import Final

import numpy as np

from faced.model import Floats, Pixels

__all__ = ["NEAR_COPY_BITS", "difference_hash", "hamming"]

NEAR_COPY_BITS: Final = 4
"""Two pictures whose hashes differ in at most so many bits are near-copies (inclusive)."""

_ROWS: Final = 8
_COLUMNS: Final = 9
_STEP: Final = 0.5  # grey levels of 255; within it, neighbours count as equal: noise in a plain sky is no bit
_LUMA: Final = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_BLOCK: Final = 256  # rows at a time, so that a large picture costs no second one in floats


def difference_hash(upright: Pixels) -> int:
    """The hash as an unsigned 64-bit int: 8 rows of 8 bits, the top left one is the highest.

    upright: (h, w, 3) uint8, of any size. A bit says that in the picture averaged down to 9 x 8
    grey cells a cell is brighter than its left neighbour by more than half a grey level.
    """
    cells = _grey_cells(upright)
    bits = np.diff(cells, axis=1) > _STEP
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def hamming(a: int, b: int) -> int:
    """In how many bits two hashes differ, 0 to 64."""
    return (a ^ b).bit_count()


def _grey_cells(picture: Pixels) -> Floats:
    """(8, 9) float32 mean grey of each cell; a pixel on a border counts for both by its share."""
    height, width = picture.shape[:2]
    down, across = _shares(height, _ROWS), _shares(width, _COLUMNS).T
    bands = np.zeros((_ROWS, width * 3), dtype=np.float32)
    for top in range(0, height, _BLOCK):
        block = picture[top : top + _BLOCK].reshape(-1, width * 3).astype(np.float32)
        bands += down[:, top : top + _BLOCK] @ block
    cells: Floats = (bands.reshape(_ROWS, width, 3) @ _LUMA) @ across
    return cells


def _shares(length: int, cells: int) -> Floats:
    """(cells, length) float32: the share that each pixel of a line has in the mean of each cell."""
    edges = np.linspace(0, length, cells + 1)
    pixel = np.arange(length)
    overlap = np.minimum(pixel + 1, edges[1:, None]) - np.maximum(pixel, edges[:-1, None])
    shares: Floats = (overlap.clip(0, None) * cells / length).astype(np.float32)
    return shares
