"""DBSCAN: cores as scikit-learn has them, borders by nearness, nothing by row order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.cluster import DBSCAN

from faced.model import Floats, Gate
from faced.people.clustering import cluster_embeddings
from faced.people.faces import NOISE
from faced.people.recluster import Clustering, cluster_faces
from tests.support.people import faces_at
from tests.support.shared import shared_data


def on_a_line(*places: float) -> Floats:
    """(n, 128) points on one axis."""
    points = np.zeros((len(places), 128), dtype=np.float32)
    points[:, 0] = places
    return points


# Whole numbers: distances on the radius are exact, so inclusive bounds are tried for real.
clouds = (
    st.integers(0, 40)
    .flatmap(lambda n: arrays(np.float32, (n, 3), elements=st.integers(0, 6).map(float)))
    .map(lambda points: np.pad(points, ((0, 0), (0, 125))))
)


def partition(labels: np.ndarray, rows: np.ndarray) -> set[frozenset[int]]:
    """The groups of these rows, noise left out."""
    return {frozenset(r for r in rows if labels[r] == label) for label in set(labels[rows]) - {NOISE}}


@pytest.mark.parametrize(
    ("eps", "min_samples", "expected"),
    [
        (1.0, 3, [1, 1, 1, 1, NOISE, NOISE, NOISE]),
        (1.0, 2, [0, 0, 0, 0, 4, 4, NOISE]),
        (2.0, 3, [0, 0, 0, 0, 0, 0, NOISE]),
        (0.5, 2, [NOISE] * 7),
    ],
)
def test_one_line_through_four_settings(eps: float, min_samples: int, expected: list[int]) -> None:
    """The radius is inclusive, and a point counts as its own neighbour."""
    points = on_a_line(0, 1, 2, 3, 5, 6, 20)
    assert cluster_embeddings(points, eps=eps, min_samples=min_samples)[0].tolist() == expected


def test_a_border_point_joins_the_nearest_core() -> None:
    """A point in reach of cores of two clusters belongs to the nearer one, though the other comes first."""
    points = on_a_line(-10, -10, -10, 0, 10, 19, 29, 29, 29)
    assert cluster_embeddings(points, eps=10.0, min_samples=4)[0].tolist() == [0, 0, 0, 0, 5, 5, 5, 5, 5]
    assert DBSCAN(eps=10.0, min_samples=4).fit_predict(points).tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1]


@given(clouds, st.integers(1, 3), st.integers(1, 6))
@settings(max_examples=150, deadline=None)
def test_law_core_partition_is_scikit_learns(points: Floats, eps: int, min_samples: int) -> None:
    """The core points and their partition are those of scikit-learn; noise is the same set."""
    labels, _ = cluster_embeddings(points, eps=float(eps), min_samples=min_samples)
    if len(points) == 0:
        assert len(labels) == 0
        return
    oracle = DBSCAN(eps=float(eps), min_samples=min_samples).fit(points)
    cores = oracle.core_sample_indices_
    assert partition(labels, cores) == partition(oracle.labels_, cores)
    assert ((labels == NOISE) == (oracle.labels_ == NOISE)).all()


@given(clouds, st.integers(1, 3), st.integers(1, 6), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_law_each_border_point_is_in_the_cluster_of_a_nearest_core(
    points: Floats, eps: int, min_samples: int, random: object
) -> None:
    """No core of another cluster is nearer to a border point than the nearest of its own."""
    labels, _ = cluster_embeddings(points, eps=float(eps), min_samples=min_samples)
    if len(points) == 0:
        return
    cores = DBSCAN(eps=float(eps), min_samples=min_samples).fit(points).core_sample_indices_
    for row in set(np.flatnonzero(labels != NOISE)) - set(cores):
        distances = np.linalg.norm(points[cores] - points[row], axis=1)
        own = distances[labels[cores] == labels[row]].min()
        assert own == distances.min()


def test_on_real_embeddings_the_partition_is_scikit_learns() -> None:
    """A thousand real faces, eps 0.45: core for core the same."""
    data = np.load(shared_data() / "embeddings" / "celebs_dev.npz")
    points = np.ascontiguousarray(data["embedding"][:1000])
    labels, _ = cluster_embeddings(points, eps=0.45, min_samples=3)
    oracle = DBSCAN(eps=0.45, min_samples=3).fit(points)
    cores = oracle.core_sample_indices_
    assert len(cores) > 500
    assert partition(labels, cores) == partition(oracle.labels_, cores)


grades = st.sampled_from([(100.0, 0.1), (100.0, 0.015), (40.0, 0.1), (40.0, 0.005), (20.0, 0.1)])


@given(clouds, st.data())
@settings(max_examples=150, deadline=None)
def test_law_on_the_eligible_faces_it_is_scikit_learns(points: Floats, data: st.DataObject) -> None:
    """Small and blurred faces change nothing about the others."""
    count = len(points)
    looks = data.draw(st.lists(grades, min_size=count, max_size=count))
    faces = faces_at(*[(f"i{row:02}", 0.0) for row in range(count)])
    faces.embeddings[:] = points
    faces.sides[:] = [side for side, _ in looks]
    faces.sharpness[:] = [sharp for _, sharp in looks]
    gate = Gate(48, 0.02, 32, 0.01, 1.0)
    clusters = cluster_faces(faces, Clustering(eps=2.0, min_samples=3, gate=gate, copy_bits=0))
    core = np.array([grade == (100.0, 0.1) for grade in looks], dtype=bool)
    assert not clusters.cores[~core].any()
    assert (clusters.labels[~core] == NOISE).all()
    rows = np.flatnonzero(core)
    if len(rows):
        oracle = DBSCAN(eps=2.0, min_samples=3).fit(points[rows])
        cores = rows[oracle.core_sample_indices_]
        assert np.flatnonzero(clusters.cores).tolist() == cores.tolist()
        whole = np.full(count, NOISE)
        whole[rows] = oracle.labels_
        assert partition(clusters.labels, cores) == partition(whole, cores)
        assert ((clusters.labels == NOISE) == (whole == NOISE))[rows].all()


def test_a_blurred_copy_goes_with_its_group() -> None:
    """Near-copies stay together: the good one of them decides, else the first that may join."""
    faces = faces_at(("a", 0.0), ("b", 0.0), ("c", 0.0), ("d", 0.3), ("e", 0.3))
    faces.dhashes[4] = faces.dhashes[3]
    faces.sharpness[[3, 4]] = 0.015, 0.001
    gate = Gate(48, 0.02, 32, 0.01, 0.05)
    settings = Clustering(eps=0.45, min_samples=3, gate=gate, copy_bits=0, joins=True)
    assert cluster_faces(faces, settings).labels.tolist() == [0] * 5
    faces.sharpness[3] = 0.001
    assert cluster_faces(faces, settings).labels.tolist() == [0] * 3 + [NOISE] * 2
