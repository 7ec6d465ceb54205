"""How time grows with the library: a first pass's writing, a pass with nothing new, and deciding who is who.

    python bench/growth.py [--sizes N …] [--plot FILE.svg] [--json] [--smoke]

Libraries of made-up photos (tiny files, a face each with a made-up vector: a third of the faces are strangers, the others 40
of a person each) are scanned and stored for real; only the looking for faces is left out, since that takes the same for each
photo whatever else there is. Measured are, for each size: `store`, all of the first pass but looking and deciding, a
photo; `decide`, clustering from scratch and the identity rules; `again`, a whole pass with nothing new. All in processor
time, which other programs change little; waiting for the disk is not in it. The exponent
is the slope between the smallest and the largest size on logarithmic scales: 1 is linear.
"""

import argparse
import io
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from _shared import describe_machine, show_progress
from PIL import Image

from faced.config import Config
from faced.faces.encode import encode_photos
from faced.faces.worker import Outcome, Task
from faced.folders.read import ReadReport
from faced.model import Box, DetectedFace, EncodedPicture
from faced.passes import steps
from faced.passes.full import Observer, engine_settings, run_pass
from faced.passes.places import Run, choose_places
from faced.store.database import Store

SIZES = (1000, 3000, 10_000, 30_000)
CURVES = ("store", "decide", "again")


class MadeUp:
    """A pool that looks at nothing: a photo's face is made up from its number."""

    workers = 1

    def __init__(self, count: int) -> None:
        random = np.random.default_rng(count)
        persons = max(1, count * 2 // 3 // 40)
        middles = random.normal(size=(persons, 128))
        middles /= np.linalg.norm(middles, axis=1, keepdims=True)
        self._random, self._middles, self._next = random, middles, 0

    def submit(self, task: Task) -> "Future[Outcome]":
        """See faces.pool.Pool."""
        future: Future[Outcome] = Future()
        future.set_result(None if task.data is None else self._picture())
        return future

    def close(self) -> None:
        """Nothing to end."""

    def _picture(self) -> EncodedPicture:
        number, self._next = self._next, self._next + 1
        random = self._random
        stranger = number % 3 == 0
        middle = random.normal(size=128) if stranger else self._middles[number % len(self._middles)]
        vector = middle / np.linalg.norm(middle) + random.normal(size=128) * (0.3 / math.sqrt(2 * 128))
        box = Box(*random.uniform(0.2, 0.4, 4))
        face = DetectedFace(box, np.zeros((5, 2), np.float32), 1.0, 100.0, 0.1, vector.astype(np.float32))
        dhash = int(random.integers(2**63))
        return EncodedPicture("JPEG", 4000, 3000, 1, "2020-05-17T12:00:00", dhash, (face,))


def make_library(folder: Path, count: int) -> None:
    """So many different JPEGs of 8 x 8 px, a hundred a folder."""
    random = np.random.default_rng(1)
    for number in range(count):
        if number % 100 == 0:
            (folder / f"{number // 100:04}").mkdir(parents=True)
        data = io.BytesIO()
        Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8)).save(data, "JPEG")
        (folder / f"{number // 100:04}" / f"{number:06}.jpg").write_bytes(data.getvalue())


def measure(count: int, rounds: int, base: Path) -> dict[str, float]:
    """Seconds of the processor at this size."""
    show_progress(f"{count} photos: making them")
    photos, people = base / "photos", base / "people"
    make_library(photos, count)
    run = Run(base / "state", Config(people_settle=0.01, people_second_look=0.01))
    took = {"photos": float(count)}
    show_progress(f"{count} photos: the first pass")
    with steps.open_state(run) as store:
        _first_pass(store, run, photos, people, count, took)
    show_progress(f"{count} photos: again")
    observer = Observer(step=lambda _: None, encoding=lambda _: None, comparing=lambda *_: None)
    run_pass(
        run, [], None, observer, steps.TreeOptions(now=True)
    )  # the first one has its own links to look at
    again = [
        _seconds(lambda: run_pass(run, [], None, observer, steps.TreeOptions(now=True)))
        for _ in range(rounds)
    ]
    took["again"] = statistics.median(again)
    return took


