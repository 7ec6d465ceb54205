"""Near-copies: the same face in a burst, a resized or a re-compressed copy of one picture. Pure.

Two faces are near-copies when the 64-bit difference hashes of their upright images differ in at most
`bits` bits and their boxes overlap by IoU >= 0.5; groups are connected components.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from faced.people.components import join_parts
from faced.people.faces import NOISE, Faces
from faced.people.ranges import expand_ranges
from faced.people.rows import distinct

__all__ = [
    "MIN_OVERLAP",
    "find_look_alikes",
    "find_near_copies",
    "find_shared",
    "group_near_copies",
    "near_hashes",
    "spread_labels",
]

Rows: TypeAlias = NDArray[np.intp]

MIN_OVERLAP = 0.5
PAIRS = 1 << 20
"""So many are compared at once."""
MANY = 1 << 16
"""Pairs, of which only as many are kept as say the same."""
SLACK = 1e-6
"""Of a left edge, for what rounding does to it. Boxes that overlap by half begin at most one width further left, or half
a width further right."""
BLOCK = 1 << 14
"""Hashes that are looked at at once: they stay in the cache."""
TABLE = 24
"""Bits of a number that may index a table."""


def group_near_copies(
    faces: Faces,
    bits: int,
    before: NDArray[np.integer[Any]] | None = None,
    fresh: NDArray[np.bool_] | None = None,
) -> NDArray[np.intp]:
    """(n,) the group of each face: the smallest row of its connected component.

    before: (n,) what an earlier run said, as small numbers that only faces of one group share. fresh: (n,) bool, the
    faces for which that does not hold: new ones, and those whose group has lost a face. None: all.
    """
    count = len(faces)
    fresh = np.ones(count, dtype=np.bool_) if fresh is None else fresh
    groups = np.arange(count, dtype=np.int32)
    if before is not None:
        old = np.flatnonzero(~fresh)
        first = np.empty(int(before.max(initial=0)) + 1, dtype=np.int32)
        first[before[old[::-1]]] = old[::-1]
        groups[old] = first[before[old]]
    if fresh.any():
        rows = find_look_alikes(faces.dhashes, bits, fresh)
        pairs = list(_near_copies(faces.take(rows), bits, fresh[rows]))
        ones = rows[np.concatenate([one for one, _ in pairs])]
        others = rows[np.concatenate([other for _, other in pairs])]
        joined, after = join_parts(groups[ones], groups[others])
        table = np.arange(count, dtype=np.int32)
        table[joined] = after
        groups = table[groups]
    return groups.astype(np.intp)


def find_near_copies(faces: Faces, bits: int, rows: Rows) -> NDArray[np.intp]:
    """As group_near_copies, but only the groups of these rows are sure to be whole."""
    groups = np.arange(len(faces))
    asked, found = np.zeros(len(faces), dtype=np.bool_), rows
    while len(found):
        fresh = np.zeros(len(faces), dtype=np.bool_)
        fresh[found] = asked[found] = True
        groups = group_near_copies(faces, bits, groups, fresh)
        found = np.flatnonzero(np.isin(groups, groups[rows]) & ~asked)
    return groups


def find_shared(groups: Rows) -> Rows:
    """(m,) the rows, ascending, that are not alone in their group. groups: (n,) as group_near_copies says."""
    later = np.flatnonzero(groups != np.arange(len(groups)))
    return distinct(np.append(groups[later], later))


def find_look_alikes(hashes: NDArray[np.uint64], bits: int, fresh: NDArray[np.bool_]) -> Rows:
    """The fresh rows, and those with a hash near one of theirs; perhaps others too. hashes: (n,). fresh: (n,)."""
    if 4 * np.count_nonzero(fresh) > len(hashes):
        return np.arange(len(hashes))
    rows = _share_a_band(hashes, bits, hashes[fresh])
    wanted = fresh.copy()
    for one, other in near_hashes(hashes[rows], bits, fresh[rows]):
        wanted[rows[one]] = wanted[rows[other]] = True
    return np.flatnonzero(wanted)


def _share_a_band(hashes: NDArray[np.uint64], bits: int, some: NDArray[np.uint64]) -> Rows:
    """The rows whose hash has one of bits + 1 bands as some of these have."""
    if 64 // (bits + 1) > TABLE:
        return np.arange(len(hashes))
    bands = _cut_up(bits)
    tables = [np.zeros(1 << width, dtype=np.bool_) for _, width in bands]
    for table, (low, width) in zip(tables, bands, strict=True):
        table[_cut_out(some, low, width)] = True
    found = np.zeros(len(hashes), dtype=np.bool_)
    for start in range(0, len(hashes), BLOCK):
        block = hashes[start : start + BLOCK]
        for table, (low, width) in zip(tables, bands, strict=True):
            found[start : start + BLOCK] |= table[_cut_out(block, low, width).view(np.int64)]
    return np.flatnonzero(found)


def _cut_up(bits: int) -> list[tuple[int, int]]:
    """The bands, each from which bit on and how wide."""
    edges = [64 * band // (bits + 1) for band in range(bits + 2)]
    return [(low, high - low) for low, high in pairwise(edges)]


def _near_copies(faces: Faces, bits: int, fresh: NDArray[np.bool_]) -> Iterator[tuple[Rows, Rows]]:
    """Rows of near-copies, at least one of the two fresh. Of faces with one hash and one box only a chain is given."""
    kind = np.dtype([("hash", np.uint64), ("box", np.float64, 4)])
    looks = np.empty(len(faces), dtype=kind)
    looks["hash"], looks["box"] = faces.dhashes, faces.boxes
    order = np.lexsort((*faces.boxes.T[::-1], faces.dhashes))
    same = looks[order[1:]] == looks[order[:-1]]
    images = np.array(faces.images, dtype=object)
    apart = images[order[1:]] != images[order[:-1]]
    yield order[:-1][same & apart], order[1:][same & apart]
    starts = np.flatnonzero(np.append(True, ~(same & apart)))
    nodes = order[starts]
    is_single = np.diff(starts, append=len(order)) == 1
    hashes, firsts, sizes = np.unique(faces.dhashes[nodes], return_index=True, return_counts=True)
    is_fresh = np.logical_or.reduceat(np.logical_or.reduceat(fresh[order], starts), firsts)
    lefts, widths = faces.boxes[nodes, 0], faces.boxes[nodes, 2]
    places = _place(np.repeat(np.arange(len(hashes)), sizes), lefts)
    for one, other in near_hashes(hashes, bits, is_fresh, itself=True):
        # every face of the one hash with those of the other that begin neither too far left nor right of it
        pair, mine = expand_ranges(firsts[one], firsts[one] + sizes[one])
        left, width = lefts[mine], widths[mine]
        starts = np.searchsorted(places, _place(other[pair], left - width - SLACK))
        stops = np.searchsorted(places, _place(other[pair], left + width / 2 + SLACK), side="right")
        starts = np.where(one[pair] == other[pair], np.maximum(starts, mine + 1), starts)
        counts = np.maximum(stops - starts, 0)
        for part in _in_parts(counts):
            which, theirs = expand_ranges(starts[part], starts[part] + counts[part])
            ours = mine[part][which]
            wanted = _overlap(faces.boxes[nodes[ours]], faces.boxes[nodes[theirs]])
            ours, theirs = ours[wanted], theirs[wanted]
            wanted = ~(is_single[ours] & is_single[theirs]) | (images[nodes[ours]] != images[nodes[theirs]])
            yield _thin_out(nodes[ours[wanted]], nodes[theirs[wanted]])


def _place(groups: Rows, lefts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(m,) a number that orders by group, then by left edge: by which one of several sorted lists in a row is searched."""
    return np.asarray(8.0 * groups + np.clip(lefts, -3, 3), dtype=np.float64)


