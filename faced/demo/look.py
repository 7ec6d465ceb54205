"""What a demo person looks like: a face shape and colours, put on the portrait.

Decides where each feature goes and paints skin, hair, brows, beard, glasses and clothes. Never decides
who there is (cast) or how they are photographed (scene).
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faced.demo.portrait import (
    BROWS,
    DETAIL,
    EYES,
    HAIR,
    INNER_LIPS,
    JAW,
    LANDMARKS,
    LIPS,
    MOUTH,
    NOSE,
    PINNED,
    Mask,
    load_portrait,
    region,
)
from faced.demo.warp import Points

__all__ = ["Colour", "Look", "Pose", "controls", "paint_glasses", "paint_look"]

Colour = tuple[int, int, int]
Pixels = NDArray[np.float64]

NOSE_ROOT = 102.5
MIDDLE = 206.0
EYES_SLOPE = 3.3
NECK = np.array((201.0, 185.0))


@dataclass(frozen=True, slots=True)
class Look:
    """One person. Lengths are px of the portrait (her eyes are 44 px apart), sizes are factors.

    skin: gamma, above 1 is darker. warmth: red against blue, 0 as she is. hair, clothes: colours, None as
    they are. brows: 0 to 1, how much is painted over them. beard: 0 to 1. glasses: thickness of the frame,
    0 for none. round_glasses: their shape. lips: 0 to 1, how red.
    """

    eye_gap: float = 0
    eye_size: float = 1
    eye_open: float = 1
    eye_y: float = 0
    eye_tilt: float = 0
    brow_y: float = 0
    brow_tilt: float = 0
    nose_length: float = 0
    nose_width: float = 1
    mouth_width: float = 1
    mouth_height: float = 1
    mouth_y: float = 0
    smile: float = 0
    jaw_width: float = 1
    cheek_width: float = 1
    chin_width: float = 1
    chin_y: float = 0
    hair_height: float = 1
    hair_width: float = 1
    hairline_y: float = 0
    skin: float = 1
    warmth: float = 0
    hair: Colour | None = None
    brows: float = 0
    beard: float = 0
    glasses: float = 0
    round_glasses: bool = False
    lips: float = 0
    clothes: Colour | None = None


@dataclass(frozen=True, slots=True)
class Pose:
    """How a head is held. turn, nod: px the nose moves sideways and down. roll: degrees. smile, talk: px at
    the mouth."""

    turn: float = 0
    nod: float = 0
    roll: float = 0
    smile: float = 0
    talk: float = 0


def controls(look: Look, pose: Pose) -> tuple[Points, Points]:
    """Points of the portrait and where this person, in this pose, has them: twice (n, 2)."""
    face, hair = LANDMARKS.copy(), HAIR.copy()
    _shape_jaw(face, look)
    _shape_eyes(face, look)
    _shape_nose_and_mouth(face, look)
    _shape_hair(hair, look)
    _hold(face, hair, pose)
    return np.vstack([LANDMARKS, HAIR, PINNED]), np.vstack([face, hair, PINNED])


def paint_look(look: Look) -> Image.Image:
    """The portrait in this person's colours, not yet warped, RGBA at DETAIL px a pixel."""
    colours, opacity = load_portrait()
    skin, hair = _skin_mask(), _hair_mask()
    painted = _toned_skin(colours, skin, look)
    if look.hair is not None:
        painted = _mix(painted, _dyed(colours, look.hair), hair)
    if look.clothes is not None:
        painted = _mix(painted, _dyed(colours, look.clothes), _clothes_mask(colours))
    painted = _painted_brows(painted, look)
    painted = _painted_beard(painted, look)
    if look.lips:
        painted = _mix(painted, painted * (0.92, 0.55, 0.6), look.lips * region(LANDMARKS[LIPS], feather=1.2))
    return _as_picture(painted, opacity)


