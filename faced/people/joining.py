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
they were (the *scope*, which grows as its groups meet others); of all others it is known what they do, and looked up
where somebody in scope meets them (`past`), so that no round passes over all faces. The result is that of playing
everything anew.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faced.people.faces import NOISE
from faced.people.groups import (
    Names,
    Pairs,
    Parts,
    Rows,
    Sums,
    choose_moves,
    count_faces,
    differ,
    find_reached,
    shared_photos,
)
from faced.people.links import Cast, Change, Links, follow_links, make_links, shift_starts
from faced.people.past import Past, Round, name_groups, no_round
from faced.people.rows import distinct, is_among
from faced.people.starts import Members, follow_members, make_members

__all__ = ["REACH", "START", "STEPS", "Course", "Joining", "join_starts"]

START = 0.76
"""Clusters to start from are DBSCAN's at this share of eps."""
REACH = 1.12
"""Faces within this share of eps are near: they are candidates, and have a vote."""
STEPS = (0.88, 0.94, 1.0)
ROUNDS = 4
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


@dataclass(slots=True, eq=False)
class Course:
    """What a run of joining leaves for the next one.

    starts: (n,) int32. links: of the starts. members: the faces of starts of several, see Members. steps: the rounds of each step. labels: (n,) int32 the first row of the
    group of each face when all have joined, and crowds are apart; NOISE of who takes no part.
    """

    starts: NDArray[np.int32]
    links: Links
    steps: list[list[Round]]
    labels: NDArray[np.int32]
    members: NDArray[np.int32]


def join_starts(
    cast: Cast, rule: Joining, before: Course | None = None, change: Change | None = None
) -> tuple[Course, Sums, Members, Rows]:
    """Who is together before those left over attach. before, change: of the last time, or None: from scratch.

    Returns what is to be kept, the sums, which know none of the members, the members of the starts, and the rows,
    ascending, of faces in groups that were not there the last time.
    """
    if before is None or change is None:
        members = make_members(cast.starts)
        run = _Run(cast, rule, make_links(cast, members), members, [[] for _ in STEPS])
        run.begin(np.ones(len(cast), dtype=np.bool_))
        last = np.full(len(cast), NOISE, dtype=np.int32)
    else:
        shift = shift_starts(before.starts, cast, change)
        members = follow_members(before.members, cast.starts, shift.changed, change.same.moved)
        links, gained, lost = follow_links(before.links, before.starts, cast, change, shift, members)
        old = [[one.renumber(change.table) for one in step] for step in before.steps]
        run = _Run(cast, rule, links, members, old)
        run.begin(shift.changed)
        run.watch(gained, lost)
        last = change.renumber(before.labels)
        np.copyto(last, np.int32(NOISE), where=cast.starts == NOISE)
    steps = [run.play(number) for number in range(len(STEPS))]
    rows, labels = run.finish()
    new = rows
    if before is not None and change is not None:
        new = rows[_are_new(rows, labels, last, before.labels, change)]
    last[rows] = labels
    run.sums.restrict(distinct(labels), count_faces(last, cast.carries))
    return Course(cast.starts, run.links, steps, last, members.rows), run.sums, members, new


def _are_new(
    rows: Rows, labels: NDArray[np.int32], last: NDArray[np.int32], before: NDArray[np.int32], change: Change
) -> NDArray[np.bool_]:
    """(m,) which of these rows, all of some groups, have a label that is of a group that was not there. last: (n,) the group
    of each face before, in rows of now, NOISE of new ones. before: the same in rows of then.
    """
    groups, places, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    then = np.append(np.full(len(before), NOISE, dtype=np.int32), np.int32(NOISE))
    was = change.same.came[groups]
    then[was[was != NOISE]] = np.flatnonzero(was != NOISE)
    mine = then[before]
    is_other = np.bincount(mine[mine != NOISE], minlength=len(groups)) != sizes
    is_other[places[last[rows] != labels]] = True
    return np.asarray(is_other[places])


