"""What it costs to add faces to a library, and to cluster one from scratch, against scikit-learn anew.

    python bench/clustering.py [--data DIR] [--seed N] [--sizes N ...] [--rounds N] [--large] [--smoke] [--json]

The vectors are those of DIR (families_dev.npz and lfw_dev.npz: `embedding`), drawn and jittered up to size; random
people where they are not. For each size the state is made from scratch; then 1, 10, 100 and 1000 faces come, are
clustered, who is who is decided again for everybody, and they go again. In process, with all vectors loaded: what
it takes to load them is told beside. scikit-learn's DBSCAN is run anew up to 50,000 faces; what it
takes for more is left out. --large: also 300,000 and 1,000,000 faces, which takes an hour.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import sys
import tempfile
import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import faced
from faced.faces.quality import GATE
from faced.model import Floats, ImageKey
from faced.people.faces import Faces
from faced.people.identity import Assignment, Last, assign_persons
from faced.people.kept import Kept, Rules
from faced.people.memory import FILE
from faced.people.neighbours import Neighbours
from faced.people.recluster import Clustering, clusters_of, rules_of
from faced.people.said import Said
from faced.store.derived import load_derived, save_derived

SIZES, LARGE = (10_000, 30_000, 100_000), (300_000, 1_000_000)
SCRATCH = (10_000, 30_000, 50_000)
ADDED = (1, 10, 100, 1000)
JITTER = 0.02
"""Of each coordinate: faces of one photo drawn twice are 0.32 apart, as two photos of one person."""
ROUNDS = 3
EPS = 0.48
"""Of vectors of one view, as the engine's record has it."""


def draw_vectors(data: Path | None, count: int, random: np.random.Generator) -> tuple[Floats, str]:
    """(count, 128), and what they are made of."""
    parts = []
    if data is not None:
        for name in ("families_dev.npz", "lfw_dev.npz"):
            if (data / name).is_file():
                parts.append(np.load(data / name, allow_pickle=False)["embedding"].astype(np.float32))
    base = np.concatenate(parts) if parts else _random_people(13_000, random)
    vectors = np.empty((count, 128), dtype=np.float32)
    for start in range(0, count, 10_000):
        rows = vectors[start : start + 10_000]
        rows[:] = base[random.integers(len(base), size=len(rows))]
        rows += random.normal(0, JITTER, rows.shape).astype(np.float32)
    return vectors, "families and lfw, jittered" if parts else "random people, jittered"


