"""From clusters to persons: rule 3 (two faces of one photo) and rule 7 (no order of arrival)."""

from hashlib import blake2b
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from faced.model import FaceId, PersonId
from faced.people.clustering import NOISE
from faced.people.faces import Faces, sort_faces
from faced.people.identity import assign_persons, match_persons, split_photos
from faced.people.recluster import Clustering, cluster_faces

SETTINGS = Clustering(eps=0.45, min_samples=3, min_side=48, copy_bits=4)


def make_faces(people: list[tuple[int, str]], seed: int = 0, side: float = 100.0) -> Faces:
    """A face for each (person, image): persons 1 apart, faces of one 0.2 apart; ids in the order given."""
    random = np.random.default_rng(seed)
    count = len(people)
    embeddings = random.normal(0, 0.01, (count, 128)).astype(np.float32)
    for row, (person, _) in enumerate(people):
        embeddings[row, person] += 0.8
    lefts = [
        0.1 + 0.2 * sum(1 for before in people[:row] if before[1] == image)
        for row, (_, image) in enumerate(people)
    ]
    return Faces(
        np.arange(count),
        tuple(image for _, image in people),
        np.array([(left, 0.1, 0.1, 0.1) for left in lefts]).reshape(count, 4),
        np.array(
            [int.from_bytes(blake2b(image.encode(), digest_size=8).digest()) for _, image in people],
            dtype=np.uint64,
        ),
        np.full(count, side),
        embeddings,
    )


def persons_of(faces: Faces, previous: dict[FaceId, PersonId] | None = None) -> dict[int, int]:
    """Face id to person."""
    ordered = sort_faces(faces)
    return dict(assign_persons(ordered, cluster_faces(ordered, SETTINGS), previous or {}).persons)


def test_rule_3_of_two_faces_of_one_photo_the_nearer_is_hers() -> None:
    """Both look like Anna; the one farther from her middle is nobody."""
    faces = make_faces([(0, "a"), (0, "b"), (0, "c"), (0, "d"), (0, "d")])
    faces.embeddings[4, 5] += 0.3
    labels, _ = split_photos(faces, np.zeros(5, dtype=np.intp))
    assert labels.tolist() == [0, 0, 0, 0, NOISE]


def test_small_faces_are_not_clustered() -> None:
    """Below the smallest side a face is stored and nobody's."""
    assert persons_of(make_faces([(0, image) for image in "abcd"], side=47.9)) == {}
    assert len(persons_of(make_faces([(0, image) for image in "abcd"], side=48.0))) == 4


def test_a_burst_is_no_crowd() -> None:
    """Three near-copies of one picture count once, so with one other picture they make nobody."""
    faces = make_faces([(0, "a"), (0, "b"), (0, "c"), (0, "d")])
    same = Faces(
        faces.ids,
        faces.images,
        faces.boxes,
        np.array([7, 7, 7, 2**60 - 1], dtype=np.uint64),
        faces.sides,
        faces.embeddings,
    )
    assert persons_of(same) == {}
    more = make_faces([(0, image) for image in "abcdef"])
    hashes = np.array([7, 7, 7, 2**60 - 1, 2**50 - 2**20, 2**30 - 2**9], dtype=np.uint64)
    all_six = Faces(more.ids, more.images, more.boxes, hashes, more.sides, more.embeddings)
    assert set(persons_of(all_six).values()) == {-1}
    assert len(persons_of(all_six)) == 6


def test_a_person_keeps_the_number_by_largest_overlap() -> None:
    """Two old persons in one cluster: the one with more faces in it gives the number, the other's is not reused."""
    ids = np.arange(5)
    previous = {FaceId(i): PersonId(7 if i < 2 else 9) for i in range(5)}
    assert match_persons(ids, np.zeros(5, dtype=np.intp), previous) == {0: 9}
    split = np.array([0, 0, 0, 3, 3])
    assert match_persons(ids, split, previous) == {0: 7, 3: 9}


def test_new_persons_are_numbered_from_the_largest_cluster_down() -> None:
    """Without a last run the largest comes first; equal ones in content order."""
    labels = np.array([0, 0, 2, 2, 2, 5, 5])
    assert match_persons(np.arange(7), labels, {}) == {2: -1, 0: -2, 5: -3}


cast = st.lists(st.tuples(st.integers(0, 3), st.sampled_from([f"i{n}" for n in range(12)])), max_size=30)


@given(cast, st.integers(0, 1000))
@settings(max_examples=100, deadline=None)
def test_rule_7_shuffled_faces_are_the_same_persons(people: list[tuple[int, str]], seed: int) -> None:
    """Other row order, other ids: the same groups with the same new numbers."""
    faces = make_faces(people)
    order = list(range(len(people)))
    Random(seed).shuffle(order)
    shuffled = faces.take(np.array(order, dtype=np.intp))
    renumbered = Faces(
        np.arange(len(people)) + 1000,
        shuffled.images,
        shuffled.boxes,
        shuffled.dhashes,
        shuffled.sides,
        shuffled.embeddings,
    )
    one = persons_of(faces)
    other = {order[face - 1000]: person for face, person in persons_of(renumbered).items()}
    assert one == other


@given(cast)
@settings(max_examples=100, deadline=None)
def test_rule_3_no_person_is_twice_in_one_photo(people: list[tuple[int, str]]) -> None:
    """Whatever is clustered, a photo shows a person once."""
    faces = make_faces(people)
    persons = persons_of(faces)
    seen = [(person, faces.images[face]) for face, person in persons.items()]
    assert len(seen) == len(set(seen))


@given(cast)
@settings(max_examples=100, deadline=None)
def test_the_same_faces_again_keep_every_number(people: list[tuple[int, str]]) -> None:
    """A second run on what the first one gave changes nothing."""
    faces = make_faces(people)
    first = {FaceId(face): PersonId(100 - person) for face, person in persons_of(faces).items()}
    assert persons_of(faces, first) == first
