"""Which calls of a process are its last: a few, of every kind, spread over all."""

import os
from collections import defaultdict
from collections.abc import Sequence

__all__ = ["LONG", "choose_points"]

LONG = bool(os.environ.get("FACED_LONG"))

Point = tuple[str, int]
"""(call, which of its kind)."""


def choose_points(calls: Sequence[Point], at_most: int | None = None) -> Sequence[Point]:
    """One of each kind, in order, each of another part of its calls; with FACED_LONG=1 all of them.

    at_most: so many, evenly out of these.
    """
    if LONG:
        return calls
    places = defaultdict(list)
    for place, (call, _) in enumerate(calls):
        places[call].append(place)
    parts = len(places)
    chosen = sorted(
        where[len(where) * (2 * part + 1) // (2 * parts)] for part, where in enumerate(places.values())
    )
    count = min(at_most or parts, parts)
    return [calls[chosen[(2 * index + 1) * parts // (2 * count)]] for index in range(count)]
