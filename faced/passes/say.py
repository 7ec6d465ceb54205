"""What is said by command: the same edits as those of the file manager, shown at once where that is possible.

The people folder is read first, so that what was done there before is not lost. While another process is in a
pass, the word is stored only; that pass or the next one shows it.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlite_utils import Database

from faced.errors import UsageError
from faced.folders.names import folder_name
from faced.folders.sync import TreeReport
from faced.model import EngineId, PersonId
from faced.passes import steps
from faced.passes.beside import PATIENCE, wait_for_wishes, wake_daemon
from faced.passes.full import engine_settings
from faced.passes.gestures import draft_name
from faced.passes.persons import find_person, fold
from faced.passes.places import Run
from faced.store.asks import add_request, answer_ask, load_asks
from faced.store.database import Store
from faced.store.edits import Edit
from faced.store.journal import add_edits, undo_last
from faced.store.locks import PASS, hold_lock, read_holder
from faced.store.persons import load_names
from faced.store.tree import load_tree

__all__ = ["Said", "answer_asks", "name_person", "take_back"]

_PICTURES: Final = 50
"""Face pictures that a command makes at once; the next pass makes the others."""

Speak = Callable[[Database, EngineId], Sequence[Edit]]


@dataclass(frozen=True, slots=True)
class Said:
    """edits: what was written. tree: what became of the people folder; None: another process shows it.

    is_shown: whether it has by now.
    """

    edits: tuple[Edit, ...]
    tree: TreeReport | None
    is_shown: bool = True


def name_person(run: Run, who: str, name: str | None) -> Said:
    """Give a person a name, or None: none any more. Raises UsageError for a name that another one has."""
    if name is not None and not name.strip():
        raise UsageError("a name must have at least one letter; `--clear` takes a name away")

    def speak(db: Database, engine: EngineId) -> Sequence[Edit]:
        person = find_person(db, who)
        cleaned = None if name is None else folder_name(name)
        if cleaned is not None:
            _refuse_twin(db, person, cleaned)
        drafts = draft_name(db, engine, person, cleaned)
        return add_edits(db, drafts, origin="command", time=datetime.now(UTC))

    return _say(run, speak)


def take_back(run: Run, count: int) -> Said:
    """Undo the last gestures that still count."""
    return _say(run, lambda db, _: undo_last(db, count, time=datetime.now(UTC)))


def answer_asks(run: Run, ids: Sequence[int], *, yes: bool) -> Said:
    """Answer questions of `faced status`. Raises UsageError, and answers none, when one is not asked."""

    def speak(db: Database, _: EngineId) -> Sequence[Edit]:
        open_ids = {ask.id for ask in load_asks(db)}
        for number in ids:
            if number not in open_ids:
                raise UsageError(f"there is no question {number}: `faced status` lists them")
            answer_ask(db, number, yes)
        return ()

    said = _say(run, speak, is_answer=True)
    wake_daemon(run.state)  # a library is for the daemon to look at again
    return said


def _refuse_twin(db: Database, person: PersonId, name: str) -> None:
    for other, known in sorted(load_names(db).items()):
        if other != person and fold(known) == fold(name):
            raise UsageError(
                f"Person {other} is called {known} already. Two persons may share a name only in different folders;"
                " if the two are one, put the links of one folder into the other (`faced merge` is to come)"
            )


def _say(run: Run, speak: Speak, *, is_answer: bool = False) -> Said:
    with steps.open_state(run) as store:
        with hold_lock(run.state, PASS, wait=False) as mine:
            tree = load_tree(store.db)
            if mine and tree is not None and tree.place is not None:
                return _say_and_show(store, run, tree.root, speak, is_answer=is_answer)
        edits, wish = _write(store, speak, ask_for_a_pass=True)
    wake_daemon(run.state)
    is_shown = read_holder(run.state) is not None and wait_for_wishes(run.state, [wish], longest=PATIENCE)
    return Said(tuple(edits), None, is_shown)


def _say_and_show(store: Store, run: Run, root: bytes, speak: Speak, *, is_answer: bool) -> Said:
    config = run.config
    edits: Sequence[Edit] = _write(store, speak)[0] if is_answer else ()
    read = steps.read_tree(store, config, root, steps.TreeOptions())
    if not is_answer:
        edits, _ = _write(store, speak)
    _, shown = steps.show_persons(
        store, config, root, engine_settings(run).record, read, most_pictures=_PICTURES
    )
    return Said(tuple(edits), shown)


def _write(store: Store, speak: Speak, *, ask_for_a_pass: bool = False) -> tuple[Sequence[Edit], int]:
    """The edits, and the wish that whoever is in a pass shows them (0: none)."""
    engine = steps.shown_engine(store.db)
    with store.write() as db:
        edits = speak(db, engine)
        wish = add_request(db, "tree", time.time_ns()) if ask_for_a_pass else 0
    steps.keep_journal(store)
    return edits, wish
