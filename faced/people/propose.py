"""What was decided, put so that `suggest` can say what is left to ask. Pure.

Who is near whom is what clustering keeps; for a few faces that are not kept it is found here, exactly.
"""

import numpy as np
from numpy.typing import NDArray

from faced.model import Floats, Gate
from faced.people.division import claim_faces
from faced.people.faces import Clusters, Faces
from faced.people.identity import Assignment
from faced.people.said import Said
from faced.people.suggest import REACH, Near, Standing, Suggestion, suggest_faces

__all__ = ["choose_eligible", "find_near", "propose_faces"]

KEPT = 32
BLOCK = 512


def propose_faces(
    faces: Faces,
    clusters: Clusters,
    assignment: Assignment,
    said: Said,
    near: Near | None,
    *,
    within: float,
) -> list[Suggestion]:
    """Who the faces of nobody, and the persons without a name, may be.

    faces: n in content order; clusters, assignment and near are of the same n. within: Euclidean, see suggest_faces.
    near may be None when nobody has a name.
    """
    if near is None or not said.named:
        return []
    numbers = [assignment.persons.get(face, 0) for face in faces.ids.tolist()]
    claims = claim_faces(faces, said)
    standing = Standing(
        np.array(numbers, dtype=np.int64),
        clusters.labels,
        clusters.groups,
        frozenset(claims.pinned),
        claims.rejected,
        said.named - said.kept,
        said.kept,
        faces.years,
        said.born,
    )
    return suggest_faces(faces, near, standing, within=within)


def choose_eligible(faces: Faces, groups: NDArray[np.intp], gate: Gate) -> NDArray[np.bool_]:
    """(n,) the first face of each group of near-copies that is large and sharp enough."""
    large = np.flatnonzero(faces.can_carry(gate))
    _, firsts = np.unique(groups[large], return_index=True)
    eligible = np.zeros(len(faces), dtype=np.bool_)
    eligible[large[firsts]] = True
    return eligible


def find_near(embeddings: Floats, eligible: NDArray[np.bool_], rows: NDArray[np.intp]) -> Near:
    """The nearest eligible faces within REACH of these rows, by distance, then by content; other rows have none."""
    nearest = np.full((len(embeddings), KEPT), -1, dtype=np.int32)
    distances = np.full((len(embeddings), KEPT), np.inf, dtype=np.float32)
    among = np.flatnonzero(eligible)
    others = embeddings[among].astype(np.float64)
    squares = (others * others).sum(axis=1)
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        points = embeddings[block].astype(np.float64)
        found = (points * points).sum(axis=1)[:, None] + squares[None, :] - 2 * points @ others.T
        found = np.round(np.maximum(found, 0), 12)
        found[(found >= REACH * REACH) | (among[None, :] == block[:, None])] = np.inf
        order = np.argsort(found, axis=1, kind="stable")[:, :KEPT]
        far = np.sqrt(np.take_along_axis(found, order, axis=1))
        width = order.shape[1]
        nearest[block, :width] = np.where(np.isfinite(far), among[order], -1)
        distances[block, :width] = far
    return Near(nearest, distances, eligible)
