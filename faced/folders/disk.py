"""What a look at the people folder found. Values only; folders.tree does the looking."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NewType

from faced.store.seen import FolderStamp

__all__ = ["Disk", "DiskFolder", "join_path", "parent_of"]


@dataclass(frozen=True, slots=True)
class DiskFolder:
    """The entries of one folder by kind. links: name to text. problem: why it could not be read, in plain words;
    then nothing is known of what is in it. stamp: what it looked like from outside, if it may be taken to be the
    same as long as that is; None: it was changed just before.
    """

    ino: int
    links: Mapping[bytes, bytes] = field(default_factory=dict)
    folders: frozenset[bytes] = frozenset()
    others: frozenset[bytes] = frozenset()
    problem: str | None = None
    stamp: FolderStamp | None = field(default=None, compare=False)


Disk = NewType("Disk", dict[bytes, DiskFolder])
"""Folders by their path relative to the people folder, which itself is b"". Hidden folders and rubbish bins are
named by their parent but not looked into, nor are links to folders."""


def join_path(folder: bytes, name: bytes) -> bytes:
    """The path of an entry of a folder; the people folder itself is b""."""
    return folder + b"/" + name if folder else name


def parent_of(path: bytes) -> bytes:
    """The folder that a path lies in."""
    return path.rpartition(b"/")[0]
