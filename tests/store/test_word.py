"""What the user's edits come to."""

import dataclasses

import pytest

from faced.model import Box
from faced.store.edit_lines import BrokenLine, from_line, read_lines, to_line
from faced.store.edits import Edit, explain_skipping, find_undone, format_time, is_understood, new_ids
from faced.store.word import PersonWord, Word, find_highest_person, find_installation, fold
from tests.support.words import NOON, edit, edit_id, face, spot


def folded(*said: tuple[object, ...]) -> Word:
    """The word after these edits, numbered from 1."""
    return fold(edit(number, *what) for number, what in enumerate(said, start=1))  # type: ignore[arg-type]


def test_the_last_name_stands():
    """A person renamed twice has the second name; named null, none at all."""
    assert folded(("name", 1, (), "Anna"), ("name", 1, (), "Änne")).person(1).name == "Änne"
    assert folded(("name", 1, (), "Anna"), ("name", 1)).persons == {}


def test_all_that_can_be_said_of_a_person():
    """Name, year, folder as bytes, and whether it is a stranger."""
    word = folded(
        ("name", 7, (), "Oma"),
        ("born", 7, (), 1931),
        ("place", 7, (), "Family/Om\udce4"),
        ("hide", 7),
    )
    assert word.persons == {7: PersonWord("Oma", 1931, b"Family/Om\xe4", True)}
    assert folded(("hide", 7), ("show", 7)).persons == {}


def test_of_pin_and_rejection_the_later_one_stands():
    """Contradicting words of one face and one person."""
    pinned = folded(("reject", 1, (face(1),)), ("pin", 1, (face(1),)))
    assert (pinned.pins, pinned.rejections) == ({spot(1): 1}, {})
    rejected = folded(("pin", 1, (face(1),)), ("reject", 1, (face(1),)))
    assert (rejected.pins, rejected.rejections) == ({}, {spot(1): {1}})


def test_a_pin_elsewhere_outranks_the_older_one():
    """A face is one person's; rejections from others stay."""
    word = folded(("reject", 3, (face(1),)), ("pin", 1, (face(1),)), ("pin", 2, (face(1),)))
    assert word.pins == {spot(1): 2}
    assert word.rejections == {spot(1): {3}}


def test_a_rejection_leaves_a_pin_to_somebody_else():
    """Not Ben says nothing about Anna."""
    assert folded(("pin", 1, (face(1),)), ("reject", 2, (face(1),))).pins == {spot(1): 1}


def test_a_face_rejected_or_pinned_elsewhere_is_no_anchor():
    """Three faces anchored, one then rejected, one pinned to another, one pinned to the same person."""
    word = folded(
        ("anchor", 1, (face(1), face(2), face(3), face(4))),
        ("reject", 1, (face(1),)),
        ("pin", 2, (face(2),)),
        ("pin", 1, (face(3),)),
    )
    assert word.anchors == {spot(3): 1, spot(4): 1}


def test_two_engines_mean_one_face_when_the_box_is_the_same():
    """Words hang on image and box."""
    old, new = face(1), face(1, engine="e2")
    assert folded(("pin", 1, (old,)), ("reject", 1, (new,))).pins == {}


def test_what_was_said_of_a_merged_person_counts_for_the_other():
    """Pins, rejections and anchors go over, said before or after the merge."""
    word = folded(
        ("pin", 12, (face(1),)),
        ("reject", 12, (face(2),)),
        ("anchor", 12, (face(3),)),
        ("name", 5, (), "Anna"),
        ("merge", 12, (), 5),
        ("pin", 12, (face(4),)),
    )
    assert word.pins == {spot(1): 5, spot(4): 5}
    assert word.rejections == {spot(2): {5}}
    assert word.anchors == {spot(3): 5}
    assert word.resolve(12) == 5


def test_a_merge_weighs_pin_and_rejection_by_when_they_were_said():
    """Of what was said of the two persons the later one stands."""
    earlier = folded(("pin", 12, (face(1),)), ("reject", 5, (face(1),)), ("merge", 12, (), 5))
    assert (earlier.pins, earlier.rejections) == ({}, {spot(1): {5}})
    later = folded(("reject", 5, (face(1),)), ("pin", 12, (face(1),)), ("merge", 12, (), 5))
    assert (later.pins, later.rejections) == ({spot(1): 5}, {})


