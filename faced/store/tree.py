"""The people folder as faced knows it: where it is, base (folders and links as last left), the changes under way.

Plain functions over the tables tree, folders, links, link_texts, pictures, made_pictures, intents and left_alone,
and the setting `generation`. Those that change something run within a transaction of the caller.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from sqlite_utils import Database

from faced.model import FolderId, ImageId, PersonId, Place
from faced.store.settings import load_setting, save_setting

__all__ = [
    "Base",
    "BaseChange",
    "BaseFolder",
    "BaseLink",
    "BasePicture",
    "Intent",
    "LeftAlone",
    "Op",
    "Operation",
    "SeenLink",
    "SeenPicture",
    "Tree",
    "close_batch",
    "count_links",
    "forget_base",
    "is_known_text",
    "is_link_of_base",
    "load_base",
    "load_generation",
    "load_intents",
    "load_left_alone",
    "load_links_of",
    "load_person_folders",
    "load_tree",
    "open_batch",
    "save_generation",
    "save_left_alone",
    "save_problem",
    "save_tree",
]

Op = Literal["mkdir", "link", "retarget", "drop", "movedir", "rmdir", "picdir", "picture", "unpicture"]


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


@dataclass(frozen=True, slots=True)
class Operation:
    """One change to the people folder. Paths are relative to it.

    mkdir: folder, person. rmdir: folder, ino. movedir: folder, new (its path to be), ino, person.
    link: folder, name, new (the text), image, person, time_ns. retarget: like link, with old (the text that must
    be there; the same as new when the link only stands for another image now). drop: folder, name, old.
    picdir: folder, person (whom the faces may be). picture: folder, name, new (its checksum), face, time_ns.
    unpicture: folder, name, old (its checksum), face, ino (of the folder, where it is not base's).
    """

    op: Op
    folder: bytes
    name: bytes | None = None
    new: bytes | None = None
    old: bytes | None = None
    ino: int | None = None
    image: ImageId | None = None
    person: PersonId | None = None
    time_ns: int | None = None
    face: str | None = None


class Intent(NamedTuple):
    """An operation that is committed to be made; id is its place in the order and its scratch entry's name."""

    id: int
    operation: Operation


class SeenLink(NamedTuple):
    """A link that a look at the disk has found. folder: its path, as base has it after the batch."""

    folder: bytes
    name: bytes
    text: bytes
    image: ImageId
    person: PersonId


class SeenPicture(NamedTuple):
    """A face picture that a look at the disk has found. folder: its path, as base has it after the batch."""

    folder: bytes
    name: bytes
    face: str
    checksum: str
    ino: int
    mtime_ns: int


@dataclass(slots=True)
class BaseChange:
    """What a look at the disk says about a batch: base follows it.

    moved: path to new path. made: (path, person, inode). removed: paths. links, pictures: there now. gone: (folder
    path, name) of links and pictures that are not there any more. picture_folders: made, for face pictures.
    """

    moved: dict[bytes, bytes] = field(default_factory=dict)
    made: list[tuple[bytes, PersonId | None, int]] = field(default_factory=list)
    removed: list[bytes] = field(default_factory=list)
    links: list[SeenLink] = field(default_factory=list)
    gone: list[tuple[bytes, bytes]] = field(default_factory=list)
    picture_folders: list[tuple[bytes, PersonId | None, int]] = field(default_factory=list)
    pictures: list[SeenPicture] = field(default_factory=list)


class LeftAlone(NamedTuple):
    """A path relative to the people folder, and why it was not touched, one plain sentence."""

    path: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Tree:
    """The people folder's row. place: None while it is not yet set up. problem: why it is frozen."""

    root: bytes
    place: Place | None
    probe: Mapping[str, Any]
    problem: str | None


def load_tree(db: Database) -> Tree | None:
    """The people folder, or None before the first sync."""
    row = db.execute("SELECT root, fsid, source, fstype, ino, probe, problem FROM tree").fetchone()
    if row is None:
        return None
    root, fsid, source, fstype, ino, probe, problem = row
    place = None if ino is None else Place(fsid=fsid, source=source, fstype=fstype, ino=ino)
    return Tree(root, place, json.loads(probe) if probe else {}, problem)


def save_tree(db: Database, root: bytes, place: Place | None, probe: Mapping[str, Any]) -> None:
    """What stood there is replaced; nothing is wrong with it any more."""
    where = (None,) * 4 if place is None else (place.fsid, place.source, place.fstype, place.ino)
    db.execute(
        "INSERT OR REPLACE INTO tree (id, root, fsid, source, fstype, ino, probe, problem)"
        " VALUES (1, ?, ?, ?, ?, ?, ?, NULL)",
        [root, *where, json.dumps(dict(probe), sort_keys=True)],
    )


def save_problem(db: Database, problem: str | None) -> None:
    """Why the people folder is frozen, one plain sentence; None: nothing is wrong."""
    db.execute("UPDATE tree SET problem = ?", [problem])


def load_generation(db: Database) -> int:
    """How often the tree has been changed; 0 before the first change."""
    return int(load_setting(db, "generation") or 0)


def save_generation(db: Database, generation: int) -> None:
    """As it was written into the tree, or is about to be."""
    save_setting(db, "generation", str(generation))


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


def forget_base(db: Database) -> None:
    """Another people folder is used from now on; what was left in the old one is nobody's concern."""
    for table in (
        "intents",
        "links",
        "pictures",
        "folders",
        "left_alone",
        "undecided",
        "copies",
        "away_links",
        "away_folders",
        "seen_folders",
        "understood_pictures",
        "put_off",
        "put_off_faces",
    ):
        db.execute(f"DELETE FROM {table}")
    db.execute("DELETE FROM asks WHERE kind IN ('folders', 'rejections', 'pictures')")


def is_known_text(db: Database, text: bytes) -> bool:
    """Whether faced ever wrote this text into a link."""
    return db.execute("SELECT 1 FROM link_texts WHERE text = ?", [text]).fetchone() is not None


INTENT_COLUMNS = "op, folder, name, new, old, ino, image, person, time_ns, face"


def load_intents(db: Database) -> list[Intent]:
    """The batch that is under way, in order; empty when nothing is."""
    rows = db.execute(f"SELECT id, {INTENT_COLUMNS} FROM intents ORDER BY id")
    return [Intent(row[0], Operation(*row[1:])) for row in rows]


def open_batch(db: Database, operations: Sequence[Operation]) -> tuple[int, list[Intent]]:
    """Commit to a batch: its intents, its link texts, and the generation that the tree is going to have."""
    generation = load_generation(db) + 1
    save_generation(db, generation)
    intents = [Intent(number, operation) for number, operation in enumerate(operations, start=1)]
    db.conn.executemany(
        f"INSERT INTO intents (id, {INTENT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (id_, o.op, o.folder, o.name, o.new, o.old, o.ino, o.image, o.person, o.time_ns, o.face)
            for id_, o in intents
        ],
    )
    db.conn.executemany(
        "INSERT INTO link_texts (text, image) VALUES (?, ?)"
        " ON CONFLICT (text) DO UPDATE SET image = excluded.image WHERE image <> excluded.image",
        [(o.new, o.image) for o in operations if o.op in ("link", "retarget")],
    )
    db.conn.executemany(
        "INSERT OR REPLACE INTO made_pictures (checksum, face) VALUES (?, ?)",
        [((o.new or b"").decode(), o.face) for o in operations if o.op == "picture"],
    )
    return generation, intents


