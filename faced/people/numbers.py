"""Which number an unnamed person has: the one of the last run, by largest overlap. Pure.

A number says nothing about who is who: it is the only thing here that depends on what was before.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from faced.model import FaceId, PersonId
from faced.people.faces import NOISE

__all__ = ["match_persons"]


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
