"""How well faced tells who is who, beside other ways to cluster the same vectors.

    python bench/quality.py [--data DIR] [--json] [--smoke] [--plot FILE] [--curve]

DIR holds `*_dev.npz` files (embedding, person, and embedding_mirror, photo, family where they have them; the first part
of the name is the set: celebs, lfw, series, ages, families). Each is measured alone, and so are two libraries made of
those that are there: mixed (celebs, lfw, series, ages) and family (families, lfw, series, ages). The vectors are
embedding_mirror (two views) where all files of a library have it, else embedding; faces without a person are left out.

precision, recall, f: BCubed; a face that is nobody's is a cluster of its own. pairs: share of the pairs of faces in one
cluster that are one person. coverage: share of the faces in a cluster of at least 3. `faced` runs what `faced sync`
runs, from vectors to persons. It alone knows which faces are in one photo. Chinese whispers and the best of the
DBSCANs are given the best of several thresholds for each set, faced has one for all.

actions: the user names the largest folder of each person with at least five faces, then does whatever mends most for each
person: accepts a suggested folder or drags one; until 90 % and 99 % of the faces of named people are in the right place.

--plot: an SVG of precision and recall. --curve: what moving each threshold does. --smoke: made-up faces, no data.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from faced.faces.engine import DEFAULT_ENGINE, engine_record
from faced.faces.quality import GATE
from faced.model import FaceId, Floats, ImageKey
from faced.people import joining
from faced.people.faces import NOISE, Faces
from faced.people.identity import assign_persons
from faced.people.joining import Joining
from faced.people.kept import Kept
from faced.people.recluster import Clustering, cluster_faces, rules_of
from faced.people.said import Said
from faced.people.together import put_together

SETS = ("celebs", "lfw", "series", "ages", "families")
LIBRARIES = {
    **{name: (name,) for name in SETS},
    "mixed": ("celebs", "lfw", "series", "ages"),
    "family": ("families", "lfw", "series", "ages"),
}
SINGLES = (0.36, 0.38, 0.40, 0.42, 0.44, 0.45, 0.46, 0.48, 0.50)
WHISPERS = (0.41, 0.43, 0.45, 0.47)
NAMED_FROM = 5
Labels = NDArray[np.intp]


@dataclass(frozen=True)
class Library:
    """vectors: (n, 128). people, photos: (n,) numbers. views: of the vectors."""

    vectors: Floats
    people: Labels
    photos: Labels
    views: int


def find_files(folder: Path) -> dict[str, Path]:
    """The file of each set that is there."""
    return {path.name.split("_")[0]: path for path in sorted(folder.glob("*.npz"))}


def load_library(files: Mapping[str, Path], sets: tuple[str, ...]) -> Library:
    """The sets joined, people and photos of each its own."""
    data = [(name, np.load(files[name], allow_pickle=False)) for name in sets]
    views = 2 if all("embedding_mirror" in one.files for _, one in data) else 1
    vectors, people, photos = [], [], []
    for name, one in data:
        known = np.flatnonzero(one["person"] != "")
        vectors.append(one["embedding_mirror" if views == 2 else "embedding"][known])
        people += [f"{name}:{person}" for person in one["person"][known]]
        taken = one["photo"] if "photo" in one.files else np.arange(len(one["person"]))
        photos += [f"{name}:{picture_of(name, str(taken[row]))}" for row in known]
    return Library(
        np.ascontiguousarray(np.concatenate(vectors), dtype=np.float32), number(people), number(photos), views
    )


def picture_of(name: str, photo: str) -> str:
    """Families in the Wild cuts a picture up by person: family and number of the picture name it."""
    if name != "families":
        return photo
    parts = photo.split("/")
    return f"{parts[0]}/{parts[-1].split('_')[0]}"


def number(names: list[str]) -> Labels:
    """Equal names, equal numbers."""
    return np.unique(names, return_inverse=True)[1].astype(np.intp)


def make_up(seed: int = 0) -> Library:
    """Twenty people of ten faces and a hundred strangers."""
    random = np.random.default_rng(seed)
    people = np.r_[np.repeat(np.arange(20), 10), np.arange(20, 120)]
    middles = random.normal(0, 0.068, (120, 128))
    vectors = middles[people] + random.normal(0, 0.022, (len(people), 128))
    return Library(vectors.astype(np.float32), people, np.arange(len(people)), 2)


def as_faces(library: Library) -> Faces:
    """In content order; the faces of one photo stand side by side, and no two photos are near-copies."""
    order = np.lexsort((np.arange(len(library.people)), library.photos))
    photos = library.photos[order]
    places = np.arange(len(order)) - np.searchsorted(photos, photos)
    hashes = [int.from_bytes(blake2b(b"%d" % photo, digest_size=8).digest()) for photo in photos]
    boxes = np.stack([places * 1e-3, 0 * places, 0 * places + 5e-4, 0 * places + 0.1], axis=1)
    return Faces(
        order.astype(np.int64),
        tuple(ImageKey(f"i{photo:08}") for photo in photos),
        boxes,
        np.array(hashes, dtype=np.uint64),
        np.full(len(order), 100.0),
        np.full(len(order), 1.0),
        library.vectors[order],
    )


def settings_of(library: Library) -> Clustering:
    """As the engine's record has them."""
    measured = engine_record(DEFAULT_ENGINE, views=library.views).thresholds
    return Clustering(
        measured.eps,
        measured.min_samples,
        measured.gate,
        measured.near_copy_bits,
        joins=True,
        crowd=measured.crowd,
    )


