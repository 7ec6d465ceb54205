"""Near-copies: groups of one face in many files of one picture."""

import tracemalloc
from collections.abc import Iterator
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faced.people.copies import find_near_copies, group_near_copies, near_hashes
from faced.people.faces import Faces, sort_faces


def make_faces(rows: list[tuple[str, tuple[float, float, float, float], int]]) -> Faces:
    """Faces of (image, box, dhash), in content order."""
    count = len(rows)
    return sort_faces(
        Faces(
            np.arange(count),
            tuple(row[0] for row in rows),
            np.array([row[1] for row in rows], dtype=float).reshape(count, 4),
            np.array([row[2] for row in rows], dtype=np.uint64),
            np.full(count, 100.0),
            np.full(count, 0.1),
            np.zeros((count, 128), dtype=np.float32),
        )
    )


HERE, NEARBY, THERE = (0.1, 0.1, 0.2, 0.2), (0.12, 0.1, 0.2, 0.2), (0.6, 0.1, 0.2, 0.2)


def test_a_resized_copy_is_one_group() -> None:
    """Hashes three bits apart and boxes over each other: one face; the first image stands for both."""
    faces = make_faces([("b", HERE, 0b111), ("a", NEARBY, 0)])
    assert group_near_copies(faces, 3).tolist() == [0, 0]
    assert group_near_copies(faces, 2).tolist() == [0, 1]


def test_another_place_in_the_picture_is_another_face() -> None:
    """Two faces of a picture and of its copy make two groups."""
    faces = make_faces([("a", HERE, 5), ("a", THERE, 5), ("b", HERE, 5), ("b", THERE, 5)])
    assert group_near_copies(faces, 4).tolist() == [0, 1, 0, 1]


def test_a_burst_is_one_group_though_its_ends_differ() -> None:
    """Groups are connected components: each picture of a burst is near the next."""
    faces = make_faces(
        [(name, HERE, hash_) for name, hash_ in zip("abcd", (0, 0b11, 0b1111, 0b111111), strict=True)]
    )
    assert group_near_copies(faces, 2).tolist() == [0, 0, 0, 0]


def test_no_faces_no_groups() -> None:
    """Nothing in, nothing out."""
    assert len(group_near_copies(make_faces([]), 4)) == 0


def pairs_of(blocks: Iterator[tuple[np.ndarray, np.ndarray]]) -> list[tuple[int, int]]:
    """Row by row."""
    return [pair for ones, others in blocks for pair in zip(ones.tolist(), others.tolist(), strict=True)]


base = st.integers(0, 2**64 - 1)
flips = st.lists(st.integers(0, 63), max_size=9)


@given(
    st.lists(st.tuples(st.sampled_from([0, 2**63, 0xDEADBEEF]) | base, flips), max_size=25),
    st.integers(0, 10),
)
@settings(max_examples=150, deadline=None)
def test_law_near_hashes_are_the_pairs_that_brute_force_finds(
    seeds: list[tuple[int, list[int]]], bits: int
) -> None:
    """The bands lose no pair and give none twice."""
    values = []
    for value, flipped in seeds:
        for bit in flipped:
            value ^= 1 << bit
        values.append(value)
    found = pairs_of(near_hashes(np.array(values, dtype=np.uint64), bits))
    expected = {
        (i, j)
        for i in range(len(values))
        for j in range(i + 1, len(values))
        if (values[i] ^ values[j]).bit_count() <= bits
    }
    assert len(found) == len(set(found))
    assert set(found) == expected


@given(
    st.lists(st.tuples(st.sampled_from([0, 1, 3, 7, 0xFF00]), flips), max_size=25),
    st.integers(0, 10),
    st.randoms(use_true_random=False),
)
@settings(max_examples=100, deadline=None)
def test_law_only_pairs_with_a_fresh_one_when_asked(
    seeds: list[tuple[int, list[int]]], bits: int, random: Random
) -> None:
    """Of all pairs those of which one row is fresh, each once."""
    hashes = np.array(
        [value ^ sum({1 << bit for bit in flipped}) for value, flipped in seeds], dtype=np.uint64
    )
    fresh = np.array([random.random() < 0.3 for _ in seeds], dtype=np.bool_)
    found = pairs_of(near_hashes(hashes, bits, fresh))
    every = pairs_of(near_hashes(hashes, bits))
    assert sorted(found) == sorted(pair for pair in every if fresh[list(pair)].any())