def test_merges_in_a_row_lead_to_the_last():
    """Nobody is merged into one who is merged."""
    word = folded(("merge", 3, (), 2), ("merge", 2, (), 1), ("merge", 4, (), 3))
    assert {p: w.merged_into for p, w in word.persons.items()} == {2: 1, 3: 1, 4: 1}


def test_a_merge_into_itself_says_nothing():
    """Straight, and by a way round."""
    assert folded(("merge", 1, (), 1)).persons == {}
    assert folded(("merge", 1, (), 2), ("merge", 2, (), 1)).persons == {1: PersonWord(merged_into=2)}


def test_a_merge_never_loses_a_name():
    """The one who stays keeps its name, and takes the other's when it has none."""
    both = folded(("name", 1, (), "Anna"), ("name", 2, (), "Ben"), ("merge", 1, (), 2))
    assert both.person(2).name == "Ben"
    one = folded(("name", 1, (), "Anna"), ("place", 1, (), "Family/Anna"), ("merge", 1, (), 2))
    assert (one.person(2).name, one.person(2).place) == ("Anna", b"Family/Anna")


def test_undoing_a_merge_splits_again_exactly():
    """What was said in between goes to whom it was said of."""
    said = [
        edit(1, "name", 5, (), "Anna"),
        edit(2, "pin", 12, (face(1),)),
        edit(3, "merge", 12, (), 5),
        edit(4, "pin", 12, (face(2),)),
        edit(5, "pin", 5, (face(3),)),
        edit(6, "undo", undoes=3),
    ]
    word = fold(said)
    assert word == fold(e for e in said if e.kind not in ("merge", "undo"))
    assert word.pins == {spot(1): 12, spot(2): 12, spot(3): 5}


def test_undo_of_undo():
    """Undone, done again, undone again."""
    said = [edit(1, "name", 1, (), "Anna")]
    seen = []
    for number in range(2, 5):
        said.append(edit(number, "undo", undoes=number - 1))
        seen.append(fold(said).person(1).name)
    assert seen == [None, "Anna", None]
    assert find_undone(said) == {edit_id(1), edit_id(3)}


def test_an_undo_means_only_what_was_said_before_it():
    """An undo of itself, of a later edit and of one that there is not undoes nothing."""
    said = [edit(1, "undo", undoes=2), edit(2, "name", 1, (), "A"), edit(3, "undo", undoes=3)]
    assert fold([*said, edit(4, "undo", undoes=99)]).person(1).name == "A"


def test_the_books_cannot_be_undone():
    """Ids that were given stay given, and an installation stays who it is."""
    said = [edit(1, "begin", value="ab12"), edit(2, "persons", value=40), edit(3, "undo", undoes=2)]
    assert find_highest_person(said) == 40
    assert find_installation(said) == "ab12"
    assert find_highest_person([edit(1, "merge", 3, (), 41), edit(2, "undo", undoes=1)]) == 41


@pytest.mark.parametrize(
    ("kind", "person", "faces", "value"),
    [
        ("name", None, (), "Anna"),
        ("name", 1, (), ""),
        ("name", 1, (), 5),
        ("born", 1, (), "1990"),
        ("born", 1, (), True),
        ("place", 1, (), "\ud800"),
        ("place", 1, (), ""),
        ("pin", 1, (), None),
        ("pin", None, (face(1),), None),
        ("merge", 1, (), None),
        ("merge", 1, (), 0),
        ("undo", None, (), None),
        ("frobnicate", 1, (face(1),), None),
    ],
)
def test_what_cannot_be_understood_has_no_effect_and_is_told(kind, person, faces, value):
    """It is kept, and one plain sentence says so."""
    strange = edit(1, kind, person, faces, value)
    assert not is_understood(strange)
    assert edit_id(1) in (explain_skipping(strange) or "")
    assert fold([strange]) == Word()
    assert from_line(to_line(strange)) == strange