class _Run:
    """The groups as they are at some round, and all that may happen to those in scope.

    scope: (n + 1,) bool, the groups that are not known to be what they were at this round of the last run, and their starts;
    NOISE at the end is one. Pairs of groups with one in scope are measured here; of the others the last run tells.
    """

    def __init__(
        self, cast: Cast, rule: Joining, links: Links, members: Members, old: list[list[Round]]
    ) -> None:
        """old: the rounds of each step in the last run, in rows of now."""
        count = len(cast)
        self.cast, self.rule, self.links, self.members, self.old = cast, rule, links, members, old
        self.time = 0
        rounds = [
            (step * ROUNDS + turn, one) for step, all_ in enumerate(old) for turn, one in enumerate(all_)
        ]
        self.past = Past(count, rounds)
        sizes = count_faces(cast.starts, cast.carries)
        self.sums = Sums(cast.embeddings, cast.carries, sizes, self._find_parts)
        self.scope = np.append(np.zeros(count, dtype=np.bool_), True)
        self.inside = np.empty(
            0, dtype=np.intp
        )  # the starts in scope; their groups, and those before this step
        self.mine = np.empty(0, dtype=np.int32)
        self.labels = np.empty(count + 1, dtype=np.int32)
        self.strict = np.empty(0, dtype=np.int32)
        self._table = np.full(count + 1, NOISE, dtype=np.int32)
        nothing = np.empty(0, dtype=np.intp)
        self.ones, self.others, self.far = nothing, nothing, np.empty(0)
        self.is_apart = np.empty(0, dtype=np.bool_)  # which of these pairs were asked about photos
        self.lost = nothing, nothing

    def begin(self, changed: NDArray[np.bool_]) -> None:
        """The faces of starts that are not what they were, (n,)."""
        rows = np.flatnonzero(changed & (self.cast.starts != NOISE))
        starts = distinct(self.cast.starts[rows]).astype(np.intp)
        self.scope[rows] = True  # those that were the first of a start are no group either
        self._enlarge(starts, starts)

    def watch(self, gained: NDArray[np.int64], lost: NDArray[np.int64]) -> None:
        """Links between starts outside the scope that came, or went."""
        count = len(self.cast)
        self._look_at(*np.divmod(gained, count))
        self.lost = tuple(part.astype(np.intp) for part in np.divmod(lost, count))  # type: ignore[assignment]

    def play(self, step: int) -> list[Round]:
        """Rounds until nothing moves."""
        old, played = self.old[step], list[Round]()
        self.strict = self.mine
        for turn in range(ROUNDS):
            self.time = step * ROUNDS + turn
            before = old[turn] if turn < len(old) else (old[-1].rest() if old else no_round())
            self._take_in_lost(before.pairs)
            pairs = self._pairs(before.pairs, STEPS[step] * self.rule.eps)
            movers, targets = choose_moves(pairs, self.sums.counts)
            one = self._one_of_a_photo(pairs, movers, targets, before)
            if not played or len(played[-1].movers):
                played.append(one)
            if len(one.movers) == 0 and not any(len(later.movers) for later in old[turn:]):
                break
            self._move(one.movers, one.targets, before)
        self.time = (step + 1) * ROUNDS
        return played

    def finish(self) -> tuple[Rows, NDArray[np.int32]]:
        """(m,) the faces in scope, and (m,) their groups: those too wide for a person as the stricter groups they were before
        the last step, and what is still too wide as single faces.
        """
        crowds = self._crowds()
        apart = self._are_in(self.mine, crowds)
        self._call(np.where(apart, self.strict, self.mine))
        self.sums.forget(crowds, 0)
        groups, places = np.unique(self.strict[apart], return_inverse=True)
        _, keys = self.members.of(self.inside[apart])
        self.sums.forget(groups, np.bincount(places[keys], minlength=len(groups)))
        crowds = self._crowds()
        starts = self.cast.starts
        rows = np.flatnonzero(np.take(np.append(self.scope[:-1], False), starts))
        labels = self.labels[starts[rows]]
        single = self._are_in(labels, crowds)
        labels[single] = rows[single]
        self.sums.forget(crowds, 0)
        self.sums.forget(rows[single], 1)
        return rows, labels

    def _crowds(self) -> Rows:
        """The groups in scope that are too wide for a person."""
        groups = distinct(self.mine).astype(np.intp)
        groups = groups[self.sums.counts[groups] >= CROWD_OF]
        return groups[2 * self.sums.spreads(groups) > (self.rule.crowd * self.rule.eps) ** 2]

    def _are_in(self, labels: NDArray[np.int32], groups: Rows) -> NDArray[np.bool_]:
        """(m,) which labels are those of some of the groups."""
        self._table[groups] = 1
        found = self._table[labels] >= 0
        self._table[groups] = NOISE
        return found

    def _pairs(self, old: Pairs, limit: float) -> Pairs:
        """The pairs nearer than the limit. old: those of the last run at this round."""
        self._measure(limit)
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

    def _measure(self, limit: float) -> None:
        """The distances that are not known; no limit is above that of pairs that share a photo."""
        unknown = np.flatnonzero(np.isnan(self.far))
        noise = self.rule.noise * self.rule.eps**2
        self.far[unknown] = self.sums.measure(self.ones[unknown], self.others[unknown], noise)
        asked = np.flatnonzero((self.far <= limit) & ~self.is_apart)
        if len(asked) == 0:
            return
        self.is_apart[asked] = True
        pairs = Pairs(self.ones[asked], self.others[asked], self.far[asked])
        groups = distinct(np.concatenate([pairs.ones, pairs.others]))
        rows, keys = self._shown_together(groups)
        shared = shared_photos(pairs, groups[keys], self.cast.photos[rows], len(self.cast))
        self.far[asked[shared]] = np.inf

    def _one_of_a_photo(self, pairs: Pairs, movers: Rows, targets: Rows, old: Round) -> Round:
        """Of groups that move to the same one and share a photo the nearest only. movers: nearest first."""
        refused = np.zeros(len(movers), dtype=np.bool_)
        wanted = np.sort(targets)
        rivals = np.flatnonzero(is_among(targets, wanted[1:][wanted[1:] == wanted[:-1]]))
        then = np.concatenate([old.movers, old.refused]), np.concatenate([old.targets, old.places])
        is_other = differ(self._table, (movers, targets), then)
        others = np.concatenate([targets[is_other[: len(movers)]], then[1][is_other[len(movers) :]]])
        others = np.concatenate([others, targets[self.scope[movers]]])
        asked = is_among(targets[rivals], others)
        refused[rivals[~asked]] = is_among(movers[rivals[~asked]], old.refused)
        rivals = rivals[asked]
        rows, keys = self._shown_together(movers[rivals])
        places = targets[rivals[keys]] * (len(self.cast) + 1) + self.cast.photos[rows]
        _, where, counts = np.unique(places, return_inverse=True, return_counts=True)
        clash = counts[where] > 1
        of_group: dict[int, list[int]] = {}
        for key, place in zip(keys[clash].tolist(), where[clash].tolist(), strict=True):
            of_group.setdefault(key, []).append(place)
        taken: set[int] = set()
        for key in sorted(of_group):
            refused[rivals[key]] = not taken.isdisjoint(of_group[key])
            if not refused[rivals[key]]:
                taken.update(of_group[key])
        return Round(pairs, movers[~refused], targets[~refused], movers[refused], targets[refused])

    def _move(self, movers: Rows, targets: Rows, old: Round) -> None:
        """All of these moves. Whoever moves otherwise than in the last run, or with someone in scope, is in scope."""
        is_other = differ(self._table, (movers, targets), (old.movers, old.targets))
        went, to = np.append(movers, old.movers), np.append(targets, old.targets)
        reached = find_reached(self.scope, went, to, is_other)
        reached = reached[self.cast.starts[reached] == reached]
        starts, keys = self.past.members(reached, self.time)
        groups, called = name_groups(movers, targets)
        stays = np.searchsorted(groups[: len(groups) - len(movers)], targets)
        self.sums.join(movers, targets, called[stays])
        self.time += 1
        table = self._table
        table[groups] = called

        def rename(names: Names) -> Rows:
            found = table[names]
            return np.where(found == NOISE, names, found).astype(np.intp)

        again = (table[self.ones] != NOISE) | (table[self.others] != NOISE)
        ones, others = rename(self.ones[again]), rename(self.others[again])
        share = np.isinf(self.far[again])  # who shares a photo still does when more have come
        self._call(rename(self.mine))
        labels = rename(reached[keys])
        table[groups] = NOISE
        rest = ~again
        self.ones, self.others, self.far = self.ones[rest], self.others[rest], self.far[rest]
        self.is_apart = self.is_apart[rest]
        self._keep_apart(ones[share], others[share])
        self._look_at(ones[~share], others[~share])
        self._enlarge(starts, labels)

    def _take_in_lost(self, old: Pairs) -> None:
        """Pairs outside the scope that lost a link are looked at."""
        if len(self.lost[0]) == 0:
            return
        count = len(self.cast)
        codes = self._groups_of(self.lost[0]) * count + self._groups_of(self.lost[1])
        hit = is_among(old.ones * count + old.others, codes)
        hit &= ~self.scope[old.ones] & ~self.scope[old.others]
        groups = distinct(np.concatenate([old.ones[hit], old.others[hit]]))
        starts, keys = self.past.members(groups, self.time)
        self._enlarge(starts, groups[keys])

    def _enlarge(self, starts: Rows, labels: Rows) -> None:
        """These starts, of whole groups that are called so by now, are in scope, and all pairs of their groups are looked at."""
        if len(starts) == 0:
            return
        self.scope[starts] = True
        self.inside = np.concatenate([self.inside, starts])
        self._call(np.concatenate([self.mine, labels]))
        if self.time >= (len(STEPS) - 1) * ROUNDS:
            joined = self.past.find(starts, (len(STEPS) - 1) * ROUNDS)
            self.strict = np.append(self.strict, joined.astype(np.int32))
        self._look_at(*map(self._groups_of, self.links.of(np.sort(starts))))

    def _call(self, labels: Names) -> None:
        """The groups of the starts in scope are called so now."""
        self.mine = labels.astype(np.int32)
        self.labels[self.inside] = self.mine

    def _keep_apart(self, ones: Rows, others: Rows) -> None:
        """Pairs of groups that share a photo, either way, of which none is looked at."""
        self._look_also(self._codes(ones, others), np.inf)

    def _look_at(self, ones: Rows, others: Rows) -> None:
        """Pairs of groups, either way and some of them looked at already."""
        wanted = (ones != others) & (self.sums.counts[ones] > 0) & (self.sums.counts[others] > 0)
        codes = self._codes(ones[wanted], others[wanted])
        self._look_also(codes[~is_among(codes, self.ones * len(self.cast) + self.others)], np.nan)

    def _codes(self, ones: Rows, others: Rows) -> Rows:
        return distinct(np.minimum(ones, others) * len(self.cast) + np.maximum(ones, others))

    def _look_also(self, codes: Rows, far: float) -> None:
        ones, others = np.divmod(codes, max(len(self.cast), 1))
        self.ones, self.others = np.append(self.ones, ones), np.append(self.others, others)
        self.far = np.append(self.far, np.full(len(ones), far))
        self.is_apart = np.append(self.is_apart, np.zeros(len(ones), dtype=np.bool_))

    def _groups_of(self, starts: Rows) -> Rows:
        """(m,) the group of each start by now."""
        found = self.labels[starts].astype(np.intp)
        outside = np.flatnonzero(~self.scope[starts])
        found[outside] = self.past.find(starts[outside], self.time)
        return found

    def _members(self, groups: Rows) -> tuple[Rows, Rows]:
        """(m,) the starts of groups that differ, and (m,) which of the groups each is in."""
        is_inside = self.scope[groups]
        outside, inside = np.flatnonzero(~is_inside), np.flatnonzero(is_inside)
        starts, keys = self.past.members(groups[outside], self.time)
        self._table[groups[inside]] = inside
        which = self._table[self.mine]
        self._table[groups[inside]] = NOISE
        there = which != NOISE
        return np.concatenate([starts, self.inside[there]]), np.concatenate([outside[keys], which[there]])

    def _faces(self, starts: Rows, keys: Rows) -> tuple[Rows, Rows]:
        """(m,) the faces of starts, each once, and (m,) the key of the start of each."""
        rows, which = self.members.of(starts)
        return rows, keys[which]

    def _shown_together(self, groups: Rows) -> tuple[Rows, Rows]:
        """(m,) the faces of groups that are in a photo with a face of another of these, ascending, and (m,) which of the groups
        each is in.
        """
        rows, keys = self._faces(*self._members(groups))
        photos, table = self.cast.photos[rows], self._table
        table[photos] = keys
        several = photos[table[photos] != keys]
        table[photos] = NOISE
        table[several] = 1
        together = table[photos] != NOISE
        table[several] = NOISE
        rows, keys = rows[together], keys[together]
        order = np.argsort(rows)
        return rows[order], keys[order].astype(np.intp)

    def _find_parts(self, groups: Rows) -> Parts:
        starts, keys = self._members(groups)
        is_large, places = self.links.find_large(starts)
        rows, of = self._faces(starts[~is_large], keys[~is_large])
        carries = self.cast.carries[rows]
        sums, squares = self.links.sums[places[is_large]], self.links.squares[places[is_large]]
        return Parts(rows[carries], of[carries], sums, squares, keys[is_large])
