"""How much may vanish at once before the user is asked. Numbers in, yes or no out; knows no path and no table."""

from collections.abc import Mapping
from dataclasses import dataclass

from faced.model import PersonId

__all__ = ["BRAKE", "Brake", "Losses", "is_too_many_folders", "is_too_many_links", "must_ask"]


@dataclass(frozen=True, slots=True)
class Brake:
    """What is let pass. links, folders: so many are always few. percent: so much of all is always little."""

    links: int = 25
    folders: int = 3
    percent: int = 20
    last: int = 3
    """The last link of a named person who had so many is asked about."""


BRAKE = Brake()


@dataclass(frozen=True, slots=True)
class Losses:
    """A person's links. missing: deleted by the user and not yet acted upon. lately: rejected by deleted links in
    the last 24 hours. left: still there. links: in base, the missing ones too.
    """

    missing: int
    lately: int
    left: int
    links: int
    is_named: bool


def is_too_many_links(lost: int, had: int, brake: Brake) -> bool:
    """More than 25 and more than 20 %. had: at the beginning of the 24 hours."""
    return lost > brake.links and lost * 100 > had * brake.percent


def is_too_many_folders(lost: int, had: int, brake: Brake) -> bool:
    """More than 3 and more than 20 %."""
    return lost > brake.folders and lost * 100 > had * brake.percent


def must_ask(losses: Mapping[PersonId, Losses], brake: Brake) -> tuple[frozenset[PersonId], bool]:
    """The persons whose missing links are to be asked about, and whether all that is missing is."""
    held = set()
    for person, lost in losses.items():
        had = lost.links + lost.lately
        is_last = lost.is_named and lost.left == 0 and had >= brake.last
        if lost.missing and (is_last or is_too_many_links(lost.missing + lost.lately, had, brake)):
            held.add(person)
    everything = sum(lost.missing + lost.lately for lost in losses.values())
    had_all = sum(lost.links + lost.lately for lost in losses.values())
    return frozenset(held), is_too_many_links(everything, had_all, brake)
