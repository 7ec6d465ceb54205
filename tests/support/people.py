"""Faces and clusters made by hand, for tests of who is who."""

from hashlib import blake2b
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from faced.model import Floats
from faced.people.faces import Clusters, Faces
from faced.people.likeness import Likeness, Ranking
from faced.people.photos import split_photos
from faced.store.database import Store
from faced.store.jobs import ensure_engine


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


def rank_all(vectors: list[Floats], known: Faces, owners: NDArray[np.int64]) -> list[list[Likeness]]:
    """Whom each vector is like, of all that are known."""
    ranking = Ranking(vectors)
    ranking.take_in(known.ids, known.embeddings, owners, np.ones(len(known), dtype=np.bool_))
    return [ranking.persons_of(number) for number in range(len(vectors))]


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


def store_faces(store: Store, faces: Faces) -> None:
    """Into a state with one engine: a library, a photo of its own for each image, and the faces with their ids."""
    keys = list(dict.fromkeys(faces.images))
    numbers = {key: number for number, key in enumerate(keys, 1)}
    hashes = dict(zip(faces.images, faces.dhashes.astype(np.int64).tolist(), strict=True))
    with store.write() as db:
        ensure_engine(db, "key", '{"name": "one"}')
        db.execute("INSERT INTO libraries (root, listed, online) VALUES (?, 1, 1)", [b"/a"])
        db.conn.executemany(
            "INSERT INTO images (id, key, format, width, height, dhash) VALUES (?, ?, 'JPEG', 40, 30, ?)",
            [(numbers[key], key, hashes[key]) for key in keys],
        )
        db.conn.executemany(
            """INSERT INTO photos (library, path, size, mtime_ns, ctime_ns, ino, found, stale, image, orientation)
               VALUES (1, ?, 1, 1, 1, 1, 1, 0, ?, 1)""",
            [(key.encode(), numbers[key]) for key in keys],
        )
        db.conn.executemany(
            "INSERT INTO encodings (image, engine, orientation) VALUES (?, 1, 1)",
            [(number,) for number in numbers.values()],
        )
        vectors = [row.astype("<f4").tobytes() for row in faces.embeddings]
        columns = (faces.ids.tolist(), faces.sides.tolist(), faces.sharpness.tolist(), faces.boxes.tolist())
        db.conn.executemany(
            """INSERT INTO faces (id, image, engine, box_left, box_top, box_width, box_height, landmarks, score, side,
                                  sharpness, embedding, crc) VALUES (?, ?, 1, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?)""",
            [
                (face, numbers[image], *box, bytes(40), side, sharpness, vector, crc32(vector))
                for face, side, sharpness, box, image, vector in zip(
                    *columns, faces.images, vectors, strict=True
                )
            ],
        )
