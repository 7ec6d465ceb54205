"""Which link is which: links that base misses, and links like faced's own where base has none. Values in, values out.

A link is known by the image that its text stands for. What cannot be told apart is not told apart.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from faced.model import FolderId, ImageId, PersonId
from faced.store.base import BaseLink

__all__ = ["Lost", "Pairs", "Strange", "pair_links"]


class Lost(NamedTuple):
    """A link of base that is not in its folder. path: where it would be. person: who stands for whose it is.
    is_folder_gone: whether the folder is nowhere.
    """

    link: BaseLink
    path: bytes
    person: PersonId
    is_folder_gone: bool = False

    @property
    def key(self) -> tuple[FolderId, bytes]:
        """As base knows it."""
        return self.link.folder, self.link.name


class Strange(NamedTuple):
    """A link like faced's own that is not one of base. folder: where it is; ino: of that folder. owner: who stands for
    whose folder it is in, at whatever depth. usable: whether anything can be meant by putting it there. known: an
    earlier look found it to be the user's affair. is_file: it is a copy of the photo itself; text: its mark.
    """

    folder: bytes
    ino: int
    name: bytes
    text: bytes
    image: ImageId
    owner: PersonId | None
    usable: bool
    known: bool
    is_file: bool = False

    @property
    def path(self) -> bytes:
        """Relative to the people folder."""
        return self.folder + b"/" + self.name if self.folder else self.name


@dataclass(slots=True)
class Pairs:
    """stayed: still in a folder of its person. moved: into another place. copies: links more. missing: nowhere.
    known: the user's affair, as before. unclear: several persons' links to an image are missing, and it cannot be told which of them are these.
    """

    stayed: list[tuple[Lost, Strange]] = field(default_factory=list)
    moved: list[tuple[Lost, Strange]] = field(default_factory=list)
    copies: list[Strange] = field(default_factory=list)
    missing: list[Lost] = field(default_factory=list)
    known: list[Strange] = field(default_factory=list)
    unclear: list[tuple[list[Lost], list[Strange]]] = field(default_factory=list)


def pair_links(lost: Iterable[Lost], strange: Iterable[Strange]) -> Pairs:
    """Tell which of the strange links are the lost ones.

    | of an image are missing | and elsewhere there are | it is                                              |
    | a person's link         | one in her own folders  | renamed, or sorted into a subfolder                |
    | one person's link       | any, not known before   | moved to one of them, a person's before a new      |
    |                         |                         | folder; the others are copies                      |
    | links of several        | any, not known before   | unclear                                            |
    | none                    | any, not known before   | copies                                             |
    | a link                  | none, or known ones     | missing                                            |
    """
    pairs = Pairs()
    lost_of: dict[ImageId, list[Lost]] = defaultdict(list)
    for one in sorted(lost, key=lambda one: one.path):
        lost_of[one.link.image].append(one)
    strange_of: dict[ImageId, list[Strange]] = defaultdict(list)
    for there in sorted(strange, key=_rank):
        strange_of[there.image].append(there)
    for image in sorted({*lost_of, *strange_of}):
        left, found = lost_of[image], [there for there in strange_of[image] if not there.is_file]
        files = [there for there in strange_of[image] if there.is_file]
        pairs.copies += [there for there in files if not there.known]
        pairs.known += [there for there in files if there.known]
        for one in list(left):
            hers = [there for there in found if there.owner == one.person]
            if hers:
                best = min(hers, key=lambda there: (there.name != one.link.name, there.known, _rank(there)))
                pairs.stayed.append((one, best))
                left.remove(one)
                found.remove(best)
        fresh = [there for there in found if not there.known]
        pairs.known += [there for there in found if there.known]
        if not left:
            pairs.copies += fresh
        elif not fresh:
            pairs.missing += left
        elif len({one.person for one in left}) > 1:
            pairs.unclear.append((left, fresh))
        else:
            pairs.moved += zip(left, fresh, strict=False)
            pairs.missing += left[len(fresh) :]
            pairs.copies += fresh[len(left) :]
    return pairs


def _rank(there: Strange) -> tuple[bool, bool, bytes]:
    return not there.usable, there.owner is None, there.path
