"""From clusters to persons: the user's word (rules 1 and 2), two faces of one photo (3), no order of arrival (7)."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faced.model import FaceId, Gate, PersonId
from faced.people.faces import NOISE, Attached, Clusters, Faces, sort_faces
from faced.people.identity import assign_persons
from faced.people.numbers import number_persons
from faced.people.recluster import Clustering, cluster_faces
from faced.people.said import Said
from tests.support.people import clusters_of, faces_at, hash_of, split_photos_of
from tests.support.shared import shared_data

GATE = Gate(48.0, 0.02, 32.0, 0.01, 0.05)
SETTINGS = Clustering(eps=0.45, min_samples=3, gate=GATE, copy_bits=4)


def make_faces(people: list[tuple[int, str]], seed: int = 0, side: float = 100.0) -> Faces:
    """A face for each (person, image): persons 1 apart, faces of one 0.2 apart; ids in the order given."""
    random = np.random.default_rng(seed)
    count = len(people)
    embeddings = random.normal(0, 0.01, (count, 128)).astype(np.float32)
    for row, (person, _) in enumerate(people):
        embeddings[row, person] += 0.8
    lefts = [
        0.1 + 0.2 * sum(1 for before in people[:row] if before[1] == image)
        for row, (_, image) in enumerate(people)
    ]
    return Faces(
        np.arange(count),
        tuple(image for _, image in people),
        np.array([(left, 0.1, 0.1, 0.1) for left in lefts]).reshape(count, 4),
        np.array([hash_of(image) for _, image in people], dtype=np.uint64),
        np.full(count, side),
        np.full(count, 0.1),
        embeddings,
    )


def persons_of(faces: Faces, previous: dict[FaceId, PersonId] | None = None) -> dict[int, int]:
    """Face id to person."""
    ordered = sort_faces(faces)
    return dict(assign_persons(ordered, cluster_faces(ordered, SETTINGS), previous or {}, Said()).persons)


def test_rule_3_of_two_faces_of_one_photo_the_nearer_is_hers() -> None:
    """Both look like Anna; the one farther from her middle is nobody."""
    faces = make_faces([(0, "a"), (0, "b"), (0, "c"), (0, "d"), (0, "d")])
    faces.embeddings[4, 5] += 0.3
    labels, _ = split_photos_of(faces, np.zeros(5, dtype=np.intp))
    assert labels.tolist() == [0, 0, 0, 0, NOISE]


def test_small_faces_are_not_clustered() -> None:
    """Below the smallest side a face is stored and nobody's."""
    assert persons_of(make_faces([(0, image) for image in "abcd"], side=47.9)) == {}
    assert len(persons_of(make_faces([(0, image) for image in "abcd"], side=48.0))) == 4


def test_a_burst_is_no_crowd() -> None:
    """Three near-copies of one picture count once, so with one other picture they make nobody."""
    faces = make_faces([(0, "a"), (0, "b"), (0, "c"), (0, "d")])
    same = Faces(
        faces.ids,
        faces.images,
        faces.boxes,
        np.array([7, 7, 7, 2**60 - 1], dtype=np.uint64),
        faces.sides,
        faces.sharpness,
        faces.embeddings,
    )
    assert persons_of(same) == {}
    more = make_faces([(0, image) for image in "abcdef"])
    hashes = np.array([7, 7, 7, 2**60 - 1, 2**50 - 2**20, 2**30 - 2**9], dtype=np.uint64)
    all_six = Faces(more.ids, more.images, more.boxes, hashes, more.sides, more.sharpness, more.embeddings)
    assert set(persons_of(all_six).values()) == {-1}
    assert len(persons_of(all_six)) == 6


def test_a_person_keeps_the_number_by_largest_overlap() -> None:
    """Two old persons in one cluster: the one with more faces in it gives the number, the other's is not reused."""
    before = np.array([7, 7, 9, 9, 9])
    assert number_persons(np.zeros(5, dtype=np.int32), before).tolist() == [9, 0, 0, 0, 0]
    split = np.array([0, 0, 0, 3, 3], dtype=np.int32)
    assert number_persons(split, before).tolist() == [7, 0, 0, 9, 0]


