"""Where what clustering keeps outlives a decision: in a process that is asked again, and in a file for the next one.

The file holds no word and no embedding, and is made again when it does not fit. Only who decides under the pass lock
writes it; a kill on the way leaves the one of before.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from faced.errors import Damaged
from faced.model import EngineId
from faced.people.faces import Faces
from faced.people.identity import Assignment
from faced.people.kept import Kept, Rules
from faced.store.derived import load_derived, save_derived
from faced.store.faces import load_vectors

__all__ = ["FILE", "Followed", "Memory"]

FILE = "faced.neighbours"
FORMAT = 4
"""Counts up when other things are kept, or what was kept may have been wrong."""
SAVED_WITHIN = 2000
"""A change of fewer than one face in so many is done again sooner than the file is written."""


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """What is kept of n faces, in content order, with their vectors.

    unusable: ids of others whose vectors are no place. answer: what was decided about the faces that were there before, and
    the digest of what it was made from; None: not known in this process.
    """

    kept: Kept
    faces: Faces
    unusable: NDArray[np.int64]
    answer: tuple[str, Assignment] | None


class Memory:
    """What one state's decisions keep. folder: of the state; None: nothing is loaded or saved."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._title = ""
        self._kept: Kept | None = None
        self._unsaved = 0
        self._answer: tuple[str, Assignment] | None = None

    def follow(
        self,
        db: Database,
        engine: EngineId,
        rules: Rules,
        faces: Faces,
        progress: Callable[[int, int], None] | None = None,
    ) -> Followed:
        """What is kept, brought to these faces of the engine, in content order, which have no vectors: those that are
        not here are loaded. progress: see Neighbours.add.
        """
        title = repr((FORMAT, int(engine), rules))
        kept, self._kept = self._kept, None  # what is broken off is not gone on with
        answer, self._answer = self._answer, None
        if kept is None or self._title != title:
            kept, self._title, self._unsaved = self._load(db, rules, title), title, 0
            answer = None
        unknown = np.flatnonzero(kept.find_unknown(faces))
        vectors = load_vectors(db, faces.ids[unknown].tolist())
        usable = np.isfinite(vectors).all(axis=1)
        unusable = faces.ids[unknown[~usable]]
        if len(unusable):
            faces = faces.take(np.flatnonzero(~np.isin(faces.ids, unusable)))
            vectors = vectors[usable]
        self._unsaved += kept.follow(faces, progress, vectors)
        if self._folder is not None and self._unsaved * SAVED_WITHIN > len(faces):
            save_derived(self._folder, FILE, title, kept.save())
            self._unsaved = 0
        self._kept = kept
        return Followed(kept, kept.complete(faces), unusable, answer)

    def note(self, digest: str, answer: Assignment) -> None:
        """What was decided about the faces that were followed last."""
        self._answer = digest, answer

    def _load(self, db: Database, rules: Rules, title: str) -> Kept:
        kept = Kept(rules)
        columns = None if self._folder is None else load_derived(self._folder, FILE, title)
        if columns is not None:
            ids = columns["ids"].tolist()
            # Of a face that is forgotten, or damaged and waiting to be encoded again, nobody can tell whose neighbour it was.
            with suppress(LookupError, Damaged):
                kept.load(columns, load_vectors(db, ids, room=len(ids) * 17 // 16))
        return kept
