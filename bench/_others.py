"""Other ways to cluster vectors, for comparison. Each is given the best of several thresholds, by who is who in truth."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from _labelled import Labelled, Labels
from scipy.sparse import csr_matrix

from faced.model import Floats

EPS = (0.36, 0.38, 0.40, 0.42, 0.44, 0.45, 0.46, 0.48, 0.50)
MIN_SAMPLES = (3, 5)
TUTORIAL = (0.5, 5)
WHISPERS = (0.41, 0.43, 0.45, 0.47)
BLOCK = 512


@dataclass(frozen=True)
class Found:
    """labels: (n,) cluster of each face, -1: none. tuned: the thresholds that were best."""

    name: str
    labels: Labels
    tuned: dict[str, float]


def cluster_otherwise(library: Labelled, rate: Callable[[Labels], float], *, quick: bool) -> Iterator[Found]:
    """Every way. rate: the higher the better. quick: without what takes a minute."""
    vectors = library.faces.embeddings
    graph = near_graph(vectors, max(EPS))
    singles = {(eps, least): run_dbscan(graph, eps, least) for eps in EPS for least in MIN_SAMPLES}
    yield Found("dbscan_0.5_5", singles[TUTORIAL], {})
    best = max(singles, key=lambda key: rate(singles[key]))
    yield Found("dbscan_best", singles[best], {"eps": best[0], "min_samples": best[1]})
    if not quick:
        yield Found("hdbscan", run_hdbscan(vectors), {})
    tried = {value: run_whispers(vectors, value) for value in (WHISPERS[1:3] if quick else WHISPERS)}
    threshold = max(tried, key=lambda value: rate(tried[value]))
    yield Found("chinese_whispers", tried[threshold], {"threshold": threshold})


def near_graph(vectors: Floats, radius: float) -> Any:
    """(n, n) sparse distances up to the radius, from which DBSCAN is run with any eps below it."""
    columns, values, sizes = [], [], [0]
    exact = vectors.astype(np.float64)
    squares = (exact * exact).sum(axis=1)
    for start in range(0, len(vectors), BLOCK):
        part = slice(start, start + BLOCK)
        apart = squares[part, None] + squares[None, :] - 2 * exact[part] @ exact.T
        rows, found = np.nonzero(apart <= radius**2)
        columns.append(found.astype(np.int32))
        values.append(np.sqrt(np.maximum(apart[rows, found], 0)).astype(np.float32))
        sizes.append(np.bincount(rows, minlength=len(apart)))
    starts = np.cumsum(np.concatenate([np.atleast_1d(size) for size in sizes]))
    return csr_matrix((np.concatenate(values), np.concatenate(columns), starts), shape=(len(vectors),) * 2)


def run_dbscan(graph: Any, eps: float, min_samples: int) -> Labels:
    """scikit-learn's; noise is -1."""
    from sklearn.cluster import DBSCAN

    return np.asarray(DBSCAN(eps=eps, min_samples=min_samples, metric="precomputed").fit_predict(graph))


def run_hdbscan(vectors: Floats) -> Labels:
    """scikit-learn's, min_cluster_size 5, min_samples 3. Of fewer faces than that it finds none, and refuses a single one."""
    if len(vectors) < 5:
        return np.full(len(vectors), -1, dtype=np.intp)
    from sklearn.cluster import HDBSCAN

    return np.asarray(HDBSCAN(min_cluster_size=5, min_samples=3, copy=True).fit_predict(vectors))


def run_whispers(vectors: Floats, threshold: float) -> Labels:
    """dlib's Chinese whispers; it draws at random."""
    import dlib

    as_dlib = [dlib.vector(row) for row in vectors.astype(float)]
    return np.array(dlib.chinese_whispers_clustering(as_dlib, threshold), dtype=np.intp)
