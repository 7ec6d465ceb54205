"""Rows of large arrays that come between others or go, moved within the memory that they have. Pure."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Runs", "distinct", "find_rows", "first_places", "is_among", "move_rows", "place_rows", "spans"]

CHUNK = 1 << 18
"""Bytes that are moved at once: they stay in the cache."""
DENSE = 8
"""Ids up to so many times their number are looked up in a table."""


def first_places(values: NDArray[Any]) -> NDArray[np.intp]:
    """Where each run of equal values begins."""
    is_first = np.ones(len(values), dtype=np.bool_)
    np.not_equal(values[1:], values[:-1], out=is_first[1:])
    return is_first.nonzero()[0]


def distinct(values: NDArray[Any]) -> NDArray[Any]:
    """Each value once, ascending; of few sooner than by numpy's."""
    values = np.sort(values)
    return values[first_places(values)]


def is_among(values: NDArray[Any], some: NDArray[Any]) -> NDArray[np.bool_]:
    """Which of the values are some of these; of few sooner than by numpy's."""
    if len(some) == 0:
        return np.zeros(len(values), dtype=np.bool_)
    some = np.sort(some)
    return np.asarray(some.take(some.searchsorted(values), mode="clip") == values)


class Runs:
    """Where each of some ascending values stands."""

    def __init__(self, values: NDArray[Any]) -> None:
        """values: (m,) ascending, none below 0, any of them several times."""
        first = first_places(values)
        self._first, self._values = first, values[first]
        self._sizes = np.diff(first, append=len(values))
        largest = int(values[-1]) if len(values) else 0
        self._places = np.full(largest + 2, -1, dtype=np.int32)  # the last one is that of all larger values
        self._places[self._values] = np.arange(len(first), dtype=np.int32)

    def find(self, wanted: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Which of those wanted are there, (k,), and from where on, and how often, (k,) each."""
        where = self._places.take(wanted, mode="clip")
        there = (where >= 0).nonzero()[0]
        where = where[there]
        return there, self._first[where], self._sizes[where]

    def find_often(self, least: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The values that are there so often and more, and how often each is."""
        often = self._sizes >= least
        return self._values[often].astype(np.intp), self._sizes[often]


def spans(first: NDArray[np.intp], sizes: NDArray[np.intp]) -> NDArray[np.intp]:
    """The places from each first one on, so many of each, behind each other."""
    found: NDArray[np.intp] = (first - sizes.cumsum() + sizes).repeat(sizes)
    found += np.arange(len(found))
    return found


def find_rows(ids: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.signedinteger[Any]]:
    """(m,) the row of each wanted id among (n,) ids that are not negative, n > 0; any row for one that is not there."""
    if int(ids.max()) > DENSE * len(ids) or int(wanted.min(initial=0)) < 0:
        order = np.argsort(ids)
        return np.asarray(order[np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)])
    table = np.zeros(int(ids.max()) + 1, dtype=np.int32)
    table[ids] = np.arange(len(ids), dtype=np.int32)
    return np.asarray(table.take(wanted, mode="clip"))


def place_rows(gone: NDArray[np.bool_], places: NDArray[np.intp]) -> NDArray[np.int32]:
    """Where each of n rows and of m that follow them is to be, once those m are at `places`, (m,) ascending; (n + m,) int32,
    -1 for those of the n that are gone.
    """
    left = len(gone) - int(np.count_nonzero(gone))
    is_free = np.ones(left + len(places), dtype=np.bool_)
    is_free[places] = False
    found = np.full(len(gone) + len(places), -1, dtype=np.int32)
    found[: len(gone)][~gone] = np.flatnonzero(is_free)
    found[len(gone) :] = places
    return found


def move_rows(column: NDArray[Any], places: NDArray[np.int32], old: int) -> None:
    """Each row moves to its place, -1: none, within the memory that it has. places: of `old` rows, ascending but for
    -1, then of others that come between them, in any order.
    """
    last = np.argsort(places[old:], kind="stable")
    last = old + last[places[old:][last] >= 0]
    come = column[last]
    there = np.flatnonzero(places[:old] >= 0)
    by = places[there] - there
    edges = np.flatnonzero(np.diff(by, prepend=by[:1] - 1)) if len(by) else there
    stops = np.append(edges, len(there))[1:]
    runs = [
        (int(there[first]), int(there[last - 1]) + 1, int(by[first]))
        for first, last in zip(edges.tolist(), stops.tolist(), strict=True)
    ]
    for start, stop, shift in runs:  # down, the first one first: there is room
        if shift < 0:
            _shift(column, start, stop, shift)
    for start, stop, shift in reversed(runs):
        if shift > 0:
            _shift(column, start, stop, shift)
    column[places[last]] = come


def _shift(column: NDArray[Any], start: int, stop: int, by: int) -> None:
    """by: up, or down below 0."""
    step = max(1, CHUNK * len(column) // max(1, column.nbytes))
    firsts = range(start, stop, step)
    for first in reversed(firsts) if by > 0 else firsts:
        last = min(stop, first + step)
        column[first + by : last + by] = column[first:last].copy()
