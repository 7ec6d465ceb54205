"""The nearest few of each face, out of pairs: by distance, then by content. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["NOBODY", "Lists", "choose_nearest"]

NOBODY = -1
"""Fills a list up."""
CELLS = 1 << 19


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """The lists of u rows.

    rows: (u,) int32, ascending. nearest: (u, width) int32, by distance, then by content, NOBODY from where it ends.
    distances: (u, width) float32, inf there. cut: (u,) bool: there are more than it holds.
    """

    rows: NDArray[np.int32]
    nearest: NDArray[np.int32]
    distances: NDArray[np.float32]
    cut: NDArray[np.bool_]


def choose_nearest(
    rows: NDArray[np.int32],
    others: NDArray[np.int32],
    distances: NDArray[np.float32],
    places: NDArray[np.int32],
    width: int,
) -> Lists:
    """rows, others, distances: (p,) each, in any order, no pair twice. places: (n,) of all rows in content order."""
    order: NDArray[np.intp] = np.argsort(rows, kind="stable")
    rows, others, distances = rows[order], others[order], distances[order]
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    sizes = np.diff(starts, append=len(rows))
    nearest = np.full((len(starts), width), NOBODY, dtype=np.int32)
    chosen_distances = np.full((len(starts), width), np.inf, dtype=np.float32)
    bits = distances.view(np.uint32).astype(np.uint64)  # of numbers that are not negative, these ascend too
    ranks = (bits << np.uint64(32)) | places[others].astype(np.uint64)
    by_size = np.argsort(sizes, kind="stable")
    done = 0
    while done < len(by_size):
        lists = _few_enough(by_size[done:], sizes)
        done += len(lists)
        columns = _smallest(ranks, starts[lists], sizes[lists], width)
        valid = columns >= 0
        filled, columns_of = np.nonzero(valid)
        nearest[lists[filled], columns_of] = others[columns[valid]]
        chosen_distances[lists[filled], columns_of] = distances[columns[valid]]
    return Lists(rows[starts], nearest, chosen_distances, sizes > width)


def _few_enough(lists: NDArray[np.intp], sizes: NDArray[np.intp]) -> NDArray[np.intp]:
    """The first of these, which are in the order of their sizes, that fill no more than CELLS when padded."""
    cells = np.arange(1, len(lists) + 1) * sizes[lists]
    return lists[: max(1, int(np.searchsorted(cells, CELLS, side="right")))]


def _smallest(
    ranks: NDArray[np.uint64], starts: NDArray[np.intp], sizes: NDArray[np.intp], width: int
) -> NDArray[np.intp]:
    """(u, width) the places of each list's smallest ranks, ascending; -1 where it has no more."""
    longest = int(sizes.max())
    columns = np.arange(longest)
    inside = columns < sizes[:, None]
    places = starts[:, None] + columns
    padded = np.full((len(starts), longest), np.iinfo(np.uint64).max, dtype=np.uint64)
    padded[inside] = ranks[places[inside]]
    if longest > 4 * width:
        first = np.argpartition(padded, width, axis=1)[:, :width]
        padded = np.take_along_axis(padded, first, axis=1)
    else:
        first = np.broadcast_to(columns, padded.shape)
    order = np.argsort(padded, axis=1)[:, :width]
    chosen = np.take_along_axis(first, order, axis=1)
    kept = np.full((len(starts), width), -1, dtype=np.intp)
    kept[:, : chosen.shape[1]] = np.where(chosen < sizes[:, None], starts[:, None] + chosen, -1)
    return kept
