"""How well faced tells who is who, beside other ways to cluster the same vectors.

    python bench/quality.py [--data DIR] [--json [--all]] [--smoke] [--plot FILE] [--curve] [--only SET ...]

DIR holds `*.npz` files (embedding, person, and embedding_mirror, photo, family where they have them; what stands before
the first `_` of the name is the set: celebs, lfw, series, ages, families). Each is measured alone, and so are two libraries
made of those that are there: mixed (celebs, lfw, series, ages) and family (families, lfw, series, ages). The vectors are
embedding_mirror (two views) where all files of a library have it, else embedding; faces without a person are left out.

precision, recall, f: BCubed; a face that is nobody's is a cluster of its own. pairs: share of the pairs of faces in one
cluster that are one person. coverage: share of the faces in a cluster of at least 3. `faced` runs what `faced sync`
runs, from vectors to persons. It alone knows which faces are in one photo. Chinese whispers and the best of the
DBSCANs are given the best of several thresholds for each set, faced has one for all.

actions: what a user has to do, with faced's own suggestions, until 90 % and 99 % of the faces are right of everybody with at
least five, each named in the largest folder (a folder shows three photos; who is in no three together is dragged face by
face, into a new folder first). with_folder: the same of those of them alone who have a folder to be named. proposals: how
many of the faces that are suggested once all who have one are named are right.

--json: {set: {method: {precision, recall, f}}}. --all: with it, all the other figures too.
--plot: an SVG of precision and recall, and of what moving each threshold does. --curve: the latter as a table (with --json:
those figures instead). --smoke: made-up faces, no data. With all five sets of 14,000 faces at most it takes ten minutes
(with --json, which counts no actions unless --all is given, four).
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _actions import count_proposals, simulate
from _labelled import BESIDE, LIBRARIES, Labelled, Labels, find_files, load_library, make_up, settings_of
from _others import cluster_otherwise
from _quality_plot import draw
from scipy.sparse import csr_matrix

from faced.faces.quality import GATE
from faced.model import FaceId
from faced.people import joining, together
from faced.people.copies import find_shared
from faced.people.faces import NOISE
from faced.people.identity import assign_persons
from faced.people.joining import Joining
from faced.people.kept import Kept, Rules
from faced.people.recluster import Clustering, cluster_faces, rules_of
from faced.people.said import Said
from faced.people.together import clusters_from, follow_company, gather_cast

CURVES = ("mixed", "family", "smoke")
"""Those for which the user's actions are counted and curves are drawn."""
STEPS = (-0.02, 0.0, 0.02)
MOVES = ("eps", "start", "reach", "crowd", "attach", "votes", "noise", "share")
BCUBED = ("precision", "recall", "f")
FLAT = 0.02
"""F may fall by no more."""


def run_faced(library: Labelled) -> Labels:
    """Persons as `faced sync` makes them, without a word of the user."""
    faces = library.faces
    assignment = assign_persons(faces, cluster_faces(faces, settings_of(library)), {}, Said())
    persons = [assignment.persons.get(FaceId(face)) for face in faces.ids.tolist()]
    return np.array([NOISE if person is None else -person for person in persons], dtype=np.intp)


def score(library: Labelled, labels: Labels) -> dict[str, float]:
    """BCubed, pairs and coverage. labels: (n,) the cluster of each face, or NOISE."""
    apart = np.where(labels == NOISE, labels.max(initial=0) + 1 + np.arange(len(labels)), labels)
    labels = np.unique(apart, return_inverse=True)[1].astype(np.intp)
    table = csr_matrix((np.ones(len(labels)), (labels, library.people)))
    sizes, people = np.bincount(labels), np.bincount(library.people)
    common = np.asarray(table[labels, library.people]).ravel()
    precision, recall = (
        float((common / sizes[labels]).mean()),
        float((common / people[library.people]).mean()),
    )
    pairs = (sizes * (sizes - 1)).sum()
    right = (table.data * (table.data - 1)).sum()
    several = np.unique([labels, library.photos], axis=1, return_counts=True)[1] > 1
    return {
        "precision": precision,
        "recall": recall,
        "f": 2 * precision * recall / (precision + recall),
        "pairs": float(right / pairs) if pairs else 1.0,
        "coverage": float((sizes[labels] >= 3).mean()),
        "twice_in_a_photo": int(several.sum()),
    }


def measure(library: Labelled, *, quick: bool, actions: bool) -> dict[str, dict[str, float]]:
    """Every way of clustering. actions: what the user has to do is counted too."""
    methods: dict[str, dict[str, float]] = {"faced": score(library, run_faced(library))}
    for found in cluster_otherwise(library, lambda labels: score(library, labels)["f"], quick=quick):
        methods[found.name] = {**score(library, found.labels), **found.tuned}
    if actions:
        methods["faced"] |= {
            **simulate(library, everybody=True),
            **{f"with_folder_{key}": value for key, value in simulate(library).items()},
            **count_proposals(library),
        }
    return methods


def curve(library: Labelled) -> list[dict[str, Any]]:
    """F of the joining when one threshold moves by a distance of 0.02 (share: by 0.1; noise: by 0.02 under the root)."""
    base = settings_of(library)
    states: dict[object, Kept] = {}
    unmoved = score(library, _join(library, states, base, Joining(base.eps, crowd=base.crowd)))
    rows: list[dict[str, Any]] = []
    for name in MOVES:
        for step in STEPS:
            rule = Joining(base.eps, crowd=base.crowd)
            start, reach = joining.START, joining.REACH
            share = step / base.eps
            try:
                if name == "start":
                    _set_shares(start + share, reach)
                elif name == "reach":
                    _set_shares(start, reach + share)
                else:
                    rule = _move(rule, name, step, share)
                settings = replace(base, eps=rule.eps, crowd=rule.crowd)
                found = score(library, _join(library, states, settings, rule)) if step else unmoved
            finally:
                _set_shares(start, reach)
            rows.append({"threshold": name, "moved": step, **found})
    return rows


