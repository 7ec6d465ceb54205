"""A people folder to try things on: a real store and real folders below one temporary folder.

Persons and images are plain numbers; `photo` and `person` say what is to be shown, `sync` makes it so.
"""

import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from zlib import crc32

import numpy as np

from faced.folders.plan import PhotoPath, ShownPerson
from faced.folders.plan_pictures import ShownFaces, WantedPicture
from faced.folders.sync import FacesToShow, TreeReport, sync_tree
from faced.folders.writer import TreeWriter
from faced.model import Box, ImageId, ImageKey, PersonId
from faced.pictures.crop import cut_face, read_comment
from faced.store.base import load_base
from faced.store.database import Store, open_store
from faced.store.edits import Spot
from faced.store.intents import load_intents
from faced.store.pictures import comment_of, face_of_comment, face_text
from faced.store.tree import load_left_alone, load_tree

__all__ = ["LIBRARY", "TreeWorld", "cut_squares", "face_on", "open_world", "snapshot"]

LIBRARY = b"/photos"
TIME = 1_500_000_000_000_000_000
OWN_FILES = frozenset([".nomedia", ".noimage", ".ppignore", ".plexignore"])


def face_on(image: int) -> str:
    """A face of an image, as face pictures name it."""
    return face_text(Spot(ImageKey(f"b1:{image}"), Box(0.25, 0.25, 0.5, 0.5)))


def cut_squares(faces: Collection[str]) -> dict[str, bytes]:
    """A small JPEG for each face, as cut out of a photo that is all of one colour."""
    box = Box(0.25, 0.25, 0.5, 0.5)
    return {
        face: cut_face(np.full((64, 64, 3), crc32(face.encode()) % 251, np.uint8), box, comment_of(face))
        for face in faces
    }


class TreeWorld:
    """What is wanted, and the folder in which it is made so."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder = folder
        self.people = folder / "people"
        self.store = store
        self.photos: dict[ImageId, tuple[PhotoPath, ...]] = {}
        self.persons: dict[int, ShownPerson] = {}
        self.faces: dict[PersonId, list[WantedPicture]] | None = None

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

    def propose(self, person: int, images: Iterable[int]) -> None:
        """The faces on these images may be this person; 0: they are nobody's."""
        self.faces = self.faces or {}
        self.faces[PersonId(person)] = [
            WantedPicture(face_on(image), b"%d.jpeg" % image, TIME, None if person == 0 else 0.4)
            for image in images
        ]

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
            faces=None if self.faces is None else FacesToShow(ShownFaces(self.faces), cut_squares),
            **options,  # type: ignore[arg-type]
        )

    # What came of it.

    def links(self) -> dict[str, str]:
        """Every link in the tree: its path to its text."""
        return {path: text for path, text in snapshot(self.people).items() if text is not None}

    def pictures(self) -> dict[str, str]:
        """Every face picture in the tree: its path to its face."""
        found = {}
        for path, text in snapshot(self.people).items():
            if text is None and (self.people / path).is_file():
                comment = read_comment((self.people / path).read_bytes())
                if comment is not None and (face := face_of_comment(comment)) is not None:
                    found[path] = face
        return found

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
        for folder in (*base.folders, *base.picture_folders):
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
        self._check_pictures()
        assert {link.person for link in base.links if paths[link.folder].person != link.person} == set()

    def _check_pictures(self) -> None:
        """Those of base are those on disk, each face once, in the folder of the person whom it may be."""
        base = load_base(self.store.db)
        folders = {folder.id: folder for folder in base.picture_folders}
        pictures = self.pictures()
        for picture in base.pictures:
            path = os.fsdecode(folders[picture.folder].path + b"/" + picture.name)
            assert pictures.pop(path) == picture.face
            status = os.lstat(self.people / path)
            assert (status.st_ino, status.st_mtime_ns) == (picture.ino, picture.mtime_ns)
        assert pictures == {}
        if self.faces is not None:
            shown = sorted((folders[p.folder].person or 0, p.face) for p in base.pictures)
            assert shown == sorted((person, w.face) for person, wanted in self.faces.items() for w in wanted)


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
