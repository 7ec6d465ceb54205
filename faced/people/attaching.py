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
from faced.people.groups import Rows, Sums, differ
from faced.people.joining import Joining
from faced.people.links import Cast, Change, Links

__all__ = ["Joined", "Votes", "attach_left_over"]

ROUNDS = 6
LEFT_OVER = 2
"""A group of no more faces than this is left over: each of them attaches on its own."""
SPLINTER = 12
BESIDE = 8
"""So do those of one of up to `SPLINTER` faces, to one at least `BESIDE` times as large, but then its own votes count too."""
BLOCK = 1 << 14


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

    def renumber(self, moved: NDArray[np.int32]) -> "Votes":
        """With the rows of now, NOISE for what is gone."""
        table = np.append(moved, NOISE)
        return replace(self, rows=table[self.rows], groups=table[self.groups], seconds=table[self.seconds])


def attach_left_over(
    cast: Cast,
    rule: Joining,
    links: Links,
    sums: Sums,
    is_new: NDArray[np.bool_],
    before: list[Votes] | None = None,
    change: Change | None = None,
) -> tuple[Joined, list[Votes]]:
    """Who is together in the end, and what is to be kept. is_new: (n,) of groups that were not there the last time.

    sums: the groups, which are moved on. before, change: of the last time, or None: from scratch.
    """
    if before is None or change is None:
        before, looked_at = [_NO_VOTES] * ROUNDS, np.ones(len(cast), dtype=np.bool_)
    else:
        before = [votes.renumber(change.moved) for votes in before]
        looked_at = np.zeros(len(cast), dtype=np.bool_)
        looked_at[change.rows] = True
    scope, found = np.append(is_new, True), list[Votes]()
    asked, last = looked_at.copy(), np.zeros(len(cast), dtype=np.bool_)
    for turn, old in enumerate(before):
        carriers = turn < ROUNDS - 1
        _ask_more(cast, links, asked, scope[:-1] & ~last)
        last = scope[:-1].copy()
        few = sums.counts[sums.labels] <= SPLINTER
        may = cast.carries & few if carriers else ~cast.carries & (sums.labels != NOISE)
        votes = _count(cast, rule, sums, np.flatnonzero(asked & may), carriers)
        votes = _merge(votes, old.take(~np.append(asked, True)[old.rows]))
        votes = replace(votes, free=_free_places(cast.photos, sums.labels, votes))
        found.append(votes)
        _move(sums, scope, votes.take(votes.free), old.take(old.free))
    labels = sums.labels
    return _finish(labels, found), found


def _ask_more(cast: Cast, links: Links, asked: NDArray[np.bool_], new: NDArray[np.bool_]) -> None:
    """Whoever is among these, or has one of them in its list, may vote otherwise than in the last run. new: (n,)."""
    rows = np.flatnonzero(new & (cast.starts != NOISE))
    if len(rows) == 0 or asked.all():
        return
    asked[rows] = True
    starts = np.unique(cast.starts[rows]).astype(np.intp)
    seeing = np.zeros(len(cast) + 1, dtype=np.bool_)
    seeing[starts] = seeing[links.of(starts)[1]] = True
    seeing[-1] = False
    rows = np.flatnonzero(seeing[cast.starts] & ~asked)
    is_new = np.append(new, False)
    for start in range(0, len(rows), BLOCK):
        part = rows[start : start + BLOCK]
        near = is_new[cast.nearest[part]] & (cast.distances[part] < cast.reach)
        asked[part[near.any(axis=1)]] = True


def _count(cast: Cast, rule: Joining, sums: Sums, rows: Rows, carriers: bool) -> Votes:
    parts = [
        _count_votes(cast, rule, sums, rows[start : start + BLOCK], carriers)
        for start in range(0, len(rows), BLOCK)
    ]
    return _concatenate([_NO_VOTES, *parts])