def _move(rule: Joining, name: str, step: float, share: float) -> Joining:
    if name == "eps":
        return replace(rule, eps=rule.eps + step)
    if name == "noise":
        return replace(rule, noise=(rule.noise**0.5 + share) ** 2)
    if name == "share":
        return replace(rule, share=rule.share + 5 * step)
    return replace(rule, **{name: getattr(rule, name) + share})


def _join(library: Labelled, states: dict[object, Kept], settings: Clustering, rule: Joining) -> Labels:
    """Clusters by a rule. states: what was kept for others, of which the distances are taken where they fit."""
    faces = library.faces
    rules = Rules(rules_of(settings).reach, settings.gate, settings.copy_bits)
    if rules not in states:
        if len(states) > 1:
            states.popitem()  # the first is that of the thresholds as they are
        states[rules] = Kept(rules)
        states[rules].follow(faces)
    kept = states[rules]
    shared = find_shared(kept.groups)
    cast = gather_cast(faces, kept.show(), kept.groups, shared, rule, GATE)
    return clusters_from(follow_company(cast, rule).joined, cast, kept.groups, shared).labels


def _set_shares(start: float, reach: float) -> None:
    for module in (joining, together):
        vars(module).update(START=start, REACH=reach)


def find_steep(rows: list[dict[str, Any]]) -> list[str]:
    """Thresholds of a curve that lose more than FLAT of F when they move."""
    base = {row["threshold"]: row["f"] for row in rows if row["moved"] == 0.0}
    return sorted({row["threshold"] for row in rows if base[row["threshold"]] - row["f"] > FLAT})


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=BESIDE)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--all", action="store_true", help="with --json: not only precision, recall and f")
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
        print(f"skipped: no set of labelled faces in {options.data}", file=sys.stderr)
    report: dict[str, dict[str, dict[str, float]]] = {}
    curves: dict[str, list[dict[str, Any]]] = {}
    for name in {"smoke": ()} if options.smoke else libraries:
        library = make_up() if options.smoke else load_library(files, libraries[name])
        if (options.curve or options.plot) and name in CURVES:
            curves[name] = curve(library)
        if options.curve:
            continue
        is_short = options.json and not options.all
        report[name] = measure(library, quick=options.smoke, actions=name in CURVES and not is_short)
        if not options.json:
            show(name, library, report[name])
    if options.plot and report:
        draw(report, curves, options.plot)
    if options.json:
        print(json.dumps(curves if options.curve else report if options.all else shorten(report)))
    else:
        for name, rows in curves.items():
            show_curve(name, rows)
    return int(options.smoke and bool(report) and report["smoke"]["faced"]["f"] < 0.95)


def shorten(report: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, Any]:
    """What is asked of every way."""
    return {
        name: {method: {key: found[key] for key in BCUBED} for method, found in methods.items()}
        for name, methods in report.items()
    }


def show(name: str, library: Labelled, methods: Mapping[str, Mapping[str, float]]) -> None:
    """One table."""
    views = f"{library.views} view{'s' if library.views > 1 else ''}"
    print(f"\n{name}: {len(library.people)} faces of {library.people.max() + 1} people, {views}")
    print(f"{'':24}precision recall      f  pairs coverage twice in a photo")
    for method, found in methods.items():
        tuned = "".join(f" {found[key]:g}" for key in ("eps", "min_samples", "threshold") if key in found)
        print(
            f"{method + tuned:24}{found['precision']:9.3f}{found['recall']:7.3f}{found['f']:7.3f}"
            f"{found['pairs']:7.3f}{found['coverage']:9.3f}{found['twice_in_a_photo']:17}"
        )
    ours = methods["faced"]
    if "actions_90" in ours:
        readings = {
            "": f"all {ours['people']} with five faces",
            "with_folder_": f"the {ours['with_folder_people']} of them with a folder to name",
        }
        for before, words in readings.items():
            print(
                f"actions a person, {words}: {ours[before + 'actions_90']:.2f} until 90 %, "
                f"{ours[before + 'actions_99']:.2f} until 99 % (faces in named folders: "
                f"{ours[before + 'named_precision']:.3f} right)"
            )
        print(
            f"proposals once these are named: {ours['proposed']} faces, {ours['proposed_precision']:.3f} right, "
            f"{ours['proposed_found']:.3f} of what is left"
        )
    sys.stdout.flush()


def show_curve(name: str, rows: list[dict[str, Any]]) -> None:
    """F, and precision, for each move."""
    print(f"\n{name}: precision / F when one threshold moves")
    print(f"{'':8}" + "".join(f"{step:+15.2f}" for step in STEPS))
    for threshold in MOVES:
        found = [row for row in rows if row["threshold"] == threshold]
        print(f"{threshold:8}" + "".join(f"  {row['precision']:.3f} / {row['f']:.3f}" for row in found))
    steep = find_steep(rows)
    print(
        f"F falls by more than {FLAT} when {', '.join(steep)} moves"
        if steep
        else f"flat: no F falls by {FLAT}"
    )


if __name__ == "__main__":
    sys.exit(main())
