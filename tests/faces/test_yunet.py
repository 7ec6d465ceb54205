"""A YuNet file as proposer: boxes where its cells say so, at its own size if that is fixed."""

from pathlib import Path

import numpy as np
import pytest

from faced.faces.engine import open_engine, resolve_proposals
from faced.faces.engine.session import open_session
from faced.faces.engine.tiles import Halvings
from faced.faces.engine.yunet import Yunet
from faced.faces.geometry import box_array, iou_matrix
from faced.model import Pixels
from tests.support.portrait import portrait_on
from tests.support.shared import shared_data
from tests.support.yunets import make_yunet

_BLUE = (0, 0, 255)


def _red_square(width: int, height: int, left: int, top: int, side: int) -> Pixels:
    canvas = np.full((height, width, 3), _BLUE, np.uint8)
    canvas[top : top + side, left : left + side] = (255, 0, 0)
    return canvas


def _open(path: Path, size: int = 800) -> Yunet:
    return Yunet(open_session(path.read_bytes()), path.name, size)


@pytest.mark.parametrize("fixed", [None, 640])
@pytest.mark.parametrize(("width", "height"), [(800, 800), (1600, 1200), (300, 1000), (2000, 500)])
def test_boxes_are_where_the_cells_say(tmp_path: Path, fixed: int | None, width: int, height: int) -> None:
    """Of any shape of picture, also squeezed into a fixed input: the surest windows lie on what is red."""
    yunet = _open(make_yunet(tmp_path / "net.onnx", fixed=fixed))
    side = height // 4
    found = yunet.propose(Halvings(_red_square(width, height, width // 2, height // 2, side)))
    assert len(found.windows) > 0
    centres = found.windows[:, :2] + found.windows[:, 2:] / 2
    sure = found.strengths > 0.9
    assert sure.any()
    margin = max(width, height) / 12  # a cell of the small copy
    assert (centres[sure] >= np.array([width // 2, height // 2]) - margin).all()
    assert (centres[sure] <= np.array([width // 2, height // 2]) + side + margin).all()
    assert np.allclose(found.windows[:, 2], found.windows[:, 3])


def test_a_panorama_is_looked_at_larger(tmp_path: Path) -> None:
    """What fills no cell of 8 px when 8000 px come down to 800 is proposed."""
    yunet = _open(make_yunet(tmp_path / "net.onnx"))
    found = yunet.propose(Halvings(_red_square(8000, 600, 4000, 300, 60)))
    assert found.strengths.max() > 0.6


def test_nothing_red_nothing_proposed(tmp_path: Path) -> None:
    """Also of icons and stripes."""
    yunet = _open(make_yunet(tmp_path / "net.onnx"))
    for shape in ((700, 900), (16, 16), (1, 20000), (20000, 1), (1, 1)):
        found = yunet.propose(Halvings(np.full((*shape, 3), _BLUE, np.uint8)))
        assert found.windows.shape == (0, 4)


def test_the_detector_judges_what_is_proposed(tmp_path: Path, model_cache: Path) -> None:
    """Red all over is thousands of proposals and no face; a portrait behind a red filter is one among them."""
    proposals = resolve_proposals(str(make_yunet(tmp_path / "net.onnx")))
    engine = open_engine("dlib-onnx", proposals=proposals, cache=model_cache)
    assert engine.find_faces(np.full((900, 1200, 3), (190, 0, 0), np.uint8)) == []
    canvas, face = portrait_on((900, 700), 270, 300, 200)
    canvas[..., 1:] //= 3
    (found,) = engine.find_faces(canvas)
    assert iou_matrix(face, box_array([found.box]) * (900, 700, 900, 700))[0, 0] > 0.5


@pytest.mark.parametrize("longer", [90, 200, 700])
def test_the_real_one_finds_the_portrait(longer: int, model_cache: Path) -> None:
    """Small in a picture or filling it."""
    file = shared_data() / "models" / "yunet_n_dynamic.onnx"
    engine = open_engine("dlib-onnx", proposals=resolve_proposals(str(file)), cache=model_cache)
    canvas, face = portrait_on((900, 700), longer)
    (found,) = engine.find_faces(canvas)
    assert iou_matrix(face, box_array([found.box]) * (900, 700, 900, 700))[0, 0] > 0.5
