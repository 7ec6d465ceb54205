"""Which faces are near which, exactly, and in a bounded memory. Pure.

A matrix product of float32 finds the candidates: its error is bounded, so nothing within reach is missed. What it
finds is measured again in float64 by the difference of the two vectors, which is the same whichever way and in
whichever block a pair is looked at, and is compared as scikit-learn does: the square with the square of the radius.
"""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped, unused-ignore]

from faced.model import Floats

__all__ = [
    "MAX_PAIRS",
    "NO_PAIRS",
    "Pairs",
    "Radii",
    "TooMany",
    "find_pairs",
    "half_squares",
    "stamp_vectors",
]

MAX_PAIRS = 1 << 20
"""So many pairs are held at once."""
CELLS = 1 << 20
"""Of a block of the product: 4 MB."""
MEASURED = 1 << 11
"""Pairs that are measured at once: 2 MB a side."""
ERROR = 1e-5
"""Of a float32 product of 128 numbers, as a share of the halved squares: 128 roundings of 2**-24 are 0.8e-5."""


class TooMany(Exception):
    """More than MAX_PAIRS: ask for fewer rows."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """p pairs of rows that are within reach of each other, never a row with itself.

    ones: (p,) int32, of the rows that were asked about. others: (p,) int32. distances: (p,) float32.
    """

    ones: NDArray[np.int32]
    others: NDArray[np.int32]
    distances: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ones)

    def take(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> "Pairs":
        """Some of them, in that order."""
        return Pairs(self.ones[which], self.others[which], self.distances[which])


NO_PAIRS = Pairs(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))
_mine = threading.local()


class Radii:
    """Distances as float32 of which each is on the same side of every radius as the exact one is."""

    def __init__(self, *radii: float) -> None:
        """radii: Euclidean, inclusive."""
        self.reach = max(radii)
        self._radii = []
        for radius in radii:
            below = np.float32(radius)
            if float(below) > radius:
                below = np.nextafter(below, np.float32(0))
            self._radii.append((radius * radius, below, np.nextafter(below, np.float32(np.inf))))

    @property
    def edge(self) -> np.float32:
        """The greatest distance within the first radius."""
        return self._radii[0][1]

    def round(self, squares: NDArray[np.float64]) -> NDArray[np.float32]:
        """(p,) distances of (p,) squares."""
        distances = np.sqrt(squares).astype(np.float32)
        for square, below, above in self._radii:
            inside = squares <= square
            np.minimum(distances, below, out=distances, where=inside)
            np.maximum(distances, above, out=distances, where=~inside)
        return distances


def half_squares(embeddings: Floats) -> NDArray[np.float32]:
    """(n,) half the square of each vector's length; not finite where a vector is not."""
    halves = np.empty(len(embeddings), dtype=np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(embeddings), MEASURED):
            block = embeddings[start : start + MEASURED]
            halves[start : start + len(block)] = np.einsum("ij,ij->i", block, block) / 2
    return halves


def stamp_vectors(embeddings: Floats) -> NDArray[np.uint64]:
    """(n,) a number that two vectors share only if they are identical, but for one chance in 2**64."""
    factors = np.random.default_rng(128).integers(
        1 << 63, size=embeddings.shape[1], dtype=np.uint64
    ) | np.uint64(1)
    stamps = np.empty(len(embeddings), dtype=np.uint64)
    for start in range(0, len(embeddings), MEASURED):
        block = embeddings[start : start + MEASURED].view(np.uint32)
        stamps[start : start + len(block)] = (block * factors).sum(axis=1)
    return stamps


