"""Backgrounds and light of the demo photos: what is behind people, and what the camera makes of it all.

Everything comes from the generator that is handed in. Never knows who is in the picture.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

__all__ = ["SCENES", "Light", "expose", "paint_scene"]

Random = np.random.Generator
Size = tuple[int, int]
Field = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Light:
    """exposure: factor. warmth: red against blue. side: how much brighter the right edge is than the middle.
    blur: px. grain: standard deviation of the noise, in steps of 255."""

    exposure: float = 1
    warmth: float = 0
    side: float = 0
    blur: float = 0
    grain: float = 0


def paint_scene(kind: str, size: Size, random: Random) -> Image.Image:
    """A background of one of the SCENES, a little out of focus."""
    small = (size[0] // 2, size[1] // 2)
    picture = SCENES[kind](small, random).filter(ImageFilter.GaussianBlur(2.5))
    return picture.resize(size, Image.Resampling.BICUBIC)


def expose(picture: Image.Image, light: Light, random: Random) -> Image.Image:
    """The picture as the camera took it."""
    if light.blur:
        picture = picture.filter(ImageFilter.GaussianBlur(light.blur))
    width, height = picture.size
    across = 1 + light.side * np.linspace(-1, 1, width, dtype=np.float32)
    gains = np.array((1 + light.warmth, 1, 1 - light.warmth), np.float32) * np.float32(light.exposure)
    pixels = np.asarray(picture, np.float32) * across[:, None] * gains
    if light.grain:
        pixels += (random.random((height, width, 1), np.float32) - 0.5) * np.float32(light.grain * 3.46)
    return Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8))


def _clouds(size: Size, random: Random, cells: int) -> Field:
    """Smooth noise, 0 to 1, about `cells` patches wide."""
    rows = max(2, round(cells * size[1] / size[0]))
    coarse = Image.fromarray((random.random((rows, cells)) * 255).astype(np.uint8))
    return np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), np.float32) / np.float32(255)


def _blend(first: object, second: object, part: Field) -> Image.Image:
    """From one colour to the other, pixel by pixel."""
    low, high = np.array(first, np.float32), np.array(second, np.float32)
    return Image.fromarray((low + (high - low) * part[..., None]).astype(np.uint8))


def _down(size: Size) -> Field:
    return np.broadcast_to(np.linspace(0, 1, size[1], dtype=np.float32)[:, None], (size[1], size[0]))


def _hills(size: Size, random: Random) -> Image.Image:
    sky = _down(size) * 0.8 + _clouds(size, random, 5) * 0.2
    picture = _blend((96, 146, 204), (226, 232, 236), sky)
    draw = ImageDraw.Draw(picture)
    for level, colour in ((0.45, (122, 146, 150)), (0.58, (92, 122, 84)), (0.74, (112, 136, 66))):
        heights = size[1] * (level + 0.08 * (_clouds((size[0], 2), random, 6)[0] - 0.5))
        ridge = [(x, float(heights[x])) for x in range(0, size[0], 6)]
        draw.polygon([(0, size[1]), *ridge, (size[0], ridge[-1][1]), (size[0], size[1])], fill=colour)
    return picture


def _beach(size: Size, random: Random) -> Image.Image:
    picture = _blend((120, 170, 214), (214, 228, 236), _down(size))
    sea, sand = int(size[1] * random.uniform(0.38, 0.46)), int(size[1] * random.uniform(0.58, 0.7))
    water = _blend((44, 104, 140), (96, 160, 176), _clouds((size[0], sand - sea), random, 9))
    picture.paste(water, (0, sea))
    picture.paste(
        _blend((206, 186, 146), (226, 208, 172), _clouds((size[0], size[1] - sand), random, 24)), (0, sand)
    )
    return picture


def _garden(size: Size, random: Random) -> Image.Image:
    leaves = sum(
        _clouds(size, random, cells) * weight for cells, weight in ((6, 0.4), (18, 0.35), (50, 0.25))
    )
    return _blend((22, 46, 20), (150, 184, 92), np.asarray(leaves, np.float32))


def _plaster(size: Size, random: Random) -> Image.Image:
    tone = np.array(_WALLS[int(random.integers(len(_WALLS)))])
    return _blend(tone * 0.72, tone, _clouds(size, random, 3) * 0.7 + _clouds(size, random, 60) * 0.3)


def _bricks(size: Size, random: Random) -> Image.Image:
    picture = Image.new("RGB", size, (176, 166, 154))
    draw = ImageDraw.Draw(picture)
    high, wide = 15, 44
    for row in range(size[1] // high + 1):
        for x in range(-(row % 2) * wide // 2, size[0], wide):
            red, green, blue = (int(v * random.uniform(0.8, 1.1)) for v in (150, 84, 66))
            draw.rectangle((x, row * high, x + wide - 3, row * high + high - 3), fill=(red, green, blue))
    return picture


def _evening(size: Size, random: Random) -> Image.Image:
    picture = _blend((22, 22, 40), (64, 46, 56), _down(size))
    draw = ImageDraw.Draw(picture, "RGBA")
    for _ in range(40):
        x, y, radius = random.uniform(0, size[0]), random.uniform(0, size[1]), random.uniform(5, 18)
        colour = ((255, 190, 90, 120), (255, 120, 90, 100), (140, 190, 255, 90))[int(random.integers(3))]
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return picture


def _room(size: Size, random: Random) -> Image.Image:
    picture = _plaster(size, random)
    draw = ImageDraw.Draw(picture)
    left = int(size[0] * random.uniform(0.04, 0.6))
    window = (left, int(size[1] * 0.08), left + int(size[0] * 0.32), int(size[1] * 0.56))
    draw.rectangle(window, fill=(214, 228, 238), outline=(240, 238, 230), width=6)
    draw.line(
        ((window[0] + window[2]) // 2, window[1], (window[0] + window[2]) // 2, window[3]), (240, 238, 230), 5
    )
    shelf = int(size[1] * 0.68)
    draw.rectangle((0, shelf, size[0], shelf + 8), fill=(112, 76, 48))
    for x in range(0, size[0], 14):
        colour = tuple(int(v) for v in random.integers(40, 190, 3))
        draw.rectangle((x, shelf - int(random.integers(18, 44)), x + 11, shelf), fill=colour)
    return picture


_WALLS = (
    (206, 198, 184),
    (150, 172, 178),
    (196, 168, 140),
    (128, 142, 120),
    (186, 178, 200),
    (110, 112, 120),
)

SCENES: dict[str, Callable[[Size, Random], Image.Image]] = {
    "hills": _hills,
    "beach": _beach,
    "garden": _garden,
    "plaster": _plaster,
    "bricks": _bricks,
    "evening": _evening,
    "room": _room,
}
