"""A people folder to try things on: a real store and real folders below one temporary folder.

Persons and images are plain numbers; `photo` and `person` say what is to be shown, `sync` makes it so.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from faced.folders.plan import PhotoPath, ShownPerson
from faced.folders.sync import TreeReport, sync_tree
from faced.folders.writer import TreeWriter
from faced.model import ImageId, PersonId
from faced.store.database import Store, open_store
from faced.store.tree import load_base, load_intents, load_left_alone, load_tree

__all__ = ["LIBRARY", "TreeWorld", "open_world", "snapshot"]

LIBRARY = b"/photos"
TIME = 1_500_000_000_000_000_000
OWN_FILES = frozenset([".nomedia", ".noimage", ".ppignore", ".plexignore"])


class TreeWorld:
    """What is wanted, and the folder in which it is made so."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder = folder
        self.people = folder / "people"
        self.store = store
        self.photos: dict[ImageId, tuple[PhotoPath, ...]] = {}
        self.persons: dict[int, ShownPerson] = {}

    def photo(self, image: int, *paths: str | bytes) -> None:
        """The photos that hold an image now; none: it is gone."""
        found = [PhotoPath(LIBRARY, os.fsencode(path), TIME + image * 10**9) for path in paths]
        self.photos[ImageId(image)] = tuple(sorted(found))
        self._insert(
            "INSERT OR IGNORE INTO images (id, key, format, width, height) VALUES (?, ?, 'JPEG', 1, 1)",
            [(image, f"b1:{image}")],
        )

    def person(
        self, number: int, images: Iterable[int], name: str | None = None, place: bytes | None = None
    ) -> None:
        """Show somebody on these images."""
        self.persons[number] = ShownPerson(PersonId(number), name, frozenset(map(ImageId, images)), place)
        self._insert("INSERT OR IGNORE INTO persons (id) VALUES (?)", [(number,)])

    def _insert(self, sql: str, rows: list[tuple[object, ...]]) -> None:
        with self.store.write() as db:
            db.conn.executemany(sql, rows)

    def sync(self, writer: TreeWriter | None = None, **options: object) -> TreeReport:
        """One run of the step."""
        return sync_tree(
            self.store,
            os.fsencode(self.people),
            self.persons.values(),
            self.photos,
            writer=writer,
            **options,  # type: ignore[arg-type]
        )

    # What came of it.

    def links(self) -> dict[str, str]:
        """Every link in the tree: its path to its text."""
        return {path: text for path, text in snapshot(self.people).items() if text is not None}

    def shows(self) -> set[tuple[str, str]]:
        """(folder, text) of every link in the tree."""
        return {(os.path.dirname(path), text) for path, text in self.links().items()}

    def left_alone(self) -> dict[str, str]:
        """Path to reason."""
        return {os.fsdecode(path): reason for path, reason in load_left_alone(self.store.db)}

    def problem(self) -> str | None:
        """Why the people folder is frozen."""
        tree = load_tree(self.store.db)
        return None if tree is None else tree.problem

    def check(self) -> None:
        """Base is what is on disk, nothing is half done, and what is wanted is shown, each once."""
        base = load_base(self.store.db)
        assert load_intents(self.store.db) == []
        assert os.listdir(self.people / ".faced" / "tmp") == []
        assert sorted(os.listdir(self.people / ".faced")) == ["README", "junk", "tmp", "tree.json"]
        paths = {folder.id: folder for folder in base.folders}
        for folder in base.folders:
            assert os.lstat(self.people / os.fsdecode(folder.path)).st_ino == folder.ino
        links = self.links()
        for link in base.links:
            path = os.fsdecode(paths[link.folder].path + b"/" + link.name)
            assert links.pop(path) == os.fsdecode(link.text)
            assert link.text in {photo.text for photo in self.photos[link.image]}
            time_ns = next(p.time_ns for p in self.photos[link.image] if p.text == link.text)
            assert os.lstat(self.people / path).st_mtime_ns == time_ns
        shown = sorted((link.person, link.image) for link in base.links)
        assert shown == sorted(
            (person.id, image)
            for person in self.persons.values()
            for image in person.images
            if self.photos.get(image)
        )
        assert {link.person for link in base.links if paths[link.folder].person != link.person} == set()


def snapshot(people: Path) -> dict[str, str | None]:
    """Every entry below a people folder but faced's own: links with their text, others with None."""
    found: dict[str, str | None] = {}
    for folder, folders, files in os.walk(people):
        if Path(folder) == people:
            folders[:] = [name for name in folders if name != ".faced"]
            files = [name for name in files if name not in OWN_FILES]
        for name in folders + files:
            path = Path(folder, name)
            found[str(path.relative_to(people))] = os.readlink(path) if path.is_symlink() else None
    return found


@contextmanager
def open_world(folder: Path) -> Iterator[TreeWorld]:
    """A world in `folder`, with what its store remembers of an earlier one."""
    with open_store(folder / "state") as store:
        yield TreeWorld(folder, store)
