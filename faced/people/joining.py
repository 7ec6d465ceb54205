"""From strict clusters to persons: clusters that are near each other join, then faces left over attach. Pure.

1. Clusters of cores, and the faces in none, join nearest first, while their middles are near. Two that share a photo
   never do.
2. A group as wide as no person is (a crowd of lookalikes, children mostly) is taken apart again, to the
   stricter groups that it was made of.
3. A face left over attaches to the group that most of its near faces are in, if its middle is near too (`attaching`).

One distance, `eps`, says how near; all else is a share of it. Everything is decided in a bounded number of rounds, in
each of which all groups decide at once by what the round before left, so nothing depends on who comes first;
equally near ones go by content (row) order. Never is the user's word looked at here: see `identity`.

What each round saw and did is kept. When faces come or go, a round is played again only for groups that are not what
they were (the *scope*, which grows as its groups meet others); of all others it is known what they do. The result is
that of playing everything anew.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faced.people.faces import NOISE
from faced.people.groups import Pairs, Rows, Sums, choose_moves, differ, shared_photos
from faced.people.links import Cast, Change, Links, follow_links, make_links, shift_starts

__all__ = ["REACH", "START", "Course", "Joining", "Round", "join_starts"]

START = 0.76
"""Clusters to start from are DBSCAN's at this share of eps."""
REACH = 1.12
"""Faces within this share of eps are near: they are candidates, and have a vote."""
STEPS = (0.88, 0.94, 1.0)
ROUNDS = 6
"""The most rounds of each step."""
CROWD_OF = 8


@dataclass(frozen=True, slots=True)
class Joining:
    """How near is near. Measured, see docs/clustering.md.

    eps: Euclidean; how far apart two single faces may be to join. noise: share of eps^2, what is taken off the squared
    distance of two middles for each when the group is large: the middle of few faces is not where the
    person is. crowd: share of eps; a group whose faces are on the (root-mean-square) average farther from each other
    is a crowd. attach: share of eps, of a face and the middle of the group it attaches to. share: of
    the votes of its near faces that the group must have. votes: a near face has `REACH * eps - its distance`; what
    the group must have of them, as a share of eps. stricter: Euclidean; how much nearer than others a face must be
    that carries nothing.
    """

    eps: float
    noise: float = 0.16
    crowd: float = 1.12
    attach: float = 1.05
    share: float = 0.5
    votes: float = 0.2
    stricter: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """pairs: of groups that might have joined. movers, targets: (m,) those that did."""

    pairs: Pairs
    movers: Rows
    targets: Rows

    def renumber(self, moved: NDArray[np.int32]) -> "Round":
        """With the rows of now; NOISE for groups whose first face is gone."""
        table = np.append(moved, NOISE)
        pairs = Pairs(table[self.pairs.ones], table[self.pairs.others], self.pairs.distances)
        pairs = pairs.take((pairs.ones != NOISE) & (pairs.others != NOISE))
        return Round(pairs, table[self.movers], table[self.targets])


@dataclass(slots=True, eq=False)
class Course:
    """What a run of joining leaves for the next one.

    starts: (n,) int32. links: of the starts. steps: the rounds of each step. labels: (n,) int32 the first row of the
    group of each face when all have joined, and crowds are apart; NOISE of who takes no part.
    """

    starts: NDArray[np.int32]
    links: Links
    steps: list[list[Round]]
    labels: NDArray[np.int32]


