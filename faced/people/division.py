"""What is a person's by the user's word: the faces it speaks of, and the clusters owned through them. Pure.

A cluster is P's when P's anchors in it are at least 2, or a fifth of its core faces; fewer speak for
themselves only, but for one on a portrait, which was chosen by hand and is as good as 2. A cluster with two owners is divided. Pins own no cluster: a pin says "this face", and two
photos dragged out of a folder of a hundred must not pull the other ninety-eight after them (nor may half of a
move that is still going on). They do count as the person's faces when distances are compared.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from faced.model import FaceId, Floats, PersonId
from faced.people.faces import NOISE, Clusters, Faces
from faced.people.said import Said
from faced.people.years import is_before

__all__ = ["Claims", "Nearness", "claim_faces", "find_owners"]

ENOUGH = 2
SHARE = 5
"""Owners have this many anchors in a cluster, or one for this many of its core faces."""
BLOCK = 1024
DIGITS = 9
"""Distances that differ in a later decimal are the same: the rounding of a matrix product is no reason."""
ALIKE = 1e-12
"""Likewise of squared distances."""

Columns: TypeAlias = tuple[NDArray[np.float64], NDArray[np.intp]]


@dataclass(frozen=True, slots=True)
class Claims:
    """What the user said, by row.

    pinned, anchored: row -> person; no row is in both. votes: the anchored rows, with those that are pinned
    to the same person. rejected: row -> persons that it is not. born: year of persons; a face from before is not
    theirs. years: (n,) of the faces, 0: not known. seeds: of the votes those on portraits.
    """

    pinned: Mapping[int, PersonId]
    anchored: Mapping[int, PersonId]
    votes: Mapping[int, PersonId]
    rejected: Mapping[int, frozenset[PersonId]]
    born: Mapping[PersonId, int]
    years: NDArray[np.int16]
    seeds: frozenset[int] = frozenset()

    def rows(self) -> dict[int, PersonId]:
        """Whose each pinned or anchored row is."""
        return {**self.pinned, **self.anchored}

    def is_before(self, row: int, person: PersonId) -> bool:
        """Whether the photo was taken before the person's birth."""
        return person in self.born and bool(self.find_before(np.array([row]), person)[0])

    def find_before(self, rows: NDArray[np.intp], person: PersonId) -> NDArray[np.bool_]:
        """(m,) which of these rows are of photos from before the person's birth."""
        return is_before(self.years[rows], self.born.get(person, 0))


def claim_faces(faces: Faces, said: Said) -> Claims:
    """What the word says about these faces.

    A face that is rejected for P, pinned elsewhere or from before P's birth is no anchor of P.
    """
    years = np.zeros(len(faces), dtype=np.int16) if faces.years is None else faces.years
    claims = Claims(pinned := {}, anchored := {}, votes := {}, rejected := {}, said.born, years)
    seeds = set[int]()
    spoken_of = said.pins.keys() | said.anchors.keys() | said.rejections.keys()
    for row in np.flatnonzero(np.isin(faces.ids, list(spoken_of))).tolist():
        face = FaceId(int(faces.ids[row]))
        if face in said.rejections:
            rejected[row] = said.rejections[face]
        pin, anchor = said.pins.get(face), said.anchors.get(face)
        if pin is not None:
            pinned[row] = pin
            if anchor == pin:
                votes[row] = pin
        elif anchor is not None and anchor not in rejected.get(row, ()) and not claims.is_before(row, anchor):
            anchored[row] = votes[row] = anchor
        if row in votes and face in said.seeds:
            seeds.add(row)
    return replace(claims, seeds=frozenset(seeds))


