"""The scan of a library against `find`, and a look at one folder against a look at all, in one run.

    python bench/scan.py [--folders N] [--files N] [--rounds N] [--json] [--smoke]

A tree of empty files named like photos is made in a temporary folder (500 folders of 200) and scanned once.
Then in turns: `find -printf '%s %T@'` over it; the whole library step in this process, which finds nothing
changed; and, with one new photo each time, the step for the photo's folder only, and for everything. The
figures are medians, the ratio is the median of the rounds' ratios.
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from _shared import run_tree_bench, timed

from faced.library.step import LibraryReport, scan_library
from faced.model import LibraryId
from faced.store.database import Store, open_store
from faced.store.photos import load_libraries, set_libraries

FOLDERS_A_YEAR = 25


def make_tree(root: Path, folders: int, files: int) -> None:
    """Years, in them albums, in them empty files."""
    for number in range(folders):
        folder = root / folder_name(number)
        folder.mkdir(parents=True)
        for photo in range(files):
            (folder / f"IMG_{number:03}_{photo:04}.jpg").touch()


def folder_name(number: int) -> str:
    """Relative to the library."""
    return f"{2000 + number // FOLDERS_A_YEAR}/{number:03}"


class Bench:
    """One library with its state."""

    def __init__(self, root: Path, store: Store, library: LibraryId) -> None:
        self.root, self.store, self.library = root, store, library
        self.new = 0

    def find(self) -> None:
        """What a scan is measured by."""
        command = ["find", self.root, "-printf", "%s %T@\n"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def scan(self, only: dict[bytes, bool] | None = None) -> LibraryReport:
        """The whole library step, in this process."""
        return scan_library(self.store, self.library, None, only=only)

    def scan_unchanged(self) -> None:
        """Nothing is to be found."""
        report = self.scan()
        assert report == LibraryReport(report.root, online=True), report

    def time_new_photo(self, *, part: bool) -> float:
        """Seconds to find one new photo: by a look at its folder, or at everything."""
        self.new += 1
        folder = folder_name(0)
        (self.root / folder / f"new {self.new}.jpg").touch()
        only = {os.fsencode(folder): False} if part else None
        start = time.perf_counter()
        report = self.scan(only)
        seconds = time.perf_counter() - start
        assert report.added == 1, report
        return seconds


def measure(base: Path, folders: int, files: int, rounds: int) -> dict[str, object]:
    """Make the tree, and take turns."""
    root = base / "library"
    make_tree(root, folders, files)
    with open_store(base / "state") as store:
        with store.write() as db:
            set_libraries(db, [os.fsencode(root)], exact=True)
        (library,) = load_libraries(store.db)
        bench = Bench(root, store, library.id)
        first = timed(bench.scan)
        bench.scan_unchanged()
        find, scan, part, full = [], [], [], []
        for _ in range(rounds):
            find.append(timed(bench.find))
            scan.append(timed(bench.scan_unchanged))
            part.append(bench.time_new_photo(part=True))
            full.append(bench.time_new_photo(part=False))
    return {
        "photos": folders * files,
        "folders": folders,
        "rounds": rounds,
        "first_scan_ms": round(1e3 * first, 1),
        "find_ms": round(1e3 * statistics.median(find), 1),
        "unchanged_scan_ms": round(1e3 * statistics.median(scan), 1),
        "ratio": round(statistics.median(s / f for s, f in zip(scan, find, strict=True)), 2),
        "new_photo_part_ms": round(1e3 * statistics.median(part), 2),
        "new_photo_full_ms": round(1e3 * statistics.median(full), 1),
    }


def show(figures: dict[str, object]) -> None:
    """A few lines for people."""
    print(f"{figures['photos']} photos in {figures['folders']} folders; {figures['machine']}")
    print(f"find -printf            {figures['find_ms']:>9} ms")
    print(f"scan, nothing changed   {figures['unchanged_scan_ms']:>9} ms   {figures['ratio']} x find")
    print(f"scan, the first         {figures['first_scan_ms']:>9} ms")
    print(f"one new photo, its folder looked at   {figures['new_photo_part_ms']:>9} ms")
    print(f"one new photo, everything looked at   {figures['new_photo_full_ms']:>9} ms")


if __name__ == "__main__":
    sys.exit(run_tree_bench(__doc__, "files", 9, (30, 20, 2), measure, show))
