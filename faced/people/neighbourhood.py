"""Who is near whom, as it is told: what `neighbours` keeps, row by row in the order of content. Values only."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from faced.model import Floats
from faced.people.nearest import NOBODY

__all__ = ["KEPT", "Neighbourhood", "Reach"]

KEPT = 32
CHUNK = 1 << 15


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


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """n faces, in content order. To be read only; valid until the next update of what it came from.

    embeddings: (n, 128) float32. eligible: (n,) bool. counts: (n,) int32 eligible faces within eps, itself included.
    cores: (n,) bool. parts: (n,) int32, of cores the cluster as the row of its first core, else NOISE. nearest: (n, kept) int32 rows of eligible faces within `wide`, by distance, then
    content, -1 from where they end. distances: (n, kept) float32, inf there.
    """

    embeddings: Floats
    eligible: NDArray[np.bool_]
    counts: NDArray[np.int32]
    cores: NDArray[np.bool_]
    parts: NDArray[np.int32]
    nearest: NDArray[np.int32]
    distances: NDArray[np.float32]
    edge: np.float32

    def __len__(self) -> int:
        return len(self.counts)

    @cached_property
    def labels(self) -> NDArray[np.int32]:
        """(n,) the cluster of each face, or NOISE; a border face goes to its nearest core."""
        labels = self.parts.copy()
        borders = np.flatnonzero(~self.cores & (self.counts > self.eligible))
        for start in range(0, len(borders), CHUNK):
            rows = borders[start : start + CHUNK]
            lists = self.nearest[rows]
            near = (self.distances[rows] <= self.edge) & (lists != NOBODY) & self.cores[lists]
            which = np.flatnonzero(near.any(axis=1))
            labels[rows[which]] = self.parts[lists[which, np.argmax(near[which], axis=1)]]
        return labels
