"""Decoding: every kind of good picture comes upright and whole, every kind of bad one with a reason."""

import importlib.util
import io
import logging
import os
import struct
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from faced.errors import Unreadable
from faced.pictures import decode as module
from faced.pictures.decode import EXTENSIONS, FORMATS, Header, Picture, decode, read_header
from tests.support.pictures import (
    JPEG_KINDS,
    encoded,
    exif_block,
    jpeg_with,
    multi_picture,
    photo,
    png,
    png_chunk,
    png_with,
    sample,
    webp_with,
)

LOSSLESS = {"PNG": {}, "TIFF": {}, "BMP": {}, "WEBP": {"lossless": True}}
ORIENTED = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF")


def refused(data, at_least=None):
    """What decoding it says."""
    with pytest.raises(Unreadable) as caught:
        decode(data, at_least)
    return caught.value


def pillow(data):
    """The first frame as Pillow shows it, turned upright."""
    image = Image.open(io.BytesIO(data))
    return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def far(one, other):
    """The mean difference of two pictures in grey levels."""
    return float(np.abs(np.asarray(one).astype(int) - np.asarray(other).astype(int)).mean())


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_read(kind):
    """Header and pixels of a plain photo in each of the eight formats."""
    data = sample(kind)
    assert read_header(data) == Header(kind, 64, 48, 1, None)
    pixels = decode(data)
    assert (pixels.shape, pixels.dtype) == ((48, 64, 3), np.uint8)
    assert far(pixels, photo()) < (20 if kind == "GIF" else 12)
    assert kind not in LOSSLESS or far(decode(encoded(photo(), kind, **LOSSLESS[kind])), photo()) == 0


@pytest.mark.parametrize("kind", JPEG_KINDS)
def test_every_kind_of_jpeg_is_read(kind):
    """Baseline, progressive, with restart markers, optimised and rough."""
    data = encoded(photo(), "JPEG", **JPEG_KINDS[kind])
    assert np.array_equal(decode(data), pillow(data))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ORIENTED)
def test_all_orientations_come_upright(kind, orientation):
    """As Pillow's exif_transpose has them; the header foretells the size, before and after turning."""
    data = encoded(photo(), kind, exif=exif_block(orientation))
    header = read_header(data)
    pixels = decode(data)
    expected = pillow(data)
    assert np.array_equal(pixels, expected)
    assert header.upright_size == pixels.shape[1::-1] == ((64, 48) if orientation < 5 else (48, 64))
    if kind == "HEIF":  # its own boxes turn it; libheif hands it out turned
        assert header.orientation == 1
    else:
        assert (header.orientation, header.width, header.height) == (orientation, 64, 48)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_scaled_jpeg_comes_upright_too(orientation):
    """The scale is chosen on the stored picture, the turn made after it."""
    image = photo(1, 640, 480)
    data = encoded(image, "JPEG", exif=exif_block(orientation), quality=95)
    pixels = decode(data, 160)
    assert pixels.shape == ((120, 160, 3) if orientation < 5 else (160, 120, 3))
    expected = Image.fromarray(pillow(data)).resize(pixels.shape[1::-1], Image.Resampling.BOX)
    assert far(pixels, expected) < 4


@pytest.mark.parametrize("value", [0, 9, 65535, -1])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_an_orientation_that_is_none_is_1(kind, value):
    """Values outside 1 to 8, in every format that has them."""
    image = photo()
    exif = exif_block(value & 0xFFFF)
    data = encoded(image, kind, exif=exif)
    assert read_header(data).orientation == 1
    assert decode(data).shape == (48, 64, 3)


