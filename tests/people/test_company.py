"""Who is together is played again only where something changed; the result is that of playing everything anew."""

from random import Random

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from faced.faces.quality import GATE
from faced.people import alignment, attaching, links, lists, neighbourhood, neighbours, order
from faced.people.faces import Faces
from faced.people.kept import Kept
from faced.people.recluster import Clustering, rules_of
from tests.support.people import faces_at
from tests.support.shared import shared_data

SETTINGS = Clustering(eps=0.44, min_samples=3, gate=GATE, copy_bits=4, joins=True)


def make_cast(count: int, people: int, seed: int, width: float, spread: float) -> Faces:
    """Faces of people who are not far apart, several in a photo, some of them small and some near-copies."""
    random = np.random.default_rng(seed)
    pictures = np.sort(random.integers(0, max(1, count * 3 // 4), count))
    faces = faces_at(*((f"i{picture:05}", 0.0) for picture in pictures.tolist()))
    middles = random.normal(0, spread, (people, 128))
    faces.embeddings[:] = middles[random.integers(0, people, count)] + random.normal(0, width, (count, 128))
    faces.sides[random.random(count) < 0.15] = 40.0
    faces.sides[random.random(count) < 0.03] = 10.0
    alike = random.random(count) < 0.1
    faces.dhashes[1:][alike[1:]] = faces.dhashes[:-1][alike[1:]] ^ np.uint64(1)
    return faces


def assert_as_anew(kept: Kept, faces: Faces) -> None:
    """Labels, cores, and why, of a state made at once, in which every round of attaching counts all votes."""
    anew = Kept(kept.rules)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attaching, "REMEMBERED", -1)
        anew.follow(faces)
    mine, theirs = kept.clusters, anew.clusters
    assert mine is not None
    assert theirs is not None
    np.testing.assert_array_equal(mine.labels, theirs.labels)
    np.testing.assert_array_equal(mine.cores, theirs.cores)
    assert dict(mine.attached) == dict(theirs.attached)


@given(
    st.integers(0, 10**6),
    st.integers(1, 120),
    st.sampled_from([(3, 0.018, 0.02), (8, 0.02, 0.03), (20, 0.022, 0.026), (2, 0.02, 0.012)]),
    st.lists(st.integers(-30, 40), min_size=1, max_size=6),
    st.sampled_from([(16, 32, 8), (4, 3, 0), (16, 3, 2)]),
    st.booleans(),
)
@example(485048, 14, (3, 0.018, 0.02), [14, -13, 13, 3], (16, 32, 8), True)  # a poor face became a near-copy
@settings(max_examples=120, deadline=None)
def test_law_whatever_comes_and_goes_it_is_what_playing_anew_finds(
    seed: int,
    count: int,
    people: tuple[int, float, float],
    steps: list[int],
    sizes: tuple[int, int, int],
    tidy: bool,
) -> None:
    """Batches of any size come, in any order, and go, and come again; their rows lie in order, or as they came."""
    faces = make_cast(count, people[0], seed, people[1], people[2])
    random = Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(links, "LARGE", sizes[0])
        patch.setattr(neighbourhood, "KEPT", sizes[1])
        patch.setattr(lists, "SPARE", sizes[2])
        if not tidy:
            patch.setattr(neighbours, "ROOM", 1)
            patch.setattr(order, "HOLES", 0)
            patch.setattr(alignment, "RUN", 0)
            patch.setattr(alignment, "WINDOW", 2)
        kept, here = Kept(rules_of(SETTINGS)), set[int]()
        for step in steps:
            away = sorted(set(range(count)) - here)
            here |= set(random.sample(away, min(len(away), max(0, step))))
            going = max(0, -step) or random.choice((0, 0, 3))  # what comes and what goes may do so at once
            here -= set(random.sample(sorted(here), min(len(here), going)))
            some = faces.take(np.array(sorted(here), dtype=np.intp))
            kept.follow(some)
            assert_as_anew(kept, some)


def test_what_is_saved_goes_on_as_if_it_had_stayed() -> None:
    """Through the columns of the file, then faces come and go. When it is saved, rows lie as they came, with holes."""
    faces = make_cast(200, 8, 5, 0.02, 0.03)
    some = faces.take(np.arange(0, 200, 2))
    first = Kept(rules_of(SETTINGS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "ROOM", 1)
        patch.setattr(order, "HOLES", 0)
        first.follow(faces.take(np.arange(0, 200, 3)))
        first.follow(some)
    second = Kept(first.rules)
    assert second.load({name: column.copy() for name, column in first.save().items()}, some.embeddings.copy())
    for rows in (np.arange(0, 200, 3), np.arange(200), np.arange(100)):
        second.follow(faces.take(rows))
        assert_as_anew(second, faces.take(rows))


@pytest.mark.parametrize("name", ["lfw_dev", "families_dev"])
def test_on_real_embeddings_it_is_what_playing_anew_finds(name: str) -> None:
    """Two thousand real faces in batches, every seventh gone again."""
    points = np.load(shared_data() / "embeddings" / f"{name}.npz")["embedding"][:2000].astype(np.float32)
    faces = make_cast(len(points), 1, 3, 0.0, 0.0)
    faces.embeddings[:] = points
    order = np.random.default_rng(3).permutation(len(points))
    kept = Kept(rules_of(SETTINGS))
    for stop in (1200, 1250, 1600, 2000):
        some = faces.take(np.sort(order[:stop]))
        kept.follow(some)
        assert_as_anew(kept, some)
    some = faces.take(np.sort(np.delete(order, np.arange(0, 2000, 7))))
    kept.follow(some)
    assert_as_anew(kept, some)
