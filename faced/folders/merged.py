"""A person's folder inside that of another: one and the same, or not for us to say. Values in, values out."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from faced.errors import shown
from faced.folders.context import Context
from faced.folders.disk import parent_of
from faced.folders.edits import Merged
from faced.folders.names import is_same_name, name_of_folder
from faced.model import FolderId, PersonId
from faced.store.tree import BaseFolder

__all__ = ["Nested", "find_nested", "folders_above", "name_now"]


@dataclass(slots=True)
class Nested:
    """merged: what a folder inside another one means. held: why that cannot be said. followed: folders that are
    inside one of the same person, by a merge that is known.
    """

    merged: dict[FolderId, Merged] = field(default_factory=dict)
    held: dict[FolderId, str] = field(default_factory=dict)
    followed: set[FolderId] = field(default_factory=set)


def find_nested(
    folders: Mapping[bytes, BaseFolder], owner_at: Mapping[bytes, BaseFolder], context: Context
) -> Nested:
    """Say what it means that persons' folders were put inside those of others.

    folders: those that are not where base has them, by where they are. owner_at: every folder of base by where it is.

    | the folder       | inside that of      | it is                                                    |
    | without a name   | anybody             | merged into that one                                     |
    | with a name      | nobody with a name  | that one is merged into it, if there is no other choice  |
    | with a name      | one with a name     | ambiguous: held                                          |
    | of one merged into that one already    | followed                                                 |
    """
    nested = Nested()
    pairs: list[tuple[bytes, BaseFolder, bytes, BaseFolder]] = []
    for path, folder in sorted(folders.items()):
        found = next(
            ((above, owner_at[above]) for above in folders_above(path) if _is_hers(owner_at.get(above))), None
        )
        if folder.person is None or found is None or found[1].person == folder.person:
            continue
        above, owner = found
        assert owner.person is not None
        if context.resolve(folder.person) == context.resolve(owner.person):
            nested.followed.add(folder.id)
        else:
            pairs.append((path, folder, above, owner))
    inside: dict[PersonId | None, int] = defaultdict(int)
    for path, folder, _, owner in pairs:
        inside[owner.person] += name_now(folder, path, context) is not None
    inner = {folder.person for _, folder, _, _ in pairs}
    for path, folder, above, owner in pairs:
        assert folder.person is not None
        assert owner.person is not None
        why = f"the folder {shown(folder.path)} was put into {shown(above)}"
        if name_now(folder, path, context) is None:
            nested.merged[folder.id] = Merged(folder.person, owner.person, why)
        elif (
            name_now(owner, above, context) is None
            and inside[owner.person] == 1
            and owner.person not in inner
        ):
            nested.merged[folder.id] = Merged(owner.person, folder.person, why)
        else:
            nested.held[folder.id] = (
                f"the folder of one person with a name is inside that of another, {shown(above)}:"
                " move it out, or say `faced merge` if they are one"
            )
    return nested


def name_now(folder: BaseFolder, path: bytes, context: Context) -> str | None:
    """The name of a folder's person, as its last part says where it is now."""
    assert folder.person is not None
    known = context.names.get(folder.person)
    last = path.rpartition(b"/")[2]
    if last == folder.path.rpartition(b"/")[2]:
        return known
    said = name_of_folder(last)
    return known if is_same_name(last, said, known) else said


def _is_hers(folder: BaseFolder | None) -> bool:
    return folder is not None and folder.person is not None


def folders_above(path: bytes) -> Iterator[bytes]:
    """The folders that a path lies in, the nearest first, without the people folder."""
    above = parent_of(path)
    while above:
        yield above
        above = parent_of(above)
