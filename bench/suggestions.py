"""How many of the faces that faced proposes to a named person are that person's.

    python bench/suggestions.py [--data DIR] [--json] [--smoke]

DIR holds `*_dev.npz` files (embedding, embedding_mirror, person, photo). Two libraries are made of those that are
there: family (families, lfw, series, ages; vectors of two views where all have them) and mixed (celebs instead of
families). Each is clustered and decided by faced itself. Then everybody with at least five faces and a folder is named in
the largest folder that shows mostly them, the faces in it become anchors, all is decided anew, and what is proposed is
counted by face: `precision` of it is right, and it is `found` of the named people's faces that are in no named
folder. The table shows how that changes with the threshold. `--smoke`: a tenth of the people, or made-up ones.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from _actions import ENOUGH, World, name_people, rate_proposals
from _labelled import BESIDE, LIBRARIES, Labelled, find_files, load_library, make_up

STEPS = (-0.04, -0.02, -0.01, 0.0, 0.01, 0.02, 0.04, 0.06, 0.08)


def measure(library: Labelled) -> list[dict[str, float]]:
    """Precision and yield of what is proposed, for thresholds around the one in use."""
    world = World(library)
    name_people(world, (np.bincount(library.people) >= ENOUGH)[library.people])
    lines = []
    usual = world.settings.suggest
    for step in STEPS:
        world.settings = replace(world.settings, suggest=usual + step)
        world.decide()
        found = rate_proposals(world)
        lines.append(
            {
                "within": round(usual + step, 3),
                "named": len(world.named),
                "suggestions": found["_units"],
                "faces": found[""],
                "precision": round(found["_precision"], 4),
                "found": round(found["_found"], 4),
            }
        )
    return lines


def main() -> int:
    """0: measured. 1: no data there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=BESIDE)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--smoke", action="store_true", help="a tenth of the people")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    files = find_files(options.data)
    report: dict[str, list[dict[str, float]]] = {}
    for name in ("family", "mixed"):
        if not set(LIBRARIES[name]) <= set(files):
            print(f"{name}: its sets are not in {options.data}", file=sys.stderr)
            continue
        share = 0.1 if options.smoke else 1.0
        report[name] = measure(load_library(files, LIBRARIES[name], share=share, seed=options.seed))
    if options.smoke and not report:
        report["smoke"] = measure(make_up())
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
