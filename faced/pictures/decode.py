"""From the bytes of a photo to its upright pixels, or a plain sentence why not.

Decides what is refused before it is decoded (size, formats), at which scale a JPEG is decoded,
and what a decoder's failure is called. Only Unreadable comes out of here. Pillow keeps settings
for the whole process; they are set anew before every picture, since others change them too
(importing face_recognition lets truncated pictures pass). One picture at a time per process.
"""

import io
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import numpy as np
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from faced.errors import Unreadable
from faced.model import Pixels
from faced.pictures.dates import taken_date
from faced.pictures.orientation import upright_pixels, upright_size
from faced.pictures.parts import check_whole, family_of, png_exif
from faced.pictures.rgb import to_rgb

__all__ = [
    "EXTENSIONS",
    "FORMATS",
    "JPEG_LIMIT",
    "LIMIT",
    "Header",
    "Picture",
    "decode",
    "read_header",
    "upright_size",
]

FORMATS: Final = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "HEIF")
"""Pillow's names. A file is one of these by its content, whatever its name says."""

EXTENSIONS: Final = frozenset(
    b".jpg .jpeg .jpe .jfif .mpo .png .webp .tif .tiff .gif .bmp .avif .heic .heif .hif".split()
)
"""Lower-case endings of the file names that may be photos."""

JPEG_LIMIT: Final = 300_000_000
"""px. A JPEG can be decoded at an eighth of its size, so a 200-megapixel phone photo is no danger."""

LIMIT: Final = 100_000_000
"""px, for all other formats: they must be decoded in full. A PNG of 300 MP took 2 GB and more."""

_SCALES: Final = (8, 4, 2, 1)
_CUT_SHORT: Final = (
    "truncated",
    "unexpected end",
    "end of file",
    "premature",
    "broken data stream",
    "incomplete",
)
_TAIL: Final = 64  # zero bytes at the end of a file that cannot be decoded: its copy is still going on
_LONGEST: Final = 120  # characters of a decoder's own words


