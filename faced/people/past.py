"""What the groups did in the last run of joining: which group a start was in at any round, and who was in a group.

Groups only join, and a group is called by its first row; so each name is given up once at most, for a smaller one. That
makes a forest of names with the rounds in which they ended: it is looked up for those that somebody asks about, and
nothing passes over all. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from faced.people.faces import NOISE
from faced.people.groups import Pairs, Rows
from faced.people.rows import Runs, distinct, spans

__all__ = ["Past", "Round", "name_groups", "no_round"]

NEVER = 127


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """pairs: of groups that might have joined. movers, targets: (m,) those that did. refused, places: (r,) those that would have, but
    that another one went there that they share a photo with.
    """

    pairs: Pairs
    movers: Rows
    targets: Rows
    refused: Rows
    places: Rows

    def renumber(self, table: Rows) -> "Round":
        """With the rows of now; NOISE for groups whose first face is gone. table: of each row then, and NOISE as the last one."""
        pairs = Pairs(table[self.pairs.ones], table[self.pairs.others], self.pairs.distances)
        pairs = pairs.take((pairs.ones != NOISE) & (pairs.others != NOISE))
        return Round(pairs, table[self.movers], table[self.targets], table[self.refused], table[self.places])

    def rest(self) -> "Round":
        """A round after this, when nothing moves any more."""
        nothing = np.empty(0, dtype=np.intp)
        return Round(self.pairs, nothing, nothing, nothing, nothing)


def no_round() -> Round:
    """One in which nothing is, and nothing moves."""
    nothing = np.empty(0, dtype=np.intp)
    return Round(Pairs(nothing, nothing, np.empty(0)), nothing, nothing, nothing, nothing)


class Past:
    """Of starts, by the rows of now, that were in no group with one that is not what it was."""

    def __init__(self, count: int, rounds: Sequence[tuple[int, Round]]) -> None:
        """count: of faces. rounds: with their times, below NEVER, ascending."""
        self._parents = np.full(count + 1, NOISE, dtype=np.int32)
        self._times = np.full(count + 1, NEVER, dtype=np.int8)
        ended = [np.empty(0, dtype=np.intp)]
        for time, one in rounds:
            valid = (one.movers != NOISE) & (one.targets != NOISE)
            names, firsts = name_groups(one.movers[valid], one.targets[valid])
            changed = names != firsts
            names = names[changed]
            self._parents[names], self._times[names] = firsts[changed], time
            ended.append(names)
        children = np.concatenate(ended)
        parents = self._parents[children]
        order = np.argsort(parents, kind="stable")
        self._children, self._runs = children[order], Runs(parents[order])

    def find(self, starts: Rows, time: int) -> Rows:
        """(m,) the group of each start before the round at that time."""
        found = starts.copy()
        rest = np.flatnonzero(self._times[found] < time)
        while len(rest):
            found[rest] = self._parents[found[rest]]
            rest = rest[self._times[found[rest]] < time]
        return found

    def members(self, groups: Rows, time: int) -> tuple[Rows, Rows]:
        """(m,) the starts of these groups before the round at that time, and (m,) which of the groups each is in."""
        places = np.arange(len(groups))
        found, keys = [groups], [places]
        while len(groups):
            have, first, sizes = self._runs.find(groups)
            if len(have) == 0:
                break
            groups = self._children[spans(first, sizes)]
            places = np.repeat(places[have], sizes)
            early = self._times[groups] < time
            groups, places = groups[early], places[early]
            found.append(groups)
            keys.append(places)
        return np.concatenate(found), np.concatenate(keys)


def name_groups(movers: Rows, targets: Rows) -> tuple[Rows, Rows]:
    """The groups that move or are moved to, each once, and what each is called when they have: the smallest that is there."""
    stays = distinct(targets)
    places = np.searchsorted(stays, targets)
    firsts = stays.copy()
    np.minimum.at(firsts, places, movers)
    return np.concatenate([stays, movers]), np.concatenate([firsts, firsts[places]])
