"""Who proposes faces: what the configuration says, and what is told when that cannot be."""

import hashlib
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from faced.config import parse_config
from faced.errors import ConfigError, FacedError
from faced.faces.engine import MTCNN, NONE, engine_record, open_engine, resolve_proposals
from faced.faces.engine.mtcnn_weights import ONET, PNET, RNET, parse_layers, read_weights
from faced.faces.engine.proposals import read_proposals
from tests.support.yunets import make_yunet


def test_names_are_known_without_any_file() -> None:
    """`mtcnn` with the hashes of its weights, `none` with nothing; both are the record's words."""
    assert resolve_proposals("mtcnn") == MTCNN
    assert resolve_proposals("none") == NONE
    assert engine_record("dlib-onnx").proposals == f"mtcnn {PNET.sha256} {RNET.sha256} {ONET.sha256}"
    assert engine_record("dlib-onnx", proposals=NONE).proposals == "none"
    assert engine_record("face_recognition").proposals == "none"


def test_a_file_is_known_by_its_content(tmp_path: Path) -> None:
    """Moved it is the same engine; changed it is another, and refused where the old one was meant."""
    file = make_yunet(tmp_path / "a.onnx")
    first = resolve_proposals(str(file))
    assert str(first) == f"yunet {hashlib.sha256(file.read_bytes()).hexdigest()}"
    moved = resolve_proposals(str(file.rename(tmp_path / "b.onnx")))
    assert engine_record("dlib-onnx", proposals=moved).key == engine_record("dlib-onnx", proposals=first).key
    assert read_proposals(moved) == (tmp_path / "b.onnx").read_bytes()
    make_yunet(tmp_path / "b.onnx", fixed=64)
    with pytest.raises(ConfigError, match=r"b\.onnx has changed since faced began"):
        read_proposals(moved)
    assert str(resolve_proposals(str(tmp_path / "b.onnx"))) != str(first)
    assert pickle.loads(pickle.dumps(moved)) == moved  # noqa: S301 - as it goes to a worker


@pytest.mark.parametrize("kind", ["missing", "folder", "text", "empty", "another network", "too large"])
def test_a_file_that_is_no_yunet_is_a_plain_error(tmp_path: Path, kind: str) -> None:
    """Before any photo is read: which file, and what is wrong with it."""
    file = tmp_path / "net.onnx"
    if kind == "folder":
        file.mkdir()
    elif kind == "text":
        file.write_text("not a model")
    elif kind == "empty":
        file.write_bytes(b"")
    elif kind == "another network":
        make_yunet(file, without="bbox_16")
    elif kind == "too large":
        with file.open("wb") as hole:
            hole.truncate(100 << 20)
    said = {
        "missing": "cannot be read: No such file or directory",
        "folder": "cannot be read: Is a directory",
        "another network": "has no output bbox_16",
        "too large": "is too large",
    }.get(kind, "has no output cls_8")
    with pytest.raises(ConfigError) as told:
        resolve_proposals(str(file))
    assert str(told.value).startswith(f"detect.proposals: {file} ")
    assert said in str(told.value)
    assert "\n" not in str(told.value)
    assert told.value.exit_status == 2


def test_a_file_that_only_looks_like_a_yunet_does_not_open(tmp_path: Path, model_cache: Path) -> None:
    """The names alone are no network: cut short, or of other shapes."""
    whole = make_yunet(tmp_path / "whole.onnx").read_bytes()
    for number, data in enumerate((whole[:-40], whole.replace(b"Conv", b"Comv"))):
        file = tmp_path / f"{number}.onnx"
        file.write_bytes(data)
        with pytest.raises(ConfigError, match=rf"detect\.proposals: .*{number}\.onnx ") as told:
            open_engine("dlib-onnx", proposals=resolve_proposals(str(file)), cache=model_cache)
        assert "\n" not in str(told.value)


def test_the_configuration_takes_names_and_files(tmp_path: Path) -> None:
    """Files are relative to the configuration; anything else is told with its line."""
    config = tmp_path / "config.yaml"
    assert parse_config("", config).detect_proposals == "mtcnn"
    assert parse_config("detect: {proposals: none}", config).detect_proposals == "none"
    assert parse_config("detect: {proposals: a/b.onnx}", config).detect_proposals == str(
        tmp_path / "a/b.onnx"
    )
    for wrong in ("retina", "5", "true", "[mtcnn]", "model.pt"):
        with pytest.raises(ConfigError, match=r"config.yaml:1: detect.proposals must be mtcnn, none, or"):
            parse_config(f"detect: {{proposals: {wrong}}}", config)
    with pytest.raises(ConfigError, match=r"detect\.turned must be true or false"):
        parse_config("detect: {turned: 90}", config)


@pytest.mark.parametrize("model", [PNET, RNET, ONET], ids=["P-Net", "R-Net", "O-Net"])
def test_other_weights_are_refused_unopened(tmp_path: Path, model: object) -> None:
    """Another version's file, or one that would run something, is known by its hash and what to do is said."""
    target = tmp_path / "ran"
    evil = pickle.dumps(_Evil(str(target)))
    file = tmp_path / "weights.lz4"
    file.write_bytes(evil)
    with pytest.raises(FacedError) as told:
        read_weights(model, file)  # type: ignore[arg-type]
    assert str(file) in str(told.value)
    assert "install mtcnn 1.0.0, or set `detect.proposals: none`" in str(told.value)
    with pytest.raises(FacedError, match="not opened"):
        parse_layers(evil)
    assert not target.exists()
    with pytest.raises(FacedError, match="cannot be read"):
        read_weights(model, tmp_path / "gone")  # type: ignore[arg-type]


def test_a_missing_package_is_a_plain_error() -> None:
    """Without mtcnn installed faced says what to install, and how to do without."""
    script = (
        "import importlib.util, sys\n"
        "real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *more: None if name == 'mtcnn' else real(name, *more)\n"
        "from faced.faces.engine.mtcnn_weights import PNET, read_weights\n"
        "from faced.errors import FacedError\n"
        "try:\n    read_weights(PNET)\n"
        "except FacedError as error:\n    print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout == (
        "the weights pnet.lz4 of mtcnn are missing; install mtcnn 1.0.0, or set `detect.proposals: none`\n"
    )


def test_the_package_is_never_imported(tmp_path: Path) -> None:
    """Nor TensorFlow, nor joblib once the models are converted."""
    script = (
        "import sys, pathlib\n"
        "from faced.faces.engine import open_engine\n"
        "open_engine('dlib-onnx', cache=pathlib.Path(sys.argv[1]))\n"
        "print(*sorted({'mtcnn', 'tensorflow', 'joblib', 'onnx'} & set(sys.modules)))\n"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert said == ["joblib onnx\n", "\n"]


class _Evil:
    def __init__(self, target: str) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return open, (self.target, "w")
