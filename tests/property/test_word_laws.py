"""Laws of the user's word, and a machine that holds the tables to the fold and the fold to a plain model."""

import dataclasses
import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from faced.model import ImageKey, PersonId
from faced.store.database import open_store
from faced.store.edit_lines import from_line, read_lines, to_line
from faced.store.edits import Draft, Edit, FaceRef
from faced.store.journal import add_edits, check_word, load_edits, rebuild_word
from faced.store.persons import add_persons
from faced.store.undo import undo_gesture, undo_last
from faced.store.word import PersonWord, Statements, Word, apply_edit, find_highest_person, fold
from faced.store.word_tables import load_word
from tests.support.words import NOON, boxes, edit, edit_id, face, journals, names, statements

LONG = bool(os.environ.get("FACED_LONG"))
law = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def model(edits: list[Edit]) -> Word:
    """The word again, written as plainly as possible: lists of statements, searched from end to end."""

    def counts(one: Edit) -> bool:
        undos = (u for u in edits if u.kind == "undo" and u.undoes == one.id and u.id > one.id)
        return not any(counts(u) for u in undos)

    said: list[list] = []  # [kind, spot, person, edit number], in order
    pictures: list[list] = []  # [kind, image, person, value], the last of one place and kind stands
    words: dict[int, dict] = {}
    into: dict[int, int] = {}
    for number, one in enumerate(edits):
        if not counts(one) or one.kind == "undo":
            continue
        person = into.get(one.person, one.person)
        mine = words.setdefault(person, {"name": None, "born": None, "place": None, "hidden": False})
        if one.kind in ("name", "born"):
            mine[one.kind] = one.value
        elif one.kind == "place":
            mine["place"] = one.value and os.fsencode(one.value)
        elif one.kind in ("hide", "show"):
            mine["hidden"] = one.kind == "hide"
        elif one.kind == "merge":
            other = into.get(one.value, one.value)
            if person == other:
                continue
            theirs = words.setdefault(other, {"name": None, "born": None, "place": None, "hidden": False})
            if theirs["name"] is None and mine["name"] is not None:
                theirs["name"] = mine["name"]
                theirs["place"] = mine["place"] if theirs["place"] is None else theirs["place"]
            theirs["born"] = mine["born"] if theirs["born"] is None else theirs["born"]
            into = {p: other if q == person else q for p, q in into.items()} | {person: other}
            said = [[k, s, other if p == person else p, n] for k, s, p, n in said]
            said = [a for a in said if not any(beats(b, a) for b in said)]
            pictures = [[k, i, other if p == person else p, v] for k, i, p, v in pictures]
        elif one.kind in ("tag", "name_link"):
            value = one.value["on"] or None if one.kind == "tag" else one.value["name"]
            pictures = [a for a in pictures if a[:3] != [one.kind, one.value["image"], person]]
            pictures += [[one.kind, one.value["image"], person, value]] if value is not None else []
        else:
            said += [[one.kind, face.spot, person, number] for face in one.faces]
            said = [a for a in said if not any(beats(b, a) for b in said)]
    pins = {s: p for k, s, p, _ in said if k == "pin"}
    rejections: dict = {}
    for kind, place, person, _ in said:
        if kind == "reject":
            rejections[place] = rejections.get(place, frozenset()) | {person}
    anchors = {
        s: p
        for k, s, p, _ in said
        if k == "anchor" and p not in rejections.get(s, ()) and pins.get(s, p) == p
    }
    for person in into:
        words.setdefault(person, {})
    persons = {p: PersonWord(**w, merged_into=into.get(p)) for p, w in words.items()}
    persons = {p: w for p, w in persons.items() if w != PersonWord()}
    tags = frozenset((i, p) for k, i, p, _ in pictures if k == "tag")
    names = {(i, p): os.fsencode(v) for k, i, p, v in pictures if k == "name_link"}
    return Word(persons, pins, rejections, anchors, tags, names)


def beats(new: list, old: list) -> bool:
    """A later statement takes an older one's place."""
    (kind, spot, person, number), (old_kind, old_spot, old_person, old_number) = new, old
    if spot != old_spot or number <= old_number:
        return False
    if kind == old_kind and kind in ("pin", "anchor"):
        return True
    return {kind, old_kind} <= {"pin", "reject"} and person == old_person


