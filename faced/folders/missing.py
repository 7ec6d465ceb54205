"""What is missing from the people folder: what of it waits, what is asked about, what is carried out.

Values in, values out. A thing is acted upon when a second look finds it missing again, and only as much at once as
the brake lets pass. What was asked about stays held until it is answered or put back, piece by piece.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from faced.errors import shown
from faced.folders.brake import Brake, Losses, is_too_many_folders, must_ask
from faced.folders.edits import Rejected
from faced.folders.second_look import Looking, find_due, first_seen
from faced.model import FolderId, ImageId, PersonId
from faced.store.asks import Ask, Undecided
from faced.store.base import Base, BaseFolder, BaseLink

__all__ = ["AS_BEFORE", "AskDraft", "Decided", "Missing", "decide_missing"]

AS_BEFORE = " With a no they are put back"


@dataclass(frozen=True, slots=True)
class Missing:
    """A folder of base that is nowhere, or (with link) a link that is not in its folder."""

    folder: BaseFolder
    link: BaseLink | None
    person: PersonId

    @property
    def image(self) -> ImageId | None:
        return None if self.link is None else self.link.image


@dataclass(frozen=True, slots=True)
class AskDraft:
    """A question with what it holds. id: None for a new one. rows: their `ask` is 0 until it has an id."""

    id: int | None
    kind: str
    text: str
    details: Mapping[str, Any]
    rows: tuple[Undecided, ...]


@dataclass(slots=True)
class Decided:
    """rejected: edits. gone: links that base lets go of. away: folders whose persons are to be hidden.
    given_up: folders that base lets go of, so that they are made anew. waiting, asks, over: as in Understood.
    """

    rejected: list[Rejected] = field(default_factory=list)
    gone: list[tuple[FolderId, bytes]] = field(default_factory=list)
    away: list[BaseFolder] = field(default_factory=list)
    given_up: list[FolderId] = field(default_factory=list)
    waiting: tuple[Undecided, ...] = ()
    asks: tuple[AskDraft, ...] = ()
    over: tuple[int, ...] = ()


class Situation(Looking, Protocol):
    """What of the context counts here (see interpret.Context)."""

    @property
    def names(self) -> Mapping[PersonId, str]: ...
    @property
    def excused(self) -> frozenset[ImageId]: ...
    @property
    def rejected_lately(self) -> Mapping[PersonId, int]: ...
    @property
    def brake(self) -> Brake: ...
    @property
    def undecided(self) -> tuple[Undecided, ...]: ...
    @property
    def asks(self) -> tuple[Ask, ...]: ...


def decide_missing(
    missing: Sequence[Missing],
    base: Base,
    held: Collection[FolderId],
    count_links: Callable[[], Mapping[PersonId, int]],
    folder_count: int,
    situation: Situation,
    path_of: Callable[[Missing], bytes],
) -> Decided:
    """Decide about each missing thing.

    held: folders of base about which this look says nothing: questions about what is in them stay.
    count_links: base's, by person. folder_count: of person folders in base. path_of: as base is going to have it.

    | an earlier look                    | now                                                      |
    | asked, no answer                   | still asked                                              |
    | asked, answered yes                | carried out: rejected, or hidden                         |
    | asked, answered no                 | base lets go of it: it is made anew                      |
    | saw it missing, long enough ago    | carried out, or asked about when the brake says so       |
    | saw it missing a moment ago, or    | waits, from the first time it was seen to be missing     |
    | saw it there                       |                                                          |
    A link whose photo is away is let go of instead of rejected, and counts for no brake.
    """
    return _Decider(missing, base, held, count_links, folder_count, situation, path_of).decide()


class _Decider:
    def __init__(
        self,
        missing: Sequence[Missing],
        base: Base,
        held: Collection[FolderId],
        count_links: Callable[[], Mapping[PersonId, int]],
        folder_count: int,
        situation: Situation,
        path_of: Callable[[Missing], bytes],
    ) -> None:
        self.missing = sorted(
            missing, key=lambda m: (m.image is not None, m.person, m.image or 0, path_of(m))
        )
        self.count_links = count_links
        self.folder_count = folder_count
        self.situation = situation
        self.path_of = path_of
        self.decided = Decided()
        self.rows = {(row.what, row.person, row.image): row for row in situation.undecided}
        self.asks = {ask.id: ask for ask in situation.asks}
        self.held_persons = {folder.person for folder in base.folders if folder.id in held}
        self.holding: dict[int, list[Undecided]] = defaultdict(list)

    def decide(self) -> Decided:
        self._keep_unread()
        waiting: list[Undecided] = []
        due: list[Missing] = []
        for missing in self.missing:
            row = self.rows.get(_key(missing))
            ask = self.asks.get(row.ask) if row is not None and row.ask is not None else None
            if ask is None:
                seen = self._first_seen(row)
                if (at := find_due(seen, self.situation)) is None:
                    due.append(missing)
                else:
                    waiting.append(self._row(missing, seen, due=at))
            elif ask.answer is None:
                assert row is not None
                self.holding[ask.id].append(self._row(missing, row.first_seen, ask=ask.id))
            elif ask.answer:
                self._carry_out(missing)
            else:
                self._give_up(missing)
        self.decided.waiting = tuple(waiting)
        new = self._brake(due)
        kept = [self._describe(self.asks[id_], rows) for id_, rows in sorted(self.holding.items())]
        self.decided.asks = (*kept, *new)
        self.decided.over = tuple(sorted(self.asks.keys() - self.holding.keys()))
        return self.decided

    def _first_seen(self, row: Undecided | None) -> int:
        return first_seen(None if row is None else row.first_seen, self.situation.now_ns)

    def _row(
        self, missing: Missing, seen: int, *, due: int | None = None, ask: int | None = None
    ) -> Undecided:
        what, person, image = _key(missing)
        return Undecided(self.path_of(missing), what, person, image, seen, due, ask)

    def _keep_unread(self) -> None:
        """What is asked about a folder that cannot be judged now is asked still."""
        here = {_key(missing) for missing in self.missing}
        for key, row in self.rows.items():
            if row.ask in self.asks and key not in here and row.person in self.held_persons:
                self.holding[row.ask].append(row)

    # Carrying out.

    def _carry_out(self, missing: Missing) -> None:
        if missing.link is None:
            self.decided.away.append(missing.folder)
            return
        self._give_up(missing)
        if missing.link.image not in self.situation.excused:
            why = f"the link {shown(self.path_of(missing))} was deleted"
            self.decided.rejected.append(Rejected(missing.person, missing.link.image, why))

    def _give_up(self, missing: Missing) -> None:
        if missing.link is None:
            self.decided.given_up.append(missing.folder.id)
        else:
            self.decided.gone.append((missing.folder.id, missing.link.name))

    # The brake.

    def _brake(self, due: Sequence[Missing]) -> list[AskDraft]:
        """Carry out what is due, or ask. Returns the new questions; what joins an open one is in `holding`."""
        if not due:
            return []
        persons, everything = must_ask(self._losses(), self.situation.brake)
        vanished = sum(missing.link is None for missing in self.missing)
        folders = is_too_many_folders(vanished, self.folder_count, self.situation.brake)
        new: dict[tuple[str, PersonId | None], list[Undecided]] = defaultdict(list)
        for missing in due:
            if missing.link is None and folders:
                about: tuple[str, PersonId | None] = ("folders", None)
            elif missing.link is None or missing.image in self.situation.excused:
                self._carry_out(missing)
                continue
            elif missing.person in persons:
                about = ("rejections", missing.person)
            elif everything:
                about = ("rejections", None)
            else:
                self._carry_out(missing)
                continue
            seen = self._first_seen(self.rows.get(_key(missing)))
            open_ask = self._find_open(*about)
            if open_ask is None:
                new[about].append(self._row(missing, seen, ask=0))
            else:
                self.holding[open_ask].append(self._row(missing, seen, ask=open_ask))
        drafts = []
        for (kind, person), rows in new.items():
            details = {} if person is None else {"person": person}
            drafts.append(AskDraft(None, kind, self._text(kind, rows, person), details, tuple(rows)))
        return drafts

    def _losses(self) -> dict[PersonId, Losses]:
        links = Counter(self.count_links())
        missing = Counter(
            m.person for m in self.missing if m.link is not None and m.image not in self.situation.excused
        )
        away = Counter(m.person for m in self.missing if m.link is not None)
        lately = self.situation.rejected_lately
        return {
            person: Losses(
                missing=missing[person],
                lately=lately.get(person, 0),
                left=links[person] - away[person],
                links=links[person],
                is_named=person in self.situation.names,
            )
            for person in links.keys() | lately.keys()
        }

    def _find_open(self, kind: str, person: PersonId | None) -> int | None:
        for ask in self.asks.values():
            if ask.answer is None and ask.kind == kind and ask.details.get("person") == person:
                return ask.id
        return None

    # Words.

    def _describe(self, ask: Ask, rows: Sequence[Undecided]) -> AskDraft:
        text = self._text(ask.kind, rows, ask.details.get("person"))
        return AskDraft(ask.id, ask.kind, text, ask.details, tuple(rows))

    def _text(self, kind: str, rows: Sequence[Undecided], person: PersonId | None) -> str:
        count = len(rows)
        if kind == "folders":
            some = ", ".join(shown(row.path) for row in sorted(rows, key=_path)[:3]) + (
                ", …" if count > 3 else ""
            )
            return f"{_folders(count)} of {self.folder_count} left the people folder ({some}): hide these persons?{AS_BEFORE}"
        links = "1 link was" if count == 1 else f"{count} links were"
        if person is None:
            return f"{links} deleted in the people folder within a day: are those persons not on these photos?{AS_BEFORE}"
        folder = shown(min(rows, key=_path).path.rpartition(b"/")[0])
        return f"{links} deleted in {folder} within a day: is this person not on these photos?{AS_BEFORE}"


def _key(missing: Missing) -> tuple[Any, PersonId, ImageId | None]:
    return ("folder" if missing.link is None else "link", missing.person, missing.image)


def _folders(count: int) -> str:
    return "1 person folder" if count == 1 else f"{count} person folders"


def _path(row: Undecided) -> bytes:
    return row.path
