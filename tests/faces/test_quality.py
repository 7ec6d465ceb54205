"""Sharpness of chips, and who may be clustered."""

import dlib
import numpy as np
import pytest
from PIL import Image, ImageFilter

from faced.faces.engine.chips import Landmarker
from faced.faces.engine.dat import LANDMARKS, locate_model
from faced.faces.quality import GATE, quality_word, sharpness
from faced.model import Box, Gate, Pixels
from faced.pictures.decode import decode
from tests.support.shared import shared_data


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
    framed[:27], framed[-27:], framed[:, :27], framed[:, -27:] = 255, 0, 128, 3
    assert sharpness(framed) == sharpness(chip)


def test_white_noise_by_hand() -> None:
    """A second difference of independent values has six times their variance; across a corner a step counts twice."""
    noise = np.random.default_rng(3).normal(128, 20, (150, 150)).clip(0, 255).astype(np.uint8)
    assert sharpness(np.stack([noise] * 3, 2)) == pytest.approx(6 / 4, rel=0.05)


@pytest.mark.parametrize("angle", [0, 45, 90, 135])
def test_motion_in_any_direction_is_seen(chip: Pixels, angle: int) -> None:
    """A shake of 15 px leaves all edges along it sharp, and still the chip counts as blurred."""
    picture = Image.fromarray(chip).rotate(angle, Image.Resampling.BICUBIC)
    smeared = np.mean([np.roll(np.asarray(picture, np.float32), step, axis=1) for step in range(15)], axis=0)
    back = Image.fromarray(smeared.round().astype(np.uint8)).rotate(-angle, Image.Resampling.BICUBIC)
    assert sharpness(np.asarray(back)) < sharpness(chip) / 2


def test_two_sides_and_two_sharpnesses() -> None:
    """All limits are inclusive, and the worse of the two decides."""
    gate = Gate(48, 0.02, 32, 0.01, 0.05)
    sides = np.array([48, 47.9, 32, 31.9, 100, 100, 100, 100, 40, 31])
    sharp = np.array([1, 1, 1, 1, 0.02, 0.0199, 0.01, 0.0099, 0.005, 0.005])
    expected = [2, 1, 1, 0, 2, 1, 1, 0, 0, 0]
    assert gate.grade(sides, sharp).tolist() == expected
    words = [quality_word(side, value, gate) for side, value in zip(sides, sharp, strict=True)]
    assert words == [
        "good",
        "small",
        "small",
        "too small",
        "good",
        "blurred",
        "blurred",
        "too blurred",
        "too blurred",
        "too small",
    ]


def test_blurred_faces_of_real_photos_are_told_from_sharp_ones() -> None:
    """Of the players' faces nearly all are good; out of focus, or shaken, nearly none."""
    folder = shared_data() / "soccer" / "photos"
    landmarks = Landmarker(locate_model(LANDMARKS))
    chips = []
    for path in sorted(folder.iterdir())[:20]:
        picture = decode(path.read_bytes(), 800)
        boxes = dlib.get_frontal_face_detector()(picture, 0)
        height, width = picture.shape[:2]
        chips += [
            landmarks.cut_chips(
                picture,
                [Box(b.left() / width, b.top() / height, b.width() / width, b.height() / height)],
            )[0].pixels
            for b in boxes
            if b.width() > 90
        ]
    assert len(chips) > 8
    good = [sharpness(chip) >= GATE.core_sharpness for chip in chips]
    soft = [
        sharpness(np.asarray(Image.fromarray(chip).filter(ImageFilter.GaussianBlur(6)))) for chip in chips
    ]
    shaken = [
        sharpness(
            np.mean([np.roll(chip.astype(np.float32), step, axis=1) for step in range(25)], axis=0).astype(
                np.uint8
            )
        )
        for chip in chips
    ]
    assert np.mean(good) > 0.95
    assert np.mean([value >= GATE.core_sharpness for value in soft]) < 0.1
    assert np.mean([value >= GATE.core_sharpness for value in shaken]) < 0.4
