"""faced's engine against face_recognition: the same photos, one run, one thread, from the file to the vectors.

    python bench/engine.py [--photos DIR] [--limit N] [--json] [--smoke]

Each photo is read, decoded, searched at 800 px and its faces are embedded, once by faced as it is used
(DCT scaling, pyramid 3/4, chip and mirror image) and once as face_recognition is used (full decode, resized to
the same 800 px, `cnn`, one embedding). The difference of embeddings is that of one view, same pixels, same
box. Without --photos the portrait that faced brings along is used.
"""

import argparse
import io
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

import faced
from faced.errors import Unreadable
from faced.faces.engine import Engine, encode_upright, open_engine
from faced.faces.engine.mmod import detection_copy
from faced.faces.engine.reference import import_face_recognition
from faced.faces.geometry import box_array, iou_matrix, pixel_rectangle
from faced.model import Box, Pixels
from faced.pictures.decode import decode, read_header

SIZE = 800


class Stages:
    """Seconds spent in named stages; a stage inside of another is counted in both."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def time_method(self, owner: Any, method: str, name: str) -> None:
        """Count what an object's method takes as a stage."""
        inner = getattr(owner, method)

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.of(name):
                return inner(*args, **kwargs)

        setattr(owner, method, timed)


def run_faced(engine: Engine, path: Path, stages: Stages) -> list[Box]:
    """One photo through faced, as a worker does it."""
    with stages.of("read"):
        data = path.read_bytes()
        header = read_header(data)

    def pixels_of(at_least: int | None) -> Pixels:
        with stages.of("decode"):
            return decode(data, at_least)

    return [face.box for face in encode_upright(engine, pixels_of, header.upright_size)]


def run_reference(api: Any, path: Path) -> list[Box]:
    """One photo through face_recognition, in the same size for the detector."""
    with Image.open(path) as image:
        picture = np.array(ImageOps.exif_transpose(image).convert("RGB"))
    picture = np.array(detection_copy(picture, SIZE))
    height, width = picture.shape[:2]
    places = api.face_locations(picture, number_of_times_to_upsample=0, model="cnn")
    api.face_encodings(picture, places, num_jitters=1, model="small")
    return [
        Box(left / width, top / height, (right - left + 1) / width, (bottom - top + 1) / height)
        for top, right, bottom, left in places
    ]


def largest_difference(plain: Engine, api: Any, path: Path, boxes: list[Box]) -> float:
    """Of any component of any embedding of these faces, given the same pixels and box."""
    picture = np.ascontiguousarray(decode(path.read_bytes(), plain.record.decode_size))
    height, width = picture.shape[:2]
    worst = 0.0
    for box, face in zip(boxes, plain.describe(picture, boxes), strict=True):
        left, top, right, bottom = pixel_rectangle(box, width, height)
        (theirs,) = api.face_encodings(picture, [(top, right, bottom, left)], num_jitters=1, model="small")
        worst = max(worst, float(np.abs(theirs - face.embedding).max()))
    return worst


def count_same(ours: list[Box], theirs: list[Box]) -> int:
    """Faces that both found: IoU of at least 0.5."""
    overlap = iou_matrix(box_array(ours), box_array(theirs))
    return int((overlap.max(axis=1, initial=0.0) >= 0.5).sum())


