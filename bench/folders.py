"""The people folder against `find`: a sync with nothing changed, and one with a hundred changes, in one run.

    python bench/folders.py [--folders N] [--links N] [--rounds N] [--json] [--smoke]

A people folder (500 folders of 200 links, the targets do not exist) is made in a temporary folder by faced itself.
Then in turns: `find -type l | wc -l` over it; the folder's part of a pass in this process (reading what the user
did, planning, changing), which finds nothing to do; the same after something else was written to the store; and after
a hundred photos have moved in the library: as a new process does it, which reads and plans everything, and as the daemon
does, which remembers what was to be shown when nothing was to be done. The figures are medians, the ratio is the median of the rounds' ratios.
Deciding who is who and looking at the library are other benches (growth, scan).
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from _shared import run_tree_bench, timed

from faced.folders.plan import PhotoPath, ShownPerson
from faced.folders.read import Known, ReadReport, read_user_edits
from faced.folders.rest import Remembered
from faced.folders.sync import TreeReport, sync_tree
from faced.model import ImageId, PersonId
from faced.store.database import Store, open_store
from faced.store.seen import is_at_rest

KEY = "bench"
CHANGES = 100
TIME = 1_500_000_000_000_000_000


class Bench:
    """A people folder with its state. moved: how often photos have moved."""

    def __init__(self, root: Path, store: Store, folders: int, links: int) -> None:
        self.root, self.store, self.folders, self.links = root, store, folders, links
        self.moved = 0
        self.remembered: Remembered | None = None
        self.photos = {ImageId(number): self._photo(number) for number in range(1, folders * links + 1)}
        with store.write() as db:
            db.conn.executemany(
                "INSERT INTO images (id, key, format, width, height) VALUES (?, ?, 'JPEG', 1, 1)",
                [(number, f"b1:{number}") for number in self.photos],
            )
            db.conn.executemany("INSERT INTO persons (id) VALUES (?)", [(n + 1,) for n in range(folders)])

    def _photo(self, number: int, folder: str = "2019") -> tuple[PhotoPath, ...]:
        return (PhotoPath(b"/photos", b"%b/IMG_%06d.jpg" % (folder.encode(), number), TIME),)

    def shown(self) -> list[ShownPerson]:
        """Everybody, on as many photos each."""
        numbers = sorted(self.photos)
        return [
            ShownPerson(PersonId(n + 1), None, frozenset(numbers[n * self.links : (n + 1) * self.links]))
            for n in range(self.folders)
        ]

    def find(self) -> None:
        """What a sync is measured by."""
        with subprocess.Popen(["find", self.root, "-type", "l"], stdout=subprocess.PIPE) as find:
            found = subprocess.run(["wc", "-l"], stdin=find.stdout, check=True, capture_output=True)
        assert int(found.stdout) == self.folders * self.links, found.stdout

    def sync(self) -> tuple[ReadReport, TreeReport | None]:
        """The folder's part of a pass. None: nothing has changed, so nothing was planned."""
        root = os.fsencode(self.root)
        read = read_user_edits(
            self.store,
            root,
            Known(),
            lambda db, edits: None,
            now_ns=time.time_ns(),
            trust_first=True,
            key=KEY,
            remembered=self.remembered,
        )
        if read.rests and is_at_rest(self.store.db, KEY):
            return read, None
        tree = sync_tree(
            self.store,
            root,
            self.shown(),
            self.photos,
            seen=read.seen,
            key=KEY,
            remembered=self.remembered,
            untouched=read.untouched,
        )
        assert tree.frozen is None, tree.frozen
        return read, tree

    def settle(self) -> None:
        """Until no folder is young any more and a sync has nothing to do."""
        time.sleep(2.1)
        with self.store.write() as db:
            db.execute("UPDATE persons SET id = id WHERE id = 1")  # so that what is remembered is of now
        while self.sync()[1] is not None:
            pass

    def time_with_changes(self, remembered: Remembered | None, *, moves: bool = True) -> float:
        """Seconds for a sync after the store has changed, and a hundred photos where `moves` says so."""
        self.remembered = remembered
        if moves:
            self.settle()
            self.move_photos()
        with self.store.write() as db:
            db.execute("UPDATE persons SET id = id WHERE id = 1")  # something else was written
        seconds = timed(self.sync)
        self.settle()
        return seconds

    def move_photos(self) -> None:
        """A hundred photos have another path in the library."""
        self.moved += 1
        step = max(1, len(self.photos) // CHANGES)
        for number in sorted(self.photos)[::step][:CHANGES]:
            self.photos[number] = self._photo(number, f"moved {self.moved}")


def measure(base: Path, folders: int, links: int, rounds: int) -> dict[str, object]:
    """Make the people folder, and take turns."""
    with open_store(base / "state") as store:
        bench = Bench(base / "people", store, folders, links)
        first = timed(bench.sync)
        bench.settle()
        find, rest, full, changed, known = [], [], [], [], []
        memory = Remembered()
        for _ in range(rounds):
            find.append(timed(bench.find))
            rest.append(timed(bench.sync))
            full.append(bench.time_with_changes(None, moves=False))
            changed.append(bench.time_with_changes(None))
            known.append(bench.time_with_changes(memory))
        assert bench.sync()[1] is None
    return {
        "links": folders * links,
        "folders": folders,
        "rounds": rounds,
        "first_sync_ms": round(1e3 * first, 1),
        "find_ms": round(1e3 * statistics.median(find), 1),
        "nothing_changed_ms": round(1e3 * statistics.median(rest), 1),
        "ratio": round(statistics.median(s / f for s, f in zip(rest, find, strict=True)), 2),
        "no_folder_changed_ms": round(1e3 * statistics.median(full), 1),
        "hundred_changes_whole_ms": round(1e3 * statistics.median(changed), 1),
        "hundred_changes_ms": round(1e3 * statistics.median(known), 1),
        "of_whole": round(statistics.median(k / c for k, c in zip(known, changed, strict=True)), 3),
    }


def show(figures: dict[str, object]) -> None:
    """A few lines for people."""
    print(f"{figures['links']} links in {figures['folders']} folders; {figures['machine']}")
    print(f"find -type l | wc -l            {figures['find_ms']:>9} ms")
    print(
        f"sync, nothing changed           {figures['nothing_changed_ms']:>9} ms   {figures['ratio']} x find"
    )
    print(f"sync, the store has changed     {figures['no_folder_changed_ms']:>9} ms")
    print(f"sync, a hundred photos moved    {figures['hundred_changes_whole_ms']:>9} ms   by a new process")
    print(
        f"the same, by one that lives on  {figures['hundred_changes_ms']:>9} ms   {figures['of_whole']} of that"
    )
    print(f"sync, the first                 {figures['first_sync_ms']:>9} ms")


if __name__ == "__main__":
    sys.exit(run_tree_bench(__doc__, "links", 5, (20, 20, 1), measure, show))
