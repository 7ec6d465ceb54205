"""Base: folders, links and face pictures of the people folder as faced last left them on disk.

Plain functions over the tables folders, links and pictures; nothing here writes.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from sqlite_utils import Database

from faced.model import FolderId, ImageId, PersonId

__all__ = [
    "Base",
    "BaseFolder",
    "BaseLink",
    "BasePicture",
    "count_links_by_person",
    "count_links_in",
    "is_link_of_base",
    "load_base",
    "load_folders_of_images",
    "load_links_in",
    "load_person_folders",
]


class BaseFolder(NamedTuple):
    """A folder that faced made or took over. path: relative to the people folder."""

    id: FolderId
    path: bytes
    person: PersonId | None
    ino: int


class BaseLink(NamedTuple):
    """A link as faced last left it on disk. text: what readlink gives."""

    folder: FolderId
    name: bytes
    text: bytes
    image: ImageId
    person: PersonId


class BasePicture(NamedTuple):
    """A face picture as faced last left it on disk. face, checksum: see store.pictures. ino, mtime_ns: of the file,
    by which it is known to be unchanged without being read.
    """

    folder: FolderId
    name: bytes
    face: str
    checksum: str
    ino: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Base:
    """What faced last left on disk; what differs from it there is a user's doing.

    picture_folders: those of face pictures, and the two around them; their person is whom the faces may be.
    """

    folders: tuple[BaseFolder, ...] = ()
    links: tuple[BaseLink, ...] = ()
    picture_folders: tuple[BaseFolder, ...] = ()
    pictures: tuple[BasePicture, ...] = ()

    @property
    def inodes(self) -> dict[bytes, int]:
        """Of all folders, by path."""
        return {folder.path: folder.ino for folder in (*self.folders, *self.picture_folders)}


def load_base(db: Database, *, with_links: bool = True, folders: Collection[FolderId] | None = None) -> Base:
    """Folders by path; links by folder and name. folders: only the links in these."""
    found: dict[str, list[BaseFolder]] = {"links": [], "pictures": []}
    for *folder, kind in db.execute("SELECT id, path, person, ino, kind FROM folders ORDER BY path"):
        found[kind].append(BaseFolder._make(folder))
    if not with_links:
        links: tuple[BaseLink, ...] = ()
    elif folders is None:
        rows = db.execute("SELECT folder, name, text, image, person FROM links ORDER BY folder, name")
        links = tuple(map(BaseLink._make, rows.fetchall()))
    else:
        links = load_links_in(db, folders)
    pictures = db.execute(
        "SELECT folder, name, face, checksum, ino, mtime_ns FROM pictures ORDER BY folder, name"
    )
    return Base(
        tuple(found["links"]),
        links,
        tuple(found["pictures"]),
        tuple(map(BasePicture._make, pictures.fetchall())),
    )


def is_link_of_base(db: Database, folder: bytes, name: bytes) -> bool:
    """Whether base has a link of this name in the folder of this path."""
    row = db.execute(
        "SELECT 1 FROM links JOIN folders ON folders.id = links.folder WHERE path = ? AND name = ?",
        [folder, name],
    )
    return row.fetchone() is not None


def load_links_in(db: Database, folders: Iterable[FolderId]) -> tuple[BaseLink, ...]:
    """Those in these folders, by folder and name."""
    sql = "SELECT folder, name, text, image, person FROM links WHERE folder = ? ORDER BY name"
    rows = (row for folder in sorted(folders) for row in db.execute(sql, [folder]).fetchall())
    return tuple(map(BaseLink._make, rows))


def count_links_in(db: Database, folder: FolderId) -> int:
    """Of base, in this folder."""
    return int(db.execute("SELECT count(*) FROM links WHERE folder = ?", [folder]).fetchone()[0])


def count_links_by_person(db: Database) -> dict[PersonId, int]:
    """Of base, of those that have any."""
    return dict(db.execute("SELECT person, count(*) FROM links GROUP BY person").fetchall())


def load_folders_of_images(db: Database, images: Iterable[ImageId]) -> dict[ImageId, frozenset[FolderId]]:
    """The folders in which base has a link to each of these images; those that have none are left out."""
    sql = "SELECT folder FROM links WHERE image = ?"
    found = {image: frozenset(folder for (folder,) in db.execute(sql, [image])) for image in images}
    return {image: folders for image, folders in found.items() if folders}


def load_person_folders(db: Database) -> dict[PersonId, bytes]:
    """Where each person lives: the shortest path of her folders, relative to the people folder."""
    rows = db.execute(
        "SELECT person, path FROM folders WHERE person IS NOT NULL AND kind = 'links'"
        " ORDER BY length(path) DESC, path DESC"
    )
    return {PersonId(person): path for person, path in rows}
