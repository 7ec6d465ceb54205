"""Albums: a new folder that is called after several known persons is to be filled with the photos of all of them.

Values in, values out. Only an empty folder is one, and only when each part of its name means one person.
"""

import unicodedata
from collections.abc import Collection, Mapping

from faced.errors import shown
from faced.folders.disk import Disk, DiskFolder, parent_of
from faced.folders.edits import AlbumMade
from faced.folders.hold import OWN_FOLDERS
from faced.folders.names import folder_name, is_junk, name_of_folder
from faced.model import PersonId

__all__ = ["album_name", "find_albums", "read_album_name"]

AND = " + "


def album_name(names: Collection[str]) -> str:
    """What an album of these persons is called.

    >>> album_name(["Anna", "Ben"])
    'Anna + Ben'
    """
    return AND.join(names)


def read_album_name(name: str, names: Mapping[PersonId, str]) -> tuple[PersonId, ...] | str | None:
    """The persons that an album's name names, in its order. None: it is no such name; a text: why it cannot be told.

    names: of the persons that have one.
    """
    parts = [part.strip() for part in name.split(AND)]
    if len(parts) < 2:
        return None
    found = []
    for part in parts:
        meant = [
            person
            for person, known in names.items()
            if _fold(part) in (_fold(known), _fold(folder_name(known)))
        ]
        exact = [person for person in meant if names[person] == part]
        meant = exact or meant
        if not meant:
            return None
        if len(meant) > 1:
            return f"{len(meant)} persons are called {part}, so it cannot be told whose album this is"
        found.append(meant[0])
    return tuple(found) if len(set(found)) == len(found) else None


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def find_albums(
    disk: Disk, known: Collection[bytes], theirs: Collection[bytes], names: Mapping[PersonId, str]
) -> tuple[list[AlbumMade], dict[bytes, str]]:
    """New albums, and what of their kind cannot be told (path to reason).

    known: paths of folders that are not new, or may not be. theirs: of folders in which nothing is an album.
    """
    made, left_alone = [], {}
    for path, found in sorted(disk.items()):
        is_new = path and path not in known and not any(path.startswith(other + b"/") for other in theirs)
        if not is_new or path.split(b"/")[0].lower() in OWN_FOLDERS or not _is_empty(found):
            continue
        name = name_of_folder(path[len(parent_of(path)) :].lstrip(b"/"))
        persons = None if name is None else read_album_name(name, names)
        if isinstance(persons, str):
            left_alone[path] = persons
        elif persons is not None:
            made.append(AlbumMade(path, persons, f"the folder {shown(path)} was made"))
    return made, left_alone


def _is_empty(found: DiskFolder) -> bool:
    if found.problem is not None or found.links or found.folders:
        return False
    return all(is_junk(name) for name in found.others)
