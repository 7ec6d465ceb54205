"""The log of the service: one line each on standard error, for people and for the journal.

Only plain values get in: a text, a number, a path, an error. Whatever else is handed over, an embedding
for instance, shows as the name of its type. Control characters, line breaks and what would turn the
direction of writing are escaped, long lines are cut.
"""

import logging
import os
import sys
import threading
import time
import traceback
import warnings
from types import TracebackType
from typing import Final, TextIO

from faced.daemon.notify import is_journal
from faced.errors import shown

__all__ = ["LineFormatter", "set_up_logging"]

_LONGEST: Final = 2000
"""Characters of a line."""

_PRIORITIES: Final = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
    (logging.NOTSET, 7),
)
"""Those of syslog.h, by the least level."""


def set_up_logging(level: int = logging.INFO) -> None:
    """Send everything there: the log, Python's warnings, and errors that nobody caught. Once a process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(journal=is_journal()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.raiseExceptions = False
    warnings.showwarning = _log_warning
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread
    sys.unraisablehook = _log_unraisable


class LineFormatter(logging.Formatter):
    """journal: with the priority before the line instead of the time."""

    def __init__(self, *, journal: bool) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        text = _message_of(record)
        if record.exc_info and record.exc_info[1] is not None:
            text = (
                f"{text}: {_describe_error(record.exc_info[1])}"
                if text
                else _describe_error(record.exc_info[1])
            )
        line = _escape(text)
        if self._journal:
            priority = next(number for level, number in _PRIORITIES if record.levelno >= level)
            return f"<{priority}>{line}"
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        word = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        return f"{moment} {word}{line}"


def _message_of(record: logging.LogRecord) -> str:
    if not isinstance(record.msg, str):
        return str(_plain(record.msg))
    arguments = record.args
    if isinstance(arguments, tuple):
        arguments = tuple(map(_plain, arguments))
    elif isinstance(arguments, dict):
        arguments = {name: _plain(value) for name, value in arguments.items()}
    try:
        return record.msg % arguments if arguments else record.msg
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} {arguments}"


def _plain(value: object) -> object:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, bytes):
        return shown(value)
    if isinstance(value, os.PathLike):
        return shown(os.fsencode(value))
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    return f"<{type(value).__name__}>"


def _describe_error(error: BaseException) -> str:
    """`ValueError: text (worker.py:12 in run, pool.py:3 in serve)`, the innermost place first."""
    places = [
        f"{os.path.basename(place.filename)}:{place.lineno} in {place.name}"
        for place in reversed(traceback.extract_tb(error.__traceback__, limit=-6))
    ]
    where = f" ({', '.join(places)})" if places else ""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    because = f", after {type(cause).__name__}: {cause}" if cause else ""
    return f"{type(error).__name__}: {error}{because}{where}"


def _escape(text: str) -> str:
    line = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text[:_LONGEST]
    )
    return line if len(text) <= _LONGEST else f"{line} … ({len(text)} characters)"


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    place = f"{os.path.basename(filename)}:{lineno}"
    logging.getLogger("py.warnings").warning("%s: %s (%s)", category.__name__, str(message), place)


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("faced").critical("this is a fault in faced", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(hook: threading.ExceptHookArgs) -> None:
    if hook.exc_value is not None and not isinstance(hook.exc_value, SystemExit):
        _log_uncaught(hook.exc_type, hook.exc_value, hook.exc_traceback)


def _log_unraisable(hook: "sys.UnraisableHookArgs") -> None:
    if hook.exc_value is not None:
        _log_uncaught(hook.exc_type, hook.exc_value, hook.exc_traceback)
