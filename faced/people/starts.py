"""The faces of each start: of a strict cluster, or of one face that is in none. Kept in order, so that nobody passes over
all faces to find those of a few. Pure.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from faced.people.faces import NOISE
from faced.people.groups import Rows
from faced.people.rows import Runs, spans

__all__ = ["Members", "follow_members", "make_members"]


@dataclass(frozen=True, eq=False)
class Members:
    """starts: (m,) int32 ascending, those of several faces, once for each of these. rows: (m,) int32 the face, ascending in each."""

    starts: NDArray[np.int32]
    rows: NDArray[np.int32]

    def of(self, starts: Rows) -> tuple[Rows, Rows]:
        """(q,) the faces of some starts, and (q,) which of these each is of."""
        several, first, sizes = self._runs.find(starts)
        is_single = np.ones(len(starts), dtype=np.bool_)
        is_single[several] = False
        rows: Rows = np.concatenate([self.rows[spans(first, sizes)], starts[is_single]])
        return rows, np.append(np.repeat(several, sizes), is_single.nonzero()[0])

    def find_large(self, least: int) -> tuple[Rows, Rows]:
        """(q,) the starts of so many faces and more, ascending, and (q,) of how many each is. least: above 1."""
        return self._runs.find_often(least)

    @cached_property
    def _runs(self) -> Runs:
        return Runs(self.starts)


def make_members(starts: NDArray[np.int32]) -> Members:
    """From scratch. starts: (n,) of each face, NOISE of who takes no part."""
    several = np.zeros(len(starts) + 1, dtype=np.bool_)
    several[starts[starts != np.arange(len(starts))]] = True
    several[NOISE] = False
    return _sort(starts, np.flatnonzero(several[starts]))


def follow_members(
    before: NDArray[np.int32], starts: NDArray[np.int32], changed: NDArray[np.bool_], moved: NDArray[np.int32]
) -> Members:
    """The members of now. before: the rows of those of then. changed: (n,) of faces whose start is not what it was. moved: see Alignment."""
    rows = moved[before].astype(np.intp)
    rows = rows[rows != NOISE]
    rows = rows[~changed[rows]]  # of the others the start is what it was
    own = starts[rows]
    there = own != NOISE
    if not there.all():
        rows, own = rows[there], own[there]
    fresh = np.flatnonzero(changed)
    several = np.unique(starts[fresh[starts[fresh] != fresh]])
    more = _sort(starts, fresh[np.isin(starts[fresh], several[several != NOISE], kind="sort")])
    at = np.searchsorted(own, more.starts)
    return Members(np.insert(own, at, more.starts), np.insert(rows.astype(np.int32), at, more.rows))


def _sort(starts: NDArray[np.int32], rows: Rows) -> Members:
    order = np.argsort(starts[rows], kind="stable")
    return Members(starts[rows][order], rows[order].astype(np.int32))
