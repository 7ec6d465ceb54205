"""What a user did to the people folder: base and disk become edits.

Values in, values out: no clock, no disk, no SQL. What is half of a gesture waits for a second look, what is too much
at once is asked about, and what cannot be understood is held and said: nothing is guessed. Cutting what a user does
in two, at any point, gives the same edits once nothing waits.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property

from faced.errors import shown
from faced.folders.arrived import (
    Arrivals,
    Outcome,
    carry_out,
    sort_arrivals,
)
from faced.folders.context import Context, Understood
from faced.folders.disk import Disk, join_path
from faced.folders.edits import FolderEdit, Hidden, sort_edits
from faced.folders.emptied import find_emptied
from faced.folders.hold import is_strangers_place
from faced.folders.identify import Looks, identify_folders
from faced.folders.links import is_there, look_at_links
from faced.folders.merged import Nested, find_nested, with_merges
from faced.folders.missing import Decided, Missing, decide_missing
from faced.folders.moved import Pairs, pair_links
from faced.folders.newcomers import about_links, read_newcomers
from faced.folders.part import InHand
from faced.folders.returned import own_place_reason, read_move, read_returned
from faced.model import FolderId, ImageId, PersonId
from faced.store.base import Base, BaseFolder, BaseLink
from faced.store.follow import UserChange

__all__ = ["Context", "Understood", "interpret_tree"]


def interpret_tree(base: Base, disk: Disk, context: Context) -> Understood:
    """Compare base with the disk and say what the user did.

    | of base           | the disk has                                    | it is                                |
    | a person's folder | it, where it was                                | nothing                              |
    |                   | it, under another name                          | Named; `Person 7` is no name         |
    |                   | it, in another folder                           | Placed                               |
    |                   | it, in `_Ignored` (or as `_Ignored`, when there | Hidden                               |
    |                   | was none); out of it again                      | Shown                                |
    |                   | it, inside another person's                     | Merged, or asked about (merged.py)   |
    |                   | it, where base has one that is not decided      | held until that is                   |
    |                   | no link in it any more: all are another's       | Merged (emptied.py)                  |
    |                   | nothing                                         | undecided; at the second look Hidden |
    |                   | what cannot be read or told apart               | held                                 |
    |                   | anything but it there, and she was merged into  | followed, or let go: it is only left |
    |                   | another one                                     | to be taken away                     |
    | another folder    | it, elsewhere; nothing                          | followed; let go                     |
    | a hidden person's | it, once more                                   | Shown (and Named, Placed as above)   |
    | a link            | a link with its text, or with an older one      | nothing                              |
    |                   | something else of its name                      | held                                 |
    |                   | nothing, but the link is in her folders         | LinkNamed, or sorted; hers as before |
    |                   | nothing, but the link is elsewhere              | Moved, Gathered, held (arrived.py)   |
    |                   | nothing                                         | undecided; at the second look        |
    |                   |                                                 | Rejected, unless its photo is away   |
    | -                 | a link more                                     | undecided; at the second look        |
    |                   |                                                 | Copied, Gathered, the user's affair  |
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
        self.all_links = context.all_links or InHand(base.links)
        self.edits: list[FolderEdit] = []
        self.change = UserChange()
        self.left_alone: dict[bytes, str] = {}
        self.another = context.merged.keys()
        """Persons who were somebody else all along: what becomes of their folders says nothing of that one."""

    def read(self) -> Understood:
        missing = {
            (row.person, row.image)
            for row in self.context.undecided
            if row.what == "link" and row.image is not None and row.person is not None
        }
        self.identity = identify_folders(self.base, self.looks, missing, self.context.away)
        self.homes = _find_homes(self.base.folders)
        self.scattered = self._find_scattered()
        held = self._hold_folders()
        unread = self._find_unread()
        look = look_at_links(
            self.base, self.disk, self.looks, self.context, self.identity, self.owner_at, unread
        )
        self.strange, self.places, self.copies = look.strange, look.places, look.known
        self.change.links += look.newer
        self.left_alone |= look.left_alone
        pairs = pair_links(look.lost, self.strange)
        arrivals = sort_arrivals(pairs, self.places, self.context)
        emptied = self._find_emptied(arrivals, held)
        gone = self._find_vanished(pairs, arrivals, emptied, held)
        decided = decide_missing(
            gone,
            self.base,
            frozenset(unread | held),
            self.all_links.count_by_person,
            len(self.homes),
            about_links(self.context),
            self._path_of,
        )
        self._carry_out(decided)
        waiting = self._hold_in_the_way(held)
        outcome = Outcome(self.edits, self.change, self.left_alone, self.copies)
        carry_out(arrivals, self.places, self.context, self.occupied, self._inode_of, emptied, outcome)
        self._let_go_of_scattered(gone, decided)
        self._follow_folders(held | waiting)
        back = read_returned(
            self.identity, self.disk, self.looks, self.places, self.occupied, self.context, self.another
        )
        self.edits += back.edits
        self.change.returned += back.folders
        self.left_alone |= back.left_alone
        self._say_copies()
        adopted = {found.path for found in self.change.adopted}
        new = read_newcomers(self.base, self.disk, self.context, self.identity, held | waiting, adopted)
        new.follow(self.change, self.disk)
        return Understood(
            edits=sort_edits([*self.edits, *new.albums, *new.pictures.edits]),
            change=self.change,
            pictures=new.pictures.change,
            waiting=(*decided.waiting, *arrivals.waiting, *new.pictures.waiting),
            asks=(*decided.asks, *new.pictures.asks, *self.nested.asks),
            over=(*decided.over, *new.pictures.over, *self.nested.over),
            left_alone={**self.left_alone, **new.left_alone},
            copies=frozenset(self.copies),
        )

    # Folders.

    def _find_scattered(self) -> frozenset[FolderId]:
        """Subfolders of persons' folders that are not in them any more: what counts is where their links are."""
        scattered = set()
        vanished = {folder.id for folder in self.identity.vanished}
        for folder in self.base.folders:
            if folder.person is None or self.homes[folder.person] == folder.id:
                continue
            home = self.identity.found.get(self.homes[folder.person])
            path = self.identity.found.get(folder.id)
            if folder.id in vanished or (
                path is not None and (home is None or not path.startswith(home + b"/"))
            ):
                scattered.add(folder.id)
        return frozenset(scattered)

    def _hold_folders(self) -> set[FolderId]:
        """Folders that are known to be somewhere, or may be, but what that means is not for us to say."""
        found = {id_: path for id_, path in self.identity.found.items() if id_ not in self.scattered}
        self.owner_at = {path: self.folders[id_] for id_, path in found.items()}
        held = set(self.identity.unclear)
        for id_, reason in self.identity.unclear.items():
            self.left_alone[self.folders[id_].path] = reason
        put = {}
        for id_, path in found.items():
            folder = self.folders[id_]
            if path == folder.path or folder.person is None or self.homes[folder.person] != id_:
                continue
            if folder.person in self.another and not self._holds_somebody(id_, path):
                continue
            if is_strangers_place(path) or (why := own_place_reason(path)) is None:
                put[path] = folder
            else:
                self._hold_folder(held, folder, path, why)
        self.nested: Nested = find_nested(put, self.owner_at, self.context)
        merges = [merged for _, merged in self.nested.merged]
        self.merged_away = {merged.person for merged in merges}
        self.context = replace(self.context, merged=with_merges(self.context.merged, merges))
        for path, folder in put.items():
            if (why := self.nested.held.get(folder.id)) is not None:
                self._hold_folder(held, folder, path, why)
        for folder in self.base.folders:
            if folder.person is not None and self.homes[folder.person] in held:
                held.add(folder.id)
        return held

    def _find_unread(self) -> frozenset[FolderId]:
        """Folders of which nothing can be told, not even what is in them. Of a folder that is only where it should
        not be that can be told.
        """
        unclear = self.identity.unclear.keys()
        inside = {f.id for f in self.base.folders if f.person is not None and self.homes[f.person] in unclear}
        return frozenset({*unclear, *inside})

    def _hold_folder(self, held: set[FolderId], folder: BaseFolder, path: bytes, why: str) -> None:
        held.add(folder.id)
        self.left_alone[path] = why
        self.left_alone[folder.path] = f"this folder is {shown(path)} now"

    def _find_emptied(self, arrivals: Arrivals, held: set[FolderId]) -> dict[PersonId, PersonId | bytes]:
        known = {*self.context.names, *self.context.hidden, *self.context.merged}
        known |= {there.owner for there in self.strange if there.owner is not None}
        candidates = {
            person for person, home in self.homes.items() if home not in held and person not in known
        }
        return find_emptied(
            self.base.links,
            arrivals.destinations(),
            candidates - self.merged_away,
            self.context,
        )

    def _find_vanished(
        self,
        pairs: Pairs,
        arrivals: Arrivals,
        emptied: Mapping[PersonId, PersonId | bytes],
        held: set[FolderId],
    ) -> list[Missing]:
        """Folders that are gone, and links that are; not those that only moved, and not those of a folder that is."""
        stuck = {one.link.folder for one, _, _ in arrivals.held if one is not None}
        lost = {one.link.folder for one in pairs.missing}
        found = []
        gone = set()
        for folder in self.identity.vanished:
            if folder.id in self.scattered:
                continue
            if folder.person is None or self.homes[folder.person] != folder.id:
                self.change.removed.append(folder.id)
                continue
            gone.add(folder.person)
            if folder.person in self.another:
                self.change.removed.append(folder.id)
                continue
            if folder.id in stuck:
                held.add(folder.id)
                self.left_alone[folder.path] = (
                    "this folder is gone, but links of it are elsewhere in the people folder; faced leaves them as they"
                    " are"
                )
                continue
            is_emptied = (
                self.links_of[folder.id] and folder.id not in lost and folder.person not in self.context.names
            )
            if folder.person in emptied or is_emptied:
                self.change.removed.append(folder.id)
            else:
                found.append(Missing(folder, None, folder.person))
        for one in pairs.missing:
            folder = self.folders[one.link.folder]
            if one.link.person not in gone:
                found.append(Missing(folder, one.link, one.link.person))
        return found

    def _let_go_of_scattered(self, missing: list[Missing], decided: Decided) -> None:
        """Once nothing of them waits."""
        gone = {*self.change.gone}
        left = {m.folder.id for m in missing if m.link is not None and (m.folder.id, m.link.name) not in gone}
        for id_ in sorted(self.scattered):
            stays = any((id_, link.name) not in gone for link in self.links_of[id_])
            home = self.homes[self.folders[id_].person or PersonId(0)]
            is_home_gone = home in {*self.change.removed, *self.change.away}
            if is_home_gone or (id_ not in left and not stays):
                self.change.removed.append(id_)

    def _hold_in_the_way(self, held: set[FolderId]) -> set[FolderId]:
        """Folders that are where base has another one, of which it is not yet decided what became of it."""
        gone = {*self.change.removed, *self.change.away}
        moving = {
            id_
            for id_, path in self.identity.found.items()
            if id_ not in held and id_ not in self.scattered and path != self.folders[id_].path
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
            if id_ in held or id_ in self.scattered or (path == folder.path and ino == folder.ino):
                continue
            self.change.moved[id_] = (path, ino)
            if folder.person is None or self.homes[folder.person] != id_ or path == folder.path:
                continue
            self.edits += [merged for by, merged in self.nested.merged if by == id_]
            is_hers = folder.person not in self.another and folder.person not in self.merged_away
            if is_hers and id_ not in self.nested.followed:
                self.edits += read_move(
                    folder.person,
                    folder.path,
                    path,
                    self._images_of(folder.person),
                    self.context,
                    is_placed=id_ not in self.nested.inside,
                )

    def _holds_somebody(self, id_: FolderId, path: bytes) -> bool:
        """Whether links of this folder are still in it, or folders of persons."""
        below = path + b"/"
        return any(other.startswith(below) and self.owner_at[other].person for other in self.owner_at) or any(
            is_there(link, self.disk[path], self.looks) for link in self.links_of[id_]
        )

    def _images_of(self, person: PersonId) -> frozenset[ImageId]:
        """Of her links that are in her folder, wherever in it and whatever they are called now."""
        hers = [folder.id for folder in self.owner_at.values() if folder.person == person]
        return frozenset(link.image for id_ in hers for link in self.links_of[id_]) & self._images_in[person]

    @cached_property
    def _images_in(self) -> Mapping[PersonId, set[ImageId]]:
        """Of all links that are in each person's folders, whoever's they were."""
        found: dict[PersonId, set[ImageId]] = defaultdict(set)
        for path in self.disk:
            owner = self.places.owner(path)
            if owner is not None and owner.person is not None:
                found[owner.person] |= self.looks.images_in(path)
        return found

    def _inode_of(self, path: bytes) -> int:
        return self.disk[path].ino

    # What became of what is missing.

    def _path_of(self, missing: Missing) -> bytes:
        """As base is going to have it."""
        found = self.identity.found.get(missing.folder.id)
        folder = missing.folder.path if found is None or missing.folder.id in self.scattered else found
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
        strange = {there.folder for there in self.strange if there.usable}
        taken = {f.path for f in (*self.change.returned, *self.change.adopted)}
        images_in = {path: self.looks.images_in(path) for path in strange - owners.keys() - {b""} - taken}
        holders = self.all_links.find_folders(frozenset().union(*images_in.values()))
        for path, images in sorted(images_in.items()):
            common: dict[FolderId, int] = defaultdict(int)
            for image in images:
                for id_ in holders.get(image, ()):
                    common[id_] += 1
            like = [
                self.identity.found[id_]
                for id_, count in common.items()
                if id_ in self.identity.found
                and count * 2 > self.all_links.count_in(id_)
                and count * 2 > len(images)
            ]
            if like:
                self.left_alone[path] = f"a copy of the folder {shown(min(like))}; it is yours"


def _find_homes(folders: Iterable[BaseFolder]) -> dict[PersonId, FolderId]:
    """The folder that stands for each person: the one with the shortest path."""
    homes: dict[PersonId, FolderId] = {}
    for folder in sorted(folders, key=lambda f: (len(f.path), f.path)):
        if folder.person is not None:
            homes.setdefault(folder.person, folder.id)
    return homes
