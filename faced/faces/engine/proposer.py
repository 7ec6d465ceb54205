"""What a proposer is: a cheap network that says where in a picture the detector should look. No network here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from faced.faces.engine.tiles import Halvings
from faced.faces.geometry import Boxes
from faced.model import Floats

__all__ = ["Proposed", "Proposer"]


@dataclass(frozen=True, slots=True, eq=False)
class Proposed:
    """Where faces may be, in px of the picture. windows: (n, 4) squares, as the detector's window would show
    each; strengths: (n,) 0 to 1, surest first; needed: (n,) the detector's score above which each is a face: the surer
    the proposal, the less."""

    windows: Boxes
    strengths: Floats
    needed: Floats


class Proposer(Protocol):
    """A cheap network that says where in a picture the detector should look."""

    likely: float
    """Strength from which a proposal that the detector is not sure about is worth a second look."""

    again: Sequence[tuple[float, float]]
    """The windows of that look, one after the other until one shows a face: scale, and degrees, as heads are tilted."""

    def propose(self, picture: Halvings) -> Proposed:
        """The places of an upright picture."""
        ...
