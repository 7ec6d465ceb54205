"""States of very many jittered faces, made sooner than by comparing all with all: which is a copy of which is known here.

Copies are within reach of each other only if what they are copies of is not much farther apart; how much, is 5.5
standard deviations of what the jitter adds. Only copies of what is nearer are compared. The state is the one that `Neighbours`
comes to by itself; `check` compares the two.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from faced.model import Floats
from faced.people.components import join_parts
from faced.people.distances import Pairs, Radii, count_processors, stamp_vectors
from faced.people.faces import NOISE
from faced.people.lists import SPARE
from faced.people.nearest import NOBODY, choose_nearest
from faced.people.neighbours import Neighbours, Reach

__all__ = ["check", "make_columns"]

SIGMAS = 5.5
SLACK = 1e-5
"""Of the square of a distance in float32: more than it is wrong by."""
TOGETHER = 64
"""Originals whose copies are looked at together."""

Rows = NDArray[np.int32]


@threadpool_limits.wrap(limits=1)  # several threads in a small product mostly wait for each other
def make_columns(
    vectors: Floats,
    eligible: NDArray[np.bool_],
    copy_of: NDArray[np.intp],
    base: Floats,
    jitter: float,
    reach: Reach,
) -> dict[str, NDArray[Any]]:
    """What `Neighbours.save` says, but for the ids. vectors: (n, 128), base[copy_of] with a normal jitter on each coordinate."""
    count, width = len(vectors), reach.kept + SPARE
    radii, places = Radii(reach.eps, max(reach.eps, reach.wide)), np.arange(count, dtype=np.int32)
    counts, cut = np.zeros(count, dtype=np.int32), np.zeros(count, dtype=np.bool_)
    nearest = np.full((count, width), NOBODY, dtype=np.int32)
    distances = np.full((count, width), np.inf, dtype=np.float32)

    def look(block: tuple[Rows, Rows, Rows]) -> None:
        rows, own, among = block
        halves = _compare(vectors, rows, among)
        counts[rows] = _count_near(vectors, rows, among, halves, reach.eps) + eligible[rows]
        ones, others = _nearest_of(halves, np.searchsorted(among, own), width, radii.reach)
        exact = _measure(vectors, rows[ones], among[others])
        inside = exact <= radii.reach**2
        pairs = Pairs(rows[ones][inside], among[others][inside], radii.round(exact[inside]))
        if len(pairs):
            lists = choose_nearest(pairs.ones, pairs.others, pairs.distances, places, width)
            nearest[lists.rows], distances[lists.rows] = lists.nearest, lists.distances
            cut[lists.rows] = lists.cut

    with ThreadPoolExecutor(count_processors()) as pool:
        blocks = _blocks(base, copy_of, eligible, jitter, radii.reach)
        while some := list(islice(blocks, TOGETHER)):
            list(pool.map(look, some))
    cores = eligible & (counts >= reach.min_samples)
    return {
        "stamps": stamp_vectors(vectors),
        "eligible": eligible,
        "counts": counts,
        "parts": _find_parts(vectors, cores, copy_of, base, jitter, reach, nearest, distances),
        "nearest": nearest,
        "distances": distances,
        "cut": cut,
    }


def _find_parts(
    vectors: Floats,
    cores: NDArray[np.bool_],
    copy_of: NDArray[np.intp],
    base: Floats,
    jitter: float,
    reach: Reach,
    nearest: Rows,
    distances: Floats,
) -> Rows:
    """(n,) the first row of the part of each core, or NOISE: first by the lists, then where these name none of another part."""
    count = len(vectors)
    parts = np.where(cores, np.arange(count, dtype=np.int32), np.int32(NOISE))
    for column in range(nearest.shape[1]):
        named = nearest[:, column]
        ones = np.flatnonzero(
            cores & (named != NOBODY) & cores[named] & (distances[:, column] <= Radii(reach.eps).edge)
        )
        parts = _join(parts, ones, named[ones])
    for rows, _, among in _blocks(base, copy_of, cores, jitter, reach.eps, cores):
        if (parts[rows] == parts[among[0]]).all() and (parts[among] == parts[among[0]]).all():
            continue
        for part in np.unique(parts[rows]):
            mine, theirs = rows[parts[rows] == part], among[parts[among] != part]
            if len(theirs):
                ones, others = np.nonzero(
                    _are_near(vectors, mine, theirs, _compare(vectors, mine, theirs), reach.eps)
                )
                parts = _join(parts, mine[ones], theirs[others])
    return parts


def _join(parts: Rows, ones: NDArray[np.integer[Any]], others: NDArray[np.integer[Any]]) -> Rows:
    before, after = join_parts(parts[ones], parts[others])
    if len(before) == 0:
        return parts
    table = np.arange(-1, len(parts), dtype=np.int32)  # a place further, for NOISE
    table[before + 1] = after
    return table[parts + 1]


def _blocks(
    base: Floats,
    copy_of: NDArray[np.intp],
    among: NDArray[np.bool_],
    jitter: float,
    reach: float,
    rows: NDArray[np.bool_] | None = None,
) -> Iterator[tuple[Rows, Rows, Rows]]:
    """Copies of an original, those of them that are `among`, and so of all that are near it. rows: (n,) whose copies."""
    limit = _limit(jitter, reach)
    halves = np.einsum("ij,ij->i", base, base)
    theirs = _copies(copy_of, among, len(base))
    mine = _copies(copy_of, np.ones(len(copy_of), np.bool_) if rows is None else rows, len(base))
    order = np.argsort(base @ base.mean(axis=0))  # near ones are likelier to be in one block
    for start in range(0, len(base), TOGETHER):
        part = order[start : start + TOGETHER]
        squares = halves[part, None] + halves[None] - 2 * base[part] @ base.T
        for one, near in zip(part.tolist(), squares <= limit**2 + SLACK, strict=True):
            found = np.sort(np.concatenate([theirs[other] for other in np.flatnonzero(near)]))
            if len(mine[one]) and len(found):
                yield mine[one], theirs[one], found


def _copies(copy_of: NDArray[np.intp], wanted: NDArray[np.bool_], count: int) -> list[Rows]:
    rows = np.flatnonzero(wanted)
    rows = rows[np.argsort(copy_of[rows], kind="stable")].astype(np.int32)
    return np.split(rows, np.searchsorted(copy_of[rows], np.arange(1, count)))


def _limit(jitter: float, reach: float) -> float:
    """How far originals may be apart that have copies within reach."""
    far = np.arange(reach, 2 * reach + 1, 1e-3)
    least = far**2 + 256 * jitter**2
    least -= SIGMAS * np.hypot(np.sqrt(8) * jitter * far, np.sqrt(1024) * jitter**2)
    return float(far[np.flatnonzero(least <= reach**2)[-1] + 1])


def _compare(vectors: Floats, rows: Rows, among: Rows) -> Floats:
    """(r, m) half the squares of distances, below 0, nearly; -inf of a row with itself."""
    mine, theirs = vectors[rows], vectors[among]
    mine = np.column_stack([mine, -np.einsum("ij,ij->i", mine, mine) / 2, np.ones(len(rows), np.float32)])
    theirs = np.column_stack(
        [theirs, np.ones(len(among), np.float32), -np.einsum("ij,ij->i", theirs, theirs) / 2]
    )
    halves = mine @ theirs.T
    places = np.minimum(np.searchsorted(among, rows), len(among) - 1)
    itself = np.flatnonzero(among[places] == rows)
    halves[itself, places[itself]] = -np.inf
    return halves


def _count_near(vectors: Floats, rows: Rows, among: Rows, halves: Floats, eps: float) -> Rows:
    """(r,) how many are within eps."""
    limit = np.float32(-eps * eps / 2)
    sure, perhaps = halves >= limit + np.float32(SLACK), halves >= limit - np.float32(SLACK)
    counts = np.count_nonzero(sure, axis=1)
    np.not_equal(sure, perhaps, out=perhaps)
    ones, others = np.divmod(np.flatnonzero(perhaps), max(1, len(among)))
    np.add.at(counts, ones, _measure(vectors, rows[ones], among[others]) <= eps * eps)
    return counts.astype(np.int32)


def _are_near(vectors: Floats, rows: Rows, among: Rows, halves: Floats, eps: float) -> NDArray[np.bool_]:
    """(r, m) which are within eps."""
    limit = np.float32(-eps * eps / 2)
    near = halves >= limit
    ones, others = np.nonzero(np.abs(halves - limit) <= SLACK)
    near[ones, others] = _measure(vectors, rows[ones], among[others]) <= eps * eps
    return near


def _nearest_of(
    halves: Floats, own: NDArray[np.intp], width: int, reach: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The pairs that may be of the `width` nearest, or the next one. own: columns in which near ones are likely: that many
    there tell how near one must be.
    """
    some = halves[:, own] if len(own) > width else halves
    last = np.full(len(halves), -reach * reach / 2, dtype=np.float32)
    if some.shape[1] > width:
        place = some.shape[1] - 1 - width
        last = np.maximum(np.partition(some, place, axis=1)[:, place], last)
    near = np.flatnonzero(halves >= (last - np.float32(SLACK))[:, None])
    ones, others = np.divmod(near, max(1, halves.shape[1]))
    return ones, others


def _measure(vectors: Floats, ones: Rows, others: Rows) -> NDArray[np.float64]:
    apart = np.subtract(vectors[ones], vectors[others], dtype=np.float64)
    return np.asarray(np.vecdot(apart, apart))


def check(random: np.random.Generator, jitter: float, reach: Reach) -> None:
    """Copies of originals that are near to far from each other: the shortcut says what comparing all with all says."""
    for spread, originals in ((0.02, 40), (0.035, 12), (0.07, 40), (0.02, 12)):
        base = random.normal(0, spread, (originals, 128)).astype(np.float32)
        copy_of = random.integers(len(base), size=900)
        vectors = base[copy_of] + random.normal(0, jitter, (900, 128)).astype(np.float32)
        eligible = random.random(900) > 0.1
        state = Neighbours(reach)
        state.add(np.arange(900), vectors, eligible)
        saved = state.save()
        for name, column in make_columns(vectors, eligible, copy_of, base, jitter, reach).items():
            assert np.array_equal(column, saved[name]), name
