"""What links mean that were moved or copied: into another person's folder, into a new one, or to where they mean nothing.

Values in, values out. First it is said what is going to be carried out and what waits or is held (`sort_arrivals`), for
whether a folder that is gone was emptied by hand depends on it; then edits and base follow (`Arrivals.carry_out`).
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from faced.errors import shown
from faced.folders.context import Context
from faced.folders.disk import join_path, parent_of
from faced.folders.edits import Copied, FolderEdit, Gathered, LinkNamed, Merged, Moved
from faced.folders.hold import OWN_FOLDERS
from faced.folders.moved import Lost, Pairs, Strange
from faced.folders.names import is_form_of, name_of_folder
from faced.folders.second_look import find_due, first_seen
from faced.model import FolderId, ImageId, PersonId
from faced.store.asks import Undecided
from faced.store.base import BaseFolder, BaseLink
from faced.store.follow import FoundFolder, FoundLink, KnownCopy, UserChange

__all__ = ["Arrivals", "Places", "is_usable_place", "sort_arrivals", "why_nobodys"]

ALBUM = "a folder of your own: links were copied into it, and that names nobody"

SourceTuple: TypeAlias = tuple[tuple[ImageId, PersonId | None], ...]


@dataclass(frozen=True, slots=True)
class Places:
    """folder_at: the folders of base by where they are now. occupied: paths where base has another folder, of which it
    is not decided yet what became of it. present: (person, image) of links that are where faced left them, by who
    stands for the person; holders: the persons of those, by image. known: the links of base, folder and name.
    """

    folder_at: Mapping[bytes, BaseFolder]
    present: Collection[tuple[PersonId, ImageId]]
    holders: Mapping[ImageId, frozenset[PersonId]]
    known: Collection[tuple[FolderId, bytes]] = frozenset()

    def owner(self, path: bytes) -> BaseFolder | None:
        """The person's folder that this is, or that it lies in."""
        while path:
            found = self.folder_at.get(path)
            if found is not None and found.person is not None:
                return found
            path = parent_of(path)
        return None

    def is_above_somebody(self, path: bytes) -> bool:
        """Whether a person's folder lies in it."""
        return any(
            folder.person is not None and where.startswith(path + b"/")
            for where, folder in self.folder_at.items()
        )


@dataclass(slots=True)
class _New:
    """A folder that is going to be somebody's."""

    moved: list[tuple[Lost, Strange]] = field(default_factory=list)
    copied: list[Strange] = field(default_factory=list)
    sources: SourceTuple = ()


@dataclass(slots=True)
class Arrivals:
    """stayed, moved, copied: to be carried out. new: by path. held: nothing is to be done at either end, and why.
    waiting: what a second look decides. known: links that are the user's affair.
    """

    stayed: list[tuple[Lost, Strange]] = field(default_factory=list)
    moved: list[tuple[Lost, Strange]] = field(default_factory=list)
    copied: list[Strange] = field(default_factory=list)
    new: dict[bytes, _New] = field(default_factory=dict)
    held: list[tuple[Lost | None, Strange, str]] = field(default_factory=list)
    waiting: list[Undecided] = field(default_factory=list)
    known: list[Strange] = field(default_factory=list)

    def destinations(self) -> dict[tuple[FolderId, bytes], PersonId | bytes]:
        """Where links of base are going to be: another person's, or the path of a new folder."""
        found: dict[tuple[FolderId, bytes], PersonId | bytes] = {}
        for one, there in self.moved:
            assert there.owner is not None
            found[one.key] = there.owner
        for path, new in self.new.items():
            found |= {one.key: path for one, _ in new.moved}
        return found


def sort_arrivals(pairs: Pairs, places: Places, context: Context) -> Arrivals:
    """Say what becomes of each.

    | a link was              | it is                                                                       |
    | moved to a person       | carried out at once: both ends were seen                                    |
    | copied to a person      | waits, for it may be half of a move; at the second look carried out; one    |
    |                         | more of a link that she has is the user's affair                            |
    | moved to a new folder   | somebody new                                                                |
    | only copied there       | waits; then somebody new, if it was from persons without a name and one     |
    |                         | person is on all of it; else an album of the user's own                     |
    | put where it means      | held; a copy is the user's affair                                           |
    | nothing                 |                                                                             |
    """
    return _Sorter(places, context).sort(pairs)


