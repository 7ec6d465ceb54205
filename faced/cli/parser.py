"""The command line: commands, their arguments and their help. Runs nothing."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faced import __version__
from faced.cli import commands
from faced.cli.service import add_service

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
    for command in COMMANDS:
        action = actions.add_parser(
            command.name,
            help=command.short,
            description=command.long,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        for argument in command.arguments:
            action.add_argument(*argument.names, **argument.rest)
        action.set_defaults(run=command.run)
    add_service(actions)
    return parser


@dataclass(frozen=True, slots=True)
class Argument:
    """What `add_argument` is given."""

    names: tuple[str, ...]
    rest: dict[str, Any]


def _argument(*names: str, **rest: Any) -> Argument:
    return Argument(names, rest)


@dataclass(frozen=True, slots=True)
class Command:
    """One command. short: its line in the list of commands; long: the text above its arguments."""

    name: str
    run: Callable[[argparse.Namespace], int]
    short: str
    long: str
    arguments: tuple[Argument, ...] = ()


def _count(text: str) -> int:
    """A number of things, at least one."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _year(text: str) -> int | str:
    """A year, or `unknown`."""
    if text != "unknown" and not (text.isascii() and text.isdigit() and 1 <= int(text) <= 9999):
        raise argparse.ArgumentTypeError(f"a year such as 1985, or unknown; got {text}")
    return text if text == "unknown" else int(text)


def _how_many(default: int) -> Argument:
    return _argument(
        "count", metavar="N", nargs="?", type=_count, default=default, help=f"how many; default: {default}"
    )


JSON = _argument("--json", action="store_true", help="print JSON with stable keys instead of text")
PLACES = (
    _argument(
        "--state",
        metavar="DIR",
        type=Path,
        help="where faced keeps its database, private to you; default: $XDG_STATE_HOME/faced or ~/.local/state/faced",
    ),
    _argument(
        "--config",
        metavar="FILE",
        type=Path,
        help="a YAML file with settings; default: ~/.config/faced/config.yaml where it exists; "
        "config.example.yaml explains every key",
    ),
)

PERSON = _argument(
    "person", metavar="PERSON", help="the number, the name where only one has it, or the path of the folder"
)

YES = _argument("--yes", action="store_true", help="do not ask: for scripts")

LIBRARIES = (
    _argument(
        "libraries",
        metavar="PHOTOS",
        nargs="*",
        type=Path,
        help="folders with photos; remembered, so that they need not be named again",
    ),
    _argument(
        "--people",
        metavar="DIR",
        type=Path,
        help="the folder to fill with a folder per person; remembered",
    ),
)

