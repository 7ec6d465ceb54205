"""Near-copies: groups of one face in many files of one picture."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from faced.people.copies import group_near_copies, near_hashes
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
    found = list(near_hashes(np.array(values, dtype=np.uint64), bits))
    expected = {
        (i, j)
        for i in range(len(values))
        for j in range(i + 1, len(values))
        if (values[i] ^ values[j]).bit_count() <= bits
    }
    assert len(found) == len(set(found))
    assert set(found) == expected
