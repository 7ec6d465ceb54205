"""A person's folder inside that of another: one and the same, or not for us to say. Values in, values out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from faced.errors import shown
from faced.folders.context import Context
from faced.folders.disk import parent_of
from faced.folders.edits import Merged
from faced.folders.hold import is_strangers_place
from faced.folders.missing import AskDraft
from faced.folders.names import is_same_name, name_of_folder
from faced.model import FolderId, PersonId
from faced.store.base import BaseFolder

__all__ = ["NESTED", "Nested", "find_nested", "folders_above", "name_now", "with_merges"]

NESTED = "nested"
INSIDE = (
    "the folder of one person with a name is inside that of another, {}: move it out, say `faced merge` if they are one,"
    " or answer the question"
)


@dataclass(slots=True)
class Nested:
    """inside: folders inside others. merged: what that means, with the folder that says so. held: why that cannot be said. followed:
    folders that are inside one of the same person, by a merge that is known. asks, over: as in Understood, of those of whom
    the user is asked. parted: folders that are to be put back.
    """

    inside: set[FolderId] = field(default_factory=set)
    merged: list[tuple[FolderId, Merged]] = field(default_factory=list)
    held: dict[FolderId, str] = field(default_factory=dict)
    followed: set[FolderId] = field(default_factory=set)
    asks: list[AskDraft] = field(default_factory=list)
    over: tuple[int, ...] = ()
    parted: set[FolderId] = field(default_factory=set)


class _Pair(NamedTuple):
    """A folder, and the person's folder that it was put into."""

    path: bytes
    folder: BaseFolder
    above: bytes
    owner: BaseFolder

    @property
    def why(self) -> str:
        return f"the folder {shown(self.folder.path)} was put into {shown(self.above)}"


def find_nested(
    folders: Mapping[bytes, BaseFolder], owner_at: Mapping[bytes, BaseFolder], context: Context
) -> Nested:
    """Say what it means that persons' folders were put inside those of others.

    folders: those that are not where base has them, by where they are. owner_at: every folder of base by where it is.

    | folders inside each other              | they are                                            |
    | of one with a name, others without     | all the one with a name                             |
    | of nobody with a name                  | each the one that it was put into                   |
    | of several with names                  | asked about: one, or to be put back? But one        |
    |                                        | without a name that is in one with a name, and has  |
    |                                        | none in it, is that one                             |
    | of one merged into the other already   | followed                                            |
    | of an album and of a person            | held                                                |
    Nothing of this depends on which of them was put into the other first.
    """
    nested = Nested()
    pairs = []
    for path, folder in sorted(folders.items()):
        around = (above for above in folders_above(path) if not is_strangers_place(above))
        above = next((above for above in around if _is_hers(owner_at.get(above))), None)
        if above is None or folder.person is None or owner_at[above].person == folder.person:
            continue
        owner = owner_at[above]
        assert owner.person is not None
        if context.resolve(folder.person) == context.resolve(owner.person):
            nested.followed.add(folder.id)
        elif context.albums & {folder.person, owner.person}:
            nested.held[folder.id] = (
                "an album and a person's folder are inside each other; move one of them out"
            )
        else:
            pairs.append(_Pair(path, folder, above, owner))
    nested.inside = {pair.folder.id for pair in pairs}
    for together in _connect(pairs):
        _judge(together, context, nested)
    open_asks = {ask.id for ask in context.asks if ask.kind == NESTED}
    nested.over = tuple(sorted(open_asks - {draft.id for draft in nested.asks}))
    return nested


def _connect(pairs: Iterable[_Pair]) -> list[list[_Pair]]:
    """Those that have folders in common belong together."""
    groups: list[tuple[set[FolderId], list[_Pair]]] = []
    for pair in pairs:
        ids, together = {pair.folder.id, pair.owner.id}, [pair]
        for group in [group for group in groups if group[0] & ids]:
            groups.remove(group)
            ids |= group[0]
            together = [*group[1], *together]
        groups.append((ids, together))
    return [together for _, together in groups]


