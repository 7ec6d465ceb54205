"""What it costs to add faces to a library, and to cluster one from scratch, against scikit-learn anew.

    python bench/clustering.py [--data DIR] [--seed N] [--sizes N ...] [--rounds N] [--large] [--smoke] [--json]

The vectors are those of DIR (families_dev.npz and lfw_dev.npz: `embedding`), drawn and jittered up to size; random
people where they are not. For each size the state is made from scratch; then 1, 10, 100 and 1000 faces come, are
clustered and joined, who is who is decided again for everybody, and they go again. In process, with all vectors loaded, in
processor time of all threads (other programs change it less than the clock, which is told too). Beside it: the process that
decides in the daemon, on a stored state. scikit-learn's DBSCAN is run anew up to 50,000 faces; what it
takes for more is left out. --large: also 300,000 and 1,000,000 faces, which takes ten minutes of processor time and 5 GB; these are compared with
the help of knowing which is a copy of which (see `_jittered`), or it would be two hours.
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
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zlib import crc32

import numpy as np
from _jittered import check, make_columns
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

import faced
from faced.faces.quality import GATE
from faced.model import EngineId, Floats, ImageKey
from faced.passes.decide import Question, decide_here
from faced.passes.decider import Decider, keep_freed_memory
from faced.people.faces import Faces
from faced.people.identity import Assignment, Last, assign_persons
from faced.people.kept import Kept, Rules
from faced.people.memory import FILE
from faced.people.neighbours import Neighbours
from faced.people.recluster import Clustering, clusters_of, rules_of, write_decision
from faced.people.said import Said
from faced.store.database import open_store
from faced.store.derived import load_derived, save_derived
from faced.store.jobs import ensure_engine

SIZES, LARGE = (10_000, 30_000, 100_000), (300_000, 1_000_000)
SCRATCH = (10_000, 30_000, 50_000)
CHILD = 100_000
"""Faces of the state that a process decides about."""
ADDED = (1, 10, 100, 1000)
JITTER = 0.02
"""Of each coordinate: faces of one photo drawn twice are 0.32 apart, as two photos of one person."""
ROUNDS = 7
EPS = 0.48
"""Of vectors of one view, as the engine's record has it."""


@dataclass(frozen=True)
class Drawn:
    """vectors: (n, 128). copy_of: (n,) which of `base` each is, but for its jitter. source: what they are made of."""

    vectors: Floats
    copy_of: NDArray[np.intp]
    base: Floats
    source: str


def draw_vectors(data: Path | None, count: int, random: np.random.Generator) -> Drawn:
    """So many."""
    parts = []
    if data is not None:
        for name in ("families_dev.npz", "lfw_dev.npz"):
            if (data / name).is_file():
                parts.append(np.load(data / name, allow_pickle=False)["embedding"].astype(np.float32))
    base = np.concatenate(parts) if parts else _random_people(13_000, random)
    vectors, copy_of = np.empty((count, 128), dtype=np.float32), np.empty(count, dtype=np.intp)
    for start in range(0, count, 10_000):
        rows = vectors[start : start + 10_000]
        copy_of[start : start + 10_000] = random.integers(len(base), size=len(rows))
        rows[:] = base[copy_of[start : start + 10_000]]
        rows += random.normal(0, JITTER, rows.shape).astype(np.float32)
    return Drawn(vectors, copy_of, base, "families and lfw, jittered" if parts else "random people, jittered")


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
        marks=vectors[:, 0].view(np.uint32).astype(np.int64),
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


