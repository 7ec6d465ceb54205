"""The people folder against `find`: a sync with nothing changed, and what changes cost, in one run.

    python bench/folders.py [--folders N] [--links N] [--rounds N] [--json] [--smoke]

A people folder (500 folders of 200 links, the targets do not exist) is made in a temporary folder by faced itself.
Then in turns: `find -type l | wc -l` over it; the folder's part of a pass in this process (reading what the user
did, planning, changing), which finds nothing to do; the same after something else was written to the store; after
a hundred photos have moved in the library; the same with other settings, so that everything is read and planned; after
the user has moved a hundred links from one folder to another, has renamed a folder, has deleted a link; and after a
hundred photos have moved while a file and a link of the user's are left alone and a question is open. Nothing is kept
in the process, so a new one takes no longer. Figures are medians; ratios are the medians of the rounds' ratios. By the
clock, and processor time.
Deciding who is who and looking at the library are other benches (growth, scan).
"""

import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from _shared import run_tree_bench
from sqlite_utils import Database

from faced.folders.edits import FolderEdit, Moved, Named, Rejected
from faced.folders.plan import PhotoPath, ShownPerson
from faced.folders.read import Known, ReadReport, read_user_edits
from faced.folders.sync import TreeReport, sync_tree
from faced.model import ImageId, PersonId
from faced.store.database import Store, open_store
from faced.store.seen import is_at_rest

CHANGES = 100
TIME = 1_500_000_000_000_000_000
KEY = "bench"
ROWS = {
    "rest": "nothing changed",
    "stored": "the store has changed",
    "photos": "a hundred photos moved",
    "whole": "a hundred photos moved, everything planned",
    "moved": "the user moved a hundred links",
    "renamed": "the user renamed a folder",
    "deleted": "the user deleted a link",
    "alone": "a hundred photos moved, something left alone and asked",
}


