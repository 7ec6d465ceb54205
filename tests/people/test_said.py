"""The word brought to the faces at hand: several boxes of one face, merges, contradictions."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faced.model import FaceId, PersonId
from faced.people.said import Said, resolve_said

ANNA, BEN, CARL, TWELVE = (PersonId(number) for number in (1, 2, 3, 12))
ONE, TWO = FaceId(101), FaceId(102)
HERE = {"x": [ONE], "y": [TWO]}


def test_nothing_said_is_nothing() -> None:
    """The empty word."""
    assert resolve_said({}, {}, {}, faces=HERE) == Said()


def test_words_reach_the_faces_they_mean_now() -> None:
    """By reference; what means no face waits."""
    said = resolve_said(
        {"x": (ANNA, "1"), "gone": (BEN, "2")},
        {("y", BEN): "3", ("y", CARL): "4", ("gone", ANNA): "5"},
        {"y": (ANNA, "6")},
        faces=HERE,
        named=[ANNA],
        kept=[CARL],
    )
    assert said == Said(
        {ONE: ANNA}, {TWO: frozenset({BEN, CARL})}, {TWO: ANNA}, frozenset({ANNA}), frozenset({CARL})
    )


def test_a_word_reaches_the_picture_and_its_edited_copy() -> None:
    """One reference, two faces of now."""
    assert resolve_said({"x": (ANNA, "1")}, {}, {}, faces={"x": [ONE, TWO]}).pins == {ONE: ANNA, TWO: ANNA}


def test_of_two_boxes_of_one_face_the_later_word_stands() -> None:
    """Pinned by the box of one engine, and again by that of another; rejections of both hold."""
    both = {"x": [ONE], "y": [ONE]}
    said = resolve_said(
        {"x": (ANNA, "5"), "y": (BEN, "4")},
        {("x", CARL): "1", ("y", TWELVE): "2"},
        {"x": (BEN, "1"), "y": (ANNA, "3")},
        faces=both,
    )
    assert said.pins == {ONE: ANNA}
    assert said.rejections == {ONE: frozenset({CARL, TWELVE})}
    assert said.anchors == {ONE: ANNA}


@pytest.mark.parametrize(("rejected", "pins"), [("1", {ONE: ANNA}), ("9", {})])
def test_of_a_pin_and_a_rejection_the_later_stands(rejected: str, pins: dict[FaceId, PersonId]) -> None:
    """Though they were said of two boxes of the face."""
    said = resolve_said({"x": (ANNA, "5")}, {("y", ANNA): rejected}, {}, faces={"x": [ONE], "y": [ONE]})
    assert said.pins == pins
    assert said.rejections == ({} if pins else {ONE: frozenset({ANNA})})


def test_an_anchor_that_is_rejected_or_pinned_elsewhere_is_none() -> None:
    """Whichever was later."""
    said = resolve_said(
        {"x": (BEN, "1")}, {("y", ANNA): "1"}, {"x": (ANNA, "2"), "y": (ANNA, "2")}, faces=HERE
    )
    assert said.anchors == {}


def test_merges_are_followed_to_the_end() -> None:
    """12 into Ben into Anna: every word of 12 is about Anna."""
    said = resolve_said(
        {"x": (TWELVE, "1")},
        {("y", TWELVE): "2", ("y", ANNA): "1"},
        {"x": (BEN, "1")},
        faces=HERE,
        named=[BEN],
        merged={TWELVE: BEN, BEN: ANNA},
    )
    assert said.pins == {ONE: ANNA}
    assert said.rejections == {TWO: frozenset({ANNA})}
    assert said.anchors == {ONE: ANNA}
    assert said.named == {ANNA}
    assert said.merged == {TWELVE: ANNA, BEN: ANNA}


def test_a_ring_of_merges_ends() -> None:
    """It cannot be said, but a damaged journal must not hang anybody: the smallest id stands for all."""
    said = resolve_said({"x": (CARL, "1")}, {}, {}, faces=HERE, merged={ANNA: BEN, BEN: CARL, CARL: ANNA})
    assert said.pins == {ONE: ANNA}
    assert said.merged == {BEN: ANNA, CARL: ANNA}


person = st.sampled_from([ANNA, BEN, CARL])
edit = st.sampled_from("123456")
statements = st.dictionaries(st.sampled_from("abcd"), st.tuples(person, edit), max_size=4)


@given(
    statements,
    st.dictionaries(st.tuples(st.sampled_from("abcd"), person), edit, max_size=5),
    statements,
    st.dictionaries(person, person, max_size=2),
)
@settings(max_examples=200, deadline=None)
def test_law_the_order_in_which_words_are_handed_over_does_not_matter(
    pins: dict, rejections: dict, anchors: dict, merged: dict
) -> None:
    """Only the ids of the edits count; and no pair is pinned and rejected at once, no anchor stands against either."""
    faces = {"a": [ONE], "b": [ONE, TWO], "c": [TWO], "d": []}
    said = resolve_said(pins, rejections, anchors, faces=faces, merged=merged)
    for order in list(permutations("abcd"))[::7]:
        again = resolve_said(
            {ref: pins[ref] for ref in order if ref in pins},
            dict(reversed(rejections.items())),
            {ref: anchors[ref] for ref in order if ref in anchors},
            faces=faces,
            merged=dict(reversed(merged.items())),
        )
        assert again == said
    for face, pinned in said.pins.items():
        assert pinned not in said.rejections.get(face, ())
        assert said.anchors.get(face, pinned) == pinned
    for face, anchored in said.anchors.items():
        assert anchored not in said.rejections.get(face, ())
