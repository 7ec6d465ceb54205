"""Words for people: parses the command line, runs one command, says what went wrong in one plain line.

Exit status: 0 done, 1 something failed, 2 wrong usage or configuration.
"""

import os
import sys
from collections.abc import Sequence

from faced.cli.parser import build_parser
from faced.errors import FacedError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    os.umask(0o077)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    options = build_parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except FacedError as error:
        for line in str(error).splitlines():
            print(f"faced: {line}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("faced: stopped; what was done is kept, the next run goes on from here", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