class _Sorter:
    def __init__(self, places: Places, context: Context) -> None:
        self.places = places
        self.context = context
        self.arrivals = Arrivals()
        self.seen = {row.path: row.first_seen for row in context.undecided if row.what == "copy"}

    def sort(self, pairs: Pairs) -> Arrivals:
        arrivals = self.arrivals
        arrivals.stayed = pairs.stayed
        self.albums = {there.folder for there in pairs.known}
        fresh: dict[bytes, _New] = defaultdict(_New)
        present = {*self.places.present, *((one.person, one.link.image) for one, _ in pairs.stayed)}
        for one, there in pairs.moved:
            if not there.usable:
                arrivals.held.append(
                    (one, there, "nothing can be meant by a link here; faced leaves it as it is")
                )
            elif there.owner is not None:
                arrivals.moved.append((one, there))
            else:
                fresh[there.folder].moved.append((one, there))
        for there in pairs.copies:
            if there.usable and there.owner is not None:
                if (there.owner, there.image) in present:
                    arrivals.known.append(there)
                elif self._is_due(there):
                    present.add((there.owner, there.image))
                    arrivals.copied.append(there)
            elif there.usable:
                fresh[there.folder].copied.append(there)
            elif self._is_due(there):
                arrivals.known.append(there)
        for lost, strange in pairs.unclear:
            why = (
                "links of several persons to this photo are gone, and it cannot be told which of them this is"
            )
            arrivals.held += [(one, strange[0], why) for one in lost]
            arrivals.held += [(None, there, why) for there in strange]
        for path, new in sorted(fresh.items()):
            self._sort_new(path, new)
        return arrivals

    def _is_due(self, there: Strange) -> bool:
        """Whether an earlier look saw this copy, long enough ago; else it waits."""
        seen = self._first_seen(there)
        if (due := find_due(seen, self.context)) is None:
            return True
        self.arrivals.waiting.append(Undecided(there.path, "copy", there.owner, there.image, seen, due, None))
        return False

    def _first_seen(self, there: Strange) -> int:
        return first_seen(self.seen.get(there.path), self.context.now_ns)

    def _sort_new(self, path: bytes, new: _New) -> None:
        arrivals = self.arrivals
        due = [there for there in new.copied if self._is_due(there)]
        if not new.moved and len(due) < len(new.copied):
            self._wait_for_all(due)  # a folder that is being copied is nobody yet
            return
        free = [there for there in due if self._is_of_the_unnamed(there.image)]
        reason = why_nobodys(path, is_above_somebody=self.places.is_above_somebody(path))
        has_copies = bool(new.copied) or path in self.albums
        if reason is None and has_copies and any(one.is_folder_gone for one, _ in new.moved):
            reason = "links of a folder that is gone are in it, and copies of others"
        if reason is None and not new.moved and self._is_whole_copy(due):
            reason = ALBUM
        sources = () if reason else self._find_sources(new.moved, free)
        if sources:
            images = {image for image, _ in sources}
            arrivals.new[path] = _New(new.moved, [there for there in free if there.image in images], sources)
            # The others are copies in somebody's folder from now on.
            self._wait_for_all([there for there in due if there not in arrivals.new[path].copied])
            return
        arrivals.held += [(one, there, reason or ALBUM) for one, there in new.moved]
        arrivals.known += due

    def _wait_for_all(self, due: list[Strange]) -> None:
        again = self.context.now_ns + self.context.second_look_ns
        for there in due:
            seen = self._first_seen(there)
            self.arrivals.waiting.append(Undecided(there.path, "copy", None, there.image, seen, again, None))

    def _is_whole_copy(self, copies: list[Strange]) -> bool:
        """Whether all links of somebody are in it once more."""
        images = {there.image for there in copies}
        whole: dict[PersonId, bool] = {}
        for person, image in self.places.present:
            whole[person] = whole.get(person, True) and image in images
        return any(whole.values())

    def _is_of_the_unnamed(self, image: ImageId) -> bool:
        holders = self.places.holders.get(image, frozenset())
        return bool(holders) and not any(person in self.context.names for person in holders)

    def _find_sources(self, moved: list[tuple[Lost, Strange]], free: list[Strange]) -> SourceTuple:
        """What names somebody new: all that was moved, with what was copied if one person is on all of it."""
        from_whom: dict[ImageId, PersonId | None] = {there.image: one.link.person for one, there in moved}
        persons = set(from_whom.values())
        copied = [there.image for there in free if there.image not in from_whom]
        holders: list[frozenset[PersonId]] = [self.places.holders[image] for image in copied]
        if moved:
            holders.append(frozenset(person for person in persons if person is not None))
        shared = frozenset.intersection(*holders) if holders else frozenset()
        one = min(shared) if shared and len(persons) < 2 else None
        everything = tuple(sorted({**dict.fromkeys(copied, one), **from_whom}.items()))
        if one is not None or (copied and self.context.in_common(everything)):
            return everything
        return tuple(sorted(from_whom.items()))


