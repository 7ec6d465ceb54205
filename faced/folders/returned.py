"""What a person's folder says by where it is: that it was moved or renamed, or is in the tree again. Values in, values out."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from faced.errors import shown
from faced.folders.arrived import Places
from faced.folders.context import Context
from faced.folders.disk import Disk, join_path, parent_of
from faced.folders.edits import FolderEdit, Hidden, Named, Placed, Shown
from faced.folders.hold import OWN_FOLDERS, is_ignored, is_strangers_place
from faced.folders.identify import Identity, Looks
from faced.folders.names import is_same_name, name_of_folder
from faced.model import ImageId, PersonId
from faced.store.follow import FoundFolder, FoundLink

__all__ = ["Returned", "own_place_reason", "read_move", "read_returned"]


@dataclass(slots=True)
class Returned:
    """edits: what the user did. folders: base's again. left_alone: path to reason."""

    edits: list[FolderEdit] = field(default_factory=list)
    folders: list[FoundFolder] = field(default_factory=list)
    left_alone: dict[bytes, str] = field(default_factory=dict)


def read_move(
    person: PersonId,
    old: bytes,
    new: bytes,
    images: frozenset[ImageId],
    context: Context,
    *,
    is_placed: bool = True,
) -> Iterator[FolderEdit]:
    """What it says that her folder has another path: the last part is her name, what is before it her place.

    images: of her links that are there. is_placed: whether where it is says anything.
    """
    if is_strangers_place(new):
        if person not in context.hidden:
            yield Hidden(person, f"the folder {shown(old)} was moved to {shown(new)}")
        return
    was, is_now = old[len(parent_of(old)) :].lstrip(b"/"), new[len(parent_of(new)) :].lstrip(b"/")
    if was != is_now:
        name = name_of_folder(is_now)
        if not is_same_name(is_now, name, context.names.get(person)):
            why = f"the folder {shown(old)} was renamed to {shown(is_now)}"
            yield Named(person, name, frozenset() if name is None else images, why)
    if parent_of(old) == parent_of(new) or not is_placed:
        return
    why = f"the folder {shown(old)} was moved to {shown(new)}"
    if is_ignored(new):
        if person not in context.hidden:
            yield Hidden(person, why)
        return
    if is_ignored(old) and person in context.hidden:
        yield Shown(person, why)
    yield Placed(person, new, why)


def read_returned(
    identity: Identity,
    disk: Disk,
    looks: Looks,
    places: Places,
    occupied: Collection[bytes],
    context: Context,
    another: Collection[PersonId],
) -> Returned:
    """Say what it means that folders of hidden persons are in the tree again. occupied: as in Places.

    another: persons who were somebody else all along: their folders say nothing.
    """
    back = Returned()
    away = {folder.person: folder for folder in context.away}
    for person, path in sorted(identity.returned.items()):
        here = disk[path]
        reason = _returned_reason(person, path, places, occupied)
        if reason is not None:
            back.left_alone[path] = reason
            continue
        # All that it held: what is not in it any more was taken out of it, and is for the next look.
        links = tuple(_newest_text(link, path, disk, looks) for link in away[person].links)
        back.folders += _take_back(path, person, links, disk)
        if person in another:
            continue
        if person in context.hidden and not is_ignored(path):
            back.edits.append(Shown(person, f"the folder {shown(path)} was put back"))
        there = frozenset(link.image for link in links if here.links.get(link.name) == link.text)
        back.edits += read_move(person, away[person].path, path, there, context)
    return back


def _returned_reason(
    person: PersonId, path: bytes, places: Places, occupied: Collection[bytes]
) -> str | None:
    if (reason := own_place_reason(path)) is not None:
        return reason
    owner = places.owner(parent_of(path))
    if owner is not None and owner.person != person:
        return "a person's folder was put into that of another; faced leaves it as it is"
    if path in occupied:
        return "it waits until it is known what became of the folder that was here before"
    return None


def _take_back(
    path: bytes, person: PersonId, links: tuple[FoundLink, ...], disk: Disk
) -> Iterator[FoundFolder]:
    """A folder with its subfolders, of which the names of links tell."""
    inside: dict[bytes, list[FoundLink]] = {path: []}
    for link in links:
        below, _, name = join_path(path, link.name).rpartition(b"/")
        if below in disk:
            inside.setdefault(below, []).append(link._replace(name=name))
    for below, found in sorted(inside.items()):
        yield FoundFolder(below, person, disk[below].ino, tuple(found))


def _newest_text(link: FoundLink, path: bytes, disk: Disk, looks: Looks) -> FoundLink:
    below, _, name = join_path(path, link.name).rpartition(b"/")
    text = disk[below].links.get(name) if below in disk else None
    is_ours = text is not None and looks.image_of(text) == link.image
    return link._replace(text=text) if text is not None and is_ours else link


def own_place_reason(path: bytes) -> str | None:
    """Why somebody's folder cannot be here."""
    if path.split(b"/")[0].lower() in OWN_FOLDERS and not is_ignored(path):
        return "a person's folder was put where faced's own folders are; move it out again"
    return None
