"""Which parts grow together when links are added. Pure."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["distinct_rows", "join_parts"]


def join_parts(
    ones: NDArray[np.int32], others: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Parts that links join, and the part that each is of now: the smallest number of those joined.

    ones, others: (e,) numbers of parts, of each link. Only parts that are renumbered are given: (k,) and (k,).
    """
    apart = ones != others
    if not apart.any():
        return np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int32)
    from scipy.sparse import coo_matrix  # slow to import, and most updates join nothing
    from scipy.sparse.csgraph import connected_components

    parts, places = np.unique(np.concatenate([ones[apart], others[apart]]), return_inverse=True)
    one, other = places[: len(places) // 2], places[len(places) // 2 :]
    links = coo_matrix((np.ones(len(one), dtype=np.bool_), (one, other)), shape=(len(parts), len(parts)))
    count, joined = connected_components(links, directed=False)
    smallest = np.full(count, parts[-1], dtype=np.int32)
    np.minimum.at(smallest, joined, parts)
    after = smallest[joined]
    changed = after != parts
    return parts[changed], after[changed]


def distinct_rows(rows: NDArray[np.int32], size: int) -> NDArray[np.int32]:
    """Each of these rows once, ascending. size: all are below it."""
    if len(rows) < size // 16:
        return np.unique(rows)
    is_there = np.zeros(size, dtype=np.bool_)
    is_there[rows] = True
    return np.flatnonzero(is_there).astype(np.int32)