def _random_people(count: int, random: np.random.Generator) -> Floats:
    people = random.normal(0, 0.055, (count // 3, 128))
    faces = people[random.integers(len(people), size=count)] + random.normal(0, 0.025, (count, 128))
    return faces.astype(np.float32)


def make_faces(vectors: Floats, random: np.random.Generator) -> Faces:
    """A face for each vector, one or two in a picture, every tenth picture a near-copy of the one before."""
    count = len(vectors)
    pictures = np.arange(count) * 2 // 3
    hashes = random.integers(0, 2**63, size=count, dtype=np.uint64)
    hashes[9::10] = hashes[8::10][: len(hashes[9::10])] ^ np.uint64(1)
    left = np.where(np.diff(pictures, prepend=-1) == 0, 0.6, 0.1)
    boxes = np.column_stack([left, np.full((count, 1), 0.1), np.full((count, 2), 0.2)])
    boxes[:, 1] += random.random(count) * 0.01
    return Faces(
        random.permutation(count).astype(np.int64) + 1,
        tuple(ImageKey(f"b1:{picture:032x}") for picture in pictures.tolist()),
        boxes,
        hashes[pictures],
        np.full(count, 100.0),
        np.ones(count),
        vectors,
    )


@dataclass
class Clock:
    """Milliseconds of all threads of this process, and by the clock on the wall."""

    processor: float = 0.0
    wall: float = 0.0

    def __enter__(self) -> "Clock":
        self.processor, self.wall = -1e3 * time.process_time(), -1e3 * time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.processor += 1e3 * time.process_time()
        self.wall += 1e3 * time.perf_counter()


class Timed(Kept):
    """That tells what joining took."""

    def __init__(self, rules: Rules) -> None:
        super().__init__(rules)
        self.joining = Clock()

    def _put_together(self, *args: Any) -> None:
        with self.joining:
            super()._put_together(*args)


class Library:
    """Some faces, and what is kept of them."""

    def __init__(self, faces: Faces, rules: Clustering, random: np.random.Generator) -> None:
        self.faces, self.rules = faces, rules
        self.random = random
        self.kept = Timed(rules_of(rules))
        self.last: Assignment | None = None
        self.people = 0

    def begin(self, size: int) -> float:
        """Processor seconds from scratch for so many of the faces."""
        rows = np.sort(self.random.permutation(len(self.faces))[:size])
        self.here = rows
        faces = self.faces.take(rows)
        self.kept = Timed(rules_of(self.rules))
        with Clock() as clock:
            self.kept.follow(faces)
        self.last = None
        self.decide(faces)
        return clock.processor / 1e3

    def decide(self, faces: Faces) -> int:
        """Who is who by now; how many are somebody else's, or for another reason."""
        clusters = clusters_of(faces, self.kept, self.rules)
        faces = self.kept.complete(faces)
        before, last = np.zeros(len(faces), dtype=np.int64), None
        if self.last is not None:
            last = Last(self.last, self.kept.moved)
            old, new = last.rows()
            before[new] = self.last.owners[old]
        decided = assign_persons(faces, clusters, before, Said(), last)
        reasons = [] if last is None else decided.explain(decided.find_changed(last))
        owners = decided.owners
        owners[owners < 0] = self.people - owners[owners < 0]
        self.people += decided.new_count
        self.last = decided
        return len(reasons)

    def add(self, count: int) -> dict[str, float]:
        """What each step takes for so many more faces, which then go again."""
        away = np.setdiff1d(np.arange(len(self.faces)), self.here)
        rows = np.sort(np.concatenate([self.here, self.random.choice(away, count, replace=False)]))
        more, before = self.faces.take(rows), self.faces.take(self.here)
        with Clock() as follow:
            self.kept.follow(more)
        joining = self.kept.joining
        together = joining.processor
        with Clock() as identity:
            changed = self.decide(more)
        with Clock() as remove:
            self.kept.follow(before)
            self.decide(before)
        return {
            "cluster_ms": follow.processor - together,
            "together_ms": together,
            "identity_ms": identity.processor,
            "total_ms": follow.processor + identity.processor,
            "wall_ms": follow.wall + identity.wall,
            "remove_ms": remove.processor,
            "changed": changed,
        }


def measure_adding(library: Library, size: int, rounds: int) -> dict[str, Any]:
    """One size: from scratch, then additions, memory and the file."""
    scratch = library.begin(size)
    added = {}
    for count in (n for n in ADDED if size + n <= len(library.faces)):
        each = [library.add(count) for _ in range(rounds)]
        added[str(count)] = {key: round(statistics.median(one[key] for one in each), 1) for key in each[0]}
    state = sum(column.nbytes for column in library.kept.save().values())
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        save_derived(Path(folder), FILE, "bench", library.kept.save())
        save = time.perf_counter() - start
        start = time.perf_counter()
        load_derived(Path(folder), FILE, "bench")
        load = time.perf_counter() - start
    return {
        "scratch_s": round(scratch, 2),
        "added": added,
        "bytes_a_face": round(state / size + library.kept.embeddings.nbytes / size),
        "bytes_a_face_while_adding": measure_memory(library, size),
        "save_ms": round(1e3 * save),
        "load_ms": round(1e3 * load),
    }


def measure_memory(library: Library, size: int) -> int:
    """The most bytes a face of the neighbours, their vectors included, while 100 are added to a state of this size."""
    faces, rules = library.faces, rules_of(library.rules)
    vectors = faces.embeddings[: size + 100]
    whole = Neighbours(rules.reach)
    saved = {name: library.kept.save()[name].copy() for name in whole.save()}
    tracemalloc.start()
    kept = np.empty((size + size // 16, 128), dtype=np.float32)
    kept[:size] = library.kept.embeddings
    assert whole.load(saved, kept)
    whole.add(np.arange(10**9, 10**9 + 100), vectors[-100:], np.ones(100, dtype=np.bool_), np.arange(100))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return round(peak / size)


def measure_scratch(
    faces: Faces, size: int, rules: Clustering, random: np.random.Generator
) -> dict[str, Any]:
    """From scratch against scikit-learn, the same faces and the same cores."""
    from sklearn.cluster import DBSCAN

    vectors = faces.embeddings[np.sort(random.permutation(len(faces))[:size])]
    reach = rules_of(rules).reach
    ours = Neighbours(reach)
    start = time.perf_counter()
    ours.add(np.arange(size), vectors, np.ones(size, dtype=np.bool_))
    mine = time.perf_counter() - start
    start = time.perf_counter()
    theirs = DBSCAN(eps=reach.eps, min_samples=reach.min_samples, algorithm="brute").fit(vectors)
    its = time.perf_counter() - start
    same = np.array_equal(np.flatnonzero(ours.show().cores), theirs.core_sample_indices_)
    assert same, "the cores are not scikit-learn's"
    return {"faced_s": round(mine, 2), "scikit_learn_s": round(its, 2), "ratio": round(mine / its, 2)}


def exponent(sizes: list[int], figures: list[float]) -> float | None:
    """The power of the size with which a figure grows."""
    if len(sizes) < 2:
        return None
    slope: NDArray[np.float64] = np.polyfit(np.log(sizes), np.log(figures), 1)
    return round(float(slope[0]), 2)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Everything."""
    random = np.random.default_rng(options.seed)
    sizes = sorted(
        options.sizes or ((2000, 4000) if options.smoke else SIZES + (LARGE if options.large else ()))
    )
    scratch = (2000,) if options.smoke else SCRATCH
    rules = Clustering(eps=EPS, min_samples=3, gate=GATE, copy_bits=4, joins=True)
    vectors, source = draw_vectors(options.data, max(*sizes, *scratch) + max(ADDED), random)
    library = Library(make_faces(vectors, random), rules, random)
    rounds = 1 if options.smoke else options.rounds
    found = {str(size): measure_adding(library, size, rounds) for size in sizes}
    hundred = [found[str(size)]["added"]["100"] for size in sizes]
    return {
        "vectors": source,
        "seed": options.seed,
        "sizes": found,
        "exponent_100": {
            key: exponent(sizes, [one[key] for one in hundred]) for key in ("cluster_ms", "total_ms")
        },
        "scratch": {str(size): measure_scratch(library.faces, size, rules, random) for size in scratch},
        "most_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "faced": faced.__version__,
    }


def show(figures: dict[str, Any]) -> None:
    """As tables."""
    print(
        f"vectors: {figures['vectors']}, seed {figures['seed']}; {figures['machine']}; faced {figures['faced']}"
    )
    print(
        "\n    faces    added   cluster  together  identity     total   by clock    remove   (ms of all threads)"
    )
    for size, one in figures["sizes"].items():
        for count, ms in one["added"].items():
            columns = (
                ms[f"{key}_ms"] for key in ("cluster", "together", "identity", "total", "wall", "remove")
            )
            print(f"{int(size):9,} {int(count):8,} " + " ".join(f"{ms:9.1f}" for ms in columns))
    print("\n    faces  scratch s  bytes a face  while adding  save ms  load ms")
    for size, one in figures["sizes"].items():
        print(
            f"{int(size):9,} {one['scratch_s']:10.2f} {one['bytes_a_face']:13,}"
            f" {one['bytes_a_face_while_adding']:13,} {one['save_ms']:8} {one['load_ms']:8}"
        )
    print("\n    faces    faced s  scikit-learn s  ratio   (from scratch)")
    for size, one in figures["scratch"].items():
        print(f"{int(size):9,} {one['faced_s']:10.2f} {one['scikit_learn_s']:15.2f} {one['ratio']:6.2f}")
    growth = figures["exponent_100"]
    print(f"\n+100 grows with the size to the power of {growth['cluster_ms']} (all: {growth['total_ms']})")


def main() -> None:
    """Command line."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data" / "embeddings"
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--data", type=Path, default=beside, help="a folder with families_dev.npz and lfw_dev.npz"
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--sizes", type=int, nargs="+", help="numbers of faces to begin with")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="the figures are medians of so many")
    parser.add_argument("--large", action="store_true", help="also 300,000 and 1,000,000 faces")
    parser.add_argument("--smoke", action="store_true", help="two small sizes, one round")
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object")
    options = parser.parse_args()
    figures = measure(options)
    if options.json:
        json.dump(figures, sys.stdout, indent=1)
        print()
    else:
        show(figures)


if __name__ == "__main__":
    main()
