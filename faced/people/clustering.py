"""DBSCAN, from scratch: which faces belong together. Pure. What is kept between runs is in `neighbours`."""

import numpy as np
from numpy.typing import NDArray

from faced.model import Floats
from faced.people.neighbours import Neighbours, Reach

__all__ = ["cluster_embeddings"]


def cluster_embeddings(
    embeddings: Floats, *, eps: float, min_samples: int
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The cluster of each row, the row number of the cluster's first core point or NOISE; which are cores.

    Cores and their partition are those of scikit-learn's DBSCAN. Its border points join whatever cluster comes first
    in row order (sklearn.cluster.DBSCAN, Notes); these go to the nearest core.

    embeddings: (n, 128) float32, in content order. eps: Euclidean, inclusive. min_samples: neighbours
    of a core point, itself included. Returns (n,) labels and (n,) bool.
    """
    count = len(embeddings)
    neighbours = Neighbours(Reach(eps, min_samples, wide=eps))
    neighbours.add(np.arange(count), embeddings, np.ones(count, dtype=np.bool_))
    found = neighbours.show()
    return found.labels.astype(np.intp), found.cores
