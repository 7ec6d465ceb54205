"""Photos that lie on their side or head and do not say so, as scans do.

Decides which turn a photo without a sure face is taken for: the one that shows the surest. Unsure ones do not count,
for three more looks at a photo of nobody are three more chances to be wrong.
"""

import math
from collections.abc import Sequence
from typing import Final

from faced.faces.engine import Engine, PixelsOf, UprightFace, encode_upright, first_size
from faced.model import Pixels
from faced.pictures.orientation import upright_pixels, upright_size

__all__ = ["UPRIGHT", "encode_turned", "is_upright"]

UPRIGHT: Final = 0.9
"""The detector's score of a face that shows which side is up: half of the faces of group photos have more, one that
lies on its side seldom has."""

_SURE: Final = 0.3  # of a turned photo's face; none was seen in photos of nobody
_BETTER: Final = 0.1  # than what the photo shows as it is

_TURNS: Final = (6, 8, 3)  # as EXIF would say it: on its left side, on its right, on its head


def is_upright(faces: Sequence[UprightFace]) -> bool:
    """Whether one of them is a face beyond doubt, so that the photo is taken for upright."""
    return any(face.score > UPRIGHT and face.turn == 1 for face in faces)


def encode_turned(
    engine: Engine, pixels_of: PixelsOf, full_size: tuple[int, int], seen: Sequence[UprightFace] = ()
) -> tuple[list[UprightFace], int]:
    """The faces of a photo that shows no sure one as it is, and the EXIF orientation that it should have had.

    pixels_of, full_size: of the photo as it is. seen: its faces as it is; they are returned, with orientation 1,
    unless a turn shows a surer one. Else the faces are those of the turned picture, best score first.
    """
    cached: dict[int | None, Pixels] = {}

    def as_it_is(at_least: int | None) -> Pixels:
        if at_least not in cached:
            cached.clear()
            cached[at_least] = pixels_of(at_least)
        return cached[at_least]

    size = first_size(engine.record, full_size)
    found: dict[int, float] = {}
    for turn in _TURNS:
        faces = engine.find_faces(upright_pixels(as_it_is(size), turn))
        found[turn] = max((face.score for face in faces if face.turn == 1), default=-math.inf)
    best = max(_TURNS, key=lambda turn: found[turn])
    if found[best] <= max([_SURE, *(face.score + _BETTER for face in seen if face.turn == 1)]):
        return list(seen), 1
    described = encode_upright(
        engine,
        lambda at_least: upright_pixels(as_it_is(at_least), best),
        upright_size(*full_size, best),
    )
    return [face for face in described if face.score > _SURE], best
