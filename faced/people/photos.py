"""Rule 3: two faces of one photo are two persons, unless the user says otherwise (mirrors, collages). Pure."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from faced.model import Floats
from faced.people.division import DIGITS
from faced.people.faces import NOISE, Faces

__all__ = ["keep_nearest", "split_photos"]

BLOCK = 1 << 12
"""Faces that are looked at at once, or one cluster that has more."""


def split_photos(faces: Faces, labels: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Of two faces of one photo in one cluster the nearer to its centroid stays, the other is nobody's.

    Returns the labels (n,) and each face's distance to the centroid of the cluster it was in (n,),
    Euclidean. Of equally near ones the first in content order stays.
    """
    kept = labels.copy()
    distances = np.zeros(len(labels))
    rows = np.flatnonzero(labels != NOISE)
    rows = rows[np.argsort(labels[rows], kind="stable")]
    distances[rows] = _from_centroids(
        faces.embeddings, rows, np.flatnonzero(np.diff(labels[rows], prepend=NOISE))
    )
    numbers: dict[str, int] = {}
    pictures = np.array([numbers.setdefault(image, len(numbers)) for image in faces.images], dtype=np.intp)
    places = labels[rows] * (len(numbers) + 1) + pictures[rows]
    order = np.argsort(places, kind="stable")
    again = np.diff(places[order], prepend=NOISE, append=NOISE) == 0
    several = rows[order[again[1:] | again[:-1]]]  # in one cluster with another of their photo
    several = several[
        np.lexsort((several, np.round(distances[several], DIGITS), pictures[several], labels[several]))
    ]
    same = (np.diff(labels[several], prepend=NOISE) == 0) & (np.diff(pictures[several], prepend=NOISE) == 0)
    kept[several[same]] = NOISE
    return kept, distances


def keep_nearest(
    images: tuple[str, ...], computed: Mapping[int, tuple[int, float]], said: Mapping[int, int]
) -> set[int]:
    """The computed rows that stay when a person is in a photo more than once.

    computed: row -> (person, distance). said: row -> person, by the user's word: all of these stay, and no
    computed one beside them. Else the nearest stays, of equally near ones the first in content order.
    """
    taken = {(person, images[row]) for row, person in said.items()}
    best: dict[tuple[int, str], int] = {}
    for row, (person, distance) in computed.items():
        place = (person, images[row])
        other = best.setdefault(place, row)
        if other != row and (round(distance, DIGITS), row) < (round(computed[other][1], DIGITS), other):
            best[place] = row
    return {row for place, row in best.items() if place not in taken}


def _from_centroids(
    embeddings: Floats, rows: NDArray[np.intp], starts: NDArray[np.intp]
) -> NDArray[np.float64]:
    """(m,) the distance of each row to the middle of its cluster. starts: where in `rows` each cluster begins."""
    distances = np.empty(len(rows))
    stops = np.append(starts[1:], len(rows))
    done = 0
    while done < len(starts):
        until = max(done + 1, int(np.searchsorted(stops, starts[done] + BLOCK, side="right")))
        block = slice(starts[done], stops[until - 1])
        sizes = stops[done:until] - starts[done:until]
        exact = embeddings[rows[block]].astype(np.float64)
        middles = np.add.reduceat(exact, starts[done:until] - starts[done], axis=0) / sizes[:, None]
        exact -= np.repeat(middles, sizes, axis=0)
        distances[block] = np.sqrt(np.vecdot(exact, exact))
        done = until
    return distances
