"""Which face of a picture is meant, when the user speaks of a picture and a person. Pure."""

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from faced.model import Floats

__all__ = ["choose_faces"]

Face = TypeVar("Face", bound=Hashable)
DIGITS = 9


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
