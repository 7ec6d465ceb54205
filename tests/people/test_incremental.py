"""Clustering that is kept as faces come and go: always what scikit-learn finds anew, whatever the way there."""

import tracemalloc
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN

from faced.model import Floats
from faced.people import distances, holding, lists, nearest, neighbourhood, neighbours, order
from faced.people.faces import NOISE
from faced.people.neighbourhood import KEPT, Reach
from faced.people.neighbours import Neighbours
from tests.support.shared import shared_data

COLUMNS = ("eligible", "counts", "cores", "labels", "nearest", "distances")


def padded(places: list[tuple[float, float]]) -> Floats:
    """(n, 128) points. Of whole numbers distances on a radius are exact, so inclusive bounds are tried for real."""
    points = np.zeros((len(places), 128), dtype=np.float32)
    if places:
        points[:, :2] = places
    return points


@dataclass
class Crowd:
    """Faces by id, and the state that is kept of those that are here."""

    points: Floats
    eligible: np.ndarray
    reach: Reach
    kept: Neighbours = field(init=False)

    def __post_init__(self) -> None:
        self.kept = Neighbours(self.reach)

    def add(self, ids: list[int], kept: Neighbours | None = None) -> None:
        """These faces come."""
        state = self.kept if kept is None else kept
        rows = np.sort(np.array(ids, dtype=np.int64))
        places = np.searchsorted(state.ids, rows) + np.arange(len(rows))  # the ids ascend with the content
        state.add(rows, self.points[rows], self.eligible[rows], places)

    def remove(self, ids: list[int]) -> None:
        """These faces go."""
        self.kept.remove(np.flatnonzero(np.isin(self.kept.ids, ids)))

    def anew(self) -> Neighbours:
        """A state made at once of the faces that are here."""
        fresh = Neighbours(self.reach)
        self.add(sorted(self.kept.ids.tolist()), fresh)
        return fresh


def assert_same(one: Neighbours, other: Neighbours) -> None:
    """Every column, row by row."""
    mine, theirs = one.show(), other.show()
    assert one.ids.tolist() == other.ids.tolist() == sorted(one.ids.tolist())
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name), err_msg=name)


def assert_scikit_learns(kept: Neighbours) -> None:
    """Cores and their partition are the oracle's on the eligible faces; noise is the same set."""
    found = kept.show()
    rows = np.flatnonzero(found.eligible)
    if len(rows) == 0:
        assert not found.cores.any()
        return
    reach = kept.reach
    oracle = DBSCAN(eps=reach.eps, min_samples=reach.min_samples, algorithm="brute").fit(
        found.embeddings[rows]
    )
    cores = oracle.core_sample_indices_
    np.testing.assert_array_equal(np.flatnonzero(found.cores), rows[cores])
    np.testing.assert_array_equal(found.labels[rows] == NOISE, oracle.labels_ == NOISE)
    _, firsts = np.unique(oracle.labels_[cores], return_index=True)
    np.testing.assert_array_equal(found.labels[rows[cores]], rows[cores[firsts[oracle.labels_[cores]]]])


places = st.tuples(st.integers(0, 7), st.integers(0, 5))


@st.composite
def stories(draw: st.DrawFn) -> tuple[Crowd, list[tuple[bool, list[int]]]]:
    """Up to 45 faces, and comings and goings of some of them."""
    points = padded(draw(st.lists(places, max_size=45)))
    count = len(points)
    eligible = np.array(
        draw(st.lists(st.integers(0, 5).map(bool), min_size=count, max_size=count)), dtype=np.bool_
    )
    reach = Reach(float(draw(st.integers(1, 2))), draw(st.integers(1, 6)), float(draw(st.integers(1, 3))))
    here: set[int] = set()
    steps = []
    for coming in draw(st.lists(st.booleans(), max_size=8)):
        pool = sorted(set(range(count)) - here) if coming else sorted(here)
        if pool:
            some = draw(st.lists(st.sampled_from(pool), unique=True, min_size=1))
            here = here | set(some) if coming else here - set(some)
            steps.append((coming, some))
    return Crowd(points, eligible, reach), steps


