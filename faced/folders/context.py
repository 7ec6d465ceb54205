"""What an interpretation of the people folder depends on beside base and disk, and what it comes to. Values only."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from faced.folders.brake import BRAKE, Brake
from faced.folders.edits import FolderEdit
from faced.folders.missing import AskDraft
from faced.folders.part import AllLinks
from faced.folders.pictures import Pictures
from faced.model import ImageId, PersonId
from faced.store.asks import Ask, Undecided
from faced.store.follow import AwayFolder, KnownCopy, UserChange
from faced.store.pictures import PictureChange

__all__ = ["Context", "Known", "Sources", "Understood"]

Sources = Sequence[tuple[ImageId, PersonId | None]]
"""Images of links in one folder, each with whose link was moved there, or None: it was copied."""


def _nobody(sources: Sources) -> bool:
    return False


def _to_nobody(face: str) -> frozenset[PersonId]:
    return frozenset()


def _nowhere(person: PersonId) -> frozenset[PersonId]:
    return frozenset()


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of persons and photos.

    names: of the persons and albums that have one; persons: of persons only. albums: all that are none. hidden: of both.
    merged: a person -> who stands for it. rejected: persons of whom something was rejected. excused: images with no photo
    that is there (offline, dangling, gone): a missing link to them is no rejection. rejected_lately: images by person, in
    24 hours. link_names: what links are called by the user. moved_to: to whom links of a person were moved before.
    in_common: whether such links show one person. said_no: who was said not to be on a face, by deleting its picture.
    """

    names: Mapping[PersonId, str] = field(default_factory=dict)
    persons: Mapping[PersonId, str] = field(default_factory=dict)
    albums: frozenset[PersonId] = frozenset()
    hidden: frozenset[PersonId] = frozenset()
    merged: Mapping[PersonId, PersonId] = field(default_factory=dict)
    rejected: frozenset[PersonId] = frozenset()
    excused: frozenset[ImageId] = frozenset()
    rejected_lately: Mapping[PersonId, int] = field(default_factory=dict)
    brake: Brake = BRAKE
    link_names: Mapping[tuple[PersonId, ImageId], bytes] = field(default_factory=dict)
    moved_to: Callable[[PersonId], frozenset[PersonId]] = _nowhere
    in_common: Callable[[Sources], bool] = _nobody
    said_no: Callable[[str], frozenset[PersonId]] = _to_nobody


@dataclass(frozen=True, slots=True, kw_only=True)
class Context(Known):
    """All that an interpretation depends on beside base and disk.

    now_ns, second_look_ns: UTC nanoseconds and nanoseconds. trust_first: no second look is waited for. undecided, asks:
    of earlier looks; asks only those of TREE_KINDS. images_of_texts: of texts found on disk that base does not have:
    those that faced once wrote, and the paths of photos. away: folders of hidden persons when they left. copies: links
    that an earlier look found to be the user's affair. files: copies of photos by path: a mark that changes with the
    file, and the image; None: it is among `copies`. pictures: face pictures, as found; understood_pictures: path to face,
    of those that an earlier look has understood. all_links: of base, where it has not all in hand.
    """

    now_ns: int
    undecided: tuple[Undecided, ...] = ()
    asks: tuple[Ask, ...] = ()
    images_of_texts: Mapping[bytes, ImageId] = field(default_factory=dict)
    away: tuple[AwayFolder, ...] = ()
    copies: frozenset[KnownCopy] = frozenset()
    files: Mapping[bytes, tuple[bytes, ImageId | None]] = field(default_factory=dict)
    pictures: Pictures = field(default_factory=Pictures)
    understood_pictures: Mapping[bytes, str] = field(default_factory=dict)
    second_look_ns: int = 10_000_000_000
    trust_first: bool = False
    all_links: AllLinks | None = None

    def resolve(self, person: PersonId) -> PersonId:
        """Who stands for the person."""
        return self.merged.get(person, person)


@dataclass(frozen=True, slots=True)
class Understood:
    """edits: what the user did. change, pictures: base's, that go with them. waiting: what a second look will decide.
    asks: open questions, with the rows that each holds; over: ids of those that are no longer asked.
    left_alone: path to reason, of what is held or not understood, where more can be said than that.
    copies: links that are the user's affair, known from now on. pictures: base's change of face pictures.
    """

    edits: tuple[FolderEdit, ...]
    change: UserChange
    waiting: tuple[Undecided, ...]
    asks: tuple[AskDraft, ...]
    over: tuple[int, ...]
    left_alone: Mapping[bytes, str]
    copies: frozenset[KnownCopy] = frozenset()
    pictures: PictureChange = field(default_factory=PictureChange)
