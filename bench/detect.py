"""Finding faces: recall by the width of the face, false positives and cost, of each way to find them.

    python bench/detect.py [--photos DIR --boxes CSV] [--portraits DIR …] [--yunet FILE] [--limit N] [--json] [--smoke]

Each photo is decoded as faced decodes it, then searched in turn by MMOD at 800 px on dlib's pyramid of 5/6 (the
unit of cost: processor time in the same run), by `detect.proposals: none`, by `mtcnn` and, where there is a
file, by YuNet. Three sets: the photos; mosaics of nine of them each, with small faces; and, of --portraits, crops
around the one face of a photo in which it fills 30 to 90 % of the side (those that MMOD at 800 px is sure of; without
--portraits of the shared data set's).

CSV: photo,x,y,width,height,kind in px; kind `find` must be found, `hard` is told apart, `ignore` counts
neither way. A face is found when a box overlaps its own by an IoU of 0.35, one to one; false is a box that overlaps
none at all by 0.2. Without --photos the shared data set beside the project is used, or else a picture made of the
portrait that faced brings along.
"""

import argparse
import csv
import io
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from _shared import describe_machine, show_progress, use_one_processor
from PIL import Image

import faced
from faced.errors import Unreadable
from faced.faces.engine import MTCNN, NONE, Detector, FoundFace, mmod, open_engine, resolve_proposals
from faced.faces.geometry import box_array, iou_matrix
from faced.model import Pixels
from faced.pictures.decode import decode

