"""Reader of dlib's model files: the layers' weights, as arrays.

A file is read only when its SHA-256 is the pinned one, so the parser meets nothing but the three
files it was written for. The files lie in the package face_recognition_models, which is located but
never imported (importing it needs setuptools).

dlib serialises a whole number as one control byte (low nibble: how many bytes, high bit: negative) and
that many little-endian bytes; a floating-point number as mantissa and exponent of two; a tensor as
version 2, four dimensions and raw little-endian float32. The parameters of a layer stand behind its
length-prefixed name, in the order from the picture to the result.
"""

import hashlib
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faced.errors import FacedError
from faced.model import Floats

__all__ = [
    "EMBEDDING",
    "LANDMARKS",
    "MMOD",
    "Conv",
    "DatFile",
    "MmodOptions",
    "Reader",
    "locate_model",
    "parse_embedding",
    "parse_mmod",
    "parse_mmod_options",
    "read_model",
]

_PACKAGE = "face_recognition_models"
_MEAN_VARIANCE = 1e-4  # dlib's DEFAULT_BATCH_NORM_EPS


@dataclass(frozen=True, slots=True)
class DatFile:
    """A model of face_recognition_models 0.3.0. sha256: of the whole file."""

    name: str
    sha256: str


MMOD = DatFile(
    "mmod_human_face_detector.dat", "4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6"
)
EMBEDDING = DatFile(
    "dlib_face_recognition_resnet_model_v1.dat",
    "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
)
LANDMARKS = DatFile(
    "shape_predictor_5_face_landmarks.dat", "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888"
)


@dataclass(frozen=True, slots=True, eq=False)
class Conv:
    """A convolution with the normalisation behind it folded in. weights: (out, in, k, k), bias: (out,); float64."""

    weights: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    bias: np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class MmodOptions:
    """window: px, side of the detector's square. Two of its boxes are one face when their overlap, the
    intersection over the smallest box that holds both, is above `overlap`."""

    window: int
    overlap: float


def locate_model(model: DatFile) -> Path:
    """Where the package face_recognition_models keeps this file."""
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / "models" / model.name
        if path.is_file():
            return path
    raise FacedError(f"the model {model.name} is missing; install the package {_PACKAGE} (0.3)")


def read_model(model: DatFile, path: Path | None = None) -> bytes:
    """The bytes of a model file, proven to be the ones that faced knows. path: where, else located."""
    path = path or locate_model(model)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FacedError(f"{path}: the model cannot be read: {error.strerror}") from None
    if hashlib.sha256(data).hexdigest() != model.sha256:
        raise FacedError(
            f"{path} is not the model that faced knows (its SHA-256 differs); install {_PACKAGE} 0.3 again"
        )
    return data


class Reader:
    """Reads dlib's serialised values one behind the other."""

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data = data
        self.position = position

    def whole(self) -> int:
        """A whole number."""
        control = self.data[self.position]
        start, size = self.position + 1, control & 0x0F
        self.position = start + size
        value = int.from_bytes(self.data[start : self.position], "little")
        return -value if control & 0x80 else value

    def real(self) -> float:
        """A floating-point number."""
        mantissa = self.whole()
        return mantissa * 2.0 ** self.whole()

    def tensor(self) -> Floats:
        """A tensor, flat."""
        if self.whole() != 2:
            raise FacedError("a model file holds a tensor of an unknown version")
        count = int(np.prod([self.whole() for _ in range(4)]))
        values = np.frombuffer(self.data, "<f4", count, self.position)
        self.position += 4 * count
        return values.astype(np.float32, copy=False)


def parse_mmod_options(data: bytes) -> MmodOptions:
    """The detector's window and what it takes for the same face."""
    (_, reader) = next(_layers(data, "loss_mmod_"))
    reader.whole()  # version
    window = reader.whole()
    reader.whole()  # the window is square
    for _ in range(3):  # two losses, and the overlap with the truth: of interest to the training only
        reader.real()
    return MmodOptions(window, reader.real())


def parse_mmod(data: bytes) -> list[Conv]:
    """The seven convolutions of the detector, from the picture to the scores."""
    plain = [reader.tensor() for _, reader in _layers(data, "con_4")]
    norms = [_batch_norm(reader) for _, reader in _layers(data, "bn_con2")]
    shapes = [(16, 3, 5), (32, 16, 5), (32, 32, 5), (45, 32, 5), (45, 45, 5), (45, 45, 5)]
    convs = [
        _fold(values, *shape, *norm) for values, shape, norm in zip(plain[:-1], shapes, norms, strict=True)
    ]
    return [*convs, _fold(plain[-1], 1, 45, 9, np.ones(1), np.zeros(1))]


def parse_embedding(data: bytes) -> tuple[list[Conv], Floats]:
    """The 29 convolutions of the embedding network, and the (256, 128) matrix behind them."""
    layers = _layers(data, "con_4", "affine_", "fc_2")
    convs: list[Conv] = []
    for cin, cout, k in [(3, 32, 7), *_resnet_shapes()]:
        (_, con), (_, affine) = next(layers), next(layers)
        values, (gamma, beta) = con.tensor(), np.split(affine.tensor().astype(np.float64), 2)
        convs.append(_fold(values, cout, cin, k, gamma, beta))
    (_, last) = next(layers)
    last.whole(), last.whole()  # outputs, bias mode
    return convs, last.tensor().reshape(256, 128)


def _resnet_shapes() -> Iterator[tuple[int, int, int]]:
    """(in, out, k) of the 28 convolutions of the fourteen blocks."""
    channels = 32
    for cout, blocks in [(32, 3), (64, 4), (128, 3), (256, 3), (256, 1)]:
        for _ in range(blocks):
            yield channels, cout, 3
            yield cout, cout, 3
            channels = cout


def _layers(data: bytes, *names: str) -> Iterator[tuple[str, Reader]]:
    """(name, reader of what stands behind it) of every layer with one of these names."""
    for match in re.finditer("|".join(names).encode(), data):
        if data[match.start() - 1] == len(match.group()):
            yield match.group().decode(), Reader(data, match.end())


def _batch_norm(
    reader: Reader,
) -> tuple[
    np.ndarray[tuple[int, ...], np.dtype[np.float64]], np.ndarray[tuple[int, ...], np.dtype[np.float64]]
]:
    """(scale, shift) of a batch normalisation as it is used after training."""
    gamma, beta = np.split(reader.tensor().astype(np.float64), 2)
    for _ in range(10):  # the shapes of gamma and beta within their common tensor
        reader.whole()
    _means, _invstds, mean, variance = (reader.tensor().astype(np.float64) for _ in range(4))
    scale = gamma / np.sqrt(variance + _MEAN_VARIANCE)
    return scale, beta - mean * scale


def _fold(
    values: Floats,
    cout: int,
    cin: int,
    k: int,
    scale: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    shift: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> Conv:
    weights = values[:-cout].reshape(cout, cin, k, k).astype(np.float64)
    bias = values[-cout:].astype(np.float64)
    return Conv(weights * scale[:, None, None, None], bias * scale + shift)
