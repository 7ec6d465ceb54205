"""What a user said, as he would put it, and what stands by it: kept beside faced's own journal and tables."""

import copy
import os
from dataclasses import dataclass, field
from typing import NamedTuple

from faced.store.edits import Edit
from faced.store.word import Statements
from tests.support.wordphotos import person_at

__all__ = ["Face", "SaidEdit", "Word", "as_said", "check_edits", "fold_said", "is_taken_back", "learn_word"]


class Face(NamedTuple):
    """Somebody on an image, whatever engine found him."""

    image: str
    person: int


class SaidEdit(NamedTuple):
    """An edit of the journal, as the user would put it."""

    kind: str
    person: int
    value: str | None = None
    faces: frozenset[Face] = frozenset()


@dataclass
class Word:
    """What stands, by person. anchors, pins: face -> (whose, when it was said). rejected: when. merged: who was
    somebody else.
    """

    names: dict[int, str] = field(default_factory=dict)
    places: dict[int, str] = field(default_factory=dict)
    hidden: set[int] = field(default_factory=set)
    merged: set[int] = field(default_factory=set)
    rejected: dict[tuple[Face, int], int] = field(default_factory=dict)
    anchors: dict[Face, tuple[int, int]] = field(default_factory=dict)
    pins: dict[Face, tuple[int, int]] = field(default_factory=dict)


def fold_said(edits: list[SaidEdit], before: Word | None = None) -> Word:
    """The word that these edits make, in order; undone ones are not among them. before: what stood then."""
    word = copy.deepcopy(before) if before is not None else Word()
    for when, (kind, person, value, faces) in enumerate(edits):
        if kind == "name" and value is None:
            word.names.pop(person, None)
        elif kind == "name":
            word.names[person] = str(value)
        elif kind == "place":
            word.places[person] = str(value)
        elif kind in ("hide", "show"):
            (word.hidden.add if kind == "hide" else word.hidden.discard)(person)
        elif kind == "reject":
            word.rejected |= {(face, person): when for face in faces}
            word.pins = {f: pin for f, pin in word.pins.items() if f not in faces or pin[0] != person}
        elif kind == "anchor":
            word.anchors |= dict.fromkeys(faces, (person, when))
        else:
            raise AssertionError(f"nobody makes edits of kind {kind}")
    return word


def learn_word(statements: Statements) -> Word:
    """What stands, by what the tables say; it was said before all that is said from now on."""
    word = Word()
    for person, known in statements.persons.items():
        if known.merged_into is None:
            word.names |= {} if known.name is None else {person: known.name}
            word.places |= {person: os.fsdecode(known.place)} if known.place else {}
            word.hidden |= {person} if known.hidden else set()
        else:
            word.merged.add(person)
    # One face may have been spoken of by several boxes, of two engines: what was said last of it stands.
    said = [(one.edit, "anchor", spot, one.person) for spot, one in statements.anchors.items()]
    said += [(one.edit, "pin", spot, one.person) for spot, one in statements.pins.items()]
    said += [(edit, "reject", spot, whose) for (spot, whose), edit in statements.rejections.items()]
    for when, (_, kind, spot, whose) in enumerate(sorted(said), start=-len(said)):
        face = Face(spot.image, person_at(spot.box.left))
        if kind == "reject":
            word.rejected[face, whose] = when
        else:
            (word.anchors if kind == "anchor" else word.pins)[face] = whose, when
    return word


def as_said(edit: Edit) -> SaidEdit:
    """An edit of the journal."""
    assert edit.person is not None
    assert edit.value is None or isinstance(edit.value, str)
    faces = frozenset(Face(face.image, person_at(face.box.left)) for face in edit.faces)
    return SaidEdit(edit.kind, edit.person, edit.value, faces)


def is_taken_back(edits: list[Edit], person: int) -> bool:
    """Whether the user made this person or album, by a folder of his own, and nothing stands that he said of it, but for
    where the folder is.
    """
    said = [edit for edit in edits if edit.person == person]
    undone = {edit.undoes for edit in said}
    made = {edit.kind for edit in said if edit.gesture == said[0].gesture}
    is_made = "album" in made or ("name" in made and not made.isdisjoint({"pin", "seed"}))
    return is_made and all(edit.kind in ("undo", "place") or edit.id in undone for edit in said)


def check_edits(found: list[SaidEdit], wanted: list[SaidEdit], *, knows_faces: bool) -> None:
    """The journal has what was done and nothing else; hiding somebody also anchors all that is hers.

    knows_faces: else whoever is named has some anchors, or none when all her faces were pinned.
    """
    hidden = {edit.person for edit in wanted if edit.kind == "hide"}
    found = [e for e in found if not (e.kind == "anchor" and e.person in hidden and e not in wanted)]
    if not knows_faces:
        found, wanted = ([e for e in edits if e.kind != "anchor"] for edits in (found, wanted))
    order = lambda edit: (edit.kind, edit.person, str(edit.value), sorted(edit.faces))  # noqa: E731
    found, wanted = sorted(found, key=order), sorted(wanted, key=order)
    assert found == wanted, f"the journal says {found}, and done was {wanted}"