@dataclass(slots=True)
class Outcome:
    """Where what is carried out is written to."""

    edits: list[FolderEdit]
    change: UserChange
    left_alone: dict[bytes, str]
    copies: set[KnownCopy]


def carry_out(
    arrivals: Arrivals,
    places: Places,
    context: Context,
    occupied: Collection[bytes],
    inode_of: Callable[[bytes], int],
    merged: Mapping[PersonId, PersonId | bytes],
    outcome: Outcome,
) -> None:
    """Edits, and base, of what arrived. merged: persons of whom no link is left but where that is."""
    _Hand(places, context, occupied, inode_of, outcome).carry_out(arrivals, merged)


class _Hand:
    def __init__(
        self,
        places: Places,
        context: Context,
        occupied: Collection[bytes],
        inode_of: Callable[[bytes], int],
        outcome: Outcome,
    ) -> None:
        self.places = places
        self.context = context
        self.occupied = occupied
        self.inode_of = inode_of
        self.outcome = outcome
        self.adopted: dict[bytes, FoundFolder] = {}

    def carry_out(self, arrivals: Arrivals, merged: Mapping[PersonId, PersonId | bytes]) -> None:
        edits = self.outcome.edits
        self.shown = {*self.places.present, *((one.person, one.link.image) for one, _ in arrivals.stayed)}
        for one, there in arrivals.stayed:
            if self._arrive(there, one):
                self._name(there, one.person, there.name != one.link.name)
        for one, there in arrivals.moved:
            if self._arrive(there, one):
                assert there.owner is not None
                why = f"the link {shown(one.path)} was moved to {shown(there.path)}"
                edits.append(Moved(there.owner, there.image, one.link.person, why))
                self._name(there, there.owner, (there.owner, there.image) not in self.shown)
        for there in arrivals.copied:
            if self._arrive(there, None):
                assert there.owner is not None
                what = "photo" if there.is_file else "link"
                edits.append(
                    Copied(there.owner, there.image, f"the {what} {shown(there.path)} was put there")
                )
                self._name(there, there.owner, not there.is_file)
        for path, new in sorted(arrivals.new.items()):
            self._gather(path, new, frozenset(p for p, into in merged.items() if into == path))
        for person, into in sorted(merged.items()):
            if isinstance(into, int):
                why = "all links of the folder were moved into that of another person"
                edits.append(Merged(person, into, why))
        for lost, there, reason in arrivals.held:
            self._hold(lost, there, reason)
        for there in arrivals.known:
            self.outcome.copies.add(KnownCopy(there.ino, there.name, there.text, there.owner))
            self.outcome.left_alone.update([say_known(there.folder, there.name, there.owner)])
        self.outcome.change.adopted += [found for _, found in sorted(self.adopted.items())]

    def _hold(self, lost: Lost | None, there: Strange, reason: str) -> None:
        self.outcome.left_alone[there.path] = reason
        if lost is not None:
            self.outcome.left_alone[lost.path] = (
                f"this link is gone, and there is one to its photo at {shown(there.path)}"
            )

    def _arrive(self, there: Strange, one: Lost | None) -> bool:
        """Base has it where it is now. False: the folder is not known yet, and base has another one of its path.

        A file is the user's, and never base's.
        """
        if there.is_file:
            self.outcome.copies.add(KnownCopy(there.ino, there.name, there.text, there.owner))
            return True
        change = self.outcome.change
        home = self.places.folder_at.get(there.folder)
        link = FoundLink(there.name, there.text, there.image)
        if home is not None and home.person is not None:
            if (home.id, there.name) in self.places.known:
                # It was put over another link, which nobody rejected: that one is made again, under another name.
                change.gone.append((home.id, there.name))
                self.outcome.left_alone.pop(there.path, None)
            change.arrived.append(BaseLink(home.id, *link, home.person))
        elif there.folder in self.occupied:
            self._hold(
                one, there, "it waits until it is known what became of the folder that was here before"
            )
            return False
        else:
            owner = self.places.owner(there.folder)
            assert owner is not None
            assert owner.person is not None
            self._adopt(there.folder, owner.person, [link])
        if one is not None:
            change.gone.append(one.key)
        return True

    def _adopt(self, path: bytes, person: PersonId, links: list[FoundLink]) -> None:
        known = self.places.folder_at.get(path)
        if known is not None and path not in self.adopted:
            self.outcome.change.removed.append(known.id)  # it was nobody's
        before = self.adopted[path].links if path in self.adopted else ()
        self.adopted[path] = FoundFolder(path, person, self.inode_of(path), (*before, *links))

    def _gather(self, path: bytes, new: _New, emptied: frozenset[PersonId]) -> None:
        if path in self.occupied:
            for one, there in new.moved:
                self._hold(
                    one, there, "it waits until it is known what became of the folder that was here before"
                )
            return
        strange = [*(there for _, there in new.moved), *(there for there in new.copied if not there.is_file)]
        self.outcome.copies |= {
            KnownCopy(there.ino, there.name, there.text, None) for there in new.copied if there.is_file
        }
        names = {there.image: there.name for there in strange if not _is_named_after_photo(there)}
        self._adopt(path, PersonId(0), [FoundLink(s.name, s.text, s.image) for s in strange])
        self.outcome.change.gone += [one.key for one, _ in new.moved]
        name = name_of_folder(path.rpartition(b"/")[2])
        assert name is not None
        how = "moved" if new.moved else "copied"
        why = f"links were {how} into the new folder {shown(path)}"
        self.outcome.edits.append(Gathered(path, name, new.sources, why, emptied, names))

    def _name(self, there: Strange, person: PersonId, is_news: bool) -> None:
        """What a link is called, if that is not what its photo is called, or not any more what it was called."""
        named = None if _is_named_after_photo(there) else there.name
        if is_news and named != self.context.link_names.get((person, there.image)):
            why = f"the link {shown(there.path)} was given this name"
            self.outcome.edits.append(LinkNamed(person, there.image, named, why))


def _is_named_after_photo(there: Strange) -> bool:
    return is_form_of(there.name, there.text.rpartition(b"/")[2], is_file=True)


def say_known(folder: bytes, name: bytes, owner: PersonId | None) -> tuple[bytes, str]:
    """What is said of a link that is the user's affair, and of which path."""
    if owner is not None:
        return join_path(folder, name), "one more link to a photo of hers; it is yours"
    if not folder:
        return name, "a link like those of faced; it is yours"
    return folder, ALBUM


def why_nobodys(path: bytes, *, is_above_somebody: bool) -> str | None:
    """Why a new folder cannot be somebody's. is_above_somebody: whether a person's folder lies in it."""
    last = path.rpartition(b"/")[2]
    if name_of_folder(last) is None:
        return "give this folder a name to say who it is"
    if b" + " in last:
        return "a folder of several persons; faced leaves it as it is"
    if is_above_somebody:
        return "there are persons' folders in this folder, so it is not somebody's"
    return None


def is_usable_place(path: bytes) -> bool:
    """Whether a link in this folder may mean something: not in the people folder itself, nor in faced's own."""
    return path != b"" and path.split(b"/")[0].lower() not in OWN_FOLDERS
