"""Whole decisions about faces that should not be: of another engine, of no length, none, one, ten thousand alike."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faced.errors import Damaged
from faced.faces.quality import GATE
from faced.model import (
    Box,
    DetectedFace,
    EncodedPicture,
    EngineId,
    FaceId,
    FileStamp,
    ImageKey,
    PersonId,
    PhotoId,
)
from faced.passes.decide import Question, decide_here
from faced.people.identity import assign_persons
from faced.people.propose import propose_faces
from faced.people.recluster import Clustering, Decision, write_decision
from faced.people.said import Said
from faced.people.suggest import Near
from faced.store.database import Store, open_store
from faced.store.edits import Draft, FaceRef
from faced.store.faces import load_face_ids
from faced.store.health import mend
from faced.store.jobs import Reading, ensure_engine, save_reading
from faced.store.photos import load_libraries, save_photos, set_libraries
from faced.store.spots import load_engine_key
from faced.store.suggestions import load_suggestions
from tests.support.people import clusters_of, faces_at
from tests.support.said import add_people, say

SETTINGS = Clustering(eps=0.45, min_samples=3, gate=GATE, copy_bits=4, joins=True)
STAMP = FileStamp(1, 1, 1, 1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """With one library."""
    with open_store(tmp_path) as opened:
        with opened.write() as db:
            set_libraries(db, [b"/photos"], exact=True)
        yield opened


def put_faces(store: Store, name: str, places: Sequence[float]) -> EngineId:
    """A photo with one face for each place on a line, as this engine sees it. Photos are the same for all engines."""
    with store.write() as db:
        engine = ensure_engine(db, name, "{}")
        [library] = load_libraries(db)
        save_photos(db, library.id, {b"%d.jpg" % number: STAMP for number in range(len(places))}, 1)
        for number, place in enumerate(places):
            vector = np.zeros(128, np.float32)
            vector[0] = place
            box = Box(0.1, 0.1, 0.1, 0.1)
            face = DetectedFace(box, np.zeros((5, 2), np.float32), 1.0, 90.0, 0.1, vector)
            taken = EncodedPicture("JPEG", 100, 100, 1, None, number * 0x9E3779B97F4A7C15 % 2**63, (face,))
            reading = Reading(PhotoId(number + 1), STAMP, ImageKey(f"b1:{number:032x}"), taken)
            assert save_reading(db, engine, reading, lambda before, after: ())
    return engine


def decide(store: Store, engine: EngineId) -> Decision | None:
    """As the deciding process does."""
    return decide_here(Question(store.folder, engine, SETTINGS))


def name_all(store: Store, engine: EngineId, person: int, images: range) -> None:
    """All faces of these images are the person's, who is called Anna."""
    key = load_engine_key(store.db, engine)
    faces = tuple(FaceRef(ImageKey(f"b1:{number:032x}"), Box(0.1, 0.1, 0.1, 0.1), key) for number in images)
    say(store, Draft("name", PersonId(person), value="Anna"), Draft("anchor", PersonId(person), faces))


def persons_of(decision: Decision | None) -> set[int]:
    """Everybody who gets a face."""
    assert decision is not None
    return {person for _, person, _ in decision.owners}


def test_faces_of_two_engines_are_never_compared(store: Store) -> None:
    """The same vectors: for each engine its own four are one person, and nothing is said of the other four. A word about
    the one engine's boxes is heard by the other."""
    first = put_faces(store, "first", [0.0] * 4)
    second = put_faces(store, "second", [0.0] * 4)
    for engine in (first, second):
        decision = decide(store, engine)
        assert persons_of(decision) == {-1}
        assert decision is not None
        assert decision.faces == len(decision.owners) == 4
    write_decision(store, first, decide(store, first))
    name_all(store, first, 1, range(4))
    heard = decide(store, second)
    assert heard is not None
    assert {(face, who) for face, who, _ in heard.owners} == {(f, 1) for f in load_face_ids(store.db, second)}


def test_no_face_and_one_face(store: Store) -> None:
    """Nobody; nobody's, until the user says whose: then it is, and the decision can be written each time."""
    assert persons_of(decide(store, ensure(store, "first"))) == set()
    engine = put_faces(store, "first", [0.0])
    decision = decide(store, engine)
    assert persons_of(decision) == set()
    assert write_decision(store, engine, decision).faces == 1
    add_people(store, 1)
    name_all(store, engine, 1, range(1))
    assert persons_of(decide(store, engine)) == {1}
    assert load_suggestions(store.db, engine) == []


def ensure(store: Store, name: str) -> EngineId:
    """An engine without faces."""
    with store.write() as db:
        return ensure_engine(db, name, "{}")


@pytest.mark.parametrize(("length", "is_named"), [(0, False), (511, True), (516, False), (508, True)])
def test_a_vector_of_another_length_is_damage_and_is_encoded_again(
    store: Store, length: int, is_named: bool
) -> None:
    """Whole by its checksum, and yet no vector: said in one sentence; the image waits for its encoding, the others stay."""
    engine = put_faces(store, "first", [0.0] * 5)
    write_decision(store, engine, decide(store, engine))
    if is_named:
        name_all(store, engine, 1, range(5))
    vector = bytes(length)
    with store.write() as db:
        db.execute("UPDATE faces SET embedding = ?, crc = ? WHERE id = 1", [vector, zlib.crc32(vector)])
    with store.write() as db:
        db.execute("DELETE FROM settings WHERE key = 'recluster.input'")
    with pytest.raises(Damaged, match="face 1"):
        decide(store, engine)
    mend(store)
    assert 1 not in load_face_ids(store.db, engine)
    decision = decide(store, engine)
    assert decision is not None
    assert decision.faces == 4
    assert persons_of(decision) == {1}


def test_ten_thousand_identical_faces_are_one_person_with_and_without_a_name() -> None:
    """In one cluster (see test_joining): nobody is left over, and nothing is left to propose."""
    count = 10_000
    faces = faces_at(("", 0.0)).take(np.zeros(count, dtype=np.intp))
    images = tuple(ImageKey(f"b1:{number:032x}") for number in range(count))
    faces = replace(faces, ids=np.arange(count), images=images)
    clusters = clusters_of([0] * count)
    silent = assign_persons(faces, clusters, {}, Said())
    assert set(silent.persons.values()) == {-1}
    assert len(silent.persons) == count
    anna = PersonId(7)
    said = Said(anchors=dict.fromkeys((FaceId(row) for row in range(50)), anna), named=frozenset({anna}))
    named = assign_persons(faces, clusters, {}, said)
    assert named.persons == dict.fromkeys((FaceId(row) for row in range(count)), anna)
    rows = np.tile(np.arange(1, 33, dtype=np.int32), (count, 1))
    near = Near(rows, np.zeros((count, 32), np.float32), np.ones(count, dtype=np.bool_))
    assert propose_faces(faces, clusters, named, said, near, within=0.36) == []
