"""Base follows the user: what a look at the people folder found to be the user's doing, and folders that left it.

Plain functions over the tables folders, links, link_texts, away_folders and away_links, and the setting
`adopting`. Those that change something run within a transaction of the caller.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlite_utils import Database

from faced.model import FolderId, ImageId, PersonId
from faced.store.base import BaseLink
from faced.store.settings import load_setting, save_setting
from faced.store.shown import forget_shown_in

__all__ = [
    "AwayFolder",
    "FoundFolder",
    "FoundLink",
    "KnownCopy",
    "UserChange",
    "adopt_folders",
    "follow_user",
    "is_adopting",
    "load_away",
    "load_copies",
    "load_images_of_texts",
    "save_adopting",
    "save_copies",
]

ADOPTING = "adopting"


class FoundLink(NamedTuple):
    """A link as it stands in a folder, known to be one of faced's. name: with the subfolder that it is in, for a
    folder that is away.
    """

    name: bytes
    text: bytes
    image: ImageId


class FoundFolder(NamedTuple):
    """A folder on disk that is a person's from now on."""

    path: bytes
    person: PersonId
    ino: int
    links: tuple[FoundLink, ...]


class KnownCopy(NamedTuple):
    """A link like those of faced that is the user's affair. folder: inode of the one that it is in. person: whose
    folder that was; None: nobody's.
    """

    folder: int
    name: bytes
    text: bytes
    person: PersonId | None


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
    go of it. gone: (folder, link name). links: as they stand now. returned: folders that came back. arrived: links
    that were put into a folder of base. adopted: folders that are a person's from now on, with links; of nobody
    (person 0) until whoever writes it knows who that is.
    """

    moved: dict[FolderId, tuple[bytes, int]] = field(default_factory=dict)
    away: list[FolderId] = field(default_factory=list)
    removed: list[FolderId] = field(default_factory=list)
    gone: list[tuple[FolderId, bytes]] = field(default_factory=list)
    links: list[BaseLink] = field(default_factory=list)
    returned: list[FoundFolder] = field(default_factory=list)
    arrived: list[BaseLink] = field(default_factory=list)
    adopted: list[FoundFolder] = field(default_factory=list)

    def __bool__(self) -> bool:
        parts = (self.moved, self.away, self.removed, self.gone, self.links)
        return any((*parts, self.returned, self.arrived, self.adopted))


def follow_user(db: Database, change: UserChange) -> None:
    """Base becomes what was seen."""
    for folder in change.away:
        _put_away(db, folder)
    forget_shown_in(db, (*change.away, *change.removed))
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
    adopt_folders(db, [*change.returned, *change.adopted])
    db.conn.executemany(
        "INSERT INTO links (folder, name, text, image, person) VALUES (?, ?, ?, ?, ?)", change.arrived
    )
    _know_texts(db, change.arrived)


def _put_away(db: Database, folder: FolderId) -> None:
    person, path, ino = db.execute("SELECT person, path, ino FROM folders WHERE id = ?", [folder]).fetchone()
    db.execute("DELETE FROM away_folders WHERE person = ?", [person])
    db.execute("INSERT INTO away_folders (person, path, ino) VALUES (?, ?, ?)", [person, path, ino])
    links = db.execute(
        "SELECT folders.path, name, text, image FROM links JOIN folders ON folders.id = links.folder"
        " WHERE folders.person = ? ORDER BY folders.id <> ?, folders.id",
        [person, folder],
    ).fetchall()
    db.conn.executemany(
        "INSERT OR IGNORE INTO away_links (person, name, text, image) VALUES (?, ?, ?, ?)",
        [(person, _name_below(path, where, name), text, image) for where, name, text, image in links],
    )


def _name_below(home: bytes, folder: bytes, name: bytes) -> bytes:
    """The path of a link of hers below her folder."""
    inside = folder.startswith(home + b"/")
    return folder[len(home) + 1 :] + b"/" + name if inside else name


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
        _know_texts(db, folder.links)


def _know_texts(db: Database, links: Iterable[FoundLink | BaseLink]) -> None:
    db.conn.executemany(
        "INSERT OR IGNORE INTO link_texts (text, image) VALUES (?, ?)",
        [(link.text, link.image) for link in links],
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
    """Of these texts those that faced once wrote into a link, with the image that each stood for last; and those that
    are the path of a photo in a listed library.
    """
    found: dict[bytes, ImageId] = {}
    libraries = db.execute("SELECT id, root FROM libraries WHERE listed").fetchall()
    for text in texts:
        row = db.execute("SELECT image FROM link_texts WHERE text = ?", [text]).fetchone()
        for library, root in libraries if row is None else ():
            above = root.rstrip(b"/") + b"/"
            if row is None and text.startswith(above):
                row = db.execute(
                    "SELECT image FROM photos WHERE library = ? AND path = ? AND image IS NOT NULL",
                    [library, text[len(above) :]],
                ).fetchone()
        if row is not None:
            found[text] = ImageId(row[0])
    return found


def load_copies(db: Database) -> frozenset[KnownCopy]:
    """All of them."""
    rows = db.execute("SELECT folder, name, text, person FROM copies")
    return frozenset(map(KnownCopy._make, rows.fetchall()))


def save_copies(db: Database, copies: Iterable[KnownCopy]) -> None:
    """What stood there is replaced."""
    db.execute("DELETE FROM copies")
    db.conn.executemany("INSERT INTO copies (folder, name, text, person) VALUES (?, ?, ?, ?)", copies)


def is_adopting(db: Database) -> bool:
    """Whether the tree was made by a database that is lost: its folders are yet to be recognised."""
    return load_setting(db, ADOPTING) == "1"


def save_adopting(db: Database, adopting: bool) -> None:
    """Nothing is interpreted and nothing planned while it is so."""
    save_setting(db, ADOPTING, "1" if adopting else "0")
