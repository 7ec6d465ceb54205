"""The portrait all demo people are made of: its pixels, and where its features are.

Positions are px of `astronaut.png` (344 x 308, cut out), in the order of dlib's 68-point model, with
which they were measured once; so making the demo needs no dlib. Never decides what a person looks like.
"""

from functools import cache
from importlib.resources import files
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

__all__ = [
    "BROWS",
    "DETAIL",
    "EYES",
    "HAIR",
    "INNER_LIPS",
    "JAW",
    "LANDMARKS",
    "LIPS",
    "MOUTH",
    "NOSE",
    "PINNED",
    "SIZE",
    "Mask",
    "load_portrait",
    "region",
]

Points = NDArray[np.float64]
Mask = NDArray[np.float64]

SIZE = (344, 308)
DETAIL = 2
"""The portrait is painted on at this many px a pixel."""

# fmt: off
LANDMARKS: Points = np.array([
    (160.0, 104.0), (160.5, 116.0), (161.5, 127.5), (162.5, 139.0), (165.5, 150.5), (171.5, 160.5),
    (180.5, 169.0), (190.0, 176.0), (201.0, 178.5), (212.5, 177.0), (223.0, 171.0), (233.5, 163.5),
    (240.5, 154.0), (245.0, 143.0), (248.0, 131.5), (250.5, 120.0), (252.5, 108.0),
    (167.0, 94.5), (172.5, 88.5), (180.5, 87.0), (189.0, 89.0), (196.5, 92.5),
    (216.5, 93.5), (224.5, 91.0), (232.5, 90.5), (240.5, 92.5), (245.5, 99.0),
    (206.0, 102.5), (206.0, 110.5), (205.5, 118.5), (205.5, 127.0),
    (194.5, 131.0), (199.5, 132.5), (204.5, 134.5), (210.0, 133.0), (214.5, 132.0),
    (175.5, 101.0), (181.0, 98.0), (187.5, 99.0), (192.5, 104.0), (186.5, 104.5), (180.0, 104.0),
    (218.0, 105.5), (224.0, 100.5), (230.0, 101.0), (235.5, 104.5), (230.5, 106.5), (224.0, 106.5),
    (180.0, 139.0), (189.5, 139.0), (198.0, 140.0), (203.5, 141.0), (210.0, 140.0), (218.0, 140.0),
    (226.0, 140.5), (218.0, 150.5), (209.5, 154.5), (202.5, 155.5), (196.5, 154.5), (187.5, 149.5),
    (183.0, 140.0), (197.5, 143.0), (203.5, 144.0), (209.5, 143.5), (223.0, 141.5), (209.5, 150.0),
    (203.0, 150.5), (197.0, 149.5),
])
# The outline of the hair from ear to ear, and the hairline below it.
HAIR: Points = np.array([
    (150, 120), (134, 92), (136, 62), (160, 40), (190, 20), (226, 15), (258, 27), (276, 52), (281, 84),
    (264, 118),
    (167, 71), (185, 75), (215, 81), (230, 83), (245, 88),
], np.float64)
# Neck, collar, shoulders and the edges of the picture stay where they are.
PINNED: Points = np.array([
    (166, 186), (201, 190), (234, 186), (108, 190), (282, 220), (140, 240), (205, 260), (60, 240),
    (330, 250), (0, 0), (172, 0), (343, 0), (0, 100), (343, 100), (0, 200), (343, 200), (0, 307),
    (115, 307), (230, 307), (343, 307),
], np.float64)
# fmt: on

JAW = slice(0, 17)
BROWS = (slice(17, 22), slice(22, 27))
NOSE = slice(27, 36)
EYES = (slice(36, 42), slice(42, 48))
MOUTH = slice(48, 68)
LIPS = slice(48, 60)
INNER_LIPS = slice(60, 68)


@cache
def load_portrait() -> tuple[NDArray[np.float64], Mask]:
    """The portrait at DETAIL px a pixel: colours (h, w, 3), 0 to 255, and opacity (h, w), 0 to 1."""
    data = files(__package__).joinpath("astronaut.png").read_bytes()
    with Image.open(BytesIO(data), formats=["PNG"]) as stored:
        large = stored.resize((SIZE[0] * DETAIL, SIZE[1] * DETAIL), Image.Resampling.BICUBIC)
    pixels = np.asarray(large, np.float64)
    pixels.setflags(write=False)
    return pixels[..., :3], pixels[..., 3] / 255


def region(*polygons: Points, feather: float, width: float = 0) -> Mask:
    """Where the polygons are, 0 to 1, softened by `feather` px; lines of `width` px if that is given."""
    drawn = Image.new("L", (SIZE[0] * DETAIL, SIZE[1] * DETAIL))
    draw = ImageDraw.Draw(drawn)
    for polygon in polygons:
        corners = [(float(x), float(y)) for x, y in np.round(polygon * DETAIL, 2)]
        if width:
            draw.line(corners, fill=255, width=round(width * DETAIL), joint="curve")
        else:
            draw.polygon(corners, fill=255)
    return np.asarray(drawn.filter(ImageFilter.GaussianBlur(feather * DETAIL)), np.float64) / 255
