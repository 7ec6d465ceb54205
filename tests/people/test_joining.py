"""Clusters that join into persons, and faces that attach: no order, no history, no two faces of one photo."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faced.faces.quality import GATE
from faced.model import FaceId
from faced.people.copies import find_shared
from faced.people.faces import NOISE, Clusters, Faces, sort_faces
from faced.people.identity import assign_persons
from faced.people.joining import REACH, Joining
from faced.people.kept import Kept, Rules
from faced.people.links import Cast
from faced.people.recluster import Clustering, cluster_faces
from faced.people.said import Said
from faced.people.together import clusters_from, follow_company, gather_cast, reach_of
from tests.support.people import faces_at

SETTINGS = Clustering(eps=0.44, min_samples=3, gate=GATE, copy_bits=4, joins=True)


def crowd_of(people: list[tuple[int, int]], width: float = 0.025, seed: int = 0) -> Faces:
    """A face for each (person, picture): persons 0.6 apart, faces of one about 16 times `width`; ids in content order."""
    places = sorted(people, key=lambda one: one[1])
    faces = faces_at(*((f"i{picture:05}", 0.0) for _, picture in places))
    random = np.random.default_rng(seed)
    faces.embeddings[:] = random.normal(0, width, faces.embeddings.shape)
    for row, (person, _) in enumerate(places):
        faces.embeddings[row, person] += 0.42
    return faces


def groups_of(faces: Faces, clusters: Clusters) -> set[frozenset[int]]:
    """Ids of the faces that are together."""
    return {
        frozenset(faces.ids[clusters.labels == label].tolist())
        for label in np.unique(clusters.labels[clusters.labels != NOISE])
    }


def partition(faces: Faces) -> set[frozenset[int]]:
    """Who is together, from scratch."""
    ordered = sort_faces(faces)
    return groups_of(ordered, cluster_faces(ordered, SETTINGS))


def join(embeddings: np.ndarray, rule: Joining, photos: list[int] | None = None) -> list[int]:
    """Who is together: all distances are known, and nobody is a core."""
    count = len(embeddings)
    exact = embeddings.astype(float)
    apart = np.sqrt(((exact[:, None] - exact[None]) ** 2).sum(-1))
    apart[np.arange(count), np.arange(count)] = np.inf
    order = np.argsort(apart, axis=1, kind="stable")[:, :32]
    cast = Cast(
        embeddings.astype(np.float32),
        np.array(range(count) if photos is None else photos, dtype=np.intp),
        np.arange(count, dtype=np.int32),
        np.ones(count, dtype=np.bool_),
        np.where(np.take_along_axis(apart, order, 1) < np.inf, order, -1).astype(np.int32),
        np.take_along_axis(apart, order, 1).astype(np.float32),
        REACH * rule.eps,
    )
    labels: list[int] = follow_company(cast, rule).joined.labels.tolist()
    return labels


def on_a_line(*places: float) -> np.ndarray:
    """(n, 128): all but the first number 0."""
    embeddings = np.zeros((len(places), 128), dtype=np.float32)
    embeddings[:, 0] = places
    return embeddings


casts = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 20)), max_size=50)


@given(casts, st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_shuffled_faces_give_the_same_partition(people: list[tuple[int, int]], seed: int) -> None:
    """Other rows, the same groups."""
    faces = crowd_of(people)
    order = list(range(len(faces)))
    Random(seed).shuffle(order)
    assert partition(faces.take(np.array(order, dtype=np.intp))) == partition(faces)


@given(casts, st.lists(st.integers(1, 9), min_size=1, max_size=9), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_in_batches_or_one_by_one_it_ends_the_same(
    people: list[tuple[int, int]], sizes: list[int], seed: int
) -> None:
    """Arriving in any order, in batches of any size, some taken away and brought again."""
    faces = crowd_of(people)
    rule = Joining(SETTINGS.eps)
    kept = Kept(Rules(reach_of(SETTINGS.eps, SETTINGS.min_samples), SETTINGS.gate, SETTINGS.copy_bits))
    random = Random(seed)
    waiting, here = list(range(len(faces))), set[int]()
    random.shuffle(waiting)
    while waiting:
        size = random.choice(sizes)
        here |= set(waiting[:size])
        del waiting[:size]
        kept.follow(faces.take(np.array(sorted(here), dtype=np.intp)))
        for row in random.sample(sorted(here), min(len(here), random.choice((0, 0, 1, 2)))):
            here.remove(row)
            waiting.insert(random.randint(0, len(waiting)), row)
    kept.follow(faces)
    cast = gather_cast(faces, kept.show(), kept.groups, find_shared(kept.groups), rule, GATE)
    clusters = clusters_from(follow_company(cast, rule).joined, cast, kept.groups, find_shared(kept.groups))
    assert groups_of(faces, clusters) == partition(faces)


@given(casts)
@settings(max_examples=40, deadline=None)
def test_no_person_is_twice_in_a_photo(people: list[tuple[int, int]]) -> None:
    """Whatever joins and attaches, by the time persons are assigned a photo shows each once."""
    faces = crowd_of(people)
    persons = assign_persons(faces, cluster_faces(faces, SETTINGS), {}, Said()).persons
    seen = [(person, faces.images[int(face)]) for face, person in persons.items()]
    assert len(seen) == len(set(seen))


def test_two_groups_that_share_a_photo_stay_apart() -> None:
    """However near they are."""
    embeddings = on_a_line(0.0, 0.1, 0.3, 0.4)
    assert set(join(embeddings, Joining(0.44))) == {0}
    apart = join(embeddings, Joining(0.44), photos=[0, 1, 1, 2])
    assert apart[1] != apart[2]


def test_no_face_and_one_face() -> None:
    """Nobody, and nobody's."""
    for count in (0, 1):
        assert join(on_a_line(*[0.0] * count), Joining(0.44)) == [NOISE] * count
        faces = crowd_of([(0, 0)] * count)
        assert cluster_faces(faces, SETTINGS).labels.tolist() == [NOISE] * count