def _count_votes(cast: Cast, rule: Joining, sums: Sums, rows: Rows, carriers: bool) -> Votes:
    labels, counts = sums.labels, sums.counts
    nearest, apart = cast.nearest[rows], cast.distances[rows].astype(np.float64)
    valid = (nearest >= 0) & (apart < cast.reach)
    theirs = np.where(valid, labels[nearest], 0)
    own = np.where(cast.carries[rows], labels[rows], NOISE)[:, None]
    size_of_own = np.where(own == NOISE, 0, counts[own])
    valid &= (theirs != own) | (size_of_own > LEFT_OVER)
    weights = np.where(valid, np.round(cast.reach - np.where(valid, apart, 0.0), 6), 0.0)
    totals = weights.sum(axis=1)
    least = np.where(size_of_own > LEFT_OVER, BESIDE * size_of_own, LEFT_OVER + 1)
    may = valid & (theirs != own) & (counts[theirs] >= least)
    ours, columns = np.nonzero(may)
    size = len(labels)
    codes, inverse = np.unique(ours * size + theirs[ours, columns], return_inverse=True)
    weighed = np.round(np.bincount(inverse, weights=weights[ours, columns], minlength=len(codes)), 9)
    who, group = codes // max(size, 1), codes % max(size, 1)
    order = np.lexsort((group, -weighed, who))
    who, group, weighed = who[order], group[order], weighed[order]
    first = np.flatnonzero(np.diff(who, prepend=-1))
    second = np.full(len(first), NOISE, dtype=np.intp)
    has_second = np.diff(first, append=len(who)) > 1
    second[has_second] = group[first[has_second] + 1]
    who, group, weighed = who[first], group[first], weighed[first]
    good = (weighed >= rule.votes * rule.eps) & (weighed >= rule.share * totals[who])
    who, group, second = rows[who[good]], group[good], second[good]
    distances = sums.measure_rows(who, group)
    near = distances <= rule.attach * rule.eps - (0.0 if carriers else rule.stricter)
    who, group, second, distances = who[near], group[near], second[near], distances[near]
    to_second = np.full(len(who), np.nan)
    to_second[second != NOISE] = sums.measure_rows(who[second != NOISE], second[second != NOISE])
    return Votes(who, group, distances, second, to_second, np.zeros(len(who), dtype=np.bool_))


def _free_places(photos: Rows, labels: Rows, votes: Votes) -> NDArray[np.bool_]:
    """Which of these attach, nearest first, so that no photo has two faces of a group."""
    free = np.ones(len(votes.rows), dtype=np.bool_)
    taking = labels != NOISE
    several = np.bincount(photos[taking], minlength=len(photos) + 1) > 1
    ours = several[photos[votes.rows]]
    wanted = np.zeros(len(photos) + 1, dtype=np.bool_)
    wanted[photos[votes.rows[ours]]] = True
    rows = np.flatnonzero(taking & wanted[photos])
    taken = set(zip(labels[rows].tolist(), photos[rows].tolist(), strict=True))
    order = np.lexsort((votes.rows, votes.distances))
    for n in order[ours[order]].tolist():
        place = int(votes.groups[n]), int(photos[votes.rows[n]])
        free[n] = place not in taken
        taken.add(place)
    return free


def _move(sums: Sums, scope: NDArray[np.bool_], votes: Votes, old: Votes) -> None:
    """These rows attach. Whatever group they leave or come to otherwise than in the last run is in scope then."""
    labels, count = sums.labels, len(scope)
    is_other = differ(count, (votes.rows, votes.groups), (old.rows, old.groups))
    rows, targets = np.concatenate([votes.rows, old.rows]), np.concatenate([votes.groups, old.groups])
    homes = np.append(labels, NOISE)[rows]
    reached = scope.copy()
    reached[homes[is_other]] = reached[targets[is_other]] = True
    while True:
        crossing = reached[homes] != reached[targets]
        if not crossing.any():
            break
        reached[homes[crossing]] = reached[targets[crossing]] = True
    reached[-1] = False
    scope[:-1] |= reached[labels]
    sums.move_rows(votes.rows, votes.groups)


def _finish(labels: Rows, found: list[Votes]) -> Joined:
    """Of a row that attached twice the last time counts."""
    sizes = np.bincount(labels[labels != NOISE], minlength=len(labels) + 1)
    final = np.where(sizes[labels] > 1, labels, NOISE).astype(np.int32)
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
