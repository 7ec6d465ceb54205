"""Laws of identity: what holds whatever clustering says and whatever the user said."""

from dataclasses import dataclass, replace
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from faced.model import FaceId, Gate, PersonId
from faced.people.faces import NOISE, Clusters, Faces, sort_faces
from faced.people.identity import Assignment, assign_persons
from faced.people.numbers import number_persons
from faced.people.recluster import Clustering, cluster_faces
from faced.people.said import Said
from tests.support.people import faces_at, hash_of, split_photos_of

PERSONS = [PersonId(number) for number in range(1, 6)]


@dataclass(frozen=True)
class World:
    """What `assign_persons` is given."""

    faces: Faces
    clusters: Clusters
    previous: dict[FaceId, PersonId]
    said: Said

    def decide(self, **other: object) -> dict[int, int]:
        """Face id to person, with some of it replaced."""
        return dict(self.assignment(**other).persons)

    def assignment(self, **other: object) -> Assignment:
        """The same with its reasons."""
        world = replace(self, **other)
        return assign_persons(world.faces, world.clusters, world.previous, world.said)


@st.composite
def clusterings(draw: st.DrawFn, count: int) -> Clusters:
    """Any partition with noise, any cores, near-copies in pairs (which share a cluster, as they do in fact)."""
    groups = np.arange(count)
    for row in range(1, count):
        if groups[row - 1] == row - 1 and draw(st.integers(0, 4)) == 0:
            groups[row] = row - 1
    names = draw(st.lists(st.sampled_from([-1, 0, 0, 0, 1, 2]), min_size=count, max_size=count))
    names = [names[group] for group in groups]
    labels = [NOISE if name < 0 else names.index(name) for name in names]
    cores = np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)), dtype=np.bool_)
    is_core = cores & (np.array(labels, dtype=np.intp) != NOISE) & (groups == np.arange(count))
    return Clusters(np.array(labels, dtype=np.intp), is_core, groups.astype(np.intp))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Up to 18 faces in up to 6 photos, and a word about some of them."""
    rows = sorted(
        draw(
            st.lists(
                st.tuples(st.sampled_from("abcdef"), st.integers(0, 9).map(lambda n: n / 8)), max_size=18
            )
        ),
        key=lambda row: row[0],
    )
    faces = faces_at(*rows, first_id=draw(st.sampled_from([0, 100])))
    ids = [FaceId(int(number)) for number in faces.ids]
    person = st.sampled_from([*PERSONS, *PERSONS[:2] * 3])  # mostly two, so that they meet
    some = st.sampled_from(ids or [FaceId(0)])
    most = min(1, len(ids))
    words = st.dictionaries(some, person, max_size=8 * most)
    said = Said(
        draw(st.dictionaries(some, person, max_size=3 * most)),
        draw(st.dictionaries(some, st.frozensets(person, min_size=1, max_size=2), max_size=4 * most)),
        draw(words),
        draw(st.frozensets(person)),
        draw(st.frozensets(person, max_size=1)),
    )
    return World(faces, draw(clusterings(len(ids))), draw(words), said)


def groups_of(persons: dict[int, int]) -> set[frozenset[int]]:
    """Who is together, without the numbers."""
    return {frozenset(face for face in persons if persons[face] == one) for one in persons.values()}


def valid_anchors(said: Said) -> dict[FaceId, PersonId]:
    """Those that are neither rejected nor pinned elsewhere."""
    return {
        face: person
        for face, person in said.anchors.items()
        if said.pins.get(face, person) == person
        and (face in said.pins or person not in said.rejections.get(face, frozenset()))
    }


@given(worlds())
@settings(max_examples=150, deadline=None)
def test_law_pins_hold(world: World) -> None:
    """Whatever is computed, a pinned face is whose the user said."""
    persons = world.decide()
    assert {face: persons[face] for face in world.said.pins} == world.said.pins


@given(worlds())
@settings(max_examples=150, deadline=None)
def test_law_rejections_hold(world: World) -> None:
    """A face is never computed to be a person's that it was rejected for."""
    for face, person in world.decide().items():
        assert person not in world.said.rejections.get(face, ()) or world.said.pins.get(face) == person


@given(worlds(), st.data())
@settings(max_examples=150, deadline=None)
def test_law_anchors_hold_whatever_the_clusters_are(world: World, data: st.DataObject) -> None:
    """Any other clustering, as another eps gives: the faces of a naming stay with the name."""
    other = data.draw(clusterings(len(world.faces)))
    for persons in (world.decide(), world.decide(clusters=other)):
        for face, person in valid_anchors(world.said).items():
            assert persons[face] == person


