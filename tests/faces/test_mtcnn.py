"""MTCNN's three networks: the converted graphs against the same weights by hand, and what they propose."""

from collections.abc import Callable
from itertools import pairwise
from typing import cast

import numpy as np
import pytest
from PIL import Image

from faced.faces.engine.convert_mtcnn import convert_onet, convert_pnet, convert_rnet
from faced.faces.engine.mtcnn import Mtcnn
from faced.faces.engine.mtcnn_weights import ONET, PNET, RNET, Array, Layer, parse_layers, read_weights
from faced.faces.engine.session import Network
from faced.faces.engine.tiles import Halvings
from faced.faces.geometry import iou_matrix
from faced.model import Pixels
from tests.support.portrait import portrait, portrait_on
from tests.support.shared import shared_data


class _Recorded:
    """A network, and what it answered."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.answers: list[Array] = []

    def run(self, pixels: Pixels) -> Array:
        self.answers.append(self._network.run(pixels))
        return self.answers[-1]


@pytest.fixture(scope="module")
def pnet() -> Network:
    return Network(convert_pnet(read_weights(PNET)))


@pytest.fixture(scope="module")
def rnet() -> Network:
    return Network(convert_rnet(read_weights(RNET)))


@pytest.fixture(scope="module")
def onet() -> Network:
    return Network(convert_onet(read_weights(ONET)))


@pytest.fixture(scope="module")
def mtcnn(pnet: Network, rnet: Network, onet: Network) -> Mtcnn:
    return Mtcnn(pnet, rnet, onet, 800)


def test_conversion_gives_the_same_bytes_every_time() -> None:
    """So two processes that convert at once write the same file."""
    for model, convert in ((PNET, convert_pnet), (RNET, convert_rnet), (ONET, convert_onet)):
        assert convert(read_weights(model)) == convert(read_weights(model))


@pytest.mark.parametrize("size", [(130, 151), (64, 64), (12, 12), (13, 40)])
def test_the_first_network_is_that_of_the_package(pnet: Network, size: tuple[int, int]) -> None:
    """Probabilities and corners of every cell, by the definitions of its layers, odd sides included."""
    picture = np.ascontiguousarray(portrait()[60 : 60 + size[0], 120 : 120 + size[1]])
    (out,) = pnet.run(picture[None])
    corners, probability = _pnet_by_hand(picture)
    assert out[1:].shape == corners.shape
    assert np.abs(out[1:] - corners).max() < 1e-4
    assert np.abs(1 / (1 + np.exp(-out[0])) - probability).max() < 1e-4


def test_the_networks_are_those_of_the_package_on_real_photos(
    pnet: Network, rnet: Network, onet: Network
) -> None:
    """Group photos: all cells of small copies, and crops of them."""
    paths = sorted((shared_data() / "groups" / "photos").iterdir())[::40]
    assert len(paths) >= 3
    for path in paths:
        with Image.open(path) as image:
            picture = np.array(image.convert("RGB").resize((160, 121)))
            larger = np.array(image.convert("RGB").resize((320, 242)))
        (out,) = pnet.run(picture[None])
        corners, probability = _pnet_by_hand(picture)
        assert np.abs(out[1:] - corners).max() < 1e-4
        assert np.abs(1 / (1 + np.exp(-out[0])) - probability).max() < 1e-4
        _check(rnet, _rnet_by_hand, [picture[y : y + 24, x : x + 24] for y in (0, 40) for x in (0, 70, 130)])
        _check(onet, _onet_by_hand, [larger[y : y + 48, x : x + 48] for y in (0, 80) for x in (0, 140, 260)])


def test_the_second_network_is_that_of_the_package(rnet: Network) -> None:
    """Crops of the portrait, the face among them."""
    picture = portrait(120)
    places = [(y, x) for y in range(0, 60, 12) for x in range(0, 90, 30)]
    _check(rnet, _rnet_by_hand, [picture[y : y + 24, x : x + 24] for y, x in places])


def test_the_third_network_is_that_of_the_package(onet: Network) -> None:
    """Crops of the portrait, the face among them; the landmarks are left out."""
    picture = portrait(240)
    places = [(y, x) for y in range(0, 120, 24) for x in range(0, 180, 60)]
    _check(onet, _onet_by_hand, [picture[y : y + 48, x : x + 48] for y, x in places])


@pytest.mark.parametrize("longer", [90, 200, 600, 1500, 3000])
def test_the_portrait_is_proposed_at_every_size(mtcnn: Mtcnn, longer: int) -> None:
    """A face of 21 px in a picture of 900, or in one that is the portrait itself: the surest proposals first."""
    canvas, face = portrait_on((max(longer, 900), max(longer, 700)), longer)
    found = mtcnn.propose(Halvings(canvas))
    assert iou_matrix(face, found.windows).max() > 0.5
    assert all(a >= b for a, b in pairwise(found.strengths))
    assert np.allclose(found.windows[:, 2], found.windows[:, 3])


def test_the_second_network_looks_again_where_it_moved_a_crop_to_and_the_third_last(
    pnet: Network, rnet: Network, onet: Network
) -> None:
    """At what the one before half believed, and fewer; the third's answers are what is proposed."""
    middle, last = _Recorded(rnet), _Recorded(onet)
    canvas, face = portrait_on((900, 700), 600)
    found = Mtcnn(pnet, cast(Network, middle), cast(Network, last), 800).propose(Halvings(canvas))
    first, second = middle.answers
    (third,) = last.answers
    assert 0 < len(second) <= (_probability(first) > 0.2).sum()
    assert 0 < len(third) <= (_probability(second) > 0.6).sum()
    assert set(found.strengths) <= set(_probability(third))
    assert found.strengths[0] == _probability(third).max() > 0.99
    assert iou_matrix(face, found.windows[:1])[0, 0] > 0.6


