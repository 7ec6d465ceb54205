"""What can still be got out of a damaged database: edits whose checksum is right, and where everything is.

Only reads, and never fails: what cannot be read is not there.
"""

import sqlite3
import zlib
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from faced.store.edit_lines import Lines, read_lines
from faced.store.photos import load_libraries
from faced.store.tree import Tree, load_tree

__all__ = ["NOTHING", "Salvage", "read_damaged"]


@dataclass(frozen=True, slots=True)
class Salvage:
    """journal: edits, as in journal.jsonl. roots: of the listed libraries. tree: the people folder, or None."""

    journal: Lines
    roots: tuple[bytes, ...] = ()
    tree: Tree | None = None


NOTHING = Salvage(Lines((), (), ()))


def read_damaged(path: Path) -> Salvage:
    """Look into it without writing to it. Nobody else may have it open."""
    if not path.exists():
        return NOTHING
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    except sqlite3.Error:
        return NOTHING
    with closing(connection):
        journal = _read_journal(connection)
        roots: tuple[bytes, ...] = ()
        tree = None
        with suppress(sqlite3.Error, TypeError, ValueError):
            found = [library.root for library in load_libraries(Database(connection, execute_plugins=False))]
            roots = tuple(root for root in found if _is_path(root))
        with suppress(sqlite3.Error, TypeError, ValueError):
            tree = load_tree(Database(connection, execute_plugins=False))
        return Salvage(journal, roots, tree if tree is not None and _is_path(tree.root) else None)


def _read_journal(connection: sqlite3.Connection) -> Lines:
    lines = []
    connection.text_factory = bytes
    with suppress(sqlite3.Error, TypeError, ValueError):
        for line, crc in connection.execute("SELECT line, crc FROM edits"):
            if isinstance(line, bytes) and zlib.crc32(line) == crc:
                lines.append(line)
    connection.text_factory = str
    return read_lines(b"\n".join(lines))


def _is_path(root: object) -> bool:
    return isinstance(root, bytes) and root.startswith(b"/") and b"\0" not in root
