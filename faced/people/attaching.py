"""Faces left over when clusters have joined: each goes to the group that most of its near faces are in. Pure.

In each of a few rounds all faces of groups too small to be somebody decide at once by what the round before left; those
that carry nothing attach last. What was voted is kept, and counted again only for faces that see a group which is not
what it was. The result is that of counting everything anew.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faced.people.faces import NOISE
from faced.people.groups import Names, Parts, Rows, Sums, differ, find_reached
from faced.people.joining import Course, Joining
from faced.people.links import Cast, Change
from faced.people.rows import distinct, first_places, is_among, spans
from faced.people.starts import Members

__all__ = ["Joined", "Votes", "attach_left_over"]

ROUNDS = 4
LEFT_OVER = 2
"""A group of no more faces than this is left over: each of them attaches on its own."""
SPLINTER = 12
BESIDE = 8
"""So do those of one of up to `SPLINTER` faces, to one at least `BESIDE` times as large, but then its own votes count too."""
BLOCK = 1 << 14
REMEMBERED = 1 << 14
"""Of so many rows at most it is remembered from round to round who is near them."""


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """Who is together.

    labels: (n,) the first row of the group of each face, or NOISE where it is alone or takes no part. rows: (m,) those that came
    last, ascending. distances: (m,) Euclidean, of these to the middle of their group. seconds: (m,) label of the group that
    came second, or NOISE. second_distances: (m,), to its middle, else nan.
    """

    labels: NDArray[np.int32]
    rows: Rows
    distances: NDArray[np.float64]
    seconds: Rows
    second_distances: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """For some rows, ascending, the group that most votes are for, if they are enough, and how far it and the second
    are. free: (m,) bool: its photo has no other face there, and it attaches.
    """

    rows: Rows
    groups: Rows
    distances: NDArray[np.float64]
    seconds: Rows
    second_distances: NDArray[np.float64]
    free: NDArray[np.bool_]

    def take(self, which: NDArray[np.bool_] | Rows) -> "Votes":
        """Some of them."""
        return replace(self, **{name: getattr(self, name)[which] for name in self.__slots__})

    def renumber(self, table: Rows) -> "Votes":
        """With the rows of now, NOISE for what is gone. table: see Round."""
        return replace(self, rows=table[self.rows], groups=table[self.groups], seconds=table[self.seconds])


@dataclass(frozen=True, slots=True, eq=False)
class _Near:
    """Who is near some rows, (r,). places: (e,) which of the rows. theirs: (e,) who is near it. weights: (e,) of the vote."""

    rows: Rows
    places: Rows
    theirs: NDArray[np.int32]
    weights: NDArray[np.float64]

    def take(self, which: NDArray[np.bool_]) -> "_Near":
        """Of some of the rows."""
        wanted = which[self.places]
        places = which.cumsum()[self.places[wanted]] - 1
        return _Near(self.rows[which], places, self.theirs[wanted], self.weights[wanted])

    def join(self, more: "_Near") -> "_Near":
        """Of both."""
        places = np.concatenate([self.places, more.places + len(self.rows)])
        rows, theirs, weights = (
            np.concatenate([getattr(self, name), getattr(more, name)])
            for name in ("rows", "theirs", "weights")
        )
        return _Near(rows, places, theirs, weights)


def attach_left_over(
    cast: Cast,
    rule: Joining,
    course: Course,
    sums: Sums,
    members: Members,
    new: Rows,
    before: list[Votes] | None = None,
    change: Change | None = None,
) -> tuple[Joined, list[Votes]]:
    """Who is together in the end, and what is to be kept. new: the rows, ascending, of groups that were not there the last time.

    sums: of the groups of the course, which are moved on. members: of its starts. before, change: of the last time, or None: from scratch.
    """
    run = _Run(cast, rule, course, sums, members)
    if before is None or change is None:
        before = [_NO_VOTES] * ROUNDS
        run.ask(np.arange(len(cast)))
    else:
        before = [votes.renumber(change.table) for votes in before]
        run.ask(change.rows)
    found = list[Votes]()
    for turn, old in enumerate(before):
        run.ask_beside(new)
        votes = run.count(old, carriers=turn < ROUNDS - 1)
        found.append(votes)
        new = run.move(votes.take(votes.free), old.take(old.free))
    return _finish(run.labels, found), found


class _Run:
    """The groups as faces attach. scope: (n + 1,) bool, the faces of groups that are not what they were at this round of the last
    run; NOISE at the end is one. Only faces that are asked may vote otherwise than then.
    """

    def __init__(self, cast: Cast, rule: Joining, course: Course, sums: Sums, members: Members) -> None:
        self.cast, self.rule, self.links, self.sums = cast, rule, course.links, sums
        self.members = members
        self.labels = course.labels.copy()
        self.sums.find_parts = self._find_parts
        self.scope = np.append(np.zeros(len(cast), dtype=np.bool_), True)
        self._asked = np.append(np.zeros(len(cast), dtype=np.bool_), True)
        self._asking = [np.empty(0, dtype=np.intp)]
        self._table = np.full(len(cast) + 1, NOISE, dtype=np.int32)
        # of each large start: its faces are together
        self._is_whole = sums.counts[self.labels[self.links.large]] > 1
        # of who was counted, as long as they are few; and whose votes of the last round stand
        self._near = _find_near(cast, np.empty(0, dtype=np.intp))
        self._votes, self._is_settled = _NO_VOTES, np.zeros(len(cast), dtype=np.bool_)

    def ask(self, rows: Names) -> None:
        """These vote anew. Who is in a group that is too large for that will ever be."""
        more = rows[~self._asked[rows]].astype(np.intp)
        self._asked[more] = True
        self._asking.append(more[self._may_ever_vote(more)])

    def ask_beside(self, new: Rows) -> None:
        """Whoever is among these, whose groups are new, or has one of them in its list."""
        self.scope[new] = True
        rows = new[self.cast.starts[new] != NOISE]
        if len(rows) == 0:
            return
        self.ask(rows)
        starts = distinct(self.cast.starts[rows]).astype(np.intp)
        rows = self.members.of(distinct(np.append(starts, self.links.of(starts)[1])))[0]
        rows = np.sort(rows[~self._asked[rows]])
        rows = rows[self._may_ever_vote(rows)]
        is_new = np.zeros(len(self.cast) + 1, dtype=np.bool_)
        is_new[new] = True
        for start in range(0, len(rows), BLOCK):
            part = rows[start : start + BLOCK]
            near = is_new[self.cast.nearest[part]] & (self.cast.distances[part] < self.cast.reach)
            self.ask(part[near.any(axis=1)])

    def _may_ever_vote(self, rows: Rows) -> NDArray[np.bool_]:
        few = self.sums.counts[self.labels[rows]] <= SPLINTER
        return np.asarray((few | ~self.cast.carries[rows]) & (self.labels[rows] != NOISE))

    def count(self, old: Votes, carriers: bool) -> Votes:
        """The votes of this round. old: those of the last run."""
        rows = np.concatenate(self._asking)
        self._asking = [rows]
        rows = np.sort(rows[self.cast.carries[rows] == carriers])
        if carriers and len(rows) <= REMEMBERED:
            votes = self._votes = self._count_unsettled(rows)
        else:
            votes = _count(self.cast, self.rule, self.sums, self.labels, rows, carriers)
        old = old.take(~self._asked[old.rows])
        votes = _merge(
            votes, old.take(self.cast.starts[old.rows] != NOISE)
        )  # who takes no part has no vote that stands
        return replace(votes, free=_free_places(self.cast.photos, self.labels, votes))

    def _count_unsettled(self, rows: Rows) -> Votes:
        """The votes of these rows, ascending; of those near whom nothing changed since the last round they are known."""
        if len(rows) > len(self._near.rows):
            self._near = self._near.join(_find_near(self.cast, rows[~is_among(rows, self._near.rows)]))
        unsettled = ~self._is_settled[self._near.rows]
        self._is_settled[rows] = True
        few = self.sums.counts[self.labels[self._near.rows]] <= SPLINTER
        near = self._near.take(unsettled & few)
        votes = _count_votes(self.cast, self.rule, self.sums, self.labels, near, carriers=True)
        gone = self._near.rows[unsettled]
        return _merge(self._votes.take(~is_among(self._votes.rows, gone)), votes)

    def _unsettle(self, touched: Rows) -> None:
        """Who is in or near one of these rows' groups votes anew."""
        is_touched = np.zeros(len(self.cast) + 1, dtype=np.bool_)
        is_touched[self.labels[touched]] = True
        near = self._near
        self._is_settled[near.rows[is_touched[self.labels[near.rows]]]] = False
        self._is_settled[near.rows[near.places[is_touched[self.labels[near.theirs]]]]] = False

    def move(self, votes: Votes, old: Votes) -> Rows:
        """These rows attach. Whatever group they leave or come to otherwise than in the last run is in scope then. Returns
        the rows, ascending, that are in scope now and were not.
        """
        reached = self._find_reached(votes, old)
        left = self.labels[votes.rows].astype(np.intp)
        wanted = np.zeros(len(self.cast) + 1, dtype=np.bool_)
        wanted[reached] = wanted[left] = wanted[votes.groups] = True
        touched = np.flatnonzero(np.take(wanted, self.labels))
        wanted[:] = False
        wanted[reached] = True
        new = touched[wanted[self.labels[touched]]]
        is_large, places = self.links.find_large(self.cast.starts[votes.rows])
        self._is_whole[places[is_large]] = False
        self.sums.shift_rows(votes.rows, left, votes.groups)
        concerned = distinct(np.concatenate([left, votes.groups]))
        self.labels[votes.rows] = votes.groups
        labels = self.labels[touched]
        groups, firsts, places = np.unique(labels, return_index=True, return_inverse=True)
        self.labels[touched] = touched[firsts][places]
        self._unsettle(touched)
        there = is_among(groups, concerned)
        gone = concerned[~is_among(concerned, groups)]
        self.sums.rename(groups[there], touched[firsts[there]], gone)
        return new

    def _find_reached(self, votes: Votes, old: Votes) -> Rows:
        """The groups that come into scope."""
        is_other = differ(self._table, (votes.rows, votes.groups), (old.rows, old.groups))
        rows, targets = np.concatenate([votes.rows, old.rows]), np.concatenate([votes.groups, old.groups])
        homes = np.full(len(rows), NOISE, dtype=np.intp)
        homes[rows != NOISE] = self.labels[rows[rows != NOISE]]
        return find_reached(self.scope, homes, targets, is_other)

    def _find_parts(self, groups: Rows) -> Parts:
        keys = np.full(len(self.cast) + 1, NOISE, dtype=np.int32)
        keys[groups] = np.arange(len(groups))
        rows = np.flatnonzero(np.take(keys, self.labels) != NOISE)
        rows = rows[self.cast.carries[rows]]
        large = self.links.large
        whole = np.flatnonzero((keys[self.labels[large]] != NOISE) & self._is_whole)
        is_large, places = self.links.find_large(self.cast.starts[rows])
        is_large[is_large] = self._is_whole[places[is_large]]
        rows = rows[~is_large]
        return Parts(
            rows,
            keys[self.labels[rows]].astype(np.intp),
            self.links.sums[whole],
            self.links.squares[whole],
            keys[self.labels[large[whole]]].astype(np.intp),
        )


