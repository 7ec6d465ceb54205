"""Who is who: clusters become persons. Values in, values out; nothing here knows a path.

Of DESIGN's seven rules this module has so far: two faces of one photo are two persons (3), and the result
does not depend on the order of arrival (7). Pins, anchors, joining and suggestions enter at
`assign_persons`, each before what it outranks.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faced.model import FaceId, Floats, PersonId
from faced.people.clustering import NOISE
from faced.people.faces import Faces

__all__ = ["Assignment", "assign_persons", "match_persons", "split_photos", "spread_labels"]


@dataclass(frozen=True, slots=True)
class Assignment:
    """Whose each face is, and why. A group that is nobody known yet has a number below zero.

    persons: (face, person or -1, -2, … for new persons in the order in which they get their ids).
    """

    persons: dict[FaceId, int]
    reasons: dict[FaceId, str]

    @property
    def new_count(self) -> int:
        """How many new ids are wanted."""
        return len({person for person in self.persons.values() if person < 0})


def assign_persons(faces: Faces, labels: NDArray[np.intp], previous: Mapping[FaceId, PersonId]) -> Assignment:
    """Clusters become persons: two of one photo are told apart, then numbers of the last run are kept.

    faces: n faces in content order. labels: (n,) cluster of each, or NOISE. previous: whose a face
    was at the last run.
    """
    labels, distances = split_photos(faces, labels)
    numbers = match_persons(faces.ids, labels, previous)
    persons: dict[FaceId, int] = {}
    reasons: dict[FaceId, str] = {}
    sizes = {label: int((labels == label).sum()) for label in numbers}
    for row in np.flatnonzero(labels != NOISE):
        face, label = FaceId(int(faces.ids[row])), int(labels[row])
        persons[face] = numbers[label]
        reasons[face] = f"in a cluster of {sizes[label]} faces, {distances[row]:.2f} from its middle"
    return Assignment(persons, reasons)


def spread_labels(
    labels: NDArray[np.intp], rows: NDArray[np.intp], groups: NDArray[np.intp]
) -> NDArray[np.intp]:
    """The label of a group's representative for all of its near-copies.

    labels: (m,) of the representatives. rows: (m,) their rows among all n faces. groups: (n,) group of
    each face. Returns (n,), as rows among all faces; NOISE where a group has no representative.
    """
    spread = np.full(len(groups), NOISE, dtype=np.intp)
    by_group = {
        int(groups[row]): (int(rows[label]) if label != NOISE else NOISE)
        for row, label in zip(rows, labels, strict=True)
    }
    for row, group in enumerate(groups):
        spread[row] = by_group.get(int(group), NOISE)
    return spread


def split_photos(faces: Faces, labels: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Of two faces of one photo in one cluster the nearer to its centroid stays, the other is nobody's.

    Returns the labels (n,) and each face's distance to the centroid of the cluster it was in (n,),
    Euclidean. Of equally near ones the first in content order stays.
    """
    kept = labels.copy()
    distances = np.zeros(len(labels))
    best: dict[tuple[int, str], tuple[float, int]] = {}
    for label in np.unique(labels[labels != NOISE]):
        rows = np.flatnonzero(labels == label)
        distances[rows] = _from_centroid(faces.embeddings[rows])
        for row in rows:
            place = (int(label), faces.images[row])
            mine = (round(float(distances[row]), 9), int(row))
            if place not in best or mine < best[place]:
                if place in best:
                    kept[best[place][1]] = NOISE
                best[place] = mine
            else:
                kept[row] = NOISE
    return kept, distances


def _from_centroid(embeddings: Floats) -> NDArray[np.float64]:
    exact = embeddings.astype(np.float64)
    return np.asarray(np.linalg.norm(exact - exact.mean(axis=0), axis=1))


def match_persons(
    ids: NDArray[np.int64], labels: NDArray[np.intp], previous: Mapping[FaceId, PersonId]
) -> dict[int, int]:
    """A person for each label: the last run's by largest overlap, one to one, else a new one (below 0).

    New ones are numbered from the largest cluster down. Ties break by the first face in content order.
    """
    overlaps: dict[tuple[int, PersonId], int] = {}
    sizes: dict[int, int] = {}
    first_seen: dict[PersonId, int] = {}
    for row, (face, label) in enumerate(zip(ids, labels, strict=True)):
        person = previous.get(FaceId(int(face)))
        if person is not None:
            first_seen.setdefault(person, row)
        if label == NOISE:
            continue
        sizes[int(label)] = sizes.get(int(label), 0) + 1
        if person is not None:
            overlaps[int(label), person] = overlaps.get((int(label), person), 0) + 1
    matched: dict[int, int] = {}
    taken: set[PersonId] = set()
    ranked = sorted(overlaps, key=lambda pair: (-overlaps[pair], pair[0], first_seen[pair[1]]))
    for label, person in ranked:
        if label not in matched and person not in taken:
            matched[label] = person
            taken.add(person)
    left = sorted(
        (label for label in sizes if label not in matched), key=lambda label: (-sizes[label], label)
    )
    return matched | {label: -number for number, label in enumerate(left, start=1)}
