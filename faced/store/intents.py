"""Changes of the people folder that are under way: a batch is opened before its first change, and closed by what is seen then.

Plain functions over the tables intents, folders, links, link_texts, pictures and made_pictures. Those that change
something run within a transaction of the caller.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from sqlite_utils import Database

from faced.model import ImageId, PersonId
from faced.store.shown import forget_shown
from faced.store.tree import load_generation, save_generation

__all__ = [
    "BaseChange",
    "Intent",
    "Op",
    "Operation",
    "SeenLink",
    "SeenPicture",
    "close_batch",
    "is_known_text",
    "load_intents",
    "open_batch",
]

Op = Literal["mkdir", "link", "retarget", "drop", "movedir", "rmdir", "picdir", "picture", "unpicture"]
OF_LINKS = frozenset({"mkdir", "link", "retarget", "drop", "movedir"})
"""Operations that say whom they are for."""


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
    forget_shown(db, {o.person for o in operations if o.person is not None and o.op in OF_LINKS})
    db.conn.executemany(
        "DELETE FROM shown_persons WHERE person = (SELECT person FROM folders WHERE path = ?)",
        [(folder,) for folder in {o.folder for o in operations if o.op == "rmdir"}],
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
