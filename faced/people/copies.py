"""Near-copies: the same face in a burst, a resized or a re-compressed copy of one picture. Pure.

Two faces are near-copies when the 64-bit difference hashes of their upright images differ in at most
`bits` bits and their boxes overlap by IoU >= 0.5; groups are connected components.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from faced.people.faces import NOISE, Faces

__all__ = ["MIN_OVERLAP", "group_near_copies", "near_hashes", "spread_labels"]

MIN_OVERLAP = 0.5
BLOCK = 1024


def group_near_copies(faces: Faces, bits: int) -> NDArray[np.intp]:
    """(n,) the group of each face: the smallest row of its connected component."""
    from scipy.sparse import coo_matrix  # slow to import, and most passes have nothing to group
    from scipy.sparse.csgraph import connected_components

    count = len(faces)
    if count == 0:
        return np.empty(0, dtype=np.intp)
    keys, inverse = np.unique(np.array(faces.images, dtype="U35"), return_inverse=True)
    first = np.zeros(len(keys), dtype=np.intp)
    first[inverse[::-1]] = np.arange(count - 1, -1, -1)
    pairs = [np.empty((0, 2), dtype=np.intp)]
    rows_of = np.split(np.argsort(inverse, kind="stable"), np.cumsum(np.bincount(inverse))[:-1])
    for one, other in near_hashes(faces.dhashes[first], bits):
        pairs.append(_overlapping(faces.boxes, rows_of[one], rows_of[other]))
    edges = np.concatenate(pairs)
    graph = coo_matrix((np.ones(len(edges), dtype=bool), (edges[:, 0], edges[:, 1])), shape=(count, count))
    _, component = connected_components(graph, directed=False)
    smallest = np.full(component.max() + 1, count, dtype=np.intp)
    np.minimum.at(smallest, component, np.arange(count))
    return np.asarray(smallest[component])


def spread_labels(
    labels: NDArray[np.intp], rows: NDArray[np.intp], groups: NDArray[np.intp]
) -> NDArray[np.intp]:
    """The label of a group's representative for all of its near-copies.

    labels: (m,) of the representatives. rows: (m,) their rows among all n faces. groups: (n,) group of
    each face. Returns (n,), as rows among all faces; NOISE where a group has no representative.
    """
    by_group = np.full(len(groups), NOISE, dtype=np.intp)
    clustered = labels != NOISE
    by_group[groups[rows[clustered]]] = rows[labels[clustered]]
    return np.asarray(by_group[groups])


def near_hashes(hashes: NDArray[np.uint64], bits: int) -> Iterator[tuple[int, int]]:
    """Pairs of rows, the first below the second, whose hashes differ in at most `bits` bits; each once.

    Of bits + 1 bands one must be equal (pigeonhole), so only hashes that share a band are compared.
    """
    bands = bits + 1
    edges = [64 * band // bands for band in range(bands + 1)]
    for band in range(bands):
        low, width = edges[band], edges[band + 1] - edges[band]
        part = (hashes >> np.uint64(low)) & np.uint64((1 << width) - 1)
        order = np.argsort(part, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(part[order]) != 0])
        for start, stop in zip(starts, np.r_[starts[1:], len(order)], strict=True):
            if stop - start > 1:
                yield from _pairs_within(hashes, np.sort(order[start:stop]), bits, edges[: band + 1])


def _pairs_within(
    hashes: NDArray[np.uint64], rows: NDArray[np.intp], bits: int, earlier: list[int]
) -> Iterator[tuple[int, int]]:
    """The near pairs of one bucket that no earlier band has in one bucket too."""
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        difference = hashes[block][:, None] ^ hashes[rows][None, :]
        near = np.bitwise_count(difference) <= bits
        for low, high in pairwise(earlier):
            near &= (difference >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1) != 0
        for one, other in np.argwhere(near):
            if block[one] < rows[other]:
                yield int(block[one]), int(rows[other])


def _overlapping(
    boxes: NDArray[np.float64], some: NDArray[np.intp], others: NDArray[np.intp]
) -> NDArray[np.intp]:
    a, b = boxes[some][:, None], boxes[others][None, :]
    low = np.maximum(a[..., :2], b[..., :2])
    high = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])
    common = np.clip(high - low, 0, None).prod(-1)
    union = a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - common
    one, other = np.nonzero((common >= MIN_OVERLAP * union) & (union > 0))
    return np.stack([some[one], others[other]], axis=1)
