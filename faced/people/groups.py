"""Groups of faces as sums: their middles, how wide they are, which go to which. Pure.

Sums are exact (whole numbers of 2**-32), so that a face can be added and taken away again, and a middle is the same
whichever way it came about. A group is called by its first row. Nothing here passes over all faces: whose faces a group
has is asked of whoever knows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from faced.model import Floats
from faced.people.faces import NOISE
from faced.people.rows import distinct, first_places, is_among

__all__ = [
    "DIGITS",
    "Names",
    "Pairs",
    "Parts",
    "Rows",
    "Sums",
    "add_rows",
    "choose_moves",
    "count_faces",
    "differ",
    "exact_vectors",
    "find_reached",
    "middle_distances",
    "shared_photos",
    "sum_rows",
    "sum_runs",
]

Rows: TypeAlias = NDArray[np.intp]
Names: TypeAlias = NDArray[np.signedinteger[Any]]
"""Of groups, or of starts: rows too."""
Exact: TypeAlias = NDArray[np.float64]
"""Whole numbers: so many SHARES."""

SHARES = 2.0**32
BLOCK = 1 << 8
"""Vectors that are looked at at once: a quarter of a megabyte, which stays in the cache."""
SUMMED = 1 << 10
"""So many are summed at once."""
FEW = 1 << 8
"""Vectors that are summed sooner without a matrix."""
DIGITS = 9
"""Distances that differ in a later decimal are the same: the rounding of a division is no reason."""


def exact_vectors(embeddings: Floats) -> Exact:
    """Embeddings, which are changed, as whole numbers; sums of less than two million of them are exact."""
    embeddings *= np.float32(SHARES)  # a power of two: exact, and so is rounding to whole numbers
    return np.asarray(np.rint(embeddings, out=embeddings).astype(np.float64))


def count_faces(labels: NDArray[np.int32], which: NDArray[np.bool_]) -> NDArray[np.int32]:
    """(n,) how many of some of n faces each label has; NOISE is none."""
    found = np.bincount(np.where(which, labels, np.int32(NOISE)) + 1, minlength=len(labels) + 1)
    return found[1:].astype(np.int32)


def sum_rows(embeddings: Floats, rows: Rows, keys: Rows, count: int) -> tuple[Exact, Exact]:
    """(count, 128) the sums of the rows of each key, which are below count, and (count,) of their squares."""
    sums, squares = np.zeros((count, embeddings.shape[1])), np.zeros(count)
    order = np.argsort(keys, kind="stable")
    for first in range(0, len(order), SUMMED):
        part = order[first : first + SUMMED]
        exact, mine = exact_vectors(embeddings[rows[part]]), keys[part]
        starts = first_places(mine)
        sums[mine[starts]] += sum_runs(exact, starts)
        squares[mine[starts]] += np.add.reduceat(_squares(exact), starts)
    return sums, squares


def sum_runs(vectors: Exact, starts: Rows) -> Exact:
    """(k, 128) the sums of runs of vectors. starts: (k,) where each begins. As numpy's add.reduceat, but sooner."""
    if len(starts) == len(vectors):
        return vectors
    if len(vectors) < FEW:
        return np.asarray(np.add.reduceat(vectors, starts, axis=0))
    from scipy.sparse import csr_array  # slow to import

    ends = np.append(starts, len(vectors)).astype(np.int32)
    places = np.arange(len(vectors), dtype=np.int32)
    runs = csr_array((np.ones(len(vectors)), places, ends), shape=(len(starts), len(vectors)))
    return np.asarray(runs @ vectors)


