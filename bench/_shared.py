"""What the benchmarks have in common: the machine, progress, photos to try them on. No benchmark itself."""

import argparse
import io
import json
import os
import platform
import shutil
import sys
import tempfile
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


def run_tree_bench(
    about: str,
    each: str,
    rounds: int,
    smoke: tuple[int, int, int],
    measure: Callable[[Path, int, int, int], dict[str, object]],
    show: Callable[[dict[str, object]], None],
) -> int:
    """The command line of a bench that takes turns with `find` over a tree of its own making; its exit status.

    each: what of is in each of the 500 folders, an option too. smoke: folders, each and rounds, for a small one.
    """
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--folders", type=int, default=500)
    parser.add_argument(f"--{each}", dest="each", type=int, default=200, help="in each folder")
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--smoke", action="store_true", help="a small tree, few rounds: does it run at all?")
    options = parser.parse_args()
    if shutil.which("find") is None:
        print("find is not installed; install findutils", file=sys.stderr)
        return 1
    sizes = smoke if options.smoke else (options.folders, options.each, options.rounds)
    with tempfile.TemporaryDirectory(prefix="faced-bench-") as base:
        figures = measure(Path(base), *sizes)
    figures |= {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "faced": faced.__version__,
    }
    print(json.dumps(figures, indent=1)) if options.json else show(figures)
    return 0


def show_progress(text: str) -> None:
    """One line on a terminal, which the next one replaces."""
    if sys.stderr.isatty():
        print(f"\r{text:60}", end="" if text else "\r", file=sys.stderr, flush=True)
