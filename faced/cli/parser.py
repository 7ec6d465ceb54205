"""The command line: commands, their arguments and their help. Runs nothing."""

import argparse
from pathlib import Path
from typing import TypeAlias

from faced import __version__
from faced.cli import commands

__all__ = ["build_parser"]

ABOUT = """\
faced watches a photo library, finds who is in it, and keeps a folder per person full of links to
that person's photos. The originals are only read.

  faced sync ~/Pictures --people ~/People    find the people, make or update their folders
  faced people                               who was found
  faced name PERSON NAME                     say who it is; renaming the folder does the same
  faced log, faced undo                      what you said, and taking it back
  faced status                               what is known, what is left to do, what went wrong
  faced demo DIR                             a small library to try it on
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of everything; each command sets `run` to its function."""
    parser = argparse.ArgumentParser(
        prog="faced",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"faced {__version__}")
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_sync(actions)
    _add_status(actions)
    _add_people(actions)
    _add_faces(actions)
    _add_name(actions)
    _add_accept(actions)
    _add_log(actions)
    _add_undo(actions)
    _add_demo(actions)
    return parser


Actions: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _add(actions: Actions, name: str, short: str, long: str, *, json: bool = True) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name,
        help=short,
        description=long,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    if json:
        parser.add_argument("--json", action="store_true", help="print JSON with stable keys instead of text")
    return parser


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--state",
        metavar="DIR",
        type=Path,
        help="where faced keeps its database, private to you; default: $XDG_STATE_HOME/faced or ~/.local/state/faced",
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        type=Path,
        help="a YAML file with settings; default: ~/.config/faced/config.yaml where it exists; "
        "config.example.yaml explains every key",
    )


def _add_sync(actions: Actions) -> None:
    parser = _add(
        actions,
        "sync",
        "one full pass: new photos, faces, persons, folders; then exit",
        "Look for new, changed, moved and deleted photos in the libraries, find the faces in new ones,\n"
        "work out who is who, and bring the people folder up to date. Photos are only read.\n"
        "Stop it at any time; the next run goes on where it was.",
    )
    parser.add_argument(
        "libraries",
        metavar="PHOTOS",
        nargs="*",
        type=Path,
        help="folders with photos; remembered, so that later a plain `faced sync` is enough",
    )
    parser.add_argument(
        "--people", metavar="DIR", type=Path, help="the folder to fill with a folder per person; remembered"
    )
    parser.add_argument(
        "--now",
        action="store_true",
        help="trust the first look at the people folder: do not wait for a second one",
    )
    parser.add_argument(
        "--rebuild",
        action="store_true",
        help="make the people folder anew from what is known, after it was lost or restored from a backup",
    )
    parser.add_argument(
        "--timings", action="store_true", help="say what each step took, and each stage of reading a photo"
    )
    _add_places(parser)
    parser.set_defaults(run=commands.run_sync)


def _add_status(actions: Actions) -> None:
    parser = _add(
        actions,
        "status",
        "what is known, what is left to do, what went wrong",
        "How many photos and faces are known, which photos could not be read and why, which libraries\n"
        "are there, and what in the people folder was left alone.",
    )
    _add_places(parser)
    parser.set_defaults(run=commands.run_status)


def _add_people(actions: Actions) -> None:
    parser = _add(actions, "people", "who was found", "Every person: number, name, folder, photos and faces.")
    _add_places(parser)
    parser.set_defaults(run=commands.run_people)


def _add_faces(actions: Actions) -> None:
    parser = _add(
        actions,
        "faces",
        "the faces of one photo, and whose they are",
        "The faces that were found in PHOTO (a file of a library, a copy of one, or a link in the people\n"
        "folder): where they are, in pixels of the picture as shown, whose they are, and why.",
    )
    parser.add_argument("photo", metavar="PHOTO", type=Path, help="a photo, or a link to one")
    _add_places(parser)
    parser.set_defaults(run=commands.run_faces)


def _add_name(actions: Actions) -> None:
    parser = _add(
        actions,
        "name",
        "say who a person is",
        "Give PERSON a name, another name, or none. Renaming the folder in the file manager does the same.\n"
        "A name, once given, is never lost: not by new photos, other settings or another computer.",
        json=False,
    )
    parser.add_argument(
        "person",
        metavar="PERSON",
        help="the number, the name where only one has it, or the path of the folder",
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="any text")
    parser.add_argument(
        "--clear", action="store_true", help="take the name away: shown as `Person <number>` again"
    )
    _add_places(parser)
    parser.set_defaults(run=commands.run_name)


def _add_accept(actions: Actions) -> None:
    parser = _add(
        actions,
        "accept",
        "answer a question of `faced status`",
        "When much was deleted in the people folder at once, faced asks before it takes that for your word.\n"
        "This is the answer: yes, it was meant; or with --no: make the links anew.",
        json=False,
    )
    parser.add_argument("ids", metavar="ID", nargs="+", type=int, help="the number of the question")
    parser.add_argument("--no", action="store_true", help="it was not meant: undo it")
    _add_places(parser)
    parser.set_defaults(run=commands.run_accept)


def _add_log(actions: Actions) -> None:
    parser = _add(
        actions,
        "log",
        "what you said, the latest first",
        "Every name and every other edit, with its time and where it was made: in a folder or by a command.",
    )
    parser.add_argument(
        "count", metavar="N", nargs="?", type=_count, default=20, help="how many; default: 20"
    )
    _add_places(parser)
    parser.set_defaults(run=commands.run_log)


def _add_undo(actions: Actions) -> None:
    parser = _add(
        actions,
        "undo",
        "take back the latest thing you said",
        "The latest N gestures that still count are taken back; what one of them replaced is true again.\n"
        "An undo stands in the log too. Your own files are neither made nor removed by it.",
        json=False,
    )
    parser.add_argument("count", metavar="N", nargs="?", type=_count, default=1, help="how many; default: 1")
    _add_places(parser)
    parser.set_defaults(run=commands.run_undo)


def _count(text: str) -> int:
    """A number of things, at least one."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _add_demo(actions: Actions) -> None:
    parser = _add(
        actions,
        "demo",
        "make a small library to try faced on",
        "Write about forty made-up portraits and group photos to DIR (which must not exist or be empty),\n"
        "and say how to sort them.",
    )
    parser.add_argument(
        "folder",
        metavar="DIR",
        nargs="?",
        type=Path,
        default=Path("faced-demo"),
        help="default: ./faced-demo",
    )
    parser.set_defaults(run=commands.run_demo)