def join_starts(
    cast: Cast, rule: Joining, before: Course | None = None, change: Change | None = None
) -> tuple[Course, Sums, NDArray[np.bool_]]:
    """Who is together before those left over attach. before, change: of the last time, or None: from scratch.

    Returns what is to be kept, the groups, and (n,) which faces are in a group that was not there the last time.
    """
    if before is None or change is None:
        links = make_links(cast)
        run = _Run(cast, rule, links, np.ones(len(cast), dtype=np.bool_))
        old: list[list[Round]] = [[] for _ in STEPS]
        last = np.full(len(cast), NOISE, dtype=np.int32)
    else:
        shift = shift_starts(before.starts, cast, change)
        links, gained, lost = follow_links(before.links, before.starts, cast, change, shift)
        run = _Run(cast, rule, links, shift.changed)
        run.watch(gained, lost)
        old = [[one.renumber(change.moved) for one in rounds] for rounds in before.steps]
        last = np.full(len(cast), NOISE, dtype=np.int32)
        alive = change.moved >= 0
        last[change.moved[alive]] = np.append(change.moved, NOISE)[before.labels[alive]]
    strict, steps = run.sums.labels, []
    for share, rounds in zip(STEPS, old, strict=True):
        strict = run.sums.labels
        steps.append(run.play(share * rule.eps, rounds))
    run.take_crowds_apart(strict, last)
    labels = run.sums.labels
    is_new = np.ones(len(cast), dtype=np.bool_)
    if before is not None and change is not None:
        is_new = _new_groups(run, last, before.labels, change.moved)
    return Course(cast.starts, links, steps, labels.astype(np.int32)), run.sums, is_new