@law
@given(journals())
def test_the_fold_is_what_the_plain_model_says(edits):
    """All rules at once."""
    assert fold(edits) == model(edits)


@law
@given(journals(), st.randoms())
def test_the_fold_does_not_depend_on_how_the_edits_are_handed_over(edits, random):
    """Shuffled, and some of them twice."""
    shuffled = edits + edits[::2]
    random.shuffle(shuffled)
    assert fold(shuffled) == fold(edits) == fold(iter(edits))


@law
@given(journals())
def test_undoing_the_last_edit_is_not_having_said_it(edits):
    """Undo restores the word, whatever was said."""
    if edits:
        undo = edit(len(edits) + 1, "undo", undoes=len(edits))
        assert fold([*edits, undo]) == fold(edits[:-1])


@law
@given(journals(), st.data())
def test_undoing_an_undo_is_not_having_undone(edits, data):
    """Any edit, undone and done again."""
    if edits:
        target = data.draw(st.integers(1, len(edits)))
        end = len(edits)
        there = [*edits, edit(end + 1, "undo", undoes=target)]
        assert fold([*there, edit(end + 2, "undo", undoes=end + 1)]) == fold(edits)


@law
@given(journals(), st.data())
def test_undos_may_be_made_in_any_order(edits, data):
    """Two edits taken back: which one first makes no difference."""
    if edits:
        a, b = data.draw(st.integers(1, len(edits))), data.draw(st.integers(1, len(edits)))
        end = len(edits)
        one = [edit(end + 1, "undo", undoes=a), edit(end + 2, "undo", undoes=b)]
        other = [edit(end + 1, "undo", undoes=b), edit(end + 2, "undo", undoes=a)]
        assert fold(edits + one) == fold(edits + other)


@law
@given(journals(), st.lists(st.integers(0, 31), unique=True))
def test_edits_of_an_unknown_kind_change_nothing(edits, places):
    """Wherever they stand, and when they are undone."""
    strange = [
        Edit(f"{place:012}-{'f' * 12}", "", "", "frobnicate", PersonId(1), (face(1),), {"x": None})
        for place in places
    ]
    undos = [
        dataclasses.replace(edit(200 + number, "undo"), undoes=one.id) for number, one in enumerate(strange)
    ]
    assert fold(edits + strange) == fold(edits + strange + undos) == fold(edits)


@law
@given(journals(), st.data())
def test_the_fold_goes_on_where_it_stopped(edits, data):
    """What was said last is applied to what stood: the tables need no new fold but for an undo."""
    said = [e for e in edits if e.kind != "undo"]
    cut = data.draw(st.integers(0, len(said)))
    standing = Statements()
    for one in said[:cut]:
        apply_edit(standing, one)
    rest = standing.copy()
    for one in said[cut:]:
        apply_edit(rest, one)
    assert rest.word() == fold(said)
    assert standing.word() == fold(said[:cut])


@law
@given(journals())
def test_undone_or_not_a_person_id_is_never_free_again(edits):
    """The highest id ever mentioned."""
    mentioned = [e.person for e in edits if e.person] + [e.value for e in edits if e.kind == "merge"]
    assert find_highest_person(edits) == max(mentioned, default=0)


@law
@given(journals(), st.data())
def test_lines_of_two_pieces_are_the_lines_of_the_whole(edits, data):
    """Cut between any two lines."""
    cut = data.draw(st.integers(0, len(edits)))
    first, rest = ("".join(to_line(e) + "\n" for e in part) for part in (edits[:cut], edits[cut:]))
    whole, a, b = (read_lines(text.encode()) for text in (first + rest, first, rest))
    assert whole.edits == a.edits + b.edits == tuple(edits)
    assert whole.broken == ()