@settings(deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_a_broken_exif_block_is_harmless(block, beginning):
    """Any bytes in its place, from the start on or behind a good beginning: the picture is the same."""
    good = exif_block(6, original="2019:07:14 18:03:59")
    payload = b"Exif\0\0" + block if beginning else good[: len(block)] + block
    plain = sample("JPEG")
    data = jpeg_with(plain, 0xE1, payload)
    header = read_header(data)
    assert 1 <= header.orientation <= 8
    assert sorted(decode(data).shape) == sorted(decode(plain).shape)


def orientation_entry(kind, count, value):
    """An EXIF block whose only entry is an orientation of that type; value: its four bytes."""
    entry = struct.pack("<HHI4s", 0x0112, kind, count, value)
    rational = struct.pack("<II", 6, 1)
    return b"Exif\0\0II*\0\x08\0\0\0\1\0" + entry + bytes(4) + rational


@pytest.mark.parametrize(
    ("block", "orientation"),
    [
        (orientation_entry(2, 4, b"six\0"), 1),
        (orientation_entry(7, 4, b"\6\0\0\0"), 1),
        (orientation_entry(3, 0, bytes(4)), 1),
        (orientation_entry(99, 1, b"\6\0\0\0"), 1),
        (orientation_entry(5, 1, struct.pack("<I", 999)), 1),
        (orientation_entry(3, 1, b"\6\0\0\0"), 6),
        (orientation_entry(4, 1, b"\6\0\0\0"), 6),
        (orientation_entry(5, 1, struct.pack("<I", 26)), 6),
    ],
)
def test_exif_of_the_wrong_type_is_harmless(block, orientation):
    """Text, bytes or nothing where a number should be; any kind of number that is a 6 is one."""
    data = jpeg_with(sample("JPEG"), 0xE1, block)
    assert read_header(data).orientation == orientation
    assert decode(data).shape == ((48, 64, 3) if orientation == 1 else (64, 48, 3))


def test_the_date_is_read_in_every_format():
    """Taken, else digitized, else changed."""
    block = exif_block(1, "2001:01:01 10:00:00", "2002:01:01 10:00:00", "2003:01:01 10:00:00")
    for kind in ORIENTED:
        assert read_header(encoded(photo(), kind, exif=block)).taken == "2001-01-01T10:00:00", kind
    for block, taken in (
        (exif_block(1, "0000:00:00 00:00:00", "2002:01:01 10:00:00"), "2002-01-01T10:00:00"),
        (exif_block(1, None, None, "2003:01:01 10:00:00"), "2003-01-01T10:00:00"),
        (exif_block(1, "    :  :     :  :  "), None),
        (exif_block(3), None),
    ):
        assert read_header(encoded(photo(), "JPEG", exif=block)).taken == taken


def test_a_png_with_exif_at_its_end_is_not_decoded_for_it():
    """The eXIf chunk may stand behind the pixels; the header comes even where these are damaged."""
    block = exif_block(6, "2001:01:01 10:00:00")[6:]
    late = png_with(sample("PNG"), b"eXIf", block)
    assert read_header(late).orientation == 6
    assert decode(late).shape == (64, 48, 3)
    broken = png_with(png(8, 8, 8, 2, b"too few"), b"eXIf", block)
    assert read_header(broken) == Header("PNG", 8, 8, 6, "2001-01-01T10:00:00")


def test_exif_kept_as_text_in_a_png_is_read():
    """ImageMagick and older exiftool write it so, as hex."""
    block = exif_block(8)
    text = f"\nexif\n{len(block):8}\n{block.hex()}\n".encode()
    data = png_with(sample("PNG"), b"tEXt", b"Raw profile type exif\0" + text, before=b"IDAT")
    assert read_header(data).orientation == 8
    assert decode(data).shape == (64, 48, 3)


def test_an_orientation_in_xmp_turns_nothing():
    """Only EXIF counts, in the header as for the pixels; Pillow would ask XMP too."""
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    jpeg = jpeg_with(sample("JPEG"), 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp)
    for data in (
        jpeg,
        webp_with(sample("WEBP"), (b"XMP ", xmp)),
        encoded(photo(), "TIFF", tiffinfo={700: xmp}),
    ):
        assert read_header(data).orientation == 1
        assert decode(data).shape == (48, 64, 3)


def scales(longer):
    """The longer sides at which a JPEG can be decoded, smallest first."""
    return [-(-longer // scale) for scale in (8, 4, 2, 1)]


@settings(deadline=None)
@given(width=st.integers(1, 90), height=st.integers(1, 90), at_least=st.integers(0, 100))
def test_a_jpeg_is_decoded_at_the_smallest_scale_that_is_enough(width, height, at_least):
    """Of 1/8, 1/4, 1/2 and 1 the first whose longer side reaches the wish; full size if none does.

    A side below the scale can't be scaled in proportion: there a larger one is right too.
    """
    data = encoded(Image.new("RGB", (width, height), (90, 60, 30)), "JPEG")
    longer = max(decode(data, at_least).shape[:2])
    enough = [side for side in scales(max(width, height)) if side >= at_least] or [max(width, height)]
    assert longer == enough[0] or (min(width, height) < 8 and longer in enough)


def test_proportions_do_not_spoil_the_scale():
    """A 4:3 photo and a panorama wanted at 800 px are not decoded in full."""
    for width, height, expected in (
        (3264, 2448, (612, 816)),
        (2448, 3264, (816, 612)),
        (6400, 640, (80, 800)),
    ):
        data = encoded(Image.new("RGB", (width, height)), "JPEG")
        assert decode(data, 800).shape[:2] == expected
    assert decode(encoded(Image.new("RGB", (1200, 900)), "JPEG"), 800).shape[:2] == (900, 1200)
    assert decode(encoded(Image.new("RGB", (500, 400)), "JPEG"), 800).shape[:2] == (400, 500)


def test_other_formats_are_reduced_when_much_larger():
    """By a whole factor, never below the wish; up to twice the wish they are left alone."""
    image = photo(1, 900, 600)
    for kind, options in LOSSLESS.items():
        data = encoded(image, kind, **options)
        assert decode(data, 300).shape == (200, 300, 3)
        assert decode(data, 299).shape == (200, 300, 3)
        assert decode(data, 450).shape == (300, 450, 3)
        assert decode(data, 451).shape == decode(data, 5000).shape == (600, 900, 3)
        assert far(decode(data, 300), image.reduce(3)) < 1


@pytest.mark.parametrize(("width", "height"), [(1, 1), (16, 16), (1, 20_000), (20_000, 1), (2, 3)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"])
def test_tiny_and_extreme_shapes(kind, width, height):
    """Icons, single pixels and lines, in full and scaled."""
    if kind == "WEBP" and max(width, height) > 16_383:
        pytest.skip("WebP ends at 16,383 px")
    data = encoded(Image.new("RGB", (width, height), (10, 200, 30)), kind)
    assert decode(data).shape == (height, width, 3)
    scaled = decode(data, 800)
    assert min(scaled.shape[:2]) >= 1
    assert max(scaled.shape[:2]) >= min(800, max(width, height))


def test_a_200_megapixel_phone_photo_is_read():
    """Pillow alone would call it a bomb; at an eighth it is no trouble."""
    data = encoded(Image.new("L", (16_384, 12_288), 77), "JPEG", quality=30)
    assert read_header(data).upright_size == (16_384, 12_288)
    pixels = decode(data, 800)
    assert pixels.shape == (1536, 2048, 3)
    assert pixels.min() == pixels.max() == 77


def larger_jpeg(width, height):
    """A small JPEG whose frame header claims another size."""
    data = bytearray(encoded(photo(), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (
            larger_jpeg(20_000, 15_001),
            "the JPEG has 20000 x 15001 px = 300 megapixels, more than the 300 that are decoded",
        ),
        (
            png(40_000, 40_000, 1, 0, bytes(5001)),
            "the PNG has 40000 x 40000 px = 1600 megapixels, more than the 100 that are decoded",
        ),
        (
            png(10_000, 10_001, 8, 2, b""),
            "the PNG has 10000 x 10001 px = 100 megapixels, more than the 100 that are decoded",
        ),
        (
            b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\0\0\1\0\0\0\1\0\1\0\x18\0" + bytes(24) + b"x" * 99,
            "the BMP has 65536 x 65536 px = 4294 megapixels, more than the 100 that are decoded",
        ),
        (
            b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\2\2\x44\1\0;",
            "the GIF has 65535 x 65535 px = 4294 megapixels, more than the 100 that are decoded",
        ),
    ],
)
def test_bombs_are_refused_by_their_header(data, reason):
    """The reason names the size; header and pixels say the same."""
    error = refused(data, 800)
    assert (error.reason, error.later) == (reason, False)
    with pytest.raises(Unreadable, match="megapixels"):
        read_header(data)


def test_a_truncated_picture_never_passes_for_a_whole_one(monkeypatch):
    """Not even where something else set Pillow to let it pass."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    for kind in FORMATS:
        data = encoded(photo(2, 200, 150), kind)
        for share in (0.1, 0.5, 0.9):
            monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
            error = refused(data[: int(len(data) * share)], 100)
            assert error.later, (kind, share, error.reason)
            assert not error.lost


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF"])
def test_a_preallocated_copy_is_not_a_picture_yet(kind):
    """Full length, the second half still zero bytes: Pillow alone decodes such a JPEG without a word."""
    data = encoded(photo(2, 200, 150), kind)
    half = len(data) // 2
    error = refused(data[:half] + bytes(len(data) - half))
    assert error.later, error.reason


@pytest.mark.skipif(importlib.util.find_spec("face_recognition") is None, reason="needs face_recognition")
def test_importing_face_recognition_lets_nothing_truncated_pass():
    """It tells Pillow to accept truncated pictures, for the whole process; decode takes that back."""
    program = """
        import sys, warnings
        warnings.simplefilter("ignore")
        import face_recognition
        from PIL import ImageFile
        assert ImageFile.LOAD_TRUNCATED_IMAGES
        from faced.errors import Unreadable
        from faced.pictures.decode import decode
        data = sys.stdin.buffer.read()
        try:
            decode(data)
        except Unreadable as error:
            assert not ImageFile.LOAD_TRUNCATED_IMAGES
            print(error.reason)
    """
    data = encoded(photo(), "TIFF")[:-3000]
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], input=data, capture_output=True)
    assert run.returncode == 0, run.stderr.decode()
    assert b"truncated" in run.stdout


GREY = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (8, 1))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("PNG, 16 bit", encoded(Image.fromarray(GREY), "PNG")),
        ("TIFF, I;16", encoded(Image.fromarray(GREY), "TIFF")),
        ("TIFF, I;16B", encoded(Image.frombytes("I;16B", (64, 8), GREY.astype(">u2").tobytes()), "TIFF")),
        ("TIFF, I", encoded(Image.fromarray(GREY.astype(np.int32)), "TIFF")),
        ("TIFF, I of 32 bit", encoded(Image.fromarray(GREY.astype(np.int32) * 32768), "TIFF")),
        ("TIFF, F to 1", encoded(Image.fromarray((GREY / 65535).astype(np.float32)), "TIFF")),
        ("TIFF, F to 255", encoded(Image.fromarray((GREY / 257).astype(np.float32)), "TIFF")),
        ("TIFF, F to 65535", encoded(Image.fromarray(GREY.astype(np.float32)), "TIFF")),
    ],
)
def test_deep_grey_is_scaled_not_cut(name, data):
    """A ramp from black to white stays one, of mean 127; Pillow's conversion made nearly all white."""
    pixels = decode(data)
    assert np.array_equal(pixels[..., 0], pixels[..., 2])
    assert far(pixels[..., 0], GREY / 257) < 1
    assert (pixels.min(), pixels.max()) == (0, 255)
    assert 126 <= pixels.mean() <= 128, name


def test_odd_numbers_in_float_pictures_are_harmless():
    """Not-a-number, infinities and negative values; black all over."""
    values = np.array([[np.nan, np.inf, -np.inf, -3.0, 0.5, 1.0]], dtype=np.float32)
    assert decode(encoded(Image.fromarray(values), "TIFF"))[0, :, 0].tolist() == [0, 0, 0, 0, 128, 255]
    assert decode(encoded(Image.new("F", (3, 2)), "TIFF")).max() == 0
    assert decode(encoded(Image.new("I", (3, 2), -5), "TIFF")).max() == 0


def test_16_bit_colour_is_read():
    """A PNG of 16 bits a channel, made by hand."""
    row = b"\0" + b"".join(value.to_bytes(2, "big") * 3 for value in (0, 32896, 65535))
    assert decode(png(3, 1, 16, 2, row))[0, :, 1].tolist() == [0, 128, 255]


def test_cmyk_is_read_at_every_scale():
    """JPEG and TIFF for printing; a scale doesn't change the mode."""
    image = photo(4, 320, 240).convert("CMYK")
    expected = image.convert("RGB")
    assert far(decode(encoded(image, "TIFF")), expected) == 0
    data = encoded(image, "JPEG", quality=95)
    assert far(decode(data), expected) < 6
    assert far(decode(data, 80), expected.reduce(4)) < 6


def half_transparent(mode):
    """Left half red and opaque, right half transparent (with white below)."""
    image = Image.new("RGBA", (8, 4), (255, 255, 255, 0))
    image.paste((250, 0, 0, 255), (0, 0, 4, 4))
    return image.convert(mode)


def palette_with_alpha():
    """Mode P with one transparent colour."""
    image = Image.new("P", (8, 4), 1)
    image.putpalette([250, 0, 0, 255, 255, 255])
    image.paste(0, (0, 0, 4, 4))
    return image


@pytest.mark.parametrize(
    ("name", "data", "grey"),
    [
        ("RGBA PNG", encoded(half_transparent("RGBA"), "PNG"), False),
        ("RGBA WebP", encoded(half_transparent("RGBA"), "WEBP", lossless=True), False),
        ("RGBA TIFF", encoded(half_transparent("RGBA"), "TIFF"), False),
        ("LA PNG", encoded(half_transparent("LA"), "PNG"), True),
        ("P PNG", encoded(palette_with_alpha(), "PNG", transparency=1), False),
        ("P GIF", encoded(palette_with_alpha(), "GIF", transparency=1), False),
        ("PA TIFF", encoded(half_transparent("PA"), "TIFF"), False),
        ("RGB PNG with tRNS", encoded(half_transparent("RGB"), "PNG", transparency=(255, 255, 255)), False),
    ],
)
def test_what_is_transparent_lies_on_grey(name, data, grey):
    """Neither black nor white, and not the colour hidden below; the opaque half is as it was."""
    pixels = decode(data)
    assert pixels[2, 6].tolist() == [128, 128, 128], name
    left = pixels[2, 1].tolist()
    assert (left[0] == left[1] == left[2] < 128) if grey else left == [250, 0, 0]


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("TIFF", "LAB"), ("PNG", "1"), ("PNG", "L"), ("PNG", "P"), ("TIFF", "YCbCr"), ("BMP", "P")],
)
def test_every_colour_space_is_read(kind, mode):
    """Lab, YCbCr, palettes, bilevel: as Pillow converts them."""
    image = convert_to(mode)
    assert far(decode(encoded(image, kind)), np.asarray(image.convert("RGB"))) < 2


def convert_to(mode):
    """A photo in that mode; Lab has no direct way."""
    if mode != "LAB":
        return photo().convert(mode)
    return Image.merge("LAB", photo().split())


@pytest.mark.parametrize("mode", ["HSV", "LAB", "La", "RGBa", "RGBX", "I;16", "I;16B", "I", "F", "1", "PA"])
def test_every_mode_of_pillow_becomes_rgb(mode):
    """Also those that no file that faced reads may hold today."""
    image = Image.new(mode, (4, 3))
    rgb = module.to_rgb(image)
    assert (rgb.mode, rgb.size) == ("RGB", (4, 3))


def test_of_an_animation_the_first_frame_is_taken():
    """GIF, WebP, APNG, TIFF and MPO of two pictures show the first."""
    first, second = photo(1), photo(2)
    for kind, options in (("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {}), ("TIFF", {})):
        data = encoded(first, kind, save_all=True, append_images=[second], **options)
        assert far(decode(data), first) < 20 < far(decode(data), second)
    data = multi_picture(first, second)
    assert Image.open(io.BytesIO(data)).format == "MPO"
    assert read_header(data).format == "JPEG"
    assert far(decode(data), first) < 12
    assert decode(multi_picture(photo(1, 640, 480), second), 100).shape == (120, 160, 3)
    assert far(decode(data[:-100]), first) < 12


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (EPS, "it is not a picture of a kind that faced reads"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "it is not a picture of a kind that faced reads"),
        (b"hello, this is a text", "it is not a picture of a kind that faced reads"),
        (b"P6 2 2 255\n" + b"x" * 12, "it is not a picture of a kind that faced reads"),
        (encoded(photo(), "JPEG2000"), "it is not a picture of a kind that faced reads"),
        (encoded(photo(), "ICO"), "it is not a picture of a kind that faced reads"),
    ],
)
def test_other_content_in_a_jpg_is_refused(data, reason):
    """EPS would start Ghostscript; text, and pictures of other kinds, are not opened either."""
    error = refused(data)
    assert (error.reason, error.later, error.lost) == (reason, False, False)


@pytest.mark.parametrize(
    "error",
    [
        OSError("broken data stream when reading image file"),
        SyntaxError("not a TIFF file"),
        RuntimeError("Decoder plugin generated an error"),
        ValueError("bad\nthing \x1b[31m" + "x" * 500),
        IndexError(),
        ZeroDivisionError("division by zero"),
        RecursionError("maximum recursion depth exceeded"),
        Image.DecompressionBombError("Image size exceeds limit"),
        UnidentifiedImageError("cannot identify image file <_io.BytesIO object at 0x7f>"),
        MemoryError(),
        struct.error("unpack requires a buffer of 4 bytes"),
    ],
)
def test_whatever_a_decoder_raises_is_one_plain_line(monkeypatch, error):
    """No traceback, no address, no control character, no novel."""

    def failing(*_args, **_options):
        raise error

    monkeypatch.setattr(module.Image, "open", failing)
    for read in (decode, read_header):
        with pytest.raises(Unreadable) as caught:
            read(sample("PNG"))
        reason = caught.value.reason
        assert reason.isprintable()
        assert 10 < len(reason) < 200
        assert "0x" not in reason
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


def test_stopping_the_program_is_no_bad_picture(monkeypatch):
    """Ctrl-C passes through."""

    def interrupted(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(module.Image, "open", interrupted)
    with pytest.raises(KeyboardInterrupt):
        decode(sample("PNG"))


def test_warnings_and_log_lines_stay_inside(caplog, capfd):
    """A malformed MPO, a corrupt EXIF block, a wrong animation: Pillow warns, nobody hears it."""
    mpo = multi_picture(photo(1), photo(2))
    place = mpo.index(b"MPF\0")
    malformed = mpo[: place + 4] + b"\xff" * 8 + mpo[place + 12 :]
    with pytest.warns(UserWarning, match="malformed MPO"):
        Image.open(io.BytesIO(malformed))
    lzw = bytearray(encoded(photo(), "TIFF", compression="tiff_lzw"))
    lzw[1000:1100] = b"\xaa" * 100
    with pytest.raises(OSError, match="decoder error"):
        Image.open(io.BytesIO(lzw)).load()
    assert "code not yet in table" in capfd.readouterr().err
    with caplog.at_level(logging.WARNING):
        decode(malformed)
        decode(jpeg_with(sample("JPEG"), 0xE1, exif_block(6)[:20]))
        decode(png_with(sample("PNG"), b"acTL", bytes(8), before=b"IDAT"))
        refused(bytes(lzw))
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def test_text_in_a_png_cannot_blow_up():
    """A text chunk of 80 MB in a small file is refused by Pillow, and named."""
    import zlib

    text = b"Comment\0\0" + zlib.compress(bytes(80_000_000))
    data = png_with(sample("PNG"), b"zTXt", text, before=b"IDAT")
    assert len(data) < 200_000
    assert "PNG" in refused(data).reason


def test_a_png_with_a_wrong_checksum_is_damaged():
    """One byte of the pixels changed: said at once, not waited for."""
    data = sample("PNG")
    place = data.index(b"IDAT") + 30
    error = refused(data[:place] + bytes((data[place] ^ 255,)) + data[place + 1 :])
    assert not error.later
    assert error.reason.startswith("the PNG cannot be decoded")
    assert png_chunk(b"IDAT", b"")[4:8] == b"IDAT"


def test_endings_are_lower_case_and_known():
    """The list that a scan goes by."""
    assert {b".jpg", b".jpeg", b".jpe", b".png", b".webp", b".tif", b".tiff", b".gif", b".bmp"} <= EXTENSIONS
    assert {b".avif", b".heic", b".heif", b".mpo"} <= EXTENSIONS
    assert all(ending == ending.lower() and ending.startswith(b".") for ending in EXTENSIONS)


def test_importing_the_module_loads_no_heif():
    """libheif is loaded with the first HEIC, not before."""
    program = "import faced.pictures.decode, sys; sys.exit('pillow_heif' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], env={**os.environ}).returncode == 0


@pytest.mark.parametrize("kind", FORMATS)
def test_a_picture_is_the_same_in_whatever_order_its_sizes_are_asked_for(kind):
    """Small, full, small again: as if each had been decoded for itself."""
    data = sample(kind)
    picture = Picture(data)
    side = max(picture.header.upright_size)
    assert picture.header == read_header(data)
    for at_least in (side // 3, None, side // 3, side // 2, side):
        assert (picture.pixels(at_least) == decode(data, at_least)).all()


def test_what_must_be_decoded_in_full_is_decoded_once(monkeypatch):
    """A HEIC of 12 megapixels takes more than a second."""
    picture, opened = Picture(sample("HEIF")), []
    monkeypatch.setattr(module, "_open", lambda data: opened.append(data))
    assert picture.pixels(8).shape[2] == picture.pixels(None).shape[2] == 3
    assert opened == []
