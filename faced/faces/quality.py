"""Is a face good enough to say who it is?

Pure decisions about one face: how sharp its chip is, and what is said of its quality. What it is good for
follows from `model.Gate`. Nothing here knows an engine, a file or another face.
"""

import numpy as np

from faced.model import Floats, Gate, Grade, Pixels

__all__ = ["GATE", "quality_word", "sharpness"]

# Measured on 338 sharp chips, blurred on purpose. A face of 48 px or more loses 0.02 to 0.15 of distance by being
# small; blur of 4 px of the chip, or a motion of 15, moves a vector by 0.45, and blurred strangers meet. Let in at
# 0.02: all of the sharp ones, 25 % of those with a blur of 4 px, 1 % of 6 px, 38 % with a motion of 20 px, 17 % of
# 30 px; the variance of the Laplacian at 0.005, which loses one, lets in 45, 40, 91 and 87 %.
GATE = Gate(core_side=48.0, core_sharpness=0.02, attach_side=32.0, attach_sharpness=0.01, stricter=0.05)

_GREY = np.array([0.299, 0.587, 0.114], np.float32)
_MARGIN = 30
_STEP = 3  # px: what is finer is noise and the blocks of JPEG
_DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1))


def quality_word(side: float, sharpness: float, gate: Gate = GATE) -> str:
    """`good`; `small` or `blurred`: may only join a person; `too small` or `too blurred`: is never matched."""
    grade = gate.grade(np.array([side]), np.array([sharpness]))[0]
    if grade == Grade.CORE:
        return "good"
    if grade == Grade.ATTACH:
        return "small" if side < gate.core_side else "blurred"
    return "too small" if side < gate.attach_side else "too blurred"


def sharpness(chip: Pixels) -> float:
    """Least variance, over four directions, of the second difference / variance of grey; middle 90 x 90 of a chip.

    chip: (150, 150, 3) uint8. The least, because a moving face or camera blurs along one direction only. A
    ratio, so that neither light nor contrast counts; 0 for a chip of one colour.
    """
    around = slice(_MARGIN - _STEP, _STEP - _MARGIN)
    grey = chip[around, around].astype(np.float32) @ _GREY
    contrast = float(_shifted(grey, 0, 0).var(dtype=np.float64))
    if contrast < 1e-6:  # less than one pixel off by one level makes: nothing but rounding
        return 0.0
    return min(_bend(grey, down, right) for down, right in _DIRECTIONS) / contrast


def _bend(grey: Floats, down: int, right: int) -> float:
    """Variance of the second difference along one direction, as if all steps were equally long."""
    there, back = _shifted(grey, down, right), _shifted(grey, -down, -right)
    second = there + back - 2 * _shifted(grey, 0, 0)
    return float(second.var(dtype=np.float64)) / (down * down + right * right) ** 2


def _shifted(grey: Floats, down: int, right: int) -> Floats:
    """The middle of a patch, so many steps away."""
    side = len(grey) - 2 * _STEP
    top, left = _STEP * (1 + down), _STEP * (1 + right)
    return grey[top : top + side, left : left + side]
