"""The user's word: a fold over the journal. Values in, values out: no file, no SQL, no clock.

`fold` looks at every edit in order, skips what was undone, and says what stands: names, pins, rejections,
anchors, and of whole pictures tags and the names of links. Undo, un-merge and rebuilding the tables are nothing but folding again.

The rules:
* Of a pin and a rejection of the same face and person the later one stands. A face has one pin, the last.
* A face has one anchor, the last; a seed is one, too, of a face on a portrait. It does not count while the face is rejected or pinned elsewhere.
* What is said about a person who was merged, before or after, counts for the one whom it was merged into.
  That one keeps its own name, born, place and hidden; without a name it takes the other's name, and with it
  the place. A merge of a person into itself, by whatever way round, says nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias, cast

from faced.model import ImageKey, PersonId
from faced.store.edits import Edit, Spot, find_undone, is_understood, sort_edits

__all__ = [
    "NameSaid",
    "PersonWord",
    "Said",
    "Statements",
    "Word",
    "apply_edit",
    "find_highest_person",
    "find_installation",
    "find_persons",
    "fold",
    "fold_statements",
]


@dataclass(frozen=True, slots=True)
class PersonWord:
    """What was said about a person. born: year. place: folder, relative to the people folder.

    merged_into: who stands for it now, a person who is not merged; None: it stands for itself.
    """

    name: str | None = None
    born: int | None = None
    place: bytes | None = None
    hidden: bool = False
    merged_into: PersonId | None = None


NOTHING = PersonWord()


class Said(NamedTuple):
    """Whose a face is, and the id of the edit that said so."""

    person: PersonId
    edit: str


class NameSaid(NamedTuple):
    """What a link is called, and the id of the edit that said so."""

    name: bytes
    edit: str


Placed: TypeAlias = tuple[ImageKey, PersonId]
"""A person's link to a picture, whoever is on it."""


@dataclass(frozen=True, slots=True)
class Word:
    """What the user's word is now. Nobody in pins, rejections, anchors, tags and link_names is merged into another.

    persons: those about whom something was said, merged ones too. tags: pictures that persons belong to, whoever is
    on them. link_names: file names.
    """

    persons: Mapping[PersonId, PersonWord] = field(default_factory=dict)
    pins: Mapping[Spot, PersonId] = field(default_factory=dict)
    rejections: Mapping[Spot, frozenset[PersonId]] = field(default_factory=dict)
    anchors: Mapping[Spot, PersonId] = field(default_factory=dict)
    tags: frozenset[Placed] = frozenset()
    link_names: Mapping[Placed, bytes] = field(default_factory=dict)

    def resolve(self, person: PersonId) -> PersonId:
        """Who stands for the person now: itself, unless it was merged."""
        return self.person(person).merged_into or person

    def person(self, person: PersonId) -> PersonWord:
        """What was said about the person, if anything."""
        return self.persons.get(person, NOTHING)


@dataclass(slots=True)
class Statements:
    """The fold at work: what stands, and which edit said it, for a merge must know what was said later.

    Only what is told apart by key: a part of it, holding all keys that an edit touches, changes as the whole
    would. rejections: the id of the edit for each (face, person). anchors: as said, those that do not count too.
    tags: the id of the edit for each (image, person).
    """

    persons: dict[PersonId, PersonWord] = field(default_factory=dict)
    pins: dict[Spot, Said] = field(default_factory=dict)
    rejections: dict[tuple[Spot, PersonId], str] = field(default_factory=dict)
    anchors: dict[Spot, Said] = field(default_factory=dict)
    tags: dict[Placed, str] = field(default_factory=dict)
    link_names: dict[Placed, NameSaid] = field(default_factory=dict)

    def copy(self) -> "Statements":
        """Another one, that changes by itself."""
        return Statements(
            dict(self.persons),
            dict(self.pins),
            dict(self.rejections),
            dict(self.anchors),
            dict(self.tags),
            dict(self.link_names),
        )

    def person(self, person: PersonId) -> PersonWord:
        """What was said about the person, if anything."""
        return self.persons.get(person, NOTHING)

    def resolve(self, person: PersonId) -> PersonId:
        """Who stands for the person now."""
        return self.person(person).merged_into or person

    def word(self) -> Word:
        """What stands, for readers."""
        rejected: dict[Spot, set[PersonId]] = {}
        for spot, person in self.rejections:
            rejected.setdefault(spot, set()).add(person)
        anchors = {
            spot: said.person
            for spot, said in self.anchors.items()
            if (spot, said.person) not in self.rejections
            and (spot not in self.pins or self.pins[spot].person == said.person)
        }
        return Word(
            dict(self.persons),
            {spot: said.person for spot, said in self.pins.items()},
            {spot: frozenset(persons) for spot, persons in rejected.items()},
            anchors,
            frozenset(self.tags),
            {place: said.name for place, said in self.link_names.items()},
        )


def fold(edits: Iterable[Edit]) -> Word:
    """The user's word. The order in which the edits are handed over does not matter: their ids have one."""
    return fold_statements(edits).word()