@dataclass(frozen=True, slots=True)
class Header:
    """What a photo says about itself. width, height: px of the stored picture, before `orientation`.

    format: one of FORMATS. orientation: EXIF, 1 to 8; 1 where there is none or a wrong one.
    taken: the EXIF date, `YYYY-MM-DDTHH:MM:SS` in the camera's local time, or None.
    """

    format: str
    width: int
    height: int
    orientation: int
    taken: str | None
    oriented: bool = field(default=False, compare=False)
    """EXIF names an orientation, be it 1: whoever wrote it looked which side is up."""

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height in px of the picture as it is shown."""
        return upright_size(self.width, self.height, self.orientation)


def read_header(data: bytes) -> Header:
    """Format, size, orientation and date of a photo; decodes no pixel. Raises Unreadable."""
    check_whole(data)
    with _plain_errors(data):
        return _open(data)[1]


class Picture:
    """A photo whose pixels may be asked for in more than one size. Raises Unreadable when it is none."""

    def __init__(self, data: bytes) -> None:
        check_whole(data)
        self._data = data
        with _plain_errors(data):
            self._image: Image.Image | None
            self._image, self.header = _open(data)
        self._full: Image.Image | None = None

    def pixels(self, at_least: int | None = None) -> Pixels:
        """As `decode`. What must be decoded in full, all but a JPEG, is decoded once and then kept."""
        with _plain_errors(self._data):
            if self.header.format == "JPEG":
                rgb = self._decode(at_least)
            else:
                self._full = self._full or self._decode(None)
                factor = 1 if at_least is None else max(self._full.size) // max(at_least, 1)
                rgb = self._full.reduce(factor) if factor >= 2 else self._full
            # Pillow turns a TIFF upright while it loads it, and only a TIFF.
            turned = 1 if self.header.format == "TIFF" else self.header.orientation
            return upright_pixels(np.asarray(rgb), turned)

    def _decode(self, at_least: int | None) -> Image.Image:
        image = self._image or _open(self._data)[0]
        self._image = None  # it can be decoded once
        if at_least is not None:
            _draft(image, at_least)
        image.load()
        return to_rgb(image)


def decode(data: bytes, at_least: int | None = None) -> Pixels:
    """The picture as it is shown: (h, w, 3) uint8 RGB, upright, of an animation the first frame.

    at_least: px. A JPEG is decoded at the smallest scale (1/8, 1/4, 1/2, 1) whose longer side is
    still that long; another picture is reduced by a whole factor if it is at least twice as long.
    A smaller picture is never enlarged. None: full size. The array may be read-only. Raises Unreadable.
    """
    return Picture(data).pixels(at_least)


def _open(data: bytes) -> tuple[Image.Image, Header]:
    """The picture, not yet decoded. Its size has been found bearable."""
    formats = list(FORMATS)
    if family_of(data) in ("AVIF", "HEIF"):
        _register_heif()
    else:
        formats.remove("HEIF")
    image = Image.open(io.BytesIO(data), formats=formats)
    kind = image.format if image.format in FORMATS else "JPEG"  # an MPO is a JPEG, and more behind it
    _check_size(kind, *image.size)
    exif = _exif(image, data)
    named = _orientation(exif)
    orientation = named or 1
    width, height = image.size
    if kind == "TIFF":
        width, height = upright_size(width, height, orientation)  # Pillow gives the upright one
    return image, Header(str(kind), width, height, orientation, _taken(exif), named is not None)


def _check_size(kind: str | None, width: int, height: int) -> None:
    limit = JPEG_LIMIT if kind == "JPEG" else LIMIT
    if width * height > limit:
        raise Unreadable(
            f"the {kind} has {width} x {height} px = {width * height // 1_000_000} megapixels,"
            f" more than the {limit // 1_000_000} that are decoded"
        )


def _draft(image: Image.Image, at_least: int) -> None:
    """Choose the scale. Pillow takes the smaller of two ratios, so both must be in proportion."""
    width, height = image.size
    for scale in _SCALES:
        if -(-max(width, height) // scale) >= at_least:
            image.draft(None, (max(1, width // scale), max(1, height // scale)))
            return


def _exif(image: Image.Image, data: bytes) -> Image.Exif:
    """The EXIF block; an empty one when it cannot be read. XMP is not asked for an orientation."""
    image.info.pop("xmp", None)
    image.info.pop("XML:com.adobe.xmp", None)
    try:
        if image.format == "PNG" and "exif" not in image.info:
            # Pillow would decode the whole picture in search of it.
            if (block := png_exif(data)) is None and "Raw profile type exif" not in image.info:
                return Image.Exif()
            image.info["exif"] = block
        return image.getexif()
    except MemoryError:
        raise
    except Exception:
        return Image.Exif()


def _orientation(exif: Image.Exif) -> int | None:
    try:
        value = exif.get(ExifTags.Base.Orientation)
        # By equality, as Pillow does when it turns a TIFF: a fraction 6/1 is a 6.
        return next((number for number in range(1, 9) if value == number), None)
    except Exception:
        return None


def _taken(exif: Image.Exif) -> str | None:
    try:
        details = exif.get_ifd(ExifTags.IFD.Exif)
    except Exception:
        details = {}
    try:
        changed = exif.get(ExifTags.Base.DateTime)
    except Exception:
        changed = None
    return taken_date(
        details.get(ExifTags.Base.DateTimeOriginal), details.get(ExifTags.Base.DateTimeDigitized), changed
    )


@cache
def _register_heif() -> None:
    import pillow_heif

    # Workers are as many as there are cores to use; thumbnails inside are of unknown quality.
    pillow_heif.register_heif_opener(thumbnails=False, decode_threads=1)


@contextmanager
def _plain_errors(data: bytes) -> Iterator[None]:
    """Set Pillow up, keep its warnings inside, and turn whatever it raises into Unreadable."""
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    Image.MAX_IMAGE_PIXELS = None  # _check_size decides
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), _silent_libtiff() if family_of(data) == "TIFF" else nullcontext():
            warnings.simplefilter("ignore")
            yield
    except Unreadable:
        raise
    except MemoryError:
        raise Unreadable("decoding it needs more memory than a worker may use") from None
    except Exception as error:
        raise _unreadable(error, data) from None


@contextmanager
def _silent_libtiff() -> Iterator[None]:
    """libtiff writes its complaints straight to the terminal, and Pillow doesn't stop it."""
    try:
        terminal = os.dup(2)
    except OSError:  # there is none
        yield
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)


def _unreadable(error: Exception, data: bytes) -> Unreadable:
    family = family_of(data)
    unfinished = not data[-_TAIL:].strip(b"\0")
    if isinstance(error, UnidentifiedImageError):
        if family is None:
            return Unreadable("it is not a picture of a kind that faced reads", later=unfinished)
        return Unreadable(f"the {family} is damaged, or not complete", later=True)
    words = "".join(c if c.isprintable() else " " for c in str(error)) or type(error).__name__
    # check_whole has found the end of these; what is wrong with them now will stay wrong.
    complete = family in ("JPEG", "PNG", "WEBP")
    later = unfinished or (not complete and any(sign in words.lower() for sign in _CUT_SHORT))
    return Unreadable(f"the {family} cannot be decoded: {words[:_LONGEST].strip()}", later=later)
