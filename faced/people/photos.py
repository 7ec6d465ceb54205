"""Rule 3: two faces of one photo are two persons, unless the user says otherwise (mirrors, collages). Pure."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from faced.model import Floats
from faced.people.division import DIGITS, rows_by_label
from faced.people.faces import NOISE, Faces

__all__ = ["keep_nearest", "split_photos"]


def split_photos(faces: Faces, labels: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Of two faces of one photo in one cluster the nearer to its centroid stays, the other is nobody's.

    Returns the labels (n,) and each face's distance to the centroid of the cluster it was in (n,),
    Euclidean. Of equally near ones the first in content order stays.
    """
    kept = labels.copy()
    distances = np.zeros(len(labels))
    best: dict[tuple[int, str], tuple[float, int]] = {}
    for label, rows in rows_by_label(labels).items():
        distances[rows] = _from_centroid(faces.embeddings[rows])
        for row in rows:
            place = (label, faces.images[row])
            mine = (round(float(distances[row]), DIGITS), int(row))
            if place not in best or mine < best[place]:
                if place in best:
                    kept[best[place][1]] = NOISE
                best[place] = mine
            else:
                kept[row] = NOISE
    return kept, distances


def keep_nearest(
    images: tuple[str, ...], computed: Mapping[int, tuple[int, float]], said: Mapping[int, int]
) -> set[int]:
    """The computed rows that stay when a person is in a photo more than once.

    computed: row -> (person, distance). said: row -> person, by the user's word: all of these stay, and no
    computed one beside them. Else the nearest stays, of equally near ones the first in content order.
    """
    taken = {(person, images[row]) for row, person in said.items()}
    best: dict[tuple[int, str], tuple[float, int]] = {}
    for row, (person, distance) in computed.items():
        place = (person, images[row])
        mine = (round(distance, DIGITS), row)
        if place not in taken and (place not in best or mine < best[place]):
            best[place] = mine
    return {row for _, row in best.values()}


def _from_centroid(embeddings: Floats) -> NDArray[np.float64]:
    exact = embeddings.astype(np.float64)
    return np.asarray(np.linalg.norm(exact - exact.mean(axis=0), axis=1))
