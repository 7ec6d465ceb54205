"""DBSCAN: which faces belong together. Pure.

Cores come from scikit-learn's DBSCAN. Its border points join whatever cluster comes first in row order
(sklearn.cluster.DBSCAN, Notes), so ours go to the nearest core instead: nothing depends on the order.
"""

import numpy as np
from numpy.typing import NDArray

from faced.model import Floats
from faced.people.faces import NOISE

__all__ = ["attach_embeddings", "cluster_embeddings"]

BLOCK = 2048
ALIKE = 1e-9  # squared distances that differ less are equal: rounding


def cluster_embeddings(
    embeddings: Floats, *, eps: float, min_samples: int
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The cluster of each row, the row number of the cluster's first core point or NOISE; which are cores.

    embeddings: (n, 128) float32, in content order. eps: Euclidean, inclusive. min_samples: neighbours
    of a core point, itself included. Returns (n,) labels and (n,) bool.
    """
    from sklearn.cluster import DBSCAN  # 133 MB and up to 3 s: only when there is something to cluster

    labels = np.full(len(embeddings), NOISE, dtype=np.intp)
    is_core = np.zeros(len(embeddings), dtype=np.bool_)
    if len(embeddings) < min_samples:
        return labels, is_core
    result = DBSCAN(eps=eps, min_samples=min_samples, algorithm="brute").fit(embeddings)
    cores = result.core_sample_indices_
    is_core[cores] = True
    if len(cores) == 0:
        return labels, is_core
    _, firsts = np.unique(result.labels_[cores], return_index=True)
    labels[cores] = cores[firsts][result.labels_[cores]]
    borders = np.setdiff1d(np.flatnonzero(result.labels_ != NOISE), cores)
    for start in range(0, len(borders), BLOCK):
        block = borders[start : start + BLOCK]
        nearest, _ = _nearest(embeddings[block], embeddings[cores])
        labels[block] = labels[cores[nearest]]
    return labels, is_core


def attach_embeddings(
    points: Floats, cores: Floats, labels: NDArray[np.intp], within: float
) -> NDArray[np.intp]:
    """The label of the nearest core for each point, NOISE where none is that near.

    points: (m, 128), which make no cluster and change none. cores: (k, 128), in content order, and labels:
    (k,) theirs. within: Euclidean, inclusive. Returns (m,).
    """
    attached = np.full(len(points), NOISE, dtype=np.intp)
    if len(cores) == 0 or within < 0:
        return attached
    for start in range(0, len(points), BLOCK):
        nearest, squares = _nearest(points[start : start + BLOCK], cores)
        near = squares <= within * within + ALIKE
        attached[start : start + BLOCK] = np.where(near, labels[nearest], NOISE)
    return attached


def _nearest(points: Floats, cores: Floats) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The nearest core for each point, of equally near ones the first in content order; and its squared distance."""
    a, b = points.astype(np.float64), cores.astype(np.float64)
    squares = (a * a).sum(1)[:, None] + (b * b).sum(1)[None, :] - 2 * a @ b.T
    nearest = np.argmin(np.round(squares, 12), axis=1)
    return nearest, squares[np.arange(len(points)), nearest]
