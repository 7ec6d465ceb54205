"""The step: read, decide, write. What a process keeps in memory saves time and changes nothing."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from faced.model import EngineId, FaceId, PersonId
from faced.people.faces import Faces
from faced.people.memory import Memory
from faced.people.recluster import Decision, decide_owners, write_decision
from faced.people.said import Said
from faced.store.database import Store, open_store
from faced.store.persons import add_persons, load_owners
from tests.people.test_company import SETTINGS, make_cast
from tests.support.people import store_faces
from tests.support.shared import shared_data

ENGINE = EngineId(1)
MANY = 30


def decide(store: Store, said: Said, memory: Memory) -> Decision:
    """A decision, written."""
    decision = decide_owners(store.db, ENGINE, SETTINGS, said, memory)
    assert decision is not None
    write_decision(store, ENGINE, decision)
    return decision


def owners(store: Store) -> dict[int, tuple[int, str]]:
    """Whose each face is, and why."""
    return {int(face): (owner.person, owner.why) for face, owner in load_owners(store.db, ENGINE).items()}


def show_only(store: Store, faces: Faces, rows: list[int]) -> None:
    """The photos of these rows are in sight, and no others."""
    here = {faces.images[row].encode() for row in rows}
    with store.write() as db:
        db.execute("UPDATE photos SET image = NULL")
        for path in here:
            db.execute(
                "UPDATE photos SET image = (SELECT id FROM images WHERE key = ?) WHERE path = ?",
                [path.decode(), path],
            )


@pytest.mark.parametrize("seed", range(4))
def test_law_a_process_that_is_asked_again_writes_what_a_new_one_would(tmp_path: Path, seed: int) -> None:
    """Photos come and go, names and rejections are given and taken back; a state of the same history is decided by a
    new process each time, and both say the same of every face, and why."""
    faces = make_cast(240, 6, seed, 0.02, 0.03)
    faces = replace(faces, ids=faces.ids + 1)
    random = np.random.default_rng(seed)
    memory = Memory(tmp_path / "one")
    with open_store(tmp_path / "one") as one, open_store(tmp_path / "other") as other:
        for store in (one, other):
            store_faces(store, faces)
            with store.write() as db:
                add_persons(db, 2)
        for turn in range(6):
            rows = np.flatnonzero(random.random(len(faces)) < (0.5, 0.8, 0.9, 0.4, 1.0, 0.97)[turn])
            named = random.choice(faces.ids, 12, replace=False).tolist()
            said = Said(
                pins={FaceId(named[0]): PersonId(1)},
                anchors={FaceId(face): PersonId(1 + n % 2) for n, face in enumerate(named[1:9])},
                rejections={FaceId(face): frozenset([PersonId(2)]) for face in named[9:]},
                named=frozenset([PersonId(1), PersonId(2)]),
            )
            said = (Said(), said, said, replace(said, rejections={}), said, said)[turn]
            decisions = []
            for store, kept in ((one, memory), (other, Memory())):
                show_only(store, faces, rows.tolist())
                decisions.append(decide(store, said, kept))
            assert owners(one) == owners(other)
            assert decisions[0] == decisions[1]
            assert decide_owners(one.db, ENGINE, SETTINGS, said, memory) is None


def test_a_decision_holds_what_is_not_stored_yet(tmp_path: Path) -> None:
    """Of one more face: who is beside it in its cluster, for their reason says how many they are; not the others."""
    faces = make_cast(120, 6, 1, 0.015, 0.06)
    faces = replace(faces, ids=faces.ids + 1)
    memory = Memory()
    with open_store(tmp_path / "one") as store:
        store_faces(store, faces)
        first = faces.images[:-1].index(faces.images[-1])
        show_only(store, faces, list(range(first)))
        everything = decide(store, Said(), memory)
        show_only(store, faces, list(range(len(faces))))
        more = decide(store, Said(), memory)
        assert 0 < len(more.owners) < len(everything.owners) // 2
        assert more.moved <= len(faces) - first


def test_a_vector_that_is_no_place_is_left_out(tmp_path: Path) -> None:
    """Whoever it was is nobody, now and at the next question."""
    faces = make_cast(60, 3, 2, 0.015, 0.06)
    faces = replace(faces, ids=faces.ids + 1)
    faces.embeddings[7, 3] = np.nan
    memory = Memory()
    with open_store(tmp_path / "one") as store:
        store_faces(store, faces)
        for rows in (range(50), range(60)):
            show_only(store, faces, list(rows))
            decision = decide(store, Said(), memory)
            assert decision.unusable == 1
            assert decision.faces >= len(rows)
            assert 8 not in owners(store)


def test_on_real_embeddings_the_order_of_arrival_decides_nothing(tmp_path: Path) -> None:
    """Six hundred real faces of relatives, thirty people named: in batches and one by one, some gone and back, stored in another
    order under other ids; and all at once. The same partition, the same faces for each name, the same suggestions."""
    data = np.load(shared_data() / "embeddings" / "families_dev.npz")
    faces = make_cast(600, 1, 3, 0.0, 0.0)
    faces = replace(faces, ids=faces.ids + 1)
    faces.embeddings[:] = data["embedding_mirror"][:600]
    counted = Counter(data["person"][:600].tolist()).most_common(MANY)
    words = [(row, number) for number, (name, _) in enumerate(counted, 1) for row in named_rows(data, name)]
    found = []
    for shuffled in (False, True):
        random = np.random.default_rng(5)
        other = random.permutation(len(faces)) + 1 if shuffled else faces.ids
        theirs = replace(faces, ids=other)
        said = Said(
            anchors={FaceId(int(other[row])): PersonId(number) for row, number in words},
            named=frozenset(map(PersonId, range(1, MANY + 1))),
        )
        with open_store(tmp_path / str(shuffled)) as store:
            store_faces(store, theirs)
            with store.write() as db:
                add_persons(db, MANY)
            memory, here, order = Memory(), set[int](), random.permutation(len(faces)).tolist()
            for size in (200, 1, 1, 90, 1, 150) if shuffled else ():
                here |= set(order[: len(here) + size])
                show_only(store, theirs, sorted(here))
                decide(store, said, memory)
                here -= set(order[len(here) - 3 :])
            show_only(store, theirs, list(range(len(faces))))
            last = decide(store, said, memory)
            owned = {row: owners(store).get(int(face), (0, ""))[0] for row, face in enumerate(other)}
            row_of = {int(face): row for row, face in enumerate(other)}
            proposed = {(one.person, tuple(row_of[face] for face in one.faces)) for one in last.suggestions}
        groups = Counter(owned.values())
        parts = {frozenset(row for row, person in owned.items() if person == one) for one in groups if one}
        names = {row: person for row, person in owned.items() if 0 < person <= MANY}
        found.append((parts, names, proposed))
    assert found[0] == found[1]
    assert len(found[0][0]) > 20
    assert found[0][2]


def named_rows(data: Mapping[str, NDArray[np.str_]], name: str) -> list[int]:
    """Half of the person's faces."""
    return np.flatnonzero(data["person"][:600] == name)[::2].tolist()
