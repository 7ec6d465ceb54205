"""What clustering keeps follows the faces that are there, in memory and through its file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faced.faces.quality import GATE
from faced.model import EngineId, Floats
from faced.people import memory as memory_module
from faced.people.faces import Faces, sort_faces
from faced.people.kept import Kept, Rules
from faced.people.memory import FILE, Memory
from faced.people.neighbours import Neighbours, Reach

RULES = Rules(Reach(1.0, 2, 2.0), gate=GATE, copy_bits=2)
COLUMNS = ("eligible", "counts", "cores", "labels", "nearest", "distances")


def faces_of(rows: list[tuple[int, str, int, int, float]]) -> Faces:
    """A face for each (id, image, hash, place on a line, side), in content order."""
    count = len(rows)
    embeddings = np.zeros((count, 128), dtype=np.float32)
    embeddings[:, 0] = [row[3] for row in rows]
    return sort_faces(
        Faces(
            np.array([row[0] for row in rows], dtype=np.int64),
            tuple(row[1] for row in rows),
            np.tile([0.1, 0.1, 0.2, 0.2], (count, 1)),
            np.array([row[2] for row in rows], dtype=np.uint64),
            np.array([row[4] for row in rows], dtype=float),
            np.full(count, 0.1),
            embeddings,
        )
    )


def assert_as_anew(kept: Kept, faces: Faces) -> None:
    """Every column is that of a state made at once."""
    anew = Kept(kept.rules)
    anew.follow(faces)
    assert kept.ids.tolist() == faces.ids.tolist()
    np.testing.assert_array_equal(kept.embeddings, faces.embeddings)
    np.testing.assert_array_equal(kept.groups, anew.groups)
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(kept.show(), name), getattr(anew.show(), name), err_msg=name)


people = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 3, 15, 2**40, 2**41]), st.integers(0, 8), st.sampled_from([20.0, 48.0, 100.0])
    ),
    max_size=25,
)


@given(people, st.lists(st.lists(st.integers(0, 24), unique=True), max_size=6), st.booleans())
@settings(max_examples=150, deadline=None)
def test_law_it_is_what_a_state_made_at_once_is(
    people: list[tuple[int, int, float]], steps: list[list[int]], saved: bool
) -> None:
    """Whatever set of faces comes after whatever other, near-copies and small ones among them, saved between or not."""
    rows = [
        (number, f"i{number * 7 % 25:02}", look, place, side)
        for number, (look, place, side) in enumerate(people)
    ]
    kept = Kept(RULES)
    for step in steps:
        if saved:
            copy = Kept(RULES)
            assert copy.load({name: c.copy() for name, c in kept.save().items()}, np.array(kept.embeddings))
            kept = copy
        faces = faces_of([rows[number] for number in step if number < len(rows)])
        kept.follow(faces)
        assert_as_anew(kept, faces)
        assert kept.follow(faces) == 0


def test_a_face_that_is_another_than_it_was_is_computed_again() -> None:
    """The same id with another vector, another picture or another box (a database restored): as if it were new."""
    rows = [(number, f"i{number}", 2**number * 7 << 20, 3 * number, 100.0) for number in range(6)]
    kept = Kept(RULES)
    kept.follow(faces_of(rows))
    moved = faces_of([*rows[:5], (5, "i5", rows[5][2], 0, 100.0)])
    assert kept.follow(moved) == 2
    assert_as_anew(kept, moved)
    copied = faces_of([*rows[:5], (5, "i5", rows[4][2], 0, 100.0)])
    assert kept.follow(copied) == 2
    assert_as_anew(kept, copied)


class Stored:
    """The store, of which only the vectors of faces are wanted."""

    def __init__(self, *crowds: Faces) -> None:
        self.vectors = {
            face: vector
            for faces in crowds
            for face, vector in zip(faces.ids.tolist(), faces.embeddings, strict=True)
        }

    def __call__(self, _: object, faces: list[int], room: int = 0) -> Floats:
        """See load_vectors."""
        found = np.zeros((max(room, len(faces)), 128), dtype=np.float32)
        for row, face in enumerate(faces):
            if face not in self.vectors:
                raise LookupError
            found[row] = self.vectors[face]
        return found


def crowd(*numbers: int) -> Faces:
    """Faces one apart on a line."""
    return faces_of([(n, f"i{n:04}", (n * 0x9E3779B97F4A7C15) % 2**64, n, 100.0) for n in numbers])


def computed(memory: Memory, faces: Faces, rules: Rules = RULES, away: Faces | None = None) -> int:
    """How many faces had to be compared with all. away: others that are stored."""
    done: list[int] = []
    light = replace(faces, embeddings=faces.embeddings[:, :0], marks=faces.embeddings[:, 0].astype(np.int64))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory_module, "load_vectors", Stored(faces, away or faces))
        followed = memory.follow(None, EngineId(1), rules, light, lambda n, _: done.append(n))  # type: ignore[arg-type]
    assert_as_anew(followed.kept, faces)
    assert len(followed.unusable) == 0
    return max(done, default=0)


def test_the_next_process_computes_nothing_that_is_known(tmp_path: Path) -> None:
    """From the file: nothing for the same faces, one for a new one, all for other settings or another engine."""
    assert computed(Memory(tmp_path), crowd(*range(20))) == 20
    assert computed(Memory(tmp_path), crowd(*range(20))) == 0
    assert computed(Memory(tmp_path), crowd(*range(21))) == 1
    assert computed(Memory(tmp_path), crowd(*set(range(21)) - {7}), away=crowd(7)) == 0
    assert computed(Memory(tmp_path), crowd(*range(21))) == 1
    assert computed(Memory(tmp_path), crowd(*range(21)), Rules(Reach(1.5, 2, 2.0), GATE, 2)) == 21


def test_a_face_that_is_forgotten_costs_a_state_made_anew(tmp_path: Path) -> None:
    """Whose neighbours it was cannot be told without its vector."""
    computed(Memory(tmp_path), crowd(*range(20)))
    assert computed(Memory(tmp_path), crowd(*range(19))) == 19


def test_a_damaged_file_costs_a_state_made_anew(tmp_path: Path) -> None:
    """It is no reason to stop, and is written again."""
    computed(Memory(tmp_path), crowd(*range(20)))
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes()[:-9])
    assert computed(Memory(tmp_path), crowd(*range(20))) == 20
    assert computed(Memory(tmp_path), crowd(*range(20))) == 0


def test_no_embedding_stands_in_the_file(tmp_path: Path) -> None:
    """So that what is forgotten is not found there."""
    faces = crowd(*range(20))
    faces.embeddings[:] = np.random.default_rng(1).normal(size=(20, 128))
    computed(Memory(tmp_path), faces)
    written = (tmp_path / FILE).read_bytes()
    assert not any(row.tobytes()[:16] in written for row in faces.embeddings)


def test_what_was_broken_off_is_not_gone_on_with(tmp_path: Path) -> None:
    """A failure in the middle of an update leaves nothing half done for the next question."""
    memory = Memory(tmp_path)
    computed(memory, crowd(*range(20)))

    def fail(*_: object) -> None:
        raise MemoryError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Neighbours, "update", fail)
        with pytest.raises(MemoryError):
            computed(memory, crowd(*range(22)))
    assert computed(memory, crowd(*range(22))) == 2
