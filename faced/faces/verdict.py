"""What becomes of a photo that was read, or could not be: values in, values out.

A file that may still be being written is tried again, one that is not to be had is no statement about
what it holds, and what cannot be decoded is set aside until it changes.
"""

from dataclasses import dataclass
from typing import Final

from faced.errors import Unreadable
from faced.model import ImageKey

__all__ = ["DEATHS", "UNFINISHED_FOR", "Verdict", "judge_deaths", "judge_unreadable", "wants_faces"]

UNFINISHED_FOR: Final = 600.0
"""Seconds after its last change in which an incomplete file counts as still being written."""

DEATHS: Final = 2
"""So many workers does a file take with it before it is set aside."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a photo that gave no picture.

    reason: for its row in quarantine; None: no row. later: it is tried again by each run. forget_image:
    it is known to hold no longer what it held. failed: it counts as a failure, not as one for later. again:
    the same run may come back to it.
    """

    reason: str | None
    later: bool = False
    forget_image: bool = False
    failed: bool = False
    vanished: bool = False
    again: bool = False


def judge_unreadable(
    error: Unreadable, *, age: float, reading: bool, stale: bool, gone: bool, forbidden: bool
) -> Verdict:
    """A file that is no photo, or not now.

    age: seconds since the file's mtime (negative: in the future). reading: whether the error is from
    reading it, not from what was read. stale: whether its content was unknown before. gone: the file or
    its library is not there at all. forbidden: it may not be read, which can change without the file.
    """
    if gone:
        return Verdict(None, vanished=True)
    if error.lost:
        return Verdict(error.reason, later=forbidden, failed=True)
    if error.later and (reading or abs(age) < UNFINISHED_FOR):
        return Verdict(f"still being written ({error.reason})", later=True)
    return Verdict(error.reason, forget_image=stale, failed=True)


def judge_deaths(deaths: int, reason: str, *, stale: bool) -> Verdict | None:
    """A file that took workers with it, `deaths` of them so far; None: it is to be tried again.

    reason: of the last time, a phrase that continues the sentence "it …".
    """
    if deaths < DEATHS:
        return None
    return Verdict(f"it {reason}, twice", forget_image=stale, failed=True)


def wants_faces(
    *, known_key: ImageKey | None, orientation: int | None, key: ImageKey, encoded: int | None
) -> bool:
    """Whether a file's image is to be encoded, or its header is all that is needed.

    known_key, orientation: what the photo was known to hold; None: nothing is known. key: what it holds.
    encoded: the orientation in which the engine encoded that image; None: it has not.
    """
    if encoded is None:
        return True
    return known_key == key and orientation != encoded
