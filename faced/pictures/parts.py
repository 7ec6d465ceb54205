"""Which bytes of a file are the picture: cuts JPEG, PNG and WebP into their parts.

Decides what belongs to the picture and whether the file is complete; never decodes a pixel.
Whatever another program may write into a photo without touching the picture (EXIF, XMP,
comments, a second picture or a video behind the first) is no part of it.
"""

import re
from collections.abc import Iterator
from typing import Literal

from faced.errors import Unreadable

__all__ = ["check_whole", "family_of", "jpeg_comment", "picture_parts", "png_exif"]

_SHORTEST = 12  # bytes: enough for every signature below; no picture is shorter
_TAIL = 64  # bytes
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_PICTURE = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"acTL", b"fcTL", b"fdAT"))
_WEBP_PICTURE = frozenset((b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"))
_BOXES = frozenset((b"ftyp", b"meta", b"mdat", b"moov", b"moof", b"free", b"skip", b"uuid", b"idat"))
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_SOI, _EOI, _SOS, _COM = 0xD8, 0xD9, 0xDA, 0xFE
# Within a scan FF 00 is a data byte, FF Dn (n < 8) a restart and FF FF filling; below C0 only damage is found.
_SCAN_END = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")


def family_of(data: bytes) -> str | None:
    """Which kind of file it claims to be by its first bytes; None: no picture that faced knows."""
    if data.startswith(b"\xff\xd8"):
        return "JPEG"
    if data.startswith(_PNG):
        return "PNG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        return "AVIF" if data[8:12] in (b"avif", b"avis") else "HEIF"
    if data.startswith(_TIFF):
        return "TIFF"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    return "BMP" if data.startswith(b"BM") else None


def picture_parts(data: bytes) -> Iterator[memoryview]:
    """The parts of the picture in the order of the file; of formats not taken apart, the whole file.

    Raises Unreadable, `later` when the file ends before the picture does; since that may be known
    only at the end, nothing may be concluded from the parts before all have been seen.
    """
    if not data:
        raise Unreadable("the file is empty", later=True)
    if len(data) < _SHORTEST:
        raise Unreadable(f"the file has only {len(data)} bytes, no picture is that small", later=True)
    if _is_unwritten(data):
        raise Unreadable("the file holds only zero bytes, it has not been written yet", later=True)
    family = family_of(data)
    if family == "JPEG":
        yield from _jpeg_parts(data)
    elif family == "PNG":
        yield from _png_parts(data)
    elif family == "WEBP":
        yield from _webp_parts(data)
    else:
        if family in ("AVIF", "HEIF"):
            _check_boxes(data)
        elif family == "TIFF":
            _check_tiff(data)
        yield memoryview(data)


def check_whole(data: bytes) -> None:
    """Raises Unreadable when the file ends before its picture does, as far as its structure tells."""
    for _ in picture_parts(data):
        pass


def png_exif(data: bytes) -> bytes | None:
    """The EXIF block of a PNG, wherever it stands in the file, without decoding the picture."""
    for name, start, end in _png_chunks(data):
        if name == b"eXIf":
            return data[start:end]
    return None


def jpeg_comment(data: bytes) -> bytes | None:
    """The first comment of a JPEG before its picture; None where there is none, or it is no JPEG."""
    position = 2
    while family_of(data) == "JPEG" and data[position : position + 1] == b"\xff":
        marker, length = data[position + 1 : position + 2], data[position + 2 : position + 4]
        end = position + 2 + int.from_bytes(length, "big")
        if end < position + 4 or end > len(data) or marker == bytes([_SOS]):
            return None
        if marker == bytes([_COM]):
            return data[position + 4 : end]
        position = end
    return None


def _is_unwritten(data: bytes) -> bool:
    # The first look spares copying a large file.
    return not data[_SHORTEST:4096].strip(b"\0") and not data[_SHORTEST:].strip(b"\0")


def _cut_short(what: str) -> Unreadable:
    return Unreadable(f"the {what} is not complete: it is still being written, or was cut off", later=True)


def _damaged(what: str, data: bytes, position: int, header: int) -> Unreadable:
    """Damage, unless all behind the header is zero bytes: then a copy of known length still goes on."""
    if not data[position + header :].strip(b"\0"):
        return _cut_short(what)
    return Unreadable(f"the {what} is damaged at byte {position}")


def _jpeg_parts(data: bytes) -> Iterator[memoryview]:
    """Marker and content of every segment but APPn and COM, and the scans, up to the first EOI."""
    view = memoryview(data)
    position, scans = 2, 0
    while True:
        # Bytes between segments and filling before a marker mean nothing; a decoder skips them too.
        position = data.find(b"\xff", position)
        if position < 0 or position + 1 >= len(data):
            raise _cut_short("JPEG")
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker == _EOI:
            break
        if marker < 0xC0 or 0xD0 <= marker <= _SOI:
            position += 2
            continue
        end = _segment_end(data, position)
        if not (0xE0 <= marker <= 0xEF or marker == _COM):
            yield view[position:end]
        position = end
        if marker == _SOS:
            scans += 1
            position = _scan_end(data, position)
            yield view[end : _without_filling(data, end, position)]
    if not scans:
        raise Unreadable("there is no picture in the JPEG")


def _segment_end(data: bytes, position: int) -> int:
    length = int.from_bytes(data[position + 2 : position + 4], "big")
    end = position + 2 + length
    if position + 4 > len(data) or (length >= 2 and end > len(data)):
        raise _cut_short("JPEG")
    if length < 2:
        raise _damaged("JPEG", data, position, 2)
    return end


def _scan_end(data: bytes, position: int) -> int:
    found = _SCAN_END.search(data, position)
    if found is None:
        raise _cut_short("JPEG")
    return found.start()


def _without_filling(data: bytes, start: int, end: int) -> int:
    while end > start and data[end - 1] == 0xFF:
        end -= 1
    return end


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of the content of each chunk before IEND; raises when there is no IEND."""
    position = len(_PNG)
    while True:
        if position + 12 > len(data):
            raise _cut_short("PNG")
        start = position + 8
        end = start + int.from_bytes(data[position : position + 4], "big")
        name = data[position + 4 : start]
        if not name.isalpha():
            raise _damaged("PNG", data, position, 8)
        if end + 4 > len(data):
            raise _cut_short("PNG")
        if name == b"IEND":
            return
        yield name, start, end
        position = end + 4


def _png_parts(data: bytes) -> Iterator[memoryview]:
    view = memoryview(data)
    pictures = 0
    for name, start, end in _png_chunks(data):
        if name in _PNG_PICTURE:
            pictures += name == b"IDAT"
            yield view[start - 8 : end]
    if not pictures:
        raise Unreadable("there is no picture in the PNG")


def _webp_parts(data: bytes) -> Iterator[memoryview]:
    view = memoryview(data)
    stop = 8 + int.from_bytes(data[4:8], "little")
    if stop > len(data):
        raise _cut_short("WebP")
    position, pictures = 12, 0
    while position + 8 <= stop:
        name = data[position : position + 4]
        end = position + 8 + int.from_bytes(data[position + 4 : position + 8], "little")
        if end > stop or not name.strip(b"\0"):
            raise _damaged("WebP", data, position, 8)
        # A lossy picture never ends so; a lossless one may.
        if name == b"VP8 " and not data[max(position + 8, end - _TAIL) : end].strip(b"\0"):
            raise _cut_short("WebP")
        if name in _WEBP_PICTURE:
            pictures += name not in (b"ALPH", b"ANIM")
            yield view[position:end]
        position = end + end % 2
    if not pictures:
        # The header of a file whose length was set before its content was written.
        raise _damaged("WebP", data, 12, 0)


def _check_boxes(data: bytes) -> None:
    """HEIC and AVIF: every box must end within the file. A stranger's appendix ends the walk."""
    position = 0
    seen: set[bytes] = set()
    while position + 8 <= len(data) and data[position + 4 : position + 8] in _BOXES:
        name = data[position + 4 : position + 8]
        size = int.from_bytes(data[position : position + 4], "big")
        if size == 1:
            size = int.from_bytes(data[position + 8 : position + 16], "big")
        end = position + size if size else len(data)
        if end < position + 8 or end > len(data):
            raise _cut_short("HEIC or AVIF picture")
        # Zero bytes of padding are not that many; a copy that is going on has them to its end.
        if name == b"mdat" and not data[max(position + 8, end - len(data) // 8) : end].strip(b"\0"):
            raise _cut_short("HEIC or AVIF picture")
        seen.add(name)
        if name == b"meta" and data.find(b"idat", position, end) >= 0:
            seen.add(b"mdat")  # a small picture may lie within its description
        position = end
    if b"mdat" not in seen or not seen & {b"meta", b"moov"}:
        raise _cut_short("HEIC or AVIF picture")


def _check_tiff(data: bytes) -> None:
    """The directory of a TIFF, often at its end, must be there."""
    order: Literal["little", "big"] = "little" if data.startswith(b"II") else "big"
    big = data[2:4] in (b"+\0", b"\0+")
    at = int.from_bytes(data[8:16] if big else data[4:8], order)
    count, entry = (8, 20) if big else (2, 12)
    entries = int.from_bytes(data[at : at + count], order)
    if not at or not entries or at + count + entry * entries > len(data):
        raise _cut_short("TIFF")
