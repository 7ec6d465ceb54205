"""How far a face is from each person, for people to read, and what would become of it. Pure.

The distance to a person is the mean of those to her three nearest faces: one alone may be a lucky one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from faced.model import FaceId, Floats, Gate, Grade, ImageKey, PersonId
from faced.people.faces import NOISE, Faces
from faced.people.propose import KEPT, choose_eligible, find_near
from faced.people.said import Said
from faced.people.suggest import REACH, Standing, suggest_faces

__all__ = ["Likeness", "Ranking", "Ruling", "judge_faces"]

FEW = 3
DIGITS = 9
EDGE = 1e-8
"""Euclidean, by which two ways to measure may differ."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """distance: mean of the Euclidean distances to the three nearest of the person's faces (or to all, if fewer).

    nearest: to the nearest one.
    """

    person: PersonId
    distance: float
    nearest: float


@dataclass(frozen=True, slots=True)
class Ruling:
    """What would become of a face: `attached` to the person, `suggested` to the person, or `unknown`."""

    verdict: str
    person: PersonId | None
    likenesses: tuple[Likeness, ...]


class Ranking:
    """Whom some faces are like, and which are the nearest, of those that are taken in: in parts of any size, in any order."""

    def __init__(self, embeddings: Sequence[Floats]) -> None:
        """embeddings: (128,) of each face."""
        self._faces = [embedding.astype(np.float64) for embedding in embeddings]
        nobody = np.empty(0, dtype=np.int64)
        self._persons = [(nobody, np.empty(0))] * len(embeddings)
        self._near = [(nobody, np.empty(0))] * len(embeddings)

    def take_in(
        self,
        ids: NDArray[np.int64],
        embeddings: Floats,
        owners: NDArray[np.int64],
        carries: NDArray[np.bool_],
    ) -> None:
        """n faces more. embeddings: (n, 128). owners: (n,) persons, 0: nobody's. carries: (n,) those that may be named as near."""
        exact = embeddings.astype(np.float64)
        owned = np.flatnonzero(owners > 0)
        for number, face in enumerate(self._faces):
            apart = exact - face
            far = np.round(np.sqrt(np.einsum("ij,ij->i", apart, apart)), DIGITS)
            self._persons[number] = _keep_few(*_append(self._persons[number], owners[owned], far[owned]))
            near = np.flatnonzero(carries & (far < REACH))
            self._near[number] = _keep_near(*_append(self._near[number], ids[near], far[near]))

    def persons_of(self, number: int) -> list[Likeness]:
        """Every person, the nearest to that face first; of equally near ones the lower number."""
        persons, far = self._persons[number]
        which, starts = np.unique(persons, return_index=True)
        parts = np.split(far, starts[1:])
        found = [
            Likeness(PersonId(person), float(some.mean()), float(some[0]))
            for person, some in zip(which.tolist(), parts, strict=False)
        ]
        return sorted(found, key=lambda one: (one.distance, one.person))

    def near(self) -> NDArray[np.int64]:
        """The nearest of each face that carry, up to REACH: at least as many as a list of neighbours holds."""
        return np.unique(np.concatenate([np.empty(0, dtype=np.int64), *(ids for ids, _ in self._near)]))


def _append(
    known: tuple[NDArray[np.int64], NDArray[np.float64]], more: NDArray[np.int64], far: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return np.concatenate([known[0], more]), np.concatenate([known[1], far])


def _keep_few(
    persons: NDArray[np.int64], far: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The nearest FEW of each person, by person, the nearest first."""
    order = np.lexsort((far, persons))
    persons, far = persons[order], far[order]
    wanted = np.ones(len(persons), dtype=np.bool_)
    wanted[FEW:] = persons[FEW:] != persons[:-FEW]
    return persons[wanted], far[wanted]


def _keep_near(
    ids: NDArray[np.int64], far: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The nearest KEPT, and those as far as the last of them."""
    if len(far) <= KEPT:
        return ids, far
    wanted = far <= np.partition(far, KEPT - 1)[KEPT - 1] + EDGE
    return ids[wanted], far[wanted]


def judge_faces(
    image: ImageKey,
    embeddings: Sequence[Floats],
    ranked: Sequence[Sequence[Likeness]],
    known: Faces,
    owners: NDArray[np.int64],
    said: Said,
    *,
    eps: float,
    suggest: float,
    gate: Gate,
    sides: Sequence[float],
    sharpness: Sequence[float],
    year: int = 0,
) -> list[Ruling]:
    """What would become of the faces of one picture, were it in the library.

    A face is attached when a face of that person is within eps and no nearer one is another's; of two faces of the
    picture that are near one person the nearer is hers.

    image: key of the picture. embeddings, sides, sharpness: of its faces. ranked: whom each is like. known: n faces, none
    of them of this picture, among which are those that are near and all of the persons with names who own one of these;
    owners: (n,) of them. year: when it was taken, 0: not known; who was born later is not in it.
    """
    carries = gate.grade(np.array(sides), np.array(sharpness)) == Grade.CORE
    unborn = frozenset(person for person, born in said.born.items() if 0 < year < born)
    claims = []
    for number, likenesses in enumerate(ranked):
        possible = [one for one in likenesses if one.person not in unborn]
        if possible and carries[number]:
            best = min(possible, key=lambda one: (one.nearest, one.person))
            if best.nearest <= eps:
                claims.append((best.nearest, number, best.person))
    attached: dict[int, PersonId] = {}
    for _, number, person in sorted(claims):
        if person not in attached.values():
            attached[number] = person
    rulings = []
    for number, likenesses in enumerate(ranked):
        ruling = Ruling("unknown", None, tuple(likenesses))
        if number in attached:
            ruling = replace(ruling, verdict="attached", person=attached[number])
        elif carries[number]:
            one = _propose(image, embeddings[number], known, owners, said, suggest, gate, unborn)
            if one is not None and one not in attached.values():
                ruling = replace(ruling, verdict="suggested", person=one)
        rulings.append(ruling)
    return rulings


def _propose(
    image: ImageKey,
    embedding: Floats,
    known: Faces,
    owners: NDArray[np.int64],
    said: Said,
    within: float,
    gate: Gate,
    unborn: frozenset[PersonId],
) -> PersonId | None:
    """To whom one more face would be proposed."""
    count = len(known)
    faces = Faces(
        np.append(known.ids, 0),
        (*known.images, image),
        np.vstack([known.boxes, np.zeros((1, 4))]),
        np.append(known.dhashes, np.uint64(0)),
        np.append(known.sides, gate.core_side),
        np.append(known.sharpness, gate.core_sharpness),
        np.vstack([known.embeddings, embedding[None, :]]).astype(np.float32),
    )
    grouped = np.arange(count + 1, dtype=np.intp)  # no near-copies are looked for
    eligible = choose_eligible(faces, grouped, gate)
    found = find_near(faces.embeddings, eligible, np.array([count], dtype=np.intp))
    standing = Standing(
        np.append(owners, 0),
        np.full(count + 1, NOISE, dtype=np.intp),
        grouped,
        frozenset(),
        {count: unborn},
        said.named - said.kept,
        said.kept | frozenset(PersonId(int(one)) for one in np.unique(owners[owners > 0])) - said.named,
    )
    proposed = suggest_faces(faces, found, _only_last(standing, count), within=within)
    return next((one.person for one in proposed if one.faces == (FaceId(0),)), None)


def _only_last(standing: Standing, last: int) -> Standing:
    """The same, in which nothing but the last row is to be proposed."""
    return replace(standing, pinned=range(last))
