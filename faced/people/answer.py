"""The answer: whose each face is, and why, in words for people. Values only; nothing here decides.

Of two answers it tells which reasons sound another way, so that only those are put into words and written.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from faced.model import FaceId
from faced.people.alignment import Alignment
from faced.people.faces import NOISE, Attached, Attachment
from faced.people.rows import is_among

__all__ = ["Assignment", "Columns", "Last", "Part", "Why"]


class Why(IntEnum):
    """For what reason a face is somebody's."""

    NOBODYS = 0
    PINNED = 1
    ANCHORED = 2
    COPY = 3
    OWNED = 4
    UNOWNED = 5


class Part(IntEnum):
    """What a face is to its cluster."""

    NONE = 0
    IN = 1
    CORE = 2


EDGE = 1e-6
"""Of a hundredth."""
ROUNDED = 100
"""Of so many faces and more it is told about how many they are."""
_SAID = {int(Why.PINNED): "pinned by you", int(Why.ANCHORED): "there when you named this person"}
_COPY, _OWNED, _UNOWNED = int(Why.COPY), int(Why.OWNED), int(Why.UNOWNED)
_CORE = int(Part.CORE)


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """n faces, a row each.

    owners: (n,) int64 persons; 0: nobody's. reasons: (n,) int8, Why. sizes: (n,) of the cluster. distances: (n,)
    Euclidean, to what the reason says. seconds: (n,) to the next person, inf without one. labels: (n,) the cluster of
    what no word speaks of, or NOISE. judged: (n,) uint64, of whom the distances of an owned face speak. runners_up: (n,)
    int64 the next person, 0 without one. parts: (n,) int8, Part.
    """

    owners: NDArray[np.int64]
    reasons: NDArray[np.int8]
    sizes: NDArray[np.int32]
    distances: NDArray[np.float64]
    seconds: NDArray[np.float64]
    labels: NDArray[np.int32]
    judged: NDArray[np.uint64]
    runners_up: NDArray[np.int64]
    parts: NDArray[np.int8]

    @classmethod
    def blank(cls, count: int) -> "Columns":
        return cls(
            np.zeros(count, dtype=np.int64),
            np.zeros(count, dtype=np.int8),
            np.zeros(count, dtype=np.int32),
            np.full(count, np.nan),
            np.full(count, np.inf),
            np.full(count, NOISE, dtype=np.int32),
            np.zeros(count, dtype=np.uint64),
            np.zeros(count, dtype=np.int64),
            np.zeros(count, dtype=np.int8),
        )


