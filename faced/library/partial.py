"""Which part of a library a look at a few folders is about. Values in, values out."""

from collections.abc import Collection
from dataclasses import dataclass

from faced.library.changes import is_below

__all__ = ["Part", "make_part", "parent_of"]


@dataclass(frozen=True, slots=True)
class Part:
    """All paths are relative to the library's root, b"".

    folders: the photos directly in them belong to the part. trees: all below them does, and themselves; one
    that is no folder of the library (any more) too: then what is known below it is not there.
    """

    folders: frozenset[bytes]
    trees: frozenset[bytes]

    @property
    def is_everything(self) -> bool:
        """Whether it is the library as a whole."""
        return b"" in self.trees

    def holds(self, path: bytes) -> bool:
        """Whether the photo of this path belongs to it."""
        return parent_of(path) in self.folders or is_below(path, self.trees)


def make_part(folders: Collection[bytes], trees: Collection[bytes]) -> Part:
    """What lies in a tree is named by that tree alone."""
    everything = frozenset(trees)
    outer = frozenset(tree for tree in everything if not tree or not is_below(parent_of(tree), everything))
    return Part(frozenset(folder for folder in folders if not is_below(folder, outer)), outer)


def parent_of(path: bytes) -> bytes:
    """The folder that a path lies in; of the root, the root."""
    return path[: max(path.rfind(b"/"), 0)]
