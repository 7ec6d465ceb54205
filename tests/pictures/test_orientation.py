"""Boxes, points and pixels on their way between the stored picture and the upright one."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from faced.model import Box
from faced.pictures.orientation import (
    stored_box,
    stored_points,
    upright_box,
    upright_pixels,
    upright_points,
    upright_size,
)
from tests.support.pictures import encoded, exif_block, photo

EIGHT = range(1, 9)
fractions = st.floats(-0.5, 1.5, allow_nan=False, width=32)


def upright_by_pillow(orientation: int, image: Image.Image) -> Image.Image:
    """The same picture, stored with that orientation and turned by Pillow."""
    stored = encoded(image, "PNG", exif=exif_block(orientation))
    return ImageOps.exif_transpose(Image.open(io.BytesIO(stored)))


@pytest.mark.parametrize("orientation", EIGHT)
def test_pixels_turn_as_pillow_turns_them(orientation):
    """All eight orientations, pixel by pixel, and the size that is foretold."""
    image = photo(3, 40, 24)
    expected = upright_by_pillow(orientation, image)
    turned = upright_pixels(np.asarray(image), orientation)
    assert np.array_equal(turned, np.asarray(expected))
    assert turned.flags.c_contiguous
    assert upright_size(40, 24, orientation) == expected.size


@pytest.mark.parametrize("orientation", EIGHT)
def test_a_box_stays_on_what_it_framed(orientation):
    """A white patch on black: its box, turned, frames the patch in the picture that Pillow turned."""
    image = Image.new("L", (80, 40))
    image.paste(255, (8, 10, 24, 15))
    turned = upright_by_pillow(orientation, image)
    left, top, right, bottom = turned.getbbox()
    box = upright_box(Box(8 / 80, 10 / 40, 16 / 80, 5 / 40), orientation)
    width, height = turned.size
    assert (box.left * width, box.top * height) == pytest.approx((left, top))
    assert (box.width * width, box.height * height) == pytest.approx((right - left, bottom - top))


@pytest.mark.parametrize("orientation", EIGHT)
@settings(deadline=None)
@given(left=fractions, top=fractions, width=fractions, height=fractions)
def test_a_box_comes_back(orientation, left, top, width, height):
    """There and back is where it was, both ways, also partly outside the picture."""
    box = Box(left, top, width, height)
    for there, back in ((upright_box, stored_box), (stored_box, upright_box)):
        again = back(there(box, orientation), orientation)
        assert (again.left, again.top) == pytest.approx((left, top), abs=1e-12)
        assert (again.width, again.height) == (width, height)


@pytest.mark.parametrize("orientation", EIGHT)
@settings(deadline=None)
@given(st.lists(st.tuples(fractions, fractions), max_size=5))
def test_points_come_back_and_move_with_their_box(orientation, rows):
    """There and back is where they were; a point moves as the corner of a box without size does."""
    points = np.array(rows, dtype=np.float32).reshape(-1, 2)
    before = points.copy()
    moved = upright_points(points, orientation)
    assert moved.dtype == np.float32
    assert np.array_equal(points, before)
    for (x, y), (x2, y2) in zip(points.tolist(), moved.tolist(), strict=True):
        box = upright_box(Box(x, y, 0, 0), orientation)
        assert (x2, y2) == pytest.approx((box.left, box.top), abs=1e-6)
    assert stored_points(moved, orientation) == pytest.approx(points, abs=1e-6)
    assert upright_points(stored_points(points, orientation), orientation) == pytest.approx(points, abs=1e-6)
