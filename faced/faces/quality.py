"""Is a face good enough to say who it is?

Pure decisions about one face: how sharp its chip is, and whether it may take part in clustering.
Nothing here knows an engine, a file or another face.
"""

import numpy as np

from faced.model import Pixels

__all__ = ["MIN_SIDE", "may_cluster", "sharpness"]

MIN_SIDE = 48.0
"""px of the full-size picture. Smaller faces look alike: they would chain strangers together."""

_GREY = np.array([0.299, 0.587, 0.114], np.float32)
_MARGIN = 30


def may_cluster(side: float, min_side: float = MIN_SIDE) -> bool:
    """May this face be clustered? side: px, of the detector's box in the full-size picture."""
    return side >= min_side


def sharpness(chip: Pixels) -> float:
    """Variance of the Laplacian / variance of grey in the middle 90 x 90 of a chip.

    chip: (150, 150, 3) uint8. A ratio, so that neither light nor contrast counts; 0 for a chip
    of one colour.
    """
    around = slice(_MARGIN - 1, 1 - _MARGIN)
    grey = chip[around, around].astype(np.float32) @ _GREY
    middle = grey[1:-1, 1:-1]
    contrast = float(middle.var(dtype=np.float64))
    if contrast < 1e-6:  # less than one pixel off by one level makes: nothing but rounding
        return 0.0
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * middle
    return float(laplacian.var(dtype=np.float64)) / contrast
