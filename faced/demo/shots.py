"""Which photos the demo library has: the table, and what each row's seed makes of pose, place and light.

A row is all there is to a photo, so it is the same each time. Draws nothing, writes nothing.
"""

from dataclasses import dataclass

import numpy as np

from faced.demo.figure import BELOW_EYES, Place
from faced.demo.look import Pose
from faced.demo.scene import Light

__all__ = ["Shot", "light_of", "places_of", "poses_of"]

Random = np.random.Generator


@dataclass(frozen=True, slots=True)
class Shot:
    """One photo. path: below the library, its ending says the format. taken: local time of the camera.

    size: px as shown. people: from left to right. scene: a key of SCENES. seed: of everything else.
    orientation: EXIF; the picture is stored so that this turns it upright.
    """

    path: str
    taken: str
    size: tuple[int, int]
    people: tuple[str, ...]
    scene: str
    seed: int
    orientation: int = 1


def poses_of(shot: Shot, random: Random) -> tuple[Pose, ...]:
    """How each of the people holds the head: one a person."""
    return tuple(
        Pose(
            turn=random.uniform(-8, 8),
            nod=random.uniform(-3, 3),
            roll=random.uniform(-9, 9),
            smile=random.uniform(-2, 2),
            talk=random.uniform(-1, 3),
        )
        for _ in shot.people
    )


def places_of(shot: Shot, random: Random) -> tuple[Place, ...]:
    """Where the people stand, so that heads are whole and the lower edge cuts the busts off.

    A face is 100 px of the portrait wide: at 800 px on the longer side always more than 115 px.
    """
    width, height = shot.size
    unit = max(shot.size) / 800
    smallest, largest = _SCALES[len(shot.people)]
    if height > width:
        smallest, largest = smallest + 0.25, largest + 0.2
    places = []
    for column in _COLUMNS[len(shot.people)]:
        scale = unit * random.uniform(smallest, largest)
        x = width * (column + random.uniform(-1, 1) * (0.1 if len(shot.people) == 1 else 0.015))
        y = max(height * random.uniform(0.38, 0.46), height - BELOW_EYES * scale + 4)
        places.append(Place(x=round(x), y=round(y), scale=round(scale, 3)))
    return tuple(places)


def light_of(shot: Shot, random: Random) -> Light:
    """Bright or dim, warm or cold, from one side, sharp or a little soft."""
    unit = max(shot.size) / 800
    return Light(
        exposure=random.uniform(0.62, 1.2),
        warmth=random.uniform(-0.08, 0.08),
        side=random.uniform(-0.3, 0.3),
        blur=max(0.0, random.uniform(-1.5, 1.5)) * unit,
        grain=random.uniform(1, 8),
    )


_SCALES = {1: (1.45, 1.9), 2: (1.25, 1.5), 3: (1.28, 1.38)}
_COLUMNS = {1: (0.5,), 2: (0.29, 0.71), 3: (0.18, 0.5, 0.82)}
