"""Who may be in a photo because of who else is in it. Pure.

Two persons are mates when a photo shows both. Beside one of them a face is more likely the other than beside strangers:
then it is asked of a few, and not of everybody, whom it is like.
"""

import numpy as np
from numpy.typing import NDArray

from faced.people.ranges import expand_ranges

__all__ = ["find_mates"]


def find_mates(
    photos: NDArray[np.intp],
    persons: NDArray[np.intp],
    rows: NDArray[np.intp],
    whom: NDArray[np.intp],
) -> NDArray[np.bool_]:
    """(p,) whether a mate of this person is in the photo of this face, and she herself is not.

    photos: (n,) the photo of each face, a number from 0 on. persons: (n,) who each is, -1: nobody with a name. rows: (p,) of
    the faces. whom: (p,) persons.
    """
    found = np.zeros(len(rows), dtype=np.bool_)
    known = np.flatnonzero(persons >= 0)
    if len(known) == 0 or len(rows) == 0:
        return found
    count = int(persons.max()) + 1
    shown = np.unique(photos[known] * count + persons[known])
    where, who = shown // count, shown % count
    mates = _pair_up(where, who, count)
    has_somebody = np.zeros(int(photos.max()) + 1, dtype=np.bool_)
    has_somebody[where] = True
    asked = np.flatnonzero(has_somebody[photos[rows]] & (whom < count))
    codes, back = np.unique(photos[rows[asked]] * count + whom[asked], return_inverse=True)
    place, person = codes // count, codes % count
    starts, stops = np.searchsorted(where, place), np.searchsorted(where, place, side="right")
    pair, beside = expand_ranges(starts, stops)
    has_mate = np.zeros(len(codes), dtype=np.bool_)
    has_mate[pair[_is_in(who[beside] * count + person[pair], mates)]] = True
    found[asked] = (has_mate & ~_is_in(codes, shown))[back]
    return found


def _pair_up(where: NDArray[np.intp], who: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """(m,) ascending: one * count + other, for all who are in one photo; also of each with herself."""
    one, other = expand_ranges(np.searchsorted(where, where), np.searchsorted(where, where, side="right"))
    return np.unique(who[one] * count + who[other])


def _is_in(codes: NDArray[np.intp], among: NDArray[np.intp]) -> NDArray[np.bool_]:
    """(m,) whether each is among these, which are ascending and at least one."""
    places = np.minimum(np.searchsorted(among, codes), len(among) - 1)
    return np.asarray(among[places] == codes)
