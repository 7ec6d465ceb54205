"""Whole decisions about faces that should not be: of another engine, of no length, none, one, ten thousand alike."""

import os
import tracemalloc
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
from faced.people.recluster import Clustering, Decision, decide_owners, write_decision
from faced.people.said import Said
from faced.store.database import Store, open_store
from faced.store.edits import Draft, FaceRef
from faced.store.faces import load_face_ids
from faced.store.health import mend
from faced.store.jobs import Reading, ensure_engine, save_reading
from faced.store.photos import load_libraries, save_photos, set_libraries
from faced.store.spots import load_engine_key
from faced.store.suggestions import load_suggestions
from tests.support.people import faces_at, store_faces
from tests.support.said import add_people, say

LONG = os.environ.get("FACED_LONG") == "1"
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


@pytest.mark.parametrize(("last", "is_hers"), [("pin", True), ("reject", False)])
def test_of_a_pin_and_a_rejection_of_one_face_the_later_is_decided_by(
    store: Store, last: str, is_hers: bool
) -> None:
    """Said of the same face and person, in either order, and taken back: then the earlier one stands again."""
    engine = put_faces(store, "first", [0.0] * 5)
    add_people(store, 1)
    name_all(store, engine, 1, range(1, 5))
    face = FaceRef(ImageKey(f"b1:{0:032x}"), Box(0.1, 0.1, 0.1, 0.1), load_engine_key(store.db, engine))
    first = "reject" if last == "pin" else "pin"
    for kind in (first, last):
        say(store, Draft(kind, PersonId(1), (face,)))
    assert (1 in whose(decide(store, engine))) == is_hers
    [edit] = store.db.execute("SELECT max(id) FROM edits").fetchone()
    say(store, Draft("undo", undoes=edit))
    assert (1 in whose(decide(store, engine))) != is_hers


def whose(decision: Decision | None) -> dict[FaceId, int]:
    """The person of each face."""
    assert decision is not None
    return {face: person for face, person, _ in decision.owners}


@pytest.mark.parametrize("are_copies", [False, True])
def test_thousands_of_identical_faces_are_decided_in_little_memory(store: Store, are_copies: bool) -> None:
    """Of as many pictures: one person, without a name and with one, and nothing is left to propose. Of copies of one picture:
    they count as one face, which is nobody's until somebody is named by one of them; then all are hers."""
    count, anna = 10_000 if LONG else 3_000, PersonId(1)
    faces = faces_at(("", 0.0)).take(np.zeros(count, dtype=np.intp))
    images = tuple(ImageKey(f"b1:{number:032x}") for number in range(count))
    hashes = np.arange(count, dtype=np.uint64) * np.uint64(0 if are_copies else 0x9E3779B97F4A7C15)
    store_faces(store, replace(faces, ids=np.arange(1, count + 1), images=images, dhashes=hashes))
    add_people(store, 1)
    tracemalloc.start()
    silent = decide_owners(store.db, EngineId(1), SETTINGS, Said())
    said = Said(anchors=dict.fromkeys(map(FaceId, range(1, 51)), anna), named=frozenset({anna}))
    named = decide_owners(store.db, EngineId(1), SETTINGS, said)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert set(whose(silent).values()) == (set() if are_copies else {-1})
    assert whose(named) == dict.fromkeys(map(FaceId, range(1, count + 1)), anna)
    assert named is not None
    assert named.suggestions == ()
    assert peak < 300e6
