"""Makes the demo library: a folder of photos to try faced on, always the same bytes.

Only ever fills a folder that is new or empty. Knows who is in each photo, which is what tests compare with.
"""

import os
from calendar import timegm
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import strptime

import numpy as np
from PIL import ExifTags, Image

from faced.demo.album import ALBUM, COPIES, QUALITY
from faced.demo.cast import CAST
from faced.demo.figure import Figure
from faced.demo.scene import expose, paint_scene
from faced.demo.shots import Shot, light_of, places_of, poses_of
from faced.errors import UsageError, shown

__all__ = ["DemoLibrary", "draw_shot", "make_demo"]

_STORED = {
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True, slots=True)
class DemoLibrary:
    """What make_demo made.

    photos: path below the folder, with `/`, to the people in it from left to right (`p1`, `p2`, …).
    copies: those of the photos that are smaller copies of another, to that other one's path.
    """

    folder: Path
    photos: dict[str, tuple[str, ...]]
    copies: dict[str, str]

    @property
    def people(self) -> tuple[str, ...]:
        return tuple(sorted({person for present in self.photos.values() for person in present}))

    def photos_of(self, person: str) -> tuple[str, ...]:
        """All photos that show this person, sorted."""
        return tuple(sorted(path for path, present in self.photos.items() if person in present))


def make_demo(folder: Path) -> DemoLibrary:
    """Fill `folder` with the demo photos. It is made if need be; UsageError if anything is in it."""
    _claim(folder)
    figures = {name: Figure(look) for name, look in CAST.items()}
    copied = {original: copy for copy, original in COPIES.items()}
    for shot in ALBUM:
        picture = draw_shot(shot, figures)
        _save(picture, shot, folder / shot.path)
        if shot.path in copied:
            _save_copy(picture, shot, folder / copied[shot.path])
    return _describe(folder)


def draw_shot(shot: Shot, figures: dict[str, Figure]) -> Image.Image:
    """The photo as it is to be seen, before it is turned and compressed."""
    random = np.random.Generator(np.random.PCG64(shot.seed))
    poses, places, light = poses_of(shot, random), places_of(shot, random), light_of(shot, random)
    picture = paint_scene(shot.scene, shot.size, random)
    for name, pose, place in zip(shot.people, poses, places, strict=True):
        figures[name].draw_on(picture, pose, place)
    return expose(picture, light, random)


def _claim(folder: Path) -> None:
    name = shown(os.fsencode(folder))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_empty = next(_entries(folder), None) is None
    except FileExistsError:
        raise UsageError(f"{name} is a file; the demo photos need a folder") from None
    except OSError as problem:
        raise UsageError(f"{name} cannot be used for the demo photos: {problem.strerror}") from problem
    if not is_empty:
        raise UsageError(f"{name} is not empty; the demo photos need a new or empty folder")


def _entries(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as found:
        for entry in found:
            yield entry.name


def _describe(folder: Path) -> DemoLibrary:
    photos = {shot.path: shot.people for shot in ALBUM}
    photos |= {copy: photos[original] for copy, original in COPIES.items()}
    return DemoLibrary(folder, photos, dict(COPIES))


def _save(picture: Image.Image, shot: Shot, path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = shot.orientation
    exif[ExifTags.Base.Make] = "faced"
    exif[ExifTags.Base.Model] = "demo"
    taken = shot.taken.replace("-", ":").replace("T", " ")
    exif[ExifTags.Base.DateTime] = taken
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = taken
    if shot.orientation in _STORED:
        picture = picture.transpose(_STORED[shot.orientation])
    path.parent.mkdir(parents=True, exist_ok=True)
    match path.suffix.lower():
        case ".png":
            picture.save(path, exif=exif, compress_level=3)
        case ".webp":
            picture.save(path, exif=exif, quality=85, method=2)
        case _:
            picture.save(path, exif=exif, quality=QUALITY[shot.seed % len(QUALITY)])
    _date(path, shot)


def _save_copy(picture: Image.Image, shot: Shot, path: Path) -> None:
    """What a messenger makes of a photo: smaller, compressed again, no EXIF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = (round(picture.width * 0.8), round(picture.height * 0.8))
    picture.resize(size, Image.Resampling.BICUBIC).save(path, quality=62)
    _date(path, shot)


def _date(path: Path, shot: Shot) -> None:
    """The file is as old as the photo, and so the same each time."""
    seconds = timegm(strptime(shot.taken, "%Y-%m-%dT%H:%M:%S"))
    os.utime(path, (seconds, seconds))
