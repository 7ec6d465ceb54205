"""Who is who: clusters and the user's word become persons. Values in, values out; nothing here knows a path.

In the order of their rank:
1. A pinned face is whose the user said, and only that face; a rejected one is never computed to be hers again.
2. An anchored face is its person's, noise or not. A cluster is a person's through her anchors in it; with two
   owners it is divided, each face to the nearer one (see `division`). So persons never become one by computing.
3. A photo shows a person once, over all of her clusters, unless the user's word says otherwise (see `photos`).
4. What is left of the clusters are persons without a name, numbered as at the last run (see `numbers`).

Everything but those numbers follows from the faces and the word alone, and not from their order, their ids or
what was computed before. Joining, time and suggestions (DESIGN, Identity 4 to 6) have their place between
the owned clusters and the unnamed ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faced.model import FaceId, PersonId
from faced.people.division import Claims, Nearness, claim_faces, find_owners, rows_by_label
from faced.people.faces import NOISE, Clusters, Faces
from faced.people.numbers import match_persons
from faced.people.photos import keep_nearest, split_photos
from faced.people.said import Said

__all__ = ["Assignment", "assign_persons"]


@dataclass(frozen=True, slots=True)
class Assignment:
    """Whose each face is, and why. A group that is nobody known yet has a number below zero.

    persons: (face, person or -1, -2, … for new persons in the order in which they get their ids).
    """

    persons: dict[FaceId, int]
    reasons: dict[FaceId, str]

    @property
    def new_count(self) -> int:
        """How many new ids are wanted."""
        return len({person for person in self.persons.values() if person < 0})


@dataclass(frozen=True, slots=True)
class _Found:
    """A computed owner of a face. distance: Euclidean, to what the reason says."""

    person: int
    distance: float
    reason: str


def assign_persons(
    faces: Faces, clusters: Clusters, previous: Mapping[FaceId, PersonId], said: Said
) -> Assignment:
    """Whose each face is; a face that is nobody's is left out.

    faces: n faces in content order. clusters: of the same n. previous: whose a face was at the last run.
    """
    claims = claim_faces(faces, said)
    claimed = claims.rows()
    owners = find_owners(claims, clusters)
    nearness = Nearness(faces.embeddings, claimed)
    computed = _follow_copies(faces, clusters, claimed, nearness, said)
    computed |= _divide_clusters(faces, clusters, claimed, owners, nearness, said)
    left = _leave_unowned(faces, clusters, claimed, owners, said)
    computed |= _number_unowned(faces, left, previous, said)
    staying = keep_nearest(
        faces.images, {row: (found.person, found.distance) for row, found in computed.items()}, claimed
    )
    return _assemble(faces, claims, {row: computed[row] for row in staying})


def _follow_copies(
    faces: Faces, clusters: Clusters, claimed: Mapping[int, PersonId], nearness: Nearness, said: Said
) -> dict[int, _Found]:
    """Near-copies that are in no cluster go with the one of them that the user spoke of, if with one person."""
    persons: dict[int, set[PersonId]] = {}
    for row, person in claimed.items():
        persons.setdefault(int(clusters.groups[row]), set()).add(person)
    found: dict[int, _Found] = {}
    for row in np.flatnonzero(clusters.labels == NOISE).tolist():
        hers = persons.get(int(clusters.groups[row]), set())
        if row in claimed or len(hers) != 1:
            continue
        (person,) = hers
        if not said.is_rejected(FaceId(int(faces.ids[row])), person):
            distances, _ = nearness.measure(np.array([row]), person)
            found[row] = _Found(
                person, float(distances[0]), "a near-copy of a face that you gave this person"
            )
    return found


def _divide_clusters(
    faces: Faces,
    clusters: Clusters,
    claimed: Mapping[int, PersonId],
    owners: Mapping[int, tuple[PersonId, ...]],
    nearness: Nearness,
    said: Said,
) -> dict[int, _Found]:
    """The faces of owned clusters that the user did not speak of: each to the nearest owner not rejected."""
    found: dict[int, _Found] = {}
    for label, members in rows_by_label(clusters.labels).items():
        if label not in owners:
            continue
        rows = np.array([row for row in members.tolist() if row not in claimed], dtype=np.intp)
        for row, ranked in zip(rows.tolist(), nearness.choose(rows, owners[label]), strict=True):
            face = FaceId(int(faces.ids[row]))
            allowed = [(far, person) for far, _, person in ranked if not said.is_rejected(face, person)]
            if allowed:
                found[row] = _explain_owned(len(members), allowed)
    return found


def _explain_owned(size: int, ranked: list[tuple[float, PersonId]]) -> _Found:
    distance, person = ranked[0]
    reason = f"in a cluster of {size} faces that is this person's by name, {distance:.2f} from the nearest one you gave"
    if len(ranked) > 1:
        reason += f" (the next of {len(ranked)} owners: {ranked[1][0]:.2f})"
    return _Found(person, distance, reason)


def _leave_unowned(
    faces: Faces,
    clusters: Clusters,
    claimed: Mapping[int, PersonId],
    owners: Mapping[int, tuple[PersonId, ...]],
    said: Said,
) -> NDArray[np.intp]:
    """(n,) the labels of what no word speaks of: the faces that may be somebody without a name.

    A face that was rejected for somebody who is no more than a number is left out until its cluster has
    a name: numbers come and go, and it would come back under the next one.
    """
    labels = clusters.labels.copy()
    labels[np.isin(labels, list(owners))] = NOISE
    labels[list(claimed)] = NOISE
    known = _known(said)
    numbers = {face for face, persons in said.rejections.items() if persons - known}
    if numbers:
        labels[np.isin(faces.ids, list(numbers))] = NOISE
    return labels


def _number_unowned(
    faces: Faces, labels: NDArray[np.intp], previous: Mapping[FaceId, PersonId], said: Said
) -> dict[int, _Found]:
    """Clusters that nobody owns, two faces of one photo told apart, with the numbers of the last run."""
    labels, distances = split_photos(faces, labels)
    known = _known(said)
    before = {
        face: final
        for face, person in previous.items()
        if (final := said.merged.get(person, person)) not in known
    }
    numbers = match_persons(faces.ids, labels, before)
    found: dict[int, _Found] = {}
    for label, rows in rows_by_label(labels).items():
        for row in rows.tolist():
            reason = f"in a cluster of {len(rows)} faces, {distances[row]:.2f} from its middle"
            found[row] = _Found(numbers[label], float(distances[row]), reason)
    return found


def _known(said: Said) -> frozenset[PersonId]:
    """Persons who get faces through the word only, and never because they had them at the last run."""
    return said.named | said.kept | frozenset(said.anchors.values())


def _assemble(faces: Faces, claims: Claims, computed: Mapping[int, _Found]) -> Assignment:
    persons: dict[FaceId, int] = {}
    reasons: dict[FaceId, str] = {}
    for row, number in enumerate(faces.ids.tolist()):
        face = FaceId(number)
        if row in claims.by_pin:
            persons[face], reasons[face] = claims.by_pin[row], "pinned by you"
        elif row in claims.by_anchor:
            persons[face], reasons[face] = claims.by_anchor[row], "there when you named this person"
        elif row in computed:
            persons[face], reasons[face] = computed[row].person, computed[row].reason
    return Assignment(persons, reasons)
