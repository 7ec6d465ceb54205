"""What a forget strikes out of the journal: laws over any journal, then the file beside the database."""

import shutil
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faced.model import Box, ImageKey, PersonId
from faced.store.database import open_store
from faced.store.edit_lines import to_line
from faced.store.edits import FaceRef, Spot, explain_skipping, find_undone
from faced.store.forgetting import draft_person, draft_pictures, find_forgotten, is_same_place, strike_out
from faced.store.forgotten import delete_faces_at
from faced.store.journal import check_word, load_edits, strike_lines
from faced.store.journal_file import JOURNAL, append_journal, request_rewriting, restore_journal
from faced.store.pictures import face_text
from faced.store.settings import load_setting
from faced.store.undo import undo_last
from faced.store.word import fold
from faced.store.word_tables import load_word
from tests.support.said import say, say_much
from tests.support.words import NOON, edit, edit_id, face, journals, spot


def forget(number, person=None, merged=(), faces=(), images=(), *, again=False):
    """An edit that forgets somebody, or pictures."""
    draft = (
        draft_pictures(images, again=again)
        if person is None
        else draft_person(PersonId(person), merged, faces)
    )
    return replace(edit(number, "forget", draft.person, draft.faces), value=draft.value)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(journals(), st.integers(1, 5), st.sets(st.integers(1, 4)))
def test_nothing_of_a_forgotten_person_is_left(edits, person, pictures):
    """No edit about her, no face of hers; what is left is in order, understood, and struck but once."""
    hers = tuple(map(face, sorted(pictures)))
    end = len(edits) + 1
    left = strike_out([*edits, forget(end, person, (), hers)])
    assert left[-1].kind == "forget"
    for one in left[:-1]:
        assert one.person != person
        assert not (one.kind == "merge" and one.value == person)
        assert not {ref.spot for ref in one.faces} & {ref.spot for ref in hers}
        assert one.undoes is None or one.undoes >= one.id or one.undoes in {e.id for e in left}
        assert explain_skipping(one) is None
    assert [one.id for one in left] == sorted(one.id for one in left)
    assert strike_out(left) == left, "struck once, nothing is left to strike"
    assert strike_out(reversed([*edits, left[-1]])) == left


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(journals(), st.integers(1, 5))
def test_what_was_said_of_others_stays(edits, person):
    """Where nobody was merged with her and no face was said to be hers, the others' word is as it was."""
    edits = [one for one in edits if one.kind != "merge" and not (one.person == person and one.faces)]
    edits = [one for one in edits if one.kind != "undo"]
    before = fold(edits)
    after = fold(strike_out([*edits, forget(99, person)]))
    assert after.pins == before.pins
    assert after.rejections == before.rejections
    assert after.anchors == before.anchors
    assert after.persons == {p: word for p, word in before.persons.items() if p != person}
    assert find_undone(strike_out([*edits, forget(99, person)])) == frozenset()


def test_pictures_are_forgotten_until_that_is_lifted():
    """Words about them go; a later word stays; lifted, they may be looked at again."""
    key = face(1).image
    said = [edit(1, "pin", 1, (face(1), face(2))), edit(2, "reject", 1, (face(1),)), forget(3, images=[key])]
    assert strike_out(said) == [replace(said[0], faces=(face(2),)), said[2]]
    assert find_forgotten(said).images == {key}
    lifted = [*said, forget(4, images=[key], again=True), edit(5, "pin", 2, (face(1),))]
    assert find_forgotten(lifted).images == frozenset()
    assert fold(strike_out(lifted)).pins == {spot(1): PersonId(2), spot(2): PersonId(1)}


def test_a_word_said_after_it_counts():
    """Only what was before is struck out; who comes after her has another number."""
    said = [edit(1, "name", 1, (), "A"), forget(2, 1, (), [face(1)]), edit(3, "pin", 2, (face(1),))]
    assert [one.id for one in strike_out(said)] == [edit_id(2), edit_id(3)]
    assert find_forgotten(said).faces == {spot(1)}


def test_a_forget_that_makes_no_sense_forgets_nothing():
    """It is kept and skipped, like every edit that is not understood."""
    said = [edit(1, "name", 1, (), "A"), replace(edit(2, "forget", 1), value={"persons": ["x"]})]
    assert strike_out(said) == said
    assert explain_skipping(said[1]) is not None


def test_places_of_one_face_overlap():
    """By more than a third; a box without a size is only where it is."""
    box = Box(0.2, 0.2, 0.2, 0.2)
    assert is_same_place(box, Box(0.25, 0.22, 0.2, 0.2))
    assert not is_same_place(box, Box(0.35, 0.2, 0.2, 0.2))
    assert is_same_place(Box(0, 0, 0, 0), Box(0, 0, 0, 0))
    assert not is_same_place(Box(0, 0, 0, 0), Box(1, 1, 0, 0))


