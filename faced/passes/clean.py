"""Taking away what faced made in the people folder. What the user did there before is read first; names stay."""

from dataclasses import dataclass

from sqlite_utils import Database

from faced.errors import FacedError
from faced.folders.sync import TreeReport, clean_tree
from faced.passes import steps
from faced.passes.beside import is_daemon_running, is_paused
from faced.passes.places import Run
from faced.store.asks import TREE_KINDS, load_asks
from faced.store.base import load_base
from faced.store.locks import PASS, hold_lock
from faced.store.tree import load_tree

__all__ = ["Made", "clean", "look_at_made"]


@dataclass(frozen=True, slots=True)
class Made:
    """How much faced has in the people folder."""

    root: bytes
    links: int
    folders: int


def look_at_made(db: Database) -> Made:
    """What would be taken away. Raises FacedError when there is nothing."""
    tree = load_tree(db)
    if tree is None or tree.place is None:
        raise FacedError("there is nothing to take away: no people folder is in use")
    base = load_base(db)
    return Made(tree.root, len(base.links), len(base.folders))


def clean(run: Run) -> TreeReport:
    """Read the people folder, then take away what is faced's. Raises FacedError when it would be made again at once."""
    with steps.open_state(run) as store, hold_lock(run.state, PASS):
        if is_daemon_running(run.state) and not is_paused(store.db):
            raise FacedError(
                "faced is running and would make everything again: stop it or say `faced pause` first"
            )
        tree = load_tree(store.db)
        if tree is None or tree.place is None:
            raise FacedError("there is nothing to take away: no people folder is in use")
        read = steps.read_tree(store, run.config, tree.root, steps.TreeOptions())
        if read.frozen is not None:
            return TreeReport(frozen=read.frozen)
        if any(ask.kind in TREE_KINDS for ask in load_asks(store.db)):
            raise FacedError(
                "there are open questions about the people folder: answer them first (`faced status`); nothing was changed"
            )
        return clean_tree(store, tree.root)
