"""Errors for people: what happened, to which file, what to do.

An error that ends a command carries its exit status on the class: 1, something failed;
2, wrong usage or configuration. Each message is one plain line.
"""

__all__ = [
    "ConfigError",
    "Damaged",
    "FacedError",
    "Frozen",
    "StateError",
    "StorageFull",
    "Unreadable",
    "UsageError",
    "shown",
]


def shown(path: bytes) -> str:
    """A path as people read it: bytes that are no UTF-8 and control characters become escapes."""
    text = path.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class FacedError(Exception):
    """Anything that ends a command with a plain line instead of a traceback."""

    exit_status = 1


class UsageError(FacedError):
    """The command line or the places it names cannot be right."""

    exit_status = 2


class ConfigError(UsageError):
    """The configuration file has unknown keys or wrong values."""


class StateError(FacedError):
    """The state folder or its database cannot be used."""


class Damaged(StateError):
    """What the database holds is not what was written. The next start looks into it and mends it."""


class StorageFull(StateError):
    """The disk of the state is full or cannot be written to. Nothing is lost; it may be tried again later."""


class Frozen(FacedError):
    """A place (library or people folder) is not what it was; nothing in it is read or written."""


class Unreadable(Exception):
    """One file that cannot be used as a photo; costs one row with this reason, never the daemon.

    `later` is true when the file may be right soon (it is still being written), so that it is to
    be tried again without having changed. `lost` is true when the file could not be read at all
    (permission, vanished), so that nothing is known about its content.
    """

    def __init__(self, reason: str, *, later: bool = False, lost: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.later = later
        self.lost = lost

    def __reduce__(self) -> tuple[object, ...]:
        return (_unreadable, (self.reason, self.later, self.lost))


def _unreadable(reason: str, later: bool, lost: bool) -> Unreadable:
    return Unreadable(reason, later=later, lost=lost)
