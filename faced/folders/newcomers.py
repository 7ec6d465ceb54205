"""What else is in the people folder that faced did not put there so: albums that a user has made, face pictures.

Values in, values out. Puts what is read of links and folders together with what these two say.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from faced.folders.albums import find_albums
from faced.folders.context import Context
from faced.folders.disk import Disk
from faced.folders.edits import AlbumMade
from faced.folders.identify import Identity
from faced.folders.interpret_pictures import PicturesRead, interpret_pictures
from faced.folders.merged import NESTED
from faced.folders.missing_pictures import PICTURES
from faced.model import FolderId, PersonId
from faced.store.base import Base
from faced.store.follow import FoundFolder, UserChange

__all__ = ["Newcomers", "about_links", "read_newcomers"]


@dataclass(slots=True)
class Newcomers:
    """albums: those that were made. pictures: as read. left_alone: path to reason."""

    pictures: PicturesRead
    albums: list[AlbumMade] = field(default_factory=list)
    left_alone: dict[bytes, str] = field(default_factory=dict)

    def follow(self, change: UserChange, disk: Disk) -> None:
        """Put into the change of base what goes with this: folders that are somebody's from now on, and pictures'."""
        new = [*self.pictures.founded, *(album.path for album in self.albums)]
        change.adopted += [FoundFolder(path, PersonId(0), disk[path].ino, ()) for path in sorted(new)]
        change.moved |= self.pictures.moved
        change.removed += self.pictures.removed


def about_links(context: Context) -> Context:
    """Without the questions about face pictures, and about folders inside others."""
    return replace(context, asks=tuple(ask for ask in context.asks if ask.kind not in (PICTURES, NESTED)))


def read_newcomers(
    base: Base,
    disk: Disk,
    context: Context,
    identity: Identity,
    held: Collection[FolderId],
    adopted: Collection[bytes],
) -> Newcomers:
    """Read them. held: folders of base of which nothing is to be said now. adopted: paths of folders that are somebody's
    since this look.
    """
    owners = _find_owners(base, identity, held, adopted)
    about = replace(context, asks=tuple(ask for ask in context.asks if ask.kind == PICTURES))
    understood = context.understood_pictures
    nobodys = {folder.id for folder in base.folders if folder.person is None} - set(held)
    plain = {path for id_, path in identity.found.items() if id_ in nobodys}
    pictures = interpret_pictures(base, disk, context.pictures, understood, owners, about, plain)
    theirs = {path for path, person in owners.items() if person is not None} | set(adopted)
    theirs |= {*identity.returned.values(), *(folder.path for folder in base.picture_folders)}
    lost = {folder.ino for folder in base.folders if folder.id in identity.unclear}
    known = {*theirs, *owners, *(folder.path for folder in base.folders)}
    known |= {path for path, here in disk.items() if here.ino in lost}
    albums, left_alone = find_albums(disk, known, theirs, context.persons)
    return Newcomers(pictures, albums, {**left_alone, **pictures.left_alone})


def _find_owners(
    base: Base, identity: Identity, held: Collection[FolderId], adopted: Collection[bytes]
) -> dict[bytes, PersonId | None]:
    """Whose the folders are where they are now; None: nobody's, or nothing is to be said of it now."""
    persons = {folder.id: folder.person for folder in base.folders}
    owners = {path: None if id_ in held else persons[id_] for id_, path in identity.found.items()}
    return owners | dict.fromkeys([*identity.returned.values(), *adopted])
