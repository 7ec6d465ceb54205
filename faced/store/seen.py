"""The table seen_folders, and the mark that says that nothing is to be done as long as nothing changes.

Plain functions; those that change something run within a transaction of the caller. What may be kept is decided by
who reads the folders.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from sqlite_utils import Database

from faced.store.database import load_changes
from faced.store.settings import load_setting, save_setting

__all__ = [
    "FolderStamp",
    "SeenFolder",
    "differs_from_seen",
    "forget_seen",
    "is_at_rest",
    "load_seen",
    "load_stamps_as_base",
    "load_stamps_of_seen",
    "save_rest",
    "save_seen",
]

REST = "tree.rest"
"""Setting: the number of changes of the store at which nothing was to be done, and for which settings."""


class FolderStamp(NamedTuple):
    """What a folder looks like from outside; a change within it changes this. Times: UTC nanoseconds."""

    dev: int
    ino: int
    mtime_ns: int
    ctime_ns: int


class SeenFolder(NamedTuple):
    """A folder as it was read. links: name to text. as_base: these were the links that base has there."""

    stamp: FolderStamp
    links: Mapping[bytes, bytes]
    folders: frozenset[bytes]
    others: frozenset[bytes]
    as_base: bool = False


def load_stamps_of_seen(db: Database) -> dict[bytes, FolderStamp]:
    """By path."""
    return {path: stamp for path, (stamp, _) in _load_marks(db).items()}


def load_stamps_as_base(db: Database) -> dict[bytes, FolderStamp]:
    """By path, of the folders that held what base has there."""
    return {path: stamp for path, (stamp, as_base) in _load_marks(db).items() if as_base}


def _load_marks(db: Database) -> dict[bytes, tuple[FolderStamp, bool]]:
    rows = db.execute("SELECT path, dev, ino, mtime_ns, ctime_ns, as_base FROM seen_folders").fetchall()
    return {path: (FolderStamp(*stamp), bool(as_base)) for path, *stamp, as_base in rows}


def load_seen(
    db: Database, *, with_links: bool = True, paths: Collection[bytes] | None = None
) -> dict[bytes, SeenFolder]:
    """By path. paths: only these."""
    wanted = "links" if with_links else "x''"
    sql = f"SELECT path, dev, ino, mtime_ns, ctime_ns, {wanted}, folders, others, as_base FROM seen_folders"
    if paths is None:
        rows = db.execute(sql).fetchall()
    else:
        rows = [row for path in paths for row in db.execute(f"{sql} WHERE path = ?", [path])]
    return {
        path: SeenFolder(
            FolderStamp(*stamp),
            _to_links(links),
            frozenset(_split(folders)),
            frozenset(_split(others)),
            bool(as_base),
        )
        for path, *stamp, links, folders, others, as_base in rows
    }


def differs_from_seen(db: Database, seen: Mapping[bytes, SeenFolder]) -> bool:
    """Whether save_seen would write anything."""
    return {path: (folder.stamp, folder.as_base) for path, folder in seen.items()} != _load_marks(db)


def save_seen(db: Database, seen: Mapping[bytes, SeenFolder]) -> None:
    """These are kept, and no others; only those that look different now are written."""
    known = _load_marks(db)
    db.conn.executemany(
        "DELETE FROM seen_folders WHERE path = ?", [(path,) for path in known if path not in seen]
    )
    db.conn.executemany(
        "INSERT OR REPLACE INTO seen_folders (path, dev, ino, mtime_ns, ctime_ns, links, folders, others, as_base)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        _rows(
            (path, folder)
            for path, folder in seen.items()
            if known.get(path) != (folder.stamp, folder.as_base)
        ),
    )


def _rows(folders: Iterable[tuple[bytes, SeenFolder]]) -> Iterator[tuple[object, ...]]:
    for path, folder in folders:
        links = _join(part for link in sorted(folder.links.items()) for part in link)
        inside = _join(sorted(folder.folders)), _join(sorted(folder.others))
        yield path, *folder.stamp, links, *inside, folder.as_base


def forget_seen(db: Database) -> None:
    """All is read, and everybody planned for, again; the next pass does not rest."""
    db.execute("DELETE FROM seen_folders")
    db.execute("DELETE FROM shown_persons")
    db.execute("DELETE FROM settings WHERE key = ?", [REST])


def is_at_rest(db: Database, key: str) -> bool:
    """Whether nothing was to be done for these settings, and nothing was written since."""
    return load_setting(db, REST) == f"{load_changes(db)}:{key}"


def save_rest(db: Database, key: str) -> None:
    """Nothing was to be done. This is a change itself, the one after those that are counted now."""
    save_setting(db, REST, f"{load_changes(db) + 1}:{key}")


def _join(parts: Iterable[bytes]) -> bytes:
    return b"".join(part + b"\0" for part in parts)


def _split(joined: bytes) -> list[bytes]:
    return joined.split(b"\0")[:-1]


def _to_links(joined: bytes) -> dict[bytes, bytes]:
    parts = _split(joined)
    return dict(zip(parts[::2], parts[1::2], strict=True))