def _new_groups(
    run: "_Run", last: NDArray[np.int32], before: NDArray[np.int32], moved: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """(n,) the faces of groups that were not there. last: (n,) the group of each before, in rows of now, NOISE of new
    faces. before: the same in rows of then.
    """
    labels = run.sums.labels
    sizes = np.bincount(before[before != NOISE], minlength=len(before))
    had = np.zeros(len(labels) + 1, dtype=np.intp)
    had[moved[moved >= 0]] = sizes[moved >= 0]
    now = np.bincount(labels[labels != NOISE], minlength=len(labels))
    inside = np.flatnonzero(run.scope[:-1] & (labels != NOISE))
    is_other = (last[inside] != labels[inside]) | (had[labels[inside]] != now[labels[inside]])
    is_new = np.zeros(len(labels) + 1, dtype=np.bool_)
    is_new[labels[inside[is_other]]] = True
    return is_new[labels]


class _Run:
    """The groups as they are at some round, and all that may happen to those in scope.

    scope: (n + 1,) bool, faces of groups that are not known to be what they were at this round of the last run; NOISE
    at the end is one. Pairs of groups with one in scope are measured here; of the others the last run tells.
    """

    def __init__(self, cast: Cast, rule: Joining, links: Links, changed: NDArray[np.bool_]) -> None:
        self.cast, self.rule, self.links = cast, rule, links
        self.sums = Sums(cast.embeddings, cast.carries, cast.starts.astype(np.intp), links.known(cast))
        self.scope = np.append(np.zeros(len(cast), dtype=np.bool_), True)
        taking = cast.starts != NOISE
        several = taking & (np.bincount(cast.photos[taking], minlength=len(cast) + 1)[cast.photos] > 1)
        self.several_rows = np.flatnonzero(several)
        nothing = np.empty(0, dtype=np.intp)
        self.ones, self.others, self.far = nothing, nothing, np.empty(0)
        self.lost = nothing, nothing
        self._enlarge(np.flatnonzero(changed & taking))

    def watch(self, gained: NDArray[np.int64], lost: NDArray[np.int64]) -> None:
        """Links between starts outside the scope that came, or went."""
        count = len(self.cast)
        self._look_at(*np.divmod(gained, count))
        self.lost = tuple(part.astype(np.intp) for part in np.divmod(lost, count))  # type: ignore[assignment]

    def play(self, limit: float, old: list[Round]) -> list[Round]:
        """A step: rounds until nothing moves. old: those of the last run."""
        played: list[Round] = []
        for turn in range(ROUNDS):
            before = old[turn] if turn < len(old) else _rest(old)
            self._take_in_lost(before.pairs)
            pairs = self._pairs(before.pairs, limit)
            movers, targets = choose_moves(pairs, self.sums.counts)
            movers, targets = self._one_of_a_photo(movers, targets)
            if not played or len(played[-1].movers):
                played.append(Round(pairs, movers, targets))
            if len(movers) == 0 and not any(len(one.movers) for one in old[turn:]):
                break
            self._move(movers, targets, before)
        return played

    def take_crowds_apart(self, strict: Rows, last: NDArray[np.int32]) -> None:
        """Groups too wide for a person, as the stricter groups they were before the last step; what is still too
        wide, as single faces. last: (n,) what became of those outside the scope.
        """
        labels = self.sums.labels
        is_apart = np.zeros(len(labels) + 1, dtype=np.bool_)
        is_apart[labels[~self.scope[:-1] & (last != labels)]] = True
        is_apart[-1] = False
        outside = np.flatnonzero(is_apart[labels])
        self.sums.split(outside, last[outside].astype(np.intp))
        for finer in (strict, np.arange(len(strict))):
            labels = self.sums.labels
            groups = np.unique(labels[self.scope[:-1] & (labels != NOISE)])
            groups = groups[self.sums.counts[groups] >= CROWD_OF]
            crowds = groups[2 * self.sums.spreads(groups) > (self.rule.crowd * self.rule.eps) ** 2]
            is_crowd = np.zeros(len(labels) + 1, dtype=np.bool_)
            is_crowd[crowds] = True
            rows = np.flatnonzero(is_crowd[labels])
            self.sums.split(rows, finer[rows])

    def _pairs(self, old: Pairs, limit: float) -> Pairs:
        """The pairs nearer than the limit. old: those of the last run at this round."""
        self._measure()
        near = self.far <= limit
        ones, others, far = self.ones[near], self.others[near], self.far[near]
        old = old.take(~self.scope[old.ones] & ~self.scope[old.others])
        count = len(self.cast)
        codes, had = ones * count + others, old.ones * count + old.others
        order = np.argsort(codes)
        codes = codes[order]
        stays = np.ones(len(had), dtype=np.bool_)
        places = np.searchsorted(had, codes)  # these ascend: rows are renumbered in their order
        inside = places < len(had)
        again = places[inside][had[places[inside]] == codes[inside]]
        stays[again] = False
        old, places = old.take(stays), places - np.searchsorted(again, places)
        return Pairs(
            np.insert(old.ones, places, ones[order]),
            np.insert(old.others, places, others[order]),
            np.insert(old.distances, places, far[order]),
        )

    def _measure(self) -> None:
        """The distances that are not known, of pairs that share no photo."""
        unknown = np.flatnonzero(np.isnan(self.far))
        if len(unknown) == 0:
            return
        ones, others = self.ones[unknown], self.others[unknown]
        far = self.sums.measure(ones, others, self.rule.noise * self.rule.eps**2)
        near = np.flatnonzero(far <= self.rule.eps)
        pairs = Pairs(ones[near], others[near], far[near])
        far[near[shared_photos(self.sums.labels, self.cast.photos, self.several_rows, pairs)]] = np.inf
        self.far[unknown] = far

    def _one_of_a_photo(self, movers: Rows, targets: Rows) -> tuple[Rows, Rows]:
        """Of groups that move to the same one and share a photo the nearest only. movers: nearest first."""
        labels = self.sums.labels
        target_of, several = (
            np.full(len(labels) + 1, NOISE, dtype=np.intp),
            np.zeros(len(labels), dtype=np.bool_),
        )
        target_of[targets] = movers
        several[targets[target_of[targets] != movers]] = True  # more than one moves there
        target_of[targets] = NOISE
        shared = several[targets]
        target_of[movers[shared]] = targets[shared]
        rows = self.several_rows[target_of[labels[self.several_rows]] != NOISE]
        places = target_of[labels[rows]] * (len(labels) + 1) + self.cast.photos[rows]
        _, where, often = np.unique(places, return_inverse=True, return_counts=True)
        clash = often[where] > 1
        of_group: dict[int, list[int]] = {}
        for row, place in zip(rows[clash].tolist(), where[clash].tolist(), strict=True):
            of_group.setdefault(int(labels[row]), []).append(place)
        taken: set[int] = set()
        stays = np.ones(len(movers), dtype=np.bool_)
        for n in np.flatnonzero(np.isin(movers, list(of_group))).tolist():
            mine = of_group[int(movers[n])]
            stays[n] = taken.isdisjoint(mine)
            if stays[n]:
                taken.update(mine)
        return movers[stays], targets[stays]

    def _move(self, movers: Rows, targets: Rows, old: Round) -> None:
        """All of these moves. Whoever moves otherwise than in the last run, or with someone in scope, is in scope."""
        reached = _differing(self.scope, (movers, targets), (old.movers, old.targets))
        rows = reached
        if len(reached):
            wanted = np.zeros(len(self.scope), dtype=np.bool_)
            wanted[reached] = True
            rows = np.flatnonzero(wanted[self.sums.labels])
        if len(movers) == 0:
            self._enlarge(rows)
            return
        called = self.sums.join(movers, targets)
        concerned = np.zeros(len(called), dtype=np.bool_)
        concerned[movers] = concerned[targets] = True
        again = concerned[self.ones] | concerned[self.others]
        ones, others = called[self.ones[again]], called[self.others[again]]
        rest = ~again
        self.ones, self.others, self.far = self.ones[rest], self.others[rest], self.far[rest]
        self._look_at(ones, others)
        self._enlarge(rows)

    def _take_in_lost(self, old: Pairs) -> None:
        """Pairs outside the scope that lost a link are looked at."""
        if len(self.lost[0]) == 0:
            return
        labels, count = self.sums.labels, len(self.cast)
        codes = labels[self.lost[0]] * count + labels[self.lost[1]]
        hit = np.isin(old.ones * count + old.others, codes)
        hit &= ~self.scope[old.ones] & ~self.scope[old.others]
        wanted = np.zeros(count + 1, dtype=np.bool_)
        wanted[old.ones[hit]] = wanted[old.others[hit]] = True
        self._enlarge(np.flatnonzero(wanted[labels]))

    def _enlarge(self, rows: Rows) -> None:
        """These faces, of whole groups, are in scope, and all pairs of their groups are looked at."""
        if len(rows) == 0:
            return
        self.scope[rows] = True
        starts = np.unique(self.cast.starts[rows]).astype(np.intp)
        ones, others = self.links.of(starts)
        self._look_at(self.sums.labels[ones], self.sums.labels[others])

    def _look_at(self, ones: Rows, others: Rows) -> None:
        """Pairs of groups, either way and some of them looked at already."""
        wanted = (ones != others) & (self.sums.counts[ones] > 0) & (self.sums.counts[others] > 0)
        ones, others = ones[wanted], others[wanted]
        count = len(self.cast)
        codes = np.unique(np.minimum(ones, others) * count + np.maximum(ones, others))
        codes = codes[~np.isin(codes, self.ones * count + self.others)] if len(self.ones) else codes
        ones, others = np.divmod(codes, max(count, 1))
        self.ones, self.others = np.concatenate([self.ones, ones]), np.concatenate([self.others, others])
        self.far = np.concatenate([self.far, np.full(len(ones), np.nan)])


def _rest(old: list[Round]) -> Round:
    """Nothing moves any more in the rounds after the last."""
    nothing = np.empty(0, dtype=np.intp)
    return Round(old[-1].pairs if old else Pairs(nothing, nothing, np.empty(0)), nothing, nothing)


def _differing(scope: NDArray[np.bool_], now: tuple[Rows, Rows], then: tuple[Rows, Rows]) -> Rows:
    """The groups outside the scope, as named before these moves, that are not after them what they were."""
    movers, targets = np.concatenate([now[0], then[0]]), np.concatenate([now[1], then[1]])
    is_other = differ(len(scope), now, then)
    reached = scope.copy()
    reached[movers[is_other]] = reached[targets[is_other]] = True
    while True:
        crossing = reached[movers] != reached[targets]
        if not crossing.any():
            break
        reached[movers[crossing]] = reached[targets[crossing]] = True
    groups = np.unique(np.concatenate([movers, targets]))
    return np.asarray(groups[(groups != NOISE) & reached[groups] & ~scope[groups]])
