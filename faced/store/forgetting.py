"""What `faced forget` takes out of the journal, and what must not come back. Values in, values out.

An edit of kind `forget` is about a person (`faces`: hers, wherever they were found; value `{"persons": [ids]}`, those
who were merged into her too, and albums that show her) or about pictures (value `{"images": [keys], "again": bool}`; again: they may be looked
at from now on, and only what was known is forgotten). It cannot be undone, and it strikes out what was said before it,
so that a journal that was put back from a copy forgets once more.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from faced.model import Box, ImageKey, PersonId
from faced.store.edits import BOOKS, Draft, Edit, FaceRef, Json, Spot, is_understood, sort_edits

__all__ = [
    "SAME_PLACE",
    "Forgotten",
    "draft_person",
    "draft_pictures",
    "find_forgotten",
    "is_same_place",
    "strike_out",
    "what_pictures",
]

SAME_PLACE = 0.35
"""Boxes of one picture that overlap so much (IoU) are of one face."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """images: not looked at any more. faces: let go when they are found again."""

    images: frozenset[ImageKey] = frozenset()
    faces: frozenset[Spot] = frozenset()


def draft_person(person: PersonId, merged: Iterable[PersonId], faces: Iterable[FaceRef]) -> Draft:
    """Forget somebody. merged: those who were merged into her, and albums that show her."""
    persons = sorted({int(person), *map(int, merged)})
    return Draft("forget", person, tuple(faces), {"persons": list(persons)})


def draft_pictures(images: Iterable[ImageKey], *, again: bool) -> Draft:
    """Forget what is known of pictures."""
    keys: list[Json] = [*sorted(map(str, images))]
    return Draft("forget", value={"images": keys, "again": again})


def what_pictures(edit: Edit) -> frozenset[ImageKey]:
    """The pictures that a forget is about; none when it is about a person, or makes no sense."""
    return frozenset(map(ImageKey, _value(edit).get("images", ()))) if is_understood(edit) else frozenset()


def find_forgotten(edits: Iterable[Edit]) -> Forgotten:
    """What must not come back, by all that was said."""
    images: set[ImageKey] = set()
    faces: set[Spot] = set()
    for edit in _forgets(edits):
        value = _value(edit)
        faces.update(face.spot for face in edit.faces)
        keys = {ImageKey(key) for key in value.get("images", ())}
        images = images - keys if value.get("again") else images | keys
    return Forgotten(frozenset(images), frozenset(faces))


def strike_out(edits: Iterable[Edit]) -> list[Edit]:
    """The journal without what its forgets took, in order. What is left keeps its id."""
    left = sort_edits(edits)
    for forget in _forgets(left):
        left = _strike(left, forget)
    return left


def is_same_place(one: Box, other: Box) -> bool:
    """Whether two boxes of one picture are of one face."""
    width = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    height = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    common = max(0.0, width) * max(0.0, height)
    both = one.width * one.height + other.width * other.height - common
    return one == other or (both > 0 and common / both >= SAME_PLACE)


def _forgets(edits: Iterable[Edit]) -> list[Edit]:
    return [edit for edit in sort_edits(edits) if edit.kind == "forget" and is_understood(edit)]


def _value(edit: Edit) -> Mapping[str, Any]:
    return edit.value if isinstance(edit.value, dict) else {}


@dataclass(slots=True)
class _Taken:
    """What one forget takes. boxes: of faces, by image."""

    persons: frozenset[int]
    images: frozenset[str]
    boxes: dict[str, list[Box]] = field(default_factory=dict)

    def has(self, face: FaceRef) -> bool:
        if face.image in self.images:
            return True
        return any(is_same_place(face.box, box) for box in self.boxes.get(face.image, ()))


def _strike(edits: Sequence[Edit], forget: Edit) -> list[Edit]:
    value = _value(forget)
    taken = _Taken(frozenset(value.get("persons", ())), frozenset(value.get("images", ())))
    for face in forget.faces:
        taken.boxes.setdefault(face.image, []).append(face.box)
    left: list[Edit] = []
    gone: set[str] = set()
    for edit in edits:
        if edit.id >= forget.id or edit.kind in BOOKS or edit.kind == "forget":
            left.append(edit)
            continue
        is_hers = edit.person in taken.persons or (edit.kind == "merge" and edit.value in taken.persons)
        is_taken = is_hers or edit.undoes in gone or _image_of(edit) in taken.images
        less = None if is_taken else _strike_faces(edit, taken)
        if less is None:
            gone.add(edit.id)
        else:
            left.append(less)
    return left


def _image_of(edit: Edit) -> object:
    """The picture that a word about a whole picture is about."""
    if edit.kind in ("tag", "name_link"):
        return _value(edit).get("image")
    return edit.value if edit.kind == "hide_link" else None


def _strike_faces(edit: Edit, taken: _Taken) -> Edit | None:
    """The edit without the faces that are taken; None when nothing is left that it could say."""
    stays = [not taken.has(face) for face in edit.faces]
    if all(stays):
        return edit
    if not any(stays):
        return None
    faces = tuple(face for face, stay in zip(edit.faces, stays, strict=True) if stay)
    replaced = edit.replaced
    if isinstance(replaced, list) and len(replaced) == len(stays):
        replaced = [item for item, stay in zip(replaced, stays, strict=True) if stay]
    return replace(edit, faces=faces, replaced=replaced)
