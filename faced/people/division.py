"""What is a person's by the user's word: the faces it speaks of, and the clusters owned through them. Pure.

A cluster is P's when P's anchors in it are at least 2, or a fifth of its core faces; fewer speak for
themselves only. A cluster with two owners is divided. Pins own no cluster: a pin says "this face", and two
photos dragged out of a folder of a hundred must not pull the other ninety-eight after them (nor may half of a
move that is still going on). They do count as the person's faces when distances are compared.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faced.model import FaceId, Floats, PersonId
from faced.people.faces import NOISE, Clusters, Faces
from faced.people.said import Said

__all__ = ["Claims", "Nearness", "claim_faces", "find_owners", "rows_by_label"]

ENOUGH = 2
SHARE = 5
"""Owners have this many anchors in a cluster, or one for this many of its core faces."""
BLOCK = 1024
DIGITS = 9
"""Distances that differ in a later decimal are the same: the rounding of a matrix product is no reason."""


@dataclass(frozen=True, slots=True)
class Claims:
    """The rows that the user spoke of. by_pin, by_anchor: row -> person; no row is in both."""

    by_pin: Mapping[int, PersonId]
    by_anchor: Mapping[int, PersonId]
    votes: Mapping[int, PersonId]
    """The anchored rows, those that are pinned to the same person too."""

    def rows(self) -> dict[int, PersonId]:
        """Whose each of these rows is."""
        return {**self.by_pin, **self.by_anchor}


def claim_faces(faces: Faces, said: Said) -> Claims:
    """What the word says about these faces. A face that is rejected for P or pinned elsewhere is no anchor of P."""
    by_pin: dict[int, PersonId] = {}
    by_anchor: dict[int, PersonId] = {}
    votes: dict[int, PersonId] = {}
    if not said.pins and not said.anchors:
        return Claims(by_pin, by_anchor, votes)
    for row, number in enumerate(faces.ids.tolist()):
        face = FaceId(number)
        pinned, anchored = said.pins.get(face), said.anchors.get(face)
        if pinned is not None:
            by_pin[row] = pinned
            if anchored == pinned:
                votes[row] = pinned
        elif anchored is not None and not said.is_rejected(face, anchored):
            by_anchor[row] = votes[row] = anchored
    return Claims(by_pin, by_anchor, votes)


def find_owners(claims: Claims, clusters: Clusters) -> dict[int, tuple[PersonId, ...]]:
    """The persons whose each cluster is by anchors; clusters that are nobody's are left out."""
    votes = Counter(
        (int(clusters.labels[row]), person)
        for row, person in claims.votes.items()
        if clusters.labels[row] != NOISE
    )
    core_labels = clusters.labels[clusters.cores]
    cores = np.bincount(core_labels[core_labels != NOISE], minlength=len(clusters.labels))
    owners: dict[int, list[PersonId]] = {}
    for (label, person), count in votes.items():
        if count >= ENOUGH or SHARE * count >= cores[label]:
            owners.setdefault(label, []).append(person)
    return {label: tuple(sorted(persons)) for label, persons in owners.items()}


def rows_by_label(labels: NDArray[np.intp]) -> dict[int, NDArray[np.intp]]:
    """The rows of each cluster, ascending; NOISE left out."""
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order], prepend=NOISE - 1))
    return {
        int(labels[rows[0]]): rows
        for rows in np.split(order, starts[1:])
        if len(rows) and labels[rows[0]] != NOISE
    }


class Nearness:
    """How far a face is from a person: from the nearest face that the user said is hers, in whatever cluster.

    Not the nearest in the cluster only, so that other settings, which cut clusters elsewhere, change little.
    """

    def __init__(self, embeddings: Floats, claims: Mapping[int, PersonId]) -> None:
        """embeddings: (n, 128). claims: row -> person."""
        rows: dict[PersonId, list[int]] = {}
        for row in sorted(claims):
            rows.setdefault(claims[row], []).append(row)
        self._embeddings = embeddings
        self._hers = {person: np.array(found, dtype=np.intp) for person, found in rows.items()}

    def measure(
        self, rows: NDArray[np.intp], person: PersonId
    ) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """(m,) the distance of each row from the person, and (m,) the row of hers that is so near, the first
        in content order of equally near ones."""
        hers = self._hers[person]
        theirs = self._embeddings[hers].astype(np.float64)
        distances, nearest = np.empty(len(rows)), np.empty(len(rows), dtype=np.intp)
        for start in range(0, len(rows), BLOCK):
            block = slice(start, start + BLOCK)
            matrix = np.round(_distances(self._embeddings[rows[block]].astype(np.float64), theirs), DIGITS)
            column = np.argmin(matrix, axis=1)
            distances[block] = matrix[np.arange(len(matrix)), column]
            nearest[block] = hers[column]
        return distances, nearest

    def choose(
        self, rows: NDArray[np.intp], persons: Iterable[PersonId]
    ) -> list[list[tuple[float, int, PersonId]]]:
        """For each row the persons, nearest first, as (distance, the row that is so near, person).

        Of two equally near ones the one whose face comes first in content order.
        """
        found: list[list[tuple[float, int, PersonId]]] = [[] for _ in rows]
        for person in persons:
            distances, nearest = self.measure(rows, person)
            for ranked, distance, row in zip(found, distances.tolist(), nearest.tolist(), strict=True):
                ranked.append((distance, row, person))
        for ranked in found:
            ranked.sort()
        return found


def _distances(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, m) Euclidean."""
    squares = (a * a).sum(1)[:, None] + (b * b).sum(1)[None, :] - 2 * a @ b.T
    return np.asarray(np.sqrt(np.clip(squares, 0, None)))
