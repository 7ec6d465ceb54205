"""The folders of face pictures as they should be, and what must be done to get there.

Values in, values out. One picture a face, given its name once. Only pictures that are still as faced made them are
taken away, and only folders that it made; what a user has done with one is held until it is understood.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from faced.folders.disk import Disk, join_path, parent_of
from faced.folders.names import NAME_BYTES, TakenNames, folder_name, is_form_of
from faced.folders.pictures import Pictures
from faced.folders.removal import plan_removals
from faced.model import FolderId, PersonId
from faced.store.base import Base, BaseFolder, BasePicture
from faced.store.intents import Operation
from faced.store.pictures import NOBODY

__all__ = ["SUGGESTIONS", "UNSORTED", "ShownFaces", "WantedPicture", "find_folder_names", "plan_pictures"]

SUGGESTIONS, UNSORTED = b"_Suggestions", b"_Unsorted"


class WantedPicture(NamedTuple):
    """A face that is to have a picture. photo: file name of a photo that shows it; time_ns: that photo's own date.

    distance: from whom it is proposed to; None: it is proposed to nobody.
    """

    face: str
    photo: bytes
    time_ns: int
    distance: float | None = None

    @property
    def name(self) -> bytes:
        """What the picture is called, if nothing else is."""
        stem = self.photo.rpartition(b".")[0] or self.photo
        before = b"" if self.distance is None else b"%.2f " % self.distance
        return before + stem + b".jpg"


@dataclass(frozen=True, slots=True)
class ShownFaces:
    """The faces that are to have pictures, the most important first. by_person: whom they may be; NOBODY: unsorted.

    names: of the persons.
    """

    by_person: Mapping[PersonId, Sequence[WantedPicture]] = field(default_factory=dict)
    names: Mapping[PersonId, str] = field(default_factory=dict)


def find_folder_names(base: Base) -> dict[PersonId, bytes]:
    """What the persons' own folders are called."""
    names: dict[PersonId, bytes] = {}
    for folder in sorted(base.folders, key=lambda f: (len(f.path), f.path)):
        if folder.person is not None:
            names.setdefault(folder.person, folder.path.rpartition(b"/")[2])
    return names


def plan_pictures(
    shown: ShownFaces,
    base: Base,
    disk: Disk,
    pictures: Pictures,
    understood: Mapping[bytes, str],
    *,
    name_max: int = NAME_BYTES,
) -> tuple[Operation, ...]:
    """What is to be done, in this order: pictures taken away, removed folders, moved folders, new folders, pictures.

    understood: path to face, of pictures that a user has put somewhere and of which it is written down what that
    means. Paths are as in plan_tree.
    """
    return _Planner(shown, base, disk, pictures, understood, name_max).plan()


