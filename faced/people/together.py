"""Who is together: from who is near whom to clusters, each all of what looks like one person. Pure.

One face of each group of near-copies is compared, the others go with it. Faces too small or blurred to say who is
there carry nothing; they only attach, or not even that.
"""

import numpy as np
from numpy.typing import NDArray

from faced.model import Gate
from faced.people.copies import spread_labels
from faced.people.faces import NOISE, Attachment, Clusters, Faces
from faced.people.joining import REACH, START, Joined, Joining, Near, join_faces
from faced.people.neighbours import Neighbourhood, Reach

__all__ = ["put_together", "reach_of"]


def reach_of(eps: float, min_samples: int) -> Reach:
    """What of the neighbours is wanted to join by `eps`: strict cores, and who is near. min_samples: of a core."""
    return Reach(START * eps, min_samples, wide=REACH * eps)


def put_together(
    faces: Faces, found: Neighbourhood, groups: NDArray[np.intp], rule: Joining, gate: Gate
) -> Clusters:
    """The clusters of the n faces. found: their neighbours; of each group of near-copies (n,) one is eligible at most."""
    rows = _choose_rows(found.eligible, faces.can_join(gate), groups)
    places = np.full(len(faces) + 1, NOISE, dtype=np.int32)
    places[rows] = np.arange(len(rows), dtype=np.int32)
    _, photos = np.unique(np.array(faces.images, dtype="U35")[rows], return_inverse=True)
    starts = np.where(found.cores, found.labels, NOISE)[rows]
    near = Near(
        found.embeddings[rows],
        photos.astype(np.intp),
        starts.astype(np.intp),
        found.eligible[rows],
        places[found.nearest[rows]],
        found.distances[rows],
    )
    joined = join_faces(near, rule)
    cores = np.zeros(len(faces), dtype=np.bool_)
    cores[rows] = near.carries & ~joined.attached & (joined.labels != NOISE)
    return Clusters(spread_labels(joined.labels, rows, groups), cores, groups, _list_attached(rows, joined))


def _choose_rows(
    eligible: NDArray[np.bool_], can_join: NDArray[np.bool_], groups: NDArray[np.intp]
) -> NDArray[np.intp]:
    """The eligible face of each group, or the first that may join; a group without one has none."""
    order = np.lexsort((np.arange(len(groups)), ~can_join, ~eligible, groups))
    _, firsts = np.unique(groups[order], return_index=True)
    chosen = np.sort(order[firsts])
    return chosen[eligible[chosen] | can_join[chosen]]


def _list_attached(rows: NDArray[np.intp], joined: Joined) -> dict[int, Attachment]:
    attached: dict[int, Attachment] = {}
    for n in np.flatnonzero(joined.attached & (joined.labels != NOISE)).tolist():
        second = int(joined.seconds[n])
        attached[int(rows[n])] = Attachment(
            float(joined.distances[n]),
            NOISE if second == NOISE else int(rows[second]),
            np.inf if second == NOISE else float(joined.second_distances[n]),
        )
    return attached