def run_faced(library: Library) -> Labels:
    """Persons as `faced sync` makes them, without a word of the user."""
    faces = as_faces(library)
    assignment = assign_persons(faces, cluster_faces(faces, settings_of(library)), {}, Said())
    persons = [assignment.persons.get(FaceId(row)) for row in range(len(faces))]
    return np.array([NOISE if person is None else -person for person in persons], dtype=np.intp)


def run_dbscan(library: Library, eps: float, min_samples: int) -> Labels:
    """scikit-learn's; noise is -1."""
    from sklearn.cluster import DBSCAN

    return np.asarray(
        DBSCAN(eps=eps, min_samples=min_samples, algorithm="brute").fit_predict(library.vectors)
    )


def run_hdbscan(library: Library) -> Labels:
    """scikit-learn's, min_cluster_size 5, min_samples 3."""
    from sklearn.cluster import HDBSCAN

    return np.asarray(HDBSCAN(min_cluster_size=5, min_samples=3, copy=True).fit_predict(library.vectors))


def run_whispers(library: Library, threshold: float) -> Labels:
    """dlib's Chinese whispers, in the order of the file; it draws at random."""
    import dlib

    vectors = [dlib.vector(row) for row in library.vectors.astype(float)]
    return np.array(dlib.chinese_whispers_clustering(vectors, threshold), dtype=np.intp)


def run_propagation(library: Library, threshold: float) -> Labels:
    """Each face takes the label of most weight (threshold - distance) around it, in a fixed order, until few change."""
    faces = as_faces(library)
    kept = Kept(rules_of(Clustering(threshold / joining.REACH, 3, GATE, 4, joins=True)))
    kept.follow(faces)
    found = kept.show()
    labels = np.arange(len(faces))
    order = np.random.default_rng(0).permutation(len(faces))
    for _ in range(20):
        changed = 0
        for row in order.tolist():
            near = found.nearest[row][found.nearest[row] >= 0]
            if len(near):
                weights = threshold - found.distances[row][: len(near)].astype(float)
                names, inverse = np.unique(labels[near], return_inverse=True)
                sums = np.bincount(inverse, weights=weights)
                mine = sums[names == labels[row]].max(initial=0)
                if sums.max() > mine + 1e-9:
                    labels[row], changed = names[sums.argmax()], changed + 1
        if changed < len(faces) / 2000:
            break
    back = np.empty_like(labels)
    back[faces.ids] = labels
    return back


def alone(labels: Labels) -> Labels:
    """Noise (-1) and whatever is alone by name of its own, from 0 up."""
    rows = np.arange(len(labels))
    apart = np.where(labels == NOISE, labels.max(initial=0) + 1 + rows, labels)
    return np.asarray(np.unique(apart, return_inverse=True)[1])


def score(library: Library, labels: Labels) -> dict[str, float]:
    """BCubed, pairs and coverage."""
    labels = alone(labels)
    table = csr_matrix((np.ones(len(labels)), (labels, library.people)))
    sizes, people = np.bincount(labels), np.bincount(library.people)
    common = np.asarray(table[labels, library.people]).ravel()
    precision, recall = (
        float((common / sizes[labels]).mean()),
        float((common / people[library.people]).mean()),
    )
    pairs = (sizes * (sizes - 1)).sum()
    right = (table.data * (table.data - 1)).sum()
    return {
        "precision": precision,
        "recall": recall,
        "f": 2 * precision * recall / (precision + recall),
        "pairs": float(right / pairs) if pairs else 1.0,
        "coverage": float((sizes[labels] >= 3).mean()),
        "twice_in_a_photo": int(
            (np.unique([labels, library.photos], axis=1, return_counts=True)[1] > 1).sum()
        ),
    }


def best_of(
    library: Library, run: Callable[[float], Labels], values: tuple[float, ...]
) -> tuple[float, Labels]:
    """The value with the highest F, by looking at who is who."""
    found = [(value, run(value)) for value in values]
    return max(found, key=lambda one: score(library, one[1])["f"])


