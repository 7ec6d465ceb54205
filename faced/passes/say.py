"""What is said by command: the same edits as those of the file manager, shown at once where that is possible.

The people folder is read first, so that what was done there before is not lost. While another process is in a
pass, the word is stored only; that pass or the next one shows it.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
from faced.passes.gestures import draft_hide, draft_merge, draft_name, take_back_gestures
from faced.passes.log import tell_edits
from faced.passes.persons import find_person, fold
from faced.passes.places import Run
from faced.passes.word import part_again
from faced.store.asks import add_request, answer_ask, load_asks
from faced.store.database import Store, open_reader
from faced.store.edits import Draft, Edit
from faced.store.journal import LogEntry, add_edits, find_edit
from faced.store.locks import PASS, hold_lock, read_holder
from faced.store.persons import load_names
from faced.store.tree import load_tree
from faced.store.undo import undo_gesture
from faced.store.word_tables import load_word

__all__ = [
    "Said",
    "answer_asks",
    "hide_person",
    "merge_persons",
    "name_person",
    "say_and_show",
    "show_person",
    "take_back",
]

_PICTURES: Final = 50
"""Face pictures that a command makes at once; the next pass makes the others."""

Speak = Callable[[Database, EngineId], Sequence[Edit]]


@dataclass(frozen=True, slots=True)
class Said:
    """edits: what was written. tree: what became of the people folder; None: another process shows it.

    is_shown: whether it has by now. understood: what was read in the people folder on the way, a sentence each.
    told: the edits as `faced log` has them.
    """

    edits: tuple[Edit, ...]
    tree: TreeReport | None
    is_shown: bool = True
    understood: tuple[str, ...] = ()
    told: tuple[LogEntry, ...] = ()


UNKNOWN = "unknown"
"""A birth that was said by mistake."""


def name_person(
    run: Run, who: str, name: str | None, *, keep_name: bool = False, born: int | str | None = None
) -> Said:
    """Give a person a name, or None: none any more. Raises UsageError for a name that another one has.

    keep_name: nothing is said of the name. born: the year of birth, or UNKNOWN; None: nothing is said of it.
    """
    if name is not None and not name.strip():
        raise UsageError("a name must have at least one letter; `--clear` takes a name away")

    def speak(db: Database, engine: EngineId) -> Sequence[Edit]:
        person = find_person(db, who)
        cleaned = None if name is None else folder_name(name)
        if cleaned is not None:
            _refuse_twin(db, person, cleaned)
        drafts = [] if keep_name else draft_name(db, engine, person, cleaned)
        if born is not None:
            if cleaned is None and (not keep_name or person not in load_names(db)):
                raise UsageError(f"Person {person} has no name: say who it is, and then when born")
            drafts.append(Draft("born", person, value=None if born == UNKNOWN else born))
        return add_edits(db, drafts, origin="command", time=datetime.now(UTC))

    return _say(run, speak)


def merge_persons(run: Run, who: str, into: str) -> Said:
    """Two persons are one. Raises UsageError when they are already."""

    def speak(db: Database, engine: EngineId) -> Sequence[Edit]:
        person, other = find_person(db, who), find_person(db, into)
        if person == other:
            raise UsageError(f"{who} and {into} are one person already: Person {person}")
        drafts = draft_merge(db, engine, person, other)
        return add_edits(db, drafts, origin="command", time=datetime.now(UTC))

    return _say(run, speak)


def hide_person(run: Run, who: str) -> Said:
    """A stranger: known again, but not shown. Raises UsageError when it is so already."""
    return _say(run, lambda db, engine: _set_hidden(db, engine, find_person(db, who), True))


def show_person(run: Run, who: str) -> Said:
    """No stranger any more. Raises UsageError for somebody who is shown as it is."""
    return _say(run, lambda db, engine: _set_hidden(db, engine, find_person(db, who), False))


def _set_hidden(db: Database, engine: EngineId, person: PersonId, hidden: bool) -> Sequence[Edit]:
    if load_word(db).person(person).hidden == hidden:
        raise UsageError(f"Person {person} is {'hidden' if hidden else 'not hidden'} as it is")
    drafts = draft_hide(db, engine, person) if hidden else [Draft("show", person)]
    return add_edits(db, drafts, origin="command", time=datetime.now(UTC))


def take_back(run: Run, count: int, edits: Sequence[str] = ()) -> Said:
    """Undo the last gestures that still count; or those of these edits, of which each may be an undo.

    edits: ids, or the numbers that they begin with. Raises UsageError, and undoes nothing, when there is none such.
    """

    def speak(db: Database, engine: EngineId) -> Sequence[Edit]:
        now = datetime.now(UTC)
        if not edits:
            return take_back_gestures(db, engine, count, now)
        ids = [_find_edit(db, words) for words in edits]
        undos = [undo for id_ in ids for undo in undo_gesture(db, id_, time=now)]
        part_again(db, engine, undos)
        return undos

    return _say(run, speak)


def _find_edit(db: Database, words: str) -> str:
    found = find_edit(db, words.removeprefix("#"))
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(f"there is no edit {words} that could be undone: `faced log` lists them")
    raise UsageError(f"{len(found)} edits have the number {words}: say one of {', '.join(found)}")


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
                " if the two are one, say `faced merge`"
            )


def _say(run: Run, speak: Speak, *, is_answer: bool = False) -> Said:
    """As `_say_it`, and it is told what was said."""
    said = _say_it(run, speak, is_answer)
    with open_reader(run.state) as db:
        return replace(said, told=tuple(tell_edits(db, said.edits)))


def _say_it(run: Run, speak: Speak, is_answer: bool) -> Said:
    """With the pass lock free the tree is read and shown here, else a wish is left for whoever has it."""
    with steps.open_state(run) as store:
        with hold_lock(run.state, PASS, patience=0) as mine:
            tree = load_tree(store.db)
            if mine and tree is not None and tree.place is not None:
                return say_and_show(store, run, tree.root, speak, is_answer=is_answer)
        edits, wish = _write(store, speak, ask_for_a_pass=True)
    wake_daemon(run.state)
    is_shown = read_holder(run.state) is not None and wait_for_wishes(run.state, [wish], longest=PATIENCE)
    return Said(tuple(edits), None, is_shown)


def say_and_show(store: Store, run: Run, root: bytes, speak: Speak, *, is_answer: bool = False) -> Said:
    """Read the people folder, say it, show it. The caller holds the pass lock."""
    config = run.config
    edits: Sequence[Edit] = _write(store, speak)[0] if is_answer else ()
    read = steps.read_tree(store, config, root, steps.TreeOptions())
    if not is_answer:
        edits, _ = _write(store, speak)
    _, shown = steps.show_persons(
        store, config, root, engine_settings(run).record, read, most_pictures=_PICTURES
    )
    return Said(tuple(edits), shown, understood=tuple(edit.why for edit in read.edits))


def _write(store: Store, speak: Speak, *, ask_for_a_pass: bool = False) -> tuple[Sequence[Edit], int]:
    """The edits, and the wish that whoever is in a pass shows them (0: none)."""
    engine = steps.shown_engine(store.db)
    with store.write() as db:
        edits = speak(db, engine)
        wish = add_request(db, "tree", time.time_ns()) if ask_for_a_pass else 0
    steps.keep_journal(store)
    return edits, wish
