"""What clustering keeps from one decision to the next: it follows the faces that are there, and computes only for those
that came, went or changed. Values only; that it is saved and loaded is `memory`'s.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faced.model import Floats, Gate
from faced.people.copies import find_shared, group_near_copies
from faced.people.distances import half_squares
from faced.people.faces import Clusters, Faces
from faced.people.joining import Joining
from faced.people.links import Change
from faced.people.neighbours import Neighbourhood, Neighbours, Reach
from faced.people.rows import find_rows
from faced.people.together import (
    Company,
    clusters_from,
    follow_company,
    gather_cast,
    load_company,
    save_company,
)

__all__ = ["Kept", "Rules"]

BLOCK = 1 << 14
"""Faces that are stamped at once: what is passed over several times stays in the cache."""
BEGINNING = 4
"""Coordinates by which a vector is told from another of the same face, in a process that has seen it whole."""


@dataclass(frozen=True, slots=True)
class Rules:
    """reach: of clustering. gate: which faces are eligible. copy_bits: of the difference hash. joining: how strict
    clusters join; None: they do not.
    """

    reach: Reach
    gate: Gate
    copy_bits: int
    joining: Joining | None = None


PREFIX = "company."
"""Of the saved columns of who is together."""


class Kept:
    """Neighbours and near-copies of the faces that were there last, a row each, in content order."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._neighbours = Neighbours(rules.reach)
        self._groups = np.empty(0, dtype=np.int32)
        self._looks = np.empty(0, dtype=np.uint64)
        self._company: Company | None = None
        self._clusters: Clusters | None = None
        self._moved = np.empty(0, dtype=np.int32)
        self._photos: NDArray[np.intp] | None = None

    @property
    def ids(self) -> NDArray[np.int64]:
        """(n,) of the faces that were there last."""
        return self._neighbours.ids

    @property
    def embeddings(self) -> Floats:
        """(n, 128) of those."""
        return self._neighbours.embeddings

    def complete(self, faces: Faces) -> Faces:
        """The faces that were there last, with the vectors that are kept and with what is known of their photos."""
        return replace(faces, embeddings=self.embeddings, photos=self._photos)

    @property
    def moved(self) -> NDArray[np.int32]:
        """(m,) the row of each of the m faces that were there before the last update, -1 where it is gone or another."""
        return self._moved

    @property
    def groups(self) -> NDArray[np.intp]:
        """(n,) the near-copies that each belongs to, as the smallest row of them."""
        return self._groups.astype(np.intp)

    @property
    def clusters(self) -> Clusters | None:
        """Who of those is together; None by rules without joining."""
        return self._clusters

    def show(self) -> Neighbourhood:
        """The neighbours of the faces that were there last."""
        return self._neighbours.show()

    def find_unknown(self, faces: Faces) -> NDArray[np.bool_]:
        """(n,) those of the faces whose vectors are not here."""
        return ~self._match(faces, _stamp_looks(faces))[1]

    def follow(
        self,
        faces: Faces,
        progress: Callable[[int, int], None] | None = None,
        vectors: Floats | None = None,
    ) -> int:
        """Bring the state to these faces, n in content order. Returns how many faces had to be computed.

        What it says follows from the faces alone, and not from what was there before. vectors: of those that
        find_unknown says, when the faces have none, ascending; it is not kept.
        """
        count, moved, came = self._find_neighbours(faces, progress, vectors)
        self._photos = self._number_photos(faces, came)
        faces = replace(faces, photos=self._photos)
        del came
        if self.rules.joining is not None:
            self._put_together(faces, self.rules.joining, moved)
        self._moved = moved
        return count

    def _find_neighbours(
        self, faces: Faces, progress: Callable[[int, int], None] | None, vectors: Floats | None
    ) -> tuple[int, NDArray[np.int32], NDArray[np.int32]]:
        """Neighbours and near-copies of these faces. Returns how many had to be computed, `moved`, and (n,) the row of each
        then, -1 of who was not there.
        """
        looks = _stamp_looks(faces)
        rows, is_known = self._match(faces, looks)
        fetched = faces.embeddings[~is_known] if vectors is None else vectors
        gone = np.ones(self._neighbours.size, dtype=np.bool_)
        gone[rows[is_known]] = False
        fresh = ~is_known
        if gone.any():
            broken = np.zeros(self._neighbours.size + 1, dtype=np.bool_)
            broken[self._groups[gone]] = True
            fresh[is_known] = broken[self._groups[rows[is_known]]]
        before = (
            np.where(is_known, self._groups[rows], 0)
            if self._neighbours.size
            else np.zeros(len(faces), np.int32)
        )
        groups = group_near_copies(faces, self.rules.copy_bits, before, fresh)
        is_sound = np.ones(len(faces), dtype=np.bool_)
        is_sound[is_known] = self._neighbours.is_sound[rows[is_known]]
        is_sound[~is_known] = np.isfinite(half_squares(fetched))
        eligible = _choose_eligible(groups, is_sound & faces.can_carry(self.rules.gate))
        changed = is_known.copy()
        changed[is_known] = self._neighbours.eligible[rows[is_known]] != eligible[is_known]
        gone[rows[changed]] = True
        new = ~is_known | changed
        self._neighbours.clean()
        moved = np.full(self._neighbours.size, -1, dtype=np.int32)
        moved[rows[~new]] = np.flatnonzero(~new)
        if changed.any():
            vectors = np.empty((np.count_nonzero(new), fetched.shape[1]), dtype=np.float32)
            vectors[changed[new]] = self.embeddings[rows[changed]]
            vectors[~changed[new]] = fetched
            fetched = vectors
        if 2 * np.count_nonzero(new) > len(faces):
            fetched = self._all_vectors(faces, rows, new, fetched)
            self._neighbours, new = Neighbours(self.rules.reach), np.ones(len(faces), dtype=np.bool_)
            self._company = None
            gone = np.zeros(0, dtype=np.bool_)
        count = int(np.count_nonzero(new) + np.count_nonzero(gone))
        if count:
            self._neighbours.update(
                np.flatnonzero(gone), faces.ids[new], fetched, eligible[new], np.flatnonzero(new), progress
            )
        self._groups, self._looks = groups.astype(np.int32), looks
        return count, moved, np.where(is_known, rows, -1).astype(np.int32)

    def _number_photos(self, faces: Faces, came: NDArray[np.int32]) -> NDArray[np.intp]:
        """(n,) as Faces.number_photos; of two that were beside each other it is known. came: (n,) the row of each then, or -1."""
        if self._photos is None or faces.photos is not None:
            return faces.number_photos()
        known = np.flatnonzero((came[1:] - came[:-1] == 1) & (came[:-1] >= 0)) + 1
        is_first = np.ones(len(faces), dtype=np.bool_)
        was_first = np.append(True, self._photos[1:] != self._photos[:-1])
        is_first[known] = was_first[came[known]]
        unknown = np.ones(len(faces), dtype=np.bool_)
        unknown[known] = unknown[:1] = False
        if 16 * np.count_nonzero(unknown) > len(faces):
            return faces.number_photos()
        for row in np.flatnonzero(unknown).tolist():
            is_first[row] = faces.images[row] != faces.images[row - 1]
        is_first[:1] = False
        return np.cumsum(is_first)

    def _all_vectors(
        self, faces: Faces, rows: NDArray[np.intp], new: NDArray[np.bool_], fetched: Floats
    ) -> Floats:
        """(n, 128). fetched: of the new ones; those of others are here."""
        if new.all():
            return fetched
        vectors = np.empty((len(faces), fetched.shape[1]), dtype=np.float32)
        vectors[new], vectors[~new] = fetched, self.embeddings[rows[~new]]
        return vectors

    def _put_together(self, faces: Faces, rule: Joining, moved: NDArray[np.int32]) -> None:
        groups = self.groups
        shared = find_shared(groups)
        cast = gather_cast(faces, self._neighbours.show(), groups, shared, rule, self.rules.gate)
        lists = self._neighbours.other_lists()
        came = np.full(len(faces), -1, dtype=np.int32)
        alive = np.flatnonzero(moved >= 0)
        came[moved[alive]] = alive
        change = Change(moved, came, lists.rows, lists.nearest, lists.distances)
        self._company = follow_company(cast, rule, self._company, change)
        self._clusters = clusters_from(self._company.joined, cast, groups, shared)

    def save(self) -> dict[str, NDArray[Any]]:
        """All but the embeddings, as columns."""
        company = {} if self._company is None else save_company(self._company)
        columns = {PREFIX + name: column for name, column in company.items()}
        return {**self._neighbours.save(), "groups": self._groups, "looks": self._looks, **columns}

    def load(self, columns: Mapping[str, NDArray[Any]], embeddings: Floats) -> bool:
        """What was saved, with the embeddings of its faces. False, and nothing is loaded, when they do not fit."""
        company = {
            name.removeprefix(PREFIX): column for name, column in columns.items() if name.startswith(PREFIX)
        }
        if not self._neighbours.load(columns, embeddings):
            return False
        self._groups, self._looks = columns["groups"], columns["looks"]
        self._company = load_company(company) if company else None
        return True

    def _match(self, faces: Faces, looks: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """For each face its row here, and whether it is here as it is now; 0 and False for others. looks: their stamps."""
        count = self._neighbours.size
        if count == 0 or len(faces) == 0:
            return np.zeros(len(faces), dtype=np.intp), np.zeros(len(faces), dtype=np.bool_)
        ids = self.ids
        rows = find_rows(ids, faces.ids)
        is_known = ids[rows] == faces.ids
        is_known &= self._looks[rows] == looks
        if (np.diff(rows[is_known]) <= 0).any():  # another order: it is another set
            is_known[:] = False
        return np.where(is_known, rows, 0), is_known


def _choose_eligible(groups: NDArray[np.intp], able: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(n,) the first of each group of near-copies that is able to."""
    eligible = able.copy()
    rows = find_shared(groups)
    rows = rows[able[rows]]
    eligible[rows] = False
    _, firsts = np.unique(groups[rows], return_index=True)
    eligible[rows[firsts]] = True
    return eligible


def _stamp_looks(faces: Faces) -> NDArray[np.uint64]:
    """(n,) numbers of picture and box, by which near-copies are known, and of the vector's mark or beginning."""
    boxes = np.ascontiguousarray(faces.boxes).view(np.uint64)
    columns = [faces.dhashes, *boxes.T]
    if faces.marks is None:
        columns.extend(np.ascontiguousarray(faces.embeddings[:, :BEGINNING]).view(np.uint64).T)
    else:
        columns.append(faces.marks.astype(np.uint64))
    factors = np.random.default_rng(128).integers(1 << 63, size=len(columns), dtype=np.uint64)
    found = np.empty(len(faces), dtype=np.uint64)
    for start in range(0, len(faces), BLOCK):
        block = slice(start, start + BLOCK)
        stamps = np.zeros(len(found[block]), dtype=np.uint64)
        for column, factor in zip(columns, factors | np.uint64(1), strict=True):
            stamps ^= column[block] * factor
            stamps = (stamps << np.uint64(17)) | (stamps >> np.uint64(47))
        found[block] = stamps
    return found
