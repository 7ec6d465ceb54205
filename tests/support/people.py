"""Faces and clusters made by hand, for tests of who is who."""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from faced.people.faces import Clusters, Faces
from faced.people.photos import split_photos


def faces_at(*faces: tuple[str, float], first_id: int = 0) -> Faces:
    """A face for each (image, place on a line), in content order when the images ascend; ids count up.

    Several faces of one image stand side by side, in the order given.
    """
    count = len(faces)
    embeddings = np.zeros((count, 128), dtype=np.float32)
    lefts = []
    for row, (image, place) in enumerate(faces):
        embeddings[row, 0] = place
        lefts.append(0.05 + 0.15 * sum(1 for before, _ in faces[:row] if before == image))
    return Faces(
        np.arange(first_id, first_id + count),
        tuple(image for image, _ in faces),
        np.array([(left, 0.1, 0.1, 0.1) for left in lefts]).reshape(count, 4),
        np.array([hash_of(image) for image, _ in faces], dtype=np.uint64),
        np.full(count, 100.0),
        np.full(count, 0.1),
        embeddings,
    )


def hash_of(image: str) -> int:
    """A 64-bit hash of its own for each image, far from all others."""
    return int.from_bytes(blake2b(image.encode(), digest_size=8).digest())


def clusters_of(
    labels: list[int], cores: list[int] | None = None, groups: list[int] | None = None
) -> Clusters:
    """What clustering might have said. Without cores every clustered face is one; without groups no near-copies."""
    count = len(labels)
    is_core = np.array([label >= 0 for label in labels], dtype=np.bool_)
    if cores is not None:
        is_core = np.isin(np.arange(count), cores)
    return Clusters(
        np.array(labels, dtype=np.intp),
        is_core,
        np.array(range(count) if groups is None else groups, dtype=np.intp),
    )


def split_photos_of(faces: Faces, labels: NDArray[np.intp]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Labels and distances when two faces of one photo are told apart, and nothing is known from before."""
    distances = np.zeros(len(faces))
    unknown = np.zeros(len(faces), dtype=np.bool_)
    kept = split_photos(faces.embeddings, faces.number_photos(), labels.astype(np.int32), distances, unknown)
    return kept, distances