def test_new_persons_are_numbered_from_the_largest_cluster_down() -> None:
    """Without a last run the largest comes first; equal ones in content order."""
    labels = np.array([0, 0, 2, 2, 2, 5, 5], dtype=np.int32)
    assert number_persons(labels, np.zeros(7, dtype=np.int64)).tolist() == [-2, 0, -1, 0, 0, -3, 0]


cast = st.lists(st.tuples(st.integers(0, 3), st.sampled_from([f"i{n}" for n in range(12)])), max_size=30)


@given(cast, st.integers(0, 1000))
@settings(max_examples=100, deadline=None)
def test_rule_7_shuffled_faces_are_the_same_persons(people: list[tuple[int, str]], seed: int) -> None:
    """Other row order, other ids: the same groups with the same new numbers."""
    faces = make_faces(people)
    order = list(range(len(people)))
    Random(seed).shuffle(order)
    shuffled = faces.take(np.array(order, dtype=np.intp))
    renumbered = Faces(
        np.arange(len(people)) + 1000,
        shuffled.images,
        shuffled.boxes,
        shuffled.dhashes,
        shuffled.sides,
        shuffled.sharpness,
        shuffled.embeddings,
    )
    one = persons_of(faces)
    other = {order[face - 1000]: person for face, person in persons_of(renumbered).items()}
    assert one == other


@given(cast)
@settings(max_examples=100, deadline=None)
def test_rule_3_no_person_is_twice_in_one_photo(people: list[tuple[int, str]]) -> None:
    """Whatever is clustered, a photo shows a person once."""
    faces = make_faces(people)
    persons = persons_of(faces)
    seen = [(person, faces.images[face]) for face, person in persons.items()]
    assert len(seen) == len(set(seen))


@given(cast)
@settings(max_examples=100, deadline=None)
def test_the_same_faces_again_keep_every_number(people: list[tuple[int, str]]) -> None:
    """A second run on what the first one gave changes nothing."""
    faces = make_faces(people)
    first = {FaceId(face): PersonId(100 - person) for face, person in persons_of(faces).items()}
    assert persons_of(faces, first) == first


ANNA, BEN, TWELVE = PersonId(1), PersonId(2), PersonId(12)
NAMED = frozenset({ANNA, BEN})


def pinned(**faces: int) -> dict[FaceId, PersonId]:
    """`f3=ANNA`: face 3 is Anna."""
    return {FaceId(int(name[1:])): PersonId(person) for name, person in faces.items()}


def decide(
    faces: Faces, clusters: Clusters, said: Said, previous: dict[FaceId, PersonId] | None = None
) -> dict[int, int]:
    """Face id to person."""
    return dict(assign_persons(faces, clusters, previous or {}, said).persons)


def crowd(count: int, apart: float = 0.01) -> Faces:
    """So many faces of so many images, in a row."""
    return faces_at(*((f"i{number:02}", number * apart) for number in range(count)))


def test_rule_1_a_pin_splits_the_face_out_and_drags_nobody_along() -> None:
    """One face of a cluster of six is Anna: the others stay who they were."""
    said = Said(pins=pinned(f2=ANNA), named=NAMED)
    before = {FaceId(i): TWELVE for i in range(6)}
    assert decide(crowd(6), clusters_of([0] * 6), said, before) == {0: 12, 1: 12, 2: 1, 3: 12, 4: 12, 5: 12}


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_rule_1_not_even_many_pins_drag_the_rest_along(count: int) -> None:
    """A move of six links, cut by a pass after any of them: what was not moved yet stays."""
    said = Said(pins={FaceId(i): ANNA for i in range(count)}, named=NAMED)
    before = {FaceId(i): TWELVE for i in range(6)}
    expected = {i: 1 if i < count else 12 for i in range(6)}
    assert decide(crowd(6), clusters_of([0] * 6), said, before) == expected


def test_rule_1_a_pin_outranks_the_owner_of_the_cluster() -> None:
    """Anna's by name, but the user said that one of them is Ben."""
    said = Said(pins=pinned(f3=BEN), anchors=pinned(f0=ANNA, f1=ANNA, f3=ANNA), named=NAMED)
    assert decide(crowd(4), clusters_of([0] * 4), said) == {0: 1, 1: 1, 2: 1, 3: 2}


