"""How a person's links are laid out: what their texts say, and in which of her folders they are. Pure.

A text is the photo's path, or leads from the folder to the photo (`people.links: relative`), for trees that travel
together. A folder may be divided by the years of the photos (`people.by_year`). Links that a user has sorted into
subfolders of his own stay where he put them.
"""

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeVar

from faced.folders.disk import join_path, parent_of

__all__ = ["Layout", "Photo", "Years", "absolute_text", "is_year_folder", "relative_text"]

YEAR = re.compile(rb"[0-9]{4}")
UP = b"../"


class Years(Enum):
    """KEEP: links stay in the folders that they are in. DIVIDE: those in the person's folder itself go into one of their
    year. GATHER: those in one of their year go back, for it was divided before.
    """

    KEEP = "keep"
    DIVIDE = "divide"
    GATHER = "gather"


class Photo(Protocol):
    """See plan.PhotoPath. year: by the date in the photo; None: it has none."""

    @property
    def text(self) -> bytes: ...
    @property
    def year(self) -> int | None: ...


P = TypeVar("P", bound=Photo)


def relative_text(target: bytes, root: bytes, folder: bytes) -> bytes:
    """What a link in a folder of the tree at `root` says that leads to `target`; both are absolute, without links in
    what they have in common.

    >>> relative_text(b"/home/me/Photos/a.jpg", b"/home/me/People", b"Family/Oma")
    b'../../../Photos/a.jpg'
    """
    return posixpath.relpath(target, posixpath.join(root, folder))


def absolute_text(text: bytes, root: bytes, folder: bytes) -> bytes:
    """Where a link in a folder of the tree leads, by its text alone."""
    return posixpath.normpath(posixpath.join(root, folder, text))


def is_year_folder(path: bytes) -> bool:
    """Whether a folder within a person's is called as one of a year."""
    return b"/" in path and YEAR.fullmatch(path.rpartition(b"/")[2]) is not None


@dataclass(frozen=True, slots=True)
class Layout:
    """root: of the tree, absolute and without links; links are relative to it. None: links are absolute."""

    root: bytes | None = None
    years: Years = Years.KEEP

    def text(self, photo: Photo, folder: bytes) -> bytes:
        """What a link to the photo says."""
        return photo.text if self.root is None else relative_text(photo.text, self.root, folder)

    def find_photo(self, text: bytes, folder: bytes, photos: Iterable[P]) -> P | None:
        """To which of these photos a link was made, be it of the other kind, or for a folder at another depth."""
        found = list(photos)
        for photo in found:
            if text == photo.text or (self.root is not None and text == self.text(photo, folder)):
                return photo
        if not text.startswith(UP):
            return None
        tail = text
        while tail.startswith(UP):
            tail = tail[len(UP) :]
        return next((photo for photo in found if photo.text.endswith(b"/" + tail)), None)

    def folder_of(self, home: bytes, photo: Photo) -> bytes:
        """Where a new link to the photo goes."""
        if self.years is not Years.DIVIDE or photo.year is None:
            return home
        return join_path(home, b"%04d" % photo.year)

    def is_right(self, folder: bytes, home: bytes, photo: Photo) -> bool:
        """Whether a link in that folder of a person is in the right one."""
        if folder == home:
            return self.folder_of(home, photo) == home
        if self.years is not Years.GATHER or photo.year is None:
            return True
        return folder != join_path(home, b"%04d" % photo.year)

    def is_of_year(self, folder: bytes, home: bytes) -> bool:
        """Whether it may be one that is made, and taken away again, for a year."""
        return self.years is not Years.KEEP and parent_of(folder) == home and is_year_folder(folder)
