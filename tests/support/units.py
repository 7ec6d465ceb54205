"""Unit files read as systemd reads them, and what is needed to ask it."""

import os
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

__all__ = ["needs_systemd", "parse_command", "read_directives", "read_unit"]

ROOT = Path(__file__).parents[2]
MANAGERS = ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")
NOBODY = "65534"

needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="needs systemd-analyze (package systemd)"
)


def read_unit(name: str) -> str:
    """The text of a unit of the project."""
    return (ROOT / "systemd" / name).read_text("utf-8")


def read_directives(text: str) -> dict[str, list[str]]:
    """Each directive with its values in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in text.splitlines():
        name, is_directive, value = line.partition("=")
        if is_directive and not line.startswith(("#", ";")):
            found[name.strip()].append(value.strip())
    return found


def parse_command(text: str, folder: Path) -> tuple[list[str], list[str]]:
    """The words of ExecStart= and the environment of a user unit as systemd itself reads them; `$$` is left as it is.

    Skips where no systemd is. folder: an empty one that anybody may enter.
    """
    manager = next((path for path in MANAGERS if os.access(path, os.X_OK)), None)
    if manager is None:
        pytest.skip("needs systemd")
    units, runtime = folder / "systemd" / "user", folder / "runtime"
    units.mkdir(parents=True)
    runtime.mkdir(mode=0o700)
    (units / "faced.service").write_text(text, "utf-8")
    words = [manager, "--user", "--test", "--unit=faced.service"]
    if os.geteuid() == 0:  # it does not test as root
        os.chown(runtime, int(NOBODY), int(NOBODY))
        words = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", *words]
    done = subprocess.run(
        words,
        env={
            **os.environ,
            "HOME": str(runtime),
            "XDG_CONFIG_HOME": str(folder),
            "XDG_RUNTIME_DIR": str(runtime),
            "SYSTEMD_LOG_TARGET": "console",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    _, found, dump = (done.stdout + done.stderr).partition("-> Unit faced.service:")
    if not found:
        pytest.skip(f"systemd does not test units here: {(done.stdout + done.stderr)[-300:]}")
    dump = dump.partition("-> Unit ")[0]
    command = re.search(r"-> ExecStart:\s+Command Line: (.*)", dump)
    assert command is not None, dump
    environment = re.findall(r"^\s+Environment: (.*)$", dump, re.MULTILINE)
    return _split(command.group(1)), environment


def _split(line: str) -> list[str]:
    """Words as systemd prints them: bare, or in double quotes with the escapes of C."""
    words = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', line)
    return [_unescape(quoted) if quoted or not bare else bare for quoted, bare in words]


def _unescape(text: str) -> str:
    """Of bytes, for an octal escape is one byte of a name."""
    letters = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}

    def one(match: re.Match[bytes]) -> bytes:
        code = match.group(1)
        return bytes([int(code, 8)]) if code.isdigit() else letters.get(code, code)

    return os.fsdecode(re.sub(rb"\\([0-7]{3}|.)", one, text.encode()))
