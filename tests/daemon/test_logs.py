"""The log: one line each, whatever is in it, and no values of a face."""

import logging
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from faced.daemon.logs import LineFormatter

ROOT = Path(__file__).parents[2]


def line(message: object, *arguments: object, level: int = logging.INFO, journal: bool = True) -> str:
    """How a record looks."""
    record = logging.LogRecord("faced", level, "x.py", 1, message, arguments, None)
    return LineFormatter(journal=journal).format(record)


def run(body: str, *, journal: bool = False, log: Path | None = None) -> str:
    """What a program with our log writes to standard error."""
    program = "from faced.daemon.logs import set_up_logging\nset_up_logging()\n" + textwrap.dedent(body)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TZ": "UTC"}
    environment.pop("JOURNAL_STREAM", None)
    if log is None:
        words = [sys.executable, "-W", "always", "-c", program]
        return subprocess.run(words, env=environment, capture_output=True, text=True, check=False).stderr
    with log.open("w") as stream:
        status = os.fstat(stream.fileno())
        if journal:
            environment["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
        subprocess.run([sys.executable, "-c", program], env=environment, stderr=stream, check=False)
    return log.read_text()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (b"/p/Zo\xc3\xab.jpg", "/p/Zoë.jpg"),
        (b"/p/\xff\n.jpg", r"/p/\xff\n.jpg"),
        (Path("/p/a\x1b[31m.jpg"), r"/p/a\x1b[31m.jpg"),
        ("/p/\u202egpj.exe", r"/p/\u202egpj.exe"),
        (os.fsdecode(b"/p/\xff"), r"/p/\udcff"),
    ],
)
def test_no_path_breaks_or_turns_a_line(path: object, text: str) -> None:
    """Line breaks, escapes of a terminal, right-to-left marks and bytes that are no text."""
    assert line("%s is gone", path) == f"<6>{text} is gone"


def test_a_message_cannot_forge_a_line() -> None:
    """A line break in it does not begin another record."""
    assert line("a\n<0>the house burns\r") == r"<6>a\n<0>the house burns\r"


def test_values_of_a_face_do_not_get_in() -> None:
    """Whatever is no text, number, path or error shows as the name of its type."""
    face = np.full(128, 0.123456, np.float32)
    assert line("face %s", face) == "<6>face <ndarray>"
    assert line("face %(face)s %(n)d", {"face": face.tolist(), "n": 3}) == "<6>face <list> 3"
    assert line(face) == "<6><ndarray>"
    assert line("%d of %.1f %s %s", 3, 2.5, None, True) == "<6>3 of 2.5 None True"
    assert (
        line("%s", OSError(28, "No space left on device")) == "<6>OSError: [Errno 28] No space left on device"
    )


def test_a_wrong_format_is_still_a_line() -> None:
    """Nothing is lost, and logging raises nothing."""
    assert line("%d files", "three") == "<6>%d files ('three',)"


def test_a_long_line_is_cut() -> None:
    """Libraries put megabytes into a warning."""
    text = line("x" * 1_000_000)
    assert len(text) < 2100
    assert text.endswith("… (1000000 characters)")


def test_priorities_are_those_of_syslog() -> None:
    """The journal sorts and colours by them."""
    levels = [logging.CRITICAL, logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG]
    assert [line("x", level=level) for level in levels] == ["<2>x", "<3>x", "<4>x", "<6>x", "<7>x"]


def test_without_a_journal_a_line_has_its_time() -> None:
    """And a word for what is more than information."""
    stamp = r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d "
    assert re.fullmatch(stamp + "x", line("x", journal=False))
    assert re.fullmatch(stamp + "warning: x", line("x", level=logging.WARNING, journal=False))


def test_everything_that_goes_wrong_is_one_line() -> None:
    """Warnings, errors that were logged, in a thread, in a destructor, and the last one."""
    body = """
    import logging, threading, warnings
    logging.getLogger("some.library").info("hello")
    warnings.warn("old\\nways", DeprecationWarning)
    try:
        try:
            1 / 0
        except ZeroDivisionError as error:
            raise ValueError("bad\\nvalue") from error
    except ValueError:
        logging.getLogger("faced").exception("it failed")
    def fail(): raise KeyError("k")
    thread = threading.Thread(target=fail); thread.start(); thread.join()
    class Bad:
        def __del__(self): raise OSError("late")
    Bad()
    raise RuntimeError("the end")
    """
    lines = [text[20:] for text in run(body).splitlines()]
    assert lines[0] == "hello"
    assert lines[1].startswith(r"warning: DeprecationWarning: old\nways (")
    assert lines[2].startswith(
        r"error: it failed: ValueError: bad\nvalue, after ZeroDivisionError: division by zero ("
    )
    assert [text.split(" (")[0] for text in lines[3:]] == [
        "critical: this is a fault in faced: KeyError: 'k'",
        "critical: this is a fault in faced: OSError: late",
        "critical: this is a fault in faced: RuntimeError: the end",
    ]


def test_under_the_journal_the_time_is_left_to_it(tmp_path: Path) -> None:
    """The same program, its standard error once the journal's and once a file's."""
    body = "import logging; logging.getLogger('faced').warning('%s', b'/a\\n')"
    assert run(body, journal=True, log=tmp_path / "log") == "<4>/a\\n\n"
    assert run(body, journal=False, log=tmp_path / "log").endswith(" warning: /a\\n\n")