def measure(library: Library, quick: bool) -> dict[str, dict[str, float]]:
    """Every way of clustering."""
    methods: dict[str, dict[str, float]] = {"faced": score(library, run_faced(library))}
    methods["dbscan_0.5_5"] = score(library, run_dbscan(library, 0.5, 5))
    eps, labels = best_of(library, lambda value: run_dbscan(library, value, 3), SINGLES)
    methods["dbscan_best"] = {**score(library, labels), "eps": eps}
    if not quick:
        methods["hdbscan"] = score(library, run_hdbscan(library))
    threshold, labels = best_of(
        library, lambda value: run_whispers(library, value), WHISPERS[1:3] if quick else WHISPERS
    )
    methods["chinese_whispers"] = {**score(library, labels), "threshold": threshold}
    methods["propagation"] = score(library, run_propagation(library, 0.46 if library.views == 2 else 0.48))
    return methods


def count_actions(library: Library, labels: Labels) -> dict[str, float]:
    """User actions a person until 90 % and 99 % of the faces of named people are right.

    Named is who has at least five faces, and at most one name goes to a folder. Each action is the one that mends most:
    a name, another folder whole (where most of it is the person's), or one face dragged; a wrong face in a folder is
    right once it is dragged out.
    """
    labels = alone(labels)
    table = csr_matrix((np.ones(len(labels)), (labels, library.people))).tocoo()
    sizes, people = np.bincount(labels), np.bincount(library.people)
    gains: list[int] = []
    owners: dict[int, int] = {}
    for count, label, person in sorted(
        zip(table.data.astype(int).tolist(), table.row.tolist(), table.col.tolist(), strict=True),
        reverse=True,
    ):
        if label not in owners and 2 * count > sizes[label]:
            owners[label] = person
    named = np.flatnonzero(people >= NAMED_FROM)
    is_named = np.isin(np.arange(len(people)), named)
    total = int(people[named].sum())
    whole = {label: int((library.people[labels == label] == who).sum()) for label, who in owners.items()}
    done = 0
    for label, who in owners.items():
        if is_named[who]:
            gains.append(whole[label])
            done += whole[label]
    gains += [1] * (total - done)
    order = np.cumsum(sorted(gains, reverse=True))
    return {
        "people": len(named),
        "actions_90": float(np.searchsorted(order, 0.9 * total) + 1) / max(1, len(named)),
        "actions_99": float(np.searchsorted(order, 0.99 * total) + 1) / max(1, len(named)),
    }


MOVES = ("eps", "start", "reach", "crowd", "attach", "votes", "noise", "share")


def curve(library: Library) -> list[dict[str, object]]:
    """F of the joining when one threshold moves by a distance of 0.02 (share: by 0.1; noise: by 0.02 under the root)."""
    faces, base = as_faces(library), settings_of(library)
    rows: list[dict[str, object]] = []
    kept = None
    for name in MOVES:
        for step in (-0.02, -0.01, 0.0, 0.01, 0.02):
            rule, settings = Joining(base.eps, crowd=base.crowd), base
            start, reach = joining.START, joining.REACH
            share = step / base.eps
            if name == "eps":
                rule = replace(rule, eps=base.eps + step)
            elif name in ("crowd", "attach", "votes"):
                rule = replace(rule, **{name: getattr(rule, name) + share})
            elif name == "noise":
                rule = replace(rule, noise=(rule.noise**0.5 + share) ** 2)
            elif name == "share":
                rule = replace(rule, share=rule.share + 5 * step)
            settings = Clustering(rule.eps, base.min_samples, base.gate, base.copy_bits, joins=True)
            try:
                if name == "start":
                    _set_shares(start + share, reach)
                elif name == "reach":
                    _set_shares(start, reach + share)
                rules = replace(rules_of(settings), joining=None)
                if kept is None or kept.rules != rules:
                    kept = Kept(rules)
                    kept.follow(faces)
                labels = np.full(len(faces), NOISE, dtype=np.intp)
                labels[faces.ids] = put_together(faces, kept.show(), kept.groups, rule, GATE).labels
            finally:
                _set_shares(start, reach)
            rows.append({"threshold": name, "moved": step, **score(library, labels)})
    return rows


def _set_shares(start: float, reach: float) -> None:
    from faced.people import together

    for module in (joining, together):
        vars(module).update(START=start, REACH=reach)