sides = st.sampled_from([0.05, 0.1, 0.2, 0.3, 0.4])
boxes = st.sampled_from([HERE, NEARBY, THERE, (0.1, 0.1, 0.2, 0.29)]) | st.tuples(
    st.floats(-0.1, 0.4), sides, sides, sides
)


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), boxes), max_size=14),
    st.lists(st.sampled_from([0, 1, 3, 7, 0b111000]), min_size=6, max_size=6),
    st.integers(0, 3),
    st.randoms(use_true_random=False),
)
@settings(max_examples=200, deadline=None)
def test_law_groups_are_the_components_and_follow_what_comes_and_goes(
    rows: list[tuple[str, tuple[float, float, float, float]]], hashes: list[int], bits: int, random: Random
) -> None:
    """Groups are the components that brute force finds; from those of before and the fresh ones they are the same."""
    faces = make_faces([(image, box, hashes["abcdef".index(image)]) for image, box in rows])
    groups = group_near_copies(faces, bits)
    assert groups.tolist() == components(faces, bits)
    some = np.array([row for row in range(len(faces)) if random.random() < 0.7], dtype=np.intp)
    earlier = group_near_copies(faces.take(some), bits)
    before, fresh = np.zeros(len(faces), dtype=np.intp), np.ones(len(faces), dtype=np.bool_)
    before[some], fresh[some] = earlier + 100, False
    assert group_near_copies(faces, bits, before, fresh).tolist() == groups.tolist()
    of_some = find_near_copies(faces, bits, some)
    mine = np.isin(groups, groups[some])
    assert of_some[mine].tolist() == groups[mine].tolist()
    whole, lost = faces.take(some), np.isin(groups[some], np.delete(groups, some))
    assert group_near_copies(whole, bits, groups[some], lost).tolist() == earlier.tolist()


def components(faces: Faces, bits: int) -> list[int]:
    """The smallest row of each component, pair by pair."""
    groups = list(range(len(faces)))
    for i in range(len(faces)):
        for j in range(i):
            near = (int(faces.dhashes[i]) ^ int(faces.dhashes[j])).bit_count() <= bits
            if near and faces.images[i] != faces.images[j] and overlap(*faces.boxes[[i, j]]) >= 0.5:
                old, new = max(groups[i], groups[j]), min(groups[i], groups[j])
                groups = [new if group == old else group for group in groups]
    return groups


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union."""
    sides = np.minimum(one[:2] + one[2:], other[:2] + other[2:]) - np.maximum(one[:2], other[:2])
    common = np.clip(sides, 0, None).prod()
    return float(common / (one[2:].prod() + other[2:].prod() - common))


@pytest.mark.parametrize("in_one_photo", [True, False])
def test_ten_thousand_faces_of_one_hash_cost_no_square_of_memory(in_one_photo: bool) -> None:
    """In one photo, side by side: so many groups. In as many copies of one picture, each found in about the same place: one."""
    count = 10_000
    rows = np.arange(count)
    boxes = np.stack(
        [rows % 100 / 100, rows // 100 / 100, np.full(count, 0.009), np.full(count, 0.009)], axis=1
    )
    if not in_one_photo:
        boxes = np.stack(
            [0.3 + rows / 1e7, 0.3 - rows / 1e7, np.full(count, 0.2), np.full(count, 0.2)], axis=1
        )
    images = ["a" if in_one_photo else f"{row:05}" for row in rows]
    faces = make_faces([(image, tuple(box), 7) for image, box in zip(images, boxes, strict=True)])
    tracemalloc.start()
    groups = group_near_copies(faces, 4)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(set(groups.tolist())) == (count if in_one_photo else 1)
    assert peak < 3 * count * count