class Bench:
    """A people folder with its state. moved: how often photos have moved. key: of the settings."""

    def __init__(self, root: Path, store: Store, folders: int, links: int) -> None:
        self.root, self.store, self.folders, self.links = root, store, folders, links
        self.moved, self.gestures = 0, 0
        self.key = KEY
        numbers = range(1, folders * links + 1)
        self.photos = {ImageId(number): self._photo(number) for number in numbers}
        self.persons = {
            PersonId(n + 1): ShownPerson(
                PersonId(n + 1), None, frozenset(map(ImageId, numbers[n * links : (n + 1) * links]))
            )
            for n in range(folders)
        }
        with store.write() as db:
            db.conn.executemany(
                "INSERT INTO images (id, key, format, width, height) VALUES (?, ?, 'JPEG', 1, 1)",
                [(number, f"b1:{number}") for number in self.photos],
            )
            db.conn.executemany("INSERT INTO persons (id) VALUES (?)", [(n,) for n in self.persons])

    def _photo(self, number: int, folder: str = "2019") -> tuple[PhotoPath, ...]:
        return (PhotoPath(b"/photos", b"%b/IMG_%06d.jpg" % (folder.encode(), number), TIME),)

    def find(self) -> None:
        """What a sync is measured by."""
        with subprocess.Popen(["find", self.root, "-type", "l"], stdout=subprocess.PIPE) as find:
            found = subprocess.run(["wc", "-l"], stdin=find.stdout, check=True, capture_output=True)
        assert int(found.stdout) >= self.folders * self.links - self.gestures, found.stdout

    def sync(self) -> tuple[ReadReport, TreeReport | None]:
        """The folder's part of a pass. None: nothing has changed, so nothing was planned."""
        root = os.fsencode(self.root)
        names = {person.id: person.name for person in self.persons.values() if person.name is not None}
        read = read_user_edits(
            self.store,
            root,
            Known(names=names, persons=names),
            self._record,
            now_ns=time.time_ns(),
            trust_first=True,
            key=self.key,
        )
        if read.rests and is_at_rest(self.store.db, self.key):
            return read, None
        tree = sync_tree(
            self.store,
            root,
            self.persons.values(),
            self.photos,
            seen=read.seen,
            key=self.key,
            may_rest=not (read.edits or read.undecided or read.asks),
        )
        assert tree.frozen is None, tree.frozen
        return read, tree

    def _record(self, db: Database, edits: Sequence[FolderEdit]) -> Mapping[bytes, PersonId]:
        """What the user said, as far as a user of this bench says anything."""
        taken: dict[PersonId, set[ImageId]] = defaultdict(set)
        given: dict[PersonId, set[ImageId]] = defaultdict(set)
        for edit in edits:
            match edit:
                case Moved(person, image, source, _):
                    taken[source].add(image)
                    given[person].add(image)
                case Rejected(person, image, _):
                    taken[person].add(image)
                case Named(person, name, _, _):
                    self.persons[person] = replace(self.persons[person], name=name)
                case _:
                    raise AssertionError(edit)
        for person in taken.keys() | given.keys():
            images = self.persons[person].images - taken[person] | given[person]
            self.persons[person] = replace(self.persons[person], images=images)
        return {}

    def settle(self) -> None:
        """Until no folder is young any more and a sync has nothing to do."""
        time.sleep(2.1)
        for _ in range(8):
            read, tree = self.sync()
            is_calm = tree is not None and not (
                tree.made or tree.dropped or tree.retargeted or tree.folders_moved
            )
            if tree is None or (read.asks and is_calm):
                return
        raise AssertionError("there is always something to do")

    def time(self, change: Callable[[], None]) -> tuple[float, float]:
        """ms of a pass after the change, by the clock and of the processor."""
        change()
        time.sleep(2.1)
        clock, processor = time.perf_counter(), time.process_time()
        self.sync()
        took = 1e3 * (time.perf_counter() - clock), 1e3 * (time.process_time() - processor)
        self.settle()
        return took

    # What happens.

    def write(self) -> None:
        """Something else is written to the store."""
        with self.store.write() as db:
            db.execute("UPDATE persons SET id = id WHERE id = 1")

    def move_photos(self) -> None:
        """A hundred photos have another path in the library."""
        self.moved += 1
        step = max(1, len(self.photos) // CHANGES)
        for number in sorted(self.photos)[::step][:CHANGES]:
            self.photos[number] = self._photo(number, f"moved {self.moved}")
        self.write()

    def change_key(self) -> None:
        """As move_photos, and nothing that was noted counts."""
        self.key += "x"
        self.move_photos()

    def _folder(self) -> Path:
        """Another one each time."""
        self.gestures += 1
        return sorted(path for path in self.root.iterdir() if path.is_dir() and path.name[0] != ".")[
            self.gestures % self.folders
        ]

    def move_links(self) -> None:
        """Half of the links of a folder, a hundred at most, into the next one."""
        source, target = self._folder(), self._folder()
        links = sorted(source.iterdir())
        for link in links[: min(CHANGES, len(links) // 2)]:
            link.rename(target / link.name)

    def rename_folder(self) -> None:
        """It has a name now, or another one."""
        folder = self._folder()
        folder.rename(folder.with_name(f"Name {self.gestures}"))

    def delete_link(self) -> None:
        """One."""
        min(self._folder().iterdir()).unlink()

    def leave_something(self) -> None:
        """A file, a link to somewhere else, and so many deleted links that faced asks."""
        folder = self._folder()
        (folder / "note.txt").write_text("mine")
        (folder / "elsewhere").symlink_to("/elsewhere")
        links = sorted(self._folder().iterdir())
        for link in links[: 2 + len(links) * 2 // 3]:
            self.gestures += 1
            link.unlink()
        self.settle()


def measure(base: Path, folders: int, links: int, rounds: int) -> dict[str, object]:
    """Make the people folder, and take turns."""
    with open_store(base / "state") as store:
        bench = Bench(base / "people", store, folders, links)
        begun = time.perf_counter()
        bench.sync()
        first = 1e3 * (time.perf_counter() - begun)
        bench.settle()
        find = []
        took: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for _ in range(rounds):
            begun = time.perf_counter()
            bench.find()
            find.append(1e3 * (time.perf_counter() - begun))
            took["rest"].append(bench.time(lambda: None))
            took["stored"].append(bench.time(bench.write))
            took["photos"].append(bench.time(bench.move_photos))
            took["whole"].append(bench.time(bench.change_key))
            took["moved"].append(bench.time(bench.move_links))
            took["renamed"].append(bench.time(bench.rename_folder))
            took["deleted"].append(bench.time(bench.delete_link))
        bench.leave_something()
        for _ in range(rounds):
            took["alone"].append(bench.time(bench.move_photos))
    rest = [clock for clock, _ in took["rest"]]
    return {
        "links": folders * links,
        "folders": folders,
        "rounds": rounds,
        "first_sync_ms": round(first, 1),
        "find_ms": round(statistics.median(find), 1),
        "ratio": round(statistics.median(s / f for s, f in zip(rest, find, strict=True)), 2),
        "rows": {
            row: {
                "ms": round(statistics.median(clock for clock, _ in times), 1),
                "processor_ms": round(statistics.median(processor for _, processor in times), 1),
            }
            for row, times in took.items()
        },
    }


def show(figures: dict[str, object]) -> None:
    """A few lines for people."""
    rows = figures["rows"]
    assert isinstance(rows, dict)
    print(f"{figures['links']} links in {figures['folders']} folders; {figures['machine']}")
    print(f"{'':60} {'ms':>9} {'processor':>9}")
    print(f"{'find -type l | wc -l':60} {figures['find_ms']:>9}")
    for row, text in ROWS.items():
        print(f"{'sync, ' + text:60} {rows[row]['ms']:>9} {rows[row]['processor_ms']:>9}")
    print(f"{'sync, the first':60} {figures['first_sync_ms']:>9}")
    print(f"nothing changed: {figures['ratio']} x find")


if __name__ == "__main__":
    sys.exit(run_tree_bench(__doc__, "links", 5, (20, 20, 1), measure, show))
