"""The difference hash: what it says of small pictures, and the figures behind its limit."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from faced.pictures.decode import decode
from faced.pictures.dhash import NEAR_COPY_BITS, difference_hash, hamming
from tests.support.pictures import encoded, photo
from tests.support.shared import shared_data


def grey(cells):
    """An RGB picture of these grey values."""
    return np.repeat(np.array(cells, dtype=np.uint8)[:, :, None], 3, axis=2)


def test_the_bits_stand_where_they_should():
    """Eight rows of eight comparisons with the left neighbour, the top left one highest."""
    cells = np.zeros((8, 9), dtype=np.uint8)
    assert difference_hash(grey(cells)) == 0
    cells[0, 1] = 10
    assert difference_hash(grey(cells)) == 1 << 63
    cells[0, 1], cells[7, 8] = 0, 10
    assert difference_hash(grey(cells)) == 1
    assert difference_hash(grey(np.tile(np.arange(9, dtype=np.uint8), (8, 1)))) == (1 << 64) - 1
    assert difference_hash(grey(np.tile(np.arange(9, 0, -1, dtype=np.uint8), (8, 1)))) == 0


@settings(deadline=None)
@given(st.integers(0, 50), st.integers(1, 6), st.integers(1, 6))
def test_a_picture_of_larger_pixels_has_the_same_hash(seed, across, down):
    """Each pixel repeated, in any proportion: the means are the same, so are the bits."""
    cells = np.random.default_rng(seed).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    larger = cells.repeat(down, axis=0).repeat(across, axis=1)
    assert difference_hash(larger) == difference_hash(cells)


@pytest.mark.parametrize(
    ("width", "height"), [(1, 1), (1, 20_000), (20_000, 1), (3, 5), (16, 16), (1000, 700)]
)
def test_every_shape_has_a_hash(width, height):
    """Tiny and extreme pictures too, within 64 bits, and blocks of rows make no difference."""
    value = difference_hash(np.asarray(photo(5, width, height)))
    assert 0 <= value < 1 << 64


def test_mean_is_over_the_area():
    """A pixel across a border counts for both cells: compared with whole numbers of tiny pixels."""
    picture = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    tiny = picture.repeat(8, axis=0).repeat(9, axis=1)  # now every cell has whole pixels
    assert difference_hash(picture) == difference_hash(tiny)


@settings(deadline=None)
@given(st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 64) - 1))
def test_hamming_counts_bits(a, b):
    """Symmetric, zero for equals, as many as there are ones in the difference."""
    assert hamming(a, b) == hamming(b, a) == bin(a ^ b).count("1")
    assert hamming(a, a) == 0


def near_copies(image):
    """The picture in other sizes, quality and light."""
    half = image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)
    quarter = image.resize((image.width // 4, image.height // 4), Image.Resampling.LANCZOS)
    rough = Image.fromarray(decode(encoded(image, "JPEG", quality=40)))
    return half, quarter, rough, ImageEnhance.Brightness(image).enhance(1.1)


@pytest.mark.slow
def test_the_limit_on_real_photos():
    """99 % of near-copies are within the limit, and no pair of different scenes is."""
    folder = shared_data()
    paths = sorted((folder / "soccer/photos").iterdir()) + sorted((folder / "groups/photos").iterdir())
    images = [Image.fromarray(decode(path.read_bytes(), 800)) for path in paths[::5]]
    hashes = [difference_hash(np.asarray(image)) for image in images]
    distances = [
        hamming(own, difference_hash(np.asarray(copy)))
        for own, image in zip(hashes, images, strict=True)
        for copy in near_copies(image)
    ]
    assert np.mean(np.array(distances) <= NEAR_COPY_BITS) >= 0.99
    assert min(hamming(a, b) for a, b in itertools.combinations(hashes, 2)) > 2 * NEAR_COPY_BITS