def test_rule_1_a_rejected_face_of_an_owned_cluster_is_nobodys() -> None:
    """Not Anna, and the whole cluster is Anna's: nobody known."""
    said = Said(rejections={FaceId(3): frozenset({ANNA})}, anchors=pinned(f0=ANNA, f1=ANNA), named=NAMED)
    assert decide(crowd(4), clusters_of([0] * 4), said) == {0: 1, 1: 1, 2: 1}


def test_rule_1_a_rejected_face_of_a_divided_cluster_may_be_the_others() -> None:
    """Nearer to Anna, but rejected: the other owner is left."""
    said = Said(
        rejections={FaceId(2): frozenset({ANNA})},
        anchors=pinned(f0=ANNA, f1=ANNA, f4=BEN, f5=BEN),
        named=NAMED,
    )
    assert decide(crowd(6), clusters_of([0] * 6), said) == {0: 1, 1: 1, 2: 2, 3: 2, 4: 2, 5: 2}


def test_rule_1_what_was_rejected_for_a_number_does_not_come_back_under_another() -> None:
    """All links of Person 12 were deleted: the cluster is still there, and makes no Person 13."""
    said = Said(rejections={FaceId(i): frozenset({TWELVE}) for i in range(3)})
    before = {FaceId(i): TWELVE for i in range(3)}
    assert decide(crowd(3), clusters_of([0] * 3), said, before) == {}
    assert decide(crowd(3), clusters_of([0] * 3), said, {}) == {}
    assert decide(crowd(4), clusters_of([0] * 4), said, {}) == {3: -1}


def test_rule_1_a_rejected_face_of_nobody_may_be_somebody_without_a_name() -> None:
    """Not Anna; its own cluster has no name."""
    said = Said(rejections={FaceId(0): frozenset({ANNA})}, named=NAMED)
    assert decide(crowd(3), clusters_of([0] * 3), said) == {0: -1, 1: -1, 2: -1}


def test_rule_2_an_anchored_face_is_hers_though_it_is_noise() -> None:
    """Whatever eps says, a name keeps the faces of its naming."""
    said = Said(anchors=pinned(f0=ANNA, f2=ANNA), named=NAMED)
    assert decide(crowd(3), clusters_of([NOISE] * 3), said) == {0: 1, 2: 1}


def test_rule_2_two_anchors_own_a_cluster_of_any_size() -> None:
    """Two of thirty."""
    said = Said(anchors=pinned(f0=ANNA, f29=ANNA), named=NAMED)
    assert set(decide(crowd(30), clusters_of([0] * 30), said).values()) == {1}


@pytest.mark.parametrize(("cores", "owned"), [(5, True), (6, False)])
def test_rule_2_a_single_anchor_owns_by_a_fifth_of_the_cores(cores: int, owned: bool) -> None:
    """One for five core faces; a stray one among more speaks for itself. Border faces do not count."""
    said = Said(anchors=pinned(f7=ANNA), named=NAMED)
    persons = decide(crowd(8), clusters_of([0] * 8, cores=list(range(cores))), said)
    assert persons == {i: 1 if owned or i == 7 else -1 for i in range(8)}


def test_rule_2_a_pin_elsewhere_or_a_rejection_ends_an_anchor() -> None:
    """Of three anchors one was rejected and one is Ben now: the last is alone among six."""
    said = Said(
        pins=pinned(f1=BEN),
        rejections={FaceId(2): frozenset({ANNA})},
        anchors=pinned(f0=ANNA, f1=ANNA, f2=ANNA),
        named=NAMED,
    )
    assert decide(crowd(6), clusters_of([0] * 6), said) == {0: 1, 1: 2, 2: -1, 3: -1, 4: -1, 5: -1}


