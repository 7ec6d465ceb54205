"""Groups of faces as sums: their middles, how wide they are, which go to which. Pure.

Sums are exact (whole numbers of 2**-32), so that a face can be added and taken away again, and a middle is the same
whichever way it came about. A group is called by its first row.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from faced.model import Floats
from faced.people.faces import NOISE

__all__ = [
    "DIGITS",
    "Known",
    "Pairs",
    "Rows",
    "Sums",
    "choose_moves",
    "differ",
    "exact_vectors",
    "middle_distances",
    "shared_photos",
    "sum_by_label",
]

Rows: TypeAlias = NDArray[np.intp]
Exact: TypeAlias = NDArray[np.float64]
"""Whole numbers: so many SHARES."""

SHARES = 2.0**32
BLOCK = 1 << 10
"""Vectors that are looked at at once: a megabyte."""
DIGITS = 9
"""Distances that differ in a later decimal are the same: the rounding of a division is no reason."""


def exact_vectors(embeddings: Floats) -> Exact:
    """Embeddings as whole numbers; sums of less than two million of them are exact."""
    exact: Exact = np.rint(embeddings * SHARES)
    return exact


def sum_by_label(
    embeddings: Floats, rows: Rows, labels: NDArray[np.signedinteger], wanted: Rows
) -> tuple[Exact, Exact]:
    """(m, 128) the sums of the rows with each wanted label, and (m,) of their squares. wanted: ascending, all labels of the
    rows among them.
    """
    sums, squares = np.zeros((len(wanted), embeddings.shape[1])), np.zeros(len(wanted))
    for places, start, order in _runs(np.searchsorted(wanted, labels[rows])):
        exact = exact_vectors(embeddings[rows[order]].astype(np.float64))
        sums[places] += np.add.reduceat(exact, start, axis=0)
        squares[places] += np.add.reduceat(_squares(exact), start)
    return sums, squares


def _runs(keys: Rows):  # type: ignore[no-untyped-def]
    """In blocks: the keys of a block, where each begins, and the places in their order."""
    order = np.argsort(keys, kind="stable")
    for first in range(0, len(order), BLOCK):
        part = order[first : first + BLOCK]
        start = np.flatnonzero(np.diff(keys[part], prepend=-1))
        yield keys[part[start]], start, part


def middle_distances(sums: Exact, counts: Rows, other_sums: Exact, other_counts: Rows) -> NDArray[np.float64]:
    """(m,) Euclidean, of the middles of m pairs of groups."""
    squares = np.empty(len(sums))
    for start in range(0, len(sums), BLOCK):
        part = slice(start, start + BLOCK)
        gap = sums[part] / counts[part, None] - other_sums[part] / other_counts[part, None]
        squares[part] = (gap * gap).sum(axis=1)
    return np.asarray(np.round(np.sqrt(squares) / SHARES, DIGITS))


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """Sums that are known: of faces that are in one group as long as groups only join.

    starts: (q,) the first row of each such set. inside: (n,) bool, the faces of all of them. sums: (q, 128). squares: (q,).
    """

    starts: Rows
    inside: NDArray[np.bool_]
    sums: Exact
    squares: Exact


class Sums:
    """The sums of the groups that were asked for, as groups change."""

    def __init__(self, embeddings: Floats, carries: NDArray[np.bool_], labels: Rows, known: "Known") -> None:
        """labels: (n,) the first row of each face's group, NOISE: none. To be told of every change of them."""
        self.labels = labels
        self.counts = np.bincount(labels[carries], minlength=len(labels))
        self._embeddings, self._carries, self._known = embeddings, carries, known
        self._places = np.full(len(labels), -1, dtype=np.int32)
        self._sums = np.empty((0, embeddings.shape[1]))
        self._squares = np.empty(0)
        self._size = 0

    def middles(self, groups: Rows) -> NDArray[np.float64]:
        """(m, 128), in SHARES, of groups with faces that carry."""
        found = np.empty((len(groups), self._embeddings.shape[1]))
        singles = self._are_single(groups)
        found[singles] = exact_vectors(self._embeddings[groups[singles]].astype(np.float64))
        rest = groups[~singles]
        self._ensure(rest)
        found[~singles] = self._sums[self._places[rest]] / self.counts[rest][:, None]
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
            lengths[part] = (middles * middles).sum(axis=1)
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
            gap = (self.middles(ones[part]) - self.middles(others[part])) / SHARES
            found[part] = (gap * gap).sum(axis=1)
        found += noise * (2 - 1 / self.counts[ones] - 1 / self.counts[others])
        return np.asarray(np.round(np.sqrt(found), DIGITS))

    def measure_rows(self, rows: Rows, groups: Rows) -> NDArray[np.float64]:
        """(m,) Euclidean distance of each row to the middle of a group."""
        found = np.empty(len(rows))
        for start in range(0, len(rows), BLOCK):
            part = slice(start, start + BLOCK)
            exact = self._embeddings[rows[part]].astype(np.float64)
            gap = exact - self.middles(groups[part]) / SHARES
            found[part] = np.sqrt((gap * gap).sum(axis=1))
        return np.asarray(np.round(found, DIGITS))

    def join(self, movers: Rows, targets: Rows) -> Rows:
        """Each mover, whole, goes to a target that stays. Returns (n + 1,) what each group is called now, NOISE last."""
        known = self._places[targets] >= 0
        self._ensure(movers[known])
        into, out = self._places[targets[known]], self._places[movers[known]]
        np.add.at(self._sums, into, self._sums[out])
        np.add.at(self._squares, into, self._squares[out])
        called = _as_called(len(self.labels))
        np.minimum.at(called, targets, movers)
        called[movers] = called[targets]
        places = self._places[targets]
        np.add.at(self.counts, targets, self.counts[movers])
        counts = self.counts[targets]
        self._places[movers] = -1
        self._places[targets] = -1
        self.counts[movers] = self.counts[targets] = 0
        self._places[called[targets]], self.counts[called[targets]] = places, counts
        self.labels = called[self.labels]
        return called

    def move_rows(self, rows: Rows, groups: Rows) -> Rows:
        """Each row leaves its group for another. Returns the rows whose group has another name or other faces now."""
        left = self.labels[rows]
        carried = self._carries[rows]
        for sign, those in ((-1, left), (1, groups)):
            known = carried & (self._places[those] >= 0)
            exact = exact_vectors(self._embeddings[rows[known]].astype(np.float64))
            np.add.at(self._sums, self._places[those[known]], sign * exact)
            np.add.at(self._squares, self._places[those[known]], sign * _squares(exact))
            np.add.at(self.counts, those[carried], sign)
        self._forget(rows)
        self.labels[rows] = groups
        concerned = np.zeros(len(self.labels) + 1, dtype=np.bool_)
        concerned[left] = concerned[groups] = True
        concerned[-1] = False
        touched = np.flatnonzero(concerned[self.labels])
        called = _as_called(len(self.labels))
        old = self.labels[touched][::-1]
        called[old] = touched[::-1]  # the first row of each stands
        olds = np.flatnonzero(concerned[:-1])
        emptied = np.ones(len(olds), dtype=np.bool_)
        emptied[np.searchsorted(olds, old)] = False
        places, counts = self._places[olds], self.counts[olds]
        self._places[olds], self.counts[olds] = -1, 0
        there = ~emptied
        self._places[called[olds[there]]], self.counts[called[olds[there]]] = places[there], counts[there]
        self.labels[touched] = called[self.labels[touched]]
        return touched

    def split(self, rows: Rows, labels: Rows) -> None:
        """These rows, whole groups of now, are the groups that these labels say. Nothing is known of them any more."""
        self._forget(rows)
        old = np.unique(self.labels[rows])
        self._places[old], self.counts[old] = -1, 0
        self.labels[rows] = labels
        self._places[labels] = -1
        self.counts += np.bincount(labels[self._carries[rows]], minlength=len(self.counts))

    def _forget(self, rows: Rows) -> None:
        """Of no set with one of these rows is anything known any more."""
        known, labels = self._known, self.labels
        apart = np.zeros(len(labels) + 1, dtype=np.bool_)
        apart[labels[rows[known.inside[rows]]]] = True
        apart[-1] = False
        if apart.any():
            inside = known.inside & ~apart[labels]
            there = inside[known.starts]
            self._known = Known(known.starts[there], inside, known.sums[there], known.squares[there])

    def _ensure(self, groups: Rows) -> None:
        missing = groups[self._places[groups] < 0]
        if len(missing) == 0:
            return
        missing = np.unique(missing)
        room = self._size + len(missing)
        if room > len(self._sums):
            self._sums = _with_room(self._sums, self._size, room * 5 // 4)
            self._squares = _with_room(self._squares, self._size, room * 5 // 4)
        new = np.arange(self._size, room)
        wanted = np.zeros(len(self.labels) + 1, dtype=np.bool_)
        wanted[missing] = True
        known = self._known
        rows = np.flatnonzero(wanted[self.labels])
        rows = rows[self._carries[rows] & ~known.inside[rows]]
        sums, squares = sum_by_label(self._embeddings, rows, self.labels, missing)
        whole = np.flatnonzero(wanted[self.labels[known.starts]])
        places = np.searchsorted(missing, self.labels[known.starts[whole]])
        np.add.at(sums, places, known.sums[whole])
        np.add.at(squares, places, known.squares[whole])
        self._sums[new], self._squares[new] = sums, squares
        self._places[missing] = new
        self._size = room


def _as_called(count: int) -> Rows:
    called = np.arange(count + 1)
    called[-1] = NOISE
    return called


def _with_room(column: Exact, size: int, room: int) -> Exact:
    larger = np.empty((room, *column.shape[1:]))
    larger[:size] = column[:size]
    return larger


def _squares(exact: Exact) -> Exact:
    return np.asarray(np.rint((exact * exact).sum(axis=1) / SHARES))


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of groups, the first below the second, and how far apart. (p,) each."""

    ones: Rows
    others: Rows
    distances: NDArray[np.float64]

    def take(self, which: NDArray[np.bool_] | Rows) -> "Pairs":
        """Some of them."""
        return Pairs(self.ones[which], self.others[which], self.distances[which])


def choose_moves(pairs: Pairs, counts: Rows) -> tuple[Rows, Rows]:
    """Which groups go to which now, nearest first: each to its nearest, if that one is larger and stays.

    Two that are each other's nearest join, the smaller into the larger. counts: (n,) faces of each group.
    """
    mine = np.concatenate([pairs.ones, pairs.others])
    theirs = np.concatenate([pairs.others, pairs.ones])
    far = np.concatenate([pairs.distances, pairs.distances])
    order = np.lexsort((theirs, far, mine))
    first = order[np.flatnonzero(np.diff(mine[order], prepend=-1))]
    movers, targets, far = mine[first], theirs[first], far[first]
    nearest = np.full(len(counts), -1, dtype=np.intp)
    nearest[movers] = targets
    mutual = nearest[targets] == movers
    smaller = (counts[movers] < counts[targets]) | ((counts[movers] == counts[targets]) & (movers > targets))
    stays = np.zeros(len(counts), dtype=np.bool_)
    stays[movers[mutual & ~smaller]] = True
    moves = np.where(mutual, smaller, stays[targets] & (counts[movers] <= counts[targets]))
    order = np.lexsort((movers[moves], far[moves]))
    return movers[moves][order], targets[moves][order]


def differ(count: int, now: tuple[Rows, Rows], then: tuple[Rows, Rows]) -> NDArray[np.bool_]:
    """Which moves of now, and then which of another time, are not in the other. Both: who moves, below count, once; and
    where to. NOISE moves nowhere now.
    """
    found = []
    for (movers, targets), (others, theirs) in ((now, then), (then, now)):
        table = np.full(count, -2, dtype=np.intp)
        table[others] = theirs
        found.append((table[movers] != targets) | (movers == NOISE))
    return np.concatenate(found)


def shared_photos(labels: Rows, photos: Rows, rows: Rows, pairs: Pairs) -> NDArray[np.bool_]:
    """(p,) which pairs of groups have faces in one photo. photos: (n,) ascending. rows: ascending, those whose photo
    has more of them.
    """
    count = len(labels)
    concerned = np.zeros(count + 1, dtype=np.bool_)
    concerned[pairs.ones] = concerned[pairs.others] = True
    rows = rows[concerned[labels[rows]]]
    groups, where = labels[rows], photos[rows]
    found = [np.empty(0, dtype=np.intp)]
    for apart in range(1, len(rows)):
        same = where[apart:] == where[:-apart]
        if not same.any():
            break
        one, other = groups[apart:][same], groups[:-apart][same]
        found.append(np.minimum(one, other) * count + np.maximum(one, other))
    shared = np.concatenate(found)
    return (
        np.isin(pairs.ones * count + pairs.others, shared)
        if len(shared)
        else np.zeros(len(pairs.ones), np.bool_)
    )
