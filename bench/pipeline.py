"""From the files to the folders: each stage beside its limit, and faced beside face_recognition end to end.

    python bench/pipeline.py [--photos DIR …] [--limit N] [--slow N] [--rounds N] [--json] [--smoke]

Stages: one process on one processor, in processor time, which other programs change little; faced's stages as its workers
count them, and in turn with them, photo by photo, what bounds them: reading and hashing the bytes at all, Pillow's full decode, dlib's detectors, dlib's embedding.

End to end: `faced sync` into new folders against the two steps of the usual tutorial, written anew here: every
photo through face_recognition (800 px, `cnn` or `hog`), the encodings into a file, then DBSCAN 0.5 over them.
Each is a process of its own, with one processor and with all, `--rounds` times in turn; medians. faced's workers give way to
other programs, so the ratio is that of processor time, of all processes, starting included. Peak memory is that of
the process and its children together; a worker's is the largest of a child. The models of faced are converted before.

--limit: photos of each folder, taken evenly. --slow: photos of these on which dlib's `cnn` is measured, which takes
seconds for each; its photos a second are of those.
"""

import argparse
import hashlib
import json
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # as in workers, and before numpy is loaded
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402
from _shared import (  # noqa: E402
    describe_machine,
    find_reference,
    load_full,
    make_smoke_photos,
    pick_photos,
    show_progress,
    use_one_processor,
)

from faced.errors import Unreadable  # noqa: E402
from faced.faces import timings  # noqa: E402
from faced.faces.engine.reference import import_face_recognition  # noqa: E402
from faced.faces.reader import read_file  # noqa: E402
from faced.faces.timings import STAGES, add_up, take_seconds  # noqa: E402
from faced.faces.worker import EngineSettings, Task, encode_task  # noqa: E402
from faced.model import Pixels  # noqa: E402

EPS, MIN_SAMPLES = 0.5, 5
"""Of the tutorial's DBSCAN: scikit-learn's defaults."""


