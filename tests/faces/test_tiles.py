"""Cuts of a picture: the right place and size, from a halving where that is enough, mean colour outside."""

import numpy as np
import pytest
from PIL import Image

from faced.faces.engine.tiles import PAD_COLOUR, Halvings, copy_size
from faced.model import Pixels


def _ramp(width: int, height: int) -> Pixels:
    """Red goes from 0 to 200 across, green from 0 to 200 down."""
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[..., 0] = np.linspace(0, 200, width)[None]
    canvas[..., 1] = np.linspace(0, 200, height)[:, None]
    return canvas


@pytest.mark.parametrize("side", [24.0, 60.5, 128.0, 300.0, 900.0])
@pytest.mark.parametrize("size", [(1200, 1000), (1201, 999)])
def test_a_cut_shows_its_square(side: float, size: tuple[int, int]) -> None:
    """Whichever halving it comes from: the corners' colours say where it was cut."""
    left, top = 150.0, 40.0
    (tile,) = Halvings(_ramp(*size)).cut(np.array([[left, top, side, side]]), 128)
    assert tile.shape == (128, 128, 3)
    for at, row_column in ((0.5, (0, 0)), (127.5, (127, 127))):
        x, y = (at / 128 * side + start for start in (left, top))
        told = tile[row_column].astype(float)
        assert abs(told[0] - 200 * x / size[0]) < 2
        assert abs(told[1] - 200 * y / size[1]) < 2


@pytest.mark.parametrize("side", [60.5, 128.0, 300.0, 700.0])
@pytest.mark.parametrize("roll", [-15.0, 15.0, 90.0])
@pytest.mark.parametrize("size", [(1200, 1000), (1201, 999)])
def test_a_rolled_cut_shows_its_square_turned(size: tuple[int, int], roll: float, side: float) -> None:
    """About its centre, clockwise: colours say where each corner of the tile lies in the picture."""
    left, top, cosine, sine = 250.0, 150.0, np.cos(np.radians(roll)), np.sin(np.radians(roll))
    (tile,) = Halvings(_ramp(*size)).cut(np.array([[left, top, side, side]]), 128, roll)
    for row, column in ((64, 64), (8, 8), (8, 119), (119, 8), (119, 119)):
        across, down = ((at + 0.5 - 64) / 128 * side for at in (column, row))
        x = left + side / 2 + cosine * across - sine * down
        y = top + side / 2 + sine * across + cosine * down
        told = tile[row, column].astype(float)
        assert abs(told[0] - 200 * x / size[0]) < 2
        assert abs(told[1] - 200 * y / size[1]) < 2


def test_a_rolled_cut_over_the_edge_is_filled_with_the_mean_colour() -> None:
    """Where the picture ends and in the corners that the turn lays bare."""
    picture = Halvings(np.full((200, 300, 3), 10, np.uint8))
    (tile,) = picture.cut(np.array([[0.0, 0, 200, 200]]), 64, 45.0)
    assert (tile[0, 32] == 10).all() or (tile[32, 0] == PAD_COLOUR).all()
    assert (tile[32, 32] == 10).all()
    assert (tile[0, 0] == PAD_COLOUR).all()


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((3000, 2000), (800, 533)),
        ((2000, 3000), (533, 800)),
        ((4000, 1000), (1131, 283)),
        ((1600, 900), (800, 450)),
        ((400, 300), (800, 600)),
        ((100, 50), (200, 100)),
        ((1, 20000), (2, 40000)),
    ],
)
def test_a_panorama_is_searched_in_a_longer_copy(size: tuple[int, int], expected: tuple[int, int]) -> None:
    """Of as many pixels as a picture of usual shape has; nothing is enlarged beyond twice."""
    assert copy_size(*size, 800) == expected


def test_outside_is_the_mean_colour() -> None:
    """A square over the edges is filled up; one wholly outside is nothing else."""
    picture = Halvings(np.full((200, 300, 3), 10, np.uint8))
    over, outside = picture.cut(np.array([[-50.0, -50, 100, 100], [900, 900, 50, 50]]), 64)
    assert (over[:31, :31] == PAD_COLOUR).all()
    assert (over[33:, 33:] == 10).all()
    assert (outside == PAD_COLOUR).all()


def test_a_large_cut_is_smooth() -> None:
    """Fine stripes come out grey, as they do not when pixels are left out."""
    stripes = np.zeros((1600, 1600, 3), np.uint8)
    stripes[:, ::2] = 255
    (tile,) = Halvings(stripes).cut(np.array([[0.0, 0, 1600, 1600]]), 100)
    assert np.abs(tile.astype(int) - 128).max() <= 2


def test_the_whole_picture_in_another_size() -> None:
    """As Pillow would make it, to a few shades, enlarged too; the same picture when the size is its own."""
    picture = _ramp(900, 700)
    halvings = Halvings(picture)
    for size in ((450, 350), (333, 259), (100, 78), (1200, 933), (900, 700)):
        made = halvings.resized(size, Image.Resampling.BILINEAR)
        assert made.size == size
        plain = Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR)
        assert np.abs(np.asarray(made).astype(int) - np.asarray(plain)).max() <= 4
    assert np.array_equal(np.asarray(halvings.resized((900, 700), Image.Resampling.BILINEAR)), picture)


@pytest.mark.parametrize("shape", [(1, 1), (1, 20000), (16, 16)])
def test_odd_shapes_are_cut_without_harm(shape: tuple[int, int]) -> None:
    """Nothing is asked of a picture but a pixel."""
    halvings = Halvings(np.full((*shape, 3), 77, np.uint8))
    cuts = halvings.cut(np.array([[0.0, 0, 1, 1], [-5, -5, 900, 900], [0, 0, 0, 0]]), 24)
    assert cuts.shape == (3, 24, 24, 3)
    assert halvings.cut(np.zeros((0, 4)), 24).shape == (0, 24, 24, 3)
