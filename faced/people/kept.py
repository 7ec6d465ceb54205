"""What clustering keeps from one decision to the next: it follows the faces that are there, and computes only for those
that came, went or changed. Values only; that it is saved and loaded is `memory`'s.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faced.model import Floats, Gate
from faced.people.alignment import Alignment, align_ids, align_masks
from faced.people.copies import find_shared, group_near_copies
from faced.people.distances import half_squares
from faced.people.faces import Clusters, Faces
from faced.people.joining import Joining
from faced.people.links import Change
from faced.people.neighbours import Neighbourhood, Neighbours, Reach
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


@dataclass(frozen=True, slots=True, eq=False)
class _Matched:
    """Who of some faces was here. looks: (n,) their stamps. is_known: (n,) who is as it was."""

    faces: Faces
    looks: NDArray[np.uint64]
    same: Alignment
    is_known: NDArray[np.bool_]


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
        self._alignment = align_ids(self.ids, self.ids)
        self._matched: _Matched | None = None
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
    def alignment(self) -> Alignment:
        """From the faces that were there before the last update to those that are there now, as far as they are what they were."""
        return self._alignment

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
        self._matched = self._match(faces)
        return ~self._matched.is_known

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
        count, photos = self._find_neighbours(faces, progress, vectors)
        self._photos = photos
        if self.rules.joining is not None:
            self._put_together(replace(faces, photos=photos), self.rules.joining)
        return count

    def _find_neighbours(
        self, faces: Faces, progress: Callable[[int, int], None] | None, vectors: Floats | None
    ) -> tuple[int, NDArray[np.intp]]:
        """Neighbours and near-copies of these faces, and the alignment. Returns how many had to be computed, and the photos."""
        matched, self._matched = self._matched, None
        if matched is None or matched.faces is not faces:
            matched = self._match(faces)
        same, is_known = matched.same, matched.is_known
        photos = self._number_photos(faces, same, is_known)
        fetched = faces.embeddings[~is_known] if vectors is None else vectors
        gone = ~same.back.carry(is_known, False)
        before = same.carry(self._groups, 0)
        fresh = ~is_known
        if gone.any():
            broken = np.zeros(self._neighbours.size + 1, dtype=np.bool_)
            broken[self._groups[gone]] = True
            fresh |= broken[before]
        groups = group_near_copies(faces, self.rules.copy_bits, before, fresh)
        is_sound = same.carry(self._neighbours.is_sound, False)
        is_sound[~is_known] = np.isfinite(half_squares(fetched))
        eligible = _choose_eligible(groups, is_sound & faces.can_carry(self.rules.gate))
        changed = is_known & (same.carry(self._neighbours.eligible, False) != eligible)
        gone |= same.back.carry(changed, False)
        new = ~is_known | changed
        self._neighbours.clean()
        self._alignment = align_masks(gone, new)
        if changed.any():
            vectors = np.empty((np.count_nonzero(new), fetched.shape[1]), dtype=np.float32)
            vectors[changed[new]] = self.embeddings[same.came[changed]]
            vectors[~changed[new]] = fetched
            fetched = vectors
        if 2 * np.count_nonzero(new) > len(faces):
            fetched = self._all_vectors(faces, new, fetched)
            self._neighbours, new = Neighbours(self.rules.reach), np.ones(len(faces), dtype=np.bool_)
            self._company = None
            gone = np.zeros(0, dtype=np.bool_)
        count = int(np.count_nonzero(new) + np.count_nonzero(gone))
        if count:
            self._neighbours.update(
                np.flatnonzero(gone), faces.ids[new], fetched, eligible[new], np.flatnonzero(new), progress
            )
        self._groups, self._looks = groups.astype(np.int32), matched.looks
        return count, photos

    def _number_photos(self, faces: Faces, same: Alignment, is_known: NDArray[np.bool_]) -> NDArray[np.intp]:
        """(n,) as Faces.number_photos; of two that were beside each other it is known."""
        if self._photos is None or faces.photos is not None:
            return faces.number_photos()
        unknown = ~is_known
        unknown[1:] |= unknown[:-1]
        unknown[same.now] = True
        unknown[:1] = False
        if 16 * np.count_nonzero(unknown) > len(faces):
            return faces.number_photos()
        is_first = same.carry(np.append(True, self._photos[1:] != self._photos[:-1]), True)
        for row in np.flatnonzero(unknown).tolist():
            is_first[row] = faces.images[row] != faces.images[row - 1]
        is_first[:1] = False
        return np.cumsum(is_first)

    def _all_vectors(self, faces: Faces, new: NDArray[np.bool_], fetched: Floats) -> Floats:
        """(n, 128). fetched: of the new ones; those of others are here."""
        if new.all():
            return fetched
        vectors = np.empty((len(faces), fetched.shape[1]), dtype=np.float32)
        vectors[new], vectors[~new] = fetched, self.embeddings[self._alignment.came[~new]]
        return vectors

    def _put_together(self, faces: Faces, rule: Joining) -> None:
        groups = self.groups
        shared = find_shared(groups)
        cast = gather_cast(faces, self._neighbours.show(), groups, shared, rule, self.rules.gate)
        lists = self._neighbours.other_lists()
        change = Change(self._alignment, lists.rows, lists.nearest, lists.distances)
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

    def _match(self, faces: Faces) -> "_Matched":
        looks = _stamp_looks(faces)
        same = align_ids(self.ids, faces.ids)
        is_known = same.carry(self._looks, 0) == looks
        is_known[same.new] = False
        return _Matched(faces, looks, same, is_known)


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
    found = np.zeros(len(faces), dtype=np.uint64)
    part, rest = np.empty((2, BLOCK), dtype=np.uint64)
    for start in range(0, len(faces), BLOCK):
        stamps = found[start : start + BLOCK]
        part, rest = part[: len(stamps)], rest[: len(stamps)]
        for column, factor in zip(columns, factors | np.uint64(1), strict=True):
            np.multiply(column[start : start + BLOCK], factor, out=part)
            stamps ^= part
            np.right_shift(stamps, 47, out=rest)
            stamps <<= np.uint64(17)
            stamps |= rest
    return found
