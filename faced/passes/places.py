"""Where everything is: the state, the libraries and the people folder of one run.

What the command line says comes first, then the configuration, then what the state remembers.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from faced.config import Config, load_config
from faced.errors import UsageError
from faced.library.roots import absolute_root, check_roots
from faced.store.database import Store
from faced.store.photos import load_libraries, set_libraries
from faced.store.tree import load_tree

__all__ = ["Places", "Run", "check_named", "choose_places", "default_state", "open_run"]


@dataclass(frozen=True, slots=True)
class Run:
    """What a command was told: the folders of its state and its configuration."""

    state: Path
    config: Config

    @property
    def cache(self) -> Path:
        """Where converted models are kept: beside a state that was named, else in the XDG cache folder."""
        if self.state != default_state():
            return self.state / "cache"
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "faced"


@dataclass(frozen=True, slots=True)
class Places:
    """named: the roots given in this run. people: the people folder."""

    named: tuple[bytes, ...]
    people: bytes


def default_state() -> Path:
    """$XDG_STATE_HOME/faced or ~/.local/state/faced."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "faced"


def open_run(state: Path | None, config: Path | None) -> Run:
    """Read the configuration. Raises ConfigError."""
    return Run(default_state() if state is None else state.expanduser().absolute(), load_config(config))


def check_named(run: Run, libraries: Sequence[Path], people: Path | None) -> None:
    """Refuse folders that cannot be right together before a state is made in one of them. Raises UsageError."""
    named = _name_roots(run, libraries)
    chosen = people or run.config.people_folder
    check_roots(named, absolute_root(chosen) if chosen else None, os.fsencode(run.state), known=named)


def _name_roots(run: Run, libraries: Sequence[Path]) -> list[bytes]:
    return [absolute_root(path) for path in (*(run.config.libraries or ()), *libraries)]


def choose_places(store: Store, run: Run, libraries: Sequence[Path], people: Path | None) -> Places:
    """Decide which libraries and which people folder, check that they go together, and remember them.

    Arguments add to the state's libraries; `libraries` of the configuration is the whole truth.
    Raises UsageError when nothing says where they are, or when they cannot be right together.
    """
    named = _name_roots(run, libraries)
    exact = run.config.libraries is not None
    rows = load_libraries(store.db, detached=True)
    known = [row.root for row in rows if row.root in named or (row.listed and not exact)]
    if not named and not known:
        raise UsageError("which photos? Say `faced sync PHOTOS --people PEOPLE` once; it is remembered")
    tree = load_tree(store.db)
    chosen = people or run.config.people_folder
    if chosen is None and tree is None:
        raise UsageError("into which folder? Say `faced sync PHOTOS --people PEOPLE` once; it is remembered")
    root = tree.root if chosen is None and tree is not None else absolute_root(chosen or Path())
    configured = _name_roots(run, ())  # one of these may be a disk that is not there yet
    check_roots(named, root, os.fsencode(run.state), [*known, *configured])
    listed = {row.root for row in rows if row.listed}
    if (exact and listed != set(named)) or not listed.issuperset(named):
        with store.write() as db:
            set_libraries(db, named, exact=exact)
    return Places(tuple(named), root)
