"""Rule 5, time: nobody is in a photo from before the own birth; years apart, and for children, a face must be nearer."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faced.faces.quality import GATE
from faced.model import FaceId, PersonId
from faced.people.faces import NOISE, Attached, Clusters, Faces
from faced.people.identity import assign_persons
from faced.people.likeness import judge_faces
from faced.people.propose import choose_eligible, find_near, propose_faces
from faced.people.recluster import Clustering, cluster_faces, keep_time
from faced.people.said import Said
from faced.people.years import CHILD, MOST, ask_nearer
from tests.property.test_identity_laws import World, worlds
from tests.support.people import clusters_of as clusters_by_hand
from tests.support.people import faces_at, rank_all

ANNA, BEN = PersonId(1), PersonId(2)
LIMIT = 0.45
SETTINGS = Clustering(eps=0.45, min_samples=3, gate=GATE, copy_bits=4, joins=True)


def dated(faces: Faces, *years: int) -> Faces:
    """The same, taken then; 0: no date."""
    return replace(faces, years=np.array(years, dtype=np.int16))


def one_attached(row: int, distance: float) -> Attached:
    return Attached(np.array([row]), np.array([distance]), np.array([NOISE]), np.array([np.inf]))


def attached_at(distance: float) -> Clusters:
    """Four core faces, and a fifth that attached to them."""
    clusters = clusters_by_hand([0, 0, 0, 0, 0], cores=[0, 1, 2, 3])
    return replace(clusters, attached=one_attached(4, distance))


def labels_when(years: list[int], distance: float) -> list[int]:
    """Of four core faces and one that attached, taken then."""
    return ask_nearer(attached_at(distance), np.array(years, dtype=np.int16), LIMIT).labels.tolist()


def test_a_face_years_away_from_all_others_must_be_nearer() -> None:
    """Up to ten years nothing is asked; then ever more; the nearest in time counts, not the mean."""
    near = [2000, 2000, 2000, 2000]
    assert labels_when([*near, 2010], LIMIT - 0.01) == [0] * 5
    assert labels_when([*near, 2015], LIMIT - 0.01) == [0, 0, 0, 0, NOISE]
    assert labels_when([*near, 2015], LIMIT - 0.06) == [0] * 5
    assert labels_when([*near, 1940], LIMIT - MOST + 0.01) == [0, 0, 0, 0, NOISE]
    assert labels_when([*near, 1940], LIMIT - MOST - 0.01) == [0] * 5
    assert labels_when([2000, 2000, 2000, 2012, 2015], LIMIT - 0.01) == [0] * 5


def test_what_has_no_date_is_asked_nothing() -> None:
    """The face, or all the others."""
    assert labels_when([2000, 2000, 2000, 2000, 0], LIMIT - 0.01) == [0] * 5
    assert labels_when([0, 0, 0, 0, 2015], LIMIT - 0.01) == [0] * 5


def test_a_near_copy_goes_with_the_face_that_it_copies() -> None:
    """A resized copy without a date: both stay or both go; a cluster whose first face goes has another name."""
    clusters = clusters_by_hand([0, 0, 0, 0, 0], cores=[2, 3, 4], groups=[0, 0, 2, 3, 4])
    clusters = replace(clusters, attached=one_attached(0, LIMIT - 0.01))
    far = ask_nearer(clusters, np.array([2015, 0, 2000, 2000, 2000], dtype=np.int16), LIMIT)
    assert far.labels.tolist() == [NOISE, NOISE, 2, 2, 2]
    assert not far.attached


def decide(faces: Faces, clusters: Clusters, said: Said) -> dict[int, int]:
    """Whose each face is."""
    return dict(assign_persons(faces, clusters, {}, said).persons)


def test_nobody_is_in_a_photo_from_before_the_own_birth() -> None:
    """Computed: no. An anchor is a vote: no. A pin is the user's word: yes."""
    faces = dated(faces_at(*((name, 0.0) for name in "abcde")), 2016, 2017, 2018, 1990, 1991)
    clusters = clusters_by_hand([0] * 5)
    anchors = {FaceId(row): ANNA for row in (0, 1, 2, 3)}
    said = Said({}, {}, anchors, frozenset({ANNA}))
    assert decide(faces, clusters, said) == dict.fromkeys(range(5), ANNA)
    born = replace(said, born={ANNA: 2016})
    assert decide(faces, clusters, born) == dict.fromkeys(range(3), ANNA)
    assert decide(faces, clusters, replace(born, pins={FaceId(4): ANNA}))[4] == ANNA


def test_a_photo_from_before_a_birth_goes_to_the_other_owner() -> None:
    """Nearer to the daughter, but she was not there yet: the mother's."""
    faces = dated(
        faces_at(("a", 0.0), ("b", 0.01), ("c", 0.3), ("d", 0.31), ("e", 0.05)), 2016, 2017, 1990, 2000, 1991
    )
    anchors = {FaceId(0): ANNA, FaceId(1): ANNA, FaceId(2): BEN, FaceId(3): BEN}
    said = Said({}, {}, anchors, frozenset({ANNA, BEN}), born={ANNA: 2016})
    assert decide(faces, clusters_by_hand([0] * 5), replace(said, born={}))[4] == ANNA
    assert decide(faces, clusters_by_hand([0] * 5), said)[4] == BEN


