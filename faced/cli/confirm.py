"""Asking before something is done that cannot be undone."""

import sys

from faced.errors import UsageError

__all__ = ["confirm"]

YES = frozenset(["y", "yes"])


def confirm(question: str, *, yes: bool) -> bool:
    """Whether to go on: said already (yes), or answered on the terminal. Raises UsageError when nobody can answer."""
    if yes:
        return True
    if not (sys.stdin and sys.stdin.isatty()):
        raise UsageError("nobody is there to be asked: say it again with --yes; nothing was changed")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().casefold() in YES
