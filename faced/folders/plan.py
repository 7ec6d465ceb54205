"""The tree as it should be: who has a folder, which links are in it, and what must be done to get there.

Values in, values out. Only what base owns and the disk still has as base left it is ever changed; a name that
somebody else uses is never wanted. The order in which persons, photos or folders are handed in does not matter.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from faced.folders.disk import Disk
from faced.folders.hold import Held
from faced.folders.homes import Homes
from faced.folders.linking import Layout, Years
from faced.folders.names import NAME_BYTES, TakenNames, is_form_of
from faced.folders.plan_folders import FolderPlan
from faced.folders.removal import plan_removals
from faced.model import FolderId, ImageId, PersonId
from faced.store.base import Base, BaseFolder, BaseLink
from faced.store.intents import Operation

__all__ = ["ABSOLUTE", "PhotoPath", "ShownPerson", "plan_tree"]

ABSOLUTE = Layout()


@dataclass(frozen=True, slots=True)
class ShownPerson:
    """Somebody who is to have a folder. images: those she is on.

    A person with a name is to be handed in even when none of her photos is left: her empty folder stays.
    place: the path where she is said to live. Her folder belongs into the folder that this one lies in, which is
    the people folder itself for b""; its own last part only counts while it says her name. None: nothing is said,
    a folder stays where it is. hidden: a stranger: she has a folder only if base has one, and that in `_Ignored`.
    link_names: what the user called her links, by image. may_divide: by years, see Layout; an album is as it is.
    """

    id: PersonId
    name: str | None
    images: frozenset[ImageId]
    place: bytes | None = None
    hidden: bool = False
    link_names: Mapping[ImageId, bytes] = field(default_factory=dict)
    may_divide: bool = True


class PhotoPath(NamedTuple):
    """A photo that a link may lead to. root: of its library, absolute; path: relative to it; time_ns: the photo's
    own date, UTC nanoseconds since 1970 (EXIF as local time, else mtime), which becomes the link's. year: of the EXIF
    date.
    """

    root: bytes
    path: bytes
    time_ns: int
    year: int | None = None

    @property
    def text(self) -> bytes:
        """Its absolute path."""
        return self.root.rstrip(b"/") + b"/" + self.path

    @property
    def name(self) -> bytes:
        """Its file name."""
        return self.path.rpartition(b"/")[2]


Photos = Mapping[ImageId, Sequence[PhotoPath]]


def plan_tree(
    shown: Iterable[ShownPerson],
    photos: Photos,
    base: Base,
    disk: Disk,
    held: Held,
    *,
    name_max: int = NAME_BYTES,
    layout: Layout = ABSOLUTE,
    only: Collection[PersonId] | None = None,
) -> tuple[Operation, ...]:
    """What is to be done, in this order: drops, removed folders, folders above others, moved folders, new folders,
    links.

    photos: for each image its photos that are known to be there (or are in a library that is only offline).
    disk and held: of the same look. name_max: bytes, the longest name that the file system takes.
    only: who may have links that are not as wanted; base and disk need not have the links of others. None: anybody.
    Up to the moved folders, operations name folders as base has them; after them, by their new paths.
    """
    return _Planner(shown, photos, base, disk, held, name_max, layout, only).plan()


class _Planner:
    """The steps of one plan_tree; each reads what the ones before it decided."""

    def __init__(
        self,
        shown: Iterable[ShownPerson],
        photos: Photos,
        base: Base,
        disk: Disk,
        held: Held,
        name_max: int,
        layout: Layout,
        only: Collection[PersonId] | None,
    ) -> None:
        self.layout = layout
        self.only = only
        self.shown = {person.id: person for person in sorted(shown, key=lambda person: person.id)}
        self.photos = photos
        self.base = base
        self.disk = disk
        self.held_links = held.held_links
        self.held_folders = held.held_folders
        self.name_max = name_max
        self.folders = {f.id: f for f in base.folders if f.id not in held.held_folders}
        self.links_of: dict[FolderId, list[BaseLink]] = defaultdict(list)
        for link in sorted(base.links):
            self.links_of[link.folder].append(link)
        self.dropped: dict[FolderId, dict[bytes, BaseLink]] = defaultdict(dict)
        self.links: list[tuple[BaseFolder, Operation]] = []
        self.wishes: dict[PersonId, list[tuple[PhotoPath, ImageId]]] = defaultdict(list)
        self.homes = Homes(self.folders.values(), base.folders, disk, layout)

    def plan(self) -> tuple[Operation, ...]:
        self._follow_links()
        homes, homeless = self._find_homes()
        self._relabel(homes)
        drops = [
            Operation("drop", self.folders[id_].path, link.name, None, link.text, person=link.person)
            for id_, links in self.dropped.items()
            for link in links.values()
        ]
        drops.sort(key=lambda o: (o.folder, o.name))
        removals, removed = self._remove_folders()
        self.moving = FolderPlan(self.shown, self.base.folders, self.disk, self.name_max, removed)
        moves = self.moving.rename(homes)
        makes = self.moving.make(homeless)
        links = self._place_links(homes, {o.person: o.folder for o in makes})
        return (*drops, *removals, *self.moving.above, *moves, *makes, *links)

    # Links that base has: kept, led elsewhere, renamed or dropped.

    def _follow_links(self) -> None:
        linked = set()
        # Of two links of a person to one image (both were in folders that are one now) the shorter name stays.
        for link in sorted((x for links in self.links_of.values() for x in links), key=_by_length):
            is_wanted = self._is_wanted(link)
            is_held = link.folder in self.held_folders or (link.folder, link.name) in self.held_links
            is_double = (link.person, link.image) in linked
            if is_wanted and (
                is_held
                or (
                    not is_double
                    and self._is_named_right(link)
                    and self._is_in_place(link)
                    and self._is_kept(link)
                )
            ):
                linked.add((link.person, link.image))
            elif not is_held:
                self.dropped[link.folder][link.name] = link
        for person in self.shown.values():
            for image in person.images if self._may_change(person.id) else ():
                if (person.id, image) not in linked and self.photos.get(image):
                    self.wishes[person.id].append((min(self.photos[image]), image))

    def _may_change(self, person: PersonId | None) -> bool:
        return self.only is None or person in self.only

    def _is_wanted(self, link: BaseLink) -> bool:
        person = self.shown.get(link.person)
        return person is not None and link.image in person.images and bool(self.photos.get(link.image))

    def _is_named_right(self, link: BaseLink) -> bool:
        """A link is called as the user said, else as the photo that it leads to."""
        said = self.shown[link.person].link_names.get(link.image)
        named_after = link.text.rpartition(b"/")[2] if said is None else said
        return is_form_of(link.name, named_after, is_file=True, limit=self.name_max)

    def _is_kept(self, link: BaseLink) -> bool:
        """A link stays while its photo does; else it leads to another photo of its image, under its old name
        unless the user did not give it that and the new photo has another: then False.
        """
        folder = self.folders[link.folder]
        photo = self._photo_of(link)
        text = self.layout.text(photo, folder.path)
        if text == link.text:
            return True
        is_ours = link.image not in self.shown[link.person].link_names
        if is_ours and not is_form_of(link.name, photo.name, is_file=True, limit=self.name_max):
            return False
        operation = Operation(
            "retarget", b"", link.name, text, link.text, None, link.image, link.person, photo.time_ns
        )
        self.links.append((folder, operation))
        return True

    def _photo_of(self, link: BaseLink) -> PhotoPath:
        """The one that it leads to, if that is there; else the one that it is to lead to."""
        photos = self.photos[link.image]
        return self.layout.find_photo(link.text, self.folders[link.folder].path, photos) or min(photos)

    def _is_in_place(self, link: BaseLink) -> bool:
        if self.layout.years is Years.KEEP:
            return True
        folder = self.folders[link.folder].path
        return self.homes.is_in_place(self.shown[link.person], folder, self._photo_of(link))

    def _relabel(self, homes: Mapping[PersonId, BaseFolder]) -> None:
        """A photo that holds another picture now: the link to it stays untouched and stands for that one."""
        losing: dict[PersonId | None, list[BaseFolder]] = defaultdict(list)
        for id_, gone in self.dropped.items():
            if gone:
                losing[self.folders[id_].person].append(self.folders[id_])
        for person, wishes in self.wishes.items():
            hers = losing[person]
            if person not in homes or not hers:
                continue
            by_text = {
                (folder.id, link.text): link
                for folder in hers
                for link in self.dropped[folder.id].values()
                if link.person == person
            }
            left = []
            for photo, image in wishes:
                keys = [(folder.id, self.layout.text(photo, folder.path)) for folder in hers]
                found = next((by_text.pop(key) for key in keys if key in by_text), None)
                if found is None or found.image == image:  # none, or it has a wrong name, or place
                    left.append((photo, image))
                    continue
                del self.dropped[found.folder][found.name]
                operation = Operation(
                    "retarget", b"", found.name, found.text, found.text, None, image, person, None
                )
                self.links.append((self.folders[found.folder], operation))
            self.wishes[person] = left

    # Folders.

    def _find_homes(self) -> tuple[dict[PersonId, BaseFolder], list[PersonId]]:
        """Where new links of each shown person go; and who needs a folder first.

        Somebody whose folder is held has neither: what the user did with it is not known yet.
        """
        owners = {folder.person for folder in self.base.folders}
        homeless = [
            id_
            for id_, person in self.shown.items()
            if id_ not in owners and self.wishes.get(id_) and not person.hidden
        ]
        return self.homes.of, homeless

    def _remove_folders(self) -> tuple[list[Operation], frozenset[bytes]]:
        """Folders that faced made for somebody who is not shown any more, once nothing is left in them."""
        staying = {folder.path for folder, _ in self.links} | self._find_wanted_years()
        unwanted = []
        for folder in self.folders.values():
            gone = self.dropped.get(folder.id, {})
            is_emptied = (
                self._may_change(folder.person)
                and len(gone) == len(self.links_of[folder.id])
                and folder.path not in staying
            )
            if is_emptied and not self._is_needed(folder):
                unwanted.append((folder, gone))
        return plan_removals(unwanted, self.disk)

    def _find_wanted_years(self) -> set[bytes]:
        """The folders of years that links are about to be put into."""
        if self.layout.years is not Years.DIVIDE:
            return set()
        found = {
            self.homes.folder_for(self.shown[person], photo)
            for person, wishes in self.wishes.items()
            for photo, _ in wishes
        }
        return {path for path in found if path is not None}

    def _is_needed(self, folder: BaseFolder) -> bool:
        """An empty folder stays when it is a named person's, or of one with photos, or nobody's."""
        if folder.person is None:
            return True
        person = self.shown.get(folder.person)
        if person is None:
            return False
        if self.homes.is_for_a_year(person, folder.path):
            return False
        return person.name is not None or any(self.photos.get(image) for image in person.images)

    # New links.

    def _place_links(
        self, homes: Mapping[PersonId, BaseFolder], made: Mapping[PersonId | None, bytes]
    ) -> list[Operation]:
        operations = [
            replace(operation, folder=self.moving.path_now(folder.path)) for folder, operation in self.links
        ]
        operations.sort(key=lambda o: (o.folder, o.name))
        for person, wishes in sorted(self.wishes.items()):
            home = homes.get(person)
            if not wishes or (home is None and person not in made):
                continue
            top = made[person] if home is None else self.moving.path_now(home.path)
            names = self.shown[person].link_names
            there = set() if home is None else self._strange_texts(home)
            for path, inside in self._sort_by_folder(person, top, wishes):
                known = None if home is None else self.homes.known_inside(home, path[len(top) + 1 :])
                new = []
                taken = TakenNames(() if known is None else self._names_staying(known), self.name_max)
                for photo, image in inside:
                    if any(self._texts_of(other, home) & there for other in self.photos[image]):
                        continue  # what somebody else's link means is for a look to say
                    name = taken.claim(names.get(image, photo.name), is_file=True)
                    text = self.layout.text(photo, path)
                    new.append(Operation("link", path, name, text, None, None, image, person, photo.time_ns))
                if new and known is None and path != top:
                    operations.append(Operation("mkdir", path, person=person))
                operations += new
        return operations

    def _sort_by_folder(
        self, person: PersonId, top: bytes, wishes: Iterable[tuple[PhotoPath, ImageId]]
    ) -> list[tuple[bytes, list[tuple[PhotoPath, ImageId]]]]:
        """New links by the folders that they go into, as these are called after the moves; the first one is hers."""
        home = self.homes.of.get(person)
        inside: dict[bytes, list[tuple[PhotoPath, ImageId]]] = defaultdict(list)
        for photo, image in sorted(wishes):
            if home is None:
                wanted = self.layout.folder_of(top, photo) if self.shown[person].may_divide else top
            else:
                path = self.homes.folder_for(self.shown[person], photo)
                assert path is not None
                wanted = top + path[len(home.path) :]
            inside[wanted].append((photo, image))
        return sorted(inside.items())

    def _texts_of(self, photo: PhotoPath, home: BaseFolder | None) -> set[bytes]:
        return {photo.text} if home is None else {photo.text, self.layout.text(photo, home.path)}

    def _strange_texts(self, home: BaseFolder) -> set[bytes]:
        ours = {link.name for link in self.links_of[home.id]}
        return {text for name, text in self.disk[home.path].links.items() if name not in ours}

    def _names_staying(self, home: BaseFolder) -> set[bytes]:
        found = self.disk[home.path]
        names = {
            *found.links,
            *found.folders,
            *found.others,
            *(link.name for link in self.links_of[home.id]),
        }
        return names - self.dropped.get(home.id, {}).keys()


def _by_length(link: BaseLink) -> tuple[int, bytes, FolderId]:
    return len(link.name), link.name, link.folder