def test_rule_2_an_anchor_that_is_pinned_too_still_votes() -> None:
    """Dragged out of Anna and back in again: pinned, and as much a face of her naming as before."""
    said = Said(pins=pinned(f0=ANNA), anchors=pinned(f0=ANNA, f1=ANNA), named=NAMED)
    assert set(decide(crowd(9), clusters_of([0] * 9), said).values()) == {1}


def test_rule_2_a_cluster_of_two_persons_is_divided() -> None:
    """Each face goes to the nearer one; neither name takes the other's faces."""
    said = Said(anchors=pinned(f0=ANNA, f1=ANNA, f8=BEN, f9=BEN), named=NAMED)
    persons = decide(crowd(10), clusters_of([0] * 10), said)
    assert persons == {i: 1 if i < 5 else 2 for i in range(10)}


def test_rule_2_a_face_halfway_goes_to_the_one_whose_face_comes_first() -> None:
    """Exactly between the two: content decides, whoever has the smaller id."""
    for first, last in ((ANNA, BEN), (BEN, ANNA)):
        said = Said(anchors=pinned(f0=first, f1=first, f3=last, f4=last), named=NAMED)
        assert decide(crowd(5, apart=1.0), clusters_of([0] * 5), said)[2] == first


def test_rule_2_a_stray_anchor_in_the_cluster_of_another_keeps_its_face_only() -> None:
    """One face of Ben's naming among nine of Anna's."""
    said = Said(anchors=pinned(f0=ANNA, f1=ANNA, f5=BEN), named=NAMED)
    assert decide(crowd(9), clusters_of([0] * 9), said) == {i: 2 if i == 5 else 1 for i in range(9)}


def test_rule_2_one_person_owns_several_clusters() -> None:
    """Anna as a child and as a woman."""
    said = Said(anchors=pinned(f0=ANNA, f1=ANNA, f3=ANNA, f4=ANNA), named=NAMED)
    assert set(decide(crowd(6), clusters_of([0, 0, 0, 3, 3, 3]), said).values()) == {1}


def test_rule_2_what_was_hers_at_the_last_run_is_no_cause() -> None:
    """A cluster that split off is nobody's name's: the same photos and words give the same, whatever was before."""
    said = Said(anchors=pinned(f0=ANNA, f1=ANNA), named=NAMED)
    before = {FaceId(i): ANNA for i in range(6)}
    assert decide(crowd(6), clusters_of([0, 0, 0, 3, 3, 3]), said, before) == {
        0: 1, 1: 1, 2: 1, 3: -1, 4: -1, 5: -1,
    }  # fmt: skip


def test_a_kept_person_and_a_merged_one_give_no_number() -> None:
    """12 was merged into Anna, 13 is kept: their last faces are Person new and new."""
    said = Said(named=NAMED, kept=frozenset({PersonId(13)}), merged={TWELVE: ANNA})
    before = {FaceId(i): TWELVE if i < 3 else PersonId(13) for i in range(6)}
    persons = decide(crowd(6), clusters_of([0, 0, 0, 3, 3, 3]), said, before)
    assert persons == {0: -1, 1: -1, 2: -1, 3: -2, 4: -2, 5: -2}


def test_a_merge_among_persons_without_names_leaves_the_number_of_one() -> None:
    """12 was merged into 13: the larger of their clusters is 13 now."""
    said = Said(merged={TWELVE: PersonId(13)})
    before = {FaceId(i): TWELVE if i < 3 else PersonId(13) for i in range(5)}
    persons = decide(crowd(5), clusters_of([0, 0, 0, 3, 3]), said, before)
    assert persons == {0: 13, 1: 13, 2: 13, 3: -1, 4: -1}


def test_a_person_without_a_name_keeps_the_number_when_a_face_is_pinned_there() -> None:
    """A link dragged into `Person 12`: one face more, and the folder is still Person 12."""
    said = Said(pins=pinned(f5=TWELVE), anchors=pinned(f3=BEN, f4=BEN), named=NAMED)
    before = {FaceId(i): TWELVE if i < 3 else BEN for i in range(6)}
    assert decide(crowd(6), clusters_of([0, 0, 0, 3, 3, 3]), said, before) == {
        0: 12, 1: 12, 2: 12, 3: 2, 4: 2, 5: 12,
    }  # fmt: skip