def draw(report: Mapping[str, Mapping[str, Mapping[str, float]]], path: Path) -> None:
    """Recall to the right, precision up, a panel for each set."""
    colours = {
        "faced": "#c2185b", "dbscan_0.5_5": "#607d8b", "dbscan_best": "#1976d2", "hdbscan": "#388e3c",
        "chinese_whispers": "#f57c00", "propagation": "#7b1fa2",
    }  # fmt: skip
    side, gap, low = 210, 40, 0.3
    parts = []
    for n, (name, methods) in enumerate(report.items()):
        left, top = gap + n % 4 * (side + gap), gap + n // 4 * (side + gap)
        parts.append(f'<rect x="{left}" y="{top}" width="{side}" height="{side}" fill="none" stroke="#999"/>')
        parts.append(f'<text x="{left}" y="{top - 6}" font-weight="bold">{name}</text>')
        for tick in (0.4, 0.6, 0.8, 1.0):
            at = (tick - low) / (1 - low) * side
            parts.append(f'<text x="{left + at - 8}" y="{top + side + 12}" fill="#777">{tick}</text>')
            parts.append(f'<text x="{left - 20}" y="{top + side - at + 4}" fill="#777">{tick}</text>')
        for method, found in methods.items():
            x = left + max(0.0, (found["recall"] - low) / (1 - low)) * side
            y = top + side - max(0.0, (found["precision"] - low) / (1 - low)) * side
            colour = colours.get(method, "#000")
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{6 if method == "faced" else 4}" fill="{colour}">'
                f"<title>{method} {found['precision']:.3f} / {found['recall']:.3f}</title></circle>"
            )
    left, top = gap + len(report) % 4 * (side + gap), gap + len(report) // 4 * (side + gap)
    for n, (method, colour) in enumerate(colours.items()):
        parts.append(f'<circle cx="{left + 8}" cy="{top + 16 + 20 * n}" r="5" fill="{colour}"/>')
        parts.append(f'<text x="{left + 20}" y="{top + 20 + 20 * n}">{method}</text>')
    rows = len(report) // 4 + 1
    width, height = 4 * (side + gap) + gap, rows * (side + gap) + gap
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
        f'font-size="11"><title>BCubed recall (right) and precision (up)</title>'
        f'<rect width="{width}" height="{height}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared/data/embeddings")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--curve", action="store_true")
    parser.add_argument("--only", nargs="*", default=list(LIBRARIES), help="of the sets and libraries")
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    files = {} if options.smoke else find_files(options.data)
    libraries = {
        name: sets for name, sets in LIBRARIES.items() if set(sets) <= set(files) and name in options.only
    }
    if not libraries and not options.smoke:
        print(f"skipped: no *_dev.npz in {options.data}")
        return 0
    report: dict[str, dict[str, dict[str, float]]] = {}
    actions: dict[str, dict[str, float]] = {}
    curves: dict[str, list[dict[str, object]]] = {}
    for name in libraries or {"smoke": ()}:
        library = make_up() if options.smoke else load_library(files, libraries[name])
        if options.curve:
            curves[name] = curve(library)
            continue
        report[name] = measure(library, options.smoke)
        actions[name] = count_actions(library, run_faced(library))
        if not options.json:
            show(name, library, report[name], actions[name])
    if options.plot and report:
        draw(report, options.plot)
    if options.json:
        print(json.dumps(curves or report))
    for name, rows in curves.items():
        if not options.json:
            show_curve(name, rows)
    return int(options.smoke and bool(report) and report["smoke"]["faced"]["f"] < 0.95)


def show(
    name: str, library: Library, methods: Mapping[str, Mapping[str, float]], acts: Mapping[str, float]
) -> None:
    """One table."""
    views = f"{library.views} view{'s' if library.views > 1 else ''}"
    print(f"\n{name}: {len(library.people)} faces of {library.people.max() + 1} people, {views}")
    print(f"{'':24}precision recall      f  pairs coverage twice in a photo")
    for method, found in methods.items():
        tuned = next((f" {found[key]}" for key in ("eps", "threshold") if key in found), "")
        print(
            f"{method + tuned:24}{found['precision']:9.3f}{found['recall']:7.3f}{found['f']:7.3f}"
            f"{found['pairs']:7.3f}{found['coverage']:9.3f}{found['twice_in_a_photo']:17}"
        )
    print(
        f"actions a person, of {acts['people']} named: {acts['actions_90']:.2f} until 90 %, "
        f"{acts['actions_99']:.2f} until 99 %"
    )
    sys.stdout.flush()


def show_curve(name: str, rows: list[dict[str, object]]) -> None:
    """F, and precision, for each move."""
    print(f"\n{name}: precision / F when one threshold moves")
    print(f"{'':8}" + "".join(f"{step:+15.2f}" for step in (-0.02, -0.01, 0.0, 0.01, 0.02)))
    for threshold in MOVES:
        found = [row for row in rows if row["threshold"] == threshold]
        print(f"{threshold:8}" + "".join(f"  {row['precision']:.3f} / {row['f']:.3f}" for row in found))


if __name__ == "__main__":
    sys.exit(main())
