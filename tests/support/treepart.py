"""What a tree in memory remembers of the time when nothing was to be done, and the part of it that is looked at since.

Every look and every plan of a UserTree is made twice, of the whole and of this part: both must come to the same.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from zlib import crc32

from faced.folders.disk import Disk, DiskFolder
from faced.folders.hold import hold_tree
from faced.folders.interpret import Context, Understood, interpret_tree
from faced.folders.linking import Layout
from faced.folders.part import InHand, find_part_of_look, find_part_of_plan, strange_texts
from faced.folders.plan import PhotoPath, ShownPerson, plan_tree
from faced.folders.rest import digest_wanted
from faced.model import FolderId, ImageId, PersonId
from faced.store.base import Base, BaseLink
from faced.store.follow import UserChange
from faced.store.intents import Operation
from faced.store.seen import FolderStamp

__all__ = ["Calm"]


def _stamp(found: DiskFolder) -> FolderStamp:
    """Another one whenever something in the folder is."""
    text = repr((sorted(found.links.items()), sorted(found.folders), sorted(found.others)))
    return FolderStamp(0, found.ino, crc32(text.encode()), len(text))


class _InMemory(InHand):
    """A part.Source of a whole base and disk."""

    def __init__(self, base: Base, disk: Disk, texts: Mapping[bytes, ImageId]) -> None:
        super().__init__(base.links)
        self.base, self.disk, self.texts = base, disk, texts

    def load_links(self, folders: Collection[FolderId]) -> tuple[BaseLink, ...]:
        return tuple(link for link in sorted(self.base.links) if link.folder in folders)

    def read_links(self, paths: Collection[bytes]) -> Mapping[bytes, Mapping[bytes, bytes]]:
        return {path: self.disk[path].links for path in paths}

    def find_images(self, texts: Collection[bytes]) -> Mapping[bytes, ImageId]:
        return {text: self.texts[text] for text in texts if text in self.texts}


class Calm:
    """As the tables seen_folders and shown_persons keep it. parts: how often a part was less than the whole."""

    def __init__(self) -> None:
        self.as_base: dict[bytes, FolderStamp] = {}
        self.stamps: dict[bytes, FolderStamp] = {}
        self.shown: dict[PersonId, bytes] | None = None
        self.parts = 0

    def understand(self, base: Base, disk: Disk, context: Context) -> Understood:
        """What a look makes of the whole, and of the part."""
        whole = interpret_tree(base, disk, context)
        if self.shown is not None:
            lean, left_out, source = self._lean(base, disk, context.images_of_texts)
            part = find_part_of_look(
                lean,
                left_out,
                self.as_base,
                source,
                copies=context.copies,
                files=context.files,
                merged=context.merged,
                away=context.away,
            )
            texts = source.find_images(strange_texts(part.base, part.disk))
            found = interpret_tree(
                part.base, part.disk, replace(context, images_of_texts=texts, all_links=source)
            )
            assert found == whole
            self.parts += len(part.base.links) < len(base.links)
        return whole

    def plan(
        self,
        shown: Sequence[ShownPerson],
        photos: Mapping[ImageId, Sequence[PhotoPath]],
        base: Base,
        disk: Disk,
    ) -> tuple[Operation, ...]:
        """The plan of the whole, and of the part."""
        held = hold_tree(base, disk)
        operations = plan_tree(shown, photos, base, disk, held)
        wanted = digest_wanted(shown, photos, Layout())
        if self.shown is not None:
            everybody = wanted.keys() | self.shown.keys()
            changed = {p for p in everybody if wanted.get(p) != self.shown.get(p)}
            changed |= {f.person for f in base.folders if f.person is not None} - self.shown.keys()
            lean, left_out, source = self._lean(base, disk, {})
            part = find_part_of_plan(lean, left_out, self.as_base, source, changed)
            ours = hold_tree(part.base, part.disk)
            assert plan_tree(shown, photos, part.base, part.disk, ours, only=part.persons) == operations
            assert ours == replace(held, held_links=ours.held_links)
            assert ours.left_alone == held.left_alone
            self.parts += len(part.base.links) < len(base.links)
        if operations:
            self._forget({o.person for o in operations} | self._owners(base, {o.folder for o in operations}))
        else:
            self._note(base, disk, wanted)
        return operations

    def follow(self, base: Base, change: UserChange) -> None:
        """Base is about to follow the user."""
        gone = {*change.away, *change.removed}
        self._forget({folder.person for folder in base.folders if folder.id in gone})

    def _lean(self, base: Base, disk: Disk, texts: Mapping[bytes, ImageId]) -> tuple[Base, Disk, _InMemory]:
        """Without the links of folders that look as they did, but for some that were read all the same."""
        same = {path for path, found in disk.items() if self.stamps.get(path) == _stamp(found)}
        left_out = {
            path: replace(
                found, stamp=_stamp(found), links={} if path in same and found.ino % 3 else found.links
            )
            for path, found in disk.items()
        }
        return replace(base, links=()), Disk(left_out), _InMemory(base, disk, texts)

    def _note(self, base: Base, disk: Disk, wanted: Mapping[PersonId, bytes]) -> None:
        links: dict[FolderId, dict[bytes, bytes]] = {folder.id: {} for folder in base.folders}
        for link in base.links:
            links[link.folder][link.name] = link.text
        at = {f.path: links[f.id] for f in base.folders if f.path in disk and disk[f.path].ino == f.ino}
        self.stamps = {path: _stamp(found) for path, found in disk.items() if found.problem is None}
        self.as_base = {
            path: stamp for path, stamp in self.stamps.items() if at.get(path) == disk[path].links
        }
        self.shown = dict(wanted)

    def _owners(self, base: Base, paths: Collection[bytes]) -> set[PersonId | None]:
        return {folder.person for folder in base.folders if folder.path in paths}

    def _forget(self, persons: Collection[PersonId | None]) -> None:
        if self.shown is not None:
            self.shown = {person: digest for person, digest in self.shown.items() if person not in persons}
