"""Which rows of one time are which rows of another: as runs, for most are the same, in the same order. Pure.

So what is known of many rows is moved on by copying slices, which is several times as fast as looking each row up.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faced.people.rows import find_rows, spans

__all__ = ["Alignment", "align_ids", "align_masks"]

RUN = 200
"""Where runs are shorter than this on the average, rows are sooner looked up."""
CHUNKS = 1 << 8, 1 << 14
"""Ids that are compared at once: at first, and at most."""
WINDOW = 1 << 6
"""How far ahead an id is looked for where two lists part."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """The rows from `then[i]` on are those from `now[i]` on, `sizes[i]` of them; all (s,), ascending. before, count: of all rows
    then and now.
    """

    then: NDArray[np.intp]
    now: NDArray[np.intp]
    sizes: NDArray[np.intp]
    before: int
    count: int

    def carry(self, column: NDArray[Any], fill: Any) -> NDArray[Any]:
        """(count,) what it said of each row then, (before,), and `fill` for rows that are new."""
        found = np.empty((self.count, *column.shape[1:]), dtype=column.dtype)
        found[self.new] = fill
        if len(self.sizes) * RUN > self.count:
            found[spans(self.now, self.sizes)] = column[spans(self.then, self.sizes)]
            return found
        for then, now, size in self._runs:
            found[now : now + size] = column[then : then + size]
        return found

    @cached_property
    def back(self) -> "Alignment":
        """From now to then."""
        return Alignment(self.now, self.then, self.sizes, self.count, self.before)

    @cached_property
    def new(self) -> NDArray[np.intp]:
        """The rows of now, ascending, that are none of then."""
        ends = np.append(0, self.now + self.sizes)
        return spans(ends, np.append(self.now, self.count) - ends)

    @cached_property
    def came(self) -> NDArray[np.int32]:
        """(count,) the row of each then, -1 of one that is new."""
        return self.carry(np.arange(self.before, dtype=np.int32), -1)

    @cached_property
    def moved(self) -> NDArray[np.int32]:
        """(before,) the row of each now, -1 of one that is gone."""
        return self.back.came

    @cached_property
    def _runs(self) -> list[tuple[int, int, int]]:
        return list(zip(self.then.tolist(), self.now.tolist(), self.sizes.tolist(), strict=True))


def align_masks(gone: NDArray[np.bool_], new: NDArray[np.bool_]) -> Alignment:
    """All rows but some, which are gone, (n,), are all but some, which are new, (m,), in the same order."""
    gaps, fresh = (rows - np.arange(len(rows)) for rows in (gone.nonzero()[0], new.nonzero()[0]))
    cuts = np.unique(np.concatenate([[0], gaps, fresh, [len(gone) - len(gaps)]]))
    firsts = cuts[:-1]  # counting only those that stay
    then, now = (firsts + np.searchsorted(rows, firsts, side="right") for rows in (gaps, fresh))
    return Alignment(then, now, np.diff(cuts), len(gone), len(new))


def align_ids(then: NDArray[np.int64], now: NDArray[np.int64]) -> Alignment:
    """Rows with the same id, which no other row of that time has. Of lists in different orders it may find some of these only."""
    runs = list[tuple[int, int, int]]()
    one = other = 0
    while one < len(then) and other < len(now):
        size = _count_same(then[one:], now[other:])
        if size:
            runs.append((one, other, size))
            one, other = one + size, other + size
            continue
        if ahead := _find(then[one], now[other : other + WINDOW]):
            other += ahead
        elif behind := _find(now[other], then[one : one + WINDOW]):
            one += behind
        else:
            runs += [(one + a, other + b, n) for a, b, n in _look_up(then[one:], now[other:])]
            break
    found = np.array(runs, dtype=np.intp).reshape(-1, 3).T
    return Alignment(found[0], found[1], found[2], len(then), len(now))


def _find(wanted: np.int64, ids: NDArray[np.int64]) -> int:
    """Where among the ids, of which the first is another; 0: nowhere."""
    return int((ids == wanted).argmax())


def _count_same(then: NDArray[np.int64], now: NDArray[np.int64]) -> int:
    """How many of both are the same from the first one on."""
    count = min(len(then), len(now))
    start, (chunk, most) = 0, CHUNKS
    while start < count:
        stop = min(count, start + chunk)
        differ = then[start:stop] != now[start:stop]
        first = int(differ.argmax())
        if differ[first]:
            return start + first
        start, chunk = stop, min(most, 4 * chunk)
    return count


def _look_up(then: NDArray[np.int64], now: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """The runs; none where those that are in both have another order."""
    rows = find_rows(then, now)
    there = (then[rows] == now).nonzero()[0]
    rows = rows[there]
    if len(rows) == 0 or (np.diff(rows) <= 0).any():
        return []
    first = np.append(0, ((np.diff(rows) != 1) | (np.diff(there) != 1)).nonzero()[0] + 1)
    sizes = np.diff(first, append=len(rows))
    return list(zip(rows[first].tolist(), there[first].tolist(), sizes.tolist(), strict=True))