def close_batch(db: Database, change: BaseChange) -> None:
    """Base becomes what was seen, and the batch is over."""
    _move_folders(db, change.moved)
    for kind, made in (("links", change.made), ("pictures", change.picture_folders)):
        db.conn.executemany(
            "INSERT INTO folders (path, person, ino, kind) VALUES (?, ?, ?, ?) ON CONFLICT (path)"
            " DO UPDATE SET person = excluded.person, ino = excluded.ino, kind = excluded.kind",
            [(*folder, kind) for folder in made],
        )
    ids = dict(db.execute("SELECT path, id FROM folders").fetchall())
    for table in ("links", "pictures"):
        db.conn.executemany(
            f"DELETE FROM {table} WHERE folder = ? AND name = ?",
            [(ids.get(path), name) for path, name in change.gone],
        )
    db.conn.executemany(
        "DELETE FROM understood_pictures WHERE path = ?",
        [(path + b"/" + name,) for path, name in change.gone],
    )
    db.conn.executemany(
        "INSERT INTO links (folder, name, text, image, person) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (folder, name) DO UPDATE"
        " SET text = excluded.text, image = excluded.image, person = excluded.person",
        [(ids[link.folder], link.name, link.text, link.image, link.person) for link in change.links],
    )
    db.conn.executemany(
        "INSERT OR REPLACE INTO pictures (folder, name, face, checksum, ino, mtime_ns) VALUES (?, ?, ?, ?, ?, ?)",
        [(ids[folder], *seen) for folder, *seen in change.pictures],
    )
    removed = [(ids[path],) for path in change.removed if path in ids]
    for table in ("links", "pictures"):
        db.conn.executemany(f"DELETE FROM {table} WHERE folder = ?", removed)
    db.conn.executemany("DELETE FROM folders WHERE id = ?", removed)
    db.execute("DELETE FROM intents")


def _move_folders(db: Database, moved: Mapping[bytes, bytes]) -> None:
    """All at once, for two folders may have swapped their names; what lies in a moved folder moves with it."""
    if not moved:
        return
    renamed = []
    for id_, path in db.execute("SELECT id, path FROM folders").fetchall():
        new = _moved_path(path, moved)
        if new != path:
            renamed.append((new, id_))
    # Out of each other's way first: paths are unique at every moment.
    db.conn.executemany(
        "UPDATE folders SET path = CAST('/' || id AS BLOB) WHERE id = ?", [(id_,) for _, id_ in renamed]
    )
    db.conn.executemany("UPDATE folders SET path = ? WHERE id = ?", renamed)


def _moved_path(path: bytes, moved: Mapping[bytes, bytes]) -> bytes:
    """The longest moved folder at or above `path` says where it is now."""
    above = path
    while above:
        if above in moved:
            return moved[above] + path[len(above) :]
        above = above.rpartition(b"/")[0]
    return path


def load_left_alone(db: Database) -> list[LeftAlone]:
    """What faced does not understand in the people folder, by path."""
    return list(
        map(LeftAlone._make, db.execute("SELECT path, reason FROM left_alone ORDER BY path").fetchall())
    )


def save_left_alone(db: Database, left_alone: Iterable[LeftAlone]) -> None:
    """What stood there is replaced."""
    db.execute("DELETE FROM left_alone")
    db.conn.executemany("INSERT INTO left_alone (path, reason) VALUES (?, ?)", left_alone)
