"""Which face of a picture is meant, when the user speaks of a picture and a person. Pure."""

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from faced.model import Floats

__all__ = ["choose_common", "choose_faces", "choose_largest"]

Face = TypeVar("Face", bound=Hashable)
DIGITS = 9
LARGEST = 1.5
"""How many times as wide as the next one a face is that a picture is of."""


def choose_faces(
    candidates: Sequence[Sequence[Face]], embeddings: Mapping[Face, Floats], known: Sequence[Floats]
) -> list[Face]:
    """One face for each picture, where it can be told.

    candidates: for each picture the faces that may be meant, in content order. embeddings: (128,) of each.
    known: embeddings of faces that surely are the person's. A picture with one face means that one; of
    several it is the one nearest to the mean of the known ones and of those; with none to go by, none.
    """
    alone = [faces[0] for faces in candidates if len(faces) == 1]
    sure = [np.asarray(vector, dtype=np.float64) for vector in known]
    sure += [np.asarray(embeddings[face], dtype=np.float64) for face in alone]
    if not sure:
        return []
    mean = np.mean(sure, axis=0)
    chosen = list(alone)
    for faces in candidates:
        if len(faces) > 1:
            far = [round(float(np.linalg.norm(embeddings[face] - mean)), DIGITS) for face in faces]
            chosen.append(faces[int(np.argmin(far))])
    return chosen


def choose_common(
    candidates: Sequence[Sequence[Face]], embeddings: Mapping[Face, Floats], *, near: float
) -> list[Face]:
    """The one whom all pictures have in common: a face of each, or none where there is nobody.

    candidates and embeddings: as for choose_faces. near: the farthest that each of them may be (Euclidean,
    inclusive) from the one that is nearest to all.
    """
    if not candidates or not all(candidates):
        return []
    faces = [face for picture in candidates for face in picture]
    ends = np.cumsum([len(picture) for picture in candidates])[:-1]
    vectors = np.stack([np.asarray(embeddings[face], dtype=np.float64) for face in faces])
    best: tuple[float, list[Face]] | None = None
    for middle in vectors:
        far = np.split(np.linalg.norm(vectors - middle, axis=1), ends)
        nearest = [int(np.argmin(distances)) for distances in far]
        farthest = max(float(distances[place]) for distances, place in zip(far, nearest, strict=True))
        total = round(sum(float(distances.min()) for distances in far), DIGITS)
        if farthest <= near and (best is None or total < best[0]):
            best = total, [picture[place] for picture, place in zip(candidates, nearest, strict=True)]
    return [] if best is None else best[1]


def choose_largest(faces: Sequence[Face], widths: Mapping[Face, float]) -> Face | None:
    """The face that a picture is of: the only one, or one at least LARGEST times as wide as any other; else none.

    widths: of the boxes, in any unit.
    """
    ordered = sorted(faces, key=lambda face: widths[face], reverse=True)
    if not ordered or (len(ordered) > 1 and widths[ordered[0]] < LARGEST * widths[ordered[1]]):
        return None
    return ordered[0]
