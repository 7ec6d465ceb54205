"""What a user did in the people folder, as far as faced understands it. Values only.

Each edit names a person and, where it is about photos, images; which of a photo's faces is meant is for others
to find out. `why` is a plain sentence about what was seen.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from faced.model import ImageId, PersonId

__all__ = ["FolderEdit", "Hidden", "Named", "Placed", "Rejected", "Shown", "sort_edits"]


@dataclass(frozen=True, slots=True)
class Shown:
    """The folder of somebody hidden came back: show her again."""

    person: PersonId
    why: str


@dataclass(frozen=True, slots=True)
class Named:
    """A folder was renamed: name its person. name: the user's own text, bytes that are no UTF-8 as surrogate escapes; None: no name
    any more. images: those whose links are in the folder now; none when the name was taken away.
    """

    person: PersonId
    name: str | None
    images: frozenset[ImageId]
    why: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A folder was moved elsewhere in the tree: that is where the person lives. path: relative to the tree."""

    person: PersonId
    path: bytes
    why: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A link was deleted: the person is not on that image."""

    person: PersonId
    image: ImageId
    why: str


@dataclass(frozen=True, slots=True)
class Hidden:
    """A folder left the tree: somebody whom the user does not want to see."""

    person: PersonId
    why: str


FolderEdit: TypeAlias = Shown | Named | Placed | Rejected | Hidden

ORDER = (Shown, Named, Placed, Rejected, Hidden)


def sort_edits(edits: Iterable[FolderEdit]) -> tuple[FolderEdit, ...]:
    """By kind, person and image, whatever the order in which they were found."""
    return tuple(
        sorted(
            edits,
            key=lambda edit: (
                ORDER.index(type(edit)),
                edit.person,
                edit.image if isinstance(edit, Rejected) else 0,
            ),
        )
    )
