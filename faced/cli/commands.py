"""One function a command: calls a pass or a look, prints what came of it, returns the exit status.

The rooms are imported inside the functions, so that `faced --help` answers at once.
"""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from faced.cli import show

if TYPE_CHECKING:
    from faced.passes.places import Run

__all__ = ["run_demo", "run_faces", "run_people", "run_status", "run_sync"]


def _open(options: argparse.Namespace) -> "Run":
    from faced.passes.places import open_run

    return open_run(options.state, options.config)


def run_sync(options: argparse.Namespace) -> int:
    """`faced sync [PHOTOS…] [--people DIR]`: 1 when a place was frozen."""
    from faced.cli.progress import observe
    from faced.passes.full import run_pass

    run = _open(options)
    with observe(quiet=options.json) as observer:
        report = run_pass(run, options.libraries, options.people, observer)
    if options.json:
        show.print_json(show.sync_json(report))
    else:
        show.print_lines(show.sync_lines(report))
    show.print_problems(report.problems)
    return 1 if report.problems else 0


def run_status(options: argparse.Namespace) -> int:
    """`faced status`."""
    from faced.passes.look import look_at_status
    from faced.store.database import open_reader

    with open_reader(_open(options).state) as db:
        status = look_at_status(db)
    if options.json:
        show.print_json(show.status_json(status))
    else:
        show.print_lines(show.status_lines(status))
    return 0


def run_people(options: argparse.Namespace) -> int:
    """`faced people`."""
    from faced.passes.look import look_at_people
    from faced.store.database import open_reader

    with open_reader(_open(options).state) as db:
        people = look_at_people(db)
    if options.json:
        show.print_json(show.people_json(people))
    else:
        show.print_lines(show.people_lines(people))
    return 0


def run_faces(options: argparse.Namespace) -> int:
    """`faced faces PHOTO`."""
    from faced.passes.look import look_at_faces
    from faced.store.database import open_reader

    with open_reader(_open(options).state) as db:
        faces = look_at_faces(db, options.photo)
    if options.json:
        show.print_json(show.faces_json(faces))
    else:
        show.print_lines(show.faces_lines(faces))
    return 0


def run_demo(options: argparse.Namespace) -> int:
    """`faced demo [DIR]`."""
    from faced.demo import make_demo

    folder: Path = options.folder
    demo = make_demo(folder)
    if options.json:
        show.print_json(show.demo_json(folder, demo))
        return 0
    here = shlex.quote(str(folder))
    people = shlex.quote(str(folder.with_name(folder.name + "-people")))
    state = shlex.quote(str(folder.with_name(folder.name + "-state")))
    show.print_lines(
        [
            f"{len(demo.photos)} photos are in {folder}. Now sort them, then look into the people folder:",
            f"  faced sync {here} --people {people} --state {state}",
        ]
    )
    return 0
