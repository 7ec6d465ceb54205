"""How many of the faces that faced proposes to a named person are that person's.

    python bench/suggestions.py [--data DIR] [--json] [--smoke]

DIR holds `*_dev.npz` files (embedding, embedding_mirror, person, photo). Two libraries are made of those that are
there: family (families, lfw, series, ages; vectors of two views where all have them) and mixed (celebs instead of
families). Each is clustered and decided by faced itself. Then everybody with at least five faces is named in the
largest folder that shows mostly them, the faces in it become anchors, all is decided anew, and what is proposed is
counted by face: `precision` of it is right, and it is `found` of the named people's faces that are in no named
folder. The table shows how that changes with the threshold. `--smoke`: a tenth of the people.
"""

import argparse
import json
import sys
from collections import Counter
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faced.faces.engine import DEFAULT_ENGINE, engine_record
from faced.model import Floats, ImageKey, PersonId
from faced.people.faces import Clusters, Faces, sort_faces
from faced.people.identity import Assignment, assign_persons
from faced.people.propose import choose_eligible, find_near, propose_faces
from faced.people.recluster import Clustering, cluster_faces
from faced.people.said import Said

LIBRARIES = {"family": ("families", "lfw", "series", "ages"), "mixed": ("celebs", "lfw", "series", "ages")}
ENOUGH = 5
FOLDER = 3
STEPS = (-0.04, -0.02, -0.01, 0.0, 0.01, 0.02, 0.04, 0.06, 0.08)


@dataclass(frozen=True)
class Labelled:
    """Faces and who they are. people: (n,) numbers, by row of the faces."""

    faces: Faces
    people: NDArray[np.intp]


def load_library(folder: Path, sets: tuple[str, ...], share: float, seed: int) -> Labelled:
    """One library, in content order. share: of the people that are taken."""
    files = [(name, np.load(folder / f"{name}_dev.npz")) for name in sets]
    mirrored = all("embedding_mirror" in data.files for _, data in files)
    key = "embedding_mirror" if mirrored else "embedding"
    vectors, people, photos = [], [], []
    for name, data in files:
        labelled = data["person"] != ""
        vectors.append(data[key][labelled])
        people += [f"{name}/{person}" for person in data["person"][labelled]]
        shots = data["photo"][labelled] if "photo" in data.files else np.flatnonzero(labelled)
        photos += [f"{name}/{_shot(name, str(shot))}" for shot in shots]
    names, numbers = np.unique(people, return_inverse=True)
    kept = np.flatnonzero((np.random.default_rng(seed).random(len(names)) < share)[numbers])
    return _as_faces(
        np.concatenate(vectors).astype(np.float32)[kept], [photos[n] for n in kept], numbers[kept]
    )


def _shot(name: str, photo: str) -> str:
    """Several faces of one picture have one: families have it in first and last part of the path."""
    if name != "families":
        return photo
    parts = photo.split("/")
    return f"{parts[0]}/{parts[-1].split('_')[0]}"


def _as_faces(vectors: Floats, photos: list[str], people: NDArray[np.intp]) -> Labelled:
    count = len(vectors)
    seen: Counter[str] = Counter()
    boxes = np.full((count, 4), 0.01)
    for row, photo in enumerate(photos):
        boxes[row, 0] = 0.02 * seen[photo]
        seen[photo] += 1
    hashes = [int.from_bytes(blake2b(photo.encode(), digest_size=8).digest()) for photo in photos]
    images = tuple(ImageKey("b1:" + blake2b(photo.encode(), digest_size=16).hexdigest()) for photo in photos)
    dhashes = np.array(hashes, dtype=np.uint64)
    faces = sort_faces(
        Faces(np.arange(count), images, boxes, dhashes, np.full(count, 100.0), np.ones(count), vectors)
    )
    return Labelled(faces, people[faces.ids])


