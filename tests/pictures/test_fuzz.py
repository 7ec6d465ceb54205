"""Thousands of damaged files of every format: only Unreadable may come out, and nothing else."""

import os
import random

import numpy as np
import pytest

from faced.errors import Unreadable
from faced.pictures.decode import FORMATS, decode, read_header
from faced.pictures.hashing import image_key
from tests.support.pictures import encoded, exif_block, photo

FILES = 20_000 if os.environ.get("FACED_LONG") else 500


def originals():
    """One or two small files of each format, with EXIF where it can be."""
    image = photo(7, 48, 36)
    exif = exif_block(6, "2019:07:14 18:03:59")
    for kind in FORMATS:
        yield kind, encoded(image, kind, **({} if kind in ("GIF", "BMP") else {"exif": exif}))
    yield "progressive", encoded(image, "JPEG", progressive=True)
    yield "lzw", encoded(image, "TIFF", compression="tiff_lzw")
    yield "lossless", encoded(image, "WEBP", lossless=True)
    yield "animated", encoded(image, "PNG", save_all=True, append_images=[photo(8, 48, 36)])


def damaged(rng: random.Random, data: bytes) -> bytes:
    """The file with one to four kinds of damage."""
    broken = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(broken) or 1)
        length = rng.choice((1, 2, 4, 16, 200))
        match rng.randrange(6):
            case 0:
                broken[place : place + 1] = bytes((rng.randrange(256),))
            case 1:
                broken[place : place + length] = rng.randbytes(min(length, len(broken) - place))
            case 2:
                del broken[place : place + length]
            case 3:
                broken[place:place] = broken[place : place + length]
            case 4:
                broken[place : place + length] = bytes(min(length, len(broken) - place))
            case _:
                del broken[place + len(broken) // 2 :]
    return bytes(broken)


@pytest.mark.slow
def test_damage_gives_a_reason_or_a_picture(capfd):
    """Never another exception, a warning, or a line on the terminal; a picture has a picture's shape."""
    seed = int(os.environ.get("FACED_SEED", random.randrange(1 << 32)))
    rng = random.Random(seed)
    files = list(originals())
    reasons = set()
    outcomes = {"key": 0, "header": 0, "picture": 0, "refused": 0}
    for number in range(FILES):
        kind, data = files[number % len(files)]
        broken = damaged(rng, data)
        for name, step in (("key", image_key), ("header", read_header), ("picture", decode)):
            try:
                result = step(broken)
                outcomes[name] += 1
            except Unreadable as error:
                outcomes["refused"] += 1
                reasons.add(error.reason)
                continue
            except Exception as error:
                pytest.fail(f"seed {seed}, file {number} ({kind}), {name}: {error!r}")
            if name == "picture":
                assert (result.dtype, result.ndim, result.shape[2]) == (np.uint8, 3, 3), (seed, number, kind)
    assert capfd.readouterr() == ("", ""), seed
    assert all(10 < len(reason) < 200 and reason.isprintable() for reason in reasons), seed
    print(f"seed {seed}: {outcomes}")
    assert outcomes["picture"] > FILES // 20
    assert outcomes["refused"] > FILES // 20
