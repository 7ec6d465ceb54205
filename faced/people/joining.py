"""From strict clusters to persons: clusters that are near each other join, then faces left over attach. Pure.

1. Clusters of cores, and the faces in none, join nearest first, while their middles are near. Two that share a photo
   never do.
2. A group as wide as no person is (a crowd of lookalikes, children mostly) is taken apart again, to the
   stricter groups that it was made of.
3. A face left over attaches to the group that most of its near faces are in, if its middle is near too.

One distance, `eps`, says how near; all else is a share of it. Everything is decided in a bounded number of rounds, in
each of which all groups decide at once by what the round before left, so nothing depends on who comes first;
equally near ones go by content (row) order. Never is the user's word looked at here: see `identity`.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from faced.model import Floats
from faced.people.faces import NOISE
from faced.people.groups import Groups, Rows, nearest_pairs, renumber, shared_photos

__all__ = ["REACH", "START", "Joined", "Joining", "Near", "join_faces"]

START = 0.76
"""Clusters to start from are DBSCAN's at this share of eps."""
REACH = 1.12
"""Faces within this share of eps are near: they are candidates, and have a vote."""
STEPS = (0.88, 0.94, 1.0)
ROUNDS = 6
"""The most rounds of each step, and of attaching."""
CROWD_OF = 8
LEFT_OVER = 2
"""A group of no more faces than this is left over: each of them attaches on its own."""
SPLINTER = 12
BESIDE = 8
"""So do those of one of up to `SPLINTER` faces, to one at least `BESIDE` times as large, but then its own votes count too."""


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
class Near:
    """n faces in content order, and who is near them.

    embeddings: (n, 128) float32. photos: (n,) what picture each is in, any numbers. starts: (n,) the cluster that a
    face is a core of, any numbers, or NOISE. carries: (n,) bool; others attach only, and have no vote.
    nearest: (n, k) rows of faces that carry, nearest first, -1 where there are no more. distances: (n, k) Euclidean.
    """

    embeddings: Floats
    photos: NDArray[np.intp]
    starts: NDArray[np.intp]
    carries: NDArray[np.bool_]
    nearest: NDArray[np.int32]
    distances: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """Who is together.

    labels: (n,) the first row of the group of each face, or NOISE where it is alone. attached: (n,) bool, those that
    came last and carry nothing. distances: (n,) Euclidean, of these to the middle of their group, else nan. seconds:
    (n,) label of the group that came second for these, or NOISE. second_distances: (n,), to its middle, else nan.
    """

    labels: NDArray[np.intp]
    attached: NDArray[np.bool_]
    distances: NDArray[np.float64]
    seconds: NDArray[np.intp]
    second_distances: NDArray[np.float64]


def join_faces(near: Near, rule: Joining) -> Joined:
    """Who is together, by what the faces look like and which photos they are in."""
    count = len(near.embeddings)
    rows = np.arange(count)
    labels = renumber(np.where(near.starts == NOISE, count + rows, near.starts))
    strict = labels
    for step in STEPS:
        labels = _join(near, labels, rule, step * rule.eps)
        if step != STEPS[-1]:
            strict = labels
    labels = _take_crowds_apart(near, labels, strict, rule)
    return _attach_left_over(near, labels, rule)


def _join(near: Near, labels: Rows, rule: Joining, limit: float) -> Rows:
    """Groups nearer than the limit, joined, the nearest first."""
    for _ in range(ROUNDS):
        groups = Groups.of(near.embeddings, labels, near.carries)
        pairs = nearest_pairs(
            groups, labels, near.nearest, near.distances, REACH * rule.eps, rule.noise * rule.eps**2, limit
        )
        pairs = pairs.take(~shared_photos(labels, near.photos, pairs))
        movers, targets = pairs.choose_moves(groups)
        movers, targets = _one_of_a_photo(near.photos, labels, movers, targets)
        if len(movers) == 0:
            break
        goes_to = np.arange(len(groups.counts))
        goes_to[movers] = targets
        labels = renumber(goes_to[labels])
    return labels


def _one_of_a_photo(photos: Rows, labels: Rows, movers: Rows, targets: Rows) -> tuple[Rows, Rows]:
    """Of groups that move to the same one and share a photo the nearest only. movers: nearest first."""
    several = np.bincount(photos)[photos] > 1 if len(photos) else np.empty(0, dtype=np.bool_)
    of_group: dict[int, list[int]] = {}
    moving = np.isin(labels, movers) & several
    for row in np.flatnonzero(moving).tolist():
        of_group.setdefault(int(labels[row]), []).append(int(photos[row]))
    taken: set[tuple[int, int]] = set()
    stays = np.ones(len(movers), dtype=np.bool_)
    for n, (mover, target) in enumerate(zip(movers.tolist(), targets.tolist(), strict=True)):
        places = {(target, photo) for photo in of_group.get(mover, ())}
        stays[n] = not places & taken
        if stays[n]:
            taken |= places
    return movers[stays], targets[stays]


def _take_crowds_apart(near: Near, labels: Rows, strict: Rows, rule: Joining) -> Rows:
    """Groups too wide for a person, as the stricter groups they were before the last step; what is still too
    wide, as single faces."""
    alone = len(labels) + np.arange(len(labels))
    for finer in (strict + 2 * len(labels), alone):
        groups = Groups.of(near.embeddings, labels, near.carries)
        crowds = (groups.counts >= CROWD_OF) & (2 * groups.spreads > (rule.crowd * rule.eps) ** 2)
        labels = renumber(np.where(crowds[labels], finer, labels))
    return labels


