"""How `faced who`, `faced why` and the suggestions look: plain lines, or JSON whose keys others rely on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from faced.cli.show import count, path_json, person_name
from faced.errors import shown

if TYPE_CHECKING:
    from faced.model import PersonId
    from faced.passes.perhaps import Perhaps
    from faced.passes.who import Looks, Nearest
    from faced.passes.why import Explained

__all__ = ["perhaps_json", "perhaps_lines", "who_json", "who_lines", "why_json", "why_lines"]

Json = dict[str, Any]


def who_lines(looks: "Looks") -> list[str]:
    """Two lines a face: whom it shows, and who is near."""
    lines = []
    for face in looks.faces:
        person = None if face.person is None else person_name(*face.person)
        words = {"attached": f"{person}", "suggested": f"perhaps {person}", "unknown": "nobody known"}
        lines.append(f"{words[face.verdict]} at {_place(face.box)}")
        if face.nearest:
            lines.append(f"  nearest: {_near(face.nearest)}")
    if looks.is_known:
        lines.append(
            "this is by looks alone; the picture is in a library: `faced why` tells who was decided on there"
        )
    return lines


def who_json(looks: "Looks") -> list[Json]:
    """The keys stay as they are: programs read them."""
    return [
        {
            "box": list(face.box),
            "score": round(face.score, 3),
            "verdict": face.verdict,
            "person": _person_json(face.person),
            "nearest": _near_json(face.nearest),
        }
        for face in looks.faces
    ]


def why_lines(faces: "Sequence[Explained]") -> list[str]:
    """A line a face, and below it a line a reason."""
    if not faces:
        return ["no face was found"]
    lines = []
    for face in faces:
        lines.append(
            f"{'nobody yet' if face.person is None else person_name(*face.person)} at {_place(face.box)}"
        )
        lines += [f"  {reason}" for reason in face.reasons]
        if face.nearest:
            lines.append(f"  nearest: {_near(face.nearest)}")
    return lines


def why_json(faces: "Sequence[Explained]") -> list[Json]:
    """The keys stay as they are: programs read them."""
    return [
        {
            "box": list(face.box),
            "person": _person_json(face.person),
            "reasons": list(face.reasons),
            "nearest": _near_json(face.nearest),
        }
        for face in faces
    ]


def perhaps_lines(persons: "Sequence[Perhaps]") -> list[str]:
    """A line a person, and below it a line a face, the nearest first."""
    lines = []
    for one in persons:
        lines.append(f"{person_name(one.person, one.name)}: perhaps in {count(len(one.faces), 'more face')}")
        for face in one.faces:
            owner = "" if face.owner is None else f" (now Person {face.owner})"
            lines.append(f"  {face.distance:.2f} {'?' if face.path is None else shown(face.path)}{owner}")
    return lines or ["there is nothing to suggest"]


def perhaps_json(persons: "Sequence[Perhaps]") -> list[Json]:
    """The keys stay as they are: programs read them."""
    return [
        {
            "id": one.person,
            "name": one.name,
            "faces": [
                {
                    **({"path": None} if face.path is None else path_json(face.path)),
                    "distance": round(face.distance, 4),
                    "unit": face.unit,
                    "person": face.owner,
                }
                for face in one.faces
            ],
        }
        for one in persons
    ]


def _place(box: tuple[int, int, int, int]) -> str:
    return f"{box[0]},{box[1]} ({box[2]} x {box[3]} px)"


def _near(nearest: "Sequence[Nearest]") -> str:
    return ", ".join(f"{person_name(one.person, one.name)} {one.distance:.2f}" for one in nearest)


def _near_json(nearest: "Sequence[Nearest]") -> list[Json]:
    return [
        {
            "id": one.person,
            "name": one.name,
            "distance": round(one.distance, 4),
            "nearest": round(one.nearest, 4),
        }
        for one in nearest
    ]


def _person_json(person: "tuple[PersonId, str | None] | None") -> Json | None:
    return None if person is None else {"id": person[0], "name": person[1]}
