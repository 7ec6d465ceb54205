"""Which links are where faced left them, which are not, and which others there are. Values in, values out."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from faced.folders.arrived import Places, is_usable_place, say_known
from faced.folders.context import Context
from faced.folders.disk import Disk, DiskFolder, join_path
from faced.folders.identify import Identity, Looks
from faced.folders.moved import Lost, Strange
from faced.model import FolderId, ImageId, PersonId
from faced.store.base import Base, BaseFolder, BaseLink
from faced.store.follow import KnownCopy

__all__ = ["LinkLook", "is_there", "look_at_links"]


@dataclass(slots=True)
class LinkLook:
    """lost: links of base that are not where base has them, those of folders that are gone, too. strange: others like
    faced's own. newer: links of base with an older text. known: strange ones that are the user's affair.
    left_alone: path to reason.
    """

    places: Places
    lost: list[Lost] = field(default_factory=list)
    strange: list[Strange] = field(default_factory=list)
    newer: list[BaseLink] = field(default_factory=list)
    known: set[KnownCopy] = field(default_factory=set)
    left_alone: dict[bytes, str] = field(default_factory=dict)


def look_at_links(
    base: Base,
    disk: Disk,
    looks: Looks,
    context: Context,
    identity: Identity,
    owner_at: Mapping[bytes, BaseFolder],
    unread: Collection[FolderId],
) -> LinkLook:
    """Compare the links of base with those of the disk.

    owner_at: folders of base by where they are, without subfolders that were taken out of their person's folder.
    unread: folders of which nothing can be told.
    """
    return _Looker(base, disk, looks, context, owner_at).look(identity, unread)


def is_there(link: BaseLink, here: DiskFolder, looks: Looks) -> bool:
    """Whether a link is in its folder, with its text or an older one."""
    text = here.links.get(link.name)
    return text is not None and (text == link.text or looks.image_of(text) == link.image)


class _Looker:
    def __init__(
        self, base: Base, disk: Disk, looks: Looks, context: Context, owner_at: Mapping[bytes, BaseFolder]
    ) -> None:
        self.disk = disk
        self.looks = looks
        self.context = context
        self.owner_at = owner_at
        self.path_of = {folder.id: path for path, folder in owner_at.items()}
        self.folders = {folder.id: folder for folder in base.folders}
        self.links = base.links

    def look(self, identity: Identity, unread: Collection[FolderId]) -> LinkLook:
        look = LinkLook(self._find_places())
        gone = {folder.id for folder in identity.vanished}
        for link in self.links:
            if link.folder not in unread:
                self._look_for(link, look, gone)
        self._find_strange(look, identity, unread)
        return look

    def _find_places(self) -> Places:
        present = set()
        holders: dict[ImageId, set[PersonId]] = defaultdict(set)
        for link in self.links:
            path = self.path_of.get(link.folder)
            if path is not None and link.name in self.disk[path].links:
                person = self.context.resolve(link.person)
                present.add((person, link.image))
                holders[link.image].add(person)
        found = {image: frozenset(persons) for image, persons in holders.items()}
        known = frozenset((link.folder, link.name) for link in self.links)
        return Places(self.owner_at, present, found, known)

    def _look_for(self, link: BaseLink, look: LinkLook, gone: Collection[FolderId]) -> None:
        path = self.path_of.get(link.folder)
        where = join_path(self.folders[link.folder].path if path is None else path, link.name)
        if path is not None:
            here = self.disk[path]
            text = here.links.get(link.name)
            if text == link.text:
                return
            if text is not None and is_there(link, here, self.looks):
                look.newer.append(link._replace(text=text))
                return
            if text is not None or link.name in here.others or link.name in here.folders:
                look.left_alone[where] = "something else stands in the place of the link that faced made"
                return
        look.lost.append(Lost(link, where, self.context.resolve(link.person), link.folder in gone))

    def _find_strange(self, look: LinkLook, identity: Identity, unread: Collection[FolderId]) -> None:
        ours = {
            join_path(path, link.name)
            for link in self.links
            if (path := self.path_of.get(link.folder)) is not None
            and is_there(link, self.disk[path], self.looks)
        }
        names = {
            join_path(path, link.name)
            for link in self.links
            if (path := self.path_of.get(link.folder)) is not None
        }
        returned = tuple(path + b"/" for path in identity.returned.values())
        unclear = {link.image for link in self.links if link.folder in identity.unclear}
        for path, found in sorted(self.disk.items()):
            if (path + b"/").startswith(returned):
                continue
            owner = look.places.owner(path)
            person = None if owner is None or owner.person is None else self.context.resolve(owner.person)
            is_usable = found.problem is None and (
                is_usable_place(path) and not unclear & self.looks.images_in(path)
                if owner is None
                else owner.id not in unread
            )
            for name in found.others:
                where = join_path(path, name)
                if where in self.context.files and where not in names:
                    self._see_file(look, path, name, found.ino, person, is_usable)
            for name, text in found.links.items():
                image = self.looks.image_of(text)
                if image is None or join_path(path, name) in ours:
                    continue
                copy = KnownCopy(found.ino, name, text, person)
                is_known = copy in self.context.copies
                if is_known:
                    look.known.add(copy)
                    look.left_alone.update([say_known(path, name, person)])
                look.strange.append(Strange(path, found.ino, name, text, image, person, is_usable, is_known))

    def _see_file(
        self, look: LinkLook, folder: bytes, name: bytes, ino: int, person: PersonId | None, is_usable: bool
    ) -> None:
        """A copy of a photo: what it means is said once, whoever's folder it is in later."""
        mark, image = self.context.files[join_path(folder, name)]
        known = [
            copy for copy in self.context.copies if (copy.folder, copy.name, copy.text) == (ino, name, mark)
        ]
        look.known.update(known)
        if image is not None and not known:
            look.strange.append(Strange(folder, ino, name, mark, image, person, is_usable, False, True))
