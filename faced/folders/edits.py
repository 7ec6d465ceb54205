"""What a user did in the people folder, as far as faced understands it. Values only.

Each edit names a person and, where it is about photos, images; which of a photo's faces is meant is for others
to find out. `why` is a plain sentence about what was seen.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from faced.model import ImageId, PersonId

__all__ = [
    "AlbumMade",
    "Copied",
    "FaceAccepted",
    "FaceEdit",
    "FacePinned",
    "FaceProposed",
    "FaceRejected",
    "FolderEdit",
    "Founded",
    "Gathered",
    "Hidden",
    "Ignored",
    "LinkNamed",
    "Merged",
    "Moved",
    "Named",
    "Placed",
    "Rejected",
    "Seeded",
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
class Gathered:
    """Links were put into a folder of the user's own: somebody new, called so. path: of the folder, relative to the
    tree. sources: (image, whose link to it was moved here), None: it was copied. emptied: those without a name of whom
    no link is left but here. names: of links that are not called as their photos are.
    """

    path: bytes
    name: str
    sources: tuple[tuple[ImageId, PersonId | None], ...]
    why: str
    emptied: frozenset[PersonId] = frozenset()
    names: Mapping[ImageId, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Moved:
    """A link was moved into the folder of another person: it was her all along. source: whose it was."""

    person: PersonId
    image: ImageId
    source: PersonId
    why: str


@dataclass(frozen=True, slots=True)
class Copied:
    """A link or a photo was put into a person's folder: she is on that image too."""

    person: PersonId
    image: ImageId
    why: str


@dataclass(frozen=True, slots=True)
class LinkNamed:
    """A person's link to an image was given a name. None: it is called as its photo again."""

    person: PersonId
    image: ImageId
    name: bytes | None
    why: str


@dataclass(frozen=True, slots=True)
class Merged:
    """The folder of somebody, or all links of it, was put into that of another: they are one. into: who stays."""

    person: PersonId
    into: PersonId
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
class FaceProposed:
    """A face picture that was deleted is back where it was proposed to a person: the no is taken back."""

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


@dataclass(frozen=True, slots=True)
class Seeded:
    """Portraits were put into a person's folder, or into a new one: these show who that is."""

    person: PersonId
    why: str


FaceEdit: TypeAlias = FacePinned | FaceAccepted | FaceRejected | FaceProposed | Ignored | Founded
LinkEdit: TypeAlias = Gathered | Moved | Copied | LinkNamed | Merged
FolderEdit: TypeAlias = Shown | Named | Placed | AlbumMade | LinkEdit | FaceEdit | Rejected | Hidden | Seeded

# What is said of faces as they are comes before the merge that changes whose they are.
ORDER = (
    Shown,
    Named,
    Placed,
    AlbumMade,
    Gathered,
    Founded,
    Moved,
    Copied,
    LinkNamed,
    FacePinned,
    FaceAccepted,
    Ignored,
    FaceRejected,
    FaceProposed,
    Merged,
    Rejected,
    Hidden,
    Seeded,
)


def sort_edits(edits: Iterable[FolderEdit]) -> tuple[FolderEdit, ...]:
    """By kind, person and image, whatever the order in which they were found."""
    return tuple(sorted(edits, key=_rank))


def _rank(edit: FolderEdit) -> tuple[int, int, int, bytes]:
    kind = ORDER.index(type(edit))
    match edit:
        case Gathered(path) | Founded(path) | AlbumMade(path):
            return kind, 0, 0, path
        case Ignored(face):
            return kind, 0, 0, face.encode()
        case FaceRejected(person, face) | FaceProposed(person, face):
            return kind, person, 0, face.encode()
        case (
            Moved(person, image) | Copied(person, image) | LinkNamed(person, image) | Rejected(person, image)
        ):
            return kind, person, image, b""
        case _:
            return kind, edit.person, 0, b""
