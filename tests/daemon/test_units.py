"""The unit files: what systemd thinks of them, and what `faced service install` makes of one."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faced.daemon.units import (
    Owner,
    Unit,
    compose_unit,
    find_program,
    quote,
    read_owner,
    remove_unit,
    run_arguments,
    unit_file,
    write_unit,
)
from faced.errors import FacedError, UsageError
from tests.support.app import look_at
from tests.support.units import ROOT, needs_systemd, parse_command, read_directives, read_unit

SYSTEM, USER = "faced.service", "faced-user.service"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def startable(name: str, folder: Path) -> Path:
    """The unit with a program that is there."""
    path = folder / name
    path.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", read_unit(name), flags=re.MULTILINE))
    return path


def analyze(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """systemd-analyze, in a session of its own."""
    (folder / "runtime").mkdir(mode=0o700)
    return subprocess.run(
        ["systemd-analyze", *words],
        env={**os.environ, "XDG_RUNTIME_DIR": str(folder / "runtime"), "SYSTEMD_COLORS": "0"},
        capture_output=True,
        text=True,
        check=False,
    )


@needs_systemd
@pytest.mark.parametrize(("name", "manager"), [(SYSTEM, "--system"), (USER, "--user")])
def test_systemd_has_nothing_to_complain_of(tmp_path: Path, name: str, manager: str) -> None:
    """Every directive is known, and every value is one that it takes."""
    done = analyze(tmp_path, "verify", manager, startable(name, tmp_path))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize(("name", "threshold"), [(SYSTEM, 15), (USER, 65)])
def test_a_unit_is_as_closed_as_it_can_be(tmp_path: Path, name: str, threshold: int) -> None:
    """systemd's own measure, 0 to 100. A user unit can do without namespaces and capabilities only."""
    unit = startable(name, tmp_path)
    done = analyze(tmp_path, "security", "--offline=yes", f"--threshold={threshold}", "--no-pager", unit)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze is too old to look at a file")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def test_both_units_allow_and_forbid_the_same() -> None:
    """What a user's manager can do too is no other in its unit."""
    system, user = read_directives(read_unit(SYSTEM)), read_directives(read_unit(USER))
    for name in (
        *("SystemCallFilter", "SystemCallErrorNumber", "RestrictAddressFamilies", "MemoryDenyWriteExecute"),
        *("Type", "NotifyAccess", "WatchdogSec", "KillMode", "RestartPreventExitStatus", "MemoryMax"),
    ):
        assert system[name] == user[name], name
    assert "landlock_restrict_self" in " ".join(user["SystemCallFilter"])
    assert not {"CapabilityBoundingSet", "ProtectSystem", "PrivateNetwork", "User"} & set(user)
    assert not {"RestrictSUIDSGID"} & {*system, *user}  # folders of a group are setgid


def test_the_unit_in_the_package_is_the_one_that_is_shown() -> None:
    """One text, at two places."""
    assert (ROOT / "faced" / "daemon" / USER).read_text("utf-8") == read_unit(USER)


WORDS = [
    "run",
    "a b",
    "100%",
    "%h $HOME ${X} $$",
    "q\"x'\\y",
    "Zoë 😀é",
    "é",
    "\n\t\x01\x7f",
    os.fsdecode(b"/\xff\xfe"),
    *("~x", ";", "-", "#c", "@", "end\\", "\\x41", "a\u202eb"),
]


def test_systemd_reads_back_what_was_meant(open_folder: Path) -> None:
    """Blanks, percent signs, dollars, quotes, line breaks and bytes that are no text, as systemd parses them."""
    text = compose_unit(
        Unit(("/bin/echo",), tuple(WORDS), {"XDG_STATE_HOME": '/a b/%c$d"é', "HOME": "/root"})
    )
    words, environment = parse_command(text, open_folder)
    assert [word.replace("$$", "$") for word in words] == ["/bin/echo", *WORDS]
    assert environment[0] == 'XDG_STATE_HOME=/a b/%c$d"é'
    assert not any(line.startswith("HOME=") for line in environment)


@needs_systemd
def test_systemd_finds_a_program_with_an_odd_path(tmp_path: Path) -> None:
    """It verifies that there is one to start."""
    program = tmp_path / "100% $HOME é" / "faced"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (tmp_path / "faced.service").write_text(compose_unit(Unit((str(program),), ("run",), {})))
    done = analyze(tmp_path, "verify", "--user", tmp_path / "faced.service")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("path", ['/a"b/faced', "/a\\b/faced", "/a\nb/faced", os.fsdecode(b"/\xff/faced")])