class Shortcut(Neighbours):
    """That knows which faces are copies of what, when it is made from scratch."""

    drawn: Drawn
    copy_of: NDArray[np.intp]

    def update(
        self,
        gone: NDArray[np.intp],
        ids: NDArray[np.int64],
        embeddings: Floats,
        eligible: NDArray[np.bool_],
        *rest: Any,
    ) -> None:
        """See Neighbours."""
        if self.size:
            super().update(gone, ids, embeddings, eligible, *rest)
            return
        columns = make_columns(embeddings, eligible, self.copy_of, self.drawn.base, JITTER, self.reach)
        room = np.empty((len(ids) * 17 // 16, embeddings.shape[1]), dtype=np.float32)
        room[: len(ids)] = embeddings
        assert self.load({"ids": ids, **columns}, room)


class Library:
    """Some faces, and what is kept of them."""

    def __init__(self, drawn: Drawn, rules: Clustering, random: np.random.Generator) -> None:
        self.faces, self.rules = make_faces(drawn.vectors, random), rules
        self.light = replace(self.faces, embeddings=np.empty((len(self.faces), 0), dtype=np.float32))
        self.drawn = drawn
        self.random = random
        self.kept = Timed(rules_of(rules))
        self.last: Assignment | None = None
        self.people = 0

    def begin(self, size: int) -> float:
        """Processor seconds from scratch for so many of the faces; nan where a shortcut was taken."""
        rows = np.sort(self.random.permutation(len(self.faces))[:size])
        self.here = rows
        faces = self.faces.take(rows)
        self.kept = Timed(rules_of(self.rules))
        is_large = size > max(SIZES)
        Shortcut.drawn, Shortcut.copy_of = self.drawn, self.drawn.copy_of[rows]
        with Clock() as clock, patch("faced.people.kept.Neighbours", Shortcut if is_large else Neighbours):
            self.kept.follow(faces)
        self.last = None
        self.decide(faces)
        return float("nan") if is_large else clock.processor / 1e3

    def decide(self, faces: Faces) -> int:
        """Who is who by now; how many are somebody else's, or for another reason."""
        clusters = clusters_of(faces, self.kept, self.rules)
        faces = self.kept.complete(faces)
        before, last = np.zeros(len(faces), dtype=np.int64), None
        if self.last is not None:
            last = Last(self.last, self.kept.alignment)
            before = last.same.carry(self.last.owners, 0)
        decided = assign_persons(faces, clusters, before, Said(), last)
        reasons = [] if last is None else decided.explain(decided.find_changed(last))
        owners = decided.owners
        owners[owners < 0] = self.people - owners[owners < 0]
        self.people += decided.new_count
        self.last = decided
        return len(reasons)

    def follow(self, faces: Faces, rows: NDArray[np.intp]) -> None:
        """As the process that decides does: it knows which faces these are, and is given the vectors of new ones."""
        unknown = np.flatnonzero(self.kept.find_unknown(faces))
        self.kept.follow(faces, None, self.faces.embeddings[rows[unknown]])

    def add(self, count: int) -> dict[str, float]:
        """What each step takes for so many more faces, which then go again."""
        away = np.setdiff1d(np.arange(len(self.faces)), self.here)
        rows = np.sort(np.concatenate([self.here, self.random.choice(away, count, replace=False)]))
        more, before = self.light.take(rows), self.light.take(self.here)
        with Clock() as follow:
            self.follow(more, rows)
        joining = self.kept.joining
        together = joining.processor
        with Clock() as identity:
            changed = self.decide(more)
        with Clock() as remove:
            self.follow(before, self.here)
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


@threadpool_limits.wrap(limits=1, user_api="blas")  # as the process that decides has it
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
        "bytes_a_face": round(state / size + library.drawn.vectors[0].nbytes),
        "bytes_a_face_while_adding": measure_memory(library, size),
        "save_ms": round(1e3 * save),
        "load_ms": round(1e3 * load),
    }


def measure_memory(library: Library, size: int) -> int:
    """The most bytes a face of all that is kept, the vectors included, while 100 are added to a state of this size."""
    away = np.setdiff1d(np.arange(len(library.faces)), library.here)[:100]
    more = library.faces.take(np.sort(np.concatenate([library.here, away])))
    tracemalloc.start()
    saved = {name: column.copy() for name, column in library.kept.save().items()}
    vectors = np.empty((size + size // 16, 128), dtype=np.float32)
    vectors[:size] = library.kept.embeddings
    kept = Kept(library.kept.rules)
    assert kept.load(saved, vectors)
    del saved, vectors
    tracemalloc.reset_peak()
    kept.follow(more)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return round(peak / size)


def fill_state(folder: Path, faces: Faces, later: Sequence[int]) -> None:
    """A state with these faces, the last of them in libraries that are not listed yet: so many in each."""
    keys = list(dict.fromkeys(faces.images))
    numbers = {key: number for number, key in enumerate(keys, 1)}
    hashes = dict(zip(faces.images, faces.dhashes.astype(np.int64).tolist(), strict=True))
    library = np.ones(len(keys), dtype=np.int64)
    for number, count in enumerate(later, 2):
        library[len(keys) - sum(later[number - 2 :]) :] = number
        assert count > 0
    with open_store(folder) as store, store.write() as db:
        ensure_engine(db, "bench", '{"name": "bench"}')
        for number in range(len(later) + 1):
            db.execute(
                "INSERT INTO libraries (root, listed, online) VALUES (?, ?, 1)",
                [b"/%d" % number, number == 0],
            )
        db.conn.executemany(
            "INSERT INTO images (id, key, format, width, height, dhash) VALUES (?, ?, 'JPEG', 40, 30, ?)",
            [(numbers[key], key, hashes[key]) for key in keys],
        )
        db.conn.executemany(
            """INSERT INTO photos (library, path, size, mtime_ns, ctime_ns, ino, found, stale, image, orientation)
               VALUES (?, ?, 1, 1, 1, 1, 1, 0, ?, 1)""",
            [(int(where), key.encode(), numbers[key]) for key, where in zip(keys, library, strict=True)],
        )
        db.conn.executemany(
            "INSERT INTO encodings (image, engine, orientation) VALUES (?, 1, 1)",
            [(n,) for n in numbers.values()],
        )
        vectors = (row.astype("<f4").tobytes() for row in faces.embeddings)
        db.conn.executemany(
            """INSERT INTO faces (image, engine, box_left, box_top, box_width, box_height, landmarks, score, side,
                                  sharpness, embedding, crc) VALUES (?, 1, ?, ?, ?, ?, ?, 1, 100, 1, ?, ?)""",
            (
                (numbers[image], *box, bytes(40), vector, crc32(vector))
                for image, box, vector in zip(faces.images, faces.boxes.tolist(), vectors, strict=True)
            ),
        )


def measure_child(faces: Faces, size: int, rules: Clustering) -> dict[str, Any]:
    """The process that decides, on a state with so many faces: its start, the first answer, which loads what was kept, and
    the next one, each with faces of 100 photos more; processor time. And the most memory that it had.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder, engine = Path(temporary), EngineId(1)
        fill_state(folder / "full", faces.take(np.arange(size)), (100, 100))
        fill_state(folder / "empty", faces.take(np.arange(0)), ())
        child, seconds = Decider(), {}
        with open_store(folder / "full") as store:
            write_decision(store, engine, decide_here(Question(store.folder, engine, rules)))
            child.decide(Question(folder / "empty", engine, rules), lambda: None)
            seconds["start_s"] = spent = processor_seconds(child.pid)
            for number, name in ((2, "first_s"), (3, "next_s")):
                with store.write() as db:
                    db.execute("UPDATE libraries SET listed = 1 WHERE id = ?", [number])
                decision = child.decide(Question(store.folder, engine, rules), lambda: None)
                with Clock() as write:
                    write_decision(store, engine, decision)
                seconds[name], spent = processor_seconds(child.pid) - spent, processor_seconds(child.pid)
            seconds["write_s"] = write.processor / 1e3
        status = Path(f"/proc/{child.pid}/status")
        peak = 0
        if status.is_file():
            peak = int(status.read_text().split("VmHWM:")[1].split()[0])
        child.close()
    return {"faces": size, "peak_mb": round(peak / 1024)} | {k: round(v, 2) for k, v in seconds.items()}


def processor_seconds(process: int | None) -> float:
    """Of a process, since it began; nan where the system does not say."""
    stat = Path(f"/proc/{process}/stat")
    if not stat.is_file():
        return float("nan")
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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
    drawn = draw_vectors(options.data, max(*sizes, *scratch) + max(ADDED), random)
    check(np.random.default_rng(options.seed), JITTER, rules_of(rules).reach)
    library = Library(drawn, rules, random)
    rounds = 1 if options.smoke else options.rounds
    found = {str(size): measure_adding(library, size, rounds) for size in sizes}
    hundred = [found[str(size)]["added"]["100"] for size in sizes]
    return {
        "vectors": drawn.source,
        "seed": options.seed,
        "sizes": found,
        "exponent_100": {
            key: exponent(sizes, [one[key] for one in hundred]) for key in ("cluster_ms", "total_ms")
        },
        "child": measure_child(library.faces, min(CHILD, sizes[-1]), rules),
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
    child = figures["child"]
    print(
        f"\nthe process that decides, {child['faces']:,} faces: start {child['start_s']} s, first answer (loads) "
        f"{child['first_s']} s, next answer {child['next_s']} s, writing it {child['write_s']} s; at most {child['peak_mb']} MB"
    )
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
    keep_freed_memory()  # as the process that decides does
    figures = measure(options)
    if options.json:
        json.dump(figures, sys.stdout, indent=1)
        print()
    else:
        show(figures)


if __name__ == "__main__":
    main()