def test_the_surer_the_proposal_the_less_the_detector_must_say(mtcnn: Mtcnn) -> None:
    """Never more than it must say alone, never below what it says to a wall."""
    canvas, _ = portrait_on((900, 700), 600)
    found = mtcnn.propose(Halvings(canvas))
    assert all(a <= b for a, b in pairwise(found.needed))
    assert (found.needed <= -0.5).all()
    assert (found.needed >= -1.41).all()
    assert found.needed[0] < -1.3


def test_a_picture_full_of_likely_places_is_bounded(pnet: Network, rnet: Network, onet: Network) -> None:
    """Twelve hundred small portraits in one: no network gets more than its share of crops."""
    one = portrait(60)
    canvas = np.tile(one, (30, 40, 1))
    middle, last = _Recorded(rnet), _Recorded(onet)
    found = Mtcnn(pnet, cast(Network, middle), cast(Network, last), 2000).propose(Halvings(canvas))
    assert 0 < sum(len(answer) for answer in middle.answers) <= 2 * 1500
    assert 0 < sum(len(answer) for answer in last.answers) <= 600
    assert 0 < len(found.windows) <= 600


def test_a_panorama_is_looked_at_larger(mtcnn: Mtcnn) -> None:
    """A face of 71 px would have 6 if the longer side of 8000 px came down to 640."""
    canvas, face = portrait_on((8000, 600), 300, 5000, 200)
    found = mtcnn.propose(Halvings(canvas))
    assert iou_matrix(face, found.windows).max() > 0.5


@pytest.mark.parametrize("shape", [(1, 1), (16, 16), (1, 20000), (20000, 1), (11, 5000), (7, 7)])
def test_odd_shapes_propose_nothing(mtcnn: Mtcnn, shape: tuple[int, int]) -> None:
    """Icons, stripes and plain colours."""
    found = mtcnn.propose(Halvings(np.full((*shape, 3), 200, np.uint8)))
    assert found.windows.shape == (0, 4)
    assert found.strengths.shape == (0,)


def _probability(answer: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-answer[:, 0])), np.float32)


def _check(network: Network, by_hand: Callable[[Pixels], tuple[Array, float]], crops: list[Pixels]) -> None:
    out = network.run(np.stack(crops))
    for crop, row in zip(crops, out, strict=True):
        corners, probability = by_hand(crop)
        assert np.abs(row[1:] - corners).max() < 1e-4
        assert abs(1 / (1 + np.exp(-row[0])) - probability) < 1e-4


def _pnet_by_hand(picture: Pixels) -> tuple[Array, Array]:
    """(4, h, w) corners, (h, w) probabilities of a face."""
    first, second, third, corners, classes = parse_layers(read_weights(PNET))
    x = _pool(_convolve(_planes(picture), first), 2, same=True)
    x = _convolve(_convolve(x, second), third)
    return _convolve(x, corners), _softmax(_convolve(x, classes))[1]


def _rnet_by_hand(crop: Pixels) -> tuple[Array, float]:
    first, second, third, full, corners, classes = parse_layers(read_weights(RNET))
    x = _pool(_convolve(_planes(crop), first), 3, same=True)
    x = _convolve(_pool(_convolve(x, second), 3, same=False), third)
    return _heads_by_hand(x, full, corners, classes)


def _onet_by_hand(crop: Pixels) -> tuple[Array, float]:
    first, second, third, fourth, full, corners, landmarks, classes = parse_layers(read_weights(ONET))
    assert landmarks.weights.shape == (256, 10)
    x = _pool(_convolve(_planes(crop), first), 3, same=True)
    x = _pool(_convolve(x, second), 3, same=False)
    x = _convolve(_pool(_convolve(x, third), 2, same=True), fourth)
    return _heads_by_hand(x, full, corners, classes)


def _heads_by_hand(x: Array, full: Layer, corners: Layer, classes: Layer) -> tuple[Array, float]:
    flat = x.transpose(2, 1, 0).reshape(-1)  # down the columns of (height, width, channel)
    flat = _prelu(flat @ full.weights + full.bias, full)
    return flat @ corners.weights + corners.bias, float(_softmax(flat @ classes.weights + classes.bias)[1])


def _planes(picture: Pixels) -> Array:
    return (picture.astype(np.float64).transpose(2, 0, 1) - 127.5) / 128


def _convolve(x: Array, layer: Layer) -> Array:
    k = layer.weights.shape[2]
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))
    return _prelu(np.einsum("chwij,ocij->ohw", windows, layer.weights) + layer.bias[:, None, None], layer)


def _prelu(x: Array, layer: Layer) -> Array:
    if layer.slope is None:
        return x
    slope = layer.slope.reshape(-1, *[1] * (x.ndim - 1))
    return np.where(x > 0, x, slope * x)


def _pool(x: Array, k: int, *, same: bool) -> Array:
    """The largest of each k x k, two apart. same: as many as half the side, rounded up, padded behind."""
    if same:
        more = [max(0, 2 * (-(-side // 2) - 1) + k - side) for side in x.shape[1:]]
        x = np.pad(x, ((0, 0), (0, more[0]), (0, more[1])), constant_values=-np.inf)
    return np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))[:, ::2, ::2].max(axis=(3, 4))


def _softmax(x: Array) -> Array:
    powers = np.exp(x - x.max(axis=0))
    return powers / powers.sum(axis=0)