def _attach_left_over(near: Near, labels: Rows, rule: Joining) -> Joined:
    """Faces of groups too small to be somebody, each to the group that most of its near faces are in."""
    count = len(labels)
    attached = np.zeros(count, dtype=np.bool_)
    distances, second_distances = np.full(count, np.nan), np.full(count, np.nan)
    seconds_row = np.full(count, NOISE, dtype=np.intp)
    for turn in range(ROUNDS):
        carriers = turn < ROUNDS - 1
        groups = Groups.of(near.embeddings, labels, near.carries)
        few = groups.counts[labels] <= SPLINTER
        rows = np.flatnonzero(few & near.carries if carriers else ~near.carries)
        votes = _count_votes(near, labels, groups, rows, rule)
        good = (votes.weights >= rule.votes * rule.eps) & (votes.weights >= rule.share * votes.totals)
        limit = rule.attach * rule.eps - (0.0 if carriers else rule.stricter)
        votes = votes.take(good & (votes.distances <= limit))
        votes = votes.take(np.lexsort((votes.rows, votes.distances)))
        votes = votes.take(_free_places(near.photos, labels, votes))
        labels = labels.copy()
        firsts = _first_rows(labels, len(groups.counts))
        labels[votes.rows] = votes.groups
        attached[votes.rows] = True
        distances[votes.rows] = votes.distances
        second_distances[votes.rows] = votes.second_distances
        seconds_row[votes.rows] = np.where(votes.seconds == NOISE, NOISE, firsts[votes.seconds])
        if len(votes.rows) == 0 and carriers and near.carries.all():
            break
        labels = renumber(labels)
    final = _first_rows(labels, int(labels.max(initial=-1)) + 1)[labels]
    sizes = np.bincount(labels)[labels] if count else labels
    seconds = np.where(seconds_row == NOISE, NOISE, final[seconds_row])
    return Joined(
        np.where(sizes > 1, final, NOISE),
        attached,
        distances,
        np.where(seconds == final, NOISE, seconds),
        second_distances,
    )


def _first_rows(labels: Rows, count: int) -> Rows:
    firsts = np.full(count, len(labels), dtype=np.intp)
    np.minimum.at(firsts, labels, np.arange(len(labels)))
    return firsts


@dataclass(frozen=True, slots=True, eq=False)
class _Votes:
    """For some rows the group with most votes, its weight, that of all, and the distances to it and the second."""

    rows: Rows
    groups: Rows
    weights: NDArray[np.float64]
    totals: NDArray[np.float64]
    distances: NDArray[np.float64]
    seconds: Rows
    second_distances: NDArray[np.float64]

    def take(self, which: NDArray[np.bool_] | Rows) -> "_Votes":
        return replace(self, **{name: getattr(self, name)[which] for name in self.__slots__})


def _count_votes(near: Near, labels: Rows, groups: Groups, rows: Rows, rule: Joining) -> _Votes:
    nearest, apart = near.nearest[rows], near.distances[rows].astype(np.float64)
    theirs = labels[nearest]
    valid = (nearest >= 0) & (apart < REACH * rule.eps)
    own = np.where(near.carries[rows], labels[rows], NOISE)[:, None]
    size_of_own = np.where(own == NOISE, 0, groups.counts[own])
    valid &= (theirs != own) | (size_of_own > LEFT_OVER)
    weights = np.where(valid, np.round(REACH * rule.eps - np.where(valid, apart, 0.0), 6), 0.0)
    totals = np.asarray(weights.sum(axis=1), dtype=np.float64)
    least = np.where(size_of_own > LEFT_OVER, BESIDE * size_of_own, LEFT_OVER + 1)
    may = valid & (theirs != own) & (groups.counts[theirs] >= least)
    ours, columns = np.nonzero(may)
    size = len(groups.counts)
    codes, inverse = np.unique(ours * size + theirs[ours, columns], return_inverse=True)
    sums = np.bincount(inverse, weights=weights[ours, columns], minlength=len(codes)).astype(np.float64)
    sums = np.asarray(np.round(sums, 9), dtype=np.float64)
    who, group = codes // max(size, 1), codes % max(size, 1)
    order = np.lexsort((group, -sums, who))
    who, group, sums = who[order], group[order], sums[order]
    first = np.flatnonzero(np.diff(who, prepend=-1))
    second = np.full(len(first), NOISE, dtype=np.intp)
    has_second = np.diff(first, append=len(who)) > 1
    second[has_second] = group[first[has_second] + 1]
    chosen = rows[who[first]]
    to_second = groups.measure(near.embeddings[chosen], second)
    return _Votes(
        chosen,
        group[first],
        sums[first],
        totals[who[first]],
        groups.measure(near.embeddings[chosen], group[first]),
        second,
        np.where(second == NOISE, np.nan, to_second),
    )


def _free_places(photos: Rows, labels: Rows, votes: _Votes) -> NDArray[np.bool_]:
    """Which of these attach, nearest first, so that no photo has two faces of a group."""
    several = np.bincount(photos)[photos] > 1 if len(photos) else np.empty(0, dtype=np.bool_)
    wanted = several & np.isin(photos, photos[votes.rows])
    taken = set(zip(labels[wanted].tolist(), photos[wanted].tolist(), strict=True))
    free = np.ones(len(votes.rows), dtype=np.bool_)
    for n in np.flatnonzero(several[votes.rows]).tolist():
        place = int(votes.groups[n]), int(photos[votes.rows[n]])
        free[n] = place not in taken
        taken.add(place)
    return free