def test_a_number_does_not_come_and_go_beside_a_pinned_face_of_its_photo() -> None:
    """The user said which face of the only photo is Person 12: the cluster of the other one is somebody new, for good."""
    faces = faces_at(("a", 0.0), ("a", 0.1))
    said = Said(pins=pinned(f0=TWELVE))
    clusters = clusters_of([NOISE, 1])
    assert decide(faces, clusters, said, pinned(f1=TWELVE)) == {0: 12, 1: -1}
    assert decide(faces, clusters, said, pinned(f0=TWELVE, f1=13)) == {0: 12, 1: 13}


def test_cores_are_counted_once_for_near_copies() -> None:
    """Of a picture in three sizes one is a core point; all are in the cluster."""
    faces = make_faces([(0, image) for image in "abcdef"])
    faces.dhashes[:] = np.array([7, 7, 7, 2**60 - 1, 2**50 - 2**20, 2**30 - 2**9], dtype=np.uint64)
    clusters = cluster_faces(faces, SETTINGS)
    assert clusters.labels.tolist() == [0] * 6
    assert clusters.cores.tolist() == [True, False, False, True, True, True]
    assert clusters.groups.tolist() == [0, 0, 0, 3, 4, 5]


def test_a_name_taken_back_leaves_the_clusters_to_their_anchors() -> None:
    """Nobody's name any more, but still one person with one id."""
    said = Said(anchors=pinned(f0=TWELVE, f1=TWELVE, f3=TWELVE, f4=TWELVE))
    assert set(decide(crowd(6), clusters_of([0, 0, 0, 3, 3, 3]), said).values()) == {12}


def test_rule_3_of_two_computed_faces_of_one_photo_the_nearer_is_hers() -> None:
    """In two clusters of hers: the one farther from what she was named by is nobody."""
    faces = faces_at(("a", 0.0), ("b", 0.0), ("c", 1.0), ("d", 1.0), ("e", 0.2), ("e", 1.1))
    said = Said(anchors=pinned(f0=ANNA, f1=ANNA, f2=ANNA, f3=ANNA), named=NAMED)
    assert decide(faces, clusters_of([0, 0, 2, 2, 0, 2]), said) == {0: 1, 1: 1, 2: 1, 3: 1, 5: 1}


def test_rule_3_beside_a_face_of_the_users_word_no_computed_one_is_hers() -> None:
    """A pin or an anchor stands, the other face of that photo is nobody, be it ever so near."""
    faces = faces_at(("a", 0.0), ("b", 0.0), ("c", 0.0), ("c", 0.4))
    said = Said(pins=pinned(f3=ANNA), anchors=pinned(f0=ANNA, f1=ANNA), named=NAMED)
    assert decide(faces, clusters_of([0, 0, 0, NOISE]), said) == {0: 1, 1: 1, 3: 1}


def test_rule_3_a_mirror_is_the_users_word() -> None:
    """Pinned twice in one photo: twice there."""
    faces = faces_at(("a", 0.0), ("a", 0.4), ("a", 0.8))
    said = Said(pins=pinned(f0=ANNA, f2=ANNA), anchors=pinned(f1=ANNA), named=NAMED)
    assert decide(faces, clusters_of([NOISE] * 3), said) == {0: 1, 1: 1, 2: 1}


def test_near_copies_that_are_noise_follow_the_one_that_was_spoken_of() -> None:
    """A copy made smaller goes where its picture is, unless that copy was rejected or two persons are meant."""
    faces = crowd(6)
    clusters = clusters_of([NOISE] * 6, groups=[0, 0, 0, 3, 3, 3])
    said = Said(
        rejections={FaceId(2): frozenset({ANNA})}, anchors=pinned(f0=ANNA, f3=ANNA, f4=BEN), named=NAMED
    )
    assert decide(faces, clusters, said) == {0: 1, 1: 1, 3: 1, 4: 2}


