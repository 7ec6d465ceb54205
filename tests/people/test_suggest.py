"""Suggestions: who a face may be, for the user to say."""

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faced.faces.quality import GATE
from faced.model import FaceId, PersonId
from faced.people.faces import Clusters, Faces, sort_faces
from faced.people.identity import assign_persons
from faced.people.likeness import Ranking, judge_faces
from faced.people.propose import KEPT, choose_eligible, find_near, propose_faces
from faced.people.said import Said
from faced.people.suggest import LIMIT, REACH, Near, Standing, Suggestion, suggest_faces
from tests.support.people import clusters_of, faces_at, rank_all

ANNA, BEN = PersonId(1), PersonId(2)
WITHIN = 0.35


def suggest(
    faces: Faces,
    owners: list[int],
    *,
    pinned: tuple[int, ...] = (),
    rejected: dict[int, frozenset[PersonId]] | None = None,
    named: frozenset[PersonId] = frozenset({ANNA}),
    known: frozenset[PersonId] = frozenset(),
    groups: list[int] | None = None,
    labels: list[int] | None = None,
) -> list[Suggestion]:
    """What is proposed when these are whose."""
    count = len(faces)
    standing = Standing(
        np.array(owners, dtype=np.int64),
        np.array(labels or [-1] * count, dtype=np.intp),
        np.array(groups or range(count), dtype=np.intp),
        pinned,
        rejected or {},
        named,
        known,
    )
    eligible = choose_eligible(faces, standing.groups, GATE)
    near = find_near(faces.embeddings, eligible, np.arange(count))
    return suggest_faces(faces, near, standing, within=WITHIN)


def near_all(faces: Faces) -> Near:
    """Who is near whom among all of them, none a near-copy."""
    count = len(faces)
    return find_near(faces.embeddings, np.ones(count, dtype=np.bool_), np.arange(count))


def faces_of(found: list[Suggestion]) -> list[tuple[int, ...]]:
    """The faces of each."""
    return [one.faces for one in found]


def line(*places: float) -> Faces:
    """A photo for each place."""
    return faces_at(*((f"{number:03}", place) for number, place in enumerate(places)))


def test_a_near_face_of_nobody_is_proposed_and_a_far_one_is_not() -> None:
    """Hers lie at 0; one of nobody's 0.4 away (less what few faces excuse), one 0.55 away."""
    found = suggest(line(0, 0, 0, 0.4, -0.55), [1, 1, 1, 0, 0])
    assert faces_of(found) == [(3,)]
    assert found[0].person == ANNA
    assert found[0].distance == pytest.approx((0.16 - 0.06 * (1 + 1 / 3)) ** 0.5)


def test_the_nearest_comes_first() -> None:
    """On both sides of her, so that they say nothing of each other."""
    assert faces_of(suggest(line(0, 0, 0, 0.38, -0.30), [1, 1, 1, 0, 0])) == [(4,), (3,)]


def test_an_unnamed_person_is_proposed_whole() -> None:
    """Three faces of Person 7 in one suggestion, the nearest first."""
    found = suggest(line(0, 0, 0, 0.34, 0.32, 0.33), [1, 1, 1, 7, 7, 7])
    assert faces_of(found) == [(4, 5, 3)]


def test_a_person_found_just_now_has_a_number_below_zero() -> None:
    """And is proposed whole like any other."""
    assert faces_of(suggest(line(0, 0, 0, 0.34, 0.32), [1, 1, 1, -1, -1])) == [(4, 3)]


def test_what_was_rejected_is_not_proposed_again() -> None:
    """Not the face; not a cluster of which half was rejected; but to somebody else, if he is near."""
    assert suggest(line(0, 0, 0, 0.3), [1, 1, 1, 0], rejected={3: frozenset({ANNA})}) == []
    cluster = line(0, 0, 0, 0.3, 0.3, 0.3)
    owners = [1, 1, 1, 7, 7, 7]
    assert faces_of(suggest(cluster, owners, rejected={3: frozenset({ANNA})})) == [(4, 5)]
    assert suggest(cluster, owners, rejected={3: frozenset({ANNA}), 4: frozenset({ANNA})}) == []
    two = line(0, 0, 0, 0.3, 0.65, 0.65)
    both = frozenset({ANNA, BEN})
    owners = [1, 1, 1, 0, 2, 2]
    [other] = suggest(two, owners, named=both, rejected={3: frozenset({ANNA})})
    assert (other.person, other.faces) == (BEN, (3,))