def test_a_program_that_systemd_refuses_is_told(path: str) -> None:
    """Before a unit is written that could never start."""
    with pytest.raises(UsageError, match="install faced elsewhere"):
        compose_unit(Unit((path,), (), {}))


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))))
def test_a_quoted_word_is_one_line_of_plain_text(text: str) -> None:
    """Nothing in it can end the line, the word, or begin a specifier."""
    quoted = quote(text)
    assert not set(map(chr, range(32))) & set(quoted)
    assert "%" not in quoted.replace("%%", "")
    if quoted != text:
        assert not re.search(r'(?<!\\)(\\\\)*"', quoted[1:-1])


def test_the_places_mean_the_same_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service starts in another folder than the command that installed it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/zoe")
    words = run_arguments([Path("Pictures"), Path("/p")], Path("~/People"), Path("../state"), None)
    assert words == (
        *("run", f"{tmp_path}/Pictures", "/p", "--people", "/home/zoe/People"),
        *("--state", f"{tmp_path.parent}/state"),
    )


def test_this_installation_is_what_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command as it was called, also through a link that an upgrade moves on; else the interpreter."""
    command = tmp_path / "faced"
    command.symlink_to("/bin/true")
    monkeypatch.setattr(sys, "argv", [str(command)])
    assert find_program() == (str(command),)
    monkeypatch.setattr(sys, "argv", [str(ROOT / "faced" / "__main__.py")])
    assert find_program() == (sys.executable, "-P", "-m", "faced")
    monkeypatch.setattr(sys, "prefix", "/home/zoe/.cache/uv/archive-v0/abc")
    with pytest.raises(UsageError, match="install it first"):
        find_program()


def test_a_unit_is_written_once_and_renewed_when_it_changes(tmp_path: Path) -> None:
    """The second time there is nothing to do; another text takes the place of the first."""
    path = tmp_path / "systemd" / "user" / "faced.service"
    first, second = (compose_unit(Unit((program,), ("run",), {})) for program in ("/a/faced", "/b/faced"))
    assert read_owner(path) is Owner.NOBODY
    assert write_unit(path, first)
    inode = path.stat().st_ino
    assert not write_unit(path, first)
    assert path.stat().st_ino == inode
    assert write_unit(path, second)
    assert path.read_text() == second
    assert read_owner(path) is Owner.FACED
    assert os.listdir(path.parent) == ["faced.service"]
    remove_unit(path)
    assert os.listdir(path.parent) == []


@pytest.mark.parametrize(
    "edit",
    [
        lambda path: path.write_text(path.read_text().replace("Nice=15", "Nice=5")),
        lambda path: path.write_text(path.read_text() + "\n"),
        lambda path: path.write_text(path.read_text().replace("\n\n[Unit]", "\n[Unit]")),
        lambda path: path.write_text("[Service]\nExecStart=/bin/true\n"),
        lambda path: path.write_bytes(b"\xff"),
        lambda path: (path.unlink(), path.symlink_to("/dev/null")),
        lambda path: (path.rename(path.with_name("kept")), path.symlink_to("kept")),
    ],
    ids=["changed", "longer", "shorter", "own", "no text", "masked", "a link"],
)
def test_what_a_user_edited_is_theirs(tmp_path: Path, edit: object) -> None:
    """Neither overwritten nor deleted; the error says what to do."""
    path = tmp_path / "faced.service"
    text = compose_unit(Unit(("/a/faced",), ("run",), {}))
    write_unit(path, text)
    assert callable(edit)
    edit(path)
    before = look_at(tmp_path)
    assert read_owner(path) is Owner.USER
    with pytest.raises(FacedError, match="left alone"):
        write_unit(path, text)
    with pytest.raises(FacedError, match="left alone"):
        remove_unit(path)
    assert look_at(tmp_path) == before


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "systemd").touch()
    with pytest.raises(FacedError, match=r"cannot be (read|written): Not a directory"):
        write_unit(tmp_path / "systemd" / "faced.service", "text")


def test_the_unit_lies_where_systemd_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """In $XDG_CONFIG_HOME, or ~/.config."""
    monkeypatch.setenv("HOME", "/home/zoe")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert unit_file() == Path("/home/zoe/.config/systemd/user/faced.service")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/c")
    assert unit_file() == Path("/c/systemd/user/faced.service")