def carry_out(store):
    """Person 1 and picture 4 are forgotten, as the command does it in the store."""
    keys = [ImageKey(face(4).image)]
    say(store, draft_person(PersonId(1), [PersonId(4)], [face(1), face(5)]))
    say(store, draft_pictures(keys, again=False))
    with store.write() as db:
        strike_lines(db)
        request_rewriting(db)


def test_the_file_is_written_anew_and_an_old_copy_of_it_forgets_again(tmp_path):
    """Of two lines of one edit the struck one stands, whichever of the two was put back from a copy."""
    with open_store(tmp_path) as store:
        say_much(store)
        shutil.copy(tmp_path / JOURNAL, tmp_path / "old.jsonl")
        carry_out(store)
        append_journal(store, NOON)
        text = (tmp_path / JOURNAL).read_bytes()
        assert b"Anna" not in text
        assert b"Anna" in (tmp_path / "old.jsonl").read_bytes()
        assert text.splitlines() == [to_line(one).encode() for one in load_edits(store.db)]
        assert check_word(store.db) == []
        word = load_word(store.db)
        shutil.copy(tmp_path / "old.jsonl", tmp_path / JOURNAL)
        report = append_journal(store, NOON)
        assert report.ahead
        restore_journal(store, report.ahead)
        append_journal(store, NOON)
        assert b"Anna" not in (tmp_path / JOURNAL).read_bytes()
        assert load_word(store.db) == word
        assert check_word(store.db) == []


def test_an_old_database_forgets_by_the_file(tmp_path):
    """A database that was put back from a copy, with the file of now beside it."""
    old, new = tmp_path / "old", tmp_path / "new"
    with open_store(old) as store:
        say_much(store)
    shutil.copytree(old, new)
    with open_store(new) as store:
        carry_out(store)
        append_journal(store, NOON)
        word = load_word(store.db)
        assert load_setting(store.db, "journal.rewrite") == "0"
    shutil.copy(new / JOURNAL, old / JOURNAL)
    with open_store(old) as store:
        report = append_journal(store, NOON)
        restore_journal(store, report.ahead)
        append_journal(store, NOON)
        assert load_word(store.db) == word
        assert (old / JOURNAL).read_bytes() == (new / JOURNAL).read_bytes()


def test_promise_10_but_for_what_was_forgotten(tmp_path):
    """An undo goes past it to what was said before."""
    with open_store(tmp_path) as store:
        say_much(store)
        carry_out(store)
        with store.write() as db:
            undone = undo_last(db, 9, time=NOON)
        assert undone
        assert {one.undoes for one in undone}.isdisjoint(
            e.id for e in load_edits(store.db) if e.kind == "forget"
        )


@pytest.mark.parametrize("again", [True, False])
def test_the_tables_are_those_of_the_journal(tmp_path, again):
    """Also after a picture was forgotten twice, or lifted."""
    with open_store(tmp_path) as store:
        say_much(store)
        carry_out(store)
        say(store, draft_pictures([face(4).image], again=again))
        assert check_word(store.db) == []
        assert store.db.execute("SELECT count(*) FROM forgotten_images").fetchone() == (int(not again),)


def test_words_about_whole_pictures_and_albums_go_too():
    """A tag and a link's name of a forgotten picture; an album that shows a forgotten person, by its id."""
    key, other = str(face(1).image), str(face(2).image)
    said = [
        edit(1, "tag", 1, (), {"image": key, "on": True}),
        edit(2, "name_link", 1, (), {"image": key, "name": "Anna.jpg"}),
        edit(3, "hide_link", 9, (), key),
        edit(4, "tag", 1, (), {"image": other, "on": True}),
        edit(5, "album", 9, (), {"persons": [1, 2], "name": None, "place": "Anna + Ben", "over": False}),
    ]
    assert strike_out([*said, forget(6, images=[face(1).image])])[:-1] == said[3:]
    assert strike_out([*said, forget(6, 2, [9])])[:-1] == [said[0], said[1], said[3]]


def test_the_pictures_that_were_made_of_a_forgotten_face_are_forgotten(tmp_path):
    """Their checksums name the picture and the place; those of others stay."""
    hers, other = Box(0.1, 0.1, 0.2, 0.2), Box(0.6, 0.1, 0.2, 0.2)
    texts = [face_text(Spot(ImageKey("b1:a"), box)) for box in (hers, Box(0.11, 0.1, 0.2, 0.2), other)]
    texts.append(face_text(Spot(ImageKey("b1:ab"), hers)))
    with open_store(tmp_path / "state") as store, store.write() as db:
        db.conn.executemany(
            "INSERT INTO made_pictures (checksum, face) VALUES (?, ?)",
            [(str(n), text) for n, text in enumerate(texts)],
        )
        db.conn.executemany("INSERT INTO put_off_faces (face) VALUES (?)", [(text,) for text in texts])
        delete_faces_at(db, [FaceRef(ImageKey("b1:a"), hers, "engine")])
        for table in ("made_pictures", "put_off_faces"):
            assert {face for (face,) in db.execute(f"SELECT face FROM {table}")} == set(texts[2:])
