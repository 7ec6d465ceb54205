"""The key of an image: the same for every way to write into a file, another for another picture."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faced.errors import Unreadable
from faced.pictures.hashing import image_key
from tests.support.pictures import (
    JPEG_KINDS,
    encoded,
    exif_block,
    jpeg_with,
    multi_picture,
    photo,
    png_with,
    sample,
    webp_with,
)

JPEGS = {kind: encoded(photo(), "JPEG", **options) for kind, options in JPEG_KINDS.items()}
WEBPS = {"lossy": sample("WEBP"), "lossless": encoded(photo(), "WEBP", lossless=True)}
PNG = sample("PNG")
XMP = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><rdf:Description xmp:Rating="5"/></x:xmpmeta>'

segments = st.lists(
    st.tuples(st.sampled_from([*range(0xE0, 0xF0), 0xFE]), st.binary(max_size=200), st.integers(0, 3)),
    max_size=5,
)


@pytest.mark.parametrize("kind", JPEGS)
@settings(deadline=None)
@given(segments=segments, trailing=st.binary(max_size=100))
def test_what_others_write_into_a_jpeg_is_no_new_image(kind, segments, trailing):
    """EXIF, XMP, comments and what trails, of any content, leave the key alone."""
    written = JPEGS[kind]
    for marker, payload, filling in segments:
        written = jpeg_with(written, marker, payload, filling)
    assert image_key(written + trailing) == image_key(JPEGS[kind])


def test_every_metadata_segment_can_be_taken_away():
    """The JFIF header, an EXIF block with a thumbnail, XMP and a comment: gone, and the key is the same."""
    plain = JPEGS["baseline"]
    assert plain[2:4] == b"\xff\xe0"
    bare = plain[:2] + plain[4 + int.from_bytes(plain[4:6], "big") :]
    thumbnail = exif_block(6) + JPEGS["rough"]
    full = jpeg_with(jpeg_with(jpeg_with(plain, 0xE1, thumbnail), 0xE1, XMP), 0xFE, b"a rating")
    assert b"\xff\xe0" not in bare
    assert image_key(bare) == image_key(plain) == image_key(full)


@settings(deadline=None)
@given(st.data())
def test_filling_bytes_before_any_marker_mean_nothing(data):
    """JPEG allows any number of 0xFF before a marker, also behind a scan."""
    plain = JPEGS["progressive"]
    places = [match.start() for match in re.finditer(rb"\xff[\xc2\xc4\xda\xdb\xd9]", plain)]
    place = data.draw(st.sampled_from(places))
    filled = plain[:place] + b"\xff" * data.draw(st.integers(1, 5)) + plain[place:]
    assert image_key(filled) == image_key(plain)


@pytest.mark.parametrize("kind", JPEGS)
def test_every_scan_counts(kind):
    """One bit changed in the last bytes of the picture makes another key, in every kind of JPEG."""
    plain = JPEGS[kind]
    assert plain.endswith(b"\xff\xd9")
    place = len(plain) - 4
    assert plain[place - 1 : place + 1].count(0xFF) == 0
    assert image_key(plain[:place] + bytes((plain[place] ^ 1,)) + plain[place + 1 :]) != image_key(plain)


def test_the_second_picture_and_a_motion_photo_do_not_count():
    """An MPO's second picture and a phone's video behind the JPEG belong to no picture's key."""
    one, other = (multi_picture(photo(1), second) for second in (photo(2), photo(3)))
    assert one != other
    assert image_key(one) == image_key(other)
    video = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 10
    assert image_key(JPEGS["baseline"] + video) == image_key(JPEGS["baseline"])


@settings(deadline=None)
@given(
    name=st.sampled_from([b"tEXt", b"zTXt", b"iTXt", b"tIME", b"eXIf", b"pHYs", b"vpAg"]),
    payload=st.binary(max_size=200),
    before=st.sampled_from([b"IDAT", b"IEND"]),
    trailing=st.binary(max_size=50),
)
def test_what_others_write_into_a_png_is_no_new_image(name, payload, before, trailing):
    """Texts, times, EXIF and unknown chunks, before and behind the pixels, leave the key alone."""
    assert image_key(png_with(PNG, name, payload, before) + trailing) == image_key(PNG)


@pytest.mark.parametrize("kind", WEBPS)
@settings(deadline=None)
@given(exif=st.binary(max_size=101), xmp=st.binary(max_size=101), trailing=st.binary(max_size=50))
def test_what_others_write_into_a_webp_is_no_new_image(kind, exif, xmp, trailing):
    """EXIF and XMP make a WebP an extended one (VP8X); its key stays."""
    written = webp_with(WEBPS[kind], (b"EXIF", exif), (b"XMP ", xmp))
    assert image_key(written + trailing) == image_key(WEBPS[kind])


@pytest.mark.parametrize(
    ("kind", "options"), [("JPEG", {"quality": 95}), ("PNG", {}), ("WEBP", {"lossless": True}), ("BMP", {})]
)
@settings(deadline=None)
@given(x=st.integers(0, 63), y=st.integers(0, 47), channel=st.integers(0, 2))
def test_a_changed_pixel_is_another_image(kind, options, x, y, channel):
    """One pixel made much lighter or darker changes the key in every format."""
    changed = photo()
    colour = list(changed.getpixel((x, y)))
    colour[channel] = 0 if colour[channel] > 127 else 255
    changed.putpixel((x, y), tuple(colour))
    assert image_key(encoded(changed, kind, **options)) != image_key(encoded(photo(), kind, **options))


