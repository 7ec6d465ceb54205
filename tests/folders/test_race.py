"""Somebody renames, deletes and replaces at random while faced works on the same folders.

No file of theirs is ever lost: each is found at the end, in People or in what they took out of it themselves.
3 seconds; 10 minutes with FACED_LONG=1. The seed is in the failure.
"""

import os
import random
import threading
import time
from pathlib import Path

from faced.folders.plan import PhotoPath, ShownPerson
from faced.folders.writer import KernelWriter
from faced.model import ImageId, PersonId
from tests.support.treeworld import snapshot

IMAGES, PERSONS = 12, 1000
SECONDS = 600 if os.environ.get("FACED_LONG") else 3


class Hostile(threading.Thread):
    """Somebody who never overwrites a file of their own: files are made and moved without replacing only, and what
    they delete they take away first, to see what it was.
    """

    def __init__(self, people: Path, away: Path, seed: int) -> None:
        super().__init__(daemon=True)
        self.people, self.away = people, away
        self.random = random.Random(seed)
        self.tokens: set[str] = set()
        self.stopped = threading.Event()
        self.count = 0
        self.failure: Exception | None = None
        self.writer = KernelWriter()

    def run(self) -> None:
        away = os.open(self.away, os.O_RDONLY)
        try:
            while not self.stopped.is_set():
                folders = [
                    p for p in self.people.iterdir() if p.name[0] != "." and p.is_dir() and not p.is_symlink()
                ]
                self.random.choice(
                    [self.replace_link, self.replace_link, self.add, self.move_folder, self.take]
                )(self.random.choice(folders) if folders else self.people, away)
                self.count += 1
                time.sleep(self.random.random() / 2000)
        except Exception as failure:
            self.failure = failure
        finally:
            os.close(away)

    def make(self, path: Path) -> None:
        token = f"token {len(self.tokens)}"
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW)
        except OSError:
            return
        os.write(handle, token.encode())
        os.close(handle)
        self.tokens.add(token)

    def pick(self, folder: Path) -> Path | None:
        try:
            entries = sorted(path for path in folder.iterdir() if path.name[0] != ".")
        except OSError:
            return None
        return self.random.choice(entries) if entries else None

    def take_away(self, path: Path, away: int) -> None:
        """Move it out of the tree under a new name: a deletion that can be looked at."""
        try:
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            return
        try:
            self.writer.move(folder, os.fsencode(path.name), away, b"%d" % self.random.getrandbits(60))
        except OSError:
            pass
        finally:
            os.close(folder)

    def replace_link(self, folder: Path, away: int) -> None:
        path = self.pick(folder)
        if path is not None and path.is_symlink():
            self.take_away(path, away)
            self.make(path)

    def add(self, folder: Path, away: int) -> None:
        self.make(folder / f"{self.random.randrange(12)}.jpg")

    def take(self, folder: Path, away: int) -> None:
        path = self.pick(folder)
        if path is not None:
            self.take_away(path, away)

    def move_folder(self, folder: Path, away: int) -> None:
        root = os.open(self.people, os.O_RDONLY)
        try:
            name = self.random.choice([b"Person 1", b"Person 2", b"Anna", b"Ben"])
            if folder != self.people:
                self.writer.move(root, os.fsencode(folder.name), root, name)
        except OSError:
            pass
        finally:
            os.close(root)


def tokens_in(*folders: Path) -> set[str]:
    found = set()
    for folder in folders:
        for where, _, files in os.walk(folder):
            for name in files:
                path = Path(where, name)
                if not path.is_symlink():
                    found.add(path.read_text())
    return found


def test_promise_4_no_file_of_somebody_at_work_is_lost(world):
    """The wanted persons change all the time, so that there is always something to make, drop and lead elsewhere."""
    seed = random.SystemRandom().getrandbits(32)
    away = world.folder / "away"
    away.mkdir()
    chance = random.Random(seed + 1)
    for image in range(IMAGES):
        world.photo(image, f"a/{image}.jpg")
    for number in range(1, PERSONS + 1):
        world.person(number, [])
    world.sync()
    hostile = Hostile(world.people, away, seed)
    hostile.start()
    made, rounds, end = 0, 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        rounds += 1
        for image in range(IMAGES):
            photos = [PhotoPath(b"/photos", b"%s/%d.jpg" % (where, image), 0) for where in (b"a", b"b", b"c")]
            world.photos[ImageId(image)] = (chance.choice(photos),)
        first = rounds // 3 % (PERSONS - 2) + 1
        world.persons = {
            number: ShownPerson(
                PersonId(number),
                chance.choice([None, None, "Anna", "Ben"]),
                frozenset(map(ImageId, chance.sample(range(IMAGES), 8))),
            )
            for number in chance.sample(range(first, first + 3), 2)
        }
        made += world.sync(batch=chance.choice([1, 5, 200])).made
    hostile.stopped.set()
    hostile.join()
    assert hostile.failure is None, f"seed {seed}"
    world.sync()
    lost = hostile.tokens - tokens_in(world.people, away)
    assert not lost, f"seed {seed}"
    print(f"{rounds} runs, {made} links, {hostile.count} acts, {len(hostile.tokens)} files, seed {seed}")
    assert made > 0, f"seed {seed}"
    assert hostile.count > 0
    assert os.listdir(world.people / ".faced" / "tmp") == []
    assert all(text is None or text.startswith("/photos/") for text in snapshot(world.people).values())