def _count(
    cast: Cast, rule: Joining, sums: Sums, labels: NDArray[np.int32], rows: Rows, carriers: bool
) -> Votes:
    """The votes of these rows, ascending, however many they are. carriers: whether all of them carry, or none."""
    if carriers:
        rows = rows[sums.counts[labels[rows]] <= SPLINTER]
    parts = [
        _count_votes(cast, rule, sums, labels, _find_near(cast, rows[start : start + BLOCK]), carriers)
        for start in range(0, len(rows), BLOCK)
    ]
    return _concatenate([_NO_VOTES, *parts])


def _find_near(cast: Cast, rows: Rows) -> _Near:
    apart = cast.distances[rows]
    flat = np.flatnonzero(apart < cast.reach)  # inf where there is nobody
    weights = np.round(cast.reach - apart.ravel()[flat].astype(np.float64), 6)
    return _Near(rows, flat // apart.shape[1], cast.nearest[rows].ravel()[flat], weights)


def _count_votes(
    cast: Cast, rule: Joining, sums: Sums, labels: NDArray[np.int32], near: _Near, carriers: bool
) -> Votes:
    counts, rows, ours = sums.counts, near.rows, near.places
    theirs = labels[near.theirs]
    own = np.where(cast.carries[rows], labels[rows], NOISE)
    size_of_own = np.where(own == NOISE, 0, counts[own])
    is_other = theirs != own[ours]
    weights = np.where(is_other | (size_of_own > LEFT_OVER)[ours], near.weights, 0.0)
    totals = np.round(np.bincount(ours, weights=weights, minlength=len(rows)), 9)
    least = np.where(size_of_own > LEFT_OVER, BESIDE * size_of_own, LEFT_OVER + 1)
    may = np.flatnonzero(is_other & (counts[theirs] >= least[ours]))
    size = len(labels)
    codes, inverse = np.unique(ours[may] * size + theirs[may], return_inverse=True)
    weighed = np.round(np.bincount(inverse, weights=weights[may], minlength=len(codes)), 9)
    who, group = codes // max(size, 1), codes % max(size, 1)
    order = np.lexsort((group, -weighed, who))
    who, group, weighed = who[order], group[order], weighed[order]
    first = first_places(who)
    second = np.full(len(first), NOISE, dtype=np.intp)
    has_second = np.diff(first, append=len(who)) > 1
    second[has_second] = group[first[has_second] + 1]
    who, group, weighed = who[first], group[first], weighed[first]
    good = (weighed >= rule.votes * rule.eps) & (weighed >= rule.share * totals[who])
    who, group, second = rows[who[good]], group[good], second[good]
    distances = sums.measure_rows(who, group)
    good = distances <= rule.attach * rule.eps - (0.0 if carriers else rule.stricter)
    who, group, second, distances = who[good], group[good], second[good], distances[good]
    to_second = np.full(len(who), np.nan)
    to_second[second != NOISE] = sums.measure_rows(who[second != NOISE], second[second != NOISE])
    return Votes(who, group, distances, second, to_second, np.zeros(len(who), dtype=np.bool_))


def _free_places(photos: Rows, labels: NDArray[np.int32], votes: Votes) -> NDArray[np.bool_]:
    """Which of these attach, nearest first, so that no photo has two faces of a group."""
    free = np.ones(len(votes.rows), dtype=np.bool_)
    wanted = distinct(photos[votes.rows])
    first = np.searchsorted(photos, wanted)
    sizes = np.searchsorted(photos, wanted, side="right") - first
    rows = spans(first, sizes)
    rows = rows[labels[rows] != NOISE]
    taken = set(zip(labels[rows].tolist(), photos[rows].tolist(), strict=True))
    several = wanted[np.bincount(np.searchsorted(wanted, photos[rows]), minlength=len(wanted)) > 1]
    ours = is_among(photos[votes.rows], several)
    order = np.lexsort((votes.rows, votes.distances))
    for n in order[ours[order]].tolist():
        place = int(votes.groups[n]), int(photos[votes.rows[n]])
        free[n] = place not in taken
        taken.add(place)
    return free


def _finish(labels: NDArray[np.int32], found: list[Votes]) -> Joined:
    """Of a row that attached twice the last time counts."""
    several = np.zeros(len(labels) + 1, dtype=np.bool_)
    several[labels[labels != np.arange(len(labels), dtype=np.int32)]] = True
    several[NOISE] = False
    final = np.where(several[labels], labels, np.int32(NOISE))
    votes = _concatenate([votes.take(votes.free) for votes in found[::-1]])
    _, firsts = np.unique(votes.rows, return_index=True)
    votes = votes.take(firsts)
    seconds = np.append(labels, NOISE)[votes.seconds]
    seconds = np.where(seconds == labels[votes.rows], NOISE, seconds)
    return Joined(final, votes.rows, votes.distances, seconds, votes.second_distances)


_NO_VOTES = Votes(
    np.empty(0, np.intp),
    np.empty(0, np.intp),
    np.empty(0),
    np.empty(0, np.intp),
    np.empty(0),
    np.empty(0, np.bool_),
)


def _concatenate(votes: list[Votes]) -> Votes:
    columns: dict[str, NDArray[Any]] = {
        f.name: np.concatenate([getattr(one, f.name) for one in votes]) for f in fields(Votes)
    }
    return replace(_NO_VOTES, **columns)


def _merge(some: Votes, others: Votes) -> Votes:
    """Both, ascending; no row is in both."""
    both = _concatenate([some, others])
    return both.take(np.argsort(both.rows))
