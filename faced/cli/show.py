"""How results look: short plain lines, or JSON whose keys others rely on."""

import base64
import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faced.errors import shown

if TYPE_CHECKING:
    from faced.demo import DemoLibrary
    from faced.model import PersonId
    from faced.passes.full import PassReport
    from faced.passes.look import FaceView, Status
    from faced.store.asks import Ask
    from faced.store.persons import PersonRow

__all__ = [
    "demo_json",
    "faces_json",
    "faces_lines",
    "path_json",
    "people_json",
    "people_lines",
    "print_json",
    "print_lines",
    "print_problems",
    "status_json",
    "status_lines",
    "sync_json",
    "sync_lines",
    "understood_lines",
]

Json = dict[str, Any]


def print_lines(lines: Iterable[str]) -> None:
    """To standard output."""
    for line in lines:
        print(line)


def print_json(value: object) -> None:
    """To standard output, ready for other programs."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def print_problems(problems: Sequence[str]) -> None:
    """To standard error."""
    for problem in problems:
        print(f"faced: {problem}", file=sys.stderr)


def path_json(path: bytes, key: str = "path") -> Json:
    """The path as text; beside it, when it is not UTF-8, its bytes in base64 under `<key>_b64`."""
    try:
        return {key: path.decode("utf-8")}
    except UnicodeDecodeError:
        return {
            key: path.decode("utf-8", "replace"),
            f"{key}_b64": base64.b64encode(path).decode("ascii"),
        }


def person_name(person: "PersonId", name: str | None) -> str:
    """What a person is called."""
    return f"Person {person}" if name is None else name


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 photo`, `2 photos`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def sync_lines(report: "PassReport") -> list[str]:
    """One summary; nothing when nothing happened."""
    found = [
        count(sum(library.added for library in report.libraries), "new photo"),
        count(sum(library.changed for library in report.libraries), "changed photo"),
        count(sum(library.moved for library in report.libraries), "moved photo"),
        count(sum(library.gone for library in report.libraries), "deleted photo"),
        count(report.encoding.faces, "new face"),
    ]
    happened = [words for words in found if not words.startswith("0 ")]
    lines = [", ".join(happened)] if happened else []
    changes = [
        f"{person_name(person, report.names.get(person))} {change:+d}"
        for person, change in sorted(report.tree.changes.items())
        if change
    ]
    if changes:
        lines.append(
            ", ".join(changes[:20]) + (f" and {len(changes) - 20} more" if len(changes) > 20 else "")
        )
    if report.encoding.later:
        lines.append(
            f"{count(report.encoding.later, 'photo')} not finished yet: left for later (faced status)"
        )
    if report.encoding.failed:
        lines.append(f"{count(report.encoding.failed, 'photo')} could not be read (faced status says why)")
    lines += understood_lines([edit.why for edit in report.read.edits])
    lines += [ask_line(ask) for ask in report.asks]
    if report.tree.left_alone:
        left = count(report.tree.left_alone, "path")
        lines.append(f"{left} in the people folder left alone (faced status says why)")
    return lines


def understood_lines(why: Sequence[str]) -> list[str]:
    """What was read in the people folder, a sentence each."""
    more = f" and {len(why) - 20} more" if len(why) > 20 else ""
    return ["understood: " + "; ".join(why[:20]) + more] if why else []


def sync_json(report: "PassReport") -> Json:
    """What a pass did."""
    return {
        "libraries": [
            {
                **path_json(library.root),
                "online": library.online,
                "problem": library.problem,
                "added": library.added,
                "changed": library.changed,
                "moved": library.moved,
                "gone": library.gone,
            }
            for library in report.libraries
        ],
        "encoded": report.encoding.encoded,
        "faces": report.encoding.faces,
        "later": report.encoding.later,
        "failed": report.encoding.failed,
        "persons": [
            {"id": person, "name": report.names.get(person), "change": change}
            for person, change in sorted(report.tree.changes.items())
        ],
        "edits": [edit.why for edit in report.read.edits],
        "asks": asks_json(report.asks),
        "left_alone": report.tree.left_alone,
        "problems": list(report.problems),
    }


def status_lines(status: "Status") -> list[str]:
    """Counts first, then what needs somebody."""
    lines = [
        f"{count(status.counts.photos, 'photo')}, {count(status.faces, 'face')}, {status.counts.queued} queued"
    ]
    lines += _daemon_lines(status)
    lines += [f"note: {notice.text}" for notice in status.notices]
    if status.notice:
        lines.append(status.notice)
    for library in status.libraries:
        state = "" if library.online else " (offline)"
        lines.append(f"library {shown(library.root)}{state}: {count(library.photos, 'photo')}")
        if library.problem:
            lines.append(f"  {library.problem}")
    if status.tree is not None:
        lines.append(f"people folder {shown(status.tree.root)}")
        if status.tree.problem:
            lines.append(f"  {status.tree.problem}")
    if status.suggestions:
        lines.append(
            f"{count(status.suggestions, 'face')} may be somebody's whom you named: `faced people --suggestions`"
        )
    lines += [ask_line(ask) for ask in status.asks]
    if status.undecided:
        lines.append(
            f"{count(status.undecided, 'path')} in the people folder changed just now: the next look decides"
        )
    for path, reason in status.left_alone:
        lines.append(f"left alone: {shown(path)}: {reason}")
    for row in status.quarantine:
        words = "not finished yet" if row.later else "not readable"
        lines.append(f"{words}: {shown(os.path.join(row.root, row.path))}: {row.reason}")
    return lines


def _daemon_lines(status: "Status") -> list[str]:
    """Whether faced runs, and what hinders it."""
    paused = " (paused: `faced resume`)" if status.paused else ""
    note = status.daemon
    if note is None:
        return [f"not running{paused}: `faced sync` looks once, `faced run` keeps watching"]
    lines = [f"running, process {note.pid}{paused}; {note.sandbox}"]
    if note.overflows:
        lines.append(
            f"  the kernel's queue of changes ran over {count(note.overflows, 'time')}; all was looked at"
        )
    return [*lines, *(f"  {note.troubles[topic]}" for topic in sorted(note.troubles))]


def ask_line(ask: "Ask") -> str:
    """A question, and how it is answered."""
    return f"question {ask.id}: {ask.text} (yes: `faced accept {ask.id}`, no: `faced accept --no {ask.id}`)"


def asks_json(asks: "Iterable[Ask]") -> list[Json]:
    """Questions to the user."""
    return [{"id": ask.id, "text": ask.text} for ask in asks]


def status_json(status: "Status") -> Json:
    """What `faced status` knows; others rely on the keys."""
    tree = status.tree
    return {
        "photos": status.counts.photos,
        "faces": status.faces,
        "queued": status.counts.queued,
        "quarantined": [
            {**path_json(os.path.join(row.root, row.path)), "reason": row.reason, "later": row.later}
            for row in status.quarantine
        ],
        "libraries": [
            {**path_json(library.root), "online": library.online, "problem": library.problem}
            for library in status.libraries
        ],
        "people": None if tree is None else {**path_json(tree.root), "problem": tree.problem},
        "left_alone": [{**path_json(path), "reason": reason} for path, reason in status.left_alone],
        "asks": asks_json(status.asks),
        "undecided": status.undecided,
        "paused": status.paused,
        "notices": [notice.text for notice in status.notices],
        "daemon": None
        if status.daemon is None
        else {
            "pid": status.daemon.pid,
            "sandbox": status.daemon.sandbox,
            "overflows": status.daemon.overflows,
            "troubles": [status.daemon.troubles[topic] for topic in sorted(status.daemon.troubles)],
        },
        "notice": status.notice,
        "suggestions": status.suggestions,
    }


def people_lines(people: "Sequence[PersonRow]") -> list[str]:
    """A line a person."""
    lines = []
    for row in people:
        where = f"in {shown(row.folder)}" if row.folder is not None else "no folder"
        hidden = ", hidden" if row.hidden else ""
        lines.append(f"{person_name(row.id, row.name)}: {count(row.photos, 'photo')}, {where}{hidden}")
    return lines


def people_json(people: "Sequence[PersonRow]") -> list[Json]:
    """The keys stay as they are: programs read them."""
    return [
        {
            "id": row.id,
            "name": row.name,
            "state": "ignored" if row.hidden else "unnamed" if row.name is None else "named",
            **({"folder": None} if row.folder is None else path_json(row.folder, "folder")),
            "photos": row.photos,
            "faces": row.faces,
        }
        for row in people
    ]


def faces_lines(faces: "Sequence[FaceView]") -> list[str]:
    """A line a face, from left to right."""
    if not faces:
        return ["no face was found"]
    return [
        f"{'nobody yet' if face.person is None else person_name(*face.person)}"
        f" at {face.box[0]},{face.box[1]} ({face.box[2]} x {face.box[3]} px, {face.quality}): {face.why}"
        for face in faces
    ]


def faces_json(faces: "Sequence[FaceView]") -> list[Json]:
    """The keys stay as they are: programs read them."""
    return [
        {
            "box": list(face.box),
            "score": round(face.score, 3),
            "quality": face.quality,
            "person": None if face.person is None else {"id": face.person[0], "name": face.person[1]},
            "why": face.why,
        }
        for face in faces
    ]


def demo_json(folder: Path, demo: "DemoLibrary") -> Json:
    """Where the photos are and who is in each."""
    return {
        **path_json(os.fsencode(folder.absolute())),
        "photos": {str(path): list(people) for path, people in sorted(demo.photos.items())},
    }