def paint_glasses(look: Look, face: Points) -> Image.Image:
    """Glasses only, to lie over the bent portrait: so they stay straight. face: its features, (n, 2)."""
    left, right = (face[eye].mean(axis=0) + np.array((0, 2)) for eye in EYES)
    reach = np.array((13.5 if look.round_glasses else 15.0, 0))
    bridge = np.stack([left + reach, (left + right) / 2 - (0, 3), right - reach])
    temples = [np.stack([left - reach, face[0] - (0, 4)]), np.stack([right + reach, face[16] - (0, 4)])]
    slope = float(np.degrees(np.arctan2(*(right - left)[::-1]))) - EYES_SLOPE
    rims = [centre + _turned(_rim(look.round_glasses), slope) for centre in (left, right)]
    mask = region(*rims, bridge, *temples, feather=0.3, width=look.glasses)
    return _as_picture(np.broadcast_to(np.array((24.0, 22.0, 26.0)), (*mask.shape, 3)), 0.92 * mask)


def _shape_jaw(face: Points, look: Look) -> None:
    """Width at cheeks, jaw and chin, each fading into the next, and the chin's height."""
    part = np.abs(np.arange(17) - 8) / 8
    width = np.interp(
        part, [0, 0.35, 0.65, 1], [look.chin_width, look.chin_width, look.jaw_width, look.cheek_width]
    )
    face[JAW, 0] = MIDDLE + (face[JAW, 0] - MIDDLE) * width
    face[JAW, 1] += look.chin_y * np.interp(part, [0, 0.3, 0.75], [1, 0.9, 0])


def _shape_eyes(face: Points, look: Look) -> None:
    for side, eye, brow in zip((-1, 1), EYES, BROWS, strict=True):
        centre = face[eye].mean(axis=0)
        moved = _turned(face[eye] - centre, side * look.eye_tilt)
        face[eye] = centre + moved * (look.eye_size, look.eye_size * look.eye_open)
        face[eye] += (side * look.eye_gap / 2, look.eye_y)
        centre = face[brow].mean(axis=0)
        face[brow] = centre + _turned(face[brow] - centre, side * look.brow_tilt)
        face[brow] += (side * look.eye_gap / 2, look.brow_y + look.eye_y * 0.7)


def _shape_nose_and_mouth(face: Points, look: Look) -> None:
    drop = (LANDMARKS[NOSE, 1] - NOSE_ROOT) / (LANDMARKS[30, 1] - NOSE_ROOT)
    face[NOSE, 1] += look.nose_length * drop
    face[31:36, 0] = MIDDLE + (face[31:36, 0] - MIDDLE) * look.nose_width
    centre = face[MOUTH].mean(axis=0)
    offset = face[MOUTH] - centre
    lift = look.smile * (np.abs(offset[:, 0]) / 23) ** 2
    face[MOUTH] = centre + offset * (look.mouth_width, look.mouth_height)
    face[MOUTH, 1] += look.mouth_y + look.nose_length * 0.5 - lift


def _shape_hair(hair: Points, look: Look) -> None:
    outline, line = hair[:10], hair[10:]
    outline[:, 0] = MIDDLE + (outline[:, 0] - MIDDLE) * look.hair_width
    above = np.maximum(NOSE_ROOT - outline[:, 1], 0)
    outline[:, 1] -= above * (look.hair_height - 1)
    line[:, 1] += look.hairline_y


def _hold(face: Points, hair: Points, pose: Pose) -> None:
    """A small turn of the head: what stands out moves most."""
    depth = np.zeros(68)
    depth[NOSE] = np.interp(np.arange(9), [0, 3, 4, 8], [0.6, 1, 0.75, 0.75])
    for part, near in ((BROWS[0], 0.55), (BROWS[1], 0.55), (EYES[0], 0.5), (EYES[1], 0.5), (MOUTH, 0.65)):
        depth[part] = near
    depth[5:12] = 0.4
    face += depth[:, None] * (pose.turn, pose.nod)
    hair[10:] += np.array((pose.turn, pose.nod)) * 0.4
    from_middle = np.abs(face[MOUTH, 0] - face[MOUTH, 0].mean()) / 23
    face[MOUTH, 1] -= pose.smile * from_middle**2
    face[55:60, 1] += pose.talk
    face[65:68, 1] += pose.talk
    for points in (face, hair):
        points[:] = NECK + _turned(points - NECK, pose.roll)


