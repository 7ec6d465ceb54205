"""What the benchmarks have in common: the machine, progress, photos to try them on. No benchmark itself."""

import io
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

import faced
from faced.faces.engine.mmod import detection_copy
from faced.faces.engine.reference import import_face_recognition
from faced.model import Box, Pixels

SIZE = 800
"""px, longer side of the picture that face_recognition searches."""


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def use_one_processor() -> None:
    """Nothing of this process can use more threads than one, whatever a library thinks."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def load_full(path: Path) -> Pixels:
    """The photo as face_recognition's users load it: decoded in full, upright, resized to SIZE."""
    with Image.open(path) as image:
        picture = np.array(ImageOps.exif_transpose(image).convert("RGB"))
    return np.array(detection_copy(picture, SIZE))


def find_reference(api: Any, picture: Pixels, model: str) -> list[tuple[int, int, int, int]]:
    """face_recognition's places: (top, right, bottom, left) px. model: cnn or hog, not enlarged."""
    places: list[tuple[int, int, int, int]] = api.face_locations(
        picture, number_of_times_to_upsample=0, model=model
    )
    return places


def as_boxes(places: list[tuple[int, int, int, int]], picture: Pixels) -> list[Box]:
    """Places as fractions of the picture."""
    height, width = picture.shape[:2]
    return [
        Box(left / width, top / height, (right - left + 1) / width, (bottom - top + 1) / height)
        for top, right, bottom, left in places
    ]


def describe_machine() -> dict[str, str]:
    """Processor and versions, as far as they are known."""
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {
        "processor": processor,
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "python": platform.python_version(),
        "dlib": import_face_recognition().dlib.__version__,
        **{name: _version(name) for name in ("onnxruntime", "face_recognition", "numpy", "pillow")},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def make_smoke_photos(folder: Path) -> list[Path]:
    """Two photos of the packaged portrait: large, and small, mirrored and darker."""
    with Image.open(Path(faced.__file__).parent / "demo" / "astronaut.png") as image:
        portrait = image.convert("RGB")
    large = portrait.resize((portrait.width * 6, portrait.height * 6), Image.Resampling.BICUBIC)
    small = ImageOps.mirror(portrait).point(lambda value: value * 0.7)
    made = []
    for number, picture in enumerate((large, small)):
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=90)
        made.append(folder / f"{number}.jpg")
        made[-1].write_bytes(data.getvalue())
    return made


def pick_photos(folder: Path, limit: int | None) -> list[Path]:
    """The files below a folder; at most so many, taken evenly."""
    photos = sorted(path for path in folder.rglob("*") if path.is_file())
    return photos[:: max(1, len(photos) // limit)][:limit] if limit else photos


def show_progress(text: str) -> None:
    """One line on a terminal, which the next one replaces."""
    if sys.stderr.isatty():
        print(f"\r{text:60}", end="" if text else "\r", file=sys.stderr, flush=True)
