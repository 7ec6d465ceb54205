"""`faced service install | status | remove`: faced as a service of the user's own systemd.

Says in plain words what was done, and what is left to do where systemd cannot be reached.
"""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from faced.cli import show
from faced.errors import shown

if TYPE_CHECKING:
    from faced.daemon.units import Manager

__all__ = ["add_service"]

Actions: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

ABOUT = """\
Have your systemd run `faced run` in the background: from your login on, or from the start of the
machine with `loginctl enable-linger`.

  faced service install ~/Pictures --people ~/People
  faced service status
  faced service remove
"""
LINGER = "to have it run while you are not logged in, too: loginctl enable-linger"


def add_service(actions: Actions) -> None:
    """Add the command and its three actions."""
    parser = actions.add_parser(
        "service",
        help="run in the background: install, status, remove",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    inner = parser.add_subparsers(
        title="actions", metavar="ACTION", required=True, help="what to do; each has a --help of its own"
    )
    _add_install(inner)
    _add_status(inner)
    _add_remove(inner)


def _add(actions: Actions, name: str, short: str, long: str) -> argparse.ArgumentParser:
    return actions.add_parser(
        name,
        help=short,
        description=long,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _add_install(actions: Actions) -> None:
    parser = _add(
        actions,
        "install",
        "write the unit file, start the service now and at each login",
        "Write ~/.config/systemd/user/faced.service for this installation of faced, enable it and start it.\n"
        "Places that are named here stand in the unit; without, those count that faced remembers. Run it again\n"
        "after faced was installed elsewhere. A unit file that you edited is left alone.",
    )
    parser.add_argument("libraries", metavar="PHOTOS", nargs="*", type=Path, help="folders with photos")
    parser.add_argument(
        "--people", metavar="DIR", type=Path, help="the folder to fill with a folder per person"
    )
    parser.add_argument(
        "--state",
        metavar="DIR",
        type=Path,
        help="where faced keeps its database; default: as for other commands",
    )
    parser.add_argument("--config", metavar="FILE", type=Path, help="a YAML file with settings")
    parser.set_defaults(run=run_install)


def _add_status(actions: Actions) -> None:
    parser = _add(
        actions,
        "status",
        "is it installed, is it running",
        "Whether the unit file is there, whether systemd starts the service, and whether it runs.\n"
        "What faced itself does is told by `faced status`.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON with stable keys instead of text")
    parser.set_defaults(run=run_status)


def _add_remove(actions: Actions) -> None:
    parser = _add(
        actions,
        "remove",
        "stop the service and take the unit file away",
        "Stop the service, and delete the unit file if faced wrote it. Photos, people folder and state stay.",
    )
    parser.set_defaults(run=run_remove)


def run_install(options: argparse.Namespace) -> int:
    """0: it runs. 1: it does not, and what to do was said."""
    from faced.daemon import units
    from faced.passes.places import check_named, open_run

    check_named(open_run(options.state, options.config), options.libraries, options.people)
    manager = units.Manager()
    if not manager.exists:
        show.print_problems(
            [
                f"{manager.reason}; nothing was written. Have `faced run` started with your session by other means"
            ]
        )
        return 1
    arguments = units.run_arguments(options.libraries, options.people, options.state, options.config)
    path = units.unit_file()
    text = units.compose_unit(units.Unit(units.find_program(), arguments, os.environ))
    was_written = units.write_unit(path, text)
    name = shown(os.fsencode(path))
    show.print_lines([f"{name} {'is written' if was_written else 'was up to date'}"])
    if manager.reason:
        show.print_problems(
            [
                f"the service could not be started: {manager.reason}",
                "log in as yourself (not with su or sudo) and run `faced service install` again",
            ]
        )
        return 1
    _enable_and_start(manager, was_written)
    return 0


def _enable_and_start(manager: "Manager", was_written: bool) -> None:
    from faced.daemon import units

    was_active = manager.ask("is-active") == "active"
    manager.order("daemon-reload")
    manager.order("enable", units.NAME)
    is_ready = manager.start(anew=was_active and was_written)
    lines = ["the service is running, and starts with each of your logins"]
    if not is_ready:
        lines = ["the service is starting; `faced service status` tells when it is ready"]
    if not units.is_lingering():
        lines.append(LINGER)
    show.print_lines(lines)


def run_status(options: argparse.Namespace) -> int:
    """Always 0: a service that is not there is an answer."""
    from faced.daemon import units

    path = units.unit_file()
    owner = units.read_owner(path)
    manager = units.Manager()
    enabled, active = manager.ask("is-enabled"), manager.ask("is-active")
    lingers = units.is_lingering()
    if options.json:
        report = {
            "installed": owner is not units.Owner.NOBODY,
            "edited": owner is units.Owner.USER,
            **show.path_json(os.fsencode(path), "unit"),
            "enabled": None if manager.reason else (enabled or "").startswith("enabled"),
            "active": None if manager.reason else active == "active",
            "state": active,
            "linger": lingers,
            "unreachable": manager.reason,
        }
        show.print_json(report)
        return 0
    name = shown(os.fsencode(path))
    lines = {
        units.Owner.NOBODY: "not installed: `faced service install` does it",
        units.Owner.FACED: f"installed: {name}",
        units.Owner.USER: f"installed and edited by you: {name}",
    }
    more = [] if owner is units.Owner.NOBODY else _manager_lines(manager, enabled, active, lingers)
    show.print_lines([lines[owner], *more])
    return 0


def _manager_lines(
    manager: "Manager", enabled: str | None, active: str | None, lingers: bool | None
) -> list[str]:
    if manager.reason:
        return [f"whether it runs is not known: {manager.reason}"]
    if enabled is None or enabled == "not-found":
        return []
    when = "at the start of the machine" if lingers else f"with your login ({LINGER})"
    starts = f"starts {when}" if enabled.startswith("enabled") else f"is not started by itself ({enabled})"
    runs = {"active": "runs", "activating": "is starting", "failed": "has failed: journalctl --user -u faced"}
    return [starts, runs.get(active or "", f"does not run ({active or 'unknown'})")]


def run_remove(_options: argparse.Namespace) -> int:
    """0: it is gone, or was never there. 1: the unit is the user's."""
    from faced.daemon import units

    path = units.unit_file()
    owner = units.read_owner(path)
    if owner is units.Owner.NOBODY:
        show.print_lines(["the service was not installed"])
        return 0
    manager = units.Manager()
    if owner is units.Owner.FACED and manager.reason is None:
        manager.order("disable", "--now", units.NAME)
    units.remove_unit(path)
    if manager.reason is None:
        manager.order("daemon-reload")
        show.print_lines(
            ["the service is stopped and removed; photos, people folder and state are as they were"]
        )
        return 0
    show.print_lines([f"{shown(os.fsencode(path))} is removed"])
    if manager.exists:
        show.print_problems([f"whether the service still runs is not known: {manager.reason}"])
        return 1
    return 0
