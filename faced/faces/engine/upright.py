"""From a picture to its faces: which decode is asked for, and what a face of it becomes.

Decides how large the decode must be; decodes nothing itself and knows no orientation: boxes and
landmarks are fractions of the upright picture.
"""

from collections.abc import Callable
from dataclasses import dataclass

from faced.faces.engine.protocol import Engine
from faced.model import Box, Floats, Pixels

__all__ = ["PixelsOf", "UprightFace", "encode_upright"]

PixelsOf = Callable[[int | None], Pixels]
"""Longer side asked for, in px -> the upright picture, at least that large where the original is; None: all of it."""


@dataclass(frozen=True, slots=True, eq=False)
class UprightFace:
    """A face with all that is stored of it, in fractions of the *upright* picture (else as model.DetectedFace)."""

    box: Box
    landmarks: Floats
    score: float
    side: float
    sharpness: float
    embedding: Floats


def encode_upright(engine: Engine, pixels_of: PixelsOf, full_size: tuple[int, int]) -> list[UprightFace]:
    """The faces of one photo, best score first.

    full_size: (width, height) in px of the upright picture in full; sides of faces are told in it.
    One decode serves both: it is larger than the detector needs by as much as the smallest face that
    the detector finds needs for a chip that is not enlarged.
    """
    upright = pixels_of(engine.record.decode_size)
    found = engine.find_faces(upright)
    described = engine.describe(upright, [face.box for face in found])
    width, height = full_size
    return [
        UprightFace(
            box=face.box,
            landmarks=its.landmarks,
            score=face.score,
            side=(face.box.width * width * face.box.height * height) ** 0.5,
            sharpness=its.sharpness,
            embedding=its.embedding,
        )
        for face, its in zip(found, described, strict=True)
    ]
