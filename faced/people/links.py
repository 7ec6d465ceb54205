"""Which strict clusters and single faces are linked: how many of the lists of nearest faces lead from one to the other.

A *start* is a cluster of cores, or one face that is in none; it is called by its first row. Large starts whose middles
are near are linked as well, for the lists of a dense cluster may name its own faces only. Links are kept from one
decision to the next and follow what came, went and changed. Pure.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from faced.model import Floats
from faced.people.alignment import Alignment
from faced.people.faces import NOISE
from faced.people.groups import Names, Rows, add_rows, middle_distances, sum_rows
from faced.people.rows import Runs, is_among, spans
from faced.people.starts import Members

__all__ = ["Cast", "Change", "Links", "Shift", "follow_links", "make_links", "shift_starts"]

LARGE = 16
"""Faces of a large start."""
HEAVY = 1 << 20
"""What a link of two large starts counts; more than all lists can."""
CHUNK = 1 << 15
BLOCK = 512
SHIFTED = 2
"""Places by which most entries of a list that has changed are moved at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Cast:
    """n faces in content order, and who is near them.

    embeddings: (n, 128) float32. photos: (n,) what picture each is in, as numbers below n, ascending. starts: (n,) the first row
    of the cluster that a face is a core of, its own row when it is in none, or NOISE when it takes no part. carries:
    (n,) bool; others attach only, and have no vote. nearest: (n, k) rows of faces that carry, nearest first, -1
    where there are no more. distances: (n, k) Euclidean. reach: of the distances that count.
    """

    embeddings: Floats
    photos: Rows
    starts: NDArray[np.int32]
    carries: NDArray[np.bool_]
    nearest: NDArray[np.int32]
    distances: NDArray[np.float32]
    reach: float

    def __len__(self) -> int:
        return len(self.starts)


@dataclass(frozen=True, eq=False)
class Change:
    """What became of the faces of the last time.

    same: from those faces to the ones of now, but for who is another than it was. rows: (m,) rows whose lists are other ones
    now. nearest, distances: (m, k) what these were, in the rows of now, -1 for what is gone.
    """

    same: Alignment
    rows: NDArray[np.int32]
    nearest: NDArray[np.int32]
    distances: NDArray[np.float32]

    @cached_property
    def table(self) -> Rows:
        """(n before + 1,) the row of each now, and NOISE as the last one."""
        return np.append(self.same.moved, np.int32(NOISE)).astype(np.intp)

    def renumber(self, labels: NDArray[np.int32]) -> NDArray[np.int32]:
        """(n,) the label of each face then, (n before,), which is a row of then, as a row of now; NOISE of new faces."""
        mine = self.same.carry(labels, NOISE)
        return np.asarray(np.append(self.same.moved, np.int32(NOISE))[mine])


@dataclass(frozen=True, eq=False)
class Links:
    """p links, each in both directions, in the order of `ones`, then `others`; all in starts.

    counts: (p,) how often. large: (q,) large starts, ascending; sums: (q, 128) of their exact vectors; squares: (q,).
    """

    ones: NDArray[np.int32]
    others: NDArray[np.int32]
    counts: NDArray[np.int32]
    large: NDArray[np.int32]
    sums: NDArray[np.float64]
    squares: NDArray[np.float64]

    def find_large(self, starts: Names) -> tuple[NDArray[np.bool_], Rows]:
        """(m,) which starts are large, and (m,) where among them."""
        if len(self.large) == 0:
            return np.zeros(len(starts), dtype=np.bool_), np.zeros(len(starts), dtype=np.intp)
        places = np.minimum(np.searchsorted(self.large, starts), len(self.large) - 1)
        return self.large[places] == starts, places

    def of(self, starts: Rows) -> tuple[Rows, Rows]:
        """(m,) and (m,): these starts, and what each is linked to."""
        linked, first, sizes = self._runs.find(starts)
        return np.repeat(starts[linked], sizes), self.others[spans(first, sizes)].astype(np.intp)

    @cached_property
    def _runs(self) -> Runs:
        return Runs(self.ones)


