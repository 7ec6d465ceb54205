"""The user unit: what stands in it for this installation, and putting it in its place or taking it away.

Decides whose a unit file is: ours as long as its first line's checksum is that of the rest. One that somebody
edited is theirs, and is neither overwritten nor deleted. Asks systemctl, and never starts a service itself.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from importlib import resources
from pathlib import Path
from typing import Final

from faced.errors import FacedError, UsageError, shown

__all__ = [
    "NAME",
    "Manager",
    "Owner",
    "Unit",
    "compose_unit",
    "find_program",
    "is_lingering",
    "quote",
    "read_owner",
    "remove_unit",
    "run_arguments",
    "unit_file",
    "write_unit",
]

NAME: Final = "faced.service"
_MARK: Final = "# Written by `faced service install`, which keeps its hands off once you edit it. sha256:"
_PASSED_ON: Final = ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")
_LATE: Final = -1000  # no exit status
_PATIENCE: Final = 90.0  # seconds; the service has then not said yet that it is ready, and goes on starting


class Owner(Enum):
    """Whose the unit file is."""

    NOBODY = "not there"
    FACED = "as faced wrote it"
    USER = "edited"


@dataclass(frozen=True, slots=True)
class Unit:
    """program: what to start, absolute. arguments: of `faced`. environment: what the service is to know."""

    program: tuple[str, ...]
    arguments: tuple[str, ...]
    environment: Mapping[str, str]


def unit_file() -> Path:
    """$XDG_CONFIG_HOME/systemd/user/faced.service; it need not exist."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "systemd" / "user" / NAME


def find_program() -> tuple[str, ...]:
    """How this installation of faced is started from anywhere. Raises UsageError for one that will not stay."""
    script = shutil.which(sys.argv[0])
    if script is not None and Path(script).stem == "faced":
        program: tuple[str, ...] = (os.path.abspath(script),)
    else:
        program = (sys.executable, "-P", "-m", "faced")
    if any(re.fullmatch(r"(archive|builds|environments)-v\d+", part) for part in Path(sys.prefix).parts):
        raise UsageError(
            f"this faced lies in a cache that is emptied now and then ({sys.prefix}); "
            "install it first, for instance with `uv tool install --compile-bytecode .`, and run `faced service install` again"
        )
    return program


def run_arguments(
    libraries: Sequence[Path], people: Path | None, state: Path | None, config: Path | None
) -> tuple[str, ...]:
    """The words after `faced`, with places that mean the same from any folder."""
    words = ["run", *map(_absolute, libraries)]
    for name, path in (("--people", people), ("--state", state), ("--config", config)):
        if path is not None:
            words += [name, _absolute(path)]
    return tuple(words)


def _absolute(path: Path) -> str:
    return os.path.abspath(path.expanduser())


def compose_unit(unit: Unit) -> str:
    """The text of the unit file. Raises UsageError for a program that systemd cannot start."""
    template = resources.files("faced.daemon").joinpath("faced-user.service").read_text("utf-8")
    body = "\n" + template[template.index("[Unit]") :]
    command = " ".join(
        [_quote_program(unit.program[0]), *map(_quote_word, (*unit.program[1:], *unit.arguments))]
    )
    lines = [
        f"Environment={quote(f'{name}={unit.environment[name]}')}"
        for name in _PASSED_ON
        if unit.environment.get(name)
    ]
    body = re.sub(
        r"^ExecStart=.*$", lambda _: "\n".join([*lines, f"ExecStart={command}"]), body, flags=re.MULTILINE
    )
    return f"{_MARK}{_checksum(body)}\n{body}"


def quote(text: str) -> str:
    """A word of a unit file, so that systemd reads back exactly this (man systemd.syntax, systemd.unit)."""
    if re.fullmatch(r"[\w/.:=@+,-]+", text, re.ASCII):
        return text
    raw = os.fsencode(text).decode("utf-8", "surrogateescape")
    return '"' + "".join(map(_quote_character, raw)) + '"'


def _quote_character(character: str) -> str:
    if character == "%":
        return "%%"  # else a specifier
    if character in '"\\':
        return "\\" + character
    if "\udc80" <= character <= "\udcff":  # a byte that is no text
        return f"\\x{ord(character) - 0xDC00:02x}"
    if ord(character) < 32 or character == "\x7f":
        return f"\\x{ord(character):02x}"
    return character


