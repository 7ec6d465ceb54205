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
    "forget_seen",
    "is_at_rest",
    "load_seen",
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
    """A folder as it was read. links: name to text."""

    stamp: FolderStamp
    links: Mapping[bytes, bytes]
    folders: frozenset[bytes]
    others: frozenset[bytes]


def load_stamps_of_seen(db: Database) -> dict[bytes, FolderStamp]:
    """By path."""
    rows = db.execute("SELECT path, dev, ino, mtime_ns, ctime_ns FROM seen_folders").fetchall()
    return {path: FolderStamp(*stamp) for path, *stamp in rows}


def load_seen(
    db: Database, *, with_links: bool = True, paths: Collection[bytes] | None = None
) -> dict[bytes, SeenFolder]:
    """By path. paths: only these."""
    wanted = "links" if with_links else "x''"
    sql = f"SELECT path, dev, ino, mtime_ns, ctime_ns, {wanted}, folders, others FROM seen_folders"
    if paths is None:
        rows = db.execute(sql).fetchall()
    else:
        rows = [row for path in paths for row in db.execute(f"{sql} WHERE path = ?", [path])]
    return {
        path: SeenFolder(
            FolderStamp(*stamp), _to_links(links), frozenset(_split(folders)), frozenset(_split(others))
        )
        for path, *stamp, links, folders, others in rows
    }


def save_seen(db: Database, seen: Mapping[bytes, SeenFolder]) -> None:
    """These are kept, and no others; only those that differ are written."""
    known = load_stamps_of_seen(db)
    db.conn.executemany(
        "DELETE FROM seen_folders WHERE path = ?", [(path,) for path in known if path not in seen]
    )
    db.conn.executemany(
        "INSERT OR REPLACE INTO seen_folders (path, dev, ino, mtime_ns, ctime_ns, links, folders, others)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        _rows((path, folder) for path, folder in seen.items() if known.get(path) != folder.stamp),
    )


def _rows(folders: Iterable[tuple[bytes, SeenFolder]]) -> Iterator[tuple[object, ...]]:
    for path, folder in folders:
        links = _join(part for link in sorted(folder.links.items()) for part in link)
        yield path, *folder.stamp, links, _join(sorted(folder.folders)), _join(sorted(folder.others))


def forget_seen(db: Database) -> None:
    """All is read again, and the next pass does not rest."""
    db.execute("DELETE FROM seen_folders")
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
