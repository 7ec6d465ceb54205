"""One function a command: calls a pass or a look, prints what came of it, returns the exit status.

The rooms are imported inside the functions, so that `faced --help` answers at once.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from faced.cli import show, show_faces, show_gone, show_log
from faced.errors import UsageError

if TYPE_CHECKING:
    from sqlite_utils import Database

    from faced.passes.places import Run
    from faced.passes.say import Said

__all__ = [
    "run_accept",
    "run_clean",
    "run_demo",
    "run_faces",
    "run_forget",
    "run_hide",
    "run_log",
    "run_merge",
    "run_name",
    "run_pause",
    "run_people",
    "run_resume",
    "run_run",
    "run_show",
    "run_status",
    "run_sync",
    "run_undo",
    "run_who",
    "run_why",
]


Found = TypeVar("Found")


def _open(options: argparse.Namespace) -> "Run":
    from faced.passes.places import open_run

    return open_run(options.state, options.config)


def run_run(options: argparse.Namespace) -> int:
    """`faced run [PHOTOS…] [--people DIR]`: the daemon, in the foreground."""
    from faced.daemon.parent import is_child, run_parent

    if not is_child():
        return run_parent(sys.argv[1:])
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = (
            "1"  # numpy's threads would be there before the kernel's rules, and not be bound by them
        )
    from faced.daemon.child import run_child

    return run_child(options.state, options.config, options.libraries, options.people)


def run_pause(options: argparse.Namespace) -> int:
    """`faced pause`."""
    return _set_paused(options, True, "paused: nothing is read or changed until `faced resume`")


def run_resume(options: argparse.Namespace) -> int:
    """`faced resume`."""
    return _set_paused(options, False, "going on")


def _set_paused(options: argparse.Namespace, paused: bool, words: str) -> int:
    from faced.passes.beside import set_paused

    news = set_paused(_open(options).state, paused)
    show.print_lines([words if news else f"{words}, as before"])
    return 0


def run_sync(options: argparse.Namespace) -> int:
    """`faced sync [PHOTOS…] [--people DIR]`: 1 when a place was frozen. Beside a daemon, the daemon does it."""
    from faced.passes.beside import is_daemon_running

    run = _open(options)
    if is_daemon_running(run.state):
        return _sync_beside(options, run)
    from faced.cli.progress import observe
    from faced.cli.timings import timings_json, timings_lines
    from faced.passes.full import run_pass
    from faced.passes.steps import TreeOptions

    with observe(quiet=options.json) as observer:
        tree = TreeOptions(now=options.now, rebuild=options.rebuild)
        report = run_pass(run, options.libraries, options.people, observer, tree)
    if options.json:
        timings = {"timings": timings_json(report)} if options.timings else {}
        show.print_json({**show.sync_json(report), **timings})
    else:
        show.print_lines(show.sync_lines(report))
        show.print_lines(timings_lines(report) if options.timings else [])
    show.print_problems(report.problems)
    return 1 if report.problems else 0


def _sync_beside(options: argparse.Namespace, run: "Run") -> int:
    from faced.passes.beside import sync_beside
    from faced.passes.look import look_at_status
    from faced.store.database import open_reader

    sync_beside(run, options.libraries, options.people, now=options.now, rebuild=options.rebuild)
    with open_reader(run.state) as db:
        status = look_at_status(db)
    if options.json:
        show.print_json(show.status_json(status))
    else:
        show.print_lines(show.status_lines(status))
    return 1 if status.problems else 0


def _report(
    options: argparse.Namespace,
    look: "Callable[[Database], Found]",
    to_json: Callable[[Found], object],
    to_lines: Callable[[Found], list[str]],
) -> int:
    """Look into the store and print what was found, in the form that was asked for."""
    from faced.store.database import open_reader

    with open_reader(_open(options).state) as db:
        found = look(db)
    if options.json:
        show.print_json(to_json(found))
    else:
        show.print_lines(to_lines(found))
    return 0


def run_status(options: argparse.Namespace) -> int:
    """`faced status`."""
    from faced.passes.beside import is_daemon_running
    from faced.passes.look import look_at_status

    is_running = is_daemon_running(_open(options).state)
    return _report(
        options, lambda db: look_at_status(db, is_running=is_running), show.status_json, show.status_lines
    )


def run_people(options: argparse.Namespace) -> int:
    """`faced people [--suggestions]`."""
    from faced.passes.look import look_at_people
    from faced.passes.perhaps import look_at_suggestions

    if options.suggestions:
        return _report(options, look_at_suggestions, show_faces.perhaps_json, show_faces.perhaps_lines)

    return _report(options, look_at_people, show.people_json, show.people_lines)


def run_faces(options: argparse.Namespace) -> int:
    """`faced faces PHOTO`."""
    from faced.passes.look import look_at_faces

    return _report(options, lambda db: look_at_faces(db, options.photo), show.faces_json, show.faces_lines)


def run_who(options: argparse.Namespace) -> int:
    """`faced who IMAGE`."""
    from faced.passes.who import look_at_who

    run = _open(options)
    return _report(
        options, lambda db: look_at_who(db, run, options.picture), show_faces.who_json, show_faces.who_lines
    )


def run_why(options: argparse.Namespace) -> int:
    """`faced why PHOTO`."""
    from faced.passes.why import look_at_why

    config = _open(options).config
    return _report(
        options, lambda db: look_at_why(db, config, options.photo), show_faces.why_json, show_faces.why_lines
    )


def run_name(options: argparse.Namespace) -> int:
    """`faced name PERSON [NAME] [--born YEAR]` or `faced name PERSON --clear`."""
    from faced.passes.say import name_person

    if options.name is not None and options.clear:
        raise UsageError("say a NAME, or --clear to take the name away, not both")
    if options.name is None and not options.clear and options.born is None:
        raise UsageError("say a NAME, or --clear to take the name away, or --born YEAR")
    keep = options.name is None and not options.clear
    return _report_said(
        name_person(_open(options), options.person, options.name, keep_name=keep, born=options.born)
    )


def run_merge(options: argparse.Namespace) -> int:
    """`faced merge PERSON INTO`."""
    from faced.passes.say import merge_persons

    return _report_said(merge_persons(_open(options), options.person, options.into))


def run_hide(options: argparse.Namespace) -> int:
    """`faced hide PERSON`."""
    from faced.passes.say import hide_person

    return _report_said(hide_person(_open(options), options.person))


def run_show(options: argparse.Namespace) -> int:
    """`faced show PERSON`."""
    from faced.passes.say import show_person

    return _report_said(show_person(_open(options), options.person))


def run_forget(options: argparse.Namespace) -> int:
    """`faced forget PERSON|PHOTO`, `faced forget --gone`, `faced forget --lift PHOTO`."""
    from faced.cli.confirm import confirm
    from faced.passes.forget import forget, lift, look_for_gone, look_for_target
    from faced.store.database import open_reader

    if (options.target is None) != options.gone or (options.gone and options.lift):
        raise UsageError("say one PERSON or PHOTO, or --gone")
    run = _open(options)
    if options.lift:
        lift(run, Path(options.target))
        show.print_lines(["it is looked at again by the next `faced sync`, or by the running faced soon"])
        return 0
    with open_reader(run.state) as db:
        meant = look_for_gone(db) if options.gone else look_for_target(db, options.target)
    show.print_lines(show_gone.forget_lines(meant))
    if not confirm("Forget it?", yes=options.yes):
        show.print_lines(["nothing was changed"])
        return 1
    return _report_said(forget(run, meant))


def run_clean(options: argparse.Namespace) -> int:
    """`faced clean`."""
    from faced.cli.confirm import confirm
    from faced.passes.clean import clean, look_at_made
    from faced.store.database import open_reader

    run = _open(options)
    with open_reader(run.state) as db:
        made = look_at_made(db)
    show.print_lines(show_gone.made_lines(made))
    if not confirm("Take them away?", yes=options.yes):
        show.print_lines(["nothing was changed"])
        return 1
    report = clean(run)
    show.print_lines(show_gone.clean_lines(report))
    show.print_problems([report.frozen] if report.frozen else [])
    return 1 if report.frozen else 0


def run_undo(options: argparse.Namespace) -> int:
    """`faced undo [N]` or `faced undo --edit ID…`."""
    from faced.passes.say import take_back

    said = take_back(_open(options), options.count, options.edit or ())
    if not said.edits:
        show.print_lines(["there is nothing to undo"])
    return _report_said(said)


def run_accept(options: argparse.Namespace) -> int:
    """`faced accept [--no] ID…`."""
    from faced.passes.say import answer_asks

    said = answer_asks(_open(options), options.ids, yes=not options.no)
    show.print_lines(
        f"question {number}: {'no' if options.no else 'yes'}, answered" for number in options.ids
    )
    return _report_said(said)


def _report_said(said: "Said") -> int:
    show.print_lines(show_log.said_lines(said))
    problems = [said.tree.frozen] if said.tree and said.tree.frozen else []
    show.print_problems(problems)
    return 1 if problems else 0


def run_log(options: argparse.Namespace) -> int:
    """`faced log [N]`."""
    from faced.passes.log import look_at_log

    return _report(options, lambda db: look_at_log(db, options.count), show_log.log_json, show_log.log_lines)


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
