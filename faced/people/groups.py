"""Groups of faces as sums: their middles, how wide they are, which are near each other. Pure."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from faced.model import Floats

__all__ = ["Groups", "Pairs", "Rows", "nearest_pairs", "renumber", "shared_photos"]

Rows: TypeAlias = NDArray[np.intp]

LARGE = 16
"""The lists of nearest faces of a dense group of this many may name its own faces only, so the middles of two such
groups are compared whatever the lists say."""
BLOCK = 1024
DIGITS = 9
"""Distances that differ in a later decimal are the same: the rounding of a sum is no reason."""


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """k groups, of the faces that carry.

    counts: (k,) faces. middles: (k, 128) float64; 0 where there are none. spreads: (k,) half of the mean squared
    distance between two of its faces, 0 of one face.
    """

    counts: Rows
    middles: NDArray[np.float64]
    spreads: NDArray[np.float64]

    @classmethod
    def of(cls, embeddings: Floats, labels: Rows, carries: NDArray[np.bool_]) -> "Groups":
        """labels: (n,) from 0 up without gaps."""
        from scipy.sparse import csr_matrix

        size = int(labels.max(initial=-1)) + 1
        rows = np.flatnonzero(carries)
        counts = np.bincount(labels[rows], minlength=size)
        member = csr_matrix((np.ones(len(rows)), (labels[rows], rows)), shape=(size, len(labels)))
        exact = embeddings.astype(np.float64)
        sums = np.asarray(member @ exact)
        squares = np.asarray(member @ (exact * exact).sum(axis=1))
        some = np.maximum(counts, 1)
        middles = sums / some[:, None]
        spreads = (squares - counts * (middles * middles).sum(axis=1)) / np.maximum(counts - 1, 1)
        return cls(counts, middles, np.where(counts > 1, np.round(spreads, DIGITS), 0.0))

    def measure(self, embeddings: Floats, groups: Rows) -> NDArray[np.float64]:
        """(m,) Euclidean distance of each face to the middle of a group."""
        apart = embeddings.astype(np.float64) - self.middles[groups]
        return np.asarray(np.round(np.sqrt((apart * apart).sum(axis=1)), DIGITS))


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of groups, the first below the second, and how far apart. (p,) each."""

    ones: Rows
    others: Rows
    distances: NDArray[np.float64]

    def take(self, which: NDArray[np.bool_]) -> "Pairs":
        """Some of them."""
        return Pairs(self.ones[which], self.others[which], self.distances[which])

    def choose_moves(self, groups: Groups) -> tuple[Rows, Rows]:
        """Which groups go to which now, nearest first: each to its nearest, if that one is larger and stays.

        Two that are each other's nearest join, the smaller into the larger.
        """
        size = len(groups.counts)
        mine, theirs = np.r_[self.ones, self.others], np.r_[self.others, self.ones]
        far = np.r_[self.distances, self.distances]
        order = np.lexsort((theirs, far, mine))
        first = order[np.flatnonzero(np.diff(mine[order], prepend=-1))]
        movers, targets, far = mine[first], theirs[first], far[first]
        nearest = np.full(size, -1, dtype=np.intp)
        nearest[movers] = targets
        mutual = nearest[targets] == movers
        counts = groups.counts
        smaller = (counts[movers] < counts[targets]) | (
            (counts[movers] == counts[targets]) & (movers > targets)
        )
        stays = np.zeros(size, dtype=np.bool_)
        stays[movers[mutual & ~smaller]] = True
        moves = np.where(mutual, smaller, stays[targets] & (counts[movers] <= counts[targets]))
        order = np.lexsort((movers[moves], far[moves]))
        return movers[moves][order], targets[moves][order]


def renumber(labels: Rows) -> Rows:
    """The same groups, numbered from 0 up in the order of their first rows."""
    _, firsts, inverse = np.unique(labels, return_index=True, return_inverse=True)
    ranks = np.empty(len(firsts), dtype=np.intp)
    ranks[np.argsort(firsts)] = np.arange(len(firsts))
    return np.asarray(ranks[inverse])


def nearest_pairs(
    groups: Groups,
    labels: Rows,
    nearest: NDArray[np.int32],
    distances: NDArray[np.float32],
    reach: float,
    noise: float,
    limit: float,
) -> Pairs:
    """The pairs of groups that are nearer than the limit, among those with faces within reach of each other.

    The squared distance of two middles has `noise` added for each, less its share of one face: of single
    faces it is their own distance.
    """
    size = len(groups.counts)
    rows, columns = np.nonzero((nearest >= 0) & (distances < reach))
    one, other = labels[rows], labels[nearest[rows, columns]]
    apart = (one != other) & (groups.counts[one] > 0) & (groups.counts[other] > 0)
    one, other = one[apart], other[apart]
    codes = np.unique(np.minimum(one, other) * size + np.maximum(one, other))
    codes = np.union1d(codes, _large_pairs(groups, limit))
    ones, others = codes // max(size, 1), codes % max(size, 1)
    found = np.empty(len(codes))
    for start in range(0, len(codes), BLOCK * 16):
        part = slice(start, start + BLOCK * 16)
        gap = groups.middles[ones[part]] - groups.middles[others[part]]
        found[part] = (gap * gap).sum(axis=1)
    found += noise * (2 - 1 / groups.counts[ones] - 1 / groups.counts[others])
    found = np.asarray(np.round(np.sqrt(found), DIGITS), dtype=np.float64)
    return Pairs(ones, others, found).take(found <= limit)


def _large_pairs(groups: Groups, limit: float) -> Rows:
    large = np.flatnonzero(groups.counts >= LARGE)
    middles = groups.middles[large]
    squares = (middles * middles).sum(axis=1)
    codes = [np.empty(0, dtype=np.intp)]
    for start in range(0, len(large), BLOCK):
        block = middles[start : start + BLOCK]
        apart = squares[start : start + BLOCK, None] + squares[None, :] - 2 * block @ middles.T
        one, other = np.nonzero(apart <= limit**2)
        one += start
        codes.append((large[one] * len(groups.counts) + large[other])[one < other])
    return np.concatenate(codes)


def shared_photos(labels: Rows, photos: Rows, pairs: Pairs) -> NDArray[np.bool_]:
    """(p,) which pairs of groups have faces in one photo."""
    from scipy.sparse import csr_matrix

    if len(pairs.ones) == 0:
        return np.zeros(0, dtype=np.bool_)
    several = np.flatnonzero(np.bincount(photos)[photos] > 1)
    size = int(labels.max()) + 1
    seen = csr_matrix(
        (np.ones(len(several)), (labels[several], photos[several])), shape=(size, int(photos.max()) + 1)
    )
    seen.sum_duplicates()
    common = seen[pairs.ones].multiply(seen[pairs.others]).sum(axis=1)
    return np.asarray(common).ravel() > 0
