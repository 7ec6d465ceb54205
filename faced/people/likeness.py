"""How far a face is from each person, for people to read, and what would become of it. Pure.

The distance to a person is the mean of those to her three nearest faces: one alone may be a lucky one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from faced.model import FaceId, Floats, Gate, Grade, ImageKey, PersonId
from faced.people.faces import NOISE, Faces
from faced.people.propose import choose_eligible, find_near
from faced.people.said import Said
from faced.people.suggest import Standing, suggest_faces

__all__ = ["Likeness", "Ruling", "judge_faces", "rank_persons"]

FEW = 3
DIGITS = 9


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


def rank_persons(embedding: Floats, embeddings: Floats, owners: NDArray[np.int64]) -> list[Likeness]:
    """Every person, the nearest first; of equally near ones the lower number.

    embedding: (128,). embeddings: (n, 128). owners: (n,) a person's number, 0: nobody's.
    """
    rows = np.flatnonzero(owners > 0)
    apart = embeddings[rows].astype(np.float64) - embedding.astype(np.float64)
    far = np.round(np.sqrt(np.einsum("ij,ij->i", apart, apart)), DIGITS)
    order = np.lexsort((far, owners[rows]))
    persons, starts = np.unique(owners[rows][order], return_index=True)
    found = []
    for person, some in zip(persons.tolist(), np.split(far[order], starts[1:]), strict=True):
        found.append(Likeness(PersonId(person), float(some[:FEW].mean()), float(some[0])))
    return sorted(found, key=lambda one: (one.distance, one.person))


def judge_faces(
    image: ImageKey,
    embeddings: Sequence[Floats],
    known: Faces,
    owners: NDArray[np.int64],
    groups: NDArray[np.intp],
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

    image: key of the picture. embeddings, sides, sharpness: of its faces. known: n faces, none of them of this picture; owners,
    groups: of them. year: when it was taken, 0: not known; who was born later is not in it.
    """
    carries = gate.grade(np.array(sides), np.array(sharpness)) == Grade.CORE
    unborn = frozenset(person for person, born in said.born.items() if 0 < year < born)
    ranked = [rank_persons(embedding, known.embeddings, owners) for embedding in embeddings]
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
            one = _propose(image, embeddings[number], known, owners, groups, said, suggest, gate, unborn)
            if one is not None and one not in attached.values():
                ruling = replace(ruling, verdict="suggested", person=one)
        rulings.append(ruling)
    return rulings


def _propose(
    image: ImageKey,
    embedding: Floats,
    known: Faces,
    owners: NDArray[np.int64],
    groups: NDArray[np.intp],
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
    grouped = np.append(groups, count).astype(np.intp)
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