@pytest.mark.parametrize(("distance", "expected"), [(LIMIT - CHILD + 0.01, 0), (LIMIT - CHILD - 0.01, ANNA)])
def test_a_childs_face_that_attached_must_be_nearer(distance: float, expected: int) -> None:
    """Of four years, where the birth is known; else as anybody's."""
    years = np.array([2016, 2017, 2018, 2019, 2019], dtype=np.int16)
    faces = dated(faces_at(*((name, 0.0) for name in "abcde")), *years.tolist())
    clusters = ask_nearer(attached_at(distance), years, LIMIT)
    said = Said({}, {}, {FaceId(row): ANNA for row in (0, 1)}, frozenset({ANNA}), born={ANNA: 2015})
    assert decide(faces, clusters, said).get(4, 0) == expected
    assert decide(faces, clusters, replace(said, born={}))[4] == ANNA
    assert decide(faces, clusters, replace(said, born={ANNA: 1985}))[4] == ANNA


def proposed(faces: Faces, said: Said) -> set[int]:
    """The faces that are proposed to anybody; nobody is in a cluster but for the first three."""
    clusters = clusters_by_hand([0, 0, 0, *[NOISE] * (len(faces) - 3)])
    decided = assign_persons(faces, clusters, {}, said)
    near = find_near(faces.embeddings, choose_eligible(faces, clusters.groups, GATE), np.arange(len(faces)))
    return {
        face for one in propose_faces(faces, clusters, decided, said, near, within=0.36) for face in one.faces
    }


def test_a_photo_from_before_the_birth_is_not_proposed() -> None:
    """Two look like her; one is from before."""
    faces = dated(
        faces_at(("a", 0.0), ("b", 0.0), ("c", 0.0), ("d", 0.3), ("e", -0.3)), 2016, 2017, 2018, 1990, 2019
    )
    said = Said({}, {}, {FaceId(row): ANNA for row in range(3)}, frozenset({ANNA}))
    assert proposed(faces, said) == {3, 4}
    assert proposed(faces, replace(said, born={ANNA: 2015})) == {4}
    unit = replace(faces, dhashes=np.full(5, 7, dtype=np.uint64))
    assert proposed(unit, replace(said, born={ANNA: 2015})) <= {4}


def test_who_is_not_in_a_picture_from_before_the_birth() -> None:
    """`faced who`: neither attached nor suggested."""
    known = faces_at(("a", 0.0), ("b", 0.0), ("c", 0.0))
    said = Said(named=frozenset({ANNA}), born={ANNA: 2015})
    for place, verdict in ((0.1, "attached"), (0.3, "suggested")):
        vector = faces_at(("x", place)).embeddings[0]
        for year, expected in ((0, verdict), (2015, verdict), (2014, "unknown")):
            [ruling] = judge_faces(
                "x", [vector], rank_all([vector], known, np.full(3, ANNA)), known, np.full(3, ANNA), said,
                eps=0.2, suggest=0.36, gate=GATE, sides=[100.0], sharpness=[1.0], year=year,
            )  # fmt: skip
            assert ruling.verdict == expected


some_years = st.sampled_from([0, 0, 1950, 1990, 2000, 2010, 2020])
births = st.dictionaries(st.integers(1, 5).map(PersonId), st.sampled_from([1950, 1995, 2015]), max_size=3)


@given(worlds(), births, st.data())
@settings(max_examples=100, deadline=None)
def test_law_never_before_the_birth_but_by_a_pin(
    world: World, born: dict[PersonId, int], data: st.DataObject
) -> None:
    """Whatever is said and computed; and faces without a date are decided as ever, when none has one."""
    count = len(world.faces)
    years = data.draw(st.lists(some_years, min_size=count, max_size=count))
    said = replace(world.said, born=born)
    persons = world.decide(faces=dated(world.faces, *years), said=said)
    for face, year in zip(world.faces.ids.tolist(), years, strict=True):
        person = persons.get(face, 0)
        assert not 0 < year < born.get(PersonId(person), 0) or said.pins.get(FaceId(face)) == person
    assert world.decide(faces=dated(world.faces, *[0] * count), said=said) == world.decide()


def join(faces: Faces) -> Clusters:
    """As a pass does."""
    return keep_time(cluster_faces(faces, SETTINGS), faces, SETTINGS)


@given(st.integers(0, 1000), st.data())
@settings(max_examples=30, deadline=None)
def test_law_without_dates_as_before_and_with_them_in_any_order(seed: int, data: st.DataObject) -> None:
    """Faces around three middles. Dates only take attached faces away, the same ones whoever came first."""
    random = np.random.default_rng(seed)
    count = 24
    embeddings = np.zeros((count, 128), dtype=np.float32)
    embeddings[np.arange(count), np.arange(count) % 3] = 0.6
    embeddings += random.normal(0, data.draw(st.sampled_from([0.02, 0.03])), embeddings.shape).astype(
        np.float32
    )
    plain = replace(faces_at(*((f"{row:03}", 0.0) for row in range(count))), embeddings=embeddings)
    before = join(plain)
    assert join(dated(plain, *[0] * count)).labels.tolist() == before.labels.tolist()
    years = data.draw(st.lists(some_years, min_size=count, max_size=count))
    after = join(dated(plain, *years))
    gone = np.flatnonzero(after.labels != before.labels)
    assert (after.labels[gone] == NOISE).all() or set(after.labels.tolist()) != set(before.labels.tolist())
    ids = list(range(count))
    Random(seed).shuffle(ids)
    other = join(replace(dated(plain, *years), ids=np.array(ids, dtype=np.int64)))
    assert other.labels.tolist() == after.labels.tolist()
