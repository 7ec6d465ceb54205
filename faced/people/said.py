"""The user's word about the faces at hand, ready for deciding who is who. Values in, values out.

The journal speaks of faces by picture and box, and may speak of one face by several boxes: of two engines,
or of the picture as it was before it was cropped. Here all of that is brought together, and of
statements that contradict each other the later one stands.
"""

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from faced.model import FaceId, PersonId

__all__ = ["Said", "resolve_said"]

Ref = TypeVar("Ref", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Said:
    """What the user said, about faces by id. Only `merged` knows persons who were merged into others.

    pins: this face is P. rejections: this face is not P (a pin of the same pair outranks it). anchors: this
    face was there when P was named; what is pinned to another or rejected for P is no anchor.
    named: the persons who have a name. kept: others whose id no computing may give away (what is theirs
    comes by pins and anchors only); not those who are only rejected or pinned somewhere. merged: who stands
    for a person who was merged away. born: the year in which a person was born. seeds: of the anchors those on
    portraits, which a user chose one by one.
    """

    pins: Mapping[FaceId, PersonId] = field(default_factory=dict)
    rejections: Mapping[FaceId, frozenset[PersonId]] = field(default_factory=dict)
    anchors: Mapping[FaceId, PersonId] = field(default_factory=dict)
    named: frozenset[PersonId] = frozenset()
    kept: frozenset[PersonId] = frozenset()
    merged: Mapping[PersonId, PersonId] = field(default_factory=dict)
    born: Mapping[PersonId, int] = field(default_factory=dict)
    seeds: frozenset[FaceId] = frozenset()


def resolve_said(
    pins: Mapping[Ref, tuple[PersonId, str]],
    rejections: Mapping[tuple[Ref, PersonId], str],
    anchors: Mapping[Ref, tuple[PersonId, str]],
    *,
    faces: Mapping[Ref, Collection[FaceId]],
    named: Collection[PersonId] = (),
    kept: Collection[PersonId] = (),
    merged: Mapping[PersonId, PersonId] | None = None,
    born: Mapping[PersonId, int] | None = None,
    seeds: Collection[str] = (),
) -> Said:
    """The word about the faces at hand.

    pins, rejections, anchors: the person, and the id of the edit that said so (a later edit has a greater id).
    faces: the faces that each reference means now; none, and the statement waits. One reference means
    several when a picture is there as it was and as it was edited. merged: a person -> who stands for it; chains
    are followed. born: of those who stand for themselves. seeds: edits whose anchors are on portraits.
    """
    final = _follow(merged or {})
    pin_of = _latest({ref: (final.get(p, p), edit) for ref, (p, edit) in pins.items()}, faces)
    anchor_of = _latest({ref: (final.get(p, p), edit) for ref, (p, edit) in anchors.items()}, faces)
    rejected: dict[FaceId, dict[PersonId, str]] = {}
    for (ref, person), edit in rejections.items():
        for face in faces.get(ref, ()):
            edits = rejected.setdefault(face, {})
            person = final.get(person, person)
            edits[person] = max(edit, edits.get(person, ""))
    for face, (person, edit) in list(pin_of.items()):
        said_no = rejected.get(face, {}).get(person)
        if said_no is None:
            continue
        if said_no > edit:
            del pin_of[face]
        else:
            del rejected[face][person]
    counted = {
        face: (person, edit)
        for face, (person, edit) in anchor_of.items()
        if person not in rejected.get(face, {}) and pin_of.get(face, (person, ""))[0] == person
    }
    return Said(
        {face: person for face, (person, _) in pin_of.items()},
        {face: frozenset(persons) for face, persons in rejected.items() if persons},
        {face: person for face, (person, _) in counted.items()},
        frozenset(final.get(person, person) for person in named),
        frozenset(final.get(person, person) for person in kept),
        final,
        dict(born or {}),
        frozenset(face for face, (_, edit) in counted.items() if edit in seeds),
    )


def _latest(
    said: Mapping[Ref, tuple[PersonId, str]], faces: Mapping[Ref, Collection[FaceId]]
) -> dict[FaceId, tuple[PersonId, str]]:
    """For each face what was said last; edits of one gesture never say two things of one face."""
    latest: dict[FaceId, tuple[PersonId, str]] = {}
    for ref, (person, edit) in said.items():
        for face in faces.get(ref, ()):
            before = latest.get(face)
            if before is None or (edit, -person) > (before[1], -before[0]):
                latest[face] = person, edit
    return latest


def _follow(merged: Mapping[PersonId, PersonId]) -> dict[PersonId, PersonId]:
    """Each merged person with the one who stands for it at the end; a ring stands for its smallest id."""
    final: dict[PersonId, PersonId] = {}
    for person in merged:
        seen = [person]
        while seen[-1] in merged and merged[seen[-1]] not in seen:
            seen.append(merged[seen[-1]])
        last = seen[-1]
        if last in merged:
            last = min(seen[seen.index(merged[last]) :])
        if last != person:
            final[person] = last
    return final