@given(
    stories(),
    st.sampled_from([(3, 1), (3, 0), (KEPT, lists.SPARE)]),
    st.sampled_from([2, 7, 4096]),
    st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_law_whatever_comes_and_goes_it_is_what_scikit_learn_finds_anew(
    story: tuple[Crowd, list[tuple[bool, list[int]]]], widths: tuple[int, int], batch: int, tidy: bool
) -> None:
    """After each step cores and partition are the oracle's, and every column is that of a state made at once; whether rows are put
    in order at every step or lie as they came, holes among them.
    """
    crowd, steps = story
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbourhood, "KEPT", widths[0])
        patch.setattr(lists, "SPARE", widths[1])
        patch.setattr(neighbours, "BATCH", batch)
        if not tidy:
            patch.setattr(neighbours, "ROOM", 1)
            patch.setattr(order, "HOLES", 0)
        crowd.__post_init__()
        for coming, some in steps:
            (crowd.add if coming else crowd.remove)(some)
            assert_scikit_learns(crowd.kept)
            assert_same(crowd.kept, crowd.anew())


@given(
    st.integers(4, 40),
    st.lists(st.sets(st.integers(0, 79), min_size=1, max_size=6), min_size=1, max_size=4),
    st.sampled_from([1, 4]),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_law_a_part_that_loses_cores_is_what_it_is_anew(
    size: int, losses: list[set[int]], steps: int, thick: bool
) -> None:
    """Rings and two rows beside each other: who goes leaves one part, or two, however far is looked to see it."""
    angles = np.arange(size) * 2 * np.pi / size
    radius = size / (2 * np.pi)
    places = [(radius * np.cos(a), radius * np.sin(a)) for a in angles]
    if thick:
        places += [((radius + 0.7) * np.cos(a), (radius + 0.7) * np.sin(a)) for a in angles]
    crowd = Crowd(padded(places), np.ones(len(places), dtype=np.bool_), Reach(1.0, 3, 1.0))
    crowd.add(list(range(len(places))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(holding, "STEPS", steps)
        for some in losses:
            here = sorted({row % len(places) for row in some} & set(crowd.kept.ids.tolist()))
            crowd.remove(here)
            assert_scikit_learns(crowd.kept)
            assert_same(crowd.kept, crowd.anew())


@given(stories())
@settings(max_examples=50, deadline=None)
def test_law_pairs_that_are_too_many_at_once_are_looked_at_in_parts(
    story: tuple[Crowd, list[tuple[bool, list[int]]]],
) -> None:
    """With a memory of a few pairs and blocks of a few cells the same comes out."""
    crowd, steps = story
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distances, "MAX_PAIRS", 20)
        for coming, some in steps:
            (crowd.add if coming else crowd.remove)(some)
    for kept in (crowd.kept, crowd.anew()):
        assert_scikit_learns(kept)
    assert_same(crowd.kept, crowd.anew())


def test_a_removal_that_parts_a_cluster() -> None:
    """The face between two groups goes, and they are two clusters; it comes back, and they are one."""
    crowd = Crowd(padded([(x, 0) for x in range(7)]), np.ones(7, dtype=np.bool_), Reach(1.0, 2, 1.0))
    crowd.add(list(range(7)))
    assert crowd.kept.show().labels.tolist() == [0] * 7
    crowd.remove([3])
    assert crowd.kept.show().labels.tolist() == [0, 0, 0, 3, 3, 3]
    crowd.add([3])
    assert crowd.kept.show().labels.tolist() == [0] * 7


def test_a_face_that_was_left_alone_has_those_near_it_that_come() -> None:
    """More than its list holds were near it, and all go at once: its list is as one that never had anybody."""
    count = 1 + KEPT + lists.SPARE + 2
    crowd = Crowd(padded([(0, 0)] * count), np.ones(count, dtype=np.bool_), Reach(1.0, 3, 1.0))
    crowd.add(list(range(count)))
    crowd.remove(list(range(1, count)))
    assert_same(crowd.kept, crowd.anew())
    for back in ([1], [2, 3], list(range(4, count))):
        crowd.add(back)
        assert_same(crowd.kept, crowd.anew())


def test_a_crowd_is_parted_though_its_links_outnumber_the_lists() -> None:
    """Two heaps of identical faces, far more than a list holds, linked by one face: without it they are two."""
    places = [(0, 0)] * 60 + [(2, 0)] * 60 + [(1, 0)]
    crowd = Crowd(padded(places), np.ones(121, dtype=np.bool_), Reach(1.0, 3, 2.0))
    crowd.add(list(range(121)))
    assert len(set(crowd.kept.show().labels.tolist())) == 1
    crowd.remove([120])
    assert_scikit_learns(crowd.kept)
    assert len(set(crowd.kept.show().labels.tolist())) == 2
    assert_same(crowd.kept, crowd.anew())


def test_the_nearest_are_those_of_brute_force() -> None:
    """Of 300 random faces: each list is the KEPT nearest eligible ones within reach, and says how far they are."""
    random = np.random.default_rng(5)
    points = (random.normal(size=(300, 128)) / 15).astype(np.float32)
    eligible = random.random(300) < 0.8
    crowd = Crowd(points, eligible, Reach(0.8, 3, 1.0))
    crowd.add(list(range(300)))
    found = crowd.kept.show()
    exact = np.linalg.norm(points[:, None].astype(float) - points[None], axis=2)
    for row in range(300):
        near = [n for n in np.argsort(exact[row]) if n != row and eligible[n] and exact[row, n] <= 1.0][:KEPT]
        assert found.nearest[row][: len(near)].tolist() == near
        assert (found.nearest[row][len(near) :] == -1).all()
        np.testing.assert_allclose(found.distances[row][: len(near)], exact[row, near], rtol=1e-6)
        assert found.counts[row] == ((exact[row] <= 0.8) & eligible).sum()


def test_vectors_that_are_none_are_nobodys() -> None:
    """NaN, infinite and huge numbers are near nothing, and disturb nobody."""
    points = padded([(0, 0)] * 7)
    points[4, 5], points[5, 0], points[6] = np.nan, np.inf, 1e30
    crowd = Crowd(points, np.ones(7, dtype=np.bool_), Reach(1.0, 3, 2.0))
    crowd.add(list(range(7)))
    found = crowd.kept.show()
    assert found.counts[:4].tolist() == [4] * 4
    assert found.labels.tolist() == [0, 0, 0, 0, NOISE, NOISE, NOISE]
    with pytest.raises(ValueError, match="127"):
        crowd.kept.add(np.array([9]), np.zeros((1, 127), np.float32), np.array([True]))


def test_nobody_and_one_face() -> None:
    """Nothing in, nothing out; a face alone is noise."""
    crowd = Crowd(padded([(0, 0)]), np.ones(1, dtype=np.bool_), Reach(1.0, 2, 1.0))
    crowd.add([])
    assert len(crowd.kept.show()) == 0
    crowd.add([0])
    assert crowd.kept.show().labels.tolist() == [NOISE]
    crowd.remove([0])
    assert len(crowd.kept.show()) == 0


def test_many_identical_faces_cost_no_square_of_memory() -> None:
    """Six thousand identical faces, looked at in small pieces: one cluster, full lists, and less than a byte a pair."""
    count = 6000
    crowd = Crowd(
        np.full((count, 128), 0.1, dtype=np.float32), np.ones(count, dtype=np.bool_), Reach(0.4, 3, 0.6)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distances, "MAX_PAIRS", 1 << 16)
        patch.setattr(distances, "CELLS", 1 << 16)
        patch.setattr(nearest, "CELLS", 1 << 16)
        tracemalloc.start()
        crowd.add(list(range(count)))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    found = crowd.kept.show()
    assert (found.counts == count).all()
    assert (found.labels == 0).all()
    assert (np.asarray(found.nearest) >= 0).all()
    assert peak < count * count


@pytest.mark.parametrize("name", ["celebs_dev", "lfw_dev", "families_dev"])
def test_on_real_embeddings_it_is_scikit_learns(name: str) -> None:
    """Two thousand real faces in batches, every fifth gone again: core for core the same; and so in another order."""
    points = np.load(shared_data() / "embeddings" / f"{name}.npz")["embedding"][:2000].astype(np.float32)
    count = len(points)
    crowd = Crowd(points, np.ones(count, dtype=np.bool_), Reach(0.45, 3, 0.56))
    order = np.random.default_rng(3).permutation(count).tolist()
    for start in range(0, count, 300):
        crowd.add(order[start : start + 300])
    assert_scikit_learns(crowd.kept)
    crowd.remove(order[::5])
    assert_scikit_learns(crowd.kept)
    assert_same(crowd.kept, crowd.anew())
    assert crowd.kept.show().cores.sum() > 20
