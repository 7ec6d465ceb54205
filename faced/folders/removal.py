"""Which folders that faced made go once nothing of it is left in them. Values in, values out."""

from collections.abc import Collection, Iterable

from faced.folders.disk import Disk, join_path
from faced.folders.names import is_junk
from faced.store.base import BaseFolder
from faced.store.intents import Operation

__all__ = ["JUNK_FOLDER", "plan_removals"]

JUNK_FOLDER = b".faced/junk"
"""Where a folder goes that holds nothing but a desktop's junk, which is not faced's to delete."""


def plan_removals(
    unwanted: Iterable[tuple[BaseFolder, Collection[bytes]]], disk: Disk
) -> tuple[list[Operation], frozenset[bytes]]:
    """What is to be done about folders that nobody wants, and the paths of those that go.

    unwanted: folders of base that are on disk, each with the names in it that are taken away before. One stays in which
    something else is left. Removed first, then moved away: a batch holds moves only, or none.
    """
    removed = set[bytes]()
    operations = []
    for folder, gone in sorted(unwanted, key=lambda pair: (-pair[0].path.count(b"/"), pair[0].path)):
        found = disk[folder.path]
        others = {*found.links, *found.others} - set(gone)
        inside = {join_path(folder.path, name) for name in found.folders}
        if any(not is_junk(name) for name in others) or not inside <= removed:
            continue
        removed.add(folder.path)
        if others:
            away = join_path(JUNK_FOLDER, b"%d" % folder.id)
            operations.append(Operation("movedir", folder.path, new=away, ino=folder.ino))
        else:
            operations.append(Operation("rmdir", folder.path, ino=folder.ino))
    operations.sort(key=lambda operation: operation.op == "movedir")
    return operations, frozenset(removed)