def find_pairs(
    embeddings: Floats,
    halves: NDArray[np.float32],
    stamps: NDArray[np.uint64],
    rows: NDArray[np.int32],
    among: NDArray[np.int32] | None,
    radii: Radii,
) -> Pairs:
    """Every pair of one of `rows` with one of `among` within the widest radius; a pair of two rows that are in both
    comes twice.

    embeddings: (n, 128). halves, stamps: (n,) their half_squares and stamps. among: rows, or None for all n.
    Raises TooMany when there are more than MAX_PAIRS and more than one row is asked about.
    """
    count = len(embeddings) if among is None else len(among)
    points, mine = embeddings[rows], halves[rows]
    reach = np.float32(radii.reach * radii.reach / 2)
    least = mine - reach - np.float32(ERROR) * (np.float32(_largest(mine)) + 1)
    step = max(16, CELLS // max(1, len(rows)))
    total, too_many = 0, False

    def look(start: int) -> Pairs:
        nonlocal total, too_many
        part: slice | NDArray[np.int32] = slice(start, start + step)
        if among is not None:
            part = among[part]
        ones, columns = _find_near(points, least, embeddings[part], halves[part])
        total += len(ones)
        too_many |= total > MAX_PAIRS and len(rows) > 1
        if too_many:
            return NO_PAIRS
        ones, others = rows[ones], columns + np.int32(start) if isinstance(part, slice) else part[columns]
        squares = np.zeros(len(ones))
        differ = stamps[ones] != stamps[others]
        squares[differ] = _measure_pairs(embeddings, ones[differ], others[differ])
        inside = (squares <= radii.reach * radii.reach) & (ones != others)
        return Pairs(ones[inside], others[inside], radii.round(squares[inside]))

    starts = range(0, count, step)
    if len(starts) > 1:
        with _one_thread_each(), ThreadPoolExecutor(count_processors()) as pool:
            found = list(pool.map(look, starts))
    else:
        found = [look(start) for start in starts]
    if too_many:
        raise TooMany
    return Pairs(
        np.concatenate([pairs.ones for pairs in found] or [NO_PAIRS.ones]),
        np.concatenate([pairs.others for pairs in found] or [NO_PAIRS.others]),
        np.concatenate([pairs.distances for pairs in found] or [NO_PAIRS.distances]),
    )


def _find_near(
    points: Floats, least: NDArray[np.float32], theirs: Floats, halves: NDArray[np.float32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The pairs that may be within reach: half the square of a distance is halves + halves - product."""
    shape = len(points), len(theirs)
    buffer = _buffer(shape[0] * shape[1])
    slack = np.float32(ERROR * _largest(halves))
    with np.errstate(over="ignore", invalid="ignore"):
        products = np.matmul(points, theirs.T, out=buffer[0].reshape(shape))
        products -= halves
        np.greater_equal(products, (least - slack)[:, None], out=buffer[1].reshape(shape))
    ones, others = np.divmod(_find_set(buffer[1]), shape[1])
    return ones.astype(np.int32), others.astype(np.int32)


def _find_set(flags: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The places of those that are set, of which there are few: eight are looked at at once."""
    whole = len(flags) // 8 * 8
    words = (flags[:whole].view(np.uint64) != 0).nonzero()[0]
    which, places = flags[:whole].reshape(-1, 8)[words].nonzero()
    return np.concatenate([8 * words[which] + places, whole + flags[whole:].nonzero()[0]])


def _buffer(cells: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Memory of this thread, used again: to be given anew for each block costs as much as the product."""
    if len(getattr(_mine, "products", ())) < cells:
        _mine.products, _mine.near = np.empty(cells, dtype=np.float32), np.empty(cells, dtype=np.bool_)
    return _mine.products[:cells], _mine.near[:cells]


def count_processors() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _one_thread_each() -> AbstractContextManager[object]:
    """Each block has one thread: several in one product wait for each other on a busy machine."""
    limit: AbstractContextManager[object] = _blas().limit(limits=1, user_api="blas")
    return limit


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


def _measure_pairs(
    embeddings: Floats, ones: NDArray[np.int32], others: NDArray[np.int32]
) -> NDArray[np.float64]:
    """(p,) float64 squares of the distances of pairs of rows."""
    squares = np.empty(len(ones))
    for start in range(0, len(ones), MEASURED):
        part = slice(start, start + MEASURED)
        # by take, which is sooner than by brackets
        mine, theirs = (embeddings.take(rows[part], axis=0) for rows in (ones, others))
        apart = np.subtract(mine, theirs, dtype=np.float64)
        squares[part] = np.vecdot(apart, apart)
    return squares


def _largest(halves: NDArray[np.float32]) -> float:
    finite = halves[np.isfinite(halves)]
    return float(finite.max()) if len(finite) else 0.0