def test_between_two_persons_nobody_is_proposed() -> None:
    """As near to Anna as to Ben: most of what is near is neither's."""
    assert (
        suggest(line(0, 0, 0, 0.3, 0.6, 0.6, 0.6), [1, 1, 1, 0, 2, 2, 2], named=frozenset({ANNA, BEN})) == []
    )


def test_pinned_faces_and_those_of_others_and_strangers_are_left_alone() -> None:
    """Whoever the user spoke of stays."""
    faces = line(0, 0, 0, 0.3)
    assert suggest(faces, [1, 1, 1, 7], pinned=(3,)) == []
    assert suggest(faces, [1, 1, 1, 2], named=frozenset({ANNA, BEN})) == []
    assert suggest(faces, [1, 1, 1, 9], known=frozenset({PersonId(9)})) == []


def test_two_faces_of_one_photo_are_never_both_proposed() -> None:
    """Nor one of a photo that shows her already, nor a person without a name who is beside her in one."""
    beside = faces_at(("a", 0), ("b", 0), ("c", 0), ("c", 0.3))
    assert suggest(beside, [1, 1, 1, 0]) == []
    two = faces_at(("a", 0), ("b", 0), ("c", 0), ("d", 0.3), ("d", -0.31))
    assert faces_of(suggest(two, [1, 1, 1, 0, 0])) == [(3,)]
    cluster = faces_at(("a", 0), ("b", 0), ("c", 0), ("c", 0.3), ("d", 0.3))
    assert suggest(cluster, [1, 1, 1, 7, 7]) == []


def test_near_copies_are_proposed_together_and_count_once() -> None:
    """A burst of nobody's face is one suggestion, as far away as one face."""
    [burst] = suggest(line(0, 0, 0, 0.3, 0.3, 0.3), [1, 1, 1, 0, 0, 0], groups=[0, 1, 2, 3, 3, 3])
    [single] = suggest(line(0, 0, 0, 0.3), [1, 1, 1, 0])
    assert burst.faces == (3, 4, 5)
    assert burst.distance == single.distance


def test_the_nearest_appearance_counts() -> None:
    """She as a child and grown up: the middle of the two is nobody."""
    faces = line(0, 0, 0, 0.3, 2, 2, 2)
    assert faces_of(suggest(faces, [1, 1, 1, 0, 1, 1, 1], labels=[0, 0, 0, -1, 4, 4, 4])) == [(3,)]
    assert suggest(faces, [1, 1, 1, 0, 1, 1, 1]) == []


def test_no_more_than_the_limit() -> None:
    """Of a very large cluster the nearest ones, and nothing after it."""
    faces = line(0, 0, 0, *np.linspace(0.3, 0.33, LIMIT + 50), -0.44)
    found = suggest(faces, [1, 1, 1, *[7] * (LIMIT + 50), 0])
    assert faces_of(found) == [tuple(range(3, 3 + LIMIT))]


def test_a_large_cluster_that_sees_only_itself_is_compared_by_its_middle() -> None:
    """Its lists of nearest faces are full of its own."""
    found = suggest(line(0, 0, 0, *[0.3] * 60), [1, 1, 1, *[7] * 60])
    assert len(found) == 1
    assert len(found[0].faces) == 60


@pytest.mark.parametrize("owners", [[], [0], [0, 0, 0], [1, 1]])
def test_with_little_there_is_nothing_to_propose(owners: list[int]) -> None:
    """No face, no person with a name, nobody left."""
    assert suggest(line(*[0.0] * len(owners)), owners) == []
    assert suggest(line(*[0.0] * len(owners)), owners, named=frozenset()) == []


