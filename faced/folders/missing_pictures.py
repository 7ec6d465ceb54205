"""Face pictures that are missing from the people folder: what of them waits, is asked about, is carried out.

Values in, values out. The rules are those of `missing` for links: a second look decides, and the brake asks.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from faced.errors import shown
from faced.folders.brake import is_too_many_links
from faced.folders.disk import join_path
from faced.folders.edits import FaceRejected
from faced.folders.missing import AS_BEFORE, AskDraft, Situation
from faced.folders.second_look import find_due, first_seen
from faced.model import FolderId, PersonId
from faced.store.asks import Undecided
from faced.store.base import BaseFolder, BasePicture

__all__ = ["PICTURES", "DecidedPictures", "MissingPicture", "decide_missing_pictures"]

PICTURES = "pictures"
"""The kind of question that asks about deleted face pictures."""


@dataclass(frozen=True, slots=True)
class MissingPicture:
    """A picture that is proposed to a person and is nowhere, while its folder is there."""

    folder: BaseFolder
    picture: BasePicture
    person: PersonId

    @property
    def path(self) -> bytes:
        """As base has it."""
        return join_path(self.folder.path, self.picture.name)


@dataclass(slots=True)
class DecidedPictures:
    """rejected: edits. gone: pictures that base lets go of. waiting, asks, over: as in interpret.Understood."""

    rejected: list[FaceRejected] = field(default_factory=list)
    gone: list[tuple[FolderId, bytes]] = field(default_factory=list)
    waiting: tuple[Undecided, ...] = ()
    asks: tuple[AskDraft, ...] = ()
    over: tuple[int, ...] = ()


def decide_missing_pictures(
    missing: Sequence[MissingPicture], sizes: Mapping[FolderId, int], situation: Situation
) -> DecidedPictures:
    """Decide about each missing picture; the rows and cases are those of missing.decide_missing.

    sizes: pictures that base has in each folder. situation: its asks are those about face pictures.
    """
    return _Decider(missing, sizes, situation).decide()


class _Decider:
    def __init__(
        self, missing: Sequence[MissingPicture], sizes: Mapping[FolderId, int], situation: Situation
    ) -> None:
        self.missing = sorted(missing, key=lambda lost: lost.path)
        self.sizes = sizes
        self.situation = situation
        self.decided = DecidedPictures()
        self.rows = {row.path: row for row in situation.undecided if row.what == "picture"}
        self.asks = {ask.id: ask for ask in situation.asks}
        self.holding: dict[int, list[Undecided]] = defaultdict(list)

    def decide(self) -> DecidedPictures:
        situation = self.situation
        waiting: list[Undecided] = []
        due: dict[BaseFolder, list[MissingPicture]] = defaultdict(list)
        for lost in self.missing:
            row = self.rows.get(lost.path)
            ask = self.asks.get(row.ask) if row is not None and row.ask is not None else None
            seen = self._first_seen(lost)
            if row is not None and ask is not None:
                if ask.answer is None:
                    self.holding[ask.id].append(row)
                elif ask.answer:
                    self._carry_out(lost)
                else:
                    self.decided.gone.append((lost.folder.id, lost.picture.name))
            elif (at := find_due(seen, situation)) is None:
                due[lost.folder].append(lost)
            else:
                waiting.append(self._row(lost, due=at))
        new = [draft for folder, found in due.items() for draft in self._brake(folder, found)]
        kept = [
            AskDraft(id_, PICTURES, _question(rows), self.asks[id_].details, tuple(rows))
            for id_, rows in sorted(self.holding.items())
        ]
        self.decided.waiting, self.decided.asks = tuple(waiting), (*kept, *new)
        self.decided.over = tuple(sorted(self.asks.keys() - self.holding.keys()))
        return self.decided

    def _first_seen(self, lost: MissingPicture) -> int:
        row = self.rows.get(lost.path)
        return first_seen(None if row is None else row.first_seen, self.situation.now_ns)

    def _row(self, lost: MissingPicture, *, due: int | None = None, ask: int | None = None) -> Undecided:
        return Undecided(lost.path, "picture", lost.person, None, self._first_seen(lost), due, ask)

    def _carry_out(self, lost: MissingPicture) -> None:
        self.decided.gone.append((lost.folder.id, lost.picture.name))
        why = f"the face picture {shown(lost.path)} was deleted"
        self.decided.rejected.append(FaceRejected(lost.person, lost.picture.face, why))

    def _brake(self, folder: BaseFolder, due: Sequence[MissingPicture]) -> list[AskDraft]:
        """Carry out what is due in one folder, or ask. What joins an open question is in `holding`."""
        person = due[0].person
        lately = self.situation.rejected_lately.get(person, 0)
        had = self.sizes[folder.id] + lately
        opened = next(
            (a.id for a in self.asks.values() if a.answer is None and a.details.get("person") == person), None
        )
        if opened is None and not is_too_many_links(len(due) + lately, had, self.situation.brake):
            for missing in due:
                self._carry_out(missing)
            return []
        rows = tuple(self._row(missing, ask=opened or 0) for missing in due)
        if opened is not None:
            self.holding[opened] += rows
            return []
        return [AskDraft(None, PICTURES, _question(rows), {"person": person}, rows)]


def _question(rows: Sequence[Undecided]) -> str:
    count = "1 face picture was" if len(rows) == 1 else f"{len(rows)} face pictures were"
    folder = shown(min(row.path for row in rows).rpartition(b"/")[0])
    return f"{count} deleted in {folder} within a day: is this person none of them?{AS_BEFORE}"