def find_owners(claims: Claims, clusters: Clusters) -> dict[int, tuple[PersonId, ...]]:
    """The persons whose each cluster is by anchors; clusters that are nobody's are left out."""
    votes = Counter[tuple[int, PersonId]]()
    for row, person in claims.votes.items():
        if clusters.labels[row] != NOISE:
            votes[int(clusters.labels[row]), person] += ENOUGH if row in claims.seeds else 1
    core_labels = clusters.labels[clusters.cores]
    cores = np.bincount(core_labels[core_labels != NOISE], minlength=len(clusters.labels))
    owners: dict[int, list[PersonId]] = {}
    for (label, person), count in votes.items():
        if count >= ENOUGH or SHARE * count >= cores[label]:
            owners.setdefault(label, []).append(person)
    return {label: tuple(sorted(persons)) for label, persons in owners.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """m faces and the persons nearest to them.

    persons: (m,) int64, 0 where none is allowed. distances, seconds: (m,) Euclidean, to that person and to the
    next one; inf where there is none. second_persons: (m,) int64, who that is, or 0.
    """

    persons: NDArray[np.int64]
    distances: NDArray[np.float64]
    seconds: NDArray[np.float64]
    second_persons: NDArray[np.int64]


class Nearness:
    """How far a face is from a person: from the nearest face that the user said is hers, in whatever cluster.

    Not the nearest in the cluster only, so that other settings, which cut clusters elsewhere, change little.
    """

    def __init__(self, embeddings: Floats, claims: Claims) -> None:
        """embeddings: (n, 128)."""
        hers: dict[PersonId, list[int]] = {}
        claimed = claims.rows()
        for row in sorted(claimed):
            hers.setdefault(claimed[row], []).append(row)
        self._embeddings = embeddings
        self._claims = claims
        self._hers = {person: np.array(rows, dtype=np.intp) for person, rows in hers.items()}
        self._signs: dict[PersonId, bytes] = {}

    def sign(self, person: PersonId) -> bytes:
        """Of the faces that the user said are hers; others have another."""
        if person not in self._signs:
            self._signs[person] = blake2b(
                self._embeddings[self._hers[person]].tobytes(), digest_size=16
            ).digest()
        return self._signs[person]

    def find_nearest(self, rows: NDArray[np.intp], persons: Sequence[PersonId]) -> Nearest:
        """Of these persons the nearest to each row that it was not rejected for.

        Of two equally near ones the one whose face comes first in content order.
        """
        blocks = [
            self._nearest_of_block(rows[start : start + BLOCK], persons)
            for start in range(0, len(rows), BLOCK)
        ]
        return Nearest(
            np.concatenate([block.persons for block in blocks] or [np.empty(0, dtype=np.int64)]),
            np.concatenate([block.distances for block in blocks] or [np.empty(0)]),
            np.concatenate([block.seconds for block in blocks] or [np.empty(0)]),
            np.concatenate([block.second_persons for block in blocks] or [np.empty(0, dtype=np.int64)]),
        )

    def _nearest_of_block(self, rows: NDArray[np.intp], persons: Sequence[PersonId]) -> Nearest:
        points = self._embeddings[rows].astype(np.float64)
        best, seconds = np.full(len(rows), np.inf), np.full(len(rows), np.inf)
        chosen, nearest = np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows), dtype=np.intp)
        runners_up = np.zeros(len(rows), dtype=np.int64)
        no = self._claims.rejected
        rejecting = [(n, no[row]) for n, row in enumerate(rows.tolist()) if row in no]
        for person in persons:
            hers = self._hers[person]
            distances, columns = _nearest_row(points, self._embeddings[hers].astype(np.float64))
            distances[[n for n, rejected in rejecting if person in rejected]] = np.inf
            distances[self._claims.find_before(rows, person)] = np.inf
            firsts = hers[columns]
            wins = (distances < best) | ((distances == best) & (distances < np.inf) & (firsts < nearest))
            runners_up = np.where(wins, chosen, np.where(distances < seconds, person, runners_up))
            seconds = np.where(wins, best, np.minimum(seconds, distances))
            best, nearest = np.where(wins, distances, best), np.where(wins, firsts, nearest)
            chosen[wins] = person
        return Nearest(chosen, best, seconds, runners_up)


def _nearest_row(points: NDArray[np.float64], others: NDArray[np.float64]) -> Columns:
    """(n,) Euclidean distance to the nearest of the others, and (n,) which, the first of equally near ones."""
    squares = points @ others.T
    squares *= -2
    squares += (points * points).sum(1)[:, None]
    squares += (others * others).sum(1)[None, :]
    least = squares.min(axis=1)
    columns = np.argmax(squares <= least[:, None] + ALIKE, axis=1)
    return np.round(np.sqrt(np.clip(least, 0, None)), DIGITS), columns
