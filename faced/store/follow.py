"""Base follows the user: what a look at the people folder found to be the user's doing, and folders that left it.

Plain functions over the tables folders, links, link_texts, away_folders and away_links, and the setting
`adopting`. Those that change something run within a transaction of the caller.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlite_utils import Database

from faced.model import FolderId, ImageId, PersonId
from faced.store.settings import load_setting, save_setting
from faced.store.tree import BaseLink

__all__ = [
    "AwayFolder",
    "FoundFolder",
    "FoundLink",
    "UserChange",
    "adopt_folders",
    "follow_user",
    "is_adopting",
    "load_away",
    "load_images_of_texts",
    "save_adopting",
]

ADOPTING = "adopting"


class FoundLink(NamedTuple):
    """A link as it stands in a folder, known to be one of faced's."""

    name: bytes
    text: bytes
    image: ImageId


class FoundFolder(NamedTuple):
    """A folder on disk that is a person's from now on."""

    path: bytes
    person: PersonId
    ino: int
    links: tuple[FoundLink, ...]


class AwayFolder(NamedTuple):
    """The folder of a hidden person as it was when it left the tree."""

    person: PersonId
    path: bytes
    ino: int
    links: tuple[FoundLink, ...]


@dataclass(slots=True)
class UserChange:
    """How base has to change to be what a look has found.

    moved: where a folder is now, and its inode. away: it left the tree, its person is hidden. removed: base lets
    go of it. gone: (folder, link name). links: as they stand now. returned: folders that came back.
    """

    moved: dict[FolderId, tuple[bytes, int]] = field(default_factory=dict)
    away: list[FolderId] = field(default_factory=list)
    removed: list[FolderId] = field(default_factory=list)
    gone: list[tuple[FolderId, bytes]] = field(default_factory=list)
    links: list[BaseLink] = field(default_factory=list)
    returned: list[FoundFolder] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any((self.moved, self.away, self.removed, self.gone, self.links, self.returned))


def follow_user(db: Database, change: UserChange) -> None:
    """Base becomes what was seen."""
    for folder in change.away:
        _put_away(db, folder)
    left = [(folder,) for folder in (*change.away, *change.removed)]
    for table in ("links", "pictures"):
        db.conn.executemany(f"DELETE FROM {table} WHERE folder = ?", left)
    db.conn.executemany("DELETE FROM folders WHERE id = ?", left)
    # Out of each other's way first, for two folders may have swapped their names.
    moved = [(path, ino, folder) for folder, (path, ino) in change.moved.items()]
    db.conn.executemany(
        "UPDATE folders SET path = CAST('/' || id AS BLOB) WHERE id = ?", [(row[2],) for row in moved]
    )
    db.conn.executemany("UPDATE folders SET path = ?, ino = ? WHERE id = ?", moved)
    db.conn.executemany("DELETE FROM links WHERE folder = ? AND name = ?", change.gone)
    db.conn.executemany(
        "UPDATE links SET text = ? WHERE folder = ? AND name = ?",
        [(link.text, link.folder, link.name) for link in change.links],
    )
    for found in change.returned:
        db.execute("DELETE FROM away_folders WHERE person = ?", [found.person])
    adopt_folders(db, change.returned)


def _put_away(db: Database, folder: FolderId) -> None:
    person, path, ino = db.execute("SELECT person, path, ino FROM folders WHERE id = ?", [folder]).fetchone()
    db.execute("DELETE FROM away_folders WHERE person = ?", [person])
    db.execute("INSERT INTO away_folders (person, path, ino) VALUES (?, ?, ?)", [person, path, ino])
    db.execute(
        "INSERT INTO away_links (person, name, text, image)"
        " SELECT ?, name, text, image FROM links WHERE folder = ?",
        [person, folder],
    )


def adopt_folders(db: Database, folders: Iterable[FoundFolder]) -> None:
    """Folders of the disk become base, with those of their links that are known."""
    for folder in folders:
        id_ = db.execute(
            "INSERT INTO folders (path, person, ino) VALUES (?, ?, ?) RETURNING id",
            [folder.path, folder.person, folder.ino],
        ).fetchone()[0]
        db.conn.executemany(
            "INSERT INTO links (folder, name, text, image, person) VALUES (?, ?, ?, ?, ?)",
            [(id_, link.name, link.text, link.image, folder.person) for link in folder.links],
        )
        db.conn.executemany(
            "INSERT OR IGNORE INTO link_texts (text, image) VALUES (?, ?)",
            [(link.text, link.image) for link in folder.links],
        )


def load_away(db: Database) -> tuple[AwayFolder, ...]:
    """The folders that left the tree, by person, without those of persons who have another one by now."""
    links: dict[PersonId, list[FoundLink]] = {}
    for person, *link in db.execute("SELECT person, name, text, image FROM away_links ORDER BY person, name"):
        links.setdefault(person, []).append(FoundLink(*link))
    rows = db.execute(
        "SELECT person, path, ino FROM away_folders"
        " WHERE person NOT IN (SELECT person FROM folders WHERE person IS NOT NULL AND kind = 'links') ORDER BY person"
    )
    return tuple(
        AwayFolder(person, path, ino, tuple(links.get(person, ()))) for person, path, ino in rows.fetchall()
    )


def load_images_of_texts(db: Database, texts: Iterable[bytes]) -> Mapping[bytes, ImageId]:
    """Of these texts those that faced once wrote into a link, with the image that each stood for last."""
    found: dict[bytes, ImageId] = {}
    for text in texts:
        row = db.execute("SELECT image FROM link_texts WHERE text = ?", [text]).fetchone()
        if row is not None:
            found[text] = ImageId(row[0])
    return found


def is_adopting(db: Database) -> bool:
    """Whether the tree was made by a database that is lost: its folders are yet to be recognised."""
    return load_setting(db, ADOPTING) == "1"


def save_adopting(db: Database, adopting: bool) -> None:
    """Nothing is interpreted and nothing planned while it is so."""
    save_setting(db, ADOPTING, "1" if adopting else "0")
