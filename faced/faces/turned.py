"""Photos that lie on their side or head and do not say so, as scans do.

Decides which turn a photo without a sure face is taken for: the one that shows the surest. Unsure ones do not count,
for three more looks at a photo of nobody are three more chances to be wrong.
"""

from collections.abc import Sequence
from typing import Final

from faced.faces.engine import Engine, PixelsOf, UprightFace, encode_upright
from faced.model import Pixels
from faced.pictures.orientation import upright_pixels, upright_size

__all__ = ["SURE", "encode_turned", "is_sure"]

SURE: Final = 0.3
"""The detector's score that a face of a turned photo needs; half of the faces of group photos have above 0.9."""

_TURNS: Final = (6, 8, 3)  # as EXIF would say it: on its left side, on its right, on its head


def is_sure(faces: Sequence[UprightFace]) -> bool:
    """Whether one of them is a face beyond doubt, so that the photo is taken for upright."""
    return any(face.score > SURE for face in faces)


def encode_turned(
    engine: Engine, pixels_of: PixelsOf, full_size: tuple[int, int]
) -> tuple[list[UprightFace], int]:
    """The faces of a photo that shows no sure one as it is, and the EXIF orientation that it should have had.

    pixels_of, full_size: of the photo as it is. The faces are those of the picture turned by that orientation, best
    score first; without a sure one there are none, and it is 1.
    """
    cached: dict[int | None, Pixels] = {}

    def as_it_is(at_least: int | None) -> Pixels:
        if at_least not in cached:
            cached.clear()
            cached[at_least] = pixels_of(at_least)
        return cached[at_least]

    found: dict[int, float] = {}
    for turn in _TURNS:
        seen = engine.find_faces(upright_pixels(as_it_is(engine.record.decode_size), turn))
        found[turn] = max((face.score for face in seen), default=SURE)
    best = max(_TURNS, key=lambda turn: found[turn])
    if found[best] <= SURE:
        return [], 1
    faces = encode_upright(
        engine,
        lambda at_least: upright_pixels(as_it_is(at_least), best),
        upright_size(*full_size, best),
    )
    return [face for face in faces if face.score > SURE], best
