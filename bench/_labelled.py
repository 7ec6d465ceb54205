"""Labelled faces for the benchmarks of who is who: sets, the libraries made of them, and who faced says is who."""

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faced.faces.engine import DEFAULT_ENGINE, engine_record
from faced.model import Floats, ImageKey
from faced.people.faces import Faces, sort_faces
from faced.people.recluster import Clustering

SETS = ("celebs", "lfw", "series", "ages", "families")
LIBRARIES = {
    **{name: (name,) for name in SETS},
    "mixed": ("celebs", "lfw", "series", "ages"),
    "family": ("families", "lfw", "series", "ages"),
}
BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "embeddings"
"""Where the sets are, if they are."""
Labels = NDArray[np.intp]


@dataclass(frozen=True)
class Labelled:
    """n faces in content order. people, photos: (n,) numbers. views: of the vectors."""

    faces: Faces
    people: Labels
    photos: Labels
    views: int


def find_files(folder: Path) -> dict[str, Path]:
    """The file of each set that is there and holds a face of somebody; of several the first by name. What is left out is
    said on standard error.
    """
    files: dict[str, Path] = {}
    for path in sorted(folder.glob("*.npz")):
        name = path.stem.split("_")[0]
        if name not in SETS:
            continue
        if name in files:
            print(f"{path.name}: left out, {name} is {files[name].name}", file=sys.stderr)
        elif not (np.load(path, allow_pickle=False)["person"] != "").any():
            print(f"{path.name}: left out, nobody is in it", file=sys.stderr)
        else:
            files[name] = path
    return files


def load_library(
    files: Mapping[str, Path], sets: tuple[str, ...], *, share: float = 1.0, seed: int = 1
) -> Labelled:
    """The sets joined, people and photos of each its own. share: of the people that are taken."""
    data = [(name, np.load(files[name], allow_pickle=False)) for name in sets]
    views = 2 if all("embedding_mirror" in one.files for _, one in data) else 1
    vectors, people, photos = [], [], []
    for name, one in data:
        known = np.flatnonzero(one["person"] != "")
        vectors.append(one["embedding_mirror" if views == 2 else "embedding"][known])
        people += [f"{name}:{person}" for person in one["person"][known]]
        taken = one["photo"] if "photo" in one.files else np.arange(len(one["person"]))
        photos += [f"{name}:{_picture_of(name, str(taken[row]))}" for row in known]
    names, numbers = np.unique(people, return_inverse=True)
    kept = np.flatnonzero((np.random.default_rng(seed).random(len(names)) < share)[numbers])
    return _label(
        np.concatenate(vectors).astype(np.float32)[kept], [photos[row] for row in kept], numbers[kept], views
    )


def _picture_of(name: str, photo: str) -> str:
    """Families in the Wild cuts a picture up by person: family and number of the picture name it."""
    if name != "families":
        return photo
    parts = photo.split("/")
    return f"{parts[0]}/{parts[-1].split('_')[0]}"


def make_up(seed: int = 0) -> Labelled:
    """Twenty people of ten faces and a hundred strangers."""
    random = np.random.default_rng(seed)
    people = np.r_[np.repeat(np.arange(20), 10), np.arange(20, 120)]
    middles = random.normal(0, 0.068, (120, 128))
    vectors = middles[people] + random.normal(0, 0.022, (len(people), 128))
    return _label(vectors.astype(np.float32), [f"{row}" for row in range(len(people))], people, 2)


def _label(vectors: Floats, photos: list[str], people: Labels, views: int) -> Labelled:
    """The faces of one photo stand side by side in it, and no two photos are near-copies."""
    seen: Counter[str] = Counter()
    boxes = np.full((len(vectors), 4), 0.01)
    for row, photo in enumerate(photos):
        boxes[row, 0] = 0.02 * seen[photo]
        seen[photo] += 1
    hashes = [int.from_bytes(blake2b(photo.encode(), digest_size=8).digest()) for photo in photos]
    images = tuple(ImageKey("b1:" + blake2b(photo.encode(), digest_size=16).hexdigest()) for photo in photos)
    count = len(vectors)
    faces = sort_faces(
        Faces(
            np.arange(count),
            images,
            boxes,
            np.array(hashes, dtype=np.uint64),
            np.full(count, 100.0),
            np.ones(count),
            vectors,
        )
    )
    pictures = np.unique(faces.images, return_inverse=True)[1].astype(np.intp)
    numbers = np.unique(people[faces.ids], return_inverse=True)[1].astype(np.intp)
    return Labelled(faces, numbers, pictures, views)


def settings_of(library: Labelled) -> Clustering:
    """As the engine's record has them."""
    measured = engine_record(DEFAULT_ENGINE, views=library.views).thresholds
    return Clustering(
        measured.eps,
        measured.min_samples,
        measured.gate,
        measured.near_copy_bits,
        suggest=measured.suggest,
        joins=True,
        crowd=measured.crowd,
    )
