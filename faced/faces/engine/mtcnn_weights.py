"""Reader of MTCNN's weights, data files of the package mtcnn, which is located but never imported.

They are pickles, which may run anything: one is only opened when the SHA-256 of its bytes is the pinned
one, and only to be converted.
"""

import hashlib
import importlib
import importlib.util
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from faced.errors import FacedError
from faced.faces.engine.dat import DatFile
from faced.faces.engine.proposals import MTCNN

__all__ = ["ONET", "PNET", "RNET", "Layer", "locate_weights", "parse_layers", "read_weights"]

_PACKAGE = "mtcnn"
_WAY_OUT = f"install {_PACKAGE} 1.0.0, or set `detect.proposals: none`"

PNET = DatFile("pnet.lz4", MTCNN.sha256[0])
RNET = DatFile("rnet.lz4", MTCNN.sha256[1])
ONET = DatFile("onet.lz4", MTCNN.sha256[2])

_WITH_LANDMARKS = 21  # arrays

Array: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """weights: (out, in, k, k), or (in, out) of a full layer; bias: (out,); slope: (out,) of the PReLU behind it.
    All float64."""

    weights: Array
    bias: Array
    slope: Array | None = None


def locate_weights(model: DatFile) -> Path:
    """Where the package keeps this file."""
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / "assets" / "weights" / model.name
        if path.is_file():
            return path
    raise FacedError(f"the weights {model.name} of {_PACKAGE} are missing; {_WAY_OUT}")


def read_weights(model: DatFile, path: Path | None = None) -> bytes:
    """The bytes of a file of weights, proven to be the ones that faced knows. path: where, else located."""
    path = path or locate_weights(model)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FacedError(f"{path}: the weights cannot be read: {error.strerror}; {_WAY_OUT}") from None
    if hashlib.sha256(data).hexdigest() != model.sha256:
        raise FacedError(f"{path} holds other weights than faced knows (its SHA-256 differs); {_WAY_OUT}")
    return data


def parse_layers(data: bytes) -> list[Layer]:
    """The layers of checked weights in their order. The last are the heads, which have no slope: corners,
    of the third network the landmarks, then (no face, face)."""
    if hashlib.sha256(data).hexdigest() not in MTCNN.sha256:
        raise FacedError(f"weights that faced does not know are not opened; {_WAY_OUT}")
    joblib: Any = importlib.import_module("joblib")
    arrays = [_as_here(np.asarray(array, np.float64)) for array in joblib.load(io.BytesIO(data))]
    start = -6 if len(arrays) == _WITH_LANDMARKS else -4
    body, heads = arrays[:start], arrays[start:]
    return [
        *(Layer(body[i], body[i + 1], body[i + 2].reshape(-1)) for i in range(0, len(body), 3)),
        *(Layer(heads[i], heads[i + 1]) for i in range(0, len(heads), 2)),
    ]


def _as_here(array: Array) -> Array:
    """Keras keeps convolutions as (k, k, in, out)."""
    return array.transpose(3, 2, 0, 1) if array.ndim == 4 else array
