"""Which face of a picture is meant."""

import numpy as np

from faced.people.choice import choose_faces


def at(*places: float) -> dict[int, np.ndarray]:
    """Faces 0, 1, … on one axis."""
    return {n: np.array([place] + [0.0] * 127, dtype=np.float32) for n, place in enumerate(places)}


def test_a_face_alone_in_its_picture_is_meant() -> None:
    """There is no other."""
    assert choose_faces([[0], [1]], at(0, 9), []) == [0, 1]


def test_of_several_the_nearest_to_those_that_are_sure() -> None:
    """Faces alone in their pictures, and those that are hers, tell which."""
    assert choose_faces([[0], [1, 2]], at(0, 5, 1), []) == [0, 2]
    assert choose_faces([[0, 1]], at(0, 5), [at(4)[0]]) == [1]


def test_with_nothing_to_go_by_nothing_is_guessed() -> None:
    """Two faces and nobody known: neither."""
    assert choose_faces([[0, 1]], at(0, 5), []) == []
    assert choose_faces([], {}, []) == []


def test_of_equally_near_ones_the_first_in_content_order() -> None:
    """Ties have one answer."""
    assert choose_faces([[1, 0]], at(1, 3), [at(2)[0]]) == [1]