def test_a_line_of_a_newer_version_is_kept_and_skipped():
    """Even when its keys mean something else."""
    line = (
        to_line(edit(1, "name", 1, (), "Anna")).replace('"v":1', '"v":2').replace('"faces":[]', '"faces":{}')
    )
    newer = from_line(line)
    assert "newer faced" in (explain_skipping(newer) or "")
    assert fold([newer]) == Word()
    assert from_line(to_line(newer)) == newer


def test_keys_that_are_not_known_are_kept():
    """A line of a version with one key more."""
    line = to_line(edit(1, "name", 1, (), "Anna"))[:-1] + ',"mood":["good"]}'
    assert from_line(line).extra == {"mood": ["good"]}
    assert to_line(from_line(line)) == line
    assert fold([from_line(line)]).person(1).name == "Anna"


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        "[]",
        "null",
        "\0" * 40,
        "[" * 100_000,
        '{"v":1}',
        to_line(edit(1, "hide", 1)).replace('"person":1', '"person":"1"'),
        to_line(edit(1, "hide", 1)).replace('"person":1', '"person":true'),
        to_line(edit(1, "hide", 1)).replace('"person":1', f'"person":{10**30}'),
        to_line(edit(1, "hide", 1)).replace('"v":1', '"v":0'),
        to_line(edit(1, "hide", 1)).replace("000000000001-", "x-"),
        to_line(edit(1, "pin", 1, (face(1),))).replace("0.125", "NaN"),
        to_line(edit(1, "pin", 1, (face(1),))).replace("0.125", "1e999"),
        to_line(edit(1, "pin", 1, (face(1),))).replace("0.125", "true"),
        to_line(edit(1, "pin", 1, (face(1),))).replace("0.125,", ""),
        to_line(edit(1, "pin", 1, (face(1),))).replace('"engine":"e1"', '"motor":"e1"'),
    ],
)
def test_a_broken_line_is_told_and_costs_only_itself(damage):
    """The lines before and after it are read."""
    with pytest.raises(BrokenLine):
        from_line(damage)
    first, last = to_line(edit(2, "hide", 1)), to_line(edit(3, "show", 1))
    found = read_lines(f"{first}\n{damage}\n{last}\n".encode())
    assert found.texts == (first, last)
    assert [number for number, _ in found.broken] == ([2] if damage else [])


def test_of_two_lines_with_one_id_the_first_stands():
    """The same line twice is no harm, another one is told."""
    first, other = to_line(edit(1, "hide", 1)), to_line(edit(1, "show", 1))
    assert read_lines(f"{first}\n{first}\n".encode()).broken == ()
    found = read_lines(f"{first}\n{other}".encode())
    assert found.texts == (first,)
    assert found.broken[0][0] == 2


def test_a_line_is_one_line_of_ascii():
    """Whatever the name: line breaks, bytes that are no UTF-8, an emoji."""
    line = to_line(edit(1, "name", 1, (), "a\nb\u2028\udcff👩"))
    assert line.isascii()
    assert len(line.splitlines()) == 1


def test_what_would_not_come_back_is_refused():
    """An emoji in two halves comes back as one, a box that is no number not at all."""
    with pytest.raises(ValueError, match="two halves"):
        to_line(edit(1, "name", 1, (), "\ud83d\ude00"))
    broken = dataclasses.replace(face(1), box=Box(float("nan"), 0, 1, 1))
    with pytest.raises(ValueError, match="float"):
        to_line(edit(1, "pin", 1, (broken,)))


def test_ids_ascend_and_share_their_gesture():
    """After the last one, and never the same again although the numbers may be."""
    first, again = new_ids(None, 3), new_ids(None, 3)
    assert first == sorted(first)
    assert not set(first) & set(again)
    later = new_ids(first[-1], 1)
    assert later[0] > first[-1]
    gestures = [Edit(key, "", "", "hide").gesture for key in (*first, *later)]
    assert gestures[0] == gestures[2] != gestures[3]


def test_times_are_utc():
    """In the form that sorts as text; a time without a zone is a mistake of the caller."""
    assert format_time(NOON) == "2026-11-24T12:00:00.000Z"
    with pytest.raises(ValueError, match="zone"):
        format_time(NOON.replace(tzinfo=None))