class _Planner:
    """The steps of one plan_pictures; each reads what the ones before it decided."""

    def __init__(
        self,
        shown: ShownFaces,
        base: Base,
        disk: Disk,
        pictures: Pictures,
        understood: Mapping[bytes, str],
        name_max: int,
    ) -> None:
        self.shown = {person: faces for person, faces in sorted(shown.by_person.items()) if faces}
        self.names = shown.names
        self.base = base
        self.disk = disk
        self.pictures = pictures
        self.understood = understood
        self.name_max = name_max
        self.inside: dict[FolderId, list[BasePicture]] = defaultdict(list)
        for picture in base.pictures:
            self.inside[picture.folder].append(picture)
        self.dropped: dict[bytes, set[bytes]] = defaultdict(set)
        self.has: dict[bytes, set[str]] = defaultdict(set)

    def plan(self) -> tuple[Operation, ...]:
        self.held = {f.path for f in self.base.picture_folders if not self._is_there(f)}
        self.homes = self._find_homes()
        drops = list(self._drop())
        removals, removed = self._remove_folders()
        moves, paths = self._rename_folders(removed)
        folders = self._make_folders(paths)
        return (*drops, *removals, *moves, *folders, *self._make_pictures(paths))

    def _is_there(self, folder: BaseFolder) -> bool:
        found = self.disk.get(folder.path)
        return found is not None and found.problem is None and found.ino == folder.ino

    def _find_homes(self) -> dict[PersonId, BaseFolder]:
        """The folder of base for each person, where it belongs; of NOBODY the one for all that is unsorted."""
        homes: dict[PersonId, BaseFolder] = {}
        for folder in self.base.picture_folders:
            if folder.path == UNSORTED:
                homes[NOBODY] = folder
            elif folder.person is not None and parent_of(folder.path) == SUGGESTIONS:
                homes.setdefault(folder.person, folder)
        return homes

    # Pictures that are there.

    def _drop(self) -> Iterator[Operation]:
        """Those that base has and nobody wants there; those of which a user has said what they mean."""
        own = {folder.id: person for person, folder in self.homes.items()}
        for folder in self.base.picture_folders:
            if folder.path in self.held:
                self.has[folder.path] = {picture.face for picture in self.inside[folder.id]}
                continue
            person = own.get(folder.id)
            wanted = () if person is None else self.shown.get(person, ())
            faces = {picture.face for picture in wanted}
            for picture in self.inside[folder.id]:
                path = join_path(folder.path, picture.name)
                found = self.pictures.at.get(path)
                is_ours = found is not None and (found.face, found.checksum) == (
                    picture.face,
                    picture.checksum,
                )
                if is_ours and picture.face not in faces:
                    yield self._take_away(path)
                else:
                    self.has[folder.path].add(picture.face)
        for path, face in sorted(self.understood.items()):
            found = self.pictures.at.get(path)
            if found is not None and found.face == face and self.pictures.is_made(path):
                yield self._take_away(path)

    def _take_away(self, path: bytes) -> Operation:
        folder, _, name = path.rpartition(b"/")
        found = self.pictures.at[path]
        self.dropped[folder].add(name)
        return Operation(
            "unpicture", folder, name, old=found.checksum.encode(), face=found.face, ino=self.disk[folder].ino
        )

    # Folders.

    def _remove_folders(self) -> tuple[list[Operation], frozenset[bytes]]:
        """Those in which nothing is left and nothing is wanted."""
        needed = {self.homes[person].path for person in self.shown if person in self.homes}
        if any(person != NOBODY for person in self.shown):
            needed.add(SUGGESTIONS)
        unwanted = [
            (folder, self.dropped[folder.path])
            for folder in self.base.picture_folders
            if folder.path not in needed and folder.path not in self.held
        ]
        return plan_removals(unwanted, self.disk)

    def _rename_folders(self, removed: Collection[bytes]) -> tuple[list[Operation], dict[PersonId, bytes]]:
        """A folder of suggestions is called as the person's own folder is. Also where each person's is to be."""
        names = find_folder_names(self.base)
        here = self.disk.get(SUGGESTIONS)
        taken = TakenNames(() if here is None else {*here.links, *here.folders, *here.others}, self.name_max)
        paths: dict[PersonId, bytes] = {}
        moves = []
        for person, folder in sorted(self.homes.items()):
            if folder.path in removed or (person in self.shown and folder.path in self.held):
                continue
            paths[person] = folder.path
            wanted = names.get(person)
            if person == NOBODY or wanted is None or folder.path in self.held:
                continue
            if not is_form_of(folder.path.rpartition(b"/")[2], wanted, is_file=False):
                paths[person] = join_path(SUGGESTIONS, taken.claim(wanted, is_file=False))
                moves.append(
                    Operation("movedir", folder.path, new=paths[person], ino=folder.ino, person=person)
                )
        for person in self.shown:
            if person == NOBODY and person not in self.homes:
                paths[person] = UNSORTED
            elif person not in self.homes:
                wanted = names.get(person) or folder_name(self.names.get(person, "")).encode("utf-8")
                paths[person] = join_path(SUGGESTIONS, taken.claim(wanted, is_file=False))
        return moves, paths

    def _make_folders(self, paths: dict[PersonId, bytes]) -> list[Operation]:
        """Those that are missing. One in whose place something else stands is not made, nor what belongs into it."""
        have = {folder.path for folder in self.base.picture_folders}
        root = self.disk[b""]
        used = {*root.links, *root.folders, *root.others}
        operations: list[Operation] = []
        for above in (SUGGESTIONS, UNSORTED):
            theirs = [p for p in paths if (p == NOBODY) == (above == UNSORTED) and p in self.shown]
            if not theirs or (above in have and above not in self.held):
                continue
            if above in have or above in used:
                for person in theirs:
                    del paths[person]
            else:
                operations.append(Operation("picdir", above))
        for person, path in sorted(paths.items()):
            if person in self.shown and person != NOBODY and person not in self.homes:
                operations.append(Operation("picdir", path, person=person))
        return operations

    # New pictures.

    def _make_pictures(self, paths: Mapping[PersonId, bytes]) -> Iterator[Operation]:
        for person, faces in self.shown.items():
            if (path := paths.get(person)) is None:
                continue
            home = self.homes.get(person)
            before = path if home is None else home.path
            found = self.disk.get(before)
            names = set[bytes]()
            if home is not None and found is not None:
                names = {*found.links, *found.folders, *found.others, *(p.name for p in self.inside[home.id])}
            taken = TakenNames(names - self.dropped[before], self.name_max)
            for wanted in faces:
                if wanted.face not in self.has[before]:
                    name = taken.claim(wanted.name, is_file=True)
                    yield Operation(
                        "picture", path, name, face=wanted.face, person=person, time_ns=wanted.time_ns
                    )
