"""Photos that lie on their side and do not say so: found turned, told in the stored picture's coordinates."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faced.faces.engine import Engine
from faced.faces.turned import encode_turned
from faced.faces.worker import EngineSettings, Task, encode_task
from faced.model import EncodedPicture, Pixels
from faced.pictures.decode import read_header
from tests.support.portrait import portrait, portrait_on
from tests.support.shared import shared_data


def _jpeg(picture: Pixels, orientation: int | None = None) -> bytes:
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "JPEG", quality=95, exif=exif.tobytes() if orientation else b"")
    return data.getvalue()


def _encode(data: bytes, cache: Path, *, turned: bool = True) -> EncodedPicture:
    settings = EngineSettings("dlib-onnx", 800, 2, cache, turned=turned)
    picture = encode_task(Task(settings, data))
    assert isinstance(picture, EncodedPicture)
    return picture


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_scan_on_its_side_shows_its_face(model_cache: Path, quarters: int) -> None:
    """The vector is that of the upright photo, box and landmarks are where the face lies in the stored one."""
    upright, (face,) = portrait_on((900, 700), 600, 100, 50)
    lying = np.ascontiguousarray(np.rot90(upright, quarters))
    (true,) = _encode(_jpeg(upright), model_cache).faces or ()
    (found,) = _encode(_jpeg(lying), model_cache).faces or ()
    assert np.linalg.norm(true.embedding - found.embedding) < 0.15
    assert found.side == pytest.approx(true.side, rel=0.1)
    x, y = (face[0] + face[2] / 2) / 900, (face[1] + face[3] / 2) / 700
    for _ in range(quarters):  # counter-clockwise, as np.rot90
        x, y = y, 1 - x
    centre = found.box.left + found.box.width / 2, found.box.top + found.box.height / 2
    assert centre == pytest.approx((x, y), abs=0.05)
    assert np.abs(found.landmarks.mean(axis=0) - (x, y)).max() < 0.05


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_who_lies_beside_who_stands_is_found_and_described_as_upright(
    model_cache: Path, quarters: int
) -> None:
    """Its vector is that of the upright face, box and landmarks are where it lies."""
    one = portrait(600)[64:364, 197:497]
    both = _jpeg(np.concatenate([one, np.rot90(one, quarters)], axis=1))
    stands, lies = sorted(_encode(both, model_cache).faces or (), key=lambda face: face.box.left)
    assert np.linalg.norm(stands.embedding - lies.embedding) < 0.2
    assert lies.side == pytest.approx(stands.side, rel=0.15)
    x, y = 2 * (stands.box.left + stands.box.width / 2), stands.box.top + stands.box.height / 2
    for _ in range(quarters):
        x, y = y, 1 - x
    place = (1 + x) / 2, y
    centre = lies.box.left + lies.box.width / 2, lies.box.top + lies.box.height / 2
    assert centre == pytest.approx(place, abs=0.05)
    assert np.abs(lies.landmarks.mean(axis=0) - place).max() < 0.06


@pytest.mark.parametrize("photo", ["00000054", "00000068", "00000108"])
def test_who_stands_is_not_taken_for_lying(ours: Engine, photo: str) -> None:
    """Real photos in which the detector is a little surer of the face turned on its side."""
    with Image.open(shared_data() / "soccer" / "photos" / f"{photo}.jpg") as picture:
        found = ours.find_faces(np.asarray(picture.convert("RGB")))
    assert found[0].turn == 1
    assert found[0].score > 0.9


def test_it_can_be_switched_off(model_cache: Path) -> None:
    """Then a face on its head is nobody."""
    lying = np.ascontiguousarray(np.rot90(portrait_on((900, 700), 600)[0], 2))
    assert len(_encode(_jpeg(lying), model_cache).faces or ()) == 1
    assert _encode(_jpeg(lying), model_cache, turned=False).faces == ()


def test_who_says_which_side_is_up_is_believed(model_cache: Path) -> None:
    """EXIF's orientation 1 is a word too: then it is the face that lies, and a small one is nobody's. One that turns the
    photo upright is all it needs."""
    upright = portrait_on((900, 700), 600)[0]
    lying = np.ascontiguousarray(np.rot90(upright, 2))
    small = np.ascontiguousarray(np.rot90(portrait_on((900, 700), 180)[0], 2))
    (found,) = _encode(_jpeg(lying, 1), model_cache).faces or ()
    assert found.landmarks[:2, 1].mean() > found.landmarks[4, 1]  # its eyes are below its nose
    assert _encode(_jpeg(small, 1), model_cache).faces == ()
    assert len(_encode(_jpeg(lying, 3), model_cache).faces or ()) == 1
    assert [read_header(_jpeg(lying, said)).oriented for said in (None, 1, 3, 9)] == [
        False,
        True,
        True,
        False,
    ]


def test_an_upright_photo_is_looked_at_once(ours: Engine, model_cache: Path) -> None:
    """Of nobody it is looked at from all sides, and stays one of nobody."""
    grey = np.full((300, 400, 3), 120, np.uint8)
    asked: list[int | None] = []

    def pixels_of(at_least: int | None) -> Pixels:
        asked.append(at_least)
        return grey

    assert encode_turned(ours, pixels_of, (400, 300)) == ([], 1)
    assert asked == [ours.record.decode_size]
    assert _encode(_jpeg(grey), model_cache).faces == ()


def test_a_panorama_shows_its_small_faces(model_cache: Path) -> None:
    """A face a tenth as high as a photo eight times as long as high, which would be 9 px at the usual size."""
    panorama, (face,) = portrait_on((8000, 1000), 420, 5200, 300)
    (found,) = _encode(_jpeg(panorama), model_cache).faces or ()
    centre = found.box.left + found.box.width / 2, found.box.top + found.box.height / 2
    assert centre == pytest.approx(((face[0] + face[2] / 2) / 8000, (face[1] + face[3] / 2) / 1000), abs=0.03)


@pytest.mark.parametrize("size", [(20000, 1), (1, 20000), (16, 16), (8000, 9), (1, 1)])
def test_stripes_and_icons_are_photos_of_nobody(model_cache: Path, size: tuple[int, int]) -> None:
    """From the bytes to the answer, turned too."""
    stripe = np.full((size[1], size[0], 3), 150, np.uint8)
    picture = _encode(_jpeg(stripe), model_cache)
    assert picture.faces == ()
    assert (picture.width, picture.height) == size