SAME = 0.35
WIDTHS = (0.0, 0.02, 0.03, 0.05, 0.08, 0.15, 0.3, 0.5, 0.7, 2.0)
SHARES = (0.3, 0.5, 0.7, 0.9)
MOSAIC, SIDE = 3, 1024
SHARED = Path(os.environ.get("FACED_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


@dataclass(frozen=True)
class Sample:
    """A picture and the boxes on it, fractions. kinds: of the boxes. data: the file."""

    name: str
    data: bytes
    boxes: np.ndarray
    kinds: list[str]


@dataclass
class Tally:
    """What one way to find faces did on one set."""

    seconds: float = 0.0
    unit: float = 0.0
    photos: int = 0
    false: int = 0
    found: dict[str, int] = field(default_factory=lambda: {"find": 0, "hard": 0})
    there: dict[str, int] = field(default_factory=lambda: {"find": 0, "hard": 0})
    widths: dict[str, list[int]] = field(default_factory=dict)

    def add(self, sample: Sample, found: list[FoundFace], seconds: float, unit: float) -> None:
        """Count one picture. seconds: that it took; unit: that the unit of cost took on it."""
        self.photos, self.seconds, self.unit = self.photos + 1, self.seconds + seconds, self.unit + unit
        overlap = iou_matrix(sample.boxes, box_array([face.box for face in found]))
        pairs, taken = pair_up(overlap)
        for number, kind in enumerate(sample.kinds):
            if kind in self.there:
                hit = number in pairs
                self.there[kind] += 1
                self.found[kind] += hit
                if kind == "find":
                    cell = self.widths.setdefault(width_class(sample.boxes[number, 2]), [0, 0])
                    cell[0] += hit
                    cell[1] += 1
        near = overlap.max(axis=0, initial=0.0)
        self.false += sum(1 for j in range(len(found)) if j not in taken and near[j] < 0.2)

    def result(self) -> dict[str, Any]:
        """For machines."""
        recall = {kind: self.found[kind] / self.there[kind] for kind in self.there if self.there[kind]}
        return {
            "photos": self.photos,
            "faces": self.there["find"],
            "recall": recall.get("find"),
            "recall_hard": recall.get("hard"),
            "false_per_photo": self.false / max(1, self.photos),
            "cost": self.seconds / max(1e-9, self.unit),
            "ms_per_photo": 1000 * self.seconds / max(1, self.photos),
            "recall_by_width": {name: self.widths[name] for name in sorted(self.widths)},
        }


def pair_up(overlap: np.ndarray) -> tuple[dict[int, int], set[int]]:
    """Labelled box -> found box, one to one, best overlap first; and the found ones."""
    pairs: dict[int, int] = {}
    for flat in np.argsort(-overlap, axis=None, kind="stable"):
        i, j = np.unravel_index(flat, overlap.shape)
        if overlap[i, j] < SAME:
            break
        if int(i) not in pairs and int(j) not in pairs.values():
            pairs[int(i)] = int(j)
    return pairs, set(pairs.values())


def width_class(width: float) -> str:
    """Of a face, as a share of the photo's width."""
    for low, high in itertools.pairwise(WIDTHS):
        if low <= width < high:
            return f"{100 * low:04.1f}-{100 * min(high, 1):.0f} %"
    return "?"


def read_samples(photos: Path, boxes: Path) -> list[Sample]:
    """The photos that the table names."""
    rows: dict[str, list[dict[str, str]]] = {}
    with boxes.open(newline="") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["photo"], []).append(row)
    samples = []
    for name, its in sorted(rows.items()):
        data = (photos / name).read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            size = np.array(image.size * 2, float)
        found = np.array([[float(row[key]) for key in ("x", "y", "width", "height")] for row in its]) / size
        samples.append(Sample(name, data, found, [row["kind"] for row in its]))
    return samples


def make_mosaics(samples: Sequence[Sample]) -> Iterator[Sample]:
    """Nine photos a picture of 3072 px."""
    count = MOSAIC * MOSAIC
    for start in range(0, len(samples) - count + 1, count):
        canvas = Image.new("RGB", (MOSAIC * SIDE, MOSAIC * SIDE), (90, 90, 90))
        boxes, kinds = [], []
        for place, sample in enumerate(samples[start : start + count]):
            picture = Image.fromarray(decode(sample.data))
            scale = SIDE / max(picture.size)
            size = round(picture.width * scale), round(picture.height * scale)
            corner = place % MOSAIC * SIDE, place // MOSAIC * SIDE
            canvas.paste(picture.resize(size, Image.Resampling.LANCZOS), corner)
            boxes.append((sample.boxes * (size * 2) + (*corner, 0, 0)) / (MOSAIC * SIDE))
            kinds += sample.kinds
        yield Sample(f"mosaic {start}", to_jpeg(canvas), np.concatenate(boxes), kinds)


def make_crops(folders: Sequence[Path], oracle: Detector, limit: int) -> Iterator[Sample]:
    """Around the one face of a photo, in which it fills a share of the side; found by `oracle` in the whole photo."""
    paths = sorted(
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix.lower() in (".jpg", ".jpeg", ".png")
    )
    for number, path in enumerate(paths[:: max(1, len(paths) // limit)]):
        try:
            picture = decode(path.read_bytes())
        except Unreadable:
            continue
        faces = [face for face in oracle.find(picture) if face.score > 0.5]
        if len(faces) != 1:
            continue
        height, width = picture.shape[:2]
        box, share = faces[0].box, SHARES[number % len(SHARES)]
        face = box.width * width
        side = min(face / share, width, height)
        if face / side > 1 or abs(face / side - share) > 0.1:
            continue
        left = min(max((box.left + box.width / 2) * width - side / 2, 0), width - side)
        top = min(max((box.top + box.height / 2) * height - side / 2, 0), height - side)
        crop = picture[round(top) : round(top + side), round(left) : round(left + side)]
        its = np.array(
            [
                [
                    (box.left * width - left) / side,
                    (box.top * height - top) / side,
                    face / side,
                    box.height * height / side,
                ]
            ]
        )
        yield Sample(path.name, to_jpeg(Image.fromarray(crop)), its, ["find"])


def to_jpeg(picture: Image.Image) -> bytes:
    """The bytes of a file."""
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=92)
    return data.getvalue()


def open_detectors(yunet: Path | None, cache: Path) -> dict[str, tuple[Detector, int]]:
    """By name, with the longer side of the decode that each asks for."""
    wanted = {"none": NONE, "mtcnn": MTCNN}
    if yunet:
        wanted["yunet"] = resolve_proposals(str(yunet))
    found = {}
    for name, proposals in wanted.items():
        engine: Any = open_engine("dlib-onnx", proposals=proposals, cache=cache)
        found[name] = engine._detector, engine.record.decode_size
    return found


class Unit:
    """MMOD at 800 px on dlib's own pyramid."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    def find(self, upright: Pixels) -> list[FoundFace]:
        """See Detector."""
        before, mmod.RATIO = mmod.RATIO, 5 / 6
        try:
            return self._detector.find(upright)
        finally:
            mmod.RATIO = before


def measure(samples: Iterable[Sample], detectors: dict[str, tuple[Detector, int]]) -> dict[str, Any]:
    """All on each sample in turn, so that a busy machine slows all down."""
    unit, size = detectors["none"]
    ways = {"unit": (Unit(unit), size), **detectors}
    tallies = {name: Tally() for name in ways}
    for number, sample in enumerate(samples):
        show_progress(f"{number + 1}: {sample.name}")
        took: dict[str, tuple[list[FoundFace], float]] = {}
        for name, (detector, size) in ways.items():
            picture = decode(sample.data, size)
            if not number:
                detector.find(picture)  # the first run of a network takes longer
            took[name] = timed(detector.find, picture)
        for name, (found, seconds) in took.items():
            tallies[name].add(sample, found, seconds, took["unit"][1])
    show_progress("")
    return {name: tally.result() for name, tally in tallies.items() if tally.photos}


def timed(find: Callable[[Pixels], list[FoundFace]], picture: Pixels) -> tuple[list[FoundFace], float]:
    """What it finds, and in how many seconds of the processor."""
    start = time.process_time()
    found = find(picture)
    return found, time.process_time() - start


def make_smoke_sample(oracle: Detector) -> Sample:
    """The packaged portrait in four sizes on one picture."""
    with Image.open(Path(faced.__file__).parent / "demo" / "astronaut.png") as image:
        portrait = image.convert("RGB")
    (face,) = oracle.find(np.array(portrait))
    its = np.array([face.box.left, face.box.top, face.box.width, face.box.height])
    canvas, boxes, left = Image.new("RGB", (1600, 700), (90, 90, 90)), [], 20
    for side in (600, 400, 250, 160):
        canvas.paste(portrait.resize((side, side), Image.Resampling.LANCZOS), (left, 40))
        boxes.append((its * side + (left, 40, 0, 0)) / (1600, 700, 1600, 700))
        left += side + 30
    return Sample("portraits", to_jpeg(canvas), np.array(boxes), ["find"] * len(boxes))


def print_set(name: str, result: dict[str, dict[str, Any]]) -> None:
    """For people."""
    first = next(iter(result.values()))
    print(f"\n{name}: {first['photos']} pictures, {first['faces']} faces to find")
    print(f"{'':8}{'recall':>9}{'hard':>8}{'false/photo':>13}{'cost':>7}{'ms':>8}   found of all, by width")
    for way, row in result.items():
        hard = "-" if row["recall_hard"] is None else f"{row['recall_hard']:.3f}"
        widths = ", ".join(f"{key}: {hit}/{of}" for key, (hit, of) in row["recall_by_width"].items())
        recall = "-" if row["recall"] is None else f"{row['recall']:.3f}"
        print(
            f"{way:8}{recall:>9}{hard:>8}{row['false_per_photo']:13.3f}"
            f"{row['cost']:7.2f}{row['ms_per_photo']:8.1f}   {widths}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, help="folder of labelled photos")
    parser.add_argument("--boxes", type=Path, help="table of the boxes of their faces")
    parser.add_argument("--portraits", type=Path, nargs="*", help="folders of photos with one face each")
    parser.add_argument("--yunet", type=Path, help="a YuNet file to measure as well")
    parser.add_argument("--limit", type=int, default=400, help="at most so many pictures of a set")
    parser.add_argument("--json", action="store_true", help="machine-readable")
    parser.add_argument("--smoke", action="store_true", help="one made picture, to see that it runs")
    args = parser.parse_args()
    if (args.photos is None) != (args.boxes is None):
        parser.error("--photos and --boxes go together")
    use_one_processor()
    with tempfile.TemporaryDirectory() as scratch:
        result = run(args, Path(scratch))
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        print(f"one thread, {result['machine']['processor']}; cost in units of MMOD at 800 px, pyramid 5/6")
        for name, its in result["sets"].items():
            print_set(name, its)
    return 0


def run(args: argparse.Namespace, cache: Path) -> dict[str, Any]:
    """Every set there is."""
    shared = SHARED if SHARED.is_dir() and not args.smoke else None
    yunet, photos, boxes, portraits = args.yunet, args.photos, args.boxes, args.portraits
    if shared:
        model = shared / "models" / "yunet_n_dynamic.onnx"
        yunet = yunet or (model if model.is_file() else None)
        portraits = portraits or [shared / "soccer" / "photos", shared / "celebs"]
        if photos is None:
            photos, boxes = shared / "groups" / "photos", shared / "groups" / "boxes.csv"
    detectors = open_detectors(yunet, cache)
    oracle = detectors["none"][0]
    sets: dict[str, Any] = {}
    if args.smoke or photos is None:
        sets["made"] = measure([make_smoke_sample(oracle)], detectors)
    else:
        samples = read_samples(photos, boxes)
        sets["photos"] = measure(thinned(samples, args.limit), detectors)
        sets["mosaics"] = measure(make_mosaics(thinned(samples, 9 * args.limit)), detectors)
    if portraits:
        sets["large faces"] = measure(make_crops(portraits, oracle, args.limit), detectors)
    return {"sets": {name: its for name, its in sets.items() if its}, "machine": describe_machine()}


def thinned(samples: Sequence[Sample], most: int) -> Sequence[Sample]:
    """At most so many, taken evenly."""
    return samples[:: max(1, -(-len(samples) // most))]


if __name__ == "__main__":
    sys.exit(main())
