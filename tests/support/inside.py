"""Commands as they run in the installed program, called in this process: for tests that say much."""

import os
from collections.abc import Callable

from faced.passes import steps
from faced.passes.full import engine_settings
from faced.passes.places import Run, open_run
from faced.passes.say import Said
from tests.support.app import App

__all__ = ["Inside"]


class Inside:
    """The state of a home that was synced before."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.run: Run = open_run(app.state, app.home / "config" / "faced" / "config.yaml")

    def say(self, command: Callable[..., Said], *words: object, **more: object) -> Said:
        """One command of `passes.say`, shown."""
        said = command(self.run, *words, **more)
        assert said.tree is not None
        assert said.tree.frozen is None
        return said

    def sync(self) -> bool:
        """The people folder's part of a pass. Says whether anything was read or changed."""
        with steps.open_state(self.run) as store:
            root, record = os.fsencode(self.app.people), engine_settings(self.run).record
            read = steps.read_tree(store, self.run.config, root, steps.TreeOptions())
            _, tree = steps.show_persons(store, self.run.config, root, record, read)
        assert tree.frozen is None, tree.frozen
        return bool(
            read.edits or tree.changes or tree.folders_made or tree.folders_moved or tree.folders_removed
        )
