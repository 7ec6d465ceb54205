"""Each person's folder in base, and in which folder of hers a link belongs. Values in, values out."""

from collections.abc import Collection, Mapping
from typing import Protocol

from faced.folders.disk import DiskFolder, join_path
from faced.folders.linking import Layout, Photo, Years
from faced.model import PersonId
from faced.store.base import BaseFolder

__all__ = ["Homes"]


class Resident(Protocol):
    """See plan.ShownPerson."""

    @property
    def id(self) -> PersonId: ...
    @property
    def may_divide(self) -> bool: ...


class Homes:
    """of: the folder that stands for each person, the one with the shortest path. at: all folders of base by path."""

    def __init__(
        self,
        free: Collection[BaseFolder],
        everything: Collection[BaseFolder],
        disk: Mapping[bytes, DiskFolder],
        layout: Layout,
    ) -> None:
        """free: folders that are not held."""
        self.of: dict[PersonId, BaseFolder] = {}
        for folder in sorted(free, key=lambda f: (len(f.path), f.path)):
            if folder.person is not None:
                self.of.setdefault(folder.person, folder)
        self.at = {folder.path: folder for folder in everything}
        self._free = {folder.id for folder in free}
        self._disk = disk
        self._layout = layout

    def folder_for(self, person: Resident, photo: Photo) -> bytes | None:
        """Where base has the folder for a new link, or would have it; None: she has none. One of a year that cannot be
        made is done without.
        """
        home = self.of.get(person.id)
        if home is None or not person.may_divide:
            return None if home is None else home.path
        wanted = self._layout.folder_of(home.path, photo)
        if wanted == home.path:
            return wanted
        if (year := self.at.get(wanted)) is not None:
            return wanted if year.person == person.id and year.id in self._free else home.path
        here, name = self._disk[home.path], wanted.rpartition(b"/")[2]
        is_used = name in here.links or name in here.folders or name in here.others
        return home.path if is_used else wanted

    def is_in_place(self, person: Resident, folder: bytes, photo: Photo) -> bool:
        """Whether a link in that folder of hers may stay there."""
        home = self.of.get(person.id)
        if home is None or self._layout.years is Years.KEEP or not person.may_divide:
            return True
        if self._layout.is_right(folder, home.path, photo):
            return True
        return self._layout.years is Years.DIVIDE and self.folder_for(person, photo) == home.path

    def is_for_a_year(self, person: Resident, folder: bytes) -> bool:
        """Whether a folder of hers goes when nothing is in it."""
        home = self.of.get(person.id)
        return home is not None and person.may_divide and self._layout.is_of_year(folder, home.path)

    def known_inside(self, home: BaseFolder, below: bytes) -> BaseFolder | None:
        """The folder of base at this path within a person's; b"" is her own."""
        return self.at.get(join_path(home.path, below)) if below else home
