"""Which number an unnamed person has: the one of the last run, by largest overlap. Pure.

A number says nothing about who is who: it is the only thing here that depends on what was before.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from faced.model import FaceId, PersonId
from faced.people.faces import NOISE

__all__ = ["match_persons"]

NOBODY = -1


def match_persons(
    ids: NDArray[np.int64], labels: NDArray[np.intp], previous: Mapping[FaceId, PersonId]
) -> dict[int, int]:
    """A person for each label: the last run's by largest overlap, one to one, else a new one (below 0).

    New ones are numbered from the largest cluster down. Ties break by the first face in content order.
    """
    persons = np.array([previous.get(face, NOBODY) for face in ids.tolist()], dtype=np.int64)
    known = np.flatnonzero(persons != NOBODY)
    found, firsts = np.unique(persons[known], return_index=True)
    first_seen = dict(zip(found.tolist(), known[firsts].tolist(), strict=True))
    found, counts = np.unique(labels[labels != NOISE], return_counts=True)
    sizes = dict(zip(found.tolist(), counts.tolist(), strict=True))
    both = known[labels[known] != NOISE]
    pairs, counts = np.unique(np.column_stack([labels[both], persons[both]]), axis=0, return_counts=True)
    overlaps = {
        (label, PersonId(person)): count
        for (label, person), count in zip(pairs.tolist(), counts.tolist(), strict=True)
    }
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