def measure(photos: list[Path], cache: Path) -> dict[str, Any]:
    """Both engines over all photos, photo by photo in turn, so that a busy machine slows both down."""
    engine, plain = open_engine("dlib-onnx", cache=cache), open_engine("dlib-onnx", views=1, cache=cache)
    api, stages = import_face_recognition(), Stages()
    _time_stages(engine, stages)
    warm = photos[0]
    run_faced(engine, warm, Stages())
    stages.seconds.clear()
    ours, theirs, ratios, worst, skipped = 0.0, 0.0, [], 0.0, []
    counts = {"faced": 0, "face_recognition": 0, "same": 0}
    for number, path in enumerate(photos):
        _progress(f"{number + 1} of {len(photos)}")
        try:
            start = time.perf_counter()
            boxes = run_faced(engine, path, stages)
        except Unreadable as error:
            skipped.append(f"{path.name}: {error.reason}")
            continue
        middle = time.perf_counter()
        others = run_reference(api, path)
        end = time.perf_counter()
        ours, theirs = ours + middle - start, theirs + end - middle
        ratios.append((end - middle) / (middle - start))
        counts["faced"] += len(boxes)
        counts["face_recognition"] += len(others)
        counts["same"] += count_same(boxes, others)
        worst = max(worst, largest_difference(plain, api, path, boxes))
    _progress("")
    count = len(ratios)
    return {
        "photos": count,
        "skipped": skipped,
        "faces": counts,
        "seconds_per_photo": {"faced": ours / count, "face_recognition": theirs / count},
        "seconds_per_face": {
            "faced": ours / max(1, counts["faced"]),
            "face_recognition": theirs / max(1, counts["face_recognition"]),
        },
        "ratio": theirs / ours,
        "ratio_median_photo": statistics.median(ratios),
        "largest_difference": worst,
        "stages_ms_per_photo": {name: 1000 * value / count for name, value in sorted(stages.seconds.items())},
        "machine": describe_machine(),
    }


def describe_machine() -> dict[str, str]:
    """Processor and versions, as far as they are known."""
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    names = ("onnxruntime", "face_recognition", "numpy", "pillow")
    return {
        "processor": processor,
        "python": platform.python_version(),
        "dlib": import_face_recognition().dlib.__version__,
        **{name: version(name) for name in names},
    }


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


def print_table(result: dict[str, Any]) -> None:
    """For people."""
    faces, photo, face = result["faces"], result["seconds_per_photo"], result["seconds_per_face"]
    print(f"{result['photos']} photos, {SIZE} px, one thread, {result['machine']['processor']}")
    print(f"{'':20}{'faces':>8}{'s a photo':>12}{'s a face':>12}")
    for name in ("faced", "face_recognition"):
        print(f"{name:20}{faces[name]:8}{photo[name]:12.4f}{face[name]:12.4f}")
    print(
        f"ratio {result['ratio']:.1f} (median photo {result['ratio_median_photo']:.1f}), {faces['same']} faces in both"
    )
    print(f"largest difference of an embedding's component, same box: {result['largest_difference']:.1e}")
    print("faced, ms a photo: " + ", ".join(f"{k} {v:.1f}" for k, v in result["stages_ms_per_photo"].items()))
    for line in result["skipped"]:
        print(f"skipped {line}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, help="folder of photos to measure on")
    parser.add_argument("--limit", type=int, help="at most so many photos, taken evenly")
    parser.add_argument("--json", action="store_true", help="machine-readable")
    parser.add_argument("--smoke", action="store_true", help="two photos, to see that it runs")
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):  # one processor, so that no library can use more threads than one
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as scratch:
        if args.photos and not args.smoke:
            photos = sorted(path for path in args.photos.rglob("*") if path.is_file())
        else:
            photos = make_smoke_photos(Path(scratch))
        if not photos:
            print(f"engine.py: no photos in {args.photos}", file=sys.stderr)
            return 2
        if args.limit:
            photos = photos[:: max(1, len(photos) // args.limit)][: args.limit]
        result = measure(photos, Path(scratch) / "cache")
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        print_table(result)
    return 0


def _time_stages(engine: Any, stages: Stages) -> None:
    """Look into the parts of the default engine."""
    stages.time_method(engine, "find_faces", "detect")
    stages.time_method(engine._detector._net, "score", "detect: network")
    stages.time_method(engine._landmarker, "cut_chips", "landmarks and chip")
    stages.time_method(engine._embedding, "embed", "embed")


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text:40}", end="" if text else "\r", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
