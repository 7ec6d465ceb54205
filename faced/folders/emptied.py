"""Persons of whom no link is left in their folders, since the user moved all of them to one other person. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from faced.folders.context import Context
from faced.model import FolderId, PersonId
from faced.store.base import BaseLink

__all__ = ["find_emptied"]

LinkKey = tuple[FolderId, bytes]


def find_emptied(
    links: Iterable[BaseLink],
    destinations: Mapping[LinkKey, PersonId | bytes],
    candidates: Collection[PersonId],
    context: Context,
) -> dict[PersonId, PersonId | bytes]:
    """Who is one with whom: all links were moved to one place, in one go or one by one.

    links: of base. destinations: a person, or the path of a new folder, of those that are moved now. candidates:
    persons without a name whose folders are read. Nobody of whom a link was deleted is merged, whenever that was: then
    it was not all of them. A link whose photo is away may be missing.
    """
    theirs: dict[PersonId, list[BaseLink]] = defaultdict(list)
    for link in links:
        if (person := context.resolve(link.person)) in candidates:
            theirs[person].append(link)
    found: dict[PersonId, PersonId | bytes] = {}
    for person, hers in theirs.items():
        moved = [
            destinations.get((link.folder, link.name)) for link in hers if link.image not in context.excused
        ]
        if not moved or None in moved or person in context.rejected:
            continue
        places = {*moved, *(context.resolve(other) for other in context.moved_to(person))}
        place = places.pop()
        if not places and place is not None and place != person and place not in context.albums:
            found[person] = place
    return found
