"""dlib's face embedding: from chips to vectors of 128 numbers."""

from collections.abc import Sequence

import numpy as np

from faced.faces.engine.session import Network
from faced.model import Floats, Pixels

__all__ = ["Embedding", "mean_of_views"]

_BATCH = 16  # chips in one run: more is no faster, but takes memory


class Embedding:
    """The network, and how many views of a chip make its vector: 1 itself, 2 also its mirror image."""

    def __init__(self, network: Network, views: int) -> None:
        self._network = network
        self._views = views

    def embed(self, chips: Sequence[Pixels]) -> Floats:
        """Chips (150, 150, 3) uint8 -> (n, 128) float32, in their order."""
        views = [view for chip in chips for view in (chip, chip[:, ::-1])[: self._views]]
        runs = [self._network.run(np.stack(views[i : i + _BATCH])) for i in range(0, len(views), _BATCH)]
        return mean_of_views(np.concatenate([np.zeros((0, 128), np.float32), *runs]), self._views)


def mean_of_views(vectors: Floats, views: int) -> Floats:
    """(n * views, 128), a face's views one behind the other -> (n, 128). Means are not made unit length again."""
    return np.asarray(vectors.reshape(-1, views, 128).mean(axis=1), np.float32)
