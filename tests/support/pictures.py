"""Makes small real pictures in every format, and writes into them what other programs write."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

__all__ = [
    "JPEG_KINDS",
    "encoded",
    "exif_block",
    "jpeg_with",
    "multi_picture",
    "photo",
    "png",
    "png_chunk",
    "png_with",
    "sample",
    "webp_with",
]

JPEG_KINDS: dict[str, dict[str, object]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 2},
    "optimized": {"optimize": True, "subsampling": 0},
    "rough": {"quality": 20},
}


def photo(seed: int = 0, width: int = 64, height: int = 48) -> Image.Image:
    """A picture of soft colours that looks different in each of the eight orientations."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    image = small.resize((width, height), Image.Resampling.BICUBIC)
    image.paste((250, 20, 20), (0, 0, max(1, width // 4), max(1, height // 5)))
    return image


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """The file of the picture in one of Pillow's formats; HEIF through pillow-heif."""
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener(thumbnails=False, decode_threads=1)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def sample(kind: str, seed: int = 0) -> bytes:
    """A photo as a file of one of the formats that faced reads."""
    return encoded(photo(seed), kind)


def exif_block(
    orientation: object = None,
    original: str | None = None,
    digitized: str | None = None,
    changed: str | None = None,
) -> bytes:
    """An EXIF block with these values, `Exif` and two zeros before it."""
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    if changed is not None:
        exif[0x0132] = changed
    details = {0x9003: original, 0x9004: digitized}
    exif.get_ifd(0x8769).update({tag: value for tag, value in details.items() if value is not None})
    return exif.tobytes()


def jpeg_with(jpeg: bytes, marker: int, payload: bytes, filling: int = 0) -> bytes:
    """The JPEG with one more segment (0xE0 to 0xEF: APPn, 0xFE: a comment) at its beginning."""
    segment = b"\xff" * (1 + filling) + bytes((marker,)) + struct.pack(">H", len(payload) + 2) + payload
    return jpeg[:2] + segment + jpeg[2:]


def multi_picture(first: Image.Image, second: Image.Image) -> bytes:
    """An MPO: two JPEGs in one file."""
    return encoded(first, "MPO", save_all=True, append_images=[second])


def png_chunk(name: bytes, payload: bytes) -> bytes:
    """One chunk of a PNG with its length and checksum."""
    return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG made by hand. rows: each line with its filter byte before it, not yet compressed."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def png_with(data: bytes, name: bytes, payload: bytes, before: bytes = b"IEND") -> bytes:
    """The PNG with one more chunk before the first one of that name."""
    place = data.index(before) - 4
    return data[:place] + png_chunk(name, payload) + data[place:]


def webp_with(data: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A simple WebP in the extended form, with these chunks (EXIF, XMP) behind the picture."""
    width, height = Image.open(io.BytesIO(data)).size
    flags = sum({b"EXIF": 8, b"XMP ": 4}.get(name, 0) for name, _ in chunks)
    extended = bytes((flags, 0, 0, 0)) + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body = _webp_chunk(b"VP8X", extended) + data[12:]
    body += b"".join(_webp_chunk(name, payload) for name, payload in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _webp_chunk(name: bytes, payload: bytes) -> bytes:
    return name + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) % 2)