def _thin_out(ones: Rows, others: Rows) -> tuple[Rows, Rows]:
    """The same components, by few pairs where there are very many: thousands of copies of one picture have millions."""
    if len(ones) < MANY:
        return ones, others
    joined, first = join_parts(ones.astype(np.int32), others.astype(np.int32))
    return joined.astype(np.intp), first.astype(np.intp)


def spread_labels(
    labels: NDArray[np.integer[Any]], rows: NDArray[np.intp], groups: NDArray[np.intp]
) -> NDArray[np.intp]:
    """The label of a group's representative for all of its near-copies.

    labels: (m,) of the representatives. rows: (m,) their rows among all n faces. groups: (n,) group of
    each face. Returns (n,), as rows among all faces; NOISE where a group has no representative.
    """
    by_group = np.full(len(groups), NOISE, dtype=np.intp)
    clustered = labels != NOISE
    by_group[groups[rows[clustered]]] = rows[labels[clustered]]
    return np.asarray(by_group[groups])


def near_hashes(
    hashes: NDArray[np.uint64],
    bits: int,
    fresh: NDArray[np.bool_] | None = None,
    *,
    itself: bool = False,
) -> Iterator[tuple[Rows, Rows]]:
    """Pairs of rows, the first below the second, whose hashes differ in at most `bits` bits; each once.

    fresh: (n,) bool, only pairs with one of these; None: all. itself: also each of these rows with itself.
    Of bits + 1 bands one must be equal (pigeonhole), so only hashes that share a band are compared.
    """
    fresh = np.ones(len(hashes), dtype=np.bool_) if fresh is None else fresh
    if itself:
        yield np.flatnonzero(fresh), np.flatnonzero(fresh)
    bands = _cut_up(bits)
    for number, (low, width) in enumerate(bands):
        for one, other in _bucket_pairs(_cut_out(hashes, low, width), width, fresh):
            difference = hashes[one] ^ hashes[other]
            near = np.bitwise_count(difference) <= bits
            one, other, difference = one[near], other[near], difference[near]
            is_first = np.ones(len(one), dtype=np.bool_)  # no earlier band has them in one bucket too
            for earlier, wide in bands[:number]:
                is_first &= _cut_out(difference, earlier, wide) != 0
            yield one[is_first], other[is_first]


