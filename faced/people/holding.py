"""Whether a part holds together when it loses cores, as far as that is seen from near the lost ones. Pure.

A way through the part that led over a lost core came from a core beside it and went on to another. If all that were
beside it are still linked with each other, every such way can be led around it. Only where a few steps do not show that
must the part be put together anew.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from faced.people.components import join_parts
from faced.people.rows import distinct, is_among

__all__ = ["MOST_LOST", "hold_together"]

STEPS = 4
"""Links from what was beside a lost core that are followed."""
MOST = 1 << 13
"""Cores that are looked at; with more the part is put together anew sooner."""
MOST_LOST = 1 << 11

Rows = NDArray[np.int32]
Look: TypeAlias = Callable[[Rows], tuple[Rows, Rows]]
"""(k,) and (k,) for some cores that are left, these and cores that are left and linked to them, not all it need be."""


def hold_together(lost: Rows, ones: Rows, others: Rows, listed: Look, measured: Look) -> NDArray[np.bool_]:
    """(m,) of which lost cores all that were linked to it are surely linked with each other still.

    lost: (m,) ascending. ones, others: (e,) the links of lost cores with cores, lost ones among them. listed: see Look.
    measured: the links of some cores with each other, all of them.
    """
    both = is_among(others, lost)
    groups = _Renamed(*join_parts(ones[both], others[both])).of(lost)  # lost ones that were linked go as one
    keys, beside = groups[np.searchsorted(lost, ones[~both])], others[~both]
    asked = seen = distinct(beside)
    links = [listed(asked)]
    names, is_open = _see(links, keys, beside)
    if is_open.any() and len(seen) <= MOST:  # lists of a dense part may name the nearest of its faces only
        links.append(measured(distinct(beside[is_open])))
        names, is_open = _see(links, keys, beside)
    for _ in range(STEPS):
        reached = distinct(np.concatenate([others for _, others in links]))
        asked = reached[~is_among(reached, seen) & is_among(names.of(reached), names.of(beside[is_open]))]
        seen = distinct(np.concatenate([seen, asked]))
        if len(asked) == 0 or len(seen) > MOST:
            break
        links.append(listed(asked))
        names, is_open = _see(links, keys, beside)
    return ~is_among(groups, keys[is_open])


def _see(links: list[tuple[Rows, Rows]], keys: Rows, beside: Rows) -> tuple["_Renamed", NDArray[np.bool_]]:
    """What is linked has one name; and (m,) whether what was beside the same lost core has several."""
    names = _Renamed(*join_parts(*(np.concatenate(part) for part in zip(*links, strict=True))))
    return names, _have_several(keys, names.of(beside))


class _Renamed:
    """Numbers, some of which are others now."""

    def __init__(self, before: Rows, after: Rows) -> None:
        """before: (k,) ascending."""
        self._before, self._after = before, after

    def of(self, numbers: Rows) -> Rows:
        found = numbers.copy()
        if len(self._before):
            places = np.minimum(np.searchsorted(self._before, numbers), len(self._before) - 1)
            hit = self._before[places] == numbers
            found[hit] = self._after[places[hit]]
        return found


def _have_several(keys: Rows, names: Rows) -> NDArray[np.bool_]:
    """(m,) whether the key of each has different names."""
    order = np.lexsort((names, keys))
    keys_then, names_then = keys[order], names[order]
    differ = (keys_then[1:] == keys_then[:-1]) & (names_then[1:] != names_then[:-1])
    return is_among(keys, keys_then[1:][differ])
