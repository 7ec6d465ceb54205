"""Who is proposed because of who else is in the photo."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faced.config import Config
from faced.faces.engine import DEFAULT_ENGINE, engine_record
from faced.faces.quality import GATE
from faced.model import Box, EngineId, PersonId
from faced.passes.decide import Question, decide_here
from faced.passes.steps import SHOWN_ENGINE
from faced.passes.why import look_at_why
from faced.people.faces import Faces
from faced.people.mates import find_mates
from faced.people.recluster import Clustering, write_decision
from faced.people.suggest import Suggestion
from faced.store.database import open_store
from faced.store.edits import Draft, FaceRef
from faced.store.settings import save_setting
from tests.people.test_suggest import ANNA, BEN, suggest
from tests.support.people import faces_at, store_faces
from tests.support.said import add_people, say

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


def test_why_tells_who_else_is_in_the_photo(tmp_path: Path) -> None:
    """Of a stored state, as `faced why` does."""
    faces, _ = crowd(("g", 0.33), ("g", 3.0))
    faces = replace(faces, ids=faces.ids + 1)
    with open_store(tmp_path / "state") as store:
        store_faces(store, faces)
        add_people(store, 3)
        with store.write() as db:
            db.execute("UPDATE engines SET record = ?", [engine_record(DEFAULT_ENGINE, views=2).to_json()])
            save_setting(db, SHOWN_ENGINE, "1")
        for person, name, images in ((ANNA, "Anna", "abc"), (BEN, "Ben", "abcg"), (CLARA, "Clara", "def")):
            rows = [row for row, image in enumerate(faces.images) if image in images]
            hers = [
                row
                for row in rows
                if abs(faces.embeddings[row, 0] - {ANNA: 0, BEN: 3, CLARA: 0.7}[person]) < 0.01
            ]
            refs = tuple(
                FaceRef(faces.images[row], Box(*map(float, faces.boxes[row])), "key") for row in hers
            )
            say(store, Draft("name", person, value=name), Draft("anchor", person, refs))
        settings = Clustering(eps=0.2, min_samples=3, gate=GATE, copy_bits=4, joins=True)
        write_decision(store, EngineId(1), decide_here(Question(store.folder, EngineId(1), settings)))
        [face, _] = look_at_why(store.db, Config(), Path("/a/g"))
    assert face.person is None
    assert face.reasons[-2:] == (
        "perhaps it is Anna: 0.17 apart, so you are asked",
        "with Anna in other photos, and in this one: Ben",
    )