@dataclass(frozen=True, eq=False)
class Assignment:
    """Whose each face is, and why. A group that is nobody known yet has a number below zero: -1, -2, … in the order in
    which they get their ids; reasons that speak of it call it `Person -1`.
    """

    ids: NDArray[np.int64]
    columns: Columns
    attached: Attached

    @property
    def owners(self) -> NDArray[np.int64]:
        """(n,) the person of each face; 0: nobody's."""
        return self.columns.owners

    @property
    def new_count(self) -> int:
        """How many new ids are wanted."""
        return -int(min(self.owners.min(initial=0), 0))

    @cached_property
    def persons(self) -> dict[FaceId, int]:
        """Whose each face is; a face that is nobody's is left out."""
        rows = np.flatnonzero(self.owners)
        pairs = zip(self.ids[rows].tolist(), self.owners[rows].tolist(), strict=True)
        return {FaceId(face): person for face, person in pairs}

    @cached_property
    def reasons(self) -> dict[FaceId, str]:
        """Why, in plain words."""
        rows = np.flatnonzero(self.owners)
        return dict(zip(map(FaceId, self.ids[rows].tolist()), self.explain(rows), strict=True))

    def explain(self, rows: NDArray[np.intp]) -> list[str]:
        """Why these rows are whose they are, in plain words."""
        attached = {row: self.attached[row] for row in rows[is_among(rows, self.attached.rows)].tolist()}
        mine = self.columns
        facts = zip(
            mine.reasons[rows].tolist(),
            mine.parts[rows].tolist(),
            _round_sizes(mine.sizes[rows]).tolist(),
            *(column[rows].tolist() for column in (mine.distances, mine.runners_up, mine.seconds)),
            strict=True,
        )
        heads: dict[tuple[int, int], str] = {}
        told = []
        for row, (why, part, size, far, runner_up, second) in zip(rows.tolist(), facts, strict=True):
            attachment = attached.get(row)
            if why != _UNOWNED or attachment is not None:
                reason = _explain(attachment, why, part, size, far, runner_up, second)
                told.append(reason + self._tell_second(row, attachment))
                continue
            head = heads.get((part, size))
            if head is None:
                head = heads[part, size] = f"{_tell_place(part)} {_tell_many(size)}"
            told.append(f"{head}, {far:.2f} from its middle")
        return told

    def _tell_second(self, row: int, attachment: Attachment | None) -> str:
        """Whose the cluster is that came second for a face that attached, where that is somebody else's."""
        if attachment is None or attachment.second == NOISE or self.columns.reasons[row] < Why.OWNED:
            return ""
        person = int(self.owners[attachment.second])
        if person in (0, self.owners[row]):
            return ""
        return f"; Person {person} came second, that middle is {attachment.second_distance:.2f} away"

    def find_changed(self, last: "Last") -> NDArray[np.intp]:
        """The rows that have another reason than in the last run. (Whose they were, what is stored says better.)"""
        same, mine, theirs = last.same, self.columns, last.assignment.columns
        alike = np.ones(len(self.ids), dtype=np.bool_)
        for name in ("reasons", "runners_up", "parts"):
            alike &= getattr(mine, name) == same.carry(getattr(theirs, name), 0)
        for name in ("distances", "seconds"):
            alike &= _sound_alike(getattr(mine, name), same.carry(getattr(theirs, name), 0.0))
        had = same.carry(theirs.sizes, 0)
        other = np.flatnonzero(alike & (mine.sizes != had))
        alike[other] = _round_sizes(mine.sizes[other]) == _round_sizes(had[other])
        alike[same.new] = False
        attached = same.moved[last.assignment.attached.rows]
        rows = np.union1d(attached[attached >= 0], self.attached.rows)
        rows = rows[same.came[rows] >= 0]
        before = last.assignment._attached(same.came[rows].astype(np.intp))
        for one, then in zip(self._attached(rows), before, strict=True):
            alike[rows] &= _sound_alike(one, then)
        return np.flatnonzero(~alike)

    def _attached(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """(3, m) of some rows how far the middle is to which each attached, that of the second, and who that is; -1 where there is none."""
        mine, found = self.attached, np.full((3, len(rows)), -1.0)
        if len(mine.rows) == 0:
            return found
        places = np.minimum(np.searchsorted(mine.rows, rows), len(mine.rows) - 1)
        there = np.flatnonzero(mine.rows[places] == rows)
        places = places[there]
        found[0, there] = mine.distances[places]
        has_second = mine.seconds[places] != NOISE
        there, places = there[has_second], places[has_second]
        found[1, there] = mine.second_distances[places]
        found[2, there] = self.owners[mine.seconds[places]]
        return found


@dataclass(frozen=True, eq=False)
class Last:
    """The last run. same: from its faces to those of now, but for who is another than it was."""

    assignment: Assignment
    same: Alignment


def _round_sizes(sizes: NDArray[np.int32]) -> NDArray[np.int32]:
    """As they are told: from ROUNDED on in two digits, or each photo that comes would change what is said of all others."""
    told = sizes
    for power in range(1, 6):
        told = np.where(sizes >= ROUNDED * 10 ** (power - 1), (sizes // 10**power) * 10**power, told)
    return told


def _sound_alike(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which distances are the same when two decimals are told; those that are near the edge of a hundredth, when they are equal."""
    equal: NDArray[np.bool_] = (one == other) | ((one != one) & (other != other))
    there = np.flatnonzero(~equal & np.isfinite(one) & np.isfinite(other))
    first, second = 100 * one[there], 100 * other[there]
    is_edge = (np.abs(first % 1 - 0.5) < EDGE) | (np.abs(second % 1 - 0.5) < EDGE)
    equal[there] = (np.rint(first) == np.rint(second)) & ~is_edge
    return equal


def _tell_place(part: int) -> str:
    return "at the core of" if part == _CORE else "in"


def _tell_many(size: int) -> str:
    return f"a cluster of {f'about {size}' if size >= ROUNDED else size} faces"


def _explain(
    attachment: Attachment | None, why: int, part: int, size: int, far: float, runner_up: int, second: float
) -> str:
    if why == _COPY:
        return "a near-copy of a face that you gave this person"
    place = _tell_place(part)
    if attachment is not None:
        place = f"attached (most faces near it are there, the middle is {attachment.distance:.2f} away) to"
    many = _tell_many(size)
    if why in _SAID:
        return f"{_SAID[why]}; {place} {many}" if part else _SAID[why]
    if why != _OWNED:
        return f"{place} {many}, {far:.2f} from its middle"
    reason = f"{place} {many} that is this person's by name, {far:.2f} from the nearest one you gave"
    return f"{reason} (Person {runner_up} is second: {second:.2f})" if runner_up else reason
