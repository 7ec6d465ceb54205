"""Which decode a face's chip is cut from."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faced.errors import Unreadable
from faced.faces.engine import Description, EngineRecord, FoundFace, encode_upright, engine_record
from faced.faces.engine.upright import ENOUGH, LARGEST, first_size
from faced.model import Box, Pixels


@dataclass
class Seen:
    """An engine that finds the faces it is told of, and notes in which picture it described which."""

    faces: list[Box]
    described: list[tuple[int, list[Box]]] = field(default_factory=list)

    @property
    def record(self) -> EngineRecord:
        return engine_record("dlib-onnx")

    def find_faces(self, upright: Pixels) -> list[FoundFace]:
        return [FoundFace(box, 1.0) for box in self.faces]

    def describe(self, upright: Pixels, boxes: Sequence[Box]) -> list[Description]:
        width = upright.shape[1]
        self.described.append((width, list(boxes)))
        vector = np.full(128, width, np.float32)
        return [Description(np.full((5, 2), box.left, np.float32), 1.0, vector) for box in boxes]


@dataclass
class Photo:
    """A photo of that size, all grey; notes what was asked for. most: longer sides above it cannot be had."""

    width: int
    height: int
    most: int = 10**9
    asked: list[int | None] = field(default_factory=list)

    def pixels(self, at_least: int | None) -> Pixels:
        self.asked.append(at_least)
        scale = next(
            s for s in (8, 4, 2, 1) if s == 1 or max(self.width, self.height) // s >= (at_least or 10**9)
        )
        if self.width // scale > self.most:
            raise Unreadable("no memory")
        return np.broadcast_to(np.uint8(0), (self.height // scale, self.width // scale, 3))


def face(left: float, side: float, photo: Photo) -> Box:
    """side: px of the full photo."""
    return Box(left, 0.1, side / photo.width, side / photo.height)


def widths(photo: Photo, *sides: float) -> list[int]:
    """From how wide a decode each face of these sides was described."""
    boxes = [face(0.1 * number, side, photo) for number, side in enumerate(sides)]
    engine = Seen(boxes)
    found = encode_upright(engine, photo.pixels, (photo.width, photo.height))
    assert [one.box for one in found] == boxes
    assert [one.side for one in found] == pytest.approx(sides)
    assert [float(one.landmarks[0, 0]) for one in found] == pytest.approx([box.left for box in boxes])
    return [int(one.embedding[0]) for one in found]


def test_large_faces_need_one_decode() -> None:
    """At half size they have 56 px: nothing else is decoded."""
    photo = Photo(4000, 3000)
    assert widths(photo, 500, 2 * ENOUGH) == [2000, 2000]
    assert photo.asked == [1200]


def test_small_faces_get_a_larger_one_and_the_others_do_not() -> None:
    """One more decode, as large as the smallest needs."""
    photo = Photo(4000, 3000)
    assert widths(photo, 500, 100, 60) == [2000, 4000, 4000]
    assert len(photo.asked) == 2
    huge = Photo(8000, 6000)  # decoded to a quarter at first
    assert widths(huge, 500, 200) == [2000, 4000]


def test_no_second_decode_that_gains_nothing() -> None:
    """Faces that no resolution makes good enough, and photos that were decoded in full."""
    photo = Photo(4000, 3000)
    assert widths(photo, 500, 31) == [2000, 2000]
    whole = Photo(1300, 1000)
    assert widths(whole, 40, 300) == [1300, 1300]
    assert len(photo.asked) == len(whole.asked) == 1
    assert widths(Photo(4000, 3000)) == []


def test_a_second_decode_is_bounded() -> None:
    """A photo of 200 megapixels is not decoded in full for a small face."""
    photo = Photo(16384, 12288)
    (width,) = widths(photo, 40)
    assert width == 8192
    assert width * width * 3 // 4 <= LARGEST


def test_a_panorama_is_decoded_so_that_its_shorter_side_shows_faces() -> None:
    """Not an eighth of its size, in which a face a tenth as high as the photo has 12 px."""
    photo = Photo(8000, 1000)
    assert widths(photo, 120) == [8000]
    assert Photo(8000, 1000).pixels(photo.asked[0]).shape[:2] == (1000, 8000)
    assert widths(Photo(3000, 24000), 600) == [750]
    for usual in ((4000, 3000), (3000, 4000), (6000, 4000), (3840, 2160), (400, 300), (1, 1)):
        assert first_size(engine_record("dlib-onnx"), usual) == 1200


@given(st.integers(1, 60_000), st.integers(1, 60_000), st.integers(100, 10_000))
def test_the_first_decode_is_bounded(width: int, height: int, detect_size: int) -> None:
    """Longer side and pixels, whatever the shape; the turned photo's is the same."""
    record = engine_record("dlib-onnx", detect_size=detect_size)
    longer = first_size(record, (width, height))
    assert longer == first_size(record, (height, width)) >= record.decode_size
    pixels = longer * longer * min(width, height) / max(width, height)
    assert pixels <= 2.01 * record.decode_size**2
    half = longer * min(width, height) / max(width, height) >= 0.49 * record.decode_size
    assert half or pixels >= 0.9 * record.decode_size**2


def test_what_cannot_be_decoded_larger_is_described_as_it_is() -> None:
    """Memory that a better chip lacks costs the chip, not the photo."""
    photo = Photo(4000, 3000, most=2000)
    assert widths(photo, 500, 100) == [2000, 2000]
    assert len(photo.asked) == 2
