"""What the user said, one edit at a time.

Values in, values out: no file, no SQL, no clock. An edit names faces by image and box and persons by their
lasting ids, never by a row of the database, so that a line means the same in any database.

Two kinds are faced's own books and nobody's word: `begin`, whose value is the installation's id, and
`persons`, whose value is the highest person id given so far. They cannot be undone.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

from faced.model import Box, ImageKey, PersonId

__all__ = [
    "BOOKS",
    "ID",
    "VERSION",
    "Draft",
    "Edit",
    "FaceRef",
    "Json",
    "Spot",
    "explain_skipping",
    "find_undone",
    "format_time",
    "is_person",
    "is_understood",
    "new_ids",
    "number_of",
    "sort_edits",
]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
VERSION = 1
BOOKS = frozenset({"begin", "persons"})
ID = re.compile(r"(\d{12})-([0-9a-f]{12})\Z")
HIGHEST_PERSON = 2**53
"""Above it a number is damage: SQLite could give no id after the highest it has."""


class Spot(NamedTuple):
    """A face, whatever engine found it: the image, and the box as fractions of the stored picture."""

    image: ImageKey
    box: Box


@dataclass(frozen=True, slots=True)
class FaceRef:
    """A face as an edit names it. engine: the key of the engine whose box it is."""

    image: ImageKey
    box: Box
    engine: str

    @property
    def spot(self) -> Spot:
        """Without the engine: what words hang on."""
        return Spot(self.image, self.box)


@dataclass(frozen=True, slots=True)
class Draft:
    """An edit that is yet to be written: it has no id, time and origin, and what it replaces is not known.

    value, by kind: name: text, or None for no name any more. born: year or None. place: folder path as text
    (os.fsdecode), relative to the people folder, or None. merge: id of the person it is merged into.
    tag: {"image": key, "on": bool}. name_link: {"image": key, "name": text, or None for none of its own}. pin of a
    link that was moved: {"from": id of the person whose it was}.
    forget: see store.forgetting. undo has `undoes`; hide, show, anchor, seed, pin and reject need no value.
    """

    kind: str
    person: PersonId | None = None
    faces: tuple[FaceRef, ...] = ()
    value: Json = None
    undoes: str | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """One line of the journal.

    id: ascending; its second half is shared by the edits of one gesture. time: UTC, ISO 8601. origin:
    `folder`, `command`, `import`, or `faced` for its own books. replaced: what was true before, for people
    to read (a name, or a person for each face); no rule depends on it. undoes: id of an earlier edit.
    v and extra: version, and the keys that this program does not know.
    """

    id: str
    time: str
    origin: str
    kind: str
    person: PersonId | None = None
    faces: tuple[FaceRef, ...] = ()
    value: Json = None
    replaced: Json = None
    undoes: str | None = None
    v: int = VERSION
    extra: Mapping[str, Json] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """What people call it; two may have the same one, when the database was lost between them."""
        return number_of(self.id)

    @property
    def undoes_number(self) -> int | None:
        """The number of the edit that this one takes back."""
        return None if self.undoes is None else number_of(self.undoes)

    @property
    def gesture(self) -> str:
        """What the edits that were made together have in common; they are undone together."""
        return self.id.partition("-")[2]


# ---- ids and times ----


def new_ids(last: str | None, count: int) -> list[str]:
    """Ids for the edits of one gesture, after `last`. A number alone would be given again after a loss."""
    start = number_of(last) if last else 0
    gesture = secrets.token_hex(6)
    return [f"{start + number:012}-{gesture}" for number in range(1, count + 1)]


def number_of(id_: str) -> int:
    """The number that an edit's id begins with."""
    return int(id_.partition("-")[0])


def format_time(moment: datetime) -> str:
    """As lines have it: 2026-11-24T09:30:00.000Z. The moment must know its time zone."""
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {moment!r}")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# ---- order and undo ----


def sort_edits(edits: Iterable[Edit]) -> list[Edit]:
    """In the order in which they were said, each id once."""
    unique: dict[str, Edit] = {}
    for edit in edits:
        unique.setdefault(edit.id, edit)
    return [unique[key] for key in sorted(unique)]


