"""Base: folders, links and face pictures of the people folder as faced last left them on disk.

Plain functions over the tables folders, links and pictures; nothing here writes.
"""

import json
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
    "count_links",
    "is_link_of_base",
    "load_base",
    "load_links_of",
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


def load_base(
    db: Database,
    *,
    with_links: bool = True,
    persons: Collection[PersonId] | None = None,
    folders: Collection[FolderId] = (),
) -> Base:
    """Folders by path; links by folder and name. persons: only the links of these, those in their folders, and those
    in `folders`.
    """
    found: dict[str, list[BaseFolder]] = {"links": [], "pictures": []}
    for *folder, kind in db.execute("SELECT id, path, person, ino, kind FROM folders ORDER BY path"):
        found[kind].append(BaseFolder._make(folder))
    sql = "SELECT folder, name, text, image, person FROM links"
    if not with_links:
        links = []
    elif persons is None:
        links = db.execute(f"{sql} ORDER BY folder, name").fetchall()
    else:
        among = "IN (SELECT value FROM json_each(?))"
        theirs = (
            f"person {among} OR folder {among} OR folder IN (SELECT id FROM folders WHERE person {among})"
        )
        asked = json.dumps(sorted(persons))
        links = db.execute(
            f"{sql} WHERE {theirs} ORDER BY folder, name", [asked, json.dumps(sorted(folders)), asked]
        ).fetchall()
    pictures = db.execute(
        "SELECT folder, name, face, checksum, ino, mtime_ns FROM pictures ORDER BY folder, name"
    )
    return Base(
        tuple(found["links"]),
        tuple(map(BaseLink._make, links)),
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


def load_links_of(db: Database, folders: Iterable[FolderId]) -> dict[FolderId, dict[bytes, bytes]]:
    """Name to text, of base's links in each of these folders."""
    sql = "SELECT name, text FROM links WHERE folder = ?"
    return {folder: dict(db.execute(sql, [folder]).fetchall()) for folder in folders}


def count_links(db: Database) -> int:
    """Of base."""
    return int(db.execute("SELECT count(*) FROM links").fetchone()[0])


def load_person_folders(db: Database) -> dict[PersonId, bytes]:
    """Where each person lives: the shortest path of her folders, relative to the people folder."""
    rows = db.execute(
        "SELECT person, path FROM folders WHERE person IS NOT NULL AND kind = 'links'"
        " ORDER BY length(path) DESC, path DESC"
    )
    return {PersonId(person): path for person, path in rows}