@dataclass(frozen=True, slots=True, eq=False)
class Shift:
    """From the starts of the last time to those of now.

    now: (n before,) where each start of then is, whole or as a part of a larger one; NOISE when it lost a face.
    changed: (n,) bool, of faces whose start is not what it was.
    """

    now: NDArray[np.int32]
    changed: NDArray[np.bool_]


def make_links(cast: Cast, members: Members) -> Links:
    """From scratch. members: of the starts."""
    parts = [
        _tally(*_both_ways(cast, *_edges(cast, np.arange(start, min(len(cast), start + CHUNK)))))
        for start in range(0, len(cast), CHUNK)
    ]
    codes, counts = _tally(
        np.concatenate([codes for codes, _ in parts] or [np.empty(0, np.int64)]),
        np.concatenate([counts for _, counts in parts] or [np.empty(0, np.int64)]),
    )
    large, sizes = members.find_large(LARGE)
    rows = np.flatnonzero(is_among(cast.starts, large.astype(np.int32)))
    keys = np.searchsorted(large, cast.starts[rows])
    sums, squares = sum_rows(cast.embeddings, rows, keys, len(large))
    pairs = _near_large(large, sums, sizes, np.ones(len(large), dtype=np.bool_), cast)
    heavy = np.full(len(pairs), HEAVY)
    codes, counts = _tally(np.r_[codes, pairs], np.r_[counts, heavy])
    return _links(codes, counts, len(cast), large, sums, squares)


def shift_starts(before: NDArray[np.int32], cast: Cast, change: Change) -> Shift:
    """before: (n before,) the starts of the last time."""
    was = change.same.carry(before, NOISE).astype(np.intp)  # looked up by sooner than by int32
    now = np.full(len(before) + 1, NOISE, dtype=np.int32)
    now[was] = cast.starts
    now[NOISE] = NOISE
    lost = np.zeros(len(before) + 1, dtype=np.bool_)
    lost[before[change.same.back.new]] = True
    lost[was[now[was] != cast.starts]] = True
    lost[NOISE] = True  # who had none
    now[lost] = NOISE
    changed = np.zeros(len(cast) + 1, dtype=np.bool_)
    changed[cast.starts[lost[was]]] = True
    old = np.flatnonzero(now != NOISE)
    new, one_of = now[old], np.empty(len(cast), dtype=np.int32)
    one_of[new] = old
    changed[new[one_of[new] != old]] = True  # several became one
    changed[NOISE] = False
    return Shift(now[:-1], changed[cast.starts])