def test_ten_thousand_identical_faces_are_one_person() -> None:
    """Of as many pictures. No list of all their pairs is made (it would not fit)."""
    faces = crowd_of([(0, picture) for picture in range(10_000)], width=0.0)
    clusters = cluster_faces(faces, SETTINGS)
    assert set(clusters.labels.tolist()) == {0}


def test_a_small_face_attaches_and_makes_nobody() -> None:
    """Three small ones alone are nobody; beside five large ones each of them is theirs, and no core."""
    faces = crowd_of([(0, picture) for picture in range(8)], width=0.015)
    small = replace(faces, sides=np.array([100.0] * 5 + [40.0] * 3))
    clusters = cluster_faces(small, SETTINGS)
    assert set(clusters.labels.tolist()) == {0}
    assert clusters.cores.tolist() == [True] * 5 + [False] * 3
    assert set(clusters.attached) == {5, 6, 7}
    tiny = replace(faces, sides=np.full(8, 40.0))
    assert set(cluster_faces(tiny, SETTINGS).labels.tolist()) == {NOISE}
    bad = replace(faces, sides=np.array([100.0] * 5 + [20.0] * 3))
    assert cluster_faces(bad, SETTINGS).labels.tolist() == [0] * 5 + [NOISE] * 3


def test_a_small_face_must_be_nearer_than_others() -> None:
    """By `stricter`: what a good face may be away from the middle is too far for it."""
    faces = faces_at(("a", 0.0), ("b", 0.01), ("c", 0.02), ("d", 0.43))
    faces.sides[3] = 40.0
    assert cluster_faces(faces, SETTINGS).labels.tolist() == [0, 0, 0, NOISE]
    faces.embeddings[3, 0] = 0.36
    assert cluster_faces(faces, SETTINGS).labels.tolist() == [0, 0, 0, 0]


def test_a_crowd_of_lookalikes_is_nobody() -> None:
    """Forty faces all equally far from each other: each is near to all, and no two are one person.

    Eight of them, as near, would be somebody if they were only tighter.
    """
    eye = np.eye(128, dtype=np.float32)
    wide = join(0.50 / 2**0.5 * eye[:40], Joining(0.52))
    assert set(wide) != {NOISE}
    rule = Joining(0.52, crowd=0.9)
    assert set(join(0.50 / 2**0.5 * eye[:40], rule)) <= {NOISE} | set(range(40))
    largest = np.unique(join(0.50 / 2**0.5 * eye[:40], rule), return_counts=True)
    assert max((n for label, n in zip(*largest, strict=True) if label != NOISE), default=0) < 8


def test_appearances_join_and_strangers_do_not() -> None:
    """Two clusters of six faces, 0.3 between their middles: one person; at 0.6 two."""
    random = np.random.default_rng(5)
    for gap, persons in ((0.25, 1), (0.6, 2)):
        embeddings = random.normal(0, 0.02, (12, 128)).astype(np.float32)
        embeddings[6:, 0] += gap
        joined = join(embeddings, Joining(0.44))
        assert len(set(joined)) == persons
        assert NOISE not in joined


def test_why_a_face_is_where_it_is_says_it_was_attached() -> None:
    """The distance to the middle of its cluster, and who came second."""
    faces = crowd_of([(0, picture) for picture in range(8)], width=0.015)
    faces.sides[7] = 40.0
    assignment = assign_persons(faces, cluster_faces(faces, SETTINGS), {}, Said())
    assert assignment.reasons[FaceId(7)].startswith(
        "attached (most faces near it are there, the middle is 0."
    )
    assert assignment.reasons[FaceId(0)].startswith("at the core of a cluster of 8 faces")


@pytest.mark.parametrize("order", [0, 1, 2])
def test_equally_near_ones_go_by_content(order: int) -> None:
    """A face exactly between two others: every run says the same, and whoever is asked first."""
    embeddings = on_a_line(0.0, 0.4, 0.8)
    first = join(embeddings, Joining(0.44))
    for _ in range(order + 1):
        assert join(embeddings, Joining(0.44)) == first
    assert first == [0, 0, NOISE]