def cloud(seed: int) -> tuple[Faces, list[int]]:
    """Faces of six people, most of which are known; several faces in some photos."""
    dice = np.random.default_rng(seed)
    middles = np.zeros((6, 128), dtype=np.float32)
    middles[:, :6] = np.eye(6) * 0.5
    people = dice.integers(0, 6, 80)
    vectors = middles[people] + dice.normal(0, 0.02, (80, 128)).astype(np.float32)
    made = faces_at(*sorted((f"{dice.integers(0, 120):03}", 0.0) for _ in range(80)))
    faces = Faces(
        made.ids,
        made.images,
        made.boxes,
        made.dhashes,
        made.sides,
        made.sharpness,
        vectors.astype(np.float32),
    )
    owners = [int(dice.choice([0, *[person + 1] * 3])) for person in people]
    return faces, owners


@pytest.mark.parametrize("seed", range(12))
def test_the_order_of_arrival_does_not_matter_and_the_rules_hold(seed: int) -> None:
    """The same faces with other ids, shuffled and sorted again: the same proposals; no photo shows her twice."""
    faces, owners = cloud(seed)
    dice = random.Random(seed)
    named = frozenset({PersonId(1), PersonId(2), PersonId(3)})
    rejected = {row: frozenset({PersonId(dice.randrange(1, 4))}) for row in dice.sample(range(80), 10)}
    pinned = tuple(dice.sample(range(80), 5))
    found = suggest(faces, owners, named=named, rejected=rejected, pinned=pinned)
    order = np.array(dice.sample(range(80), 80))
    numbers = np.array(dice.sample(range(1000, 2000), 80))
    shuffled = sort_faces(
        Faces(
            numbers[order],
            tuple(faces.images[row] for row in order),
            faces.boxes[order],
            faces.dhashes[order],
            faces.sides[order],
            faces.sharpness[order],
            faces.embeddings[order],
        )
    )
    again = suggest(shuffled, owners, named=named, rejected=rejected, pinned=pinned)
    assert [(one.person, tuple(int(numbers[face]) for face in one.faces), one.distance) for one in found] == [
        (one.person, one.faces, one.distance) for one in again
    ]
    assert found
    check_rules(faces, owners, found, named, rejected, pinned)


def check_rules(
    faces: Faces,
    owners: list[int],
    found: list[Suggestion],
    named: frozenset[PersonId],
    rejected: dict[int, frozenset[PersonId]],
    pinned: tuple[int, ...],
) -> None:
    """Each face once; never a named person's, a rejected or pinned one; no photo shows anybody twice."""
    faces_once = Counter(face for one in found for face in one.faces)
    assert max(faces_once.values()) == 1
    for one in found:
        assert one.person in named
        assert one.distance <= WITHIN
        for face in one.faces:
            assert owners[face] not in named
            assert face not in pinned
            assert one.person not in rejected.get(face, frozenset())
    for person in named:
        rows = [row for row, owner in enumerate(owners) if owner == person]
        proposed = [face for one in found if one.person == person for face in one.faces]
        images = Counter(faces.images[row] for row in proposed)
        assert not images or max(images.values()) == 1
        assert images.keys().isdisjoint(faces.images[row] for row in rows)


def test_said_yes_to_a_suggestion_it_is_hers_and_no_more_proposed() -> None:
    """Through the rules of identity: anchored, it joins; rejected, it does neither."""
    faces = line(0, 0, 0, 0.3)
    clusters: Clusters = clusters_of([0, 0, 0, -1])
    anna = Said(anchors={FaceId(0): ANNA, FaceId(1): ANNA}, named=frozenset({ANNA}))
    before = assign_persons(faces, clusters, {}, anna)
    assert FaceId(3) not in before.persons
    [one] = propose_faces(faces, clusters, before, anna, near_all(faces), within=WITHIN)
    assert one.faces == (3,)
    yes = Said(pins={FaceId(3): ANNA}, anchors=anna.anchors, named=anna.named)
    after = assign_persons(faces, clusters, {}, yes)
    assert after.persons[FaceId(3)] == ANNA
    assert propose_faces(faces, clusters, after, yes, near_all(faces), within=WITHIN) == []
    no = Said(rejections={FaceId(3): frozenset({ANNA})}, anchors=anna.anchors, named=anna.named)
    after = assign_persons(faces, clusters, {}, no)
    assert propose_faces(faces, clusters, after, no, near_all(faces), within=WITHIN) == []