def name_people(library: Labelled, assignment: Assignment) -> dict[PersonId, int]:
    """Person number -> who it is named for: the largest folder of each, where most faces are theirs."""
    folders: dict[int, Counter[int]] = {}
    for row, face in enumerate(library.faces.ids.tolist()):
        if face in assignment.persons:
            folders.setdefault(assignment.persons[face], Counter())[int(library.people[row])] += 1
    named: dict[PersonId, int] = {}
    sizes = Counter(library.people.tolist())
    for who, size in sorted(sizes.items()):
        mine = [
            (faces[who], -folder)
            for folder, faces in folders.items()
            if faces[who] and faces.total() >= FOLDER
        ]
        if size >= ENOUGH and mine:
            folder = -max(mine)[1]
            if min(folders[folder].items(), key=lambda pair: (-pair[1], pair[0]))[0] == who:
                named[PersonId(folder)] = who
    return named


def measure(library: Labelled, settings: Clustering, within: float) -> list[dict[str, Any]]:
    """Precision and yield of what is proposed, for thresholds around the one in use."""
    faces = library.faces
    clusters = cluster_faces(faces, settings)
    first = assign_persons(faces, clusters, {}, Said())
    persons = {face: PersonId(-number) for face, number in first.persons.items()}
    named = {PersonId(-folder): who for folder, who in name_people(library, first).items()}
    said = Said(anchors={face: p for face, p in persons.items() if p in named}, named=frozenset(named))
    decided = assign_persons(faces, clusters, persons, said)
    return [_count(library, clusters, decided, said, named, settings, within + step) for step in STEPS]


def _count(
    library: Labelled,
    clusters: Clusters,
    decided: Assignment,
    said: Said,
    named: dict[PersonId, int],
    settings: Clustering,
    within: float,
) -> dict[str, Any]:
    faces, people = library.faces, library.people
    row_of = {face: row for row, face in enumerate(faces.ids.tolist())}
    eligible = choose_eligible(faces, clusters.groups, settings.gate)
    rows = [row for face, row in row_of.items() if decided.persons.get(face, 0) not in named]
    near = find_near(faces.embeddings, eligible, np.array(sorted(rows), dtype=np.intp))
    proposed = propose_faces(faces, clusters, decided, said, near, within=within)
    pairs = [(named[one.person], row_of[face]) for one in proposed for face in one.faces]
    right = sum(1 for who, row in pairs if people[row] == who)
    left = int(np.isin(people[rows], list(named.values())).sum())
    return {
        "within": round(within, 3),
        "named": len(named),
        "suggestions": len(proposed),
        "faces": len(pairs),
        "right": right,
        "precision": round(right / len(pairs), 4) if pairs else None,
        "found": round(right / left, 4) if left else None,
    }


def main() -> int:
    """0: measured. 1: no data there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    beside = Path(__file__).resolve().parents[2] / "shared" / "data" / "embeddings"
    parser.add_argument("--data", type=Path, default=beside)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--smoke", action="store_true", help="a tenth of the people")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    report: dict[str, list[dict[str, Any]]] = {}
    for name, sets in LIBRARIES.items():
        if not all((options.data / f"{part}_dev.npz").exists() for part in sets):
            print(f"{name}: its sets are not in {options.data}", file=sys.stderr)
            continue
        library = load_library(options.data, sets, 0.1 if options.smoke else 1.0, options.seed)
        thresholds = engine_record(DEFAULT_ENGINE, views=2 if name == "family" else 1).thresholds
        settings = Clustering(
            thresholds.eps,
            thresholds.min_samples,
            thresholds.gate,
            thresholds.near_copy_bits,
            joins=True,
        )
        report[name] = measure(library, settings, thresholds.suggest)
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        for name, lines in report.items():
            print(f"{name}: {lines[0]['named']} people named")
            for line in lines:
                print(
                    f"  within {line['within']:.3f}: {line['faces']:5} faces in {line['suggestions']:4} suggestions,"
                    f" precision {line['precision']}, found {line['found']}"
                )
    return 0 if report else 1


if __name__ == "__main__":
    sys.exit(main())