@given(worlds())
@settings(max_examples=150, deadline=None)
def test_law_no_person_is_twice_in_a_photo_but_by_the_users_word(world: World) -> None:
    """Two faces of one person in one photo were both pinned or anchored."""
    persons = world.decide()
    spoken = {**valid_anchors(world.said), **world.said.pins}
    places: dict[tuple[int, str], list[int]] = {}
    for face, image in zip(world.faces.ids.tolist(), world.faces.images, strict=True):
        if face in persons:
            places.setdefault((persons[face], image), []).append(face)
    for here in places.values():
        assert len(here) == 1 or all(face in spoken for face in here)


@given(worlds())
@settings(max_examples=150, deadline=None)
def test_law_a_name_gets_a_face_by_word_ownership_or_copy_only(world: World) -> None:
    """Counted by hand: enough anchors in its cluster, or a near-copy of a face that was spoken of."""
    clusters, said, faces = world.clusters, world.said, world.faces
    anchors, ids = valid_anchors(said), faces.ids.tolist()
    spoken = {**anchors, **said.pins}
    for face, person in world.decide().items():
        if face in spoken or person not in said.named | said.kept:
            continue
        row = ids.index(face)
        if clusters.labels[row] == NOISE:
            copies = [spoken.get(ids[n]) for n in np.flatnonzero(clusters.groups == clusters.groups[row])]
            assert set(copies) - {None} == {person}
            continue
        here = clusters.labels == clusters.labels[row]
        count = sum(1 for n in np.flatnonzero(here) if anchors.get(ids[n]) == person)
        assert count >= 2 or (count == 1 and (here & clusters.cores).sum() <= 5)


@given(worlds())
@settings(max_examples=150, deadline=None)
def test_law_of_two_owners_the_nearer_has_the_face(world: World) -> None:
    """No owner of its cluster that it was not rejected for has a face nearer to it; and if there is such
    an owner it is somebody's, unless she is in that photo already."""
    clusters, said = world.clusters, world.said
    anchors, ids = valid_anchors(said), world.faces.ids.tolist()
    spoken = {**anchors, **said.pins}
    places = world.faces.embeddings[:, 0].astype(float)
    persons = world.decide()
    seen = {(person, world.faces.images[ids.index(face)]) for face, person in persons.items()}
    for row, face in enumerate(ids):
        if face in spoken or clusters.labels[row] == NOISE:
            continue
        here = np.flatnonzero(clusters.labels == clusters.labels[row])
        cores = int(clusters.cores[here].sum())
        votes = [anchors.get(ids[n]) for n in here]
        owners = {p for p in votes if p and (votes.count(p) >= 2 or 5 * votes.count(p) >= cores)}
        far = {
            p: min(abs(places[ids.index(f)] - places[row]) for f in spoken if spoken[f] == p)
            for p in owners
            if p not in said.rejections.get(face, ())
        }
        nearest = {p for p in far if far[p] == min(far.values())}
        if far:
            assert persons.get(face) in nearest or any((p, world.faces.images[row]) in seen for p in nearest)
        elif owners:
            assert face not in persons


@given(
    st.integers(1, 24),
    st.integers(0, 4),
    st.integers(0, 3),
    st.integers(0, 3),
    st.randoms(use_true_random=False),
)
@settings(max_examples=150, deadline=None)
def test_law_a_cluster_is_owned_by_two_anchors_or_a_fifth(
    cores: int, borders: int, annas: int, bens: int, random: Random
) -> None:
    """Any number of cores, borders and anchors: Anna's, Ben's, both, or nobody's, and then each anchor speaks for
    its own face only."""
    count = cores + borders
    annas, bens = min(annas, count), min(bens, count - min(annas, count))
    rows = random.sample(range(count), annas + bens)
    anchors = {FaceId(row): PERSONS[0 if n < annas else 1] for n, row in enumerate(rows)}
    faces = faces_at(*((f"i{row:02}", random.randrange(9) / 8) for row in range(count)))
    clusters = Clusters(
        np.zeros(count, dtype=np.intp), np.arange(count) < cores, np.arange(count, dtype=np.intp)
    )
    persons = assign_persons(faces, clusters, {}, Said(anchors=anchors, named=frozenset(PERSONS))).persons
    owners = {
        person
        for person, votes in ((PERSONS[0], annas), (PERSONS[1], bens))
        if votes > 1 or votes * 5 >= max(cores, 1)
    }
    assert {face: persons[face] for face in anchors} == anchors
    others = {persons[FaceId(row)] for row in range(count) if row not in anchors}
    assert others <= (owners or {-1})
    assert len(persons) == count


