"""What is said by command: the same edits as those of the file manager, shown at once where that is possible.

The people folder is read first, so that what was done there before is not lost. While another process is in a
pass, the word is stored only; that pass or the next one shows it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlite_utils import Database

from faced.errors import UsageError
from faced.folders.names import folder_name
from faced.folders.sync import TreeReport
from faced.model import EngineId, PersonId
from faced.passes import steps
from faced.passes.full import engine_settings
from faced.passes.gestures import draft_name
from faced.passes.persons import find_person, fold
from faced.passes.places import Run
from faced.store.asks import add_request, answer_ask, load_asks
from faced.store.database import Store
from faced.store.edits import Edit
from faced.store.journal import add_edits, undo_last
from faced.store.locks import PASS, hold_lock
from faced.store.persons import load_names
from faced.store.tree import load_tree

__all__ = ["Said", "answer_asks", "name_person", "take_back"]

Speak = Callable[[Database, EngineId], Sequence[Edit]]


@dataclass(frozen=True, slots=True)
class Said:
    """edits: what was written. tree: what became of the people folder; None: another process will show it."""

    edits: tuple[Edit, ...]
    tree: TreeReport | None


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

    return _say(run, speak, is_answer=True)


def _refuse_twin(db: Database, person: PersonId, name: str) -> None:
    for other, known in sorted(load_names(db).items()):
        if other != person and fold(known) == fold(name):
            raise UsageError(
                f"Person {other} is called {known} already. Two persons may share a name only in different folders;"
                " if the two are one, put the links of one folder into the other (`faced merge` is to come)"
            )


def _say(run: Run, speak: Speak, *, is_answer: bool = False) -> Said:
    config = run.config
    with steps.open_state(run) as store, hold_lock(run.state, PASS, wait=False) as mine:
        tree = load_tree(store.db)
        if not mine or tree is None or tree.place is None:
            edits = _write(store, speak, ask_for_a_pass=True)
            return Said(tuple(edits), None)
        edits = _write(store, speak) if is_answer else ()
        read = steps.read_tree(store, config, tree.root, steps.TreeOptions())
        if not is_answer:
            edits = _write(store, speak)
        record = engine_settings(run).record
        _, shown = steps.show_persons(store, config, tree.root, record, read)
        return Said(tuple(edits), shown)


def _write(store: Store, speak: Speak, *, ask_for_a_pass: bool = False) -> Sequence[Edit]:
    engine = steps.shown_engine(store)
    with store.write() as db:
        edits = speak(db, engine)
        if ask_for_a_pass:
            add_request(db, "tree", _now_ns())
    steps.keep_journal(store)
    return edits


def _now_ns() -> int:
    return int(datetime.now(UTC).timestamp() * 1e9)
