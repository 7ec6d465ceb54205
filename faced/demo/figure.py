"""Puts a demo person into a picture: the painted portrait bent to shape and pose, and the glasses on it.

Decides no look, pose or place; a `Figure` keeps what does not change between the photos of one person.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from faced.demo.look import Look, Pose, controls, paint_glasses, paint_look
from faced.demo.portrait import DETAIL, SIZE
from faced.demo.warp import Points, bend, spline

__all__ = ["BELOW_EYES", "Figure", "Place"]

EYES_AT = np.array((206.0, 103.0))
BELOW_EYES = SIZE[1] - 103
"""The portrait ends this many px below the eyes: the lower edge of a picture has to cut it off before."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a picture somebody is. x, y: px, between the eyes; scale: px a pixel of the portrait."""

    x: float
    y: float
    scale: float


class Figure:
    """One person, ready to be put into pictures."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._painted = paint_look(look)

    def draw_on(self, picture: Image.Image, pose: Pose, place: Place) -> None:
        """Put the person in front of what the picture shows."""
        origin, target = controls(self._look, pose)
        unbend = spline(target, origin)
        corner, size = self._frame(picture, place)

        def straight(points: Points) -> Points:
            return np.asarray((points + corner - (place.x, place.y)) / place.scale + EYES_AT)

        layers = [bend(self._painted, size, lambda points: unbend(straight(points)) * DETAIL)]
        if self._look.glasses:
            layers.append(
                bend(paint_glasses(self._look, target), size, lambda points: straight(points) * DETAIL)
            )
        for layer in layers:
            picture.paste(layer, corner, layer)

    def _frame(self, picture: Image.Image, place: Place) -> tuple[tuple[int, int], tuple[int, int]]:
        """Corner and size of the part of the picture that the person can cover."""
        left = max(0, int(place.x - EYES_AT[0] * place.scale))
        top = max(0, int(place.y - (EYES_AT[1] + 20) * place.scale))
        right = min(picture.width, int(place.x + (SIZE[0] - EYES_AT[0]) * place.scale))
        return (left, top), (right - left, picture.height - top)