@given(worlds(), st.data())
@settings(max_examples=150, deadline=None)
def test_law_ids_and_the_order_of_words_do_not_matter(world: World, data: st.DataObject) -> None:
    """Other face ids, other order in every mapping: the same persons."""
    ids = world.faces.ids.tolist()
    new = dict(zip(ids, data.draw(st.permutations(range(500, 500 + len(ids)))), strict=True))
    said, faces = world.said, world.faces

    def renumbered(words: dict) -> dict:
        return {FaceId(new[face]): words[face] for face in reversed(list(words))}

    other = World(
        Faces(
            np.array([new[face] for face in ids], dtype=np.int64),
            faces.images,
            faces.boxes,
            faces.dhashes,
            faces.sides,
            faces.sharpness,
            faces.embeddings,
        ),
        world.clusters,
        renumbered(world.previous),
        Said(
            renumbered(said.pins),
            renumbered(said.rejections),
            renumbered(said.anchors),
            said.named,
            said.kept,
        ),
    )
    one, two = world.assignment(), other.assignment()
    assert {new[face]: person for face, person in one.persons.items()} == two.persons
    assert {new[face]: reason for face, reason in one.reasons.items()} == two.reasons


@given(worlds(), st.data())
@settings(max_examples=150, deadline=None)
def test_law_history_gives_numbers_and_nothing_else(world: World, data: st.DataObject) -> None:
    """Whatever was before, the same faces and words make the same groups, and the same ones with a name.

    Pins to a person who is no more than a number are left out: what that number means is history.
    """
    said = replace(world.said, named=world.said.named | frozenset(world.said.pins.values()))
    ids = world.faces.ids.tolist()
    other = data.draw(st.dictionaries(st.sampled_from(ids), st.sampled_from(PERSONS)) if ids else st.just({}))
    one, two = world.decide(said=said), world.decide(said=said, previous=other)
    known = said.named | said.kept | frozenset(said.anchors.values())
    assert groups_of(one) == groups_of(two)
    assert {f: p for f, p in one.items() if p in known} == {f: p for f, p in two.items() if p in known}


@given(worlds())
@settings(max_examples=150, deadline=None)
def test_law_a_second_run_changes_nothing(world: World) -> None:
    """New persons get their ids; deciding again from there gives the same."""
    first = world.decide()
    stored = {FaceId(f): PersonId(p if p > 0 else 100 - p) for f, p in first.items()}
    assert world.decide(previous=stored) == stored


@given(worlds())
@settings(max_examples=150, deadline=None)
def test_law_new_persons_are_numbered_without_gaps(world: World) -> None:
    """-1, -2, …: as many new ids as `new_count` asks for."""
    assignment = world.assignment()
    new = {person for person in assignment.persons.values() if person < 0}
    assert new == set(range(-assignment.new_count, 0))
    assert assignment.persons.keys() == assignment.reasons.keys()


@given(worlds())
@settings(max_examples=150, deadline=None)
def test_law_silence_changes_nothing(world: World) -> None:
    """Without a word: clusters, two of one photo told apart, and the numbers of the last run."""
    labels, distances = split_photos_of(world.faces, world.clusters.labels)
    ids = world.faces.ids.tolist()
    before = np.array([world.previous.get(FaceId(face), 0) for face in ids], dtype=np.int64)
    numbers = number_persons(labels, before)
    silent = world.assignment(said=Said())
    clustered = np.flatnonzero(labels != NOISE).tolist()
    assert silent.persons == {int(world.faces.ids[row]): numbers[int(labels[row])] for row in clustered}
    assert silent.reasons == {
        int(world.faces.ids[row]): f"{'at the core of' if world.clusters.cores[row] else 'in'} a cluster of "
        f"{(labels == labels[row]).sum()} faces, "
        f"{distances[row]:.2f} from its middle"
        for row in clustered
    }


# From here on real clustering: the law is about the whole decision.

GATE = Gate(48.0, 0.02, 32.0, 0.01, 0.05)
SETTINGS = Clustering(eps=0.45, min_samples=3, gate=GATE, copy_bits=4)
casts = st.lists(st.tuples(st.integers(0, 3), st.sampled_from([f"i{n}" for n in range(12)])), max_size=24)


def make_faces(people: list[tuple[int, str]]) -> Faces:
    """A face for each (person, image): persons 1 apart, faces of one 0.2 apart; ids in the order given."""
    faces = faces_at(*((image, 0.0) for _, image in people))
    noise = np.random.default_rng(0).normal(0, 0.01, (len(people), 128))
    faces.embeddings[:] = noise
    for row, (person, _) in enumerate(people):
        faces.embeddings[row, person] += 0.8
    return faces


