"""Faces cut out of photos: small, upright, and saying which face they are."""

import io

import numpy as np
import pytest
from PIL import Image

from faced.faces.crops import NO_ENGINE
from faced.faces.worker import Crop, Cut, Task, encode_task
from faced.model import Box
from faced.pictures.crop import SIDE, crop_scale, cut_face, read_comment
from faced.pictures.orientation import stored_box

FACE = Box(0.6, 0.1, 0.2, 0.2)


def photo(orientation: int) -> bytes:
    """A grey photo that shows, upright, a red face at FACE with blue below it; stored in this orientation."""
    upright = np.full((300, 400, 3), 128, np.uint8)
    upright[30:90, 240:320] = (250, 10, 10)
    upright[90:150, 240:320] = (10, 10, 250)
    back = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    image = Image.fromarray(upright)
    if back is not None:
        image = image.transpose(Image.Transpose(back))
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_face_is_cut_out_upright(orientation: int) -> None:
    """Whatever way the photo is stored: red in the middle, blue below, no EXIF that would turn it again."""
    crop = Crop(stored_box(FACE, orientation), "faced b1:00 1,2,3,4")
    cut = encode_task(Task(NO_ENGINE, photo(orientation), want_faces=False, crops=(crop,)))
    assert isinstance(cut, Cut)
    (content,) = cut.pictures
    assert read_comment(content) == crop.comment
    with Image.open(io.BytesIO(content)) as image:
        assert max(image.size) <= SIDE
        assert not image.getexif()
        pixels = np.asarray(image.convert("RGB")).astype(int)
    height, width = pixels.shape[:2]
    red, _, blue = pixels[height // 2 - 3, width // 2]
    assert red > blue
    red, _, blue = pixels[-3, width // 2]
    assert blue > red


def test_the_edge_of_the_photo_is_the_edge_of_the_picture() -> None:
    """A box that lies partly, or wholly, outside; a photo of one pixel."""
    pixels = np.zeros((40, 30, 3), np.uint8)
    for box in (Box(-0.2, -0.2, 0.5, 0.5), Box(0.9, 0.9, 0.4, 0.4), Box(2, 2, 0.1, 0.1), Box(0, 0, 0, 0)):
        with Image.open(io.BytesIO(cut_face(pixels, box, "x"))) as image:
            assert 1 <= min(image.size) <= max(image.size) <= 40
    assert cut_face(pixels[:1, :1], FACE, "x")


def test_a_photo_is_decoded_no_larger_than_needed() -> None:
    """A large face in a large photo needs an eighth of it; a small one all."""
    assert crop_scale(Box(0.25, 0.25, 0.5, 0.5), 6000, 4000) < 500
    assert crop_scale(Box(0, 0, 0.01, 0.01), 6000, 4000) == 6000


def test_other_files_have_no_comment() -> None:
    """Not even where one is promised and not there."""
    for data in (
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff\xfe\xff\xff",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xfe\x00\x00",
    ):
        assert read_comment(data) is None
