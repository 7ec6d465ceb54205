"""A YuNet file as proposer: one network that gives boxes at three strides.

Runs on a copy of the picture in detection size, which finds faces down to 10 px of it, and on one of 320 px for
faces that fill the picture. A file with a fixed input is run at its own size, padded.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from PIL import Image

from faced.errors import ConfigError
from faced.faces.engine.proposals import YUNET_OUTPUTS
from faced.faces.engine.proposer import Proposed
from faced.faces.engine.tiles import Halvings, copy_size
from faced.faces.geometry import Boxes, nms, squared
from faced.model import Floats

__all__ = ["Yunet"]

_SMALL: Final = 320
_LEAST: Final = 0.4
_STRONG: Final = 0.75
# Tilted by 15 degrees either way it finds one face more of 388, one false one, and costs an eighth more.
_AGAIN: Final = ((0.83, 0.0),)
_NEEDED, _NEEDED_STRONG = -0.5, -1.5
_WHOLE: Final = 32  # px: sides must be whole multiples of the largest stride
_MOST: Final = 2000


class Yunet:
    """A session of ONNX Runtime with a YuNet model. detect_size: px, longer side of the picture searched."""

    likely = 0.6
    again: Sequence[tuple[float, float]] = _AGAIN

    def __init__(self, session: Any, name: str, detect_size: int) -> None:
        self._session = session
        self._sizes = (detect_size, min(_SMALL, detect_size // 2))
        self._input, self._fixed = _check(session, name)

    def propose(self, picture: Halvings) -> Proposed:
        """See proposer.Proposer."""
        found = [self._look(picture, size) for size in self._sizes]
        boxes = np.concatenate([boxes for boxes, _ in found])
        scores = np.concatenate([scores for _, scores in found])
        kept = nms(boxes, scores, 0.5)
        needed = np.where(scores[kept] > _STRONG, np.float32(_NEEDED_STRONG), np.float32(_NEEDED))
        return Proposed(squared(boxes[kept], np.sqrt(boxes[kept, 2] * boxes[kept, 3])), scores[kept], needed)

    def _look(self, picture: Halvings, size: int) -> tuple[Boxes, Floats]:
        width, height = picture.size
        copy = copy_size(width, height, size)
        if self._fixed:
            fitting = min(1.0, *(room / side for room, side in zip(self._fixed, copy, strict=True)))
            copy = max(1, int(copy[0] * fitting)), max(1, int(copy[1] * fitting))
        canvas_size = self._fixed or (_up(copy[0]), _up(copy[1]))
        canvas = np.zeros((canvas_size[1], canvas_size[0], 3), np.uint8)
        canvas[: copy[1], : copy[0]] = np.asarray(picture.resized(copy, Image.Resampling.BILINEAR))[..., ::-1]
        planes = np.ascontiguousarray(canvas.transpose(2, 0, 1), np.float32)[None]
        out = self._session.run(list(YUNET_OUTPUTS), {self._input: planes})
        boxes, scores = _decode(dict(zip(YUNET_OUTPUTS, out, strict=True)), canvas_size[0])
        order = np.argsort(-scores, kind="stable")[:_MOST]
        return boxes[order] * np.array([width / copy[0], height / copy[1]] * 2), scores[order]


def _check(session: Any, name: str) -> tuple[str, tuple[int, int] | None]:
    """The input's name and its fixed (width, height), or None where it takes any."""
    inputs = session.get_inputs()
    outputs = {out.name for out in session.get_outputs()}
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or not outputs.issuperset(YUNET_OUTPUTS):
        raise ConfigError(f"detect.proposals: {name} is no YuNet face detector of 2023 or later")
    height, width = inputs[0].shape[2:]
    fixed = (width, height) if isinstance(width, int) and isinstance(height, int) else None
    return inputs[0].name, fixed


def _decode(out: dict[str, Floats], width: int) -> tuple[Boxes, Floats]:
    """Boxes in px of the canvas, of this width, and their scores."""
    boxes, scores = [np.zeros((0, 4))], [np.zeros(0, np.float32)]
    for stride in (8, 16, 32):
        classes, objects = (out[f"{kind}_{stride}"].reshape(-1) for kind in ("cls", "obj"))
        score = np.sqrt(np.clip(classes, 0, 1) * np.clip(objects, 0, 1))
        sure = np.flatnonzero(score > _LEAST)
        columns = -(-width // stride)
        place = np.stack([sure % columns, sure // columns], 1)
        shape = out[f"bbox_{stride}"].reshape(-1, 4)[sure].astype(np.float64)
        sides = np.exp(np.minimum(shape[:, 2:], 10.0)) * stride
        boxes.append(np.concatenate([(place + shape[:, :2]) * stride - sides / 2, sides], axis=1))
        scores.append(score[sure].astype(np.float32))
    return np.concatenate(boxes), np.concatenate(scores)


def _up(side: int) -> int:
    return -(-side // _WHOLE) * _WHOLE
