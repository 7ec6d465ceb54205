"""The cascade: small faces found that the pyramid misses, the detector's word last, bounded work."""

from pathlib import Path

import numpy as np
import pytest

from faced.faces.engine import NONE, Engine, open_engine
from faced.faces.engine.cache import cached_model
from faced.faces.engine.cascade import MOST, CascadeDetector
from faced.faces.engine.convert import convert_mmod
from faced.faces.engine.dat import MMOD, parse_mmod_options, read_model
from faced.faces.engine.mmod import MmodNet
from faced.faces.engine.proposer import Proposed
from faced.faces.engine.session import Network
from faced.faces.engine.tiles import Halvings
from faced.faces.geometry import Boxes, box_array, iou_matrix, scaled
from faced.model import Pixels
from tests.support.portrait import portrait_on


class _Fixed:
    """Proposes what it is told."""

    likely, again = 0.9, ((0.83, 0.0), (1.0, -15.0), (1.0, 15.0))

    def __init__(self, windows: Boxes, strength: float = 0.5, needed: float = -0.5) -> None:
        count = len(windows)
        self._proposed = Proposed(
            windows, np.full(count, strength, np.float32), np.full(count, needed, np.float32)
        )

    def propose(self, picture: Halvings) -> Proposed:
        return self._proposed


class _Counting(MmodNet):
    """How many tiles were looked at, and the most in one run."""

    tiles, largest = 0, 0

    def best_windows(self, tiles: Pixels, near: float) -> tuple[Boxes, np.ndarray]:
        self.tiles, self.largest = self.tiles + len(tiles), max(self.largest, len(tiles))
        return super().best_windows(tiles, near)


@pytest.fixture
def net(model_cache: Path) -> _Counting:
    model = cached_model(model_cache, MMOD, convert_mmod)
    return _Counting(Network(model), parse_mmod_options(read_model(MMOD)))


def _px(boxes: Boxes, canvas: Pixels) -> Boxes:
    height, width = canvas.shape[:2]
    return boxes * (width, height, width, height)


def _find(engine: Engine, canvas: Pixels) -> Boxes:
    return _px(box_array([face.box for face in engine.find_faces(canvas)]), canvas)


@pytest.mark.parametrize("longer", [100, 150, 250, 500, 900])
def test_a_face_of_3_percent_is_found_as_one_that_fills_the_photo(ours: Engine, longer: int) -> None:
    """One face, once, where it is, from 24 px of 900 on."""
    canvas, face = portrait_on((900, 900), longer, 0, 0)
    found = _find(ours, canvas)
    assert len(found) == 1
    assert iou_matrix(face, found)[0, 0] > 0.5


def test_the_pyramid_alone_misses_the_small_one(ours: Engine, model_cache: Path) -> None:
    """And finds the large one in the same place: the windows are the same detector's."""
    alone = open_engine("dlib-onnx", views=1, proposals=NONE, cache=model_cache)
    small, _ = portrait_on((900, 900), 150)
    large, _ = portrait_on((900, 900), 700)
    assert len(_find(alone, small)) == 0
    assert iou_matrix(_find(alone, large), _find(ours, large))[0, 0] > 0.6


def test_twenty_small_faces_are_twenty(ours: Engine) -> None:
    """A group: each once, sides of 33 px in a photo of 1200, also at the very edge."""
    canvas, places = np.full((900, 1200, 3), 90, np.uint8), []
    for number in range(20):
        left, top = number % 5 * 200, number // 5 * 200
        one, face = portrait_on((1200, 900), 140, left, top)
        region = (slice(top, top + 125), slice(left, left + 140))
        canvas[region] = one[region]
        places.append(face)
    found = _find(ours, canvas)
    assert len(found) == 20
    assert (iou_matrix(np.concatenate(places), found).max(axis=1) > 0.5).all()