def _quote_word(word: str) -> str:
    """`$` begins a variable in the words after the first."""
    return quote(word).replace("$", "$$")


def _quote_program(path: str) -> str:
    raw = os.fsencode(path)
    if any(byte < 32 or byte in b"\"'\\\x7f" for byte in raw) or not _is_text(raw):
        raise UsageError(
            f"systemd starts no program with such a path: {shown(os.fsencode(path))}; install faced elsewhere"
        )
    return quote(path)


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _checksum(body: str) -> str:
    return hashlib.sha256(body.encode("utf-8", "surrogateescape")).hexdigest()


def read_owner(path: Path) -> Owner:
    """Whose the file is."""
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return (
            Owner.USER if path.is_symlink() else Owner.NOBODY
        )  # a link to /dev/null or nowhere is somebody's wish
    except OSError as error:
        raise FacedError(f"{shown(os.fsencode(path))} cannot be read: {error.strerror}") from error
    first, _, rest = text.partition("\n")
    is_ours = not path.is_symlink() and first == f"{_MARK}{_checksum(rest)}"
    return Owner.FACED if is_ours else Owner.USER


def write_unit(path: Path, text: str) -> bool:
    """Put the unit there, whole or not at all. False: it was there already. Raises FacedError if it was edited."""
    owner = read_owner(path)
    if owner is Owner.USER:
        raise FacedError(
            f"{shown(os.fsencode(path))} is not as faced wrote it, so it was left alone; "
            f"delete it to have it written anew, and keep changes of yours with `systemctl --user edit {NAME}`"
        )
    if owner is Owner.FACED and path.read_text("utf-8") == text:
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{NAME}.")
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
        os.replace(name, path)
    except OSError as error:
        raise FacedError(f"{shown(os.fsencode(path))} cannot be written: {error.strerror}") from error
    return True


def remove_unit(path: Path) -> None:
    """Take the unit away if it is ours. Raises FacedError if it was edited."""
    owner = read_owner(path)
    if owner is Owner.USER:
        raise FacedError(
            f"{shown(os.fsencode(path))} is not as faced wrote it, so it was left alone; "
            f"`systemctl --user disable --now {NAME}` ends the service, and the file is yours to delete"
        )
    path.unlink(missing_ok=True)


def is_lingering() -> bool | None:
    """Whether this user's services run without a login; None: it is not known."""
    import pwd

    folder = Path("/var/lib/systemd/linger")
    try:
        return folder.parent.is_dir() and (folder / pwd.getpwuid(os.getuid()).pw_name).exists()
    except (KeyError, OSError):
        return None


class Manager:
    """The user's systemd. reason: why it cannot be asked, or None."""

    def __init__(self) -> None:
        self._program = shutil.which("systemctl")
        self.exists = self._program is not None
        self.reason = self._find_reason()

    def _find_reason(self) -> str | None:
        if not self.exists:
            return "this machine has no systemd"
        status, _, error = self.call("show", "--property=Version", "--value")
        return None if status == 0 else error or "the user's systemd does not answer"

    def call(self, *words: str, patience: float = 30.0) -> tuple[int, str, str]:
        """Exit status, what was printed, what was complained of (each stripped). _LATE: no answer in time."""
        assert self._program is not None
        try:
            done = subprocess.run(
                [self._program, "--user", "--no-pager", *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="backslashreplace",
                timeout=patience,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return _LATE, "", f"no answer within {patience:.0f} s"
        return done.returncode, done.stdout.strip(), " ".join(done.stderr.split())

    def ask(self, question: str) -> str | None:
        """The word that answers `is-enabled` or `is-active`; None: nobody to ask."""
        return None if self.reason else self.call(question, NAME)[1] or None

    def order(self, *words: str) -> None:
        """Raises FacedError with systemd's own words when it is not done."""
        status, _, error = self.call(*words)
        if status:
            raise FacedError(
                f"`systemctl --user {' '.join(words)}` failed: {error or f'exit status {status}'}"
            )

    def start(self, *, anew: bool) -> bool:
        """Start the service, or have it begin anew. False: it is not ready yet, and goes on starting."""
        word = "restart" if anew else "start"
        status, _, error = self.call(word, NAME, patience=_PATIENCE)
        if status == _LATE:
            return False
        if status:
            raise FacedError(
                f"the service did not start; `journalctl --user -u {NAME}` says why ({error or f'exit status {status}'})"
            )
        return True