def _first_pass(
    store: Store, run: Run, photos: Path, people: Path, count: int, took: dict[str, float]
) -> None:
    settings = engine_settings(run)
    places = choose_places(store, run, [photos], people)
    start = time.process_time()
    steps.scan_all(store, run.config, places)
    report = encode_photos(store, settings, pool=MadeUp(count))
    assert report.encoded == count, report
    read: ReadReport = steps.read_tree(store, run.config, places.people, steps.TreeOptions(now=True))
    engine = steps.choose_engine(store, settings.record)
    middle = time.process_time()
    steps.decide_persons(store, run.config, engine, settings.record)
    end = time.process_time()
    steps.show_tree(store, run.config, places.people, engine, read)
    took["decide"] = end - middle
    took["store"] = middle - start + time.process_time() - end


def _seconds(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def exponent(sizes: list[float], seconds: list[float]) -> float:
    """The slope on logarithmic scales, from the first to the last."""
    return math.log(seconds[-1] / seconds[0]) / math.log(sizes[-1] / sizes[0])


def draw(results: list[dict[str, float]], exponents: dict[str, float]) -> str:
    """An SVG of seconds against photos, both logarithmic."""
    width, height, left, top = 640, 400, 70, 20
    inner, tall = width - left - 150, height - top - 50
    sizes = [row["photos"] for row in results]
    values = [row[name] for row in results for name in CURVES]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    first, last = math.log10(sizes[0]), math.log10(sizes[-1])

    def x(size: float) -> float:
        return left + inner * (math.log10(size) - first) / (last - first or 1)

    def y(seconds: float) -> float:
        return top + tall * (high - math.log10(seconds)) / (high - low or 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for power in range(low, high + 1):
        at = y(10**power)
        parts.append(f'<path d="M{left} {at:.1f}h{inner}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{at + 4:.1f}" text-anchor="end">{10**power:g} s</text>')
    for size in sizes:
        parts.append(f'<path d="M{x(size):.1f} {top}v{tall}" stroke="#ddd"/>')
        parts.append(f'<text x="{x(size):.1f}" y="{top + tall + 20}" text-anchor="middle">{size:,.0f}</text>')
    parts.append(
        f'<text x="{left + inner / 2}" y="{height - 8}" text-anchor="middle">photos in the library</text>'
    )
    for name, colour in zip(CURVES, ("#1b6ca8", "#b3541e", "#3a7d44"), strict=True):
        points = " ".join(f"{x(row['photos']):.1f},{y(row[name]):.1f}" for row in results)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        at = y(results[-1][name])
        words = escape(f"{name}: n^{exponents[name]:.2f}")
        parts.append(f'<text x="{left + inner + 8}" y="{at + 4:.1f}" fill="{colour}">{words}</text>')
    return "\n".join([*parts, "</svg>", ""])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=list(SIZES), help="photos; default: 1000 to 30000"
    )
    parser.add_argument("--plot", type=Path, help="draw it into this file")
    parser.add_argument("--json", action="store_true", help="machine-readable")
    parser.add_argument("--smoke", action="store_true", help="100 and 200 photos, to see that it runs")
    args = parser.parse_args()
    sizes = [100, 200] if args.smoke else sorted(args.sizes)
    import scipy.sparse.csgraph  # noqa: F401 - what a process imports once is none of the growth

    results = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as scratch:
            results.append(measure(size, 1 if args.smoke else 5, Path(scratch)))
    show_progress("")
    counts = [row["photos"] for row in results]
    exponents = {name: exponent(counts, [row[name] for row in results]) for name in CURVES}
    if args.plot:
        args.plot.write_text(draw(results, exponents))
    if args.json:
        print(json.dumps({"sizes": results, "exponents": exponents, "machine": describe_machine()}, indent=2))
        return 0
    print(f"{'photos':>8}{'store ms a photo':>18}{'decide s':>10}{'again s':>10}")
    for row in results:
        print(
            f"{row['photos']:8.0f}{1000 * row['store'] / row['photos']:18.3f}{row['decide']:10.2f}{row['again']:10.3f}"
        )
    print("exponents: " + ", ".join(f"{name} {value:.2f}" for name, value in exponents.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
