"""DBSCAN that is kept: who is near whom, as faces come and go. Values only; nothing here knows a path.

Of each face are kept: how many faces lie within `eps`, the part (component of cores) that it is a core of, and its
nearest few within `wide`; never the pairs. Its state follows from the faces alone, not from their order or batches,
and cores and parts are those of scikit-learn's DBSCAN run anew on the eligible faces. Faces that are not eligible
have neighbours but are nobody's: they make no core and lengthen no list.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faced.model import Floats
from faced.people.components import distinct_rows, join_parts
from faced.people.distances import NO_PAIRS, Pairs, Radii, TooMany, find_pairs, half_squares, stamp_vectors
from faced.people.faces import NOISE
from faced.people.holding import MOST_LOST, hold_together
from faced.people.lists import LISTED, KeptLists
from faced.people.nearest import NOBODY, Lists
from faced.people.neighbourhood import Neighbourhood, Reach
from faced.people.order import Order, Ordered
from faced.people.rows import move_rows

__all__ = ["Neighbourhood", "Neighbours", "Reach"]

ROOM = 16
"""For one more in so many faces there is memory when some must be asked for."""
BATCH = 4096
MANY = 1 << 14
DIMENSIONS = 128
COLUMNS = ("_ids", "_embeddings", "_halves", "_stamps", "_eligible", "_counts", "_parts")
UNSAVED = ("_embeddings", "_halves")


@dataclass(frozen=True, slots=True, eq=False)
class _Lost:
    """Rows that are cores no more, (m,) ascending, the part of each, and the links of those gone with all that were cores."""

    rows: NDArray[np.int32]
    parts: NDArray[np.int32]
    ones: NDArray[np.int32]
    others: NDArray[np.int32]


class Neighbours:
    """The kept state: a row for each face, in the order of their content. Inside they lie as they came, each in its slot
    (see `order`), and all that is kept speaks of slots.
    """

    def __init__(self, reach: Reach) -> None:
        self.reach = reach
        self._order = Order()
        self._used = 0
        self._radii = Radii(reach.eps, max(reach.eps, reach.wide))
        self._eps = Radii(reach.eps)
        self._lists = KeptLists(reach.kept)
        self._ids = np.empty(0, dtype=np.int64)
        self._places = self._order.rows
        self._embeddings = np.empty((0, DIMENSIONS), dtype=np.float32)
        self._halves = np.empty(0, dtype=np.float32)
        self._stamps = np.empty(0, dtype=np.uint64)
        self._eligible = np.empty(0, dtype=np.bool_)
        self._counts = np.empty(0, dtype=np.int32)
        self._parts = np.empty(0, dtype=np.int32)

    @property
    def size(self) -> int:
        """How many faces there are."""
        return len(self._order)

    @property
    def ids(self) -> NDArray[np.int64]:
        """(n,) the face of each row."""
        return self._ids[self._order.slots]

    @property
    def embeddings(self) -> Floats:
        """(n, 128), of each row; to be looked up by rows."""
        found: Floats = self._in_order(self._embeddings)
        return found

    def _in_order(
        self, column: NDArray[Any], table: NDArray[np.int32] | None = None, width: int | None = None
    ) -> Any:
        return Ordered(column, self._order.slots, table, width)

    @property
    def is_sound(self) -> NDArray[np.bool_]:
        """(n,) whether the vector of each row is a place."""
        return np.isfinite(self._halves[self._order.slots])

    @property
    def eligible(self) -> NDArray[np.bool_]:
        """(n,) of each row."""
        return self._eligible[self._order.slots]

    def clean(self) -> None:
        """From here on `other_lists` counts anew."""
        self._lists.clean()

    def other_lists(self) -> Lists:
        """See KeptLists.others."""
        return self._lists.others(self._order.rows)

    def show(self) -> Neighbourhood:
        """The state as it is now."""
        slots, kept = self._order.slots, self.reach.kept
        parts = self._parts[slots]
        return Neighbourhood(
            self.embeddings,
            self.eligible,
            self._counts[slots],
            parts != NOISE,
            self._name_parts(parts),
            self._in_order(self._lists.nearest, self._order.rows, kept),
            self._in_order(self._lists.distances, None, kept),
            self._radius,
        )

    def add(
        self,
        ids: NDArray[np.int64],
        embeddings: Floats,
        eligible: NDArray[np.bool_],
        places: NDArray[np.intp] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """More faces, none of them here already, in content order.

        ids: (m,). embeddings: (m, 128). eligible: (m,); a face whose vector is not finite never is. places: (m,)
        ascending, the rows that they have afterwards; None: after all others. progress: told how many of all are done.
        """
        self.update(np.empty(0, dtype=np.intp), ids, embeddings, eligible, places, progress)

    def remove(self, rows: NDArray[np.intp]) -> None:
        """These rows' faces are gone; the others close up."""
        nothing = np.empty((0, DIMENSIONS), dtype=np.float32)
        self.update(rows, np.empty(0, dtype=np.int64), nothing, np.empty(0, dtype=np.bool_))

    def update(
        self,
        gone: NDArray[np.intp],
        ids: NDArray[np.int64],
        embeddings: Floats,
        eligible: NDArray[np.bool_],
        places: NDArray[np.intp] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """The faces of these rows are gone, and others are there; see `add`. places: when both is done."""
        first, count = self._used, len(ids)
        if embeddings.shape != (count, DIMENSIONS):
            raise ValueError(f"embeddings of shape {embeddings.shape}, not {(count, DIMENSIONS)}")
        is_gone = np.zeros(first, dtype=np.bool_)
        is_gone[self._order.slots[gone]] = True
        is_full = self._write(ids, embeddings, eligible)
        together = self._find_together(is_gone, count)
        self._places = self._order.rows
        if len(gone):
            self._withdraw(is_gone, None if together is None else together.take(together.ones < first))
        self._order.place(gone, count, places)
        self._places = self._order.rows
        if together is not None:
            rows = np.arange(first, first + count, dtype=np.int32)
            left = ~np.append(is_gone, np.zeros(count, np.bool_))
            self._take_in(rows, together.take((together.ones >= first) & left[together.others]))
            self._used = first + count
        elif count:
            self._take_in_all(count, progress)
        if is_full or self._order.has_holes:
            self._tidy()

    def _find_together(self, gone: NDArray[np.bool_], count: int) -> Pairs | None:
        """The pairs of those that go and of the `count` that come, if both do and are few: one product takes as long as either."""
        rows = np.flatnonzero(gone & self._eligible[: len(gone)]).astype(np.int32)
        if len(rows) == 0 or count == 0 or len(rows) + count > BATCH:
            return None
        stop = self._used + count
        rows = np.concatenate([rows, np.arange(self._used, stop, dtype=np.int32)])
        with suppress(TooMany):
            return self._find(rows, stop, None, self._radii)
        return None

    def _withdraw(self, gone: NDArray[np.bool_], found: Pairs | None) -> None:
        """These rows' faces are gone, but the rows are still there, and near nothing. found: their pairs, where known."""
        lost, struck = self._count_out(gone, found)
        refill = self._lists.strike_out(gone, struck)
        rows = np.flatnonzero(gone)
        self._halves[rows], self._eligible[rows], self._lists.nearest[rows] = np.inf, False, NOBODY
        self._refill(refill)
        self._rejoin(self._find_apart(lost))

    def _write(self, ids: NDArray[np.int64], embeddings: Floats, eligible: NDArray[np.bool_]) -> bool:
        """More rows behind the last one, near nothing so far. Returns whether memory had to be asked for."""
        first, count = self._used, len(ids)
        is_full = first + count > len(self._ids)
        if is_full:
            self._grow(first + count)
        new = slice(first, first + count)
        self._ids[new], self._embeddings[new] = ids, embeddings
        self._halves[new] = half_squares(self._embeddings[new])
        self._stamps[new] = stamp_vectors(self._embeddings[new])
        self._eligible[new] = eligible & np.isfinite(self._halves[new])
        self._counts[new], self._parts[new] = 0, NOISE
        self._lists.empty(new)
        return is_full

    def _take_in_all(self, count: int, progress: Callable[[int, int], None] | None) -> None:
        """So many rows that are written."""
        first, batch = self._used, BATCH
        while self._used < first + count:
            rows = np.arange(self._used, min(first + count, self._used + batch), dtype=np.int32)
            stop = self._used + len(rows)
            try:
                pairs = self._find(rows, stop, None, self._radii)
            except TooMany:
                batch = max(1, len(rows) // 2)
                continue
            self._take_in(rows, pairs)
            self._used = stop
            if progress is not None:
                progress(self._used - first, count)

    def save(self) -> dict[str, NDArray[Any]]:
        """All but the embeddings and what follows from them at once, by name, in the order of content."""
        if not self._order.is_tidy:
            self._tidy()
        columns = {
            name.removeprefix("_"): getattr(holder, name)[: self._used]
            for holder, name in self._columns()
            if name not in UNSAVED
        }
        return {**columns, "parts": self._name_parts(columns["parts"])}

    def _columns(self) -> list[tuple[object, str]]:
        return [*((self, name) for name in COLUMNS), *((self._lists, name) for name in LISTED)]

    def load(self, columns: Mapping[str, NDArray[Any]], embeddings: Floats) -> bool:
        """Into an empty state what `save` gave, with the embeddings; False when the two do not fit.

        embeddings: (n or more, 128), kept and written to. Beyond n there is room for faces that come.
        """
        count = len(columns.get("ids", ()))
        saved = [(holder, name) for holder, name in self._columns() if name not in UNSAVED]
        for holder, name in saved:
            column, own = columns.get(name.removeprefix("_")), getattr(holder, name)
            if column is None or column.shape != (count, *own.shape[1:]) or column.dtype != own.dtype:
                return False
        if self._used or len(embeddings) < count:
            return False
        if (stamp_vectors(embeddings[:count]) != columns["stamps"]).any():
            return False
        self._embeddings = embeddings
        for holder, name in self._columns():
            if name != "_embeddings":
                own = getattr(holder, name)
                setattr(holder, name, np.empty((len(embeddings), *own.shape[1:]), dtype=own.dtype))
        for holder, name in saved:
            getattr(holder, name)[:count] = columns[name.removeprefix("_")]
        self._halves[:count] = half_squares(embeddings[:count])
        self._order, self._used = Order(count), count
        return True

    def _take_in(self, rows: NDArray[np.int32], pairs: Pairs) -> None:
        start, stop = int(rows[0]), int(rows[-1]) + 1
        eligible, inside = self._eligible, pairs.distances <= self._radius
        one_counts, other_counts = eligible[pairs.ones], eligible[pairs.others]
        is_old = pairs.others < start
        mine = np.bincount(pairs.ones[inside & other_counts] - start, minlength=len(rows))
        self._counts[start:stop] = mine + eligible[start:stop]
        gaining = pairs.others[inside & is_old & one_counts]
        np.add.at(self._counts, gaining, 1)
        touched = distinct_rows(gaining, start)
        new = np.concatenate([rows, touched])
        new = new[eligible[new] & (self._parts[new] == NOISE) & (self._counts[new] >= self.reach.min_samples)]
        self._parts[new] = new
        ones, others = self._links_of(new[new < start])
        inside &= (self._parts[pairs.ones] != NOISE) & (self._parts[pairs.others] != NOISE)
        self._join(
            np.concatenate([ones, pairs.ones[inside]]), np.concatenate([others, pairs.others[inside]]), stop
        )
        self._lists.list_new(pairs.take(other_counts), self._places)
        self._lists.list_old(pairs.take(is_old & one_counts), self._places, self._used)

    @property
    def _radius(self) -> np.float32:
        return self._eps.edge

    def _links_of(
        self, rows: NDArray[np.int32], also: NDArray[np.int32] | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """(e,) and (e,): these rows, which are or were cores, and the cores, or `also` other rows, within eps in their lists."""
        lists = self._lists.nearest[rows]
        linked = self._parts[lists] != NOISE
        if also is not None:
            linked |= np.isin(lists, also)
        linked &= (self._lists.distances[rows] <= self._radius) & (lists != NOBODY)
        which, places = np.nonzero(linked)
        return rows[which], lists[which, places]

    def _links_among(self, cores: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """(e,) and (e,): the links of these cores with each other."""
        found = [NO_PAIRS, *self._pairs_of(cores, cores, self._eps)]
        return np.concatenate([pairs.ones for pairs in found]), np.concatenate(
            [pairs.others for pairs in found]
        )

    def _join(self, ones: NDArray[np.int32], others: NDArray[np.int32], size: int) -> None:
        """These cores are linked."""
        apart = self._parts[ones] != self._parts[others]
        ones, others = ones[apart], others[apart]
        parts = distinct_rows(self._parts[ones], size)
        if (
            len(ones) > MANY and len(parts) < len(ones) // 2
        ):  # most links say the same: one of each part first
            last = np.empty(size, dtype=np.intp)
            last[self._parts[ones]] = np.arange(len(ones))
            self._join(ones[last[parts]], others[last[parts]], size)
            apart = self._parts[ones] != self._parts[others]
            ones, others = ones[apart], others[apart]
        before, after = join_parts(self._parts[ones], self._parts[others])
        if len(before) == 0:
            return
        renumbered = np.arange(-1, size, dtype=np.int32)  # a place further, for NOISE
        renumbered[before + 1] = after
        self._parts[:size] = renumbered[self._parts[:size] + 1]

    def _count_out(self, gone: NDArray[np.bool_], found: Pairs | None) -> tuple[_Lost, NDArray[np.int32]]:
        """The counts without those that are gone. Returns the cores that are none any more, and the rows that may have one
        of those gone in their lists.
        """
        rows = np.flatnonzero(gone & self._eligible[: len(gone)]).astype(np.int32)
        struck = [np.empty(0, dtype=np.int32)]
        links = [(struck[0], struck[0])]
        parts = self._parts[: self._used]
        for pairs in self._pairs_of(rows, None, self._radii) if found is None else [found]:
            pairs = pairs.take(pairs.others < self._used)
            linked = (pairs.distances <= self._radius) & (parts[pairs.ones] != NOISE)
            linked &= parts[pairs.others] != NOISE
            links.append((pairs.ones[linked], pairs.others[linked]))
            pairs = pairs.take(~gone[pairs.others])
            others = pairs.others
            np.subtract.at(self._counts, others[pairs.distances <= self._radius], 1)
            struck.append(distinct_rows(others, self._used))
        is_lost = (parts != NOISE) & (gone | (self._counts[: self._used] < self.reach.min_samples))
        lost = np.flatnonzero(is_lost).astype(np.int32)
        ones, others = (np.concatenate(ends) for ends in zip(*links, strict=True))
        was = parts[lost]
        parts[lost] = NOISE
        return _Lost(lost, was, ones, others), distinct_rows(np.concatenate(struck), self._used)

    def _find_apart(self, lost: _Lost) -> NDArray[np.int32]:
        """The cores that are left of parts that lost one and may have come apart. The others have a name that is one of theirs."""
        is_broken = np.zeros(self._used + 1, dtype=np.bool_)
        is_broken[lost.parts] = True
        is_broken[NOISE] = False
        left = np.flatnonzero(is_broken[self._parts[: self._used]]).astype(np.int32)
        parts = self._parts[left]
        if len(lost.rows) > MOST_LOST:
            return left
        # All that are near a face with too few near it are in its list.
        poor = lost.rows[self._counts[lost.rows] < self.reach.min_samples]
        ones, others = self._links_of(poor, lost.rows)
        ones, others = np.concatenate([lost.ones, ones]), np.concatenate([lost.others, others])
        holds = hold_together(lost.rows, ones, others, self._links_of, self._links_among)
        is_broken[:] = False
        is_broken[lost.parts[~holds]] = True
        first = np.empty(self._used, dtype=np.int32)
        first[parts[::-1]] = left[::-1]
        self._parts[left] = first[parts]
        return np.asarray(left[is_broken[parts]])

    def _tidy(self) -> None:
        """Each face to the slot of its row; what speaks of slots follows."""
        places, old = self._order.tidy()
        for holder, name in self._columns():
            move_rows(getattr(holder, name)[: len(places)], places, old)
        table = np.append(places, np.int32(NOBODY))  # the last one is NOBODY's
        self._used = len(self._order)
        self._lists.renumber(table, self._used)
        cores = np.flatnonzero(self._parts[: self._used] != NOISE)
        self._parts[cores] = table[self._parts[cores]]

    def _refill(self, rows: NDArray[np.int32]) -> None:
        """Lists that are too short for what there is, made anew; of who has nobody left there is no pair to tell it."""
        self._lists.empty(rows)
        for pairs in self._pairs_of(rows, None, self._radii):
            self._lists.list_new(pairs.take(self._eligible[pairs.others]), self._places)

    def _rejoin(self, cores: NDArray[np.int32]) -> None:
        """The parts of these cores, which may have come apart, made anew. Nobody else is linked to them."""
        self._parts[cores] = cores
        self._join(*self._links_of(cores), self._used)
        known = (self._lists.nearest[cores] != NOBODY).sum(axis=1)
        crowded = cores[self._counts[cores] - 1 > known]  # of the others the lists hold every link
        if len(crowded) == 0:
            return
        parts, sizes = np.unique(self._parts[crowded], return_counts=True)
        rest = crowded[self._parts[crowded] != parts[np.argmax(sizes)]]
        for pairs in self._pairs_of(rest, crowded, self._eps):
            self._join(pairs.ones, pairs.others, self._used)

    def _pairs_of(self, rows: NDArray[np.int32], among: NDArray[np.int32] | None, radii: Radii):  # type: ignore[no-untyped-def]
        """The pairs of some rows with others, in pieces that hold all pairs of a row."""
        batch, done = BATCH, 0
        while done < len(rows):
            part = rows[done : done + batch]
            try:
                pairs = self._find(part, self._used, among, radii)
            except TooMany:
                batch = max(1, len(part) // 2)
                continue
            yield pairs
            done += len(part)

    def _find(
        self, rows: NDArray[np.int32], size: int, among: NDArray[np.int32] | None, radii: Radii
    ) -> Pairs:
        return find_pairs(
            self._embeddings[:size], self._halves[:size], self._stamps[:size], rows, among, radii
        )

    def _name_parts(self, parts: NDArray[np.int32]) -> NDArray[np.int32]:
        """(n,) the part of each row, called by its first row. parts: (n,) as they are called here."""
        first = np.empty(self._used + 1, dtype=np.int32)
        first[parts[::-1]] = np.arange(len(parts) - 1, -1, -1, dtype=np.int32)
        first[NOISE] = NOISE
        return np.asarray(first[parts])

    def _grow(self, size: int) -> None:
        room = size + size // ROOM
        for holder, name in self._columns():
            column = getattr(holder, name)
            larger = np.empty((room, *column.shape[1:]), dtype=column.dtype)
            larger[: self._used] = column[: self._used]
            setattr(holder, name, larger)