def _judge(pairs: list[_Pair], context: Context, nested: Nested) -> None:
    at = {pair.folder.id: (pair.folder, pair.path) for pair in pairs}
    at |= {pair.owner.id: (pair.owner, pair.above) for pair in pairs if pair.owner.id not in at}
    up = {pair.folder.id: pair.owner.id for pair in pairs}
    named = {id_ for id_, (folder, path) in at.items() if name_now(folder, path, context) is not None}
    above_named = {above for id_ in named for above in _chain(id_, up)}
    done: set[PersonId] = set()
    for pair in pairs:
        if len(named) == 1:
            (into,) = named
        elif not named:
            into = pair.owner.id
        else:
            over = next((above for above in _chain(pair.folder.id, up) if above in named), None)
            if over is None or pair.folder.id in named | above_named:
                if (
                    over is None
                    or pair.folder.id not in named
                    or not _ask(pair, at[over][0], context, nested)
                ):
                    nested.held.setdefault(pair.folder.id, INSIDE.format(shown(pair.above)))
                    continue
                into = over
                if pair.folder.id in nested.parted:
                    continue
                nested.merged.append((pair.folder.id, Merged(*_both(pair.folder, at[over][0]), pair.why)))
                continue
            into = over
        target = at[into][0].person
        assert target is not None
        for folder in (pair.folder, pair.owner) if len(named) == 1 else (pair.folder,):
            if folder.id != into and folder.person is not None and folder.person not in done:
                done.add(folder.person)
                nested.merged.append((pair.folder.id, Merged(folder.person, target, pair.why)))


def _ask(pair: _Pair, over: BaseFolder, context: Context, nested: Nested) -> bool:
    """Ask whether two with names are one; True when that was answered. With a no the folder is in `parted`."""
    person, into = _both(pair.folder, over)
    details = {"person": int(person), "into": int(into)}
    known = next((ask for ask in context.asks if ask.kind == NESTED and dict(ask.details) == details), None)
    if known is not None and known.answer is not None:
        if not known.answer:
            nested.parted.add(pair.folder.id)
        return True
    text = (
        f"the folder {shown(pair.folder.path)} was put into {shown(over.path)}, and both have names: are the two one"
        " person? With a no it is put back"
    )
    nested.asks.append(AskDraft(None if known is None else known.id, NESTED, text, details, ()))
    return False


def _both(folder: BaseFolder, over: BaseFolder) -> tuple[PersonId, PersonId]:
    assert folder.person is not None
    assert over.person is not None
    return folder.person, over.person


def _chain(folder: FolderId, up: Mapping[FolderId, FolderId]) -> Iterator[FolderId]:
    """The folders that it was put into, one in the other."""
    while (above := up.get(folder)) is not None:
        yield above
        folder = above


def with_merges(known: Mapping[PersonId, PersonId], merges: Iterable[Merged]) -> dict[PersonId, PersonId]:
    """Who stands for whom once these are said, too."""
    found = dict(known)
    for merge in merges:
        person, into = (found.get(one, one) for one in (merge.person, merge.into))
        if person != into:
            found = {one: into if other == person else other for one, other in found.items()} | {person: into}
    return found


def name_now(folder: BaseFolder, path: bytes, context: Context) -> str | None:
    """The name of a folder's person, as its last part says where it is now."""
    assert folder.person is not None
    known = context.names.get(context.resolve(folder.person))
    last = path.rpartition(b"/")[2]
    if last == folder.path.rpartition(b"/")[2]:
        return known
    said = name_of_folder(last)
    return known if is_same_name(last, said, known) else said


def _is_hers(folder: BaseFolder | None) -> bool:
    return folder is not None and folder.person is not None


def folders_above(path: bytes) -> Iterator[bytes]:
    """The folders that a path lies in, the nearest first, without the people folder."""
    above = parent_of(path)
    while above:
        yield above
        above = parent_of(above)
