"""dlib's face embedding: from chips to vectors of 128 numbers."""

from collections.abc import Sequence

import numpy as np

from faced.faces.engine.session import Network
from faced.faces.timings import stage
from faced.model import Floats, Pixels

__all__ = ["Embedding", "make_views", "mean_of_views"]

_BATCH = 16  # chips in one run: more is no faster, but takes memory


class Embedding:
    """The network, and how many views of a face make its vector."""

    def __init__(self, network: Network, views: int) -> None:
        self._network = network
        self._views = views

    def embed(self, faces: Sequence[Sequence[Pixels]]) -> Floats:
        """A face's frames (150, 150, 3) uint8, as many as its views want -> (n, 128) float32, in their order."""
        with stage("embed"):
            views = [view for frames in faces for view in make_views(frames, self._views)]
            runs = [self._network.run(np.stack(views[i : i + _BATCH])) for i in range(0, len(views), _BATCH)]
            return mean_of_views(np.concatenate([np.zeros((0, 128), np.float32), *runs]), self._views)


def make_views(frames: Sequence[Pixels], views: int) -> list[Pixels]:
    """Each frame and, of more views than one, its mirror image."""
    return [view for frame in frames for view in (frame, frame[:, ::-1])[: min(views, 2)]]


def mean_of_views(vectors: Floats, views: int) -> Floats:
    """(n * views, 128), a face's views one behind the other -> (n, 128). Means are not made unit length again."""
    return np.asarray(vectors.reshape(-1, views, 128).mean(axis=1), np.float32)
