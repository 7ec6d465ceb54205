"""faced's engine against face_recognition: the same photos, one run, one thread, from the file to the vectors.

    python bench/engine.py [--photos DIR] [--limit N] [--json] [--smoke]

Each photo is read, decoded, searched at 800 px and its faces are embedded, once by faced as it is used
(DCT scaling, proposals and tiles, chip and mirror image) and once as face_recognition is used (full decode, resized to
the same 800 px, `cnn`, one embedding). The difference of embeddings is that of one view, same pixels, same
box. Stages are told by pipeline.py. Without --photos the portrait that faced brings along is used.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from _shared import (
    SIZE,
    as_boxes,
    describe_machine,
    find_reference,
    load_full,
    make_smoke_photos,
    pick_photos,
    show_progress,
    use_one_processor,
)

from faced.errors import Unreadable
from faced.faces.engine import Engine, encode_upright, open_engine
from faced.faces.engine.reference import import_face_recognition
from faced.faces.geometry import box_array, iou_matrix, pixel_rectangle
from faced.model import Box
from faced.pictures.decode import Picture, decode


def run_faced(engine: Engine, path: Path) -> list[Box]:
    """One photo through faced, as a worker does it."""
    picture = Picture(path.read_bytes())
    return [face.box for face in encode_upright(engine, picture.pixels, picture.header.upright_size)]


def run_reference(api: Any, path: Path) -> list[Box]:
    """One photo through face_recognition, in the same size for the detector."""
    picture = load_full(path)
    places = find_reference(api, picture, "cnn")
    api.face_encodings(picture, places, num_jitters=1, model="small")
    return as_boxes(places, picture)


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
    api = import_face_recognition()
    run_faced(engine, photos[0])
    ours, theirs, ratios, worst, skipped = 0.0, 0.0, [], 0.0, []
    counts = {"faced": 0, "face_recognition": 0, "same": 0}
    for number, path in enumerate(photos):
        show_progress(f"{number + 1} of {len(photos)}")
        try:
            start = time.perf_counter()
            boxes = run_faced(engine, path)
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
    show_progress("")
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
        "machine": describe_machine(),
    }


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
    use_one_processor()
    with tempfile.TemporaryDirectory() as scratch:
        if args.photos and not args.smoke:
            photos = pick_photos(args.photos, args.limit)
        else:
            photos = make_smoke_photos(Path(scratch))
        if not photos:
            print(f"engine.py: no photos in {args.photos}", file=sys.stderr)
            return 2
        result = measure(photos, Path(scratch) / "cache")
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        print_table(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