def _cut_out(hashes: NDArray[np.uint64], low: int, width: int) -> NDArray[np.uint64]:
    return (hashes >> np.uint64(low)) & np.uint64((1 << width) - 1 if width < 64 else 2**64 - 1)


def _bucket_pairs(
    buckets: NDArray[np.uint64], width: int, fresh: NDArray[np.bool_]
) -> Iterator[tuple[Rows, Rows]]:
    """Pairs of rows with the same number, at least one of them fresh; each once, the smaller row first."""
    rows = np.arange(len(buckets))
    if width <= TABLE and not fresh.all():
        wanted = np.zeros(1 << width, dtype=np.bool_)
        wanted[buckets[fresh]] = True
        rows = np.flatnonzero(wanted[buckets])
    rows = rows[np.argsort(buckets[rows], kind="stable")]
    is_fresh, buckets = fresh[rows], buckets[rows]
    starts = np.searchsorted(buckets, buckets[is_fresh], side="left")
    stops = np.searchsorted(buckets, buckets[is_fresh], side="right")
    mine = np.flatnonzero(is_fresh)
    counts = stops - starts
    for part in _in_parts(counts):
        which, other = expand_ranges(starts[part], stops[part])
        one = mine[part][which]
        wanted = (one < other) | ((one > other) & ~is_fresh[other])
        one, other = rows[one[wanted]], rows[other[wanted]]
        yield np.minimum(one, other), np.maximum(one, other)


def _in_parts(counts: NDArray[np.intp]) -> Iterator[slice]:
    """Parts of about PAIRS together, or of one that has more."""
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        done = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + PAIRS, side="right")))
        yield slice(start, stop)
        start = stop


def _overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether boxes (p, 4) overlap by MIN_OVERLAP."""
    low = np.maximum(a[:, :2], b[:, :2])
    high = np.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:])
    common = np.clip(high - low, 0, None).prod(-1)
    union = a[:, 2:].prod(-1) + b[:, 2:].prod(-1) - common
    return np.asarray((common >= MIN_OVERLAP * union) & (union > 0))