def find_undone(edits: Iterable[Edit]) -> frozenset[str]:
    """Ids of the edits that do not count. An undo that was itself undone undoes nothing.

    An undo can only mean an earlier edit, so one walk from the last to the first decides all.
    """
    undone: set[str] = set()
    for edit in reversed(sort_edits(edits)):
        takes_back = edit.kind == "undo" and edit.id not in undone and is_understood(edit)
        if takes_back and edit.undoes is not None and edit.undoes < edit.id:
            undone.add(edit.undoes)
    return frozenset(undone)


# ---- what this program understands ----


def explain_skipping(edit: Edit) -> str | None:
    """Why the edit is kept but has no effect, one plain sentence; None when it is understood."""
    if edit.v != VERSION:
        return f"edit {edit.id} was written by a newer faced (version {edit.v}); it is kept and skipped"
    check = KINDS.get(edit.kind)
    if check is None:
        return f"edit {edit.id} is of a kind that this faced does not know, {edit.kind!a}; it is kept and skipped"
    if not check(edit):
        return f"edit {edit.id} ({edit.kind}) cannot be understood; it is kept and skipped"
    return None


def is_understood(edit: Edit) -> bool:
    """Whether the edit can have an effect."""
    check = KINDS.get(edit.kind) if edit.v == VERSION else None
    return check is not None and check(edit)


def is_person(value: object) -> bool:
    """Whether this can be the id of a person."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= HIGHEST_PERSON


def _has_person(edit: Edit) -> bool:
    return is_person(edit.person)


def _is_name(edit: Edit) -> bool:
    named = edit.value is None or (isinstance(edit.value, str) and edit.value != "")
    return _has_person(edit) and named


def _is_birth(edit: Edit) -> bool:
    year = edit.value
    is_year = isinstance(year, int) and not isinstance(year, bool) and 1 <= year <= 9999
    return _has_person(edit) and (year is None or is_year)


def _is_place(edit: Edit) -> bool:
    if edit.value is None or not isinstance(edit.value, str):
        return _has_person(edit) and edit.value is None
    try:
        return _has_person(edit) and edit.value.encode("utf-8", "surrogateescape") != b""
    except UnicodeEncodeError:
        return False


def _is_about_faces(edit: Edit) -> bool:
    return _has_person(edit) and bool(edit.faces)


def _is_merge(edit: Edit) -> bool:
    return _has_person(edit) and is_person(edit.value)


def _is_tag(edit: Edit) -> bool:
    match edit.value:
        case {"image": str(image), "on": bool()} if image and image.isascii():
            return _has_person(edit)
    return False


def _is_link_name(edit: Edit) -> bool:
    match edit.value:
        case {"image": str(image), "name": None | str() as name} if image and image.isascii():
            return _has_person(edit) and (name is None or _is_file_name(name))
    return False


def _is_file_name(name: str) -> bool:
    try:
        return name.encode("utf-8", "surrogateescape") != b"" and "/" not in name and "\0" not in name
    except UnicodeEncodeError:
        return False


def _is_undo(edit: Edit) -> bool:
    return edit.undoes is not None


def _is_begin(edit: Edit) -> bool:
    return isinstance(edit.value, str) and edit.value.isascii() and edit.value != ""


def _is_count(edit: Edit) -> bool:
    return edit.value == 0 or is_person(edit.value)


def _is_forget(edit: Edit) -> bool:
    """See store.forgetting."""
    match edit.value:
        case {"persons": [*persons]}:
            return _has_person(edit) and all(map(is_person, persons))
        case {"images": [*images], "again": bool()}:
            return edit.person is None and not edit.faces and all(isinstance(key, str) for key in images)
    return False


def _is_anything(edit: Edit) -> bool:
    return True


KINDS: dict[str, Callable[[Edit], bool]] = {
    "name": _is_name,
    "born": _is_birth,
    "place": _is_place,
    "hide": _has_person,
    "show": _has_person,
    "anchor": _is_about_faces,
    "seed": _is_about_faces,
    "pin": _is_about_faces,
    "reject": _is_about_faces,
    "merge": _is_merge,
    "tag": _is_tag,
    "name_link": _is_link_name,
    "undo": _is_undo,
    "begin": _is_begin,
    "persons": _is_count,
    # Not folded into persons and faces; who writes them says what their values are.
    "album": _is_anything,
    "hide_link": _is_anything,
    "answer": _is_anything,
    "forget": _is_forget,
}