def follow_links(
    before: Links, starts: NDArray[np.int32], cast: Cast, change: Change, shift: Shift, members: Members
) -> tuple[Links, NDArray[np.int64], NDArray[np.int64]]:
    """The links of now. starts: (n before,) of the last time. members: of now.

    Returns them, and the links between unchanged starts that came and went, as one * n + other, both ways.
    """
    n = len(cast)
    one, other = shift.now[before.ones], shift.now[before.others]
    stays = (one != other) & (one != NOISE) & (other != NOISE)
    one, other, counts = one[stays].astype(np.int64), other[stays], before.counts[stays].astype(np.int64)
    changed_start = np.zeros(n, dtype=np.bool_)
    changed_start[cast.starts[shift.changed]] = True
    is_moved = changed_start[one] | changed_start[other]
    counts[is_moved] %= HEAVY
    codes = one * n + other
    del one, other, stays  # as large as the links themselves
    large, sums, squares, heavy = _follow_large(before, starts, cast, change, shift, members)
    event_codes, event_counts = _list_events(before, starts, cast, change, shift)
    fresh = np.concatenate([codes[is_moved], event_codes, heavy])
    fresh, added = _tally(fresh, np.concatenate([counts[is_moved], event_counts, np.full(len(heavy), HEAVY)]))
    kept, had = codes[~is_moved], counts[~is_moved]
    places = np.minimum(np.searchsorted(kept, fresh), max(0, len(kept) - 1))
    is_old = kept[places] == fresh if len(kept) else np.zeros(len(fresh), dtype=np.bool_)
    had[places[is_old]] += added[is_old]
    unchanged = ~(changed_start[fresh // n] | changed_start[fresh % n]) if n else is_old
    gained = fresh[~is_old & unchanged & (added > 0)]
    went = had == 0
    lost = kept[went]
    new = ~is_old & (added > 0)
    kept, had = kept[~went], had[~went]
    at = np.searchsorted(kept, fresh[new])
    codes, counts = np.insert(kept, at, fresh[new]), np.insert(had, at, added[new])
    return _links(codes, counts, n, large, sums, squares), gained, lost


def _list_events(
    before: Links, starts: NDArray[np.int32], cast: Cast, change: Change, shift: Shift
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What comes to and goes from the links through lists. Starts that lost a face have lost all links before."""
    old = change.same.carry(starts, NOISE)
    is_new = old == NOISE
    broken = ~is_new & (np.append(shift.now, NOISE)[old] == NOISE)
    fresh = (is_new | broken) & (cast.starts != NOISE)
    parts = [_both_ways(cast, *_edges(cast, np.flatnonzero(fresh)))]
    if broken.any():
        linked = np.zeros(len(starts) + 1, dtype=np.bool_)
        linked[before.of(np.unique(old[broken]).astype(np.intp))[1]] = True
        linked[-1] = False
        seeing = linked[old]  # in the lists of others they were not, and are only where these changed
        seeing[change.rows] = True
        naming = np.flatnonzero(seeing & ~fresh)
        for start in range(0, len(naming), CHUNK):
            rows, others = _edges(cast, naming[start : start + CHUNK])
            wanted = broken[others]
            parts.append(_both_ways(cast, rows[wanted], others[wanted]))
    rows = np.flatnonzero(~fresh[change.rows] & (cast.starts[change.rows] != NOISE))
    for start in range(0, len(rows), 4 * BLOCK):
        part = rows[start : start + 4 * BLOCK]
        here = change.rows[part]
        mine, was = cast.nearest[here], change.nearest[part]
        mine = np.where(cast.distances[here] < cast.reach, mine, -1)
        was = np.where(change.distances[part] < cast.reach, was, -1)
        for lists, sign, others in ((mine, 1, was), (was, -1, mine)):
            places, other = _others_only(lists, others)
            one = here[places]
            apart = ~broken[other]
            codes, counts = _both_ways(cast, one[apart], other[apart])
            parts.append((codes, sign * counts))
    return np.concatenate([codes for codes, _ in parts]), np.concatenate([counts for _, counts in parts])


def _others_only(lists: NDArray[np.int32], others: NDArray[np.int32]) -> tuple[Rows, NDArray[np.int32]]:
    """(m,) and (m,): the list of each entry that is not in the other list, and the entry. Both: (r, k), -1 fills up; most
    entries are in both, at nearly the same place.
    """
    unknown = lists >= 0
    for by in range(-SHIFTED, SHIFTED + 1):
        mine, theirs = (
            slice(max(0, by), lists.shape[1] + min(0, by)),
            slice(max(0, -by), lists.shape[1] - max(0, by)),
        )
        unknown[:, mine] &= lists[:, mine] != others[:, theirs]
    places, columns = np.nonzero(unknown)
    entries = lists[places, columns]
    apart = (others[places] != entries[:, None]).all(axis=1)
    return places[apart], entries[apart]


def _follow_large(
    before: Links,
    starts: NDArray[np.int32],
    cast: Cast,
    change: Change,
    shift: Shift,
    members: Members,
) -> tuple[Rows, NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """The large starts, their sums and squares, and the links between them of which one is changed."""
    large, sizes = members.find_large(LARGE)
    there = shift.now[before.large]
    whole = there != NOISE
    sums, squares = _move_sums(before, whole, np.searchsorted(large, there[whole]), len(large))
    is_summed = np.zeros(len(starts) + 1, dtype=np.bool_)
    is_summed[before.large[whole]] = True
    rows = np.flatnonzero(shift.changed)
    keys = np.searchsorted(large, cast.starts[rows])
    inside = keys < len(large)
    rows, keys = rows[inside], keys[inside]
    then = change.same.came[rows]
    done = (then != NOISE) & is_summed[starts[then]] if len(starts) else np.zeros(len(rows), np.bool_)
    wanted = (large[keys] == cast.starts[rows]) & ~done
    touched, keys = np.unique(keys[wanted], return_inverse=True)
    more, more_squares = sum_rows(cast.embeddings, rows[wanted], keys, len(touched))
    sums[touched] += more
    squares[touched] += more_squares
    is_changed = shift.changed[large]
    return large, sums, squares, _near_large(large, sums, sizes, is_changed, cast)


def _move_sums(
    before: Links, which: NDArray[np.bool_], places: Rows, count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(count, 128) the sums of some large starts at their places of now, several at one where they joined, and (count,)
    the squares.
    """
    if len(places) == count and (np.diff(places) == 1).all():
        return before.sums[which], before.squares[which]
    sums, squares = np.zeros((count, before.sums.shape[1])), np.zeros(count)
    add_rows(sums, places, before.sums[which])
    add_rows(squares, places, before.squares[which])
    return sums, squares


def _near_large(
    large: Rows, sums: NDArray[np.float64], counts: Rows, asked: NDArray[np.bool_], cast: Cast
) -> NDArray[np.int64]:
    """The codes, both ways, of large starts one of which is asked about, with middles within reach."""
    count, reach = len(cast), cast.reach
    middles = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32) / np.float32(2**32)
    squares = np.vecdot(middles, middles) if len(large) else np.empty(0, np.float32)
    found = [np.empty(0, dtype=np.int64)]
    rows = np.flatnonzero(asked)
    for start in range(0, len(rows), BLOCK):
        part = rows[start : start + BLOCK]
        apart = squares[part, None] + squares[None, :] - 2 * (middles[part] @ middles.T)
        one, other = np.nonzero(apart <= reach * reach + 1e-4)
        one = part[one]
        near = (one < other) | (~asked[other] & (one != other))
        one, other = one[near], other[near]
        gaps = middle_distances(sums[one], counts[one], sums[other], counts[other])
        one, other = large[one[gaps <= reach]], large[other[gaps <= reach]]
        found += [one * count + other, other * count + one]
    return np.concatenate(found)


def _edges(cast: Cast, rows: Rows) -> tuple[Rows, NDArray[np.int32]]:
    """The list entries of these rows, of those that take part."""
    rows = rows[cast.starts[rows] != NOISE]
    nearest = cast.nearest[rows]
    places, columns = np.nonzero((nearest >= 0) & (cast.distances[rows] < cast.reach))
    return rows[places], nearest[places, columns]


def _both_ways(
    cast: Cast, rows: NDArray[np.integer], others: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    one, other = cast.starts[rows].astype(np.int64), cast.starts[others].astype(np.int64)
    one, other = one[one != other], other[one != other]
    codes = np.concatenate([one * len(cast) + other, other * len(cast) + one])
    return codes, np.ones(len(codes), dtype=np.int64)


def _tally(
    codes: NDArray[np.int64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each code once, ascending, with the sum of its counts."""
    order = np.argsort(codes, kind="stable")
    codes = codes[order]
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    return codes[starts], np.add.reduceat(counts[order], starts) if len(starts) else counts[:0]


def _links(
    codes: NDArray[np.int64],
    counts: NDArray[np.int64],
    n: int,
    large: Rows,
    sums: NDArray[np.float64],
    squares: NDArray[np.float64],
) -> Links:
    ones, others = (part.astype(np.int32) for part in np.divmod(codes, max(n, 1)))
    return Links(ones, others, counts.astype(np.int32), large.astype(np.int32), sums, squares)
