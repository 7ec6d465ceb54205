"""The nearest few of each face, kept as faces come and go: lists get longer, are struck out of, and tell what they were.

A list holds a few more than are shown, so that most removals need no search for the next one. It is *cut* where there
are others within reach that it has no room for. Values only.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from faced.people.components import distinct_rows
from faced.people.distances import Pairs
from faced.people.nearest import NOBODY, Lists, choose_nearest
from faced.people.rows import first_places

__all__ = ["LISTED", "SPARE", "KeptLists"]

SPARE = 8
CHUNK = 1 << 15
MANY = 8
"""So many new faces in one list are put in one by one; more are sorted with the others."""
LISTED = ("nearest", "distances", "cut")
"""The columns of it, by row."""


class KeptLists:
    """nearest: (r, kept + SPARE) int32 rows by distance, then content, NOBODY from where they end. distances: the same, float32,
    inf there. cut: (r,) bool. Rows beyond those in use are room for more.
    """

    def __init__(self, kept: int) -> None:
        """kept: how many are shown."""
        self._kept, self._width = kept, kept + SPARE
        self.nearest = np.empty((0, self._width), dtype=np.int32)
        self.distances = np.empty((0, self._width), dtype=np.float32)
        self.cut = np.empty(0, dtype=np.bool_)
        self._before: list[Lists] = []

    def clean(self) -> None:
        """From here on `others` counts anew."""
        self._before = []

    def others(self, places: NDArray[np.int32]) -> Lists:
        """Rows whose shown lists were changed since `clean`, new ones left out, and what their lists were, NOBODY for
        what is gone; in the order of the rows. places: of each row in content order, NOBODY of what is gone, and as the
        last one: rows are called by these.
        """
        rows = places[np.concatenate([np.empty(0, np.int32), *(one.rows for one in self._before)])]
        rows, firsts = np.unique(rows, return_index=True)
        rows, firsts = rows[rows != NOBODY], firsts[rows != NOBODY]
        if len(rows) == 0:
            return Lists(rows, self.nearest[:0, : self._kept], self.distances[:0, : self._kept], self.cut[:0])
        return Lists(
            rows,
            places[np.concatenate([one.nearest for one in self._before])[firsts]],
            np.concatenate([one.distances for one in self._before])[firsts],
            np.concatenate([one.cut for one in self._before])[firsts],
        )

    def empty(self, rows: slice | NDArray[np.int32]) -> None:
        """These have nobody in their lists, and there is nobody else."""
        self.nearest[rows], self.distances[rows], self.cut[rows] = NOBODY, np.inf, False

    def list_new(self, pairs: Pairs, places: NDArray[np.int32]) -> None:
        """The lists of rows that have none. places: of all rows in content order."""
        if len(pairs) == 0:
            return
        lists = choose_nearest(pairs.ones, pairs.others, pairs.distances, places, self._width)
        self.nearest[lists.rows], self.distances[lists.rows] = lists.nearest, lists.distances
        self.cut[lists.rows] = lists.cut

    def list_old(self, pairs: Pairs, places: NDArray[np.int32], size: int) -> None:
        """New faces, `ones`, in the lists of old rows below size.

        What lies beyond a list that is cut is not its next one.
        """
        rows = pairs.others
        ends = self.distances[rows, -1]
        later = places[pairs.ones] > places[self.nearest[rows, -1]]
        far = (pairs.distances > ends) | ((pairs.distances == ends) & later)
        self.cut[rows[far]] = True
        pairs = pairs.take(~far)
        if len(pairs) == 0:
            return
        order = np.argsort(pairs.others, kind="stable")
        pairs = pairs.take(order)
        firsts = first_places(pairs.others)
        often = np.diff(firsts, append=len(pairs))
        if int(often.max()) > MANY:
            self._merge(pairs, places, size)
            return
        rows = pairs.others[firsts]
        self._note(rows)
        nearest, distances = self.nearest[rows], self.distances[rows]
        cut, ends = self.cut[rows], (nearest != NOBODY).sum(axis=1)
        changed = np.zeros(len(rows), dtype=np.bool_)
        for turn in range(int(often.max())):
            which = np.flatnonzero(often > turn)
            new = firsts[which] + turn
            put = _insert(nearest, distances, cut, ends, which, pairs.ones[new], pairs.distances[new], places)
            changed[put] = True
        self.nearest[rows], self.distances[rows], self.cut[rows] = nearest, distances, cut
        self._keep_notes(changed)

    def _merge(self, pairs: Pairs, places: NDArray[np.int32], size: int) -> None:
        """As list_old, of many new faces near one."""
        rows = distinct_rows(pairs.others, size)
        where, columns = np.nonzero(self.nearest[rows] != NOBODY)
        had = rows[where]
        lists = choose_nearest(
            np.concatenate([pairs.others, had]),
            np.concatenate([pairs.ones, self.nearest[had, columns]]),
            np.concatenate([pairs.distances, self.distances[had, columns]]),
            places,
            self._width,
        )
        was_cut = self.cut[rows]
        lengths = (self.nearest[rows] != NOBODY).sum(axis=1)
        lasts = self.nearest[rows, np.maximum(lengths - 1, 0)]
        at_last = lists.nearest == lasts[:, None]
        beyond = (np.cumsum(at_last, axis=1) > 0) & ~at_last & was_cut[:, None]
        lists.nearest[beyond], lists.distances[beyond] = NOBODY, np.inf
        changed: NDArray[np.int32] = rows[(lists.nearest != self.nearest[rows]).any(axis=1)]
        self._note(changed)
        self.nearest[rows], self.distances[rows] = lists.nearest, lists.distances
        self.cut[rows] = was_cut | lists.cut

    def strike_out(self, gone: NDArray[np.bool_], rows: NDArray[np.int32]) -> NDArray[np.int32]:
        """The lists of these rows without those that are gone, (n,). Returns those that must look for more."""
        lookup = np.append(gone, False)  # the last one is NOBODY
        short = [np.empty(0, dtype=np.int32)]
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            struck = lookup[self.nearest[part]]
            is_struck = struck.any(axis=1)
            struck, part = struck[is_struck], part[is_struck]
            self._note(part)
            order = np.argsort(struck, axis=1, kind="stable")
            nearest, distances = self.nearest[part], self.distances[part]
            nearest[struck], distances[struck] = NOBODY, np.inf
            self.nearest[part] = np.take_along_axis(nearest, order, axis=1)
            self.distances[part] = np.take_along_axis(distances, order, axis=1)
            short.append(part[self.cut[part] & (self.nearest[part, self._kept - 1] == NOBODY)])
        return np.concatenate(short)

    def renumber(self, table: NDArray[np.int32], size: int) -> None:
        """Rows below size have moved; what their lists and `others` say follows. table: where each is now, NOBODY last."""
        for start in range(0, size, CHUNK):
            lists = self.nearest[start : min(size, start + CHUNK)]
            np.take(table, lists, out=lists, mode="wrap")
        self._before = [
            replace(one, rows=table[one.rows], nearest=table[one.nearest]) for one in self._before
        ]

    def _keep_notes(self, which: NDArray[np.bool_]) -> None:
        """Of the last noted ones only these have changed."""
        last = self._before.pop()
        self._before.append(Lists(*(getattr(last, name)[which] for name in ("rows", *LISTED))))

    def _note(self, rows: NDArray[np.int32]) -> None:
        """What the lists of these rows are, before they change."""
        kept = self._kept
        self._before.append(
            Lists(rows, self.nearest[rows, :kept], self.distances[rows, :kept], self.cut[rows])
        )


def _insert(
    nearest: NDArray[np.int32],
    distances: NDArray[np.float32],
    cut: NDArray[np.bool_],
    ends: NDArray[np.intp],
    which: NDArray[np.intp],
    new: NDArray[np.int32],
    far: NDArray[np.float32],
    places: NDArray[np.int32],
) -> NDArray[np.intp]:
    """A new one, (m,), so far away, (m,), in each of some lists, which are changed. ends: how long the lists are. Returns those of
    `which` that have it now.
    """
    width = nearest.shape[1]
    theirs, others = distances[which], nearest[which]
    before = theirs < far[:, None]
    ties = np.flatnonzero((theirs == far[:, None]).any(axis=1))
    before[ties] |= (theirs[ties] == far[ties, None]) & (places[others[ties]] < places[new[ties], None])
    at = before.sum(axis=1)
    fits = (at < width) & ((at < ends[which]) | ~cut[which])
    cut[which] |= ends[which] == width
    which, at, new, far = which[fits], at[fits], new[fits], far[fits]
    columns = np.arange(width)
    source = columns - (columns > at[:, None])
    one = np.take_along_axis(others[fits], source, axis=1)
    other = np.take_along_axis(theirs[fits], source, axis=1)
    order = np.arange(len(which))
    one[order, at], other[order, at] = new, far
    nearest[which], distances[which] = one, other
    ends[which] = np.minimum(ends[which] + 1, width)
    return which
