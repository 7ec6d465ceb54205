"""Pairs of a list with ranges of another. Pure."""

import numpy as np
from numpy.typing import NDArray

from faced.people.rows import spans

__all__ = ["expand_ranges"]


def expand_ranges(
    starts: NDArray[np.intp], stops: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(e,) and (e,): the place of each range with each number in it. starts, stops: (m,), no stop below its start."""
    sizes = stops - starts
    return np.repeat(np.arange(len(starts)), sizes), spans(starts, sizes)
