"""From a picture to its faces: which decode is asked for, and what a face of it becomes.

Decides how large the decode must be; decodes nothing itself and knows no orientation: boxes and
landmarks are fractions of the upright picture.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from faced.errors import Unreadable
from faced.faces.engine.protocol import Description, Engine, EngineRecord, FoundFace
from faced.faces.quality import GATE
from faced.faces.timings import stage
from faced.model import Box, Floats, Pixels
from faced.pictures.orientation import stored_points, upright_box, upright_pixels, upright_size

__all__ = ["ENOUGH", "LARGEST", "PixelsOf", "UprightFace", "encode_upright", "first_size"]

ENOUGH = 56.0
"""px of a face's side in the decode that its chip is cut from, where the original has them."""

LARGEST = 64_000_000
"""px. The decode for small faces is no larger, for all of it stands in memory."""

_SHORTER = 0.5
"""The shorter side of the first decode, of the longer one that the record asks for: a panorama's is longer."""

_PANORAMA = 2.0
"""A panorama's first decode has no more pixels than so many squares of that side."""

PixelsOf = Callable[[int | None], Pixels]
"""Longer side asked for, in px -> the upright picture, at least that large where the original is; None: all of it."""


@dataclass(frozen=True, slots=True, eq=False)
class UprightFace:
    """A face with all that is stored of it, in fractions of the *upright* picture (else as model.DetectedFace).

    turn: see protocol.FoundFace; not stored.
    """

    box: Box
    landmarks: Floats
    score: float
    side: float
    sharpness: float
    embedding: Floats
    turn: int = 1


def encode_upright(engine: Engine, pixels_of: PixelsOf, full_size: tuple[int, int]) -> list[UprightFace]:
    """The faces of one photo, best score first.

    full_size: (width, height) in px of the upright picture in full; sides of faces are told in it.
    One decode serves to find the faces and, where they are large enough in it, to describe them; a larger one is
    asked for only when there are others, and would gain by it.
    """
    upright = pixels_of(first_size(engine.record, full_size))
    with stage("detect"):
        found = engine.find_faces(upright)
    described = _describe_turned(engine, pixels_of, upright, full_size, found)
    return [
        UprightFace(
            box=face.box,
            landmarks=its.landmarks,
            score=face.score,
            side=_side(face.box, *full_size),
            sharpness=its.sharpness,
            embedding=its.embedding,
            turn=face.turn,
        )
        for face, its in zip(found, described, strict=True)
    ]


def first_size(record: EngineRecord, full_size: tuple[int, int]) -> int:
    """px, longer side of the decode in which faces are searched, of a photo of full_size (width, height)."""
    aspect = max(full_size) / min(full_size)
    longer = min(_SHORTER * aspect, math.sqrt(_PANORAMA * aspect)) * record.decode_size
    return max(record.decode_size, round(longer))


def _describe_turned(
    engine: Engine,
    pixels_of: PixelsOf,
    upright: Pixels,
    full_size: tuple[int, int],
    found: Sequence[FoundFace],
) -> list[Description]:
    """As _describe, those that lie in a picture that is turned for them."""
    described: dict[int, Description] = {}
    for turn in sorted({face.turn for face in found}):
        rows = [row for row, face in enumerate(found) if face.turn == turn]
        its = _describe(
            engine,
            lambda at_least, turn=turn: upright_pixels(pixels_of(at_least), turn),  # type: ignore[misc]
            upright_pixels(upright, turn),
            upright_size(*full_size, turn),
            [upright_box(found[row].box, turn) for row in rows],
        )
        for row, one in zip(rows, its, strict=True):
            described[row] = replace(one, landmarks=stored_points(one.landmarks, turn))
    return [described[row] for row in range(len(found))]


def _describe(
    engine: Engine, pixels_of: PixelsOf, upright: Pixels, full_size: tuple[int, int], boxes: Sequence[Box]
) -> list[Description]:
    height, width = upright.shape[:2]
    small = [
        row
        for row, box in enumerate(boxes)
        if _side(box, width, height) < ENOUGH and _side(box, *full_size) >= GATE.attach_side
    ]
    larger = None
    if small and (width, height) != full_size:
        least = min(_side(boxes[row], width, height) for row in small)
        larger = _larger(pixels_of, upright, full_size, ENOUGH / least)
    if larger is None:
        return engine.describe(upright, boxes)
    rest = [row for row in range(len(boxes)) if row not in small]
    described = {
        **dict(zip(rest, engine.describe(upright, [boxes[row] for row in rest]), strict=True)),
        **dict(zip(small, engine.describe(larger, [boxes[row] for row in small]), strict=True)),
    }
    return [described[row] for row in range(len(boxes))]


def _larger(pixels_of: PixelsOf, upright: Pixels, full_size: tuple[int, int], times: float) -> Pixels | None:
    """The picture so many times as large, as far as there are pixels and memory; None where that is no more."""
    most, pixels = float(max(full_size)), full_size[0] * full_size[1]
    while pixels > LARGEST:
        most, pixels = most / 2, pixels // 4
    wanted = min(math.ceil(max(upright.shape) * times), math.floor(most))
    if wanted <= max(upright.shape):
        return None
    try:
        return pixels_of(wanted)
    except Unreadable:  # it takes more memory than there is, and the smaller one is at hand
        return None


def _side(box: Box, width: int, height: int) -> float:
    """px of a box in a picture of that size: the square root of its area."""
    return float((box.width * width * box.height * height) ** 0.5)