def test_who_a_face_is_like() -> None:
    """The mean of the three nearest faces; nobody's do not count; a vector that is no number is like nobody's."""
    faces = line(0, 0.1, 0.2, 3, 0.5)
    owners = np.array([1, 1, 1, 1, 0])
    [[anna]] = rank_all([faces.embeddings[0]], faces, owners)
    assert (anna.person, anna.nearest) == (ANNA, 0)
    assert anna.distance == pytest.approx(0.1)


def test_what_would_become_of_the_faces_of_a_picture() -> None:
    """One near enough to belong, one to be asked about, one that is nobody, and only the nearer of two."""
    faces = line(0, 0, 0)
    vectors = line(0.1, 0.2, -0.4, 0.58, -3).embeddings
    rulings = judge_faces(
        "b1:x",  # type: ignore[arg-type]
        list(vectors),
        rank_all(list(vectors), faces, np.ones(3, dtype=np.int64)),
        faces,
        np.ones(3, dtype=np.int64),
        Said(named=frozenset({ANNA})),
        eps=0.3,
        suggest=WITHIN,
        gate=GATE,
        sides=[100.0] * 5,
        sharpness=[1.0] * 5,
    )
    assert [one.verdict for one in rulings] == ["attached", "unknown", "unknown", "unknown", "unknown"]
    alone = judge_faces(
        "b1:x",  # type: ignore[arg-type]
        [vectors[2]],
        rank_all([vectors[2]], faces, np.ones(3, dtype=np.int64)),
        faces,
        np.ones(3, dtype=np.int64),
        Said(named=frozenset({ANNA})),
        eps=0.3,
        suggest=WITHIN,
        gate=GATE,
        sides=[100.0],
        sharpness=[1.0],
    )
    assert [(one.verdict, one.person) for one in alone] == [("suggested", ANNA)]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 8), st.booleans()), max_size=60),
    st.integers(1, 9),
    st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_law_in_parts_of_any_size_and_in_any_order_it_is_who_is_nearest(
    known: list[tuple[int, int, bool]], size: int, random: random.Random
) -> None:
    """Each person's three nearest faces, and the nearest that carry: never fewer than a list of neighbours holds."""
    count = len(known)
    embeddings = line(*(place / 16 for _, place, _ in known)).embeddings
    owners = np.array([owner for owner, _, _ in known], dtype=np.int64)
    carries = np.array([carry for *_, carry in known], dtype=np.bool_)
    ranking = Ranking([np.zeros(128, dtype=np.float32)])
    order = np.array(random.sample(range(count), count), dtype=np.intp)
    for start in range(0, count, size):
        rows = order[start : start + size]
        ranking.take_in(rows, embeddings[rows], owners[rows], carries[rows])
    expected = {
        person: sorted(place / 16 for owner, place, _ in known if owner == person)[:3]
        for person in {owner for owner, _, _ in known if owner}
    }
    found = ranking.persons_of(0)
    assert {one.person: one.nearest for one in found} == {person: far[0] for person, far in expected.items()}
    assert {one.person: one.distance for one in found} == pytest.approx(
        {person: sum(far) / len(far) for person, far in expected.items()}
    )
    far = sorted(place / 16 for _, place, carry in known if carry and place / 16 < REACH)
    edge = far[KEPT - 1] if len(far) >= KEPT else REACH
    assert ranking.near().tolist() == [
        row
        for row, (_, place, carry) in enumerate(known)
        if carry and place / 16 <= edge and place / 16 < REACH
    ]
