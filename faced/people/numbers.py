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
    count, span = len(labels), int(before.max(initial=0)) + 1
    numbers = np.zeros(count, dtype=np.int64)
    rows = np.flatnonzero((labels != NOISE) & (before != 0))
    mine, persons = labels[rows].astype(np.intp), before[rows]
    is_there, is_open = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
    is_there[mine] = True
    is_open[mine[before[mine] != persons]] = True  # not all were whose the face is that it is called by
    names = np.flatnonzero(is_there)
    is_open[names[labels[names] != names]] = True  # that one is in it no more
    is_open[_contested(names, before, is_open, persons[is_open[mine]], span)] = True
    names = names[~is_open[names]]
    numbers[names] = before[names]
    others = is_open[mine]
    for label, person in _match(mine[others], persons[others], before, span):
        numbers[label] = person
    sizes = np.bincount(labels + 1, minlength=count + 1)[1:]
    left = np.flatnonzero((sizes > 0) & (numbers == 0))
    left = left[np.lexsort((left, -sizes[left]))]
    numbers[left] = -1 - np.arange(len(left))
    return numbers


def _contested(
    names: NDArray[np.intp],
    before: NDArray[np.int64],
    is_open: NDArray[np.bool_],
    wanted: NDArray[np.int64],
    span: int,
) -> NDArray[np.intp]:
    """Of the labels that all were one person the ones whose person another label was too. wanted: persons of those that are open."""
    names = names[~is_open[names]]
    persons = before[names]
    often = np.bincount(persons, minlength=span)
    often[wanted] += 1
    return names[often[persons] > 1]


def _match(
    labels: NDArray[np.intp], persons: NDArray[np.int64], before: NDArray[np.int64], span: int
) -> list[tuple[int, int]]:
    """The largest overlap first, of equal ones the first label, then the person seen first."""
    if len(labels) == 0:
        return []
    pairs, overlaps = np.unique(labels * span + persons, return_counts=True)
    ours, theirs = np.divmod(pairs, span)
    is_theirs = np.zeros(span, dtype=np.bool_)
    is_theirs[theirs] = True
    first = np.zeros(span, dtype=np.intp)
    seen = np.flatnonzero(is_theirs[before])[::-1]
    first[before[seen]] = seen
    order = np.lexsort((first[theirs], ours, -overlaps))
    matched: dict[int, int] = {}
    taken: set[int] = set()
    for label, person in zip(ours[order].tolist(), theirs[order].tolist(), strict=True):
        if label not in matched and person not in taken:
            matched[label] = person
            taken.add(person)
    return list(matched.items())
