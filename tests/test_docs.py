"""What is there is written down: every command in the README, every option with a help text."""

import argparse
from pathlib import Path

import pytest

from faced.cli import main
from faced.cli.parser import build_parser

ROOT = Path(__file__).parents[1]


def commands() -> dict[str, argparse.ArgumentParser]:
    """Every command of the command line."""
    [actions] = [a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(actions.choices)


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_stands_in_the_readme(name: str) -> None:
    """A command that nobody can find is none."""
    assert f"faced {name}" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_option_says_what_it_does(name: str) -> None:
    """A person can act on `--help`."""
    parser = commands()[name]
    assert parser.description
    for action in parser._actions:
        assert action.help, f"{name}: {action.dest}"


def test_help_and_version_answer_without_loading_the_rooms(capsys: pytest.CaptureFixture[str]) -> None:
    """And a wrong word ends with 2."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("faced ")
    with pytest.raises(SystemExit) as ended:
        main(["nonsense"])
    assert ended.value.code == 2


def test_no_file_names_a_package_registry() -> None:
    """The project installs from whatever registry the user's tools are set up for."""
    hosts = ("py" + "pi.org", "python" + "hosted.org")
    for path in [ROOT / "pyproject.toml", ROOT / "README.md", *(ROOT / ".ci").iterdir()]:
        assert not any(host in path.read_text("utf-8") for host in hosts), path
