"""Rows that are read in the order of their content, but lie in memory in the order in which they came. Pure.

So a face that comes moves no other's vector or list: only who reads looks up where a row lies. Where faces go a hole is
left; when holes are many, or memory must be asked for anyway, all is put in order again.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from faced.people.rows import place_rows

__all__ = ["Order", "Ordered"]

HOLES = 16
"""One in so many rows may be a hole."""


class Ordered:
    """(n, k) what `column` says of n rows in the order of their content. Only rows that are asked for are looked at."""

    def __init__(
        self,
        column: NDArray[Any],
        slots: NDArray[np.int32],
        table: NDArray[np.int32] | None = None,
        width: int | None = None,
    ) -> None:
        """slots: (n,) where in the column each is. table: what to read for each number there, the last one for -1. width: k,
        of more that the column has.
        """
        self._column, self._slots, self._table = column, slots, table
        self._width = column.shape[1] if width is None else width
        self.dtype = column.dtype

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def shape(self) -> tuple[int, ...]:
        """As of an array."""
        return len(self), self._width

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        found = self._column.take(self._slots[rows], axis=0)[..., : self._width]  # sooner than by brackets
        return found if self._table is None else np.asarray(self._table.take(found))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype=dtype)


class Order:
    """slots: (n,) int32 where each row lies. rows: (used + 1,) int32 the row of each slot, -1 of a hole; the last one is -1,
    so that -1 is nobody's slot.
    """

    def __init__(self, count: int = 0) -> None:
        """count: rows that lie in order."""
        self.slots = np.arange(count, dtype=np.int32)
        self.rows = np.append(self.slots, np.int32(-1))
        self._tidy = count

    def __len__(self) -> int:
        return len(self.slots)

    @property
    def used(self) -> int:
        """Slots, holes among them."""
        return len(self.rows) - 1

    def place(self, gone: NDArray[np.intp], count: int, places: NDArray[np.intp] | None) -> None:
        """Some rows are holes now, and so many more lie behind the last one. places: (count,) ascending, the rows that these are then;
        None: the last ones.
        """
        used, left = self.used, len(self) - len(gone)
        if places is None:
            places = np.arange(left, left + count)
        is_gone = np.zeros(len(self), dtype=np.bool_)
        is_gone[gone] = True
        found = place_rows(is_gone, places)
        slots = np.empty(left + count, dtype=np.int32)
        slots[found[: len(self)][~is_gone]] = self.slots[~is_gone]
        slots[places] = np.arange(used, used + count)
        self.slots = slots
        self.rows = np.full(used + count + 1, -1, dtype=np.int32)
        self.rows[slots] = np.arange(len(slots), dtype=np.int32)

    @property
    def has_holes(self) -> bool:
        """Too many."""
        return (self.used - len(self)) * HOLES > len(self)

    @property
    def is_tidy(self) -> bool:
        """Whether every row lies at its place."""
        return self._tidy == self.used == len(self)

    def tidy(self) -> tuple[NDArray[np.int32], int]:
        """From here on all lie at their places. Returns where each slot goes, -1: nowhere, (used,), and how many of them lay in order."""
        places, old = self.rows[:-1], self._tidy
        self.__init__(len(self))  # type: ignore[misc]
        return places, old
