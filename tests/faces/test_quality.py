"""Sharpness of chips, and who may be clustered."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from faced.faces.quality import may_cluster, sharpness
from faced.model import Pixels


@pytest.fixture
def chip() -> Pixels:
    """A chip with edges and noise of medium contrast."""
    random = np.random.default_rng(7)
    big = random.integers(60, 180, (50, 50, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(big).resize((150, 150), Image.Resampling.BICUBIC))


def test_a_chip_of_one_colour_has_no_sharpness() -> None:
    """Nothing is divided by zero."""
    assert sharpness(np.full((150, 150, 3), 77, np.uint8)) == 0.0


def test_blur_lowers_it_step_by_step(chip: Pixels) -> None:
    """The more blur the less sharp."""
    values = [
        sharpness(np.asarray(Image.fromarray(chip).filter(ImageFilter.GaussianBlur(sigma))))
        for sigma in (0, 1, 2, 4)
    ]
    assert values == sorted(values, reverse=True)
    assert values[0] > 3 * values[-1] > 0


def test_neither_light_nor_contrast_counts(chip: Pixels) -> None:
    """A darker and a flatter chip is as sharp."""
    darker = (chip.astype(np.float32) - 50).clip(0).astype(np.uint8)
    flatter = (chip.astype(np.float32) * 0.5 + 60).astype(np.uint8)
    assert sharpness(darker) == pytest.approx(sharpness(chip), rel=0.02)
    assert sharpness(flatter) == pytest.approx(sharpness(chip), rel=0.1)


def test_only_the_middle_counts(chip: Pixels) -> None:
    """A pattern outside of the middle 90 x 90, and the ring its edge needs, changes nothing."""
    framed = chip.copy()
    framed[:28], framed[-28:], framed[:, :28], framed[:, -28:] = 255, 0, 128, 3
    assert sharpness(framed) == sharpness(chip)


def test_a_checkerboard_by_hand() -> None:
    """Grey g or g + d alternating: the Laplacian is 4 d up or down, so the ratio is 16 d² / (d² / 4)."""
    board = (np.indices((150, 150)).sum(0) % 2 * 100 + 50).astype(np.uint8)
    assert sharpness(np.stack([board] * 3, 2)) == pytest.approx(64, rel=1e-4)


def test_faces_of_48_pixels_may_be_clustered() -> None:
    """Inclusive, and another limit can be given."""
    assert may_cluster(48.0)
    assert not may_cluster(47.9)
    assert may_cluster(40, min_side=32)
