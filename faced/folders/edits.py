"""What a user did in the people folder, as far as faced understands it. Values only.

Each edit names a person and, where it is about photos, images; which of a photo's faces is meant is for others
to find out. `why` is a plain sentence about what was seen.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from faced.model import ImageId, PersonId

__all__ = [
    "AlbumMade",
    "FaceAccepted",
    "FaceEdit",
    "FacePinned",
    "FaceRejected",
    "FolderEdit",
    "Founded",
    "Hidden",
    "Ignored",
    "Named",
    "Placed",
    "Rejected",
    "Shown",
    "sort_edits",
]


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


@dataclass(frozen=True, slots=True)
class FacePinned:
    """Face pictures were put into a person's folder: these are hers. faces: as face pictures name them."""

    person: PersonId
    faces: frozenset[str]
    why: str


@dataclass(frozen=True, slots=True)
class FaceAccepted:
    """The folder of what was proposed was put into the person's: yes to all, if not to each."""

    person: PersonId
    faces: frozenset[str]
    why: str


@dataclass(frozen=True, slots=True)
class FaceRejected:
    """A face picture that was proposed to a person was deleted: it is somebody else."""

    person: PersonId
    face: str
    why: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """A face picture was put among the strangers: nobody whom the user wants to see."""

    face: str
    why: str


@dataclass(frozen=True, slots=True)
class Founded:
    """A new folder with face pictures in it: somebody new of that name. path: relative to the tree."""

    path: bytes
    name: str
    faces: frozenset[str]
    why: str


@dataclass(frozen=True, slots=True)
class AlbumMade:
    """A folder was made and called after these persons: show what shows all of them. path: relative to the tree."""

    path: bytes
    persons: tuple[PersonId, ...]
    why: str


FaceEdit: TypeAlias = FacePinned | FaceAccepted | FaceRejected | Ignored | Founded
FolderEdit: TypeAlias = Shown | Named | Placed | Rejected | Hidden | FaceEdit | AlbumMade

ORDER = (
    Shown,
    Named,
    Placed,
    AlbumMade,
    Founded,
    FacePinned,
    FaceAccepted,
    Ignored,
    FaceRejected,
    Rejected,
    Hidden,
)


def sort_edits(edits: Iterable[FolderEdit]) -> tuple[FolderEdit, ...]:
    """By kind, person and image or face, whatever the order in which they were found."""
    return tuple(sorted(edits, key=_rank))


def _rank(edit: FolderEdit) -> tuple[int, int, int, str]:
    match edit:
        case Founded(path) | AlbumMade(path):
            return ORDER.index(type(edit)), 0, 0, path.hex()
        case Ignored(face):
            return ORDER.index(Ignored), 0, 0, face
        case FaceRejected(person, face):
            return ORDER.index(FaceRejected), person, 0, face
        case Rejected(person, image):
            return ORDER.index(Rejected), person, image, ""
    return ORDER.index(type(edit)), edit.person, 0, ""
