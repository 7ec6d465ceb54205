"""How what was said is told: in a line an edit, or as JSON whose keys others rely on."""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from faced.cli.show import count, understood_lines
from faced.errors import shown

if TYPE_CHECKING:
    from faced.model import PersonId
    from faced.passes.say import Said
    from faced.store.edits import Edit
    from faced.store.journal import LogEntry

__all__ = ["log_json", "log_lines", "said_lines"]

Json = dict[str, Any]


def said_lines(said: "Said") -> list[str]:
    """What a command wrote, and that it will show later where it does not show yet."""
    lines = [f"#{entry.edit.number} {log_line(entry)}" for entry in said.told if entry.edit.kind not in BOOKS]
    lines += understood_lines(said.understood)
    if not said.is_shown:
        lines.append("it is stored and will show soon (`faced sync` waits for it)")
    elif said.edits and said.tree is not None and said.tree.frozen:
        lines.append("it is stored and will show when the people folder can be used again")
    return lines


def log_lines(log: "Sequence[LogEntry]") -> list[str]:
    """A line an edit, the latest first."""
    return [f"#{entry.edit.number}  {_local_time(entry.edit.time)}  {log_line(entry)}" for entry in log]


def _local_time(time: str) -> str:
    return datetime.fromisoformat(time).astimezone().strftime("%Y-%m-%d %H:%M:%S")


BOOKS = ("begin", "persons")


def log_line(entry: "LogEntry") -> str:
    """One edit in plain words."""
    words = _edit_words(entry.edit, entry)
    return f"{words} ({entry.edit.origin})" + (", undone" if entry.undone else "")


def _edit_words(edit: "Edit", entry: "LogEntry") -> str:
    """edit: the entry's own, or what it takes back, of the same person."""
    who, number = "", f"Person {edit.person}"
    if edit.person is not None:
        who = _with_name(edit.person, entry.names)
    if entry.album is not None:
        who = number = f"the album {_plain(entry.album)}"
    faces = count(len(edit.faces), "face")
    match edit.kind:
        case "name":
            words = (
                f"{number} is called {_plain(edit.value)}"
                if edit.value is not None
                else f"{number} has no name"
            )
            if edit.replaced is not None:
                words += f" (was {_plain(edit.replaced)})"
        case "anchor":
            words = f"{faces} in the folder then {_is(edit)} remembered as {who}"
        case "seed":
            words = f"{faces} on a portrait {_is(edit)} {who}"
        case "reject":
            words = f"{faces} {_is(edit)} not {who}"
        case "pin":
            words = f"{faces} {_is(edit)} {who}"
        case "born":
            words = (
                f"{who} was born in {edit.value}"
                if edit.value is not None
                else f"{who}: born nobody knows when"
            )
        case "place":
            words = f"{who} lives in {_plain(edit.value)}"
        case "hide":
            words = f"{who} is a stranger: not shown"
        case "show":
            words = f"{who} is shown again"
        case "merge":
            words = f"{number} is {_with_name(edit.value, entry.names)}"
            if edit.replaced is not None:
                words += f" (was called {_plain(edit.replaced)})"
        case "forget":
            words = _forget_words(edit)
        case "tag" | "name_link":
            words = _picture_words(edit, who)
        case "album":
            words = _album_words(edit, who)
        case "hide_link":
            words = f"a link is not shown in {who}"
        case "undo":
            what = _edit_words(entry.back, entry) if entry.back not in (None, edit) else who
            words = f"taken back: #{edit.undoes_number}" + (f", {what}" if what else "")
        case _:
            words = f"{edit.kind} {who} {_plain(edit.value)}"
    return words


def _is(edit: "Edit") -> str:
    return "is" if len(edit.faces) == 1 else "are"


def _with_name(person: object, names: "Mapping[PersonId, str]") -> str:
    name = names.get(person)  # type: ignore[call-overload]
    return f"Person {person}" + (f" ({_plain(name)})" if name else "")


def _album_words(edit: "Edit", who: str) -> str:
    value = edit.value if isinstance(edit.value, dict) else {}
    return f"{who} is no more" if value.get("over") else f"{who} is kept in {_plain(value.get('place'))}"


def _forget_words(edit: "Edit") -> str:
    value = edit.value if isinstance(edit.value, dict) else {}
    pictures = value.get("images", [])
    if edit.person is not None:
        return f"Person {edit.person} was forgotten, with {count(len(edit.faces), 'face')}"
    pictures = count(len(pictures) if isinstance(pictures, list) else 0, "picture")
    return f"{pictures}: forgotten" + (", may be looked at again" if value.get("again") else "")


def _picture_words(edit: "Edit", who: str) -> str:
    """Of what is said about a whole picture."""
    value = edit.value if isinstance(edit.value, dict) else {}
    if edit.kind == "tag":
        return (
            f"{who} {'has' if value.get('on') else 'has no'} link to {value.get('image')}, whoever is on it"
        )
    called = "called as its photo" if value.get("name") is None else f"called {_plain(value.get('name'))}"
    return f"the link of {who} to {value.get('image')} is {called}"


def _plain(value: object) -> str:
    return shown(os.fsencode(value)) if isinstance(value, str) else str(value)


def log_json(log: "Sequence[LogEntry]") -> list[Json]:
    """The journal's own keys, and whether the edit still counts."""
    return [
        {
            "id": entry.edit.id,
            "time": entry.edit.time,
            "origin": entry.edit.origin,
            "kind": entry.edit.kind,
            "person": entry.edit.person,
            "faces": len(entry.edit.faces),
            "value": entry.edit.value,
            "replaced": entry.edit.replaced,
            "undoes": entry.edit.undoes,
            "undone": entry.undone,
            "album": entry.album,
        }
        for entry in log
    ]
