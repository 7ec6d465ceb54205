"""Rows of large arrays that come between others or go, moved within the memory that they have. Pure."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["close_rows", "insert_rows", "place_between"]

CHUNK = 1 << 13


def place_between(count: int, places: NDArray[np.intp]) -> NDArray[np.int32]:
    """Where each of `count` rows and of m that follow them is, once those m are at `places`; (count + m,) int32."""
    is_old = np.ones(count + len(places), dtype=np.bool_)
    is_old[places] = False
    return np.concatenate([np.flatnonzero(is_old), places]).astype(np.int32)


def insert_rows(column: NDArray[Any], places: NDArray[np.intp]) -> None:
    """The last m rows move to these places, (m,) ascending, in this order; the others keep theirs."""
    count = len(column) - len(places)
    last = column[count:].copy()
    shift, stop = len(places), count
    for place in places[::-1].tolist():
        start = place - shift + 1  # the first old row that comes after it
        _shift_up(column, start, stop, shift)
        shift, stop = shift - 1, start
    column[places] = last


def close_rows(column: NDArray[Any], gone: NDArray[np.bool_]) -> None:
    """The rows that are not gone close up at the start."""
    done = int(np.argmax(gone))
    for start in range(done, len(column), CHUNK):
        rows = column[start : start + CHUNK][~gone[start : start + CHUNK]]
        column[done : done + len(rows)] = rows
        done += len(rows)


def _shift_up(column: NDArray[Any], start: int, stop: int, by: int) -> None:
    while stop > start:
        first = max(start, stop - CHUNK)
        column[first + by : stop + by] = column[first:stop].copy()
        stop = first
