"""Who is proposed because of who else is in the photo."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faced.model import PersonId
from faced.people.faces import Faces
from faced.people.mates import find_mates
from faced.people.suggest import Suggestion
from tests.people.test_suggest import ANNA, BEN, suggest
from tests.support.people import faces_at

CLARA = PersonId(3)


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(-1, 4)), max_size=20),
    st.lists(st.tuples(st.integers(0, 19), st.integers(0, 4)), max_size=20),
)
def test_law_mates_are_those_that_brute_force_finds(
    faces: list[tuple[int, int]], asked: list[tuple[int, int]]
) -> None:
    """Somebody in the photo is with her in another one, and she is not in this one."""
    asked = [(row, person) for row, person in asked if row < len(faces)]
    photos = np.array([photo for photo, _ in faces], dtype=np.intp)
    persons = np.array([person for _, person in faces], dtype=np.intp)
    rows = np.array([row for row, _ in asked], dtype=np.intp)
    whom = np.array([person for _, person in asked], dtype=np.intp)
    shown = {
        photo: {person for other, person in faces if other == photo and person >= 0} for photo, _ in faces
    }
    expected = [
        person not in shown[faces[row][0]]
        and any({one, person} <= others for one in shown[faces[row][0]] for others in shown.values())
        for row, person in asked
    ]
    assert find_mates(photos, persons, rows, whom).tolist() == expected


def crowd(*more: tuple[str, float]) -> tuple[Faces, list[int]]:
    """Anna and Ben in three photos, Clara alone in three, and others who are nobody's: Anna at 0, Clara at 0.7, Ben at 3."""
    known = [("a", 0.0), ("a", 3.0), ("b", 0.0), ("b", 3.0), ("c", 0.0), ("c", 3.0)]
    known += [("d", 0.7), ("e", 0.7), ("f", 0.7)]
    return faces_at(*known, *more), [ANNA, BEN, ANNA, BEN, ANNA, BEN, CLARA, CLARA, CLARA]


def propose(faces: Faces, owners: list[int], **more: object) -> list[Suggestion]:
    """With three names."""
    return suggest(faces, owners, named=frozenset({ANNA, BEN, CLARA}), **more)  # type: ignore[arg-type]


def test_beside_a_mate_somebody_in_between_is_proposed() -> None:
    """About as near to Anna as to Clara; but in the photo is Ben, with whom Anna is in others."""
    faces, owners = crowd(("g", 0.33), ("h", 0.33))
    assert propose(faces, [*owners, 0, 0]) == []
    faces, owners = crowd(("g", 0.33), ("g", 3.0))
    [found] = propose(faces, [*owners, 0, BEN])
    assert (found.person, found.faces) == (ANNA, (9,))


def test_a_mate_is_no_reason_for_whoever_is_far() -> None:
    """Neither a face that is farther than what is proposed, nor a second one of Anna, nor one that was rejected."""
    faces, owners = crowd(("g", -0.50), ("g", 3.0))
    assert propose(faces, [*owners, 0, BEN]) == []
    faces, owners = crowd(("g", 0.0), ("g", 0.33), ("g", 3.0))
    assert propose(faces, [*owners, ANNA, 0, BEN]) == []
    faces, owners = crowd(("g", 0.33), ("g", 3.0))
    found = propose(faces, [*owners, 0, BEN], rejected={9: frozenset({ANNA})})
    assert ANNA not in {one.person for one in found}


@pytest.mark.parametrize("beside", [BEN, CLARA])
def test_whoever_was_never_seen_with_her_is_no_mate(beside: PersonId) -> None:
    """Clara never was in a photo with Anna."""
    faces, owners = crowd(("g", 0.36), ("g", 9.0))
    assert bool(propose(faces, [*owners, 0, beside])) == (beside == BEN)