def middle_distances(sums: Exact, counts: Rows, other_sums: Exact, other_counts: Rows) -> NDArray[np.float64]:
    """(m,) Euclidean, of the middles of m pairs of groups."""
    squares = np.empty(len(sums))
    for start in range(0, len(sums), BLOCK):
        part = slice(start, start + BLOCK)
        gap = sums[part] / counts[part, None]
        gap -= other_sums[part] / other_counts[part, None]
        squares[part] = np.vecdot(gap, gap)
    return np.asarray(np.round(np.sqrt(squares) / SHARES, DIGITS))


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """The faces that carry of some groups, numbered as these were asked for: the rows of some, (m,) with the number of
    the group, (m,), and sums that are known of all others, (q, 128), and of their squares, (q,), with the numbers.
    """

    rows: Rows
    keys: Rows
    sums: Exact
    squares: Exact
    sum_keys: Rows


class Sums:
    """The sums of the groups that were asked for, as groups change."""

    def __init__(
        self,
        embeddings: Floats,
        carries: NDArray[np.bool_],
        counts: NDArray[np.int32],
        find_parts: Callable[[Rows], Parts],
    ) -> None:
        """counts: (n,) faces that carry of each group; changed here. To be told of every change of groups. find_parts: of
        groups that differ, when they are asked for.
        """
        self.counts = counts
        self.find_parts = find_parts
        self._embeddings, self._carries = embeddings, carries
        self._places = np.full(len(counts), -1, dtype=np.int32)
        self._numbers = np.empty(len(counts), dtype=np.int32)
        self._sums = np.empty((0, embeddings.shape[1]))
        self._squares = np.empty(0)
        self._size = 0

    def _middles(self, groups: Rows) -> NDArray[np.float64]:
        """(m, 128), in SHARES, of groups with faces that carry, whose sums are known."""
        singles = self._are_single(groups)
        if singles.all():
            return exact_vectors(self._embeddings[groups])
        found = self._sums.take(self._places[groups], axis=0, mode="clip")
        found /= self.counts[groups][:, None]
        found[singles] = exact_vectors(self._embeddings[groups[singles]])
        return found

    def _are_single(self, groups: Rows) -> NDArray[np.bool_]:
        """(m,) those whose middle is their first face."""
        return np.asarray((self.counts[groups] == 1) & self._carries[groups])

    def spreads(self, groups: Rows) -> NDArray[np.float64]:
        """(m,) half of the mean squared distance between two faces of each group; 0 of one face."""
        self._ensure(groups)
        counts, places, lengths = self.counts[groups], self._places[groups], np.empty(len(groups))
        for start in range(0, len(groups), BLOCK):
            part = slice(start, start + BLOCK)
            middles = self._sums[places[part]] / counts[part, None] / SHARES
            lengths[part] = np.vecdot(middles, middles)
        spreads = (self._squares[places] / SHARES - counts * lengths) / np.maximum(counts - 1, 1)
        return np.where(counts > 1, np.round(spreads, DIGITS), 0.0)

    def measure(self, ones: Rows, others: Rows, noise: float) -> NDArray[np.float64]:
        """(m,) Euclidean distance of the middles of pairs of groups. noise: the squared distance has this added for
        each, less its share of one face: of single faces it is their own distance.
        """
        both = np.concatenate([ones, others])
        self._ensure(both[~self._are_single(both)])
        found = np.empty(len(ones))
        for start in range(0, len(ones), BLOCK):
            part = slice(start, start + BLOCK)
            groups, places = self._number(np.concatenate([ones[part], others[part]]))
            middles = self._middles(groups)
            gap = middles.take(places[: len(places) // 2], axis=0)
            gap -= middles.take(places[len(places) // 2 :], axis=0)
            found[part] = np.vecdot(gap, gap)
        found /= SHARES**2
        found += noise * (2 - 1 / self.counts[ones] - 1 / self.counts[others])
        return np.asarray(np.round(np.sqrt(found), DIGITS))

    def _number(self, groups: Rows) -> tuple[Rows, Rows]:
        """Each of the groups once, and (m,) where each is there."""
        places = np.arange(len(groups))
        self._numbers[groups] = places
        last = self._numbers[groups]
        is_last = last == places
        return groups[is_last], (is_last.cumsum() - 1)[last]

    def measure_rows(self, rows: Rows, groups: Rows) -> NDArray[np.float64]:
        """(m,) Euclidean distance of each row to the middle of a group."""
        self._ensure(groups[~self._are_single(groups)])
        found = np.empty(len(rows))
        for start in range(0, len(rows), BLOCK):
            part = slice(start, start + BLOCK)
            gap = self._middles(groups[part])
            gap /= -SHARES
            gap += self._embeddings[rows[part]]
            found[part] = np.sqrt(np.vecdot(gap, gap))
        return np.asarray(np.round(found, DIGITS))

    def join(self, movers: Rows, targets: Rows, called: Rows) -> None:
        """Each mover, whole, goes to a target that stays and is `called` so then, (m,)."""
        known = self._places[targets] >= 0
        self._ensure(movers[known])
        into, out = self._places[targets[known]], self._places[movers[known]]
        add_rows(self._sums, into, self._sums[out])
        add_rows(self._squares, into, self._squares[out])
        places = self._places[targets]
        np.add.at(self.counts, targets, self.counts[movers])
        counts = self.counts[targets]
        self._places[movers] = self._places[targets] = -1
        self.counts[movers] = self.counts[targets] = 0
        self._places[called], self.counts[called] = places, counts

    def shift_rows(self, rows: Rows, left: Rows, groups: Rows) -> None:
        """Each row leaves a group for another. What these are called is told by `rename`."""
        carried = self._carries[rows]
        for sign, those in ((-1, left), (1, groups)):
            known = carried & (self._places[those] >= 0)
            exact = exact_vectors(self._embeddings[rows[known]])
            add_rows(self._sums, self._places[those[known]], sign * exact)
            add_rows(self._squares, self._places[those[known]], sign * _squares(exact))
            np.add.at(self.counts, those[carried], sign)

    def rename(self, olds: Names, news: Names, gone: Names) -> None:
        """These groups are called otherwise now; others are gone."""
        places, counts = self._places[olds], self.counts[olds]
        self._places[gone] = self._places[olds] = -1
        self.counts[gone] = self.counts[olds] = 0
        self._places[news], self.counts[news] = places, counts

    def forget(self, groups: Names, counts: NDArray[np.integer] | int) -> None:
        """Of these groups, which have so many faces that carry, nothing is known any more."""
        self._places[groups], self.counts[groups] = -1, counts

    def restrict(self, groups: Rows, counts: NDArray[np.int32]) -> None:
        """Only of these groups is known what is; all have so many faces that carry, (n,)."""
        places = np.full(len(counts), -1, dtype=np.int32)
        places[groups] = self._places[groups]
        self._places, self.counts = places, counts

    def _ensure(self, groups: Rows) -> None:
        missing = groups[self._places[groups] < 0]
        if len(missing) == 0:
            return
        missing = distinct(missing)
        room = self._size + len(missing)
        if room > len(self._sums):
            self._sums = _with_room(self._sums, self._size, room * 5 // 4)
            self._squares = _with_room(self._squares, self._size, room * 5 // 4)
        parts = self.find_parts(missing)
        sums, squares = sum_rows(self._embeddings, parts.rows, parts.keys, len(missing))
        add_rows(sums, parts.sum_keys, parts.sums)
        add_rows(squares, parts.sum_keys, parts.squares)
        self._sums[self._size : room], self._squares[self._size : room] = sums, squares
        self._places[missing] = np.arange(self._size, room)
        self._size = room


def add_rows(column: Exact, places: Names, more: Exact) -> None:
    """More at each place, which may come several times; as numpy's add.at, but sooner."""
    if len(places) == 0:
        return
    order = np.argsort(places, kind="stable")
    places = places[order]
    starts = first_places(places)
    more = more[order]
    column[places[starts]] += sum_runs(more, starts) if more.ndim > 1 else np.add.reduceat(more, starts)


def _with_room(column: Exact, size: int, room: int) -> Exact:
    larger = np.empty((room, *column.shape[1:]))
    larger[:size] = column[:size]
    return larger


def _squares(exact: Exact) -> Exact:
    return np.asarray(np.rint(np.vecdot(exact, exact) / SHARES))


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of groups, the first below the second, and how far apart. (p,) each."""

    ones: Rows
    others: Rows
    distances: NDArray[np.float64]

    def take(self, which: NDArray[np.bool_] | Rows) -> "Pairs":
        """Some of them."""
        return Pairs(self.ones[which], self.others[which], self.distances[which])


def choose_moves(pairs: Pairs, counts: NDArray[np.integer]) -> tuple[Rows, Rows]:
    """Which groups go to which now, nearest first: each to its nearest, if that one is larger and stays.

    Two that are each other's nearest join, the smaller into the larger. counts: (n,) faces of each group.
    """
    mine = np.concatenate([pairs.ones, pairs.others])
    theirs = np.concatenate([pairs.others, pairs.ones])
    far = np.concatenate([pairs.distances, pairs.distances])
    order = mine.argsort(kind="stable")
    mine, theirs, far = mine[order], theirs[order], far[order]
    firsts = first_places(mine)
    least = np.minimum.reduceat(far, firsts) if len(firsts) else far
    first = (far == least.repeat(np.diff(firsts, append=len(mine)))).nonzero()[0]
    if len(first) > len(firsts):  # some are equally near
        first = first[np.lexsort((theirs[first], mine[first]))]
        first = first[first_places(mine[first])]
    movers, targets, far = mine[first], theirs[first], far[first]
    where = np.searchsorted(movers, targets)  # who is in a pair has a nearest one
    mutual = targets[where] == movers
    smaller = (counts[movers] < counts[targets]) | ((counts[movers] == counts[targets]) & (movers > targets))
    stays = mutual & ~smaller
    moves = np.where(mutual, smaller, stays[where] & (counts[movers] <= counts[targets]))
    order = np.lexsort((movers[moves], far[moves]))
    return movers[moves][order], targets[moves][order]


def differ(table: NDArray[np.int32], now: tuple[Rows, Rows], then: tuple[Rows, Rows]) -> NDArray[np.bool_]:
    """Which moves of now, and then which of another time, are not in the other. Both: who moves, below n, once; and where to.
    NOISE moves nowhere now. table: (n + 1,) all NOISE, which is used, and is so again.
    """
    (movers, targets), (olds, places) = now, then
    table[movers] = targets
    gone = (table[olds] != places) | (olds < 0) | (places < 0)
    table[movers] = NOISE
    table[olds] = places
    come = table[movers] != targets
    table[olds] = NOISE
    return np.concatenate([come, gone])


def find_reached(scope: NDArray[np.bool_], ones: Rows, others: Rows, is_other: NDArray[np.bool_]) -> Rows:
    """The groups outside the scope, (n + 1,) with NOISE in it, ascending, that moves from the ones to the others reach: those of a move
    that `is_other`, and whoever meets somebody in scope, or reached.
    """
    reached = scope.copy()
    reached[ones[is_other]] = reached[others[is_other]] = True
    while True:
        crossing = reached[ones] != reached[others]
        if not crossing.any():
            break
        reached[ones[crossing]] = reached[others[crossing]] = True
    groups = np.concatenate([ones, others])
    return np.asarray(distinct(groups[reached[groups] & ~scope[groups]]))


def shared_photos(pairs: Pairs, groups: Rows, photos: Rows, count: int) -> NDArray[np.bool_]:
    """(p,) which pairs of groups have faces in one photo. groups, photos: (m,) of all their faces, the photos ascending,
    below count as groups are.
    """
    found = [np.empty(0, dtype=np.intp)]
    for apart in range(1, len(groups)):
        same = photos[apart:] == photos[:-apart]
        if not same.any():
            break
        one, other = groups[apart:][same], groups[:-apart][same]
        found.append(np.minimum(one, other) * count + np.maximum(one, other))
    shared = np.concatenate(found)
    return is_among(pairs.ones * count + pairs.others, shared)
