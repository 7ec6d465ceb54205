"""Two hundred small photos, no two alike, made from those of the demo library: cut and packed in other ways."""

import os
from pathlib import Path

from PIL import Image

from faced.demo import DemoLibrary

__all__ = ["make_crowd"]


def make_crowd(demo: DemoLibrary, folder: Path, count: int, longer: int = 240) -> list[Path]:
    """JPEGs of 10 to 30 kB in the folder and one below it; the same bytes each time."""
    sources = sorted(path for path in demo.photos if path.lower().endswith(".jpg"))
    made = []
    for number in range(count):
        with Image.open(demo.folder / sources[number % len(sources)]) as image:
            orientation = image.getexif()
            image.draft("RGB", (2 * longer, 2 * longer))
            image.thumbnail((longer, longer))
            cut = 1 + number // len(sources)
            picture = image.crop((cut, cut, image.width - cut, image.height - cut))
        path = folder / ("more" if number % 3 == 0 else "") / f"IMG_{number:04}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path, quality=92 + number % 4, exif=orientation)
        os.utime(path, (1_500_000_000 + number, 1_500_000_000 + number))
        made.append(path)
    return made
