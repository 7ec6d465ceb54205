"""A people folder in memory with a user at it: what looks make of what the user does, and the plan in between.

`UserTree` keeps the user's word as a journal would. Folders are known by their inode, so that the same deeds can be
done to trees that were looked at at other times.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from faced.folders.disk import Disk, DiskFolder, join_path, parent_of
from faced.folders.edits import (
    Copied,
    FolderEdit,
    Gathered,
    Hidden,
    LinkNamed,
    Merged,
    Moved,
    Named,
    Placed,
    Rejected,
    Shown,
)
from faced.folders.interpret import Context, Understood
from faced.folders.plan import PhotoPath, ShownPerson
from faced.model import FolderId, ImageId, PersonId
from faced.store.asks import Ask, Undecided
from faced.store.base import BaseFolder, BaseLink
from faced.store.follow import AwayFolder, FoundLink, KnownCopy, UserChange
from tests.support.treemodel import TreeModel
from tests.support.treepart import Calm

__all__ = ["SECOND", "UserTree", "photo_text"]

SECOND = 1_000_000_000


def photo_text(image: int) -> bytes:
    """What a link to the only photo of an image says."""
    return b"/photos/%d.jpg" % image


class UserTree(TreeModel):
    """A tree of these persons; each is on these images. Shown once, nothing said yet."""

    def __init__(self, persons: dict[int, Iterable[int]]) -> None:
        super().__init__()
        self.calm = Calm()
        self.on = {PersonId(p): frozenset(map(ImageId, images)) for p, images in persons.items()}
        self.names: dict[PersonId, str] = {}
        self.places: dict[PersonId, bytes] = {}
        self.hidden: set[PersonId] = set()
        self.rejected: dict[tuple[PersonId, ImageId], int] = {}
        self.given: dict[PersonId, set[ImageId]] = {}
        self.taken: set[tuple[PersonId, ImageId]] = set()
        self.merged: dict[PersonId, PersonId] = {}
        self.moved_to: dict[PersonId, set[PersonId]] = {}
        self.link_names: dict[tuple[PersonId, ImageId], bytes] = {}
        self.copies: frozenset[KnownCopy] = frozenset()
        self.in_common = False
        self.made: dict[bytes, PersonId] = {}
        self.anchors: dict[ImageId, PersonId] = {}
        self.excused: frozenset[ImageId] = frozenset()
        self.edits: list[FolderEdit] = []
        self.now = 1_000 * SECOND
        self.undecided: tuple[Undecided, ...] = ()
        self.asks: dict[int, Ask] = {}
        self.away: dict[PersonId, AwayFolder] = {}
        self.texts: dict[bytes, ImageId] = {}
        self.closed: set[bytes] = set()
        self.trash: dict[int, tuple[bytes, dict[bytes, int | bytes | None]]] = {}
        self.plan()

    @property
    def disk(self) -> Disk:
        """As a look finds it; folders in `closed` cannot be read."""
        disk = super().disk
        for path in list(disk):
            if any(above in self.closed for above in _above(path)):
                del disk[path]
            elif path in self.closed:
                disk[path] = DiskFolder(0, problem="Permission denied")
        return disk

    # Faced at work.

    def plan(self) -> None:
        """Bring the tree up to date."""
        shown = [
            ShownPerson(
                person,
                self.names.get(person),
                self.images_of(person),
                self.places.get(person, b""),
                person in self.hidden,
                {image: name for (whose, image), name in self.link_names.items() if whose == person},
            )
            for person in self.on
            if person not in self.merged
        ]
        images = {image for found in self.on.values() for image in found}
        photos = {image: (PhotoPath(b"/photos", b"%d.jpg" % image, 7),) for image in images}
        self.texts.update({found[0].text: image for image, found in photos.items()})
        operations = self.calm.plan(shown, photos, self.base, self.disk)
        for operation in operations:
            self.apply(operation)
        if operations:
            self.calm.plan(shown, photos, self.base, self.disk)  # the next pass, which finds nothing to do

    def images_of(self, person: PersonId) -> frozenset[ImageId]:
        """Whom the user's word leaves the images that she is on, and gives others."""
        found: set[ImageId] = set()
        for one in (person, *(p for p, into in self.merged.items() if into == person)):
            found |= {image for image in self.on[one] if not {(one, image), (person, image)} & self.taken}
            found |= self.given.get(one, set())
        return frozenset(image for image in found if (person, image) not in self.rejected)

    def understand(self, **changes: object) -> Understood:
        """What a look makes of the tree; nothing is changed."""
        lately = Counter(p for (p, _), when in self.rejected.items() if when > self.now - 86400 * SECOND)
        context = Context(
            now_ns=self.now,
            names=self.names,
            hidden=frozenset(self.hidden),
            merged=self.merged,
            rejected=frozenset(person for person, _ in self.rejected),
            copies=self.copies,
            link_names=self.link_names,
            moved_to=lambda person: frozenset(self.moved_to.get(person, ())),
            in_common=lambda sources: self.in_common,
            excused=self.excused,
            rejected_lately=lately,
            undecided=self.undecided,
            asks=tuple(self.asks.values()),
            images_of_texts=self.texts,
            away=tuple(f for p, f in sorted(self.away.items()) if p not in {x.person for x in self.folders}),
        )
        return self.calm.understand(self.base, self.disk, replace(context, **changes))  # type: ignore[arg-type]

    def look(self, wait: int = 0) -> tuple[FolderEdit, ...]:
        """One look, `wait` seconds later; what was understood is kept, as the step does."""
        self.now += wait * SECOND
        understood = self.understand()
        for edit in understood.edits:
            self.say(edit)
        self.follow(understood.change)
        self.copies = understood.copies
        rows = list(understood.waiting)
        for id_ in understood.over:
            del self.asks[id_]
        for draft in understood.asks:
            id_ = draft.id if draft.id is not None else self.next_number()
            self.asks[id_] = Ask(id_, draft.kind, draft.text, draft.details, self.now)
            rows += [row._replace(ask=id_) for row in draft.rows]
        self.undecided = tuple(sorted(rows, key=lambda row: row.path))
        self.edits += understood.edits
        return understood.edits

    def answer(self, yes: bool) -> None:
        """Answer every open question."""
        for id_, ask in self.asks.items():
            self.asks[id_] = Ask(id_, ask.kind, ask.text, ask.details, ask.since, yes)

    def say(self, edit: FolderEdit) -> None:
        """Keep an edit, as the fold over a journal would."""
        match edit:
            case Named(person, None, _, _):
                self.names.pop(person, None)
            case Named(person, str(name), images, _):
                self.names[person] = name
                self.anchors.update(dict.fromkeys(images, person))
            case Placed(person, path, _):
                self.places[person] = path
            case Gathered(path, name, sources, _, emptied, names):
                person = PersonId(max(self.on) + 1)
                self.made[path] = person
                self.on[person] = frozenset()
                self.names[person], self.places[person] = name, path
                self.link_names.update({(person, image): called for image, called in names.items()})
                for image, source in sources:
                    self.give(person, image, source)
                for source in emptied:
                    self.merge(source, person)
            case Moved(person, image, source, _):
                self.give(person, image, source)
            case Copied(person, image, _):
                self.give(person, image, None)
            case LinkNamed(person, image, None, _):
                self.link_names.pop((self.merged.get(person, person), image), None)
            case LinkNamed(person, image, bytes(called), _):
                self.link_names[self.merged.get(person, person), image] = called
            case Merged(person, into, _):
                self.merge(person, into)
            case Hidden(person, _):
                self.hidden.add(person)
            case Shown(person, _):
                self.hidden.discard(person)
            case Rejected(person, image, _):
                self.rejected[self.merged.get(person, person), image] = self.now

    def give(self, person: PersonId, image: ImageId, source: PersonId | None) -> None:
        """She is on that image, as she is pinned there; what it was of `source` it is no more."""
        person = self.merged.get(person, person)
        if source is not None:
            self.taken.add((source, image))
            self.given.get(source, set()).discard(image)
            self.moved_to.setdefault(source, set()).add(person)
            if source in self.names:
                self.rejected[source, image] = self.now
        self.rejected.pop((person, image), None)
        self.given.setdefault(person, set()).add(image)

    def merge(self, person: PersonId, into: PersonId) -> None:
        """As the fold does."""
        person, into = self.merged.get(person, person), self.merged.get(into, into)
        if person == into:
            return
        if into not in self.names and person in self.names:
            self.names[into] = self.names[person]
        self.names.pop(person, None)
        self.merged = {p: into if q == person else q for p, q in self.merged.items()} | {person: into}
        for whose, image in [key for key in self.link_names if key[0] == person]:
            name = self.link_names.pop((whose, image))
            self.link_names.setdefault((into, image), name)
        self.rejected = {(into if p == person else p, i): when for (p, i), when in self.rejected.items()}

    def follow(self, change: UserChange) -> None:
        """Base becomes what was seen."""
        self.calm.follow(self.base, change)
        for id_ in change.away:
            folder = next(f for f in self.folders if f.id == id_)
            assert folder.person is not None
            paths = {f.id: f.path[len(folder.path) + 1 :] for f in self.folders if f.person == folder.person}
            links = [
                FoundLink(join_path(paths[x.folder], x.name), x.text, x.image)
                for x in sorted(self.links)
                if x.folder in paths
            ]
            self.away[folder.person] = AwayFolder(folder.person, folder.path, folder.ino, tuple(links))
        left = {*change.away, *change.removed}
        gone = set(change.gone)
        texts = {(link.folder, link.name): link for link in change.links}
        self.links = [
            texts.get((x.folder, x.name), x)
            for x in self.links
            if x.folder not in left and (x.folder, x.name) not in gone
        ]
        self.folders = [f for f in self.folders if f.id not in left]
        self.folders = [
            f._replace(path=change.moved[f.id][0], ino=change.moved[f.id][1]) if f.id in change.moved else f
            for f in self.folders
        ]
        for found in change.returned:
            id_ = FolderId(self.next_number())
            self.away.pop(found.person, None)
            self.folders.append(BaseFolder(id_, found.path, found.person, found.ino))
            self.links += [BaseLink(id_, x.name, x.text, x.image, found.person) for x in found.links]
        for found in change.adopted:
            id_ = FolderId(self.next_number())
            person = found.person or self.made[found.path]
            self.folders.append(BaseFolder(id_, found.path, person, found.ino))
            self.links += [BaseLink(id_, x.name, x.text, x.image, person) for x in found.links]
        self.links += change.arrived
        assert {link.folder for link in self.links} <= {folder.id for folder in self.folders}
        paths = [folder.path for folder in self.folders]
        assert len(paths) == len(set(paths)), "base would have two folders of one path"

    # The user at work. Folders by inode; False: it cannot be done.

    def path_of(self, ino: int) -> bytes | None:
        return next((path for path, entry in self.entries.items() if entry == ino), None)

    def folder_of(self, person: int) -> int:
        """The inode of the folder that faced made for somebody."""
        return next(f.ino for f in self.folders if f.person == person)

    def move(self, ino: int, new: bytes) -> bool:
        """Rename or move a folder with all that is in it."""
        path = self.path_of(ino)
        if path is None or new in self.entries or (new + b"/").startswith(path + b"/"):
            return False
        for above in _above(new):
            self.entries.setdefault(above, self.next_number() + 10_000)
        for old in [p for p in self.entries if p == path or p.startswith(path + b"/")]:
            self.entries[new + old[len(path) :]] = self.entries.pop(old)
        return True

    def swap(self, one: int, other: int) -> bool:
        """Exchange the places of two folders."""
        first, second = self.path_of(one), self.path_of(other)
        if first is None or second is None or one == other:
            return False
        return self.move(one, b"swapping") and self.move(other, first) and self.move(one, second)

    def throw_away(self, ino: int) -> bool:
        """Put a folder into the trash."""
        path = self.path_of(ino)
        if path is None:
            return False
        inside = {
            p[len(path) :]: self.entries.pop(p)
            for p in list(self.entries)
            if p == path or p.startswith(path + b"/")
        }
        self.trash[ino] = (path, inside)
        return True

    def restore(self, ino: int, new_ino: int | None = None) -> bool:
        """Take a folder out of the trash, to where it was; new_ino: from a copy."""
        if ino not in self.trash or self.trash[ino][0] in self.entries:
            return False
        path, inside = self.trash.pop(ino)
        for above in _above(path):
            self.entries.setdefault(above, self.next_number() + 10_000)
        for part, entry in inside.items():
            self.entries[path + part] = entry
        if new_ino is not None:
            self.entries[path] = new_ino
        return True

    def delete_link(self, ino: int, image: int, *, keep: int = 0) -> bool:
        """Delete a folder's link to an image, if more than `keep` links are in it."""
        path = self.path_of(ino)
        links = {p: e for p, e in self.entries.items() if isinstance(e, bytes) and parent_of(p) == path}
        found = [p for p, text in links.items() if self.texts.get(text) == image]
        if path is None or not found or len(links) <= keep:
            return False
        del self.entries[found[0]]
        return True

    def put(self, path: bytes, entry: int | bytes | None) -> None:
        """Make something: a folder (its inode), a link (its text), a file (None)."""
        assert path not in self.entries
        self.entries[path] = entry

    def link(self, folder: int, image: int) -> bytes:
        """The path of a folder's link to an image."""
        path = self.path_of(folder)
        assert path is not None
        return join_path(path, b"%d.jpg" % image)


def _above(path: bytes) -> list[bytes]:
    found = []
    while path := parent_of(path):
        found.append(path)
    return found[::-1]
