"""Rule 5, time: who cannot be whom because of when a photo was taken, and where a face must be nearer. Pure.

A photo from before somebody's birth shows somebody else. Otherwise time decides nothing: it only asks more of faces that
were left over and attach. Without dates nothing here does anything.

How much more, by FG-NET (docs/clustering.md): up to ten years on, the chance that two faces a given distance apart are one
person is what it is within a year; then the genuine ones are ever farther apart, and at the limit of attaching a relative
becomes as likely. Two children under ten are 0.15 nearer to each other than two adults are.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faced.people.faces import NOISE, Clusters, Gaps

__all__ = ["CHILD", "ask_nearer", "find_rooms", "is_before", "is_far_for_child"]

UNKNOWN = 0
"""The year of a face in a photo without a date."""
BRIDGED = 10
"""Years on that need no other distance."""
A_YEAR = 0.01
MOST = 0.10
"""Each further year asks for a face that is so much nearer (Euclidean), all of them for no more than this."""
CHILD_UP_TO = 10
CHILD = 0.15
"""Years of age, and how much nearer a child's face must be."""


def is_before(years: NDArray[np.int16], born: int | NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Which of the faces, (m,), were taken before a birth (or each before the one beside it). 0: the year is not known."""
    before: NDArray[np.bool_] = (years != UNKNOWN) & (years < born)
    return before


def ask_nearer(clusters: Clusters, years: NDArray[np.int16], limit: float) -> Clusters:
    """The clusters without the attached faces that are too far off for the years between them and all others there.

    years: (n,) of the faces, 0: unknown; near-copies have the earliest of theirs. limit: Euclidean, up to which faces
    attach. What stays attached is told how much room it has.
    """
    attached = clusters.attached
    rows = attached.rows
    if len(rows) == 0 or not years.any():
        return clusters
    room = limit - attached.distances
    gaps = _find_gaps(clusters, rows, _share_years(clusters.groups, years))
    stricter = np.clip((gaps - BRIDGED) * A_YEAR, 0, MOST)
    apart = room < stricter
    labels = clusters.labels.copy()
    labels[np.isin(clusters.groups, clusters.groups[rows[apart]])] = NOISE
    names = _first_rows(labels)
    left = attached.keep(np.flatnonzero(~apart))
    seconds = np.where(left.seconds == NOISE, NOISE, names[left.seconds])
    left = replace(left, seconds=seconds, rooms=room[~apart])
    whose = names[clusters.labels[rows[apart]]]
    away = Gaps(rows[apart], whose, attached.distances[apart], gaps[apart], limit - stricter[apart])
    return replace(clusters, labels=np.where(labels == NOISE, NOISE, names[labels]), attached=left, gaps=away)


def find_rooms(clusters: Clusters) -> NDArray[np.float64]:
    """(n,) how much nearer each face is than it had to be to attach, with its near-copies; inf for all others."""
    rooms = np.full(len(clusters.labels), np.inf)
    if clusters.attached.rooms is not None:
        rooms[clusters.groups[clusters.attached.rows]] = clusters.attached.rooms
    found: NDArray[np.float64] = rooms[clusters.groups]
    return found


def is_far_for_child(rooms: NDArray[np.float64], years: NDArray[np.int16], born: int) -> NDArray[np.bool_]:
    """Which faces may not attach to somebody born then: they would be a child's, and are not near enough for that.

    rooms, years: (m,), see `find_rooms`; 0: the year is not known.
    """
    far: NDArray[np.bool_] = (years != UNKNOWN) & (years - born <= CHILD_UP_TO) & (rooms < CHILD)
    return far


def _share_years(groups: NDArray[np.intp], years: NDArray[np.int16]) -> NDArray[np.int64]:
    """(n,) the earliest year of each face and its near-copies."""
    never = np.iinfo(np.int16).max
    earliest = np.full(len(groups), never, dtype=np.int64)
    np.minimum.at(earliest, groups, np.where(years == UNKNOWN, never, years))
    return np.where(earliest == never, UNKNOWN, earliest)[groups]


def _find_gaps(clusters: Clusters, rows: NDArray[np.intp], years: NDArray[np.int64]) -> NDArray[np.int64]:
    """(m,) years from each row to the nearest dated face of its cluster that did not attach itself; 0: not known."""
    span = 1 << 16
    anchored = np.flatnonzero(clusters.cores & (clusters.labels != NOISE) & (years != UNKNOWN))
    dated = np.sort(clusters.labels[anchored].astype(np.int64) * span + years[anchored])
    wanted = clusters.labels[rows].astype(np.int64) * span + years[rows]
    gaps = np.full(len(rows), span, dtype=np.int64)
    for side in (-1, 0):
        places = np.searchsorted(dated, wanted) + side
        inside = (places >= 0) & (places < len(dated))
        found = np.where(inside, dated[np.clip(places, 0, max(0, len(dated) - 1))] if len(dated) else 0, -1)
        same = inside & (found // span == wanted // span)
        gaps = np.where(same, np.minimum(gaps, np.abs(found - wanted)), gaps)
    return np.where((years[rows] == UNKNOWN) | (gaps == span), 0, gaps)


def _first_rows(labels: NDArray[np.intp]) -> NDArray[np.intp]:
    """(n,) the name of each label: the first row that has it; of one that is gone NOISE."""
    names = np.full(len(labels), NOISE, dtype=np.intp)
    found, firsts = np.unique(labels, return_index=True)
    names[found[found != NOISE]] = firsts[found != NOISE]
    return names