def test_nobody_proposed_nobody_judged(net: _Counting) -> None:
    """No face and no run of the network."""
    canvas, _ = portrait_on((900, 700), 600)
    assert CascadeDetector(net, _Fixed(np.zeros((0, 4)))).find(canvas) == []
    assert net.tiles == 0


def test_five_thousand_proposals_cost_no_more_than_the_most(net: _Counting) -> None:
    """The strongest are judged, in runs of a bounded size; the face among them is found once."""
    canvas, (face,) = portrait_on((900, 700), 600)
    side = (face[2] * face[3]) ** 0.5
    around = np.random.default_rng(5).uniform(-3, 3, (5000, 2))
    windows = np.concatenate([face[:2] + around, np.full((5000, 2), side)], axis=1)
    found = CascadeDetector(net, _Fixed(windows)).find(canvas)
    assert len(found) == 1
    assert net.tiles == MOST
    assert net.largest <= 64


def test_a_proposal_proves_nothing(net: _Counting) -> None:
    """Noise, a plain wall and the portrait's suit are no faces, whoever says so."""
    canvas, _ = portrait_on((900, 700), 600, 0, 0)
    noise = np.random.default_rng(3).integers(0, 255, (700, 900, 3)).astype(np.uint8)
    windows = np.array(
        [[250.0, 400, 100, 100], [700, 500, 90, 90], [100, 100, 300, 300], [-50, 600, 200, 200]]
    )
    assert CascadeDetector(net, _Fixed(windows[:2])).find(canvas) == []
    assert CascadeDetector(net, _Fixed(windows)).find(noise) == []


def test_a_sure_proposal_needs_less_of_the_detector(net: _Counting) -> None:
    """The face in a window too large for it: a score that is no proof alone is one beside a sure proposal."""
    canvas, (face,) = portrait_on((900, 700), 600)
    wide = scaled(face[None], 1.3)
    (score,) = (face.score for face in CascadeDetector(net, _Fixed(wide, needed=-9)).find(canvas))
    assert CascadeDetector(net, _Fixed(wide, needed=score + 0.1)).find(canvas) == []
    assert len(CascadeDetector(net, _Fixed(wide, needed=score - 0.1)).find(canvas)) == 1


def test_a_face_beside_the_middle_is_not_the_proposal_s(net: _Counting) -> None:
    """Within 26 px of 80 it is found, with its own box; a window away it is not."""
    canvas, (face,) = portrait_on((900, 700), 600)
    side = (face[2] * face[3]) ** 0.5
    near = np.array([[face[0] + 0.2 * side, face[1] - 0.15 * side, side, side]])
    (found,) = CascadeDetector(net, _Fixed(near)).find(canvas)
    assert iou_matrix(face[None], _px(box_array([found.box]), canvas))[0, 0] > 0.6
    far = np.array([[face[0] + 1.0 * side, face[1], side, side]])
    assert CascadeDetector(net, _Fixed(far)).find(canvas) == []


def test_a_likely_face_is_looked_at_again_with_a_smaller_window(net: _Counting) -> None:
    """A window far too large shows the detector nothing; the other look does."""
    canvas, (face,) = portrait_on((900, 700), 600)
    wide = scaled(face[None], 1.7)
    assert CascadeDetector(net, _Fixed(wide, 0.5)).find(canvas) == []
    assert net.tiles == 1
    (found,) = CascadeDetector(net, _Fixed(wide, 0.92)).find(canvas)
    assert iou_matrix(face[None], _px(box_array([found.box]), canvas))[0, 0] > 0.4
    assert net.tiles == 3


def test_what_is_found_already_is_not_looked_at_again(net: _Counting) -> None:
    """A poor proposal beside a good one of the same face costs one tile."""
    canvas, (face,) = portrait_on((900, 700), 600)
    both = np.concatenate([face[None], scaled(face[None], 1.6)])
    assert len(CascadeDetector(net, _Fixed(both, 0.92)).find(canvas)) == 1
    assert net.tiles == 2
