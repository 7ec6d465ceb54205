"""What a user did to the people folder: base and disk become edits.

Values in, values out: no clock, no disk, no SQL. What is half of a gesture waits for a second look, what is too much
at once is asked about, and what cannot be understood is held and said: nothing is guessed. Cutting what a user does
in two, at any point, gives the same edits once nothing waits.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from faced.errors import shown
from faced.folders.albums import find_albums
from faced.folders.brake import BRAKE, Brake
from faced.folders.disk import Disk, DiskFolder, join_path, parent_of
from faced.folders.edits import FolderEdit, Hidden, Named, Placed, Shown, sort_edits
from faced.folders.hold import OWN_FOLDERS
from faced.folders.identify import Looks, identify_folders
from faced.folders.interpret_pictures import PicturesRead, interpret_pictures
from faced.folders.missing import AskDraft, Decided, Missing, decide_missing
from faced.folders.missing_pictures import PICTURES
from faced.folders.names import is_same_name, name_of_folder
from faced.folders.pictures import Pictures
from faced.model import FolderId, ImageId, PersonId
from faced.store.asks import Ask, Undecided
from faced.store.follow import AwayFolder, FoundFolder, FoundLink, UserChange
from faced.store.pictures import PictureChange
from faced.store.tree import Base, BaseFolder, BaseLink

__all__ = ["Context", "Understood", "interpret_tree"]


@dataclass(frozen=True, slots=True)
class Context:
    """What else an interpretation depends on.

    now_ns, second_look_ns: UTC nanoseconds and nanoseconds. trust_first: no second look is waited for.
    names: of the persons and albums that have one; persons: of persons only. hidden: of both. excused: images with no photo that is there (offline,
    dangling, gone): a missing link to them is no rejection. rejected_lately: images by person, in 24 hours.
    undecided, asks: of earlier looks; asks only those of TREE_KINDS. images_of_texts: of texts found on disk that
    base does not have, those that faced once wrote. away: folders of hidden persons when they left. pictures: face
    pictures, as found; understood_pictures: path to face, of those that an earlier look has understood.
    """

    now_ns: int
    names: Mapping[PersonId, str] = field(default_factory=dict)
    persons: Mapping[PersonId, str] = field(default_factory=dict)
    hidden: frozenset[PersonId] = frozenset()
    excused: frozenset[ImageId] = frozenset()
    rejected_lately: Mapping[PersonId, int] = field(default_factory=dict)
    brake: Brake = BRAKE
    undecided: tuple[Undecided, ...] = ()
    asks: tuple[Ask, ...] = ()
    images_of_texts: Mapping[bytes, ImageId] = field(default_factory=dict)
    away: tuple[AwayFolder, ...] = ()
    pictures: Pictures = field(default_factory=Pictures)
    understood_pictures: Mapping[bytes, str] = field(default_factory=dict)
    second_look_ns: int = 10_000_000_000
    trust_first: bool = False


@dataclass(frozen=True, slots=True)
class Understood:
    """edits: what the user did. change, pictures: base's, that go with them. founded: folders that are of somebody new
    from now on (path to inode), each with an edit that says so. waiting: what a second look will decide.
    asks: open questions, with the rows that each holds; over: ids of those that are no longer asked.
    left_alone: path to reason, of what is held or not understood, where more can be said than that.
    """

    edits: tuple[FolderEdit, ...]
    change: UserChange
    pictures: PictureChange
    founded: Mapping[bytes, int]
    waiting: tuple[Undecided, ...]
    asks: tuple[AskDraft, ...]
    over: tuple[int, ...]
    left_alone: Mapping[bytes, str]


def interpret_tree(base: Base, disk: Disk, context: Context) -> Understood:
    """Compare base with the disk and say what the user did.

    | of base           | the disk has                                    | it is                                |
    | a person's folder | it, where it was                                | nothing                              |
    |                   | it, under another name                          | Named; `Person 7` is no name         |
    |                   | it, in another folder                           | Placed                               |
    |                   | it, inside another person's, or a folder of     | held: a merge, or ambiguous          |
    |                   | faced's own                                     |                                      |
    |                   | it, where base has one that is not decided      | held until that is                   |
    |                   | nothing, but most of its links are elsewhere    | held: a merge                        |
    |                   | nothing                                         | undecided; at the second look Hidden |
    |                   | what cannot be read or told apart               | held                                 |
    | another folder    | it, elsewhere; nothing                          | followed; let go                     |
    | a hidden person's | it, once more                                   | Shown (and Named, Placed as above)   |
    | a link            | a link with its text, or with an older one      | nothing                              |
    |                   | something else of its name                      | held                                 |
    |                   | nothing, but the link is elsewhere in the tree  | held: moved or renamed               |
    |                   | nothing                                         | undecided; at the second look        |
    |                   |                                                 | Rejected, unless its photo is away   |
    | -                 | a copy of a person's folder, links, files       | the user's own, or not understood    |

    What is decided at the second look passes the brake first (see folders.missing).
    """
    return _Reader(base, disk, context).read()


class _Reader:
    """The steps of one interpret_tree; each reads what the ones before it found."""

    def __init__(self, base: Base, disk: Disk, context: Context) -> None:
        self.base = base
        self.disk = disk
        self.context = context
        self.looks = Looks(base, disk, context.images_of_texts)
        self.folders = {folder.id: folder for folder in base.folders}
        self.links_of: dict[FolderId, list[BaseLink]] = defaultdict(list)
        for link in base.links:
            self.links_of[link.folder].append(link)
        self.edits: list[FolderEdit] = []
        self.change = UserChange()
        self.left_alone: dict[bytes, str] = {}

    def read(self) -> Understood:
        missing = {(row.person, row.image) for row in self.context.undecided if row.image is not None}
        self.identity = identify_folders(self.base, self.looks, missing, self.context.away)
        self.homes = _find_homes(self.base.folders)
        self.elsewhere = self._find_strange_links()
        held = self._hold_folders()
        vanished = self._find_vanished(held)
        lost = self._find_lost_links(held)
        unread = frozenset(held)
        decided = decide_missing(
            [*vanished, *lost], self.base, unread, len(self.homes), self._about_links(), self._path_of
        )
        self._carry_out(decided)
        waiting = self._hold_in_the_way(held)
        self._follow_folders(held | waiting)
        self._see_returned(held | waiting)
        self._say_copies()
        founded = self._see_albums()
        pictures = self._read_pictures(held | waiting)
        return Understood(
            edits=sort_edits([*self.edits, *pictures.edits]),
            change=self.change,
            pictures=pictures.change,
            founded={**founded, **pictures.founded},
            waiting=(*decided.waiting, *pictures.waiting),
            asks=(*decided.asks, *pictures.asks),
            over=(*decided.over, *pictures.over),
            left_alone={**self.left_alone, **pictures.left_alone},
        )

    # What else a new folder may be.

    def _see_albums(self) -> dict[bytes, int]:
        """Albums that a user has made. Returns their inodes by path."""
        found, returned = self.identity.found, self.identity.returned
        theirs = {path for id_, path in found.items() if self.folders[id_].person is not None}
        theirs |= {*returned.values(), *(folder.path for folder in self.base.picture_folders)}
        lost = {self.folders[id_].ino for id_ in self.identity.unclear}
        known = {*theirs, *found.values(), *(folder.path for folder in self.base.folders)}
        known |= {path for path, here in self.disk.items() if here.ino in lost}
        albums, left_alone = find_albums(self.disk, known, theirs, self.context.persons)
        self.edits += albums
        self.left_alone |= left_alone
        return {album.path: self.disk[album.path].ino for album in albums}

    # Face pictures.

    def _about_links(self) -> Context:
        return replace(self.context, asks=tuple(ask for ask in self.context.asks if ask.kind != PICTURES))

    def _read_pictures(self, held: set[FolderId]) -> PicturesRead:
        """Pictures in a person's folder speak of that person, unless it is not known what became of the folder."""
        owners: dict[bytes, PersonId | None] = {}
        for id_, path in self.identity.found.items():
            owners[path] = None if id_ in held else self.folders[id_].person
        owners.update((path, None) for path in self.identity.returned.values())
        context = self.context
        asks = tuple(ask for ask in context.asks if ask.kind == PICTURES)
        about = replace(context, asks=asks)
        read = interpret_pictures(
            self.base, self.disk, context.pictures, context.understood_pictures, owners, about
        )
        self.change.moved |= read.moved
        self.change.removed += read.removed
        return read

    # Folders.

    def _hold_folders(self) -> set[FolderId]:
        """Folders that are known to be somewhere, or may be, but what that means is not for us to say."""
        owner_at = {path: self.folders[id_] for id_, path in self.identity.found.items()}
        held = set(self.identity.unclear)
        for id_, reason in self.identity.unclear.items():
            self.left_alone[self.folders[id_].path] = reason
        for id_, path in self.identity.found.items():
            folder = self.folders[id_]
            if path == folder.path or folder.person is None:
                continue
            why = self._place_reason(folder, path, owner_at)
            if why is not None:
                held.add(id_)
                self.left_alone[path] = why
                self.left_alone[folder.path] = f"this folder is {shown(path)} now"
        return held

    def _place_reason(
        self, folder: BaseFolder, path: bytes, owner_at: Mapping[bytes, BaseFolder]
    ) -> str | None:
        """Why a folder is held where it was put."""
        if path.split(b"/")[0].lower() in OWN_FOLDERS:
            return "a person's folder was put where faced's own folders are; move it out again"
        for above in _folders_above(path):
            owner = owner_at.get(above)
            if owner is None or owner.person is None or owner.person == folder.person:
                continue
            both = folder.person in self.context.names and owner.person in self.context.names
            if both:
                return (
                    f"the folder of one person with a name is inside that of another, {shown(above)}:"
                    " move it out, or say `faced merge` if they are one"
                )
            return f"a person's folder was put into that of another, {shown(above)}; faced leaves it as it is"
        return None

    def _find_vanished(self, held: set[FolderId]) -> list[Missing]:
        found = []
        for folder in self.identity.vanished:
            if folder.person is None or self.homes[folder.person] != folder.id:
                self.change.removed.append(
                    folder.id
                )  # nobody's, or not where she lives: nothing is said by it
                continue
            images = {link.image for link in self.links_of[folder.id]}
            moved = [image for image in images if image in self.elsewhere]
            if moved and len(moved) * 2 > len(images):
                held.add(folder.id)
                self.left_alone[folder.path] = (
                    "this folder is gone, but most of its links are elsewhere in the people folder; faced leaves"
                    " them as they are"
                )
                continue
            found.append(Missing(folder, None, folder.person))
        return found

    def _hold_in_the_way(self, held: set[FolderId]) -> set[FolderId]:
        """Folders that are where base has another one, of which it is not yet decided what became of it."""
        gone = {*self.change.removed, *self.change.away}
        moving = {
            id_
            for id_, path in self.identity.found.items()
            if id_ not in held and path != self.folders[id_].path
        }
        waiting: set[FolderId] = set()
        at = {f.path: f.id for f in self.base.folders if f.id not in gone}
        while True:
            stuck = {
                id_
                for id_ in moving - waiting
                if (other := at.get(self.identity.found[id_])) is not None
                and (other not in moving or other in waiting)
            }
            if not stuck:
                break
            waiting |= stuck
        self.occupied = {path for path, id_ in at.items() if id_ not in moving or id_ in waiting}
        for id_ in waiting:
            path = self.identity.found[id_]
            reason = f"it waits until it is known what became of the folder that was {shown(path)} before"
            self.left_alone[path] = self.left_alone[self.folders[id_].path] = reason
        return waiting

    def _follow_folders(self, held: set[FolderId]) -> None:
        for id_, path in sorted(self.identity.found.items()):
            folder = self.folders[id_]
            ino = self.disk[path].ino
            if id_ in held or (path == folder.path and ino == folder.ino):
                continue
            self.change.moved[id_] = (path, ino)
            if folder.person is not None and self.homes[folder.person] == id_:
                images = frozenset(link.image for link in self.links_of[id_] if self._is_there(link, path))
                self._see_move(folder.person, folder.path, path, images)

    def _see_move(self, person: PersonId, old: bytes, new: bytes, images: frozenset[ImageId]) -> None:
        """A folder's last part is its person's name, what is before it her place."""
        was, is_now = old[len(parent_of(old)) :].lstrip(b"/"), new[len(parent_of(new)) :].lstrip(b"/")
        if was != is_now:
            name = name_of_folder(is_now)
            if not is_same_name(is_now, name, self.context.names.get(person)):
                why = f"the folder {shown(old)} was renamed to {shown(is_now)}"
                self.edits.append(Named(person, name, frozenset() if name is None else images, why))
        if parent_of(old) != parent_of(new):
            self.edits.append(Placed(person, new, f"the folder {shown(old)} was moved to {shown(new)}"))

    def _see_returned(self, held: set[FolderId]) -> None:
        """Folders of hidden persons that are in the tree again."""
        away = {folder.person: folder for folder in self.context.away}
        owner_at = {path: self.folders[id_] for id_, path in self.identity.found.items()}
        for person, path in sorted(self.identity.returned.items()):
            here = self.disk[path]
            folder = BaseFolder(FolderId(0), away[person].path, person, here.ino)
            reason = self._place_reason(folder, path, owner_at)
            if reason is None and path in self.occupied:
                reason = "it waits until it is known what became of the folder that was here before"
            if reason is not None:
                self.left_alone[path] = reason
                continue
            # All that it held: what is not in it any more was taken out of it, and is for the next look.
            links = tuple(self._newest_text(link, here) for link in away[person].links)
            self.change.returned.append(FoundFolder(path, person, here.ino, links))
            if person in self.context.hidden:
                self.edits.append(Shown(person, f"the folder {shown(path)} was put back"))
            there = frozenset(link.image for link in links if here.links.get(link.name) == link.text)
            self._see_move(person, away[person].path, path, there)

    def _newest_text(self, link: FoundLink, here: DiskFolder) -> FoundLink:
        text = here.links.get(link.name)
        is_ours = text is not None and self.looks.image_of(text) == link.image
        return link._replace(text=text) if text is not None and is_ours else link

    # Links.

    def _is_there(self, link: BaseLink, path: bytes) -> bool:
        """Whether a link is in its folder, with its text or an older one."""
        text = self.disk[path].links.get(link.name)
        return text is not None and (text == link.text or self.looks.image_of(text) == link.image)

    def _find_strange_links(self) -> dict[ImageId, bytes]:
        """Links of faced's that are not where faced left them, by image."""
        ours = {
            join_path(path, link.name)
            for id_, path in self.identity.found.items()
            for link in self.links_of[id_]
            if self._is_there(link, path)
        }
        strange: dict[ImageId, bytes] = {}
        for path, found in sorted(self.disk.items(), reverse=True):
            for name, text in found.links.items():
                image = self.looks.image_of(text)
                if image is not None and join_path(path, name) not in ours:
                    strange[image] = join_path(path, name)
        return strange

    def _find_lost_links(self, held: set[FolderId]) -> list[Missing]:
        lost = []
        for id_, path in sorted(self.identity.found.items()):
            if id_ in held:
                continue
            folder, here = self.folders[id_], self.disk[path]
            for link in self.links_of[id_]:
                text = here.links.get(link.name)
                if text == link.text:
                    continue
                where = join_path(path, link.name)
                if self._is_there(link, path):
                    self.change.links.append(link._replace(text=text or link.text))
                elif text is not None or link.name in here.others or link.name in here.folders:
                    self.left_alone[where] = "something else stands in the place of the link that faced made"
                elif link.image in self.elsewhere:
                    now = self.elsewhere[link.image]
                    self.left_alone[where] = (
                        f"this link is gone, and there is one to its photo at {shown(now)}"
                    )
                    self.left_alone[now] = (
                        f"a link like that which was {shown(where)}; faced leaves it as it is"
                    )
                else:
                    lost.append(Missing(folder, link, link.person))
        return lost

    # What became of what is missing.

    def _path_of(self, missing: Missing) -> bytes:
        """As base is going to have it."""
        folder = self.identity.found.get(missing.folder.id, missing.folder.path)
        return folder if missing.link is None else join_path(folder, missing.link.name)

    def _carry_out(self, decided: Decided) -> None:
        self.edits += decided.rejected
        self.change.gone += decided.gone
        self.change.removed += decided.given_up
        for folder in decided.away:
            self.change.away.append(folder.id)
            if folder.person is not None and folder.person not in self.context.hidden:
                self.edits.append(
                    Hidden(folder.person, f"the folder {shown(folder.path)} was deleted or moved away")
                )

    def _say_copies(self) -> None:
        """A copy of a person's folder is the user's own affair; so that nobody wonders, it is said to be one."""
        owners = {path: id_ for id_, path in self.identity.found.items()}
        strange = {parent_of(path) for path in self.elsewhere.values()}
        holders: dict[ImageId, set[FolderId]] = defaultdict(set)
        for link in self.base.links if strange else ():
            holders[link.image].add(link.folder)
        for path in sorted(strange - owners.keys() - {b""} - {f.path for f in self.change.returned}):
            images = self.looks.images_in(path)
            common: dict[FolderId, int] = defaultdict(int)
            for image in images:
                for id_ in holders[image]:
                    common[id_] += 1
            like = [
                self.identity.found[id_]
                for id_, count in common.items()
                if id_ in self.identity.found
                and count * 2 > len(self.links_of[id_])
                and count * 2 > len(images)
            ]
            if like:
                self.left_alone.setdefault(path, f"a copy of the folder {shown(min(like))}; it is yours")


def _find_homes(folders: Iterable[BaseFolder]) -> dict[PersonId, FolderId]:
    """The folder that stands for each person: the one with the shortest path."""
    homes: dict[PersonId, FolderId] = {}
    for folder in sorted(folders, key=lambda f: (len(f.path), f.path)):
        if folder.person is not None:
            homes.setdefault(folder.person, folder.id)
    return homes


def _folders_above(path: bytes) -> Iterable[bytes]:
    above = parent_of(path)
    while above:
        yield above
        above = parent_of(above)
