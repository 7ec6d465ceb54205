"""The engine's record tells of every change of how faces are found: the revision beside what it stands for."""

import hashlib
import json
import subprocess
import sys
from types import ModuleType

import numpy as np

from faced.faces.engine import (
    MTCNN,
    NONE,
    REVISION,
    Engine,
    Proposals,
    engine_record,
    mmod,
    mtcnn,
    tiles,
    yunet,
)
from faced.faces.engine import cascade as cascade_module
from faced.faces.geometry import box_array
from tests.support.portrait import portrait_on

_MODULES = (cascade_module, mmod, mtcnn, tiles, yunet)

# What these stand for: counted up, and the line replaced, when this test fails.
_NUMBERS = {3: "de1677a78061"}
_BOXES = {
    3: [(55.3, 31.7, 31.9, 31.9, 1.02), (137.9, 68.7, 87.1, 87.1, 1.01), (394.9, 182.0, 252.5, 252.5, 1.02)]
}

_SAYS = f"something that decides boxes has changed: count up faced.faces.engine.REVISION ({REVISION}), then replace "


def _numbers(modules: tuple[ModuleType, ...]) -> str:
    """Short hash of all constants of these modules."""
    told = {
        f"{module.__name__}.{name}": repr(value)
        for module in modules
        for name, value in vars(module).items()
        if name.strip("_").isupper() and isinstance(value, (int, float, tuple))
    }
    assert len(told) > 25
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]


def test_a_changed_number_is_a_new_revision() -> None:
    """Thresholds, sizes and ratios: one more or less and the vectors are others."""
    assert {REVISION: _numbers(_MODULES)} == _NUMBERS, _SAYS + "_NUMBERS"


def test_a_changed_rule_is_a_new_revision(ours: Engine) -> None:
    """Where the portrait is found, in three sizes: to a pixel, and a tenth of score."""
    found = []
    for longer in (110, 300, 880):
        canvas, _ = portrait_on((900, 900), longer, 7, 11)
        (face,) = ours.find_faces(canvas)
        found.append((*(box_array([face.box])[0] * 900).round(1).tolist(), round(face.score, 2)))
    assert list(_BOXES) == [REVISION], _SAYS + "_BOXES"
    assert np.allclose(found, _BOXES[REVISION], atol=[1, 1, 1, 1, 0.1]), f"{_SAYS}_BOXES: {found}"


def test_the_revision_is_part_of_the_key() -> None:
    """Of the cascade's record only: who searches without proposals has nothing of it."""
    assert f"revision {REVISION}" in engine_record("dlib-onnx").detector
    script = (
        "from faced.faces import engine\n"
        "from faced.faces.engine import MTCNN, NONE, Proposals, engine_record\n"
        "engine.REVISION += 1\n"
        "print(*(engine_record('dlib-onnx', proposals=p).key for p in (MTCNN, NONE, Proposals('yunet', ('ab',)))))\n"
    )
    later = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    now = [engine_record("dlib-onnx", proposals=p).key for p in (MTCNN, NONE, Proposals("yunet", ("ab",)))]
    same = [a == b for a, b in zip(now, later.stdout.split(), strict=True)]
    assert same == [False, True, False]
