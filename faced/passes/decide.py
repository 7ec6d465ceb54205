"""Who is who: the question, and its answer from what a state holds. Only reads the database, and writes beside it
what the next answer need not compute again; may run in any process. Whoever asks holds the pass lock.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from faced.model import EngineId
from faced.passes.word import load_said
from faced.people.memory import Memory
from faced.people.recluster import Clustering, Decision, decide_owners
from faced.store.database import open_reader, snapshot

__all__ = ["Decide", "Question", "decide_here"]


@dataclass(frozen=True, slots=True)
class Question:
    """Whose are the faces of an engine, in the state in this folder?"""

    state: Path
    engine: EngineId
    settings: Clustering


Decide: TypeAlias = Callable[[Question], Decision | None]
"""None: as decided before."""


def decide_here(
    question: Question, memory: Memory | None = None, progress: Callable[[int, int], None] | None = None
) -> Decision | None:
    """Decide in this process. memory: of one that is asked again. progress: see decide_owners."""
    memory = Memory(question.state) if memory is None else memory
    with open_reader(question.state) as db, snapshot(db):
        said = load_said(db, question.engine)
        return decide_owners(db, question.engine, question.settings, said, memory, progress)
