"""DBSCAN that is kept: who is near whom, as faces come and go. Values only; nothing here knows a path.

Of each face are kept: how many faces lie within `eps`, the part (component of cores) that it is a core of, and its
nearest few within `wide`; never the pairs. Its state follows from the faces alone, not from their order or batches,
and cores and parts are those of scikit-learn's DBSCAN run anew on the eligible faces. Faces that are not eligible
have neighbours but are nobody's: they make no core and lengthen no list.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faced.model import Floats
from faced.people.components import distinct_rows, join_parts
from faced.people.distances import Pairs, Radii, TooMany, find_pairs, half_squares, stamp_vectors
from faced.people.faces import NOISE
from faced.people.nearest import NOBODY, Lists, choose_nearest
from faced.people.rows import close_rows, insert_rows, place_between

__all__ = ["KEPT", "Neighbourhood", "Neighbours", "Reach"]

KEPT = 32
SPARE = 8
"""More than are shown are kept, so that most removals need no search for the next one."""
BATCH = 4096
CHUNK = 1 << 15
MANY = 1 << 14
DIMENSIONS = 128
COLUMNS = (
    *("_ids", "_embeddings", "_halves", "_stamps", "_eligible"),
    *("_counts", "_parts", "_nearest", "_distances", "_cut", "_dirty"),
)
SAVED = tuple(name for name in COLUMNS if name not in ("_embeddings", "_halves", "_dirty"))


@dataclass(frozen=True, slots=True)
class Reach:
    """eps: Euclidean, inclusive. min_samples: neighbours of a core, itself included. wide: of the kept nearest."""

    eps: float
    min_samples: int
    wide: float

    @property
    def kept(self) -> int:
        """How many nearest are shown: all neighbours of a face that is no core are among them."""
        return max(KEPT, self.min_samples - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Neighbourhood:
    """n faces, in content order. To be read only; valid until the next update of what it came from.

    embeddings: (n, 128) float32. eligible: (n,) bool. counts: (n,) int32 eligible faces within eps, itself included.
    cores: (n,) bool. labels: (n,) int32, the cluster as the row of its first core, or NOISE; a border
    face goes to its nearest core. nearest: (n, kept) int32 rows of eligible faces within `wide`, by distance, then
    content, -1 from where they end. distances: (n, kept) float32, inf there.
    """

    embeddings: Floats
    eligible: NDArray[np.bool_]
    counts: NDArray[np.int32]
    cores: NDArray[np.bool_]
    labels: NDArray[np.int32]
    nearest: NDArray[np.int32]
    distances: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.counts)


class Neighbours:
    """The kept state: a row for each face, in the order of their content."""

    def __init__(self, reach: Reach) -> None:
        self.reach = reach
        self.size = 0
        self._radii = Radii(reach.eps, max(reach.eps, reach.wide))
        self._eps = Radii(reach.eps)
        self._width = reach.kept + SPARE
        self._ids = np.empty(0, dtype=np.int64)
        self._places = np.empty(0, dtype=np.int32)
        self._embeddings = np.empty((0, DIMENSIONS), dtype=np.float32)
        self._halves = np.empty(0, dtype=np.float32)
        self._stamps = np.empty(0, dtype=np.uint64)
        self._eligible = np.empty(0, dtype=np.bool_)
        self._counts = np.empty(0, dtype=np.int32)
        self._parts = np.empty(0, dtype=np.int32)
        self._nearest = np.empty((0, self._width), dtype=np.int32)
        self._distances = np.empty((0, self._width), dtype=np.float32)
        self._cut = np.empty(0, dtype=np.bool_)
        self._dirty = np.empty(0, dtype=np.bool_)
        self._before: list[Lists] = []

    @property
    def ids(self) -> NDArray[np.int64]:
        """(n,) the face of each row."""
        return self._ids[: self.size]

    @property
    def embeddings(self) -> Floats:
        """(n, 128), of each row."""
        return self._embeddings[: self.size]

    @property
    def is_sound(self) -> NDArray[np.bool_]:
        """(n,) whether the vector of each row is a place."""
        return np.isfinite(self._halves[: self.size])

    @property
    def eligible(self) -> NDArray[np.bool_]:
        """(n,) of each row."""
        return self._eligible[: self.size]

    @property
    def dirty(self) -> NDArray[np.bool_]:
        """(n,) the rows that the updates since `clean` concern: new, or other counts, lists or part."""
        return self._dirty[: self.size]

    def clean(self) -> None:
        """From here on `dirty` and `other_lists` count anew."""
        self._dirty[: self.size] = False
        self._before = []

    def other_lists(self) -> Lists:
        """Rows whose shown lists the updates since `clean` concern, new ones left out, and what their lists were, NOBODY for
        what is gone; in the order of the rows.
        """
        kept = self.reach.kept
        rows = np.concatenate([np.empty(0, np.int32), *(one.rows for one in self._before)])
        rows, firsts = np.unique(rows, return_index=True)
        if len(rows) == 0:
            return Lists(rows, self._nearest[:0, :kept], self._distances[:0, :kept], self._cut[:0])
        return Lists(
            rows,
            np.concatenate([one.nearest for one in self._before])[firsts],
            np.concatenate([one.distances for one in self._before])[firsts],
            np.concatenate([one.cut for one in self._before])[firsts],
        )

    def show(self) -> Neighbourhood:
        """The state as it is now."""
        n, kept = self.size, self.reach.kept
        return Neighbourhood(
            self._embeddings[:n],
            self._eligible[:n],
            self._counts[:n],
            self._parts[:n] != NOISE,
            self._label(),
            self._nearest[:n, :kept],
            self._distances[:n, :kept],
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
        first, count = self.size, len(ids)
        if embeddings.shape != (count, DIMENSIONS):
            raise ValueError(f"embeddings of shape {embeddings.shape}, not {(count, DIMENSIONS)}")
        self._grow(first + count)
        new = slice(first, first + count)
        self._ids[new], self._embeddings[new] = ids, embeddings
        self._halves[new] = half_squares(self._embeddings[new])
        self._stamps[new] = stamp_vectors(self._embeddings[new])
        self._eligible[new] = eligible & np.isfinite(self._halves[new])
        self._counts[new], self._parts[new], self._cut[new], self._dirty[new] = 0, NOISE, False, True
        self._nearest[new], self._distances[new] = NOBODY, np.inf
        if places is None:
            places = np.arange(first, first + count)
        self._places = place_between(first, places)
        batch = BATCH
        while self.size < first + count:
            rows = np.arange(self.size, min(first + count, self.size + batch), dtype=np.int32)
            stop = self.size + len(rows)
            try:
                pairs = self._find(rows, stop, None, self._radii)
            except TooMany:
                batch = max(1, len(rows) // 2)
                continue
            self._take_in(rows, pairs)
            self.size = stop
            if progress is not None:
                progress(self.size - first, count)
        if count and places[0] < first:
            self._move_between(places)

    def remove(self, rows: NDArray[np.intp]) -> None:
        """These rows' faces are gone; the others close up."""
        if len(rows) == 0:
            return
        gone = np.zeros(self.size, dtype=np.bool_)
        gone[rows] = True
        broken = self._count_out(gone)
        refill = self._strike_out(gone)
        moved = self._close_up(gone)
        self._refill(moved[refill])
        self._rejoin(moved, broken)

    def save(self) -> dict[str, NDArray[Any]]:
        """All but the embeddings and what follows from them at once, by name."""
        return {name[1:]: getattr(self, name)[: self.size] for name in SAVED}

    def load(self, columns: Mapping[str, NDArray[Any]], embeddings: Floats) -> bool:
        """Into an empty state what `save` gave, with the embeddings; False when the two do not fit.

        embeddings: (n or more, 128), kept and written to. Beyond n there is room for faces that come.
        """
        count = len(columns.get("ids", ()))
        for name in SAVED:
            column, own = columns.get(name[1:]), getattr(self, name)
            if column is None or column.shape != (count, *own.shape[1:]) or column.dtype != own.dtype:
                return False
        if self.size or len(embeddings) < count:
            return False
        if (stamp_vectors(embeddings[:count]) != columns["stamps"]).any():
            return False
        self._embeddings = embeddings
        for name in COLUMNS:
            if name != "_embeddings":
                own = getattr(self, name)
                setattr(self, name, np.empty((len(embeddings), *own.shape[1:]), dtype=own.dtype))
        for name in SAVED:
            getattr(self, name)[:count] = columns[name[1:]]
        self._halves[:count], self._dirty[:count] = half_squares(embeddings[:count]), False
        self.size = count
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
        self._dirty[touched] = True
        new = np.concatenate([rows, touched])
        new = new[eligible[new] & (self._parts[new] == NOISE) & (self._counts[new] >= self.reach.min_samples)]
        self._parts[new] = new
        ones, others = self._links_of(new[new < start])
        inside &= (self._parts[pairs.ones] != NOISE) & (self._parts[pairs.others] != NOISE)
        self._join(
            np.concatenate([ones, pairs.ones[inside]]), np.concatenate([others, pairs.others[inside]]), stop
        )
        self._list_new(pairs.take(other_counts))
        self._list_old(pairs.take(is_old & one_counts))

    @property
    def _radius(self) -> np.float32:
        return self._eps.edge

    def _links_of(self, cores: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """(e,) and (e,): these cores and the cores within eps in their lists."""
        lists = self._nearest[cores]
        linked = (self._distances[cores] <= self._radius) & (self._parts[lists] != NOISE) & (lists != NOBODY)
        which, places = np.nonzero(linked)
        return cores[which], lists[which, places]

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
        parts = renumbered[self._parts[:size] + 1]
        self._dirty[:size] |= parts != self._parts[:size]
        self._parts[:size] = parts

    def _list_new(self, pairs: Pairs) -> None:
        """The lists of new rows, which have none."""
        if len(pairs) == 0:
            return
        lists = choose_nearest(pairs.ones, pairs.others, pairs.distances, self._places, self._width)
        self._nearest[lists.rows], self._distances[lists.rows] = lists.nearest, lists.distances
        self._cut[lists.rows] = lists.cut

    def _list_old(self, pairs: Pairs) -> None:
        """New faces in the lists of old rows. What lies beyond a list that is cut is not its next one."""
        rows = pairs.others
        ends = self._distances[rows, -1]
        later = self._places[pairs.ones] > self._places[self._nearest[rows, -1]]
        far = (pairs.distances > ends) | ((pairs.distances == ends) & later)
        self._cut[rows[far]] = True
        pairs = pairs.take(~far)
        if len(pairs) == 0:
            return
        rows = distinct_rows(pairs.others, self.size)
        places, columns = np.nonzero(self._nearest[rows] != NOBODY)
        had = rows[places]
        lists = choose_nearest(
            np.concatenate([pairs.others, had]),
            np.concatenate([pairs.ones, self._nearest[had, columns]]),
            np.concatenate([pairs.distances, self._distances[had, columns]]),
            self._places,
            self._width,
        )
        was_cut = self._cut[rows]
        lengths = (self._nearest[rows] != NOBODY).sum(axis=1)
        lasts = self._nearest[rows, np.maximum(lengths - 1, 0)]
        at_last = lists.nearest == lasts[:, None]
        beyond = (np.cumsum(at_last, axis=1) > 0) & ~at_last & was_cut[:, None]
        lists.nearest[beyond], lists.distances[beyond] = NOBODY, np.inf
        changed = (lists.nearest != self._nearest[rows]).any(axis=1)
        self._dirty[rows[changed]] = True
        self._note(rows[changed].astype(np.int32))
        self._nearest[rows], self._distances[rows] = lists.nearest, lists.distances
        self._cut[rows] = was_cut | lists.cut

    def _count_out(self, gone: NDArray[np.bool_]) -> NDArray[np.int32]:
        """The counts without those that are gone. Returns the cores that are left of the parts that lost one."""
        rows = np.flatnonzero(gone & self._eligible[: self.size]).astype(np.int32)
        for pairs in self._pairs_of(rows, None, self._eps):
            losing = pairs.others[~gone[pairs.others]]
            np.subtract.at(self._counts, losing, 1)
            self._dirty[losing] = True
        parts = self._parts[: self.size]
        lost = (parts != NOISE) & (gone | (self._counts[: self.size] < self.reach.min_samples))
        is_broken = np.zeros(self.size + 1, dtype=np.bool_)
        is_broken[parts[lost]] = True
        parts[lost] = NOISE
        is_broken[NOISE] = False
        left = np.flatnonzero(is_broken[parts]).astype(np.int32)
        self._dirty[left] = True
        return left

    def _strike_out(self, gone: NDArray[np.bool_]) -> NDArray[np.int32]:
        """The lists without those that are gone. Returns the rows that must look for more."""
        lookup = np.append(gone, False)  # the last one is NOBODY
        short: list[NDArray[np.int32]] = []
        for start in range(0, self.size, CHUNK):
            struck = lookup[self._nearest[start : min(self.size, start + CHUNK)]]
            rows = np.flatnonzero(struck.any(axis=1) & ~gone[start : start + CHUNK])
            struck, rows = struck[rows], (rows + start).astype(np.int32)
            self._note(rows.astype(np.int32))
            order = np.argsort(struck, axis=1, kind="stable")
            nearest, distances = self._nearest[rows], self._distances[rows]
            nearest[struck], distances[struck] = NOBODY, np.inf
            self._nearest[rows] = np.take_along_axis(nearest, order, axis=1)
            self._distances[rows] = np.take_along_axis(distances, order, axis=1)
            self._dirty[rows] = True
            short.append(rows[self._cut[rows] & (self._nearest[rows, self.reach.kept - 1] == NOBODY)])
        return np.concatenate(short)

    def _note(self, rows: NDArray[np.int32]) -> None:
        """What the lists of these rows are, before they change."""
        kept = self.reach.kept
        self._before.append(
            Lists(rows, self._nearest[rows, :kept], self._distances[rows, :kept], self._cut[rows])
        )

    def _move_between(self, places: NDArray[np.intp]) -> None:
        """The last rows move to these places, and the others make room."""
        for name in COLUMNS:
            insert_rows(getattr(self, name)[: self.size], places)
        self._renumber(self._places)

    def _close_up(self, gone: NDArray[np.bool_]) -> NDArray[np.int32]:
        """Returns where each row is now; (n before,)."""
        moved = (np.cumsum(~gone) - 1).astype(np.int32)
        is_gone = np.append(gone, False)
        for one in self._before:
            one.nearest[is_gone[one.nearest]] = NOBODY
        for name in COLUMNS:
            close_rows(getattr(self, name)[: self.size], gone)
        self.size -= int(gone.sum())
        self._places = np.arange(self.size, dtype=np.int32)
        self._renumber(moved)
        return moved

    def _renumber(self, moved: NDArray[np.int32]) -> None:
        """What speaks of rows follows them. moved: where each row is now. A part has the number of its first row."""
        table = np.append(moved, np.int32(NOBODY))  # the last one is NOBODY's
        for start in range(0, self.size, CHUNK):
            rows = slice(start, min(self.size, start + CHUNK))
            self._nearest[rows] = table[self._nearest[rows]]
        self._before = [
            replace(one, rows=moved[one.rows], nearest=table[one.nearest]) for one in self._before
        ]
        parts = self._parts[: self.size]
        cores = np.flatnonzero(parts != NOISE)[::-1].astype(np.int32)
        first = np.empty(len(table), dtype=np.int32)
        first[parts[cores]] = cores
        parts[cores] = first[parts[cores]]

    def _refill(self, rows: NDArray[np.int32]) -> None:
        """Lists that are too short for what there is, made anew."""
        for pairs in self._pairs_of(rows, None, self._radii):
            self._list_new(pairs.take(self._eligible[pairs.others]))

    def _rejoin(self, moved: NDArray[np.int32], cores: NDArray[np.int32]) -> None:
        """The parts of these cores, which may have come apart, made anew. Nobody else is linked to them."""
        cores = moved[cores]
        self._parts[cores] = cores
        self._join(*self._links_of(cores), self.size)
        known = (self._nearest[cores] != NOBODY).sum(axis=1)
        crowded = cores[self._counts[cores] - 1 > known]  # of the others the lists hold every link
        if len(crowded) == 0:
            return
        parts, sizes = np.unique(self._parts[crowded], return_counts=True)
        rest = crowded[self._parts[crowded] != parts[np.argmax(sizes)]]
        for pairs in self._pairs_of(rest, crowded, self._eps):
            self._join(pairs.ones, pairs.others, self.size)

    def _pairs_of(self, rows: NDArray[np.int32], among: NDArray[np.int32] | None, radii: Radii):  # type: ignore[no-untyped-def]
        """The pairs of some rows with others, in pieces that hold all pairs of a row."""
        batch, done = BATCH, 0
        while done < len(rows):
            part = rows[done : done + batch]
            try:
                pairs = self._find(part, self.size, among, radii)
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

    def _label(self) -> NDArray[np.int32]:
        """(n,) the part of each core, and of what is within eps of one that of the nearest."""
        labels = self._parts[: self.size].copy()
        borders = np.flatnonzero(
            (labels == NOISE) & (self._counts[: self.size] > self._eligible[: self.size])
        )
        for start in range(0, len(borders), CHUNK):
            rows = borders[start : start + CHUNK]
            lists = self._nearest[rows, : self.reach.kept]
            near = self._distances[rows, : self.reach.kept] <= self._radius
            near &= (lists != NOBODY) & (self._parts[lists] != NOISE)
            which = np.flatnonzero(near.any(axis=1))
            labels[rows[which]] = self._parts[lists[which, np.argmax(near[which], axis=1)]]
        return labels

    def _grow(self, size: int) -> None:
        if size <= len(self._ids):
            return
        room = size + size // 16
        for name in COLUMNS:
            column = getattr(self, name)
            larger = np.empty((room, *column.shape[1:]), dtype=column.dtype)
            larger[: self.size] = column[: self.size]
            setattr(self, name, larger)
