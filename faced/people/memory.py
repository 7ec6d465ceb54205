"""Where what clustering keeps outlives a decision: in a process that is asked again, and in a file for the next one.

The file holds no word and no embedding, and is made again when it does not fit. Only who decides under the pass lock
writes it; a kill on the way leaves the one of before.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from faced.model import EngineId, FaceId, Floats
from faced.people.faces import Faces
from faced.people.kept import Kept, Rules
from faced.people.rows import find_rows
from faced.store.derived import load_derived, save_derived
from faced.store.faces import load_embeddings

__all__ = ["FILE", "Memory"]

FILE = "faced.neighbours"
CHUNK = 1 << 14
SAVED_WITHIN = 2000
"""A change of fewer than one face in so many is done again sooner than the file is written."""


class Memory:
    """What one state's decisions keep. folder: of the state; None: nothing is loaded or saved."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._title = ""
        self._kept: Kept | None = None
        self._unsaved = 0

    def follow(
        self,
        db: Database,
        engine: EngineId,
        rules: Rules,
        faces: Faces,
        progress: Callable[[int, int], None] | None = None,
    ) -> Kept:
        """What is kept, brought to these faces of the engine, in content order. progress: see Neighbours.add."""
        title = repr((int(engine), rules))
        kept, self._kept = self._kept, None  # what is broken off is not gone on with
        if kept is None or self._title != title:
            kept, self._title, self._unsaved = self._load(db, rules, title, faces), title, 0
        self._unsaved += kept.follow(faces, progress)
        if self._folder is not None and self._unsaved * SAVED_WITHIN > len(faces):
            save_derived(self._folder, FILE, title, kept.save())
            self._unsaved = 0
        self._kept = kept
        return kept

    def _load(self, db: Database, rules: Rules, title: str, faces: Faces) -> Kept:
        kept = Kept(rules)
        columns = None if self._folder is None else load_derived(self._folder, FILE, title)
        if columns is not None:
            embeddings = _find_embeddings(db, columns["ids"], faces)
            if embeddings is not None:
                kept.load(columns, embeddings)
        return kept


def _find_embeddings(db: Database, ids: NDArray[np.int64], faces: Faces) -> Floats | None:
    """(m and more, 128) of these faces, some of which may be out of sight now, with room for those that came since;
    None when one is not known any more.
    """
    if len(faces) == 0:
        return None
    rows = find_rows(faces.ids, ids)
    embeddings = np.empty((max(len(ids), len(faces)) * 17 // 16, faces.embeddings.shape[1]), dtype=np.float32)
    for start in range(0, len(ids), CHUNK):
        part = slice(start, min(len(ids), start + CHUNK))
        embeddings[part] = faces.embeddings[rows[part]]
    away = np.flatnonzero(faces.ids[rows] != ids)
    found = load_embeddings(db, ids[away].tolist())
    if len(found) < len(away):
        return None
    for row in away.tolist():
        embeddings[row] = found[FaceId(int(ids[row]))]
    return embeddings
