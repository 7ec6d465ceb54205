"""Edits as lines of the journal file, and back.

A line is one JSON object in ASCII. Text that came from file names which are no UTF-8 stands in it as Python's
surrogate escapes (`\\udcff` is the byte 0xff), so every name and place is written back as the bytes it was.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from faced.model import Box, ImageKey
from faced.store.edits import ID, VERSION, Edit, FaceRef, is_person

__all__ = ["BrokenLine", "Lines", "from_line", "read_lines", "to_line"]

SPLIT_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


class BrokenLine(Exception):
    """A line of the journal that is no edit at all: torn by a power cut, or damaged."""


@dataclass(frozen=True, slots=True)
class Lines:
    """A journal as read. texts: the line of each edit, as it stood. broken: (line number, why), from 1."""

    edits: tuple[Edit, ...]
    texts: tuple[str, ...]
    broken: tuple[tuple[int, str], ...]


def to_line(edit: Edit) -> str:
    """The edit as one line, without the line break. Raises ValueError for what would not come back as it is."""
    content: dict[str, Any] = {
        "v": edit.v,
        "id": edit.id,
        "time": edit.time,
        "origin": edit.origin,
        "kind": edit.kind,
    }
    if edit.v == VERSION:
        content |= {
            "person": edit.person,
            "faces": [_face_to_json(face) for face in edit.faces],
            "value": edit.value,
            "replaced": edit.replaced,
            "undoes": edit.undoes,
        }
    if any(SPLIT_PAIR.search(text) for text in _texts([edit.value, edit.replaced])):
        raise ValueError("a text with an emoji in two halves cannot be written to the journal")
    return json.dumps(content | dict(edit.extra), allow_nan=False, separators=(",", ":"))


def from_line(line: str) -> Edit:
    """The edit that a line holds, of a kind known or not. Raises BrokenLine when it holds none."""
    try:
        content = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BrokenLine("it is not JSON") from error
    if not isinstance(content, dict):
        raise BrokenLine("it is not a JSON object")
    version = _take(content, "v", lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= 1)
    known = {
        "id": _take(content, "id", lambda v: isinstance(v, str) and ID.match(v) is not None),
        "kind": _take(content, "kind", lambda v: isinstance(v, str) and v != ""),
        "time": _take(content, "time", lambda v: isinstance(v, str)),
        "origin": _take(content, "origin", lambda v: isinstance(v, str)),
    }
    if version != VERSION:
        return Edit(**known, v=version, extra=content)
    return Edit(
        **known,
        person=_take(content, "person", lambda v: v is None or is_person(v)),
        faces=tuple(map(_face_from_json, _take(content, "faces", lambda v: isinstance(v, list)))),
        value=_take(content, "value", lambda v: True),
        replaced=_take(content, "replaced", lambda v: True),
        undoes=_take(content, "undoes", lambda v: v is None or isinstance(v, str)),
        extra=content,
    )


def read_lines(content: bytes) -> Lines:
    """All edits of a journal. Of two lines with one id the first stands; the other is broken if it differs."""
    edits: list[Edit] = []
    texts: dict[str, str] = {}
    broken: list[tuple[int, str]] = []
    for number, raw in enumerate(content.split(b"\n"), start=1):
        if not raw:
            continue
        try:
            text = raw.decode("utf-8")
            edit = from_line(text)
        except (UnicodeDecodeError, BrokenLine) as error:
            why = str(error) if isinstance(error, BrokenLine) else "it is not UTF-8"
            broken.append((number, why))
            continue
        if edit.id not in texts:
            edits.append(edit)
            texts[edit.id] = text
        elif texts[edit.id] != text:
            broken.append((number, f"it has the id of another line, {edit.id}"))
    return Lines(tuple(edits), tuple(texts.values()), tuple(broken))


def _take(content: dict[str, Any], key: str, is_right: Callable[[Any], bool]) -> Any:
    if key not in content:
        raise BrokenLine(f"it has no {key}")
    value = content.pop(key)
    if not is_right(value):
        raise BrokenLine(f"its {key} is not what it should be")
    return value


def _face_to_json(face: FaceRef) -> dict[str, Any]:
    box = face.box
    return {
        "image": face.image,
        "box": [box.left, box.top, box.width, box.height],
        "engine": face.engine,
    }


def _face_from_json(value: Any) -> FaceRef:
    match value:
        case {"image": str(image), "box": [_, _, _, _] as box, "engine": str(engine)} if (
            len(value) == 3 and image and image.isascii() and all(map(_is_finite, box))
        ):
            return FaceRef(ImageKey(image), Box(*map(float, box)), engine)
    raise BrokenLine("one of its faces is not what it should be")


def _is_finite(value: object) -> bool:
    if type(value) is float:  # nearly always, and there are many
        return math.isfinite(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
