"""Which number an unnamed person has: the one of the last run, by largest overlap. Pure.

A number says nothing about who is who: it is the only thing here that depends on what was before.
"""

import numpy as np
from numpy.typing import NDArray

from faced.people.faces import NOISE

__all__ = ["number_persons"]


def number_persons(labels: NDArray[np.int32], before: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) the person of each label, by its row: the last run's by largest overlap, one to one, else a new one (below 0).

    labels: (n,) the cluster of each face, as a row of it, or NOISE. before: (n,) persons of the last run, above 0, or 0: none. New ones
    are numbered from the largest cluster down. Ties break by the first face in content order.
    """
    count = len(labels)
    numbers = np.zeros(count, dtype=np.int64)
    rows = np.flatnonzero((labels != NOISE) & (before != 0))
    mine, persons = labels[rows], before[rows]
    span = int(persons.max(initial=0)) + 1
    person_of, label_of = np.zeros(count, dtype=np.int64), np.zeros(span, dtype=np.intp)
    person_of[mine], label_of[persons] = persons, mine
    split_label, split_person = np.zeros(count, dtype=np.bool_), np.zeros(span, dtype=np.bool_)
    split_label[mine[person_of[mine] != persons]] = True
    split_person[persons[label_of[persons] != mine]] = True
    simple = ~split_label[mine] & ~split_person[persons]
    numbers[mine[simple]] = persons[simple]
    others = ~simple
    for label, person in _match(mine[others], persons[others], before):
        numbers[label] = person
    sizes = np.bincount(labels[labels != NOISE], minlength=count)
    left = np.flatnonzero((sizes > 0) & (numbers == 0))
    left = left[np.lexsort((left, -sizes[left]))]
    numbers[left] = -1 - np.arange(len(left))
    return numbers


def _match(
    labels: NDArray[np.int32], persons: NDArray[np.int64], before: NDArray[np.int64]
) -> list[tuple[int, int]]:
    """The largest overlap first, of equal ones the first label, then the person seen first."""
    if len(labels) == 0:
        return []
    pairs, overlaps = np.unique(np.column_stack([labels, persons]), axis=0, return_counts=True)
    found, inverse = np.unique(pairs[:, 1], return_inverse=True)
    seen = np.flatnonzero(np.isin(before, found))[::-1]
    first = np.zeros(len(found), dtype=np.intp)
    first[np.searchsorted(found, before[seen])] = seen
    order = np.lexsort((first[inverse], pairs[:, 0], -overlaps))
    matched: dict[int, int] = {}
    taken: set[int] = set()
    for label, person in pairs[order].tolist():
        if label not in matched and person not in taken:
            matched[label] = person
            taken.add(person)
    return list(matched.items())
