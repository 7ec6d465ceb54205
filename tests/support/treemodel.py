"""A people folder in memory: what a plan does to base and disk when nothing goes wrong."""

from faced.folders.disk import Disk, DiskFolder, join_path, parent_of
from faced.model import FolderId
from faced.store.base import Base, BaseFolder, BaseLink
from faced.store.intents import Operation

__all__ = ["TreeModel"]


class TreeModel:
    """Entries by path: a folder's inode, a link's text, or None for a file. base: as faced would keep it."""

    def __init__(self) -> None:
        self.entries: dict[bytes, int | bytes | None] = {}
        self.folders: list[BaseFolder] = []
        self.links: list[BaseLink] = []
        self._count = 0

    def next_number(self) -> int:
        self._count += 1
        return self._count

    @property
    def base(self) -> Base:
        return Base(tuple(self.folders), tuple(self.links))

    @property
    def disk(self) -> Disk:
        disk = Disk({b"": self._folder(b"", 1_000_000)})
        for path, entry in self.entries.items():
            if isinstance(entry, int):
                disk[path] = self._folder(path, entry)
        return disk

    def _folder(self, path: bytes, ino: int) -> DiskFolder:
        inside = {p.rpartition(b"/")[2]: e for p, e in self.entries.items() if parent_of(p) == path}
        return DiskFolder(
            ino,
            {name: entry for name, entry in inside.items() if isinstance(entry, bytes)},
            frozenset(name for name, entry in inside.items() if isinstance(entry, int)),
            frozenset(name for name, entry in inside.items() if entry is None),
        )

    def apply(self, operation: Operation) -> None:
        """Fails when the operation is not possible, or touches what base does not own as it is."""
        here = {folder.path: folder for folder in self.folders}
        path = operation.folder
        if operation.op == "mkdir":
            assert path not in self.entries
            assert parent_of(path) == b"" or parent_of(path) in self.entries
            number = self.next_number()
            self.entries[path] = number
            self.folders.append(BaseFolder(FolderId(number), path, operation.person, number))
            return
        folder = here[path]
        assert self.entries[path] == folder.ino
        if operation.op in ("rmdir", "movedir"):
            assert operation.ino == folder.ino
            self._move_or_remove(operation, folder)
            return
        assert operation.name is not None
        entry = join_path(path, operation.name)
        owned = [link for link in self.links if link.folder == folder.id and link.name == operation.name]
        if operation.op == "link":
            assert entry not in self.entries
            assert not owned
        else:
            assert [link.text for link in owned] == [operation.old]
            assert self.entries.pop(entry) == operation.old
            self.links.remove(owned[0])
        if operation.op != "drop":
            assert operation.new is not None
            assert operation.image is not None
            assert operation.person is not None
            self.entries[entry] = operation.new
            self.links.append(
                BaseLink(folder.id, operation.name, operation.new, operation.image, operation.person)
            )

    def _move_or_remove(self, operation: Operation, folder: BaseFolder) -> None:
        path, new = operation.folder, operation.new
        inside = [p for p in self.entries if p.startswith(path + b"/")]
        self.folders.remove(folder)
        if operation.op == "rmdir" or (new is not None and new.startswith(b".faced/")):
            assert not inside or operation.op == "movedir"
            assert not [link for link in self.links if link.folder == folder.id]
            for gone in (*inside, path):
                del self.entries[gone]
            return
        assert new is not None
        assert new not in self.entries
        for old in (path, *inside):
            self.entries[new + old[len(path) :]] = self.entries.pop(old)
        self.folders.append(folder._replace(path=new))
        self.folders = [
            f._replace(path=new + f.path[len(path) :]) if f.path.startswith(path + b"/") else f
            for f in self.folders
        ]