def fold_statements(edits: Iterable[Edit]) -> Statements:
    """As `fold`, with the edits that said it."""
    ordered = sort_edits(edits)
    undone = find_undone(ordered)
    statements = Statements()
    for edit in ordered:
        if edit.id not in undone:
            apply_edit(statements, edit)
    return statements


def apply_edit(statements: Statements, edit: Edit) -> None:
    """Change the statements as an edit that was said after all others says. `undo` needs a new fold instead."""
    if not is_understood(edit) or edit.person is None:
        return
    person = statements.resolve(edit.person)
    match edit.kind:
        case "name":
            _say(statements, person, name=cast("str | None", edit.value))
        case "born":
            _say(statements, person, born=cast("int | None", edit.value))
        case "place":
            text = cast("str | None", edit.value)
            place = None if text is None else text.encode("utf-8", "surrogateescape")
            _say(statements, person, place=place)
        case "hide" | "show":
            _say(statements, person, hidden=edit.kind == "hide")
        case "anchor" | "seed":
            for face in edit.faces:
                statements.anchors[face.spot] = Said(person, edit.id)
        case "pin":
            for face in edit.faces:
                statements.pins[face.spot] = Said(person, edit.id)
                statements.rejections.pop((face.spot, person), None)
        case "reject":
            for face in edit.faces:
                statements.rejections[face.spot, person] = edit.id
                if face.spot in statements.pins and statements.pins[face.spot].person == person:
                    del statements.pins[face.spot]
        case "merge":
            _merge(statements, person, statements.resolve(PersonId(cast("int", edit.value))))
        case "tag" | "name_link":
            _say_of_picture(statements, person, edit)


def find_installation(edits: Iterable[Edit]) -> str | None:
    """The id of the installation that wrote these edits."""
    begins = [edit for edit in sort_edits(edits) if edit.kind == "begin" and is_understood(edit)]
    return cast("str", begins[0].value) if begins else None


def find_persons(edits: Iterable[Edit]) -> frozenset[PersonId]:
    """Everybody whom an edit is about, undone or not."""
    found: set[PersonId] = set()
    for edit in edits:
        if is_understood(edit) and edit.person is not None:
            found.add(edit.person)
            if edit.kind == "merge":
                found.add(PersonId(cast("int", edit.value)))
    return frozenset(found)


def find_highest_person(edits: Iterable[Edit]) -> int:
    """No person id up to this one may be given again. What was undone counts: somebody was shown by it."""
    listed = list(edits)
    noted = [cast("int", edit.value) for edit in listed if edit.kind == "persons" and is_understood(edit)]
    return max([0, *noted, *find_persons(listed)])


def _say(statements: Statements, person: PersonId, **change: str | int | bytes | None) -> None:
    changed = replace(statements.person(person), **change)  # type: ignore[arg-type]
    if changed == NOTHING:
        statements.persons.pop(person, None)
    else:
        statements.persons[person] = changed


def _say_of_picture(statements: Statements, person: PersonId, edit: Edit) -> None:
    value = cast("dict[str, str | bool | None]", edit.value)
    place = ImageKey(cast("str", value["image"])), person
    if edit.kind == "tag":
        if value["on"]:
            statements.tags[place] = edit.id
        else:
            statements.tags.pop(place, None)
    elif value["name"] is None:
        statements.link_names.pop(place, None)
    else:
        name = cast("str", value["name"]).encode("utf-8", "surrogateescape")
        statements.link_names[place] = NameSaid(name, edit.id)


def _merge(statements: Statements, merged: PersonId, into: PersonId) -> None:
    if merged == into:
        return
    theirs, ours = statements.person(merged), statements.person(into)
    if ours.name is None and theirs.name is not None:
        _say(statements, into, name=theirs.name, place=theirs.place if ours.place is None else ours.place)
    if ours.born is None:
        _say(statements, into, born=theirs.born)
    _say(statements, merged, merged_into=into)
    for person, word in list(statements.persons.items()):
        if word.merged_into == merged:
            _say(statements, person, merged_into=into)
    _merge_faces(statements, merged, into)
    for image, person in [place for place in statements.tags if place[1] == merged]:
        tagged = statements.tags.pop((image, person))
        statements.tags[image, into] = max(tagged, statements.tags.get((image, into), ""))
    for image, person in [place for place in statements.link_names if place[1] == merged]:
        named = statements.link_names.pop((image, person))
        other = statements.link_names.get((image, into), named)
        statements.link_names[image, into] = max(named, other, key=lambda said: said.edit)


def _merge_faces(statements: Statements, merged: PersonId, into: PersonId) -> None:
    for said in (statements.pins, statements.anchors):
        said.update({spot: Said(into, edit) for spot, (person, edit) in said.items() if person == merged})
    for spot, person in [key for key in statements.rejections if key[1] == merged]:
        edit = statements.rejections.pop((spot, person))
        statements.rejections[spot, into] = max(edit, statements.rejections.get((spot, into), ""))
    for spot, person in [key for key in statements.rejections if key[1] == into]:
        pin = statements.pins.get(spot)
        if pin is not None and pin.person == into:
            if pin.edit > statements.rejections[spot, person]:
                del statements.rejections[spot, person]
            else:
                del statements.pins[spot]
