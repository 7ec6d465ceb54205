"""Where persons' folders are to be, and what they are to be called: those that move, and those that are made.

Values in, values out. A name that somebody else uses is never wanted.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from faced.folders.disk import Disk, join_path, parent_of
from faced.folders.hold import IGNORED, has_arrived_in, is_ignored, is_strangers_place, is_usable_parent
from faced.folders.names import (
    TakenNames,
    fold_name,
    folder_name,
    is_form_of,
    name_of_folder,
    person_folder_name,
)
from faced.model import PersonId
from faced.store.base import BaseFolder
from faced.store.intents import Operation

__all__ = ["FolderPlan"]


class Resident(Protocol):
    """See plan.ShownPerson."""

    @property
    def id(self) -> PersonId: ...
    @property
    def name(self) -> str | None: ...
    @property
    def place(self) -> bytes | None: ...
    @property
    def hidden(self) -> bool: ...


class FolderPlan:
    """above: folders, nobody's, that are to be made around others first. Operations of `rename` and `make` are in order."""

    def __init__(
        self,
        shown: Mapping[PersonId, Resident],
        folders: Collection[BaseFolder],
        disk: Disk,
        name_max: int,
        removed: Collection[bytes],
    ) -> None:
        """folders: of base. removed: paths of those that go before anything else moves."""
        self.shown = shown
        self.folders = folders
        self.disk = disk
        self.name_max = name_max
        self.removed = frozenset(removed)
        self.owned = {folder.path for folder in folders if folder.person is not None}
        self.above: list[Operation] = []
        self.renamed: dict[bytes, bytes] = {}
        self.leaving: frozenset[bytes] = frozenset()
        self.taken: dict[bytes, TakenNames] = {}

    def rename(self, homes: Mapping[PersonId, BaseFolder]) -> list[Operation]:
        """Folders whose person has another name now, or is said to live elsewhere."""
        pending: dict[bytes, tuple[BaseFolder, bytes, bytes]] = {}
        for id_, folder in sorted(homes.items()):
            if id_ not in self.shown or folder.path in self.removed:
                continue
            person = self.shown[id_]
            parent, _, name = folder.path.rpartition(b"/")
            target = self._wanted_parent(person, parent)
            wanted = self._wanted_name(person)
            if is_strangers_place(folder.path):
                if self._is_somebody_put_in(folder.path):
                    continue  # among strangers, not into her folder: that is for the next look to say
                target = b""  # out of the way first, so that the folder of strangers can be made
            if not _is_named(name, wanted, person.name):
                pending[folder.path] = (folder, target, wanted)
            elif target != parent:
                pending[folder.path] = (folder, target, name)
        self.leaving = frozenset(pending)
        for _, target, _ in pending.values():
            self._ensure_above(target)
        moves = []
        for path, (folder, target, wanted) in pending.items():
            new = join_path(target, self._taken_in(target).claim(wanted, is_file=False))
            self.renamed[path] = new
            moves.append(Operation("movedir", path, new=new, ino=folder.ino, person=folder.person))
        moves.sort(key=lambda o: (-o.folder.count(b"/"), o.folder))
        return self._ordered(moves)

    def _ordered(self, moves: list[Operation]) -> list[Operation]:
        """No folder moves to a name before the one that has it now has left; a ring is opened by a detour."""
        ordered: list[Operation] = []
        waiting = moves
        while waiting:
            sources = Counter(_place_of(move.folder) for move in waiting)
            free: list[Operation] = []
            stuck: list[Operation] = []
            for move in waiting:
                target = _place_of(move.new or b"")
                others = sources[target] - (target == _place_of(move.folder))
                (stuck if others else free).append(move)
            if not free:
                first = stuck.pop(0)
                parent, _, name = first.folder.rpartition(b"/")
                detour = join_path(parent, self._taken_in(parent).claim(name, is_file=False))
                free = [replace(first, new=detour)]
                stuck.append(replace(first, folder=detour))
            ordered += free
            waiting = stuck
        return ordered

    def _wanted_name(self, person: Resident) -> bytes:
        name = person_folder_name(person.id) if person.name is None else folder_name(person.name)
        return name.encode("utf-8")

    def make(self, homeless: Iterable[PersonId]) -> list[Operation]:
        """Folders for those who have none. To be said after `rename`."""
        parents = {id_: self._usable_parent(self.shown[id_].place or b"", b"") for id_ in homeless}
        for parent in parents.values():
            self._ensure_above(parent)
        makes = []
        for id_, parent in parents.items():
            person = self.shown[id_]
            wanted, said = self._wanted_name(person), (person.place or b"").rpartition(b"/")[2]
            if said and person.name is not None and _is_named(said, wanted, person.name):
                wanted = said  # as the user spelt it
            name = self._taken_in(parent).claim(wanted, is_file=False)
            makes.append(Operation("mkdir", join_path(parent, name), person=id_))
        return makes

    def _wanted_parent(self, person: Resident, parent: bytes) -> bytes:
        if person.hidden:
            return parent if is_ignored(join_path(parent, b"x")) else self._ignored_folder(parent)
        return parent if person.place is None else self._usable_parent(person.place, parent)

    def _is_somebody_put_in(self, path: bytes) -> bool:
        inside = (found.ino for below, found in self.disk.items() if below.startswith(path + b"/"))
        return has_arrived_in(path, inside, self.folders)

    def _ignored_folder(self, otherwise: bytes) -> bytes:
        """As it is called here; where something else, or a person's folder, has that name, strangers stay where they
        are.
        """
        around = self.disk[b""]
        there = sorted(n for n in around.folders if n.lower() == IGNORED.lower() and n not in self.owned)
        is_taken = IGNORED in {*around.links, *around.others, *self.owned}
        return there[0] if there else otherwise if is_taken else IGNORED

    def _usable_parent(self, place: bytes, otherwise: bytes) -> bytes:
        taken = {*self.owned, *self.removed, *self.renamed.values()}
        return parent_of(place) if is_usable_parent(parent_of(place), self.disk, taken) else otherwise

    def _ensure_above(self, folder: bytes) -> None:
        """Make the folder, and those above it, in which another one is about to be put. They are nobody's."""
        missing = []
        made = {operation.folder for operation in self.above}
        while folder and folder not in self.disk and folder not in made:
            missing.append(Operation("mkdir", folder))
            parent, _, name = folder.rpartition(b"/")
            self._taken_in(parent).claim(name, is_file=False)
            folder = parent
        self.above += reversed(missing)

    def _taken_in(self, folder: bytes) -> TakenNames:
        """Names that are not free in a folder: what is there, and what base expects there; not what leaves it."""
        if folder not in self.taken:
            names = set[bytes]()
            if (found := self.disk.get(folder)) is not None:
                names.update(found.links, found.folders, found.others)
            names.update(f.path.rpartition(b"/")[2] for f in self.folders if parent_of(f.path) == folder)
            left = self.leaving | self.removed
            names -= {path.rpartition(b"/")[2] for path in left if parent_of(path) == folder}
            self.taken[folder] = TakenNames(names, self.name_max)
        return self.taken[folder]

    def path_now(self, path: bytes) -> bytes:
        """Where a base folder is after the planned moves."""
        new = self.renamed.get(path, path)
        parent = parent_of(new)
        if not parent or parent != parent_of(path):
            return new  # put where no person's folder is above it, and only those move
        return join_path(self.path_now(parent), new.rpartition(b"/")[2])


def _place_of(path: bytes) -> tuple[bytes, str]:
    parent, _, name = path.rpartition(b"/")
    return parent, fold_name(name)


def _is_named(current: bytes, wanted: bytes, name: str | None) -> bool:
    """Whether a folder's name says `wanted`; a user may have spelt a name in a way that faced would not."""
    if name is None or is_form_of(current, wanted, is_file=False):
        return is_form_of(current, wanted, is_file=False)
    said = name_of_folder(current)
    return said is not None and is_form_of(folder_name(said).encode("utf-8"), wanted, is_file=False)