def _toned_skin(colours: Pixels, skin: Mask, look: Look) -> Pixels:
    toned = 255 * (colours / 255) ** look.skin
    toned *= (1 + look.warmth, 1.0, 1 - look.warmth)
    return _mix(colours, toned, skin)


def _dyed(colours: Pixels, dye: Colour) -> Pixels:
    """The same light and shade in another colour."""
    light = (colours * (0.299, 0.587, 0.114)).sum(axis=-1) / 115
    return np.asarray(np.array(dye, np.float64) * light[..., None] ** 0.9)


def _painted_brows(painted: Pixels, look: Look) -> Pixels:
    if not look.brows:
        return painted
    mask = region(*(LANDMARKS[brow] + (0, 1.5) for brow in BROWS), feather=1.2, width=3.5)
    return _mix(painted, _dark_hair(look), look.brows * mask)


def _painted_beard(painted: Pixels, look: Look) -> Pixels:
    """Stubble to full beard: along the jaw, over the lip, with a grain."""
    if not look.beard:
        return painted
    jaw = LANDMARKS[2:15]
    upper = np.array([(240, 140), (227, 133), (213, 135), (204, 137), (195, 135), (179, 133), (168, 138)])
    mask = region(np.vstack([jaw, upper]), feather=4)
    mask = mask * (1 - region(LANDMARKS[LIPS], feather=1.2))
    noise = np.random.Generator(np.random.PCG64(7)).random(mask.shape)
    grain = (noise + np.roll(noise, 1, 0) + np.roll(noise, 2, 0) + np.roll(noise, 1, 1)) / 4
    hairs = painted * 0.2 + _dark_hair(look) * (0.1 + 1.6 * grain[..., None])
    return _mix(painted, hairs, look.beard * mask)


def _dark_hair(look: Look) -> Pixels:
    return np.array(look.hair or (92, 72, 44), np.float64) * 0.6


def _rim(is_round: bool) -> Points:
    angle = np.linspace(0, 2 * np.pi, 49)
    around = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    if is_round:
        return np.asarray(around * 13.5)
    return np.asarray(np.sign(around) * np.abs(around) ** 0.45 * (15.0, 10.0))


@cache
def _skin_mask() -> Mask:
    """Face, ears and neck, without eyes and teeth."""
    forehead = HAIR[:9:-1]
    # fmt: off
    rest = np.array([
        (160, 90), (158, 112), (151, 120), (156, 130), (161, 132), (165, 152), (166, 181), (200, 191),
        (233, 187), (236, 162), (247, 137), (256, 135), (259, 128), (252, 124), (250, 96),
    ])
    # fmt: on
    outline = np.vstack([forehead, rest])
    spared = region(LANDMARKS[EYES[0]], LANDMARKS[EYES[1]], LANDMARKS[INNER_LIPS], feather=0.8)
    return np.asarray(region(outline, feather=1.5) * (1 - 0.85 * spared))


@cache
def _hair_mask() -> Mask:
    outer = np.array(
        [(146, 122), (118, 96), (120, 40), (160, 0), (260, 0), (300, 50), (296, 100), (262, 134)]
    )
    inner = np.array([(252, 118), (251, 96), *HAIR[:9:-1], (164, 90), (159, 112), (154, 118)])
    return region(np.vstack([outer, inner]), feather=1.5)


def _clothes_mask(colours: Pixels) -> Mask:
    """What is orange below the neck."""
    orange = np.clip((colours[..., 0] - colours[..., 2] - 50) / 60, 0, 1)
    row = np.arange(colours.shape[0])[:, None] / DETAIL
    return np.asarray(orange * np.clip((row - 192) / 6, 0, 1))


def _turned(points: Points, degrees: float) -> Points:
    angle = np.radians(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.asarray(points @ np.array([[cos, sin], [-sin, cos]]))


def _as_picture(colours: Pixels, opacity: Mask) -> Image.Image:
    stacked = np.dstack([np.clip(colours, 0, 255), opacity * 255])
    return Image.fromarray(np.round(stacked).astype(np.uint8))


def _mix(below: Pixels, above: Pixels, mask: Mask) -> Pixels:
    return np.asarray(below + (above - below) * mask[..., None])