def test_a_pinned_near_copy_leaves_the_others_in_their_cluster() -> None:
    """The word is about that very face; its group stays together."""
    said = Said(pins=pinned(f1=BEN), anchors=pinned(f3=ANNA, f4=ANNA), named=NAMED)
    clusters = clusters_of([0] * 5, cores=[0, 3, 4], groups=[0, 0, 0, 3, 4])
    assert decide(crowd(5), clusters, said) == {0: 1, 1: 2, 2: 1, 3: 1, 4: 1}


def test_reasons_are_plain_words() -> None:
    """What `faced why` shows."""
    said = Said(pins=pinned(f6=BEN), anchors=pinned(f0=ANNA, f1=ANNA, f4=BEN, f5=BEN), named=NAMED)
    faces = crowd(11, apart=0.1)
    labels = [0] * 6 + [NOISE, NOISE] + [8] * 3
    assignment = assign_persons(faces, clusters_of(labels, groups=[*range(7), 6, 8, 9, 10]), {}, said)
    assert {int(face): reason for face, reason in assignment.reasons.items() if face not in (1, 3, 4, 5)} == {
        0: "there when you named this person; at the core of a cluster of 6 faces",
        2: "at the core of a cluster of 6 faces that is this person's by name, 0.10 from the nearest one you gave"
        " (Person 2 is second: 0.20)",
        6: "pinned by you",
        7: "a near-copy of a face that you gave this person",
        8: "at the core of a cluster of 3 faces, 0.10 from its middle",
        9: "at the core of a cluster of 3 faces, 0.00 from its middle",
        10: "at the core of a cluster of 3 faces, 0.10 from its middle",
    }
    assert assignment.new_count == 1


def test_who_came_second_for_a_face_that_attached_is_said() -> None:
    """By number, for names come later: somebody with a name, somebody found just now, not the person itself."""
    faces = crowd(9)
    labels = [0, 0, 0, 3, 3, 3, 6, 6, 6]
    for second, told in ((3, "Person 2 came second"), (6, "Person -1 came second"), (0, "")):
        attached = Attached(np.array([2]), np.array([0.41]), np.array([second]), np.array([0.45]))
        clusters = replace(clusters_of(labels, cores=[0, 1, 3, 4, 5, 6, 7, 8]), attached=attached)
        said = Said(anchors=pinned(f0=ANNA, f1=ANNA, f3=BEN, f4=BEN), named=NAMED)
        reason = assign_persons(faces, clusters, {}, said).reasons[FaceId(2)]
        assert reason.startswith(
            "attached (most faces near it are there, the middle is 0.41 away) to a cluster of 3"
        )
        assert reason.partition("; ")[2] == (f"{told}, that middle is 0.45 away" if told else "")


def test_on_real_faces_every_name_survives_any_eps() -> None:
    """Named at 0.45, then eps from 0.30 to 0.65 and back: each name has the faces of its naming at every step."""
    data = np.load(shared_data() / "embeddings" / "celebs_dev.npz")
    embeddings = np.ascontiguousarray(data["embedding"][::6])
    count = len(embeddings)
    faces = faces_at(*((f"i{row:05}", 0.0) for row in range(count)))
    faces.embeddings[:] = embeddings
    first = assign_persons(faces, cluster_faces(faces, SETTINGS), {}, Said())
    sizes = {person: list(first.persons.values()).count(person) for person in set(first.persons.values())}
    anchors = {face: PersonId(-p) for face, p in first.persons.items() if sizes[p] >= 5}
    said = Said(anchors=anchors, named=frozenset(anchors.values()))
    previous = {face: PersonId(-p) for face, p in first.persons.items()}
    assert len(said.named) >= 8
    mixed = 0
    for eps in (0.30, 0.35, 0.40, 0.50, 0.55, 0.60, 0.65, 0.60, 0.50, 0.45, 0.40, 0.30):
        clusters = cluster_faces(faces, Clustering(eps, 3, GATE, 4))
        persons = assign_persons(faces, clusters, previous, said).persons
        assert {face: persons[face] for face in anchors} == anchors
        mixed = max(mixed, max(np.unique(clusters.labels[clusters.labels != NOISE], return_counts=True)[1]))
        previous = {face: PersonId(p) for face, p in persons.items() if p > 0}
    assert mixed > count / 2  # the widest eps made one cluster of most people
