"""Between sure and unsure: who a face may be, for the user to say. Pure.

A person without a name, or a face of nobody with its near-copies, is proposed whole to a person with a name when two
things say so that know different things: most of what is near its faces is hers (weighed by nearness), or one of the few
that are near and somebody is in the photo with whom she is in others (see `mates`); and its middle is near the middle
of one of her appearances, or of all her faces. Nothing is proposed to her that the user said is not
her, that is pinned, that belongs to somebody else by name or is a stranger by the user's word, or that is in a photo
which shows her already. Never decides whose a face is.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faced.model import FaceId, PersonId
from faced.people.faces import Faces
from faced.people.mates import find_mates
from faced.people.ranges import expand_ranges
from faced.people.years import is_before

__all__ = ["LIMIT", "REACH", "Near", "Standing", "Suggestion", "correct_distance", "suggest_faces"]

LIMIT = 200
"""Faces that are proposed to one person at once."""
REACH = 0.56
"""Euclidean. What is farther says nothing; at its edge a neighbour weighs nothing."""
MAJORITY = 0.6
"""Of the weight of a unit's neighbours outside it."""
SCATTER = 0.06
"""A mean of n faces lies this / n, squared, off the middle that it stands for."""
APPEARANCE = 3
"""Faces, one for each group of near-copies, from which on a cluster of hers is compared by itself."""
DIGITS = 9


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """The nearest faces of each of n: rows and Euclidean distances, (n, k) each, -1 and inf from where they end.

    eligible: (n,) bool, those that may be named as a neighbour: one for each group of near-copies.
    """

    rows: NDArray[np.int32]
    distances: NDArray[np.float32]
    eligible: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """Whose n faces are by now, and what the user said of them.

    owners: (n,) int64, a person's number, 0: nobody's. labels: (n,) cluster (appearance) of each, below 0: none.
    groups: (n,) of near-copies. pinned: rows. rejected: row -> persons that it is not. named: who may be
    proposed to. known: others whom the user spoke of, whose faces are not proposed. years: (n,) when each face was taken,
    0: not known; None: of none. born: a person's year; faces from before are not proposed.
    """

    owners: NDArray[np.int64]
    labels: NDArray[np.intp]
    groups: NDArray[np.intp]
    pinned: Collection[int]
    rejected: Mapping[int, frozenset[PersonId]]
    named: frozenset[PersonId]
    known: frozenset[PersonId]
    years: NDArray[np.int16] | None = None
    born: Mapping[PersonId, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Perhaps all of these are the person. faces: the nearest to her first. distance: of their middle from hers."""

    person: PersonId
    faces: tuple[FaceId, ...]
    distance: float


@dataclass(frozen=True, slots=True, eq=False)
class _Middles:
    """m means. firsts: (m,) what each belongs to. means: (m, 128). counts: (m,) faces in each."""

    firsts: NDArray[np.intp]
    means: NDArray[np.float64]
    counts: NDArray[np.intp]


def suggest_faces(faces: Faces, near: Near, standing: Standing, *, within: float) -> list[Suggestion]:
    """What to propose, for each person the nearest first; persons by number.

    faces: n in content order. within: Euclidean, corrected for how few faces made the two middles.
    """
    named = np.array(sorted(standing.named), dtype=np.int64)
    units = _find_units(near, standing)
    if len(named) == 0 or not (units >= 0).any():
        return []
    persons = _index(standing.owners, named)
    pairs = _near_pairs(faces.number_photos(), near, standing, units, persons, named)
    distances = _measure(faces, near, standing, units, persons, pairs)
    is_near = distances <= within
    proposed = _nearest_person(pairs[is_near], distances[is_near])
    return list(_choose(faces, standing, units, named, proposed))


def correct_distance(
    squares: NDArray[np.float64], some: NDArray[np.intp], others: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Distances of means of `some` and `others` faces, less what comes of their being few. squares: Euclidean, (p,)."""
    return np.asarray(np.round(np.sqrt(np.maximum(squares - SCATTER * (1 / some + 1 / others), 0)), DIGITS))


def _index(owners: NDArray[np.int64], named: NDArray[np.int64]) -> NDArray[np.intp]:
    """(n,) the place of each owner among the named, -1: none of them."""
    places = np.searchsorted(named, owners)
    places[places == len(named)] = 0
    return np.where(named[places] == owners, places, -1) if len(named) else np.full(len(owners), -1)


def _find_units(near: Near, standing: Standing) -> NDArray[np.intp]:
    """(n,) what is proposed together, as its first row; -1: not to be proposed.

    A unit without an eligible face is none: nothing good enough speaks for it.
    """
    owners = standing.owners
    kept = list(standing.named | standing.known)
    free = ~np.isin(owners, kept)
    free[list(standing.pinned)] = False
    units = np.full(len(owners), -1, dtype=np.intp)
    rows = np.flatnonzero(free)
    if len(rows) == 0:
        return units
    span = int(np.abs(owners).max()) + 1
    codes = np.where(
        owners[rows] != 0, owners[rows] - span, standing.groups[rows]
    )  # persons below 0, groups not
    _, firsts, inverse = np.unique(codes, return_index=True, return_inverse=True)
    has_good = np.zeros(len(firsts), dtype=np.bool_)
    has_good[inverse[near.eligible[rows]]] = True
    units[rows] = np.where(has_good[inverse], rows[firsts[inverse]], -1)
    return units


def _near_pairs(
    photos: NDArray[np.intp],
    near: Near,
    standing: Standing,
    units: NDArray[np.intp],
    persons: NDArray[np.intp],
    named: NDArray[np.int64],
) -> NDArray[np.intp]:
    """(p, 2) units with the person, by place, to whom most of the weight of their neighbours belongs, and with those near
    them who have a mate in the photo.
    """
    rows = np.flatnonzero((units >= 0) & near.eligible)
    neighbours, distances = near.rows[rows], near.distances[rows]
    outside = (neighbours >= 0) & (units[neighbours] != units[rows][:, None]) & (distances < REACH)
    own, column = np.nonzero(outside)
    unit, person = units[rows[own]], persons[neighbours[own, column]]
    weight = REACH - distances[own, column].astype(np.float64)
    refused = _is_refused(standing, rows[own], person, named)
    unit, person, weight, row = unit[~refused], person[~refused], weight[~refused], rows[own[~refused]]
    totals = np.bincount(unit, weights=weight, minlength=len(units))
    hers = person >= 0
    codes, inverse = np.unique(unit[hers] * len(named) + person[hers], return_inverse=True)
    sums = np.bincount(inverse, weights=weight[hers], minlength=len(codes))
    most = np.round(sums / totals[codes // len(named)], DIGITS) >= MAJORITY
    row, person = row[hers], person[hers]
    is_mate = find_mates(photos, persons, row, person)
    beside = np.unique(units[row[is_mate]] * len(named) + person[is_mate])
    codes = np.union1d(codes[most], beside)
    voted = np.stack([codes // len(named), codes % len(named)], axis=1)
    full = rows[(neighbours[:, -1] >= 0) if neighbours.shape[1] else np.zeros(len(rows), dtype=np.bool_)]
    crowded = np.setdiff1d(units[full], unit)  # so many of its own that nobody else is in the lists
    all_pairs = np.stack(np.meshgrid(crowded, np.arange(len(named)), indexing="ij"), axis=-1).reshape(-1, 2)
    return np.concatenate([voted, all_pairs]).astype(np.intp)


def _is_refused(
    standing: Standing, rows: NDArray[np.intp], persons: NDArray[np.intp], named: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """(p,) whether the user said that this row is not this person, or it is from before the person's birth."""
    refused = np.zeros(len(rows), dtype=np.bool_)
    spoken_of = np.isin(rows, list(standing.rejected)) & (persons >= 0)
    for place in np.flatnonzero(spoken_of).tolist():
        refused[place] = PersonId(int(named[persons[place]])) in standing.rejected[int(rows[place])]
    if standing.years is not None and standing.born:
        births = np.array([standing.born.get(PersonId(int(person)), 0) for person in named], dtype=np.int64)
        refused |= (persons >= 0) & is_before(standing.years[rows], births[persons])
    return refused


def _measure(
    faces: Faces,
    near: Near,
    standing: Standing,
    units: NDArray[np.intp],
    persons: NDArray[np.intp],
    pairs: NDArray[np.intp],
) -> NDArray[np.float64]:
    """(p,) how far the middle of each unit is from the nearest of the person's middles."""
    mine = _average(faces, near, units, np.where(np.isin(units, pairs[:, 0]), units, -1))
    wanted = np.where(np.isin(persons, pairs[:, 1]), persons, -1)
    hers = _appearances(faces, near, standing, wanted)
    starts = np.searchsorted(hers.firsts, pairs[:, 1])
    stops = np.searchsorted(hers.firsts, pairs[:, 1], side="right")
    pair, other = expand_ranges(starts, stops)
    one = np.searchsorted(mine.firsts, pairs[pair, 0])
    squares = np.square(mine.means[one] - hers.means[other]).sum(axis=1)
    nearest = np.full(len(pairs), np.inf)
    np.minimum.at(nearest, pair, correct_distance(squares, mine.counts[one], hers.counts[other]))
    return nearest


def _nearest_person(pairs: NDArray[np.intp], distances: NDArray[np.float64]) -> list[tuple[int, float, int]]:
    """(person by place, distance, unit): of a unit the nearest person only."""
    best: dict[int, tuple[float, int]] = {}
    for (unit, person), distance in zip(pairs.tolist(), distances.tolist(), strict=True):
        best[unit] = min(best.get(unit, (np.inf, 0)), (distance, person))
    return sorted((person, distance, unit) for unit, (distance, person) in best.items())


def _appearances(faces: Faces, near: Near, standing: Standing, persons: NDArray[np.intp]) -> _Middles:
    """The middles of each person: of all faces, and of each cluster that has enough of them."""
    whole = _average(faces, near, persons, persons)
    clustered = (persons >= 0) & (standing.labels >= 0)
    codes = np.where(clustered, persons * np.intp(len(faces) + 1) + standing.labels, -1)
    parts = _average(faces, near, codes, codes)
    enough = parts.counts >= APPEARANCE
    firsts = np.concatenate([whole.firsts, parts.firsts[enough] // (len(faces) + 1)])
    order = np.argsort(firsts, kind="stable")
    means = np.concatenate([whole.means, parts.means[enough]])[order]
    return _Middles(firsts[order], means, np.concatenate([whole.counts, parts.counts[enough]])[order])


def _average(faces: Faces, near: Near, keys: NDArray[np.intp], wanted: NDArray[np.intp]) -> _Middles:
    """The mean of each key's eligible faces, of all where it has no eligible one; ascending. Keys below 0: none."""
    good = np.unique(wanted[(wanted >= 0) & near.eligible])
    rows = np.flatnonzero((wanted >= 0) & (near.eligible | ~np.isin(keys, good)))
    firsts, inverse, counts = np.unique(keys[rows], return_inverse=True, return_counts=True)
    order = np.argsort(inverse, kind="stable")
    starts = np.cumsum(counts) - counts
    vectors = faces.embeddings[rows[order]].astype(np.float64)
    sums = np.add.reduceat(vectors, starts, axis=0) if len(rows) else np.empty((0, vectors.shape[1]))
    return _Middles(firsts.astype(np.intp), sums / counts[:, None], counts.astype(np.intp))


def _choose(
    faces: Faces,
    standing: Standing,
    units: NDArray[np.intp],
    named: NDArray[np.int64],
    proposed: list[tuple[int, float, int]],
) -> Iterator[Suggestion]:
    """The nearest first, as long as there is room and no photo would show her twice."""
    rows_of = _group(units, {unit for _, _, unit in proposed})
    shown = _group(_index(standing.owners, named), {person for person, _, _ in proposed})
    person_before, room, images = -1, 0, set[str]()
    for person, distance, unit in proposed:
        if person != person_before:
            person_before, room = person, LIMIT
            images = {faces.images[row] for row in shown[person]}
        hers = PersonId(int(named[person]))
        rows = [row for row in rows_of[unit] if not _is_denied(standing, row, hers)]
        theirs = [faces.images[row] for row in rows]
        against = len(rows_of[unit]) - len(rows)
        if against >= len(rows) or not images.isdisjoint(theirs) or len({*theirs}) < len(theirs) or not room:
            continue
        images.update(theirs)
        middle = faces.embeddings[shown[person]].astype(np.float64).mean(axis=0)
        far = np.round(np.linalg.norm(faces.embeddings[rows].astype(np.float64) - middle, axis=1), DIGITS)
        nearest = [rows[place] for place in np.argsort(far, kind="stable").tolist()][:room]
        room -= len(nearest)
        yield Suggestion(hers, tuple(FaceId(int(faces.ids[row])) for row in nearest), distance)


def _is_denied(standing: Standing, row: int, person: PersonId) -> bool:
    if person in standing.rejected.get(row, ()):
        return True
    born = standing.born.get(person, 0)
    return standing.years is not None and bool(is_before(standing.years[[row]], born)[0])


def _group(keys: NDArray[np.intp], wanted: Collection[int]) -> dict[int, list[int]]:
    """The rows of each wanted key, ascending."""
    found: dict[int, list[int]] = {key: [] for key in wanted}
    for row in np.flatnonzero(np.isin(keys, list(wanted))).tolist():
        found[int(keys[row])].append(row)
    return found
