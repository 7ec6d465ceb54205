"""Photo libraries for tests: the demo library, and tiny faceless JPEGs for what never looks at faces."""

import os
import shutil
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from faced.demo import DemoLibrary, make_demo

__all__ = ["copy_library", "make_once", "tiny_jpegs"]

_made: dict[Path, DemoLibrary] = {}


def make_once(root: Path) -> DemoLibrary:
    """The demo library in `root`/demo, made on the first call only. Shared: read it, or take a copy_library."""
    if root not in _made:
        _made[root] = make_demo(root / "demo")
    return _made[root]


def copy_library(library: DemoLibrary, folder: Path, only: tuple[str, ...] | None = None) -> DemoLibrary:
    """A copy in the new folder that a test may change, with the files' times; `only` these paths if given."""
    chosen = library.photos if only is None else {path: library.photos[path] for path in only}
    for path in chosen:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(library.folder / path, target)
    copies = {
        copy: original for copy, original in library.copies.items() if {copy, original} <= chosen.keys()
    }
    return DemoLibrary(folder, dict(chosen), copies)


def tiny_jpegs(n: int, seed: int, folder: Path) -> list[Path]:
    """`n` real JPEGs of 32 x 24 px without faces, no two alike, in folders by year; the same bytes each time."""
    random = np.random.Generator(np.random.PCG64(seed))
    paths = []
    for number in range(n):
        year = int(random.integers(2010, 2025))
        taken = f"{year}:{random.integers(1, 13):02}:{random.integers(1, 29):02} 12:00:{number % 60:02}"
        path = folder / str(year) / f"IMG_{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = taken
        pixels = random.integers(0, 256, (3, 4, 3), np.uint8)
        Image.fromarray(pixels).resize((32, 24), Image.Resampling.BICUBIC).save(path, quality=90, exif=exif)
        os.utime(path, (1_300_000_000 + number, 1_300_000_000 + number))
        paths.append(path)
    return paths