def persons_of(faces: Faces, said: Said) -> dict[int, int]:
    """Face id to person, from clustering on."""
    ordered = sort_faces(faces)
    return dict(assign_persons(ordered, cluster_faces(ordered, SETTINGS), {}, said).persons)


@st.composite
def spoken_casts(draw: st.DrawFn) -> tuple[Faces, Said]:
    """Faces, and pins and anchors of some of them."""
    people = draw(casts)
    words = st.dictionaries(
        st.integers(0, max(0, len(people) - 1)).map(FaceId), st.sampled_from(PERSONS), max_size=6
    )
    pins, anchors = (draw(words), draw(words)) if people else ({}, {})
    return make_faces(people), Said(pins=pins, anchors=anchors, named=frozenset(PERSONS))


@given(spoken_casts(), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_law_the_order_of_arrival_does_not_matter(spoken: tuple[Faces, Said], seed: int) -> None:
    """Shuffled rows, clustered anew: every face is whose it was."""
    faces, said = spoken
    order = list(range(len(faces)))
    Random(seed).shuffle(order)
    assert persons_of(faces.take(np.array(order, dtype=np.intp)), said) == persons_of(faces, said)


@given(spoken_casts(), st.tuples(st.integers(0, 3), st.sampled_from(["i0", "i5", "new"])))
@settings(max_examples=40, deadline=None)
def test_law_one_more_face_moves_none_that_was_spoken_of(
    spoken: tuple[Faces, Said], added: tuple[int, str]
) -> None:
    """A new photo, or a new face in an old one: pinned and anchored faces stay."""
    faces, said = spoken
    one = faces_at((added[1], 0.0), first_id=len(faces))
    one.embeddings[0, added[0]] = 0.8
    one.boxes[0, 0] = 0.93
    more = Faces(
        np.concatenate([faces.ids, one.ids]),
        (*faces.images, *one.images),
        np.concatenate([faces.boxes, one.boxes]),
        np.concatenate([faces.dhashes, one.dhashes]),
        np.concatenate([faces.sides, one.sides]),
        np.concatenate([faces.sharpness, one.sharpness]),
        np.concatenate([faces.embeddings, one.embeddings]),
    )
    before, after = persons_of(faces, said), persons_of(more, said)
    for face in {**said.anchors, **said.pins}:
        assert after[face] == before[face]


def test_names_keep_their_faces_through_any_eps() -> None:
    """Twelve people named at 0.45; eps from 0.30 to 0.65 and back, each step from the last one's result.

    A third of the faces comes after the naming, so that ownership has something to lose.
    """
    random = np.random.default_rng(7)
    middles = random.normal(0, 1, (12, 128))
    middles *= 0.42 / np.linalg.norm(middles, axis=1, keepdims=True)
    truth = np.repeat(np.arange(12), 30)
    faces = faces_at(*((f"i{row:03}", 0.0) for row in range(len(truth))))
    faces.embeddings[:] = middles[truth] + random.normal(0, 0.027, (len(truth), 128))
    assert hash_of("i000") == faces.dhashes[0]
    early = faces.take(np.flatnonzero(np.arange(len(truth)) % 3 != 0))
    named = assign_persons(early, cluster_faces(early, SETTINGS), {}, Said()).persons
    assert len(set(named.values())) == 12
    anchors = {face: PersonId(-person) for face, person in named.items()}
    said = Said(anchors=anchors, named=frozenset(anchors.values()))
    previous, largest, lost = dict(anchors), [], []
    steps = [0.30, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60, 0.65]
    for eps in (*steps, *reversed(steps)):
        clusters = cluster_faces(faces, Clustering(eps, 3, GATE, 4))
        persons = assign_persons(faces, clusters, previous, said).persons
        for person in said.named:
            hers = [face for face in anchors if anchors[face] == person]
            assert sum(persons.get(face) == person for face in hers) >= 0.95 * len(hers)
        largest.append(max(np.bincount(clusters.labels[clusters.labels != NOISE], minlength=1)))
        lost.append(sum(1 for row in range(len(faces)) if row not in persons))
        right = {int(truth[face]): person for face, person in anchors.items()}
        computed = {face: p for face, p in persons.items() if face not in anchors and p in said.named}
        assert eps < 0.65 or len(persons) == len(truth)  # all are in one cluster: divided among the names
        wrong = sum(right[int(truth[face])] != p for face, p in computed.items())
        assert wrong <= 0.02 * max(1, len(computed))
        previous = {face: PersonId(p if p > 0 else 100 - p) for face, p in persons.items()}
    assert max(largest) > 300  # at the widest all are one cluster
    assert max(lost) > 100  # at the strictest most of those that came later are noise
