"""How long from a photo dropped into the library until its link is in the person's folder: warm, and from idle.

    python bench/latency.py [--trials N] [--idle N] [--json] [--smoke]

The demo library, two thirds of it sorted by the daemon before the clock starts; then its other photos are dropped
one after the other, each under a new name. Warm: faced was at work less than a minute ago. Idle: it was left alone
until its helpers had ended, which takes over a minute a trial. A photo must rest for `library.settle` (2 s) before it
is taken; that is part of the time.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from faced.demo import DemoLibrary, make_demo

PATIENCE = 600.0  # s
GOALS = {"warm": 3.0, "idle": 6.0}  # s
LOOK = 0.02  # s, between two looks for the link


class Home:
    """Where it all happens. daemon: once it runs."""

    def __init__(self, folder: Path) -> None:
        self.photos, self.people, self.state = folder / "Pictures", folder / "People", folder / "state"
        self.photos.mkdir()
        self.log = folder / "log"
        faced = [sys.executable, "-m", "faced"]
        self.command = [
            *faced,
            "run",
            str(self.photos),
            "--people",
            str(self.people),
            "--state",
            str(self.state),
        ]

    @contextmanager
    def daemon(self) -> Iterator[int]:
        """The process that runs, until the block ends."""
        with self.log.open("wb") as log, subprocess.Popen(self.command, stdout=log, stderr=log) as process:
            try:
                yield process.pid
            finally:
                process.send_signal(signal.SIGTERM)

    def linked(self) -> set[str]:
        """Every photo that is in some person's folder, as the link names it."""
        found = set()
        for folder in self.people.iterdir() if self.people.is_dir() else ():
            if not folder.name.startswith("."):
                found |= {os.readlink(link.path) for link in os.scandir(folder) if link.is_symlink()}
        return found

    def wait_for(self, photos: set[Path]) -> float:
        """Wait until all are linked; the time then."""
        wanted, end = set(map(str, photos)), time.monotonic() + PATIENCE
        while not wanted <= self.linked():
            if time.monotonic() > end:
                raise SystemExit(f"not linked within {PATIENCE:.0f} s:\n{self.log.read_text()}")
            time.sleep(LOOK)
        return time.monotonic()


def descendants(pid: int) -> list[int]:
    """All processes below this one, whichever thread started them."""
    found = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


def wait_until_idle(pid: int) -> None:
    """Until the workers and the deciding process have ended; what stays is the child and its tracker of semaphores."""
    end = time.monotonic() + PATIENCE
    while len(descendants(pid)) > 2:
        if time.monotonic() > end:
            raise SystemExit("its helpers never end")
        time.sleep(1)


def drop(home: Home, source: Path, name: str) -> float:
    """Seconds from the copy until the link."""
    target = home.photos / name
    shutil.copy(source, target)
    began = time.monotonic()
    return home.wait_for({target}) - began


def choose(demo: DemoLibrary) -> tuple[list[str], list[str]]:
    """(photos that are there from the beginning, photos to drop): everybody is in three of the first."""
    seen: dict[str, int] = {}
    first, rest = [], []
    for path, people in demo.photos.items():
        if path in demo.copies:
            continue
        if all(seen.get(person, 0) >= 3 for person in people):
            rest.append(path)
        else:
            first.append(path)
            for person in people:
                seen[person] = seen.get(person, 0) + 1
    return first, rest


def measure(folder: Path, warm: int, idle: int) -> dict[str, list[float]]:
    """Seconds of each trial."""
    demo, home = make_demo(folder / "demo"), Home(folder)
    first, rest = choose(demo)
    for path in first:
        target = home.photos / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(demo.folder / path, target)
    if len(rest) < warm + idle:
        raise SystemExit(f"there are only {len(rest)} photos to drop")
    seconds: dict[str, list[float]] = {"warm": [], "idle": []}
    with home.daemon() as pid:
        home.wait_for({home.photos / path for path in first})
        for number, path in enumerate(rest[:warm]):
            seconds["warm"].append(drop(home, demo.folder / path, f"warm {number}{Path(path).suffix}"))
            time.sleep(1)
        for number, path in enumerate(rest[warm : warm + idle]):
            wait_until_idle(pid)
            seconds["idle"].append(drop(home, demo.folder / path, f"idle {number}{Path(path).suffix}"))
    return seconds


def report(seconds: dict[str, list[float]]) -> dict[str, Any]:
    """Median and worst of each kind."""
    kinds = {
        kind: {
            "trials": len(times),
            "median": statistics.median(times),
            "worst": max(times),
            "goal": GOALS[kind],
        }
        for kind, times in seconds.items()
        if times
    }
    return {"cores": len(os.sched_getaffinity(0)), "load": os.getloadavg()[0], "seconds": kinds}


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=10, metavar="N", help="photos dropped while it is warm")
    parser.add_argument("--idle", type=int, default=3, metavar="N", help="photos dropped after it was idle")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--smoke", action="store_true", help="two warm trials, to see that it works")
    options = parser.parse_args()
    warm, idle = (2, 0) if options.smoke else (options.trials, options.idle)
    with tempfile.TemporaryDirectory(prefix="faced-latency-") as folder:
        found = report(measure(Path(folder), warm, idle))
    if options.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{found['cores']} cores, load {found['load']:.1f}")
    for kind, row in found["seconds"].items():
        print(
            f"{kind}: median {row['median']:.2f} s, worst {row['worst']:.2f} s of {row['trials']} (goal {row['goal']:.0f} s)"
        )


if __name__ == "__main__":
    main()