COMMANDS = (
    Command(
        "run",
        commands.run_run,
        "the background service: keep watching, until it is stopped",
        "Watch the libraries and the people folder: a new photo is in the folders of everyone who is in it\n"
        "seconds later, and what you do in the people folder is understood at once. Photos are only read.\n"
        "Runs in the foreground; `faced service install` starts it with your session. SIGHUP reads the\n"
        "configuration again.",
        (*LIBRARIES, *PLACES),
    ),
    Command(
        "sync",
        commands.run_sync,
        "one full pass: new photos, faces, persons, folders; then exit",
        "Look for new, changed, moved and deleted photos in the libraries, find the faces in new ones,\n"
        "work out who is who, and bring the people folder up to date. Photos are only read.\n"
        "Stop it at any time; the next run goes on where it was.",
        (
            JSON,
            *LIBRARIES,
            _argument(
                "--now",
                action="store_true",
                help="trust the first look at the people folder: do not wait for a second one",
            ),
            _argument(
                "--rebuild",
                action="store_true",
                help="make the people folder anew from what is known, after it was lost or restored from a backup",
            ),
            _argument(
                "--timings",
                action="store_true",
                help="say what each step took, and each stage of reading a photo",
            ),
            *PLACES,
        ),
    ),
    Command(
        "status",
        commands.run_status,
        "what is known, what is left to do, what went wrong",
        "How many photos and faces are known, which photos could not be read and why, which libraries\n"
        "are there, and what in the people folder was left alone.",
        (JSON, *PLACES),
    ),
    Command(
        "people",
        commands.run_people,
        "who was found",
        "Every person: number, name, folder, photos and faces.",
        (
            JSON,
            _argument(
                "--suggestions",
                action="store_true",
                help="instead: which faces may be whose, the likeliest first, for you to say",
            ),
            *PLACES,
        ),
    ),
    Command(
        "faces",
        commands.run_faces,
        "the faces of one photo, and whose they are",
        "The faces that were found in PHOTO (a file of a library, a copy of one, or a link in the people\n"
        "folder): where they are, in pixels of the picture as shown, whose they are, and why.",
        (
            JSON,
            _argument("photo", metavar="PHOTO", type=Path, help="a photo, or a link to one"),
            *PLACES,
        ),
    ),
    Command(
        "who",
        commands.run_who,
        "whose faces any picture shows",
        "Find the faces in IMAGE, which need not be in a library, and say who they are or whom they are like:\n"
        "the persons nearest to each, with distances (the mean to the three nearest faces of that person; about\n"
        "0.4 is the same person, 0.6 mostly another). Nothing of the picture is kept.",
        (
            JSON,
            _argument("picture", metavar="IMAGE", type=Path, help="any picture, or a link to one"),
            *PLACES,
        ),
    ),
    Command(
        "why",
        commands.run_why,
        "why the faces of a photo are where they are",
        "For each face of PHOTO (a file of a library, a copy of one, or a link in the people folder): what you\n"
        "said of it and when, what was computed, who is near, and what it is a copy of.",
        (
            JSON,
            _argument("photo", metavar="PHOTO", type=Path, help="a photo, or a link to one"),
            *PLACES,
        ),
    ),
    Command(
        "name",
        commands.run_name,
        "say who a person is",
        "Give PERSON a name, another name, or none. Renaming the folder in the file manager does the same.\n"
        "A name, once given, is never lost: not by new photos, other settings or another computer.\n"
        "With --born YEAR, photos taken earlier are taken to show somebody else, and those of the first ten years of\n"
        "life, when faces are hard to tell apart, must be more alike.",
        (
            PERSON,
            _argument("name", metavar="NAME", nargs="?", help="any text"),
            _argument(
                "--clear", action="store_true", help="take the name away: shown as `Person <number>` again"
            ),
            _argument(
                "--born",
                metavar="YEAR",
                type=_year,
                help="the year of birth, or `unknown` to take it back; NAME may be left out then",
            ),
            *PLACES,
        ),
    ),
    Command(
        "merge",
        commands.run_merge,
        "say that two persons are one",
        "PERSON was INTO all along: the photos of both are in the folder of INTO, which keeps its name (without one\n"
        "it takes that of PERSON). `faced undo` splits the two again, just as they were.",
        (
            PERSON,
            _argument("into", metavar="INTO", help="the person who stays, named in the same ways"),
            *PLACES,
        ),
    ),
    Command(
        "hide",
        commands.run_hide,
        "a stranger: known again, but not shown",
        "PERSON has no folder any more, not even when new photos come. `faced show` brings it back.",
        (PERSON, *PLACES),
    ),
    Command(
        "show",
        commands.run_show,
        "show somebody who was hidden",
        "PERSON, who was hidden by `faced hide` or whose folder was deleted, has a folder again.\n"
        "`faced people` lists who is hidden.",
        (PERSON, *PLACES),
    ),
    Command(
        "accept",
        commands.run_accept,
        "answer a question of `faced status`",
        "When much was deleted in the people folder at once, faced asks before it takes that for your word.\n"
        "This is the answer: yes, it was meant; or with --no: make the links anew.",
        (
            _argument("ids", metavar="ID", nargs="+", type=int, help="the number of the question"),
            _argument("--no", action="store_true", help="it was not meant: undo it"),
            *PLACES,
        ),
    ),
    Command(
        "log",
        commands.run_log,
        "what you said, the latest first",
        "Every name and every other edit, with its number, its time and where it was made: in a folder or by a\n"
        "command. `faced undo --edit NUMBER` takes that one back.",
        (JSON, _how_many(20), *PLACES),
    ),
    Command(
        "undo",
        commands.run_undo,
        "take back the latest thing you said",
        "The latest N gestures that still count are taken back; what one of them replaced is true again.\n"
        "An undo stands in the log too, and is itself taken back with --edit and its number there. Your own files\n"
        "are neither made nor removed by it.",
        (
            _how_many(1),
            _argument(
                "--edit",
                metavar="NUMBER",
                nargs="+",
                help="instead: take back this edit of `faced log`, with all that was said in the same gesture",
            ),
            *PLACES,
        ),
    ),
    Command(
        "forget",
        commands.run_forget,
        "delete all that is known of a person or a photo, for good",
        "Faces, names and all that you said of PERSON (or of what PHOTO shows) are deleted: from the database, from\n"
        "the journal and from every copy of them. Asks first, and cannot be undone. The photos themselves are not\n"
        "touched. PHOTO is then not looked at again, until --lift.",
        (
            _argument(
                "target",
                metavar="PERSON|PHOTO",
                nargs="?",
                help="a person, named as for `faced name`, or the path of a photo or of a link to one",
            ),
            _argument(
                "--gone",
                action="store_true",
                help="instead: what is known of photos that no library has any more",
            ),
            _argument("--lift", action="store_true", help="look at PHOTO again, which was forgotten"),
            YES,
            *PLACES,
        ),
    ),
    Command(
        "clean",
        commands.run_clean,
        "take away what faced made in the people folder",
        "Links, face pictures, folders and markers that faced made in the people folder are taken away; what you or\n"
        "others put there stays, and so do all names: the next `faced sync` makes everything again. Asks first.",
        (YES, *PLACES),
    ),
    Command(
        "pause",
        commands.run_pause,
        "make `faced run` rest",
        "Nothing is read or changed, not even after a restart, until `faced resume`: for a while without a\n"
        "busy processor, or to rearrange the people folder at leisure.",
        PLACES,
    ),
    Command("resume", commands.run_resume, "end the rest", "Go on after `faced pause`.", PLACES),
    Command(
        "demo",
        commands.run_demo,
        "make a small library to try faced on",
        "Write about forty made-up portraits and group photos to DIR (which must not exist or be empty),\n"
        "and say how to sort them.",
        (
            JSON,
            _argument(
                "folder",
                metavar="DIR",
                nargs="?",
                type=Path,
                default=Path("faced-demo"),
                help="default: ./faced-demo",
            ),
        ),
    ),
)