def test_animations_are_known_by_all_their_frames():
    """A GIF, WebP or APNG with another second frame is another image."""
    for kind in ("GIF", "WEBP", "PNG"):
        one, other = (encoded(photo(1), kind, save_all=True, append_images=[photo(n)]) for n in (2, 3))
        assert image_key(one) != image_key(other)


COMPLETE = {
    **{f"JPEG {kind}": data for kind, data in JPEGS.items()},
    "JPEG with metadata": jpeg_with(
        jpeg_with(JPEGS["baseline"], 0xE1, exif_block(6) + JPEGS["rough"]), 0xFE, b"hi"
    ),
    "PNG": png_with(PNG, b"tEXt", b"Comment\0hello"),
    "WebP": webp_with(WEBPS["lossy"], (b"EXIF", exif_block(3))),
    "MPO": multi_picture(photo(1, 32, 24), photo(2, 32, 24)),
}


def key_or_later(data):
    """The key; None for a file that is to be tried again later."""
    try:
        return image_key(data)
    except Unreadable as error:
        if not error.later:
            raise
        return None


@pytest.mark.parametrize("name", COMPLETE)
def test_a_cut_file_never_gets_another_key(name):
    """Cut at every single byte: not finished yet, or (in what trails) the same key."""
    data = COMPLETE[name]
    whole = image_key(data)
    for length in range(len(data)):
        assert key_or_later(data[:length]) in (whole, None), length


@pytest.mark.parametrize("name", COMPLETE)
def test_a_preallocated_copy_that_goes_on_gets_no_key(name):
    """A file of full length whose end is still zero bytes is not finished, or only what trails is missing."""
    data = COMPLETE[name]
    whole = image_key(data)
    for length in range(len(data)):
        key = key_or_later(data[:length] + bytes(len(data) - length))
        assert key in (whole, None) or too_near_to_tell(name, data, length), length


def too_near_to_tell(name, data, length):
    """Zero bytes within the signature are no signature; the last few of a WebP's picture may be zero."""
    return length < 12 or (name == "WebP" and data.index(b"EXIF") - length < 64)


@pytest.mark.parametrize(
    ("kind", "options"), [("AVIF", {}), ("HEIF", {}), ("TIFF", {"compression": "tiff_lzw"})]
)
def test_a_cut_container_is_not_finished(kind, options):
    """HEIC, AVIF and TIFF say where their parts are; a part beyond the end is still to come."""
    data = encoded(photo(), kind, **options)
    assert image_key(data).startswith("b1:")
    # The last bytes of this TIFF are values that its directory points to: the decoder's affair.
    length_told = len(data) - (130 if kind == "TIFF" else 0)
    assert [length for length in range(length_told) if key_or_later(data[:length])] == []


@pytest.mark.parametrize(
    ("data", "reason", "later"),
    [
        (b"", "the file is empty", True),
        (b"\xff\xd8\xff", "the file has only 3 bytes, no picture is that small", True),
        (bytes(1000), "the file holds only zero bytes, it has not been written yet", True),
        (b"\xff\xd8\xff\xfe\0\x04hi\xff\xd9tail", "there is no picture in the JPEG", False),
        (b"\xff\xd8\xff\xe1\0\x01abcdefgh\xff\xd9", "the JPEG is damaged at byte 2", False),
        (PNG[:8] + PNG[-12:], "there is no picture in the PNG", False),
        (PNG[:33] + b"\0\0\0\x02a\x01b\x02" + PNG[33:], "the PNG is damaged at byte 33", False),
        (b"RIFF\x0e\0\0\0WEBPEXIF\x02\0\0\0hi", "the WebP is damaged at byte 12", False),
    ],
)
def test_what_has_no_picture_has_no_key(data, reason, later):
    """Each with its reason in plain words, and whether to wait for it."""
    with pytest.raises(Unreadable) as caught:
        image_key(data)
    assert (caught.value.reason, caught.value.later) == (reason, later)


def test_the_key_is_a_contract():
    """A key that changed would orphan every name ever given: these are fixed for good."""
    scan = b"\xff\xda\0\x03x\x12\xff\0\xff\xd0\x34"
    jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xdb\0\x04cd" + scan + b"\xff\xd9"
    assert image_key(jpeg) == "b1:f844e3b416ed043a9b793d889bb0d781"
    assert (
        image_key(PNG[:8] + bytes.fromhex("0000000249444154ffff00000000") + PNG[-12:])
        == "b1:3ed83cbf085eae86de8f01ff43d60804"
    )
    assert image_key(b"RIFF\x0e\0\0\0WEBPVP8 \x02\0\0\0hi") == "b1:dc193bf69516298e155fe24e167b6ef4"
    assert image_key(b"BM and whatever else a file holds") == "b1:bd6f200864e2ddfb680754c350ae363c"
