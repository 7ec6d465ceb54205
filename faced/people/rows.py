"""Rows of large arrays that come between others or go, moved within the memory that they have. Pure."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["close_rows", "find_rows", "insert_rows", "place_between"]

CHUNK = 1 << 13
DENSE = 8
"""Ids up to so many times their number are looked up in a table."""


def place_between(count: int, places: NDArray[np.intp]) -> NDArray[np.int32]:
    """Where each of `count` rows and of m that follow them is, once those m are at `places`; (count + m,) int32."""
    is_old = np.ones(count + len(places), dtype=np.bool_)
    is_old[places] = False
    return np.concatenate([np.flatnonzero(is_old), places]).astype(np.int32)


def find_rows(ids: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.intp]:
    """(m,) the row of each wanted id among (n,) ids that are not negative, n > 0; any row for one that is not there."""
    if int(ids.max()) > DENSE * len(ids) or int(wanted.min(initial=0)) < 0:
        order = np.argsort(ids)
        return np.asarray(order[np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)])
    table = np.zeros(int(ids.max()) + 1, dtype=np.intp)
    table[ids] = np.arange(len(ids))
    return table[np.minimum(wanted, len(table) - 1)]


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