def measure_stages(photos: list[Path], slow: int, cache: Path) -> dict[str, Any]:
    """Milliseconds a photo, of faced's stages and of what stands beside them."""
    settings = EngineSettings("dlib-onnx", 800, 2, cache)
    timings.perf_counter = time.process_time  # type: ignore[attr-defined]
    api = import_face_recognition()
    encode_task(Task(settings, None))
    encode_task(Task(settings, photos[0].read_bytes()))
    take_seconds()
    beside = _Beside(api)
    parts: list[dict[str, float]] = []
    pairs: dict[str, list[tuple[float, float]]] = {"hog": [], "cnn": []}
    done, faces, skipped = 0, 0, []
    for number, path in enumerate(photos):
        show_progress(f"stages: {number + 1} of {len(photos)}")
        result = read_file(os.fsencode(path), os.fsencode(path.parent))
        mine = take_seconds()
        if isinstance(result, Unreadable):
            skipped.append(f"{path.name}: {result.reason}")
            continue
        try:
            picture = encode_task(Task(settings, result[0]))
        except Unreadable as error:
            skipped.append(f"{path.name}: {error.reason}")
            continue
        parts += [mine, picture.seconds]
        done, faces = done + 1, faces + len(picture.faces)
        took = sum(mine.values()) + sum(picture.seconds.values())
        with_cnn = number % max(1, len(photos) // slow) == 0
        for model, theirs in beside.measure(path, result[0], with_cnn=with_cnn).items():
            pairs[model].append((took, theirs))
    show_progress("")
    return {
        "photos": done,
        "faces": faces,
        "skipped": skipped,
        "stages": {k: 1000 * v / done for k, v in add_up(parts).items()},
        "beside": beside.ms_per_photo(),
        "ratios": {model: _compare(both) for model, both in pairs.items()},
    }


def _compare(pairs: list[tuple[float, float]]) -> dict[str, float]:
    """Of (faced's seconds, theirs) for the same photos."""
    ours, theirs = (sum(values) for values in zip(*pairs, strict=True))
    return {
        "photos": len(pairs),
        "faced_ms": 1000 * ours / len(pairs),
        "theirs_ms": 1000 * theirs / len(pairs),
        "ratio": theirs / ours,
        "median_ratio": statistics.median(other / mine for mine, other in pairs),
    }


class _Beside:
    """What bounds a stage, or how others do it."""

    def __init__(self, api: Any) -> None:
        self._api = api
        self._seconds: dict[str, list[float]] = {}

    def measure(self, path: Path, data: bytes, *, with_cnn: bool) -> dict[str, float]:
        """All of it for one photo. Returns face_recognition's seconds for it, by detector."""
        self._time("read: the bytes", path.read_bytes)
        self._time("hash: blake2b of them", lambda: hashlib.blake2b(data, digest_size=16).digest())
        start = time.process_time()
        picture = self._time("decode: Pillow, in full", lambda: load_full(path))
        loading = time.process_time() - start
        with suppress(ImportError):
            import simplejpeg

            if data[:2] == b"\xff\xd8":
                with suppress(ValueError):
                    self._time("decode: simplejpeg, in full", lambda: simplejpeg.decode_jpeg(data))
        return {
            model: loading + self._describe(picture, model)
            for model in ("hog", *(("cnn",) if with_cnn else ()))
        }

    def _describe(self, picture: Pixels, model: str) -> float:
        start = time.process_time()
        places = self._time(f"detect: dlib, {model}", lambda: find_reference(self._api, picture, model))
        encode = self._api.face_encodings
        self._time(f"chip, embed: dlib, {model}", lambda: encode(picture, places, 1, "small"))
        return time.process_time() - start

    def _time(self, name: str, work: Callable[[], Any]) -> Any:
        start = time.process_time()
        result = work()
        self._seconds.setdefault(name, []).append(time.process_time() - start)
        return result

    def ms_per_photo(self) -> dict[str, float]:
        return {name: 1000 * statistics.fmean(values) for name, values in self._seconds.items()}


# End to end


def run_tutorial(folder: Path, model: str, jobs: int) -> dict[str, int]:
    """Both steps, in this process and `jobs` of its own."""
    from sklearn.cluster import DBSCAN

    photos = [(path, model) for path in pick_photos(folder, None)]
    if jobs == 1:
        found = [_encode_one(photo) for photo in photos]
    else:
        with get_context("spawn").Pool(jobs) as pool:
            found = pool.map(_encode_one, photos, chunksize=1)
    store = folder.with_name(f"encodings-{model}-{jobs}.pickle")
    store.write_bytes(pickle.dumps(found))
    vectors = [vector for encodings in pickle.loads(store.read_bytes()) for vector in encodings]  # noqa: S301
    groups = 0
    if vectors:
        labels = DBSCAN(eps=EPS, min_samples=MIN_SAMPLES, n_jobs=jobs).fit_predict(np.array(vectors))
        groups = len(set(labels.tolist()) - {-1})
    return {"photos": len(photos), "faces": len(vectors), "groups": groups}


def _encode_one(photo: tuple[Path, str]) -> list[Any]:
    api = import_face_recognition()
    path, model = photo
    try:
        picture = load_full(path)
    except Exception:  # a real user would stop here and remove the photo
        return []
    places = find_reference(api, picture, model)
    encodings: list[Any] = api.face_encodings(picture, places, num_jitters=1, model="small")
    return encodings


def run_faced(folder: Path, jobs: int, home: Path) -> tuple[list[str], dict[str, str]]:
    """The command line of a first `faced sync`, and its environment."""
    config = home / "config.yaml"
    config.write_text(f"encode: {{workers: {jobs}}}\npeople: {{settle: 0.01 s, second_look: 0.01 s}}\n")
    words = ["sync", str(folder), "--people", str(home / "people")]
    command = [sys.executable, "-m", "faced", *words, "--config", str(config), "--timings", "--now", "--json"]
    state = {"XDG_STATE_HOME": str(home)}
    return command, {**os.environ, **state, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def run_measured(command: list[str], environment: dict[str, str], cores: int) -> dict[str, Any]:
    """Seconds, those of the processor in all processes, peak MB, and what the command printed as JSON."""
    allowed = set(sorted(os.sched_getaffinity(0))[-cores:])
    start = time.perf_counter()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(
            command,
            env=environment,
            stdout=out,
            stderr=err,
            preexec_fn=lambda: os.sched_setaffinity(0, allowed),
        )
        watch = _MemoryWatch(child.pid)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start
        peak, largest = watch.stop()
        out.seek(0)
        err.seek(0)
        if child.returncode:
            raise SystemExit(f"pipeline.py: {' '.join(command)} failed:\n{err.read().decode()}")
        told = json.loads(out.read())
    return {
        "seconds": seconds,
        "processor": usage.ru_utime + usage.ru_stime,
        "peak_mb": peak,
        "largest_mb": largest,
        "told": told,
    }


class _MemoryWatch:
    """The largest sum of the resident memory of a process and all below it, and the largest of a process below."""

    def __init__(self, pid: int) -> None:
        self._pid, self._peak, self._largest = pid, 0.0, 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            sizes = _resident_sizes(self._pid)
            self._peak = max(self._peak, sum(sizes.values()))
            self._largest = max([self._largest, *(size for pid, size in sizes.items() if pid != self._pid)])

    def stop(self) -> tuple[float, float]:
        """In MB."""
        self._over.set()
        self._thread.join()
        return self._peak, self._largest


def _resident_sizes(root: int) -> dict[int, float]:
    """MB of the process and of all below it."""
    parents, sizes = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    wanted = {root}
    while more := {pid for pid, parent in parents.items() if parent in wanted} - wanted:
        wanted |= more
    for pid in wanted:
        with suppress(OSError, ValueError, IndexError):
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            sizes[pid] = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return sizes


def measure_whole(folders: dict[str, Path], rounds: int, scratch: Path) -> list[dict[str, Any]]:
    """faced and the tutorial, in turn. folders: of all photos, and of those for `cnn`."""
    cores = len(os.sched_getaffinity(0))
    runs: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for number in range(rounds):
        for jobs in sorted({1, cores}):
            for name in ("faced", "hog", "cnn"):
                show_progress(f"end to end: {name}, {jobs} of {cores} cores, round {number + 1}")
                folder = folders["slow" if name == "cnn" else "all"]
                if name == "faced":
                    home = Path(tempfile.mkdtemp(dir=scratch))
                    command, environment = run_faced(folder, jobs, home)
                else:
                    me = str(Path(__file__).resolve())
                    command = [sys.executable, me, "--tutorial", name, "--jobs", str(jobs), str(folder)]
                    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
                runs.setdefault((name, jobs), []).append(run_measured(command, environment, jobs))
    show_progress("")
    return [_row(name, jobs, done) for (name, jobs), done in runs.items()]


def _row(name: str, jobs: int, runs: list[dict[str, Any]]) -> dict[str, Any]:
    told = runs[-1]["told"]
    running = None
    if name == "faced":
        photos, faces = told["timings"]["photos"], told["timings"]["faces"]
        running = statistics.median(run["told"]["timings"]["photos_per_second"] for run in runs)
        groups = len(told["persons"])
    else:
        photos, faces, groups = told["photos"], told["faces"], told["groups"]
    seconds = statistics.median(run["seconds"] for run in runs)
    return {
        "name": "faced sync" if name == "faced" else f"tutorial, {name}",
        "cores": jobs,
        "photos": photos,
        "faces_per_photo": faces / max(1, photos),
        "groups": groups,
        "seconds": seconds,
        "photos_per_second": photos / seconds,
        "photos_per_second_running": running,
        "processor_seconds_per_photo": statistics.median(run["processor"] for run in runs) / max(1, photos),
        "peak_mb": statistics.median(run["peak_mb"] for run in runs),
        "largest_worker_mb": statistics.median(run["largest_mb"] for run in runs),
    }


def measure(name: str, photos: list[Path], slow: int, rounds: int, scratch: Path) -> dict[str, Any]:
    """Everything for one set of photos."""
    folders = {}
    for kind, some in (("all", photos), ("slow", photos[:: max(1, len(photos) // slow)][:slow])):
        folders[kind] = scratch / f"{name}-{kind}"
        folders[kind].mkdir()
        for path in some:
            (folders[kind] / path.name).symlink_to(path.resolve())
        folders[kind] = _copy(folders[kind])
    cache = scratch / "cache" / "faced"
    os.environ["XDG_CACHE_HOME"] = str(scratch / "cache")
    whole = {"affinity": os.sched_getaffinity(0)}
    use_one_processor()
    stages = measure_stages(photos, slow, cache)
    os.sched_setaffinity(0, whole["affinity"])
    rows = measure_whole(folders, rounds, scratch)
    cost = {(row["name"], row["cores"]): row["processor_seconds_per_photo"] for row in rows}
    for row in rows:
        row["ratio"] = row["processor_seconds_per_photo"] / cost["faced sync", row["cores"]]
    return {"set": name, **stages, "whole": rows}


def _copy(folder: Path) -> Path:
    """A folder of links as one of files: what is not below a library is not followed."""
    for path in folder.iterdir():
        data = path.read_bytes()
        path.unlink()
        path.write_bytes(data)
    return folder


def print_set(result: dict[str, Any]) -> None:
    """For people."""
    print(f"\n{result['set']}: {result['photos']} photos, {result['faces']} faces")
    print(f"{'stage, one processor':34}{'ms a photo':>11}   beside it, ms a photo")
    order = [name for name in STAGES if name in result["stages"]]
    beside = dict(result["beside"])
    for name in order:
        mine = [f"{k.partition(': ')[2]} {v:.2f}" for k, v in beside.items() if name in k.partition(":")[0]]
        print(f"{name:34}{result['stages'][name]:11.2f}   {'; '.join(mine)}")
    print(f"{'together':34}{sum(result['stages'].values()):11.2f}")
    for model, ratio in result["ratios"].items():
        print(
            f"face_recognition {model}, the same {ratio['photos']} photos: {ratio['theirs_ms']:.0f} ms, faced "
            f"{ratio['faced_ms']:.0f} ms; ratio {ratio['ratio']:.1f} (median photo {ratio['median_ratio']:.1f})"
        )
    print(
        f"{'end to end':18}{'cores':>6}{'photos':>7}{'faces/photo':>12}{'groups':>7}{'s':>8}{'photos/s':>9}"
        f"{'cpu s/photo':>12}{'faced is':>10}{'peak MB':>9}{'worker MB':>10}"
    )
    for row in result["whole"]:
        print(
            f"{row['name']:18}{row['cores']:6}{row['photos']:7}{row['faces_per_photo']:12.2f}{row['groups']:7}"
            f"{row['seconds']:8.1f}{row['photos_per_second']:9.2f}{row['processor_seconds_per_photo']:12.3f}"
            f"{row['ratio']:9.1f}x{row['peak_mb']:9.0f}{row['largest_worker_mb']:10.0f}"
        )
    running = [
        f"{row['photos_per_second_running']:.1f} on {row['cores']}"
        for row in result["whole"]
        if row["photos_per_second_running"]
    ]
    print(f"faced once it runs, photos/s by cores: {', '.join(running)}")
    for line in result["skipped"]:
        print(f"skipped {line}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, nargs="+", help="folders of photos to measure on")
    parser.add_argument("--limit", type=int, help="at most so many photos of each, taken evenly")
    parser.add_argument("--slow", type=int, default=12, help="photos for dlib's cnn; default: 12")
    parser.add_argument("--rounds", type=int, default=1, help="of everything end to end; default: 1")
    parser.add_argument("--json", action="store_true", help="machine-readable")
    parser.add_argument("--smoke", action="store_true", help="two photos, to see that it runs")
    parser.add_argument("--tutorial", choices=("cnn", "hog"), help=argparse.SUPPRESS)
    parser.add_argument("--jobs", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("folder", type=Path, nargs="?", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.tutorial:
        print(json.dumps(run_tutorial(args.folder, args.tutorial, args.jobs)))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        sets = {"smoke": make_smoke_photos(Path(scratch))}
        if args.photos and not args.smoke:
            names = {"-".join(folder.resolve().parts[-2:]): folder for folder in args.photos}
            sets = {name: pick_photos(folder, args.limit) for name, folder in names.items()}
        for name, photos in sets.items():
            if not photos:
                print(f"pipeline.py: no photos in {name}", file=sys.stderr)
                return 2
        slow = 1 if args.smoke else args.slow
        results = [
            measure(name, photos, min(slow, len(photos)), args.rounds, Path(scratch))
            for name, photos in sets.items()
        ]
    machine = describe_machine()
    if args.json:
        print(json.dumps({"sets": results, "machine": machine}, indent=2))
    else:
        print(", ".join(f"{key} {value}" for key, value in machine.items()))
        for result in results:
            print_set(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