@law
@given(
    st.builds(
        Edit,
        id=st.integers(0, 10**12 - 1).map(edit_id),
        time=st.text(max_size=30).filter(lambda t: to_text_and_back(t) == t),
        origin=st.sampled_from(["folder", "command", "import"]),
        kind=st.sampled_from(["name", "pin", "whatever"]),
        person=st.none() | st.integers(1, 2**53),
        faces=st.lists(st.builds(FaceRef, st.just(ImageKey("b1:0f")), boxes, st.text(max_size=5))).map(tuple),
        value=names | st.none() | st.integers() | st.lists(names),
        replaced=names | st.none() | st.lists(st.none() | st.integers()),
        undoes=st.none() | st.integers(0, 9).map(edit_id),
        extra=st.dictionaries(st.just("mood"), names),
    )
)
def test_a_line_holds_the_whole_edit(said):
    """Any name and any box come back as they were, to the last bit."""
    again = from_line(to_line(said))
    assert again == said
    assert [float.hex(f.box.left) for f in again.faces] == [float.hex(f.box.left) for f in said.faces]
    assert to_line(again) == to_line(said)


def to_text_and_back(text: str) -> str:
    """Two surrogates side by side would come back as one character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


@law
@given(st.binary(max_size=300))
def test_no_bytes_are_too_strange_to_read(content):
    """Garbage is told by line, never an exception."""
    found = read_lines(content)
    assert found.edits == ()
    assert len(found.broken) == len([line for line in content.split(b"\n") if line])


@settings(law, max_examples=50)
@given(boxes, names)
def test_the_tables_hold_any_box_and_any_name(box, name):
    """What was said comes back from the database to the last bit."""
    ref = FaceRef(ImageKey("b1:0f"), box, "e")
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder)) as store:
        with store.write() as db:
            (person,) = add_persons(db, 1)
            said = [
                Draft("name", person, value=name),
                Draft("pin", person, (ref,)),
                Draft("anchor", person, (ref,)),
            ]
            add_edits(db, said, origin="folder", time=NOON)
        word = load_word(store.db)
        assert word == Word({person: PersonWord(name)}, {ref.spot: person}, {}, {ref.spot: person})
        with store.write() as db:
            add_edits(db, [Draft("reject", person, (ref,))], origin="folder", time=NOON)
        assert load_word(store.db).pins == {}


class SayingMachine(RuleBasedStateMachine):
    """Gestures and undos on a real database: the tables are the fold, and undo does what it says."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.opened = open_store(Path(self.folder.name))
        self.store = self.opened.__enter__()
        with self.store.write() as db:
            add_persons(db, 5)
        self.before: list[Word] = []  # the word before each gesture that counts

    def teardown(self) -> None:
        self.opened.__exit__(None, None, None)
        self.folder.cleanup()

    @rule(said=st.lists(statements, min_size=1, max_size=4))
    def say(self, said):
        drafts = [Draft(kind, PersonId(person), faces, value) for kind, person, faces, value in said]
        self.before.append(load_word(self.store.db))
        with self.store.write() as db:
            edits = add_edits(db, drafts, origin="folder", time=NOON)
        assert len({edit.gesture for edit in edits}) == 1
        assert [(e.kind, e.person, e.faces, e.value) for e in edits] == said

    @precondition(lambda self: self.before)
    @rule(data=st.data())
    def undo(self, data):
        count = data.draw(st.integers(1, len(self.before)))
        with self.store.write() as db:
            undos = undo_last(db, count, time=NOON)
        assert undos
        assert load_word(self.store.db) == self.before[-count]
        del self.before[-count:]

    @precondition(lambda self: self.before)
    @rule()
    def undo_and_undo_that(self):
        word = load_word(self.store.db)
        with self.store.write() as db:
            undos = undo_last(db, time=NOON)
        with self.store.write() as db:
            assert len(undo_gesture(db, undos[0].id, time=NOON)) == len(undos)
            assert undo_gesture(db, undos[0].id, time=NOON) == []
        assert load_word(self.store.db) == word

    @rule()
    def rebuild(self):
        word = load_word(self.store.db)
        with self.store.write() as db:
            rebuild_word(db)
        assert load_word(self.store.db) == word

    @invariant()
    def tables_are_the_fold(self):
        assert check_word(self.store.db) == []
        edits = load_edits(self.store.db)
        said = [edit for edit in edits if edit.kind not in ("begin", "persons")]
        assert load_word(self.store.db) == fold(edits) == model(said)


TestSaying = SayingMachine.TestCase
TestSaying.settings = settings(law, max_examples=200 if LONG else 20, stateful_step_count=40 if LONG else 20)
