"""Rule 3: two faces of one photo are two persons, unless the user says otherwise (mirrors, collages). Pure."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from faced.model import Floats
from faced.people.division import DIGITS
from faced.people.faces import NOISE
from faced.people.groups import sum_runs

__all__ = ["keep_nearest", "split_photos"]

BLOCK = 1 << 9
"""Faces that are looked at at once, or one cluster that has more."""


def split_photos(
    embeddings: Floats,
    photos: NDArray[np.intp],
    labels: NDArray[np.int32],
    distances: NDArray[np.float64],
    is_known: NDArray[np.bool_],
) -> NDArray[np.int32]:
    """Of two faces of one photo in one cluster the nearer to its middle stays, the other is nobody's.

    embeddings: (n, 128). photos: (n,) numbers, ascending. labels: (n,) clusters as rows, or NOISE. distances: (n,)
    of each face to the middle of its cluster, Euclidean; filled in where it is not known, which is known or not of whole
    clusters. Returns the labels (n,) of those that stay. Of equally near ones the first in content order stays.
    """
    kept = labels.copy()
    rows = np.flatnonzero((labels != NOISE) & ~is_known)
    rows = rows[np.argsort(labels[rows], kind="stable")]
    distances[rows] = _from_centroids(embeddings, rows, np.flatnonzero(np.diff(labels[rows], prepend=NOISE)))
    rows = _find_twice(photos, labels, NOISE)
    rows = rows[np.lexsort((rows, np.round(distances[rows], DIGITS), photos[rows], labels[rows]))]
    again = (np.diff(labels[rows], prepend=NOISE) == 0) & (np.diff(photos[rows], prepend=NOISE) == 0)
    kept[rows[again]] = NOISE
    return kept


def keep_nearest(
    photos: NDArray[np.intp],
    owners: NDArray[np.int64],
    distances: NDArray[np.float64],
    said: NDArray[np.intp],
) -> NDArray[np.intp]:
    """The rows that go when a person is in a photo more than once.

    photos: (n,) numbers, ascending. owners: (n,) persons, 0: nobody's. distances: (n,). said: rows that are hers by the
    user's word: all of these stay, and no computed one beside them. Else the nearest stays, of equally near ones the
    first in content order.
    """
    rows = _find_twice(photos, owners, 0)
    by_word = np.zeros(len(owners), dtype=np.bool_)
    by_word[said] = True
    far = np.where(by_word[rows], -1.0, np.round(distances[rows], DIGITS))
    rows = rows[np.lexsort((rows, far, photos[rows], owners[rows]))]
    again = np.diff(photos[rows], prepend=NOISE) == 0
    again[1:] &= owners[rows][1:] == owners[rows][:-1]
    return np.asarray(rows[again & ~by_word[rows]])


def _find_twice(
    photos: NDArray[np.intp], keys: NDArray[np.signedinteger[Any]], none: int
) -> NDArray[np.intp]:
    """The rows that share their photo and their key with another one, ascending."""
    is_twice = np.zeros(len(photos), dtype=np.bool_)
    apart = 1
    rows = np.flatnonzero(photos[1:] == photos[:-1])
    while len(rows):
        same = rows[(keys[rows] == keys[rows + apart]) & (keys[rows] != none)]
        is_twice[same] = is_twice[same + apart] = True
        apart += 1
        rows = rows[rows + apart < len(photos)]
        rows = rows[photos[rows] == photos[rows + apart]]
    return np.flatnonzero(is_twice)


def _from_centroids(
    embeddings: Floats, rows: NDArray[np.intp], starts: NDArray[np.intp]
) -> NDArray[np.float64]:
    """(m,) the distance of each row to the middle of its cluster. starts: where in `rows` each cluster begins."""
    distances = np.empty(len(rows))
    stops = np.append(starts[1:], len(rows))
    done = 0
    while done < len(starts):
        until = max(done + 1, int(np.searchsorted(stops, starts[done] + BLOCK, side="right")))
        block = slice(starts[done], stops[until - 1])
        sizes = stops[done:until] - starts[done:until]
        exact = embeddings[rows[block]].astype(np.float64)
        middles = sum_runs(exact, starts[done:until] - starts[done]) / sizes[:, None]
        exact -= np.repeat(middles, sizes, axis=0)
        distances[block] = np.sqrt(np.vecdot(exact, exact))
        done = until
    return distances
