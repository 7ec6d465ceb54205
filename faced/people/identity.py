"""Who is who: clusters and the user's word become persons. Values in, values out; nothing here knows a path.

In the order of their rank:
1. A pinned face is whose the user said, and only that face; a rejected one is never computed to be hers again.
2. An anchored face is its person's, noise or not. A cluster is a person's through her anchors in it; with two
   owners it is divided, each face to the nearer one (see `division`). So persons never become one by computing.
3. A photo shows a person once, over all of her clusters, unless the user's word says otherwise (see `photos`).
4. What is left of the clusters are persons without a name, numbered as at the last run (see `numbers`).

Everything but those numbers follows from the faces and the word alone, and not from their order, their ids or
what was computed before. When photos were taken only takes away: nobody is in one from before the own birth, and a
child's face that attached must be nearer than others (see `years`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from faced.model import FaceId, PersonId
from faced.people.division import Claims, Nearness, claim_faces, find_owners, rows_by_label
from faced.people.faces import NOISE, Attachment, Clusters, Faces
from faced.people.numbers import match_persons
from faced.people.photos import keep_nearest, split_photos
from faced.people.said import Said
from faced.people.years import find_rooms, is_far_for_child

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


class _Found(NamedTuple):
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
    owners = find_owners(claims, clusters)
    nearness = Nearness(faces.embeddings, claims)
    known = said.named | said.kept | frozenset(said.anchors.values())
    computed = _follow_copies(clusters, claims, nearness)
    computed |= _divide_clusters(clusters, claims, owners, nearness)
    left = _leave_unowned(clusters, claims, owners, known)
    before = _last_numbers(faces, claims, previous, said, known)
    computed |= _number_unowned(faces, left, before, clusters.attached)
    staying = keep_nearest(
        faces.images, {row: (found[0], found[1]) for row, found in computed.items()}, claims.rows()
    )
    return _assemble(faces, claims, {row: computed[row] for row in staying})


def _follow_copies(clusters: Clusters, claims: Claims, nearness: Nearness) -> dict[int, _Found]:
    """Near-copies that are in no cluster go with the one of them that the user spoke of, if with one person."""
    claimed = claims.rows()
    persons: dict[int, set[PersonId]] = {}
    for row, person in claimed.items():
        persons.setdefault(int(clusters.groups[row]), set()).add(person)
    found: dict[int, _Found] = {}
    spoken_of = np.isin(clusters.groups, np.array(list(persons), dtype=np.intp))
    for row in np.flatnonzero(spoken_of & (clusters.labels == NOISE)).tolist():
        hers = persons.get(int(clusters.groups[row]), set())
        if row in claimed or len(hers) != 1:
            continue
        nearest = nearness.find_nearest(np.array([row]), tuple(hers))
        if nearest.persons[0]:
            reason = "a near-copy of a face that you gave this person"
            found[row] = _Found(int(nearest.persons[0]), float(nearest.distances[0]), reason)
    return found


def _divide_clusters(
    clusters: Clusters, claims: Claims, owners: Mapping[int, tuple[PersonId, ...]], nearness: Nearness
) -> dict[int, _Found]:
    """The faces of owned clusters that the user did not speak of: each to the nearest owner not rejected."""
    claimed = claims.rows()
    members = rows_by_label(clusters.labels)
    rooms = find_rooms(clusters)
    found: dict[int, _Found] = {}
    for label, persons in owners.items():
        size = len(members[label])
        rows = np.array([row for row in members[label].tolist() if row not in claimed], dtype=np.intp)
        nearest = nearness.find_nearest(rows, persons)
        for person in persons:
            if person in claims.born:
                far_off = is_far_for_child(rooms[rows], claims.years[rows], claims.born[person])
                nearest.persons[far_off & (nearest.persons == person)] = 0
        columns = (rows, nearest.persons, nearest.distances, nearest.seconds)
        for row, person, far, second in zip(*(column.tolist() for column in columns), strict=True):
            if person:
                reason = _explain_owned(size, far, second)
                if row in clusters.attached:
                    reason = f"{_explain_attached(clusters.attached[row])}, {reason}"
                found[row] = _Found(person, far, reason)
    return found


def _explain_owned(size: int, far: float, second: float) -> str:
    reason = (
        f"in a cluster of {size} faces that is this person's by name, {far:.2f} from the nearest one you gave"
    )
    return reason if second == np.inf else f"{reason} ({second:.2f} from the next person's)"


def _explain_attached(attachment: Attachment) -> str:
    second = ""
    if attachment.second != NOISE:
        second = f"; the next cluster's is {attachment.second_distance:.2f} away"
    return (
        f"attached, for most faces near it are there and its middle is {attachment.distance:.2f} away{second}"
    )


def _leave_unowned(
    clusters: Clusters,
    claims: Claims,
    owners: Mapping[int, tuple[PersonId, ...]],
    known: frozenset[PersonId],
) -> NDArray[np.intp]:
    """(n,) the labels of what no word speaks of: the faces that may be somebody without a name.

    A face that was rejected for somebody who is no more than a number is left out until its cluster has
    a name: numbers come and go, and it would come back under the next one.
    """
    labels = clusters.labels.copy()
    labels[np.isin(labels, list(owners))] = NOISE
    labels[list(claims.rows())] = NOISE
    labels[[row for row, persons in claims.rejected.items() if persons - known]] = NOISE
    return labels


def _last_numbers(
    faces: Faces,
    claims: Claims,
    previous: Mapping[FaceId, PersonId],
    said: Said,
    known: frozenset[PersonId],
) -> dict[FaceId, PersonId]:
    """Who a face was at the last run, where that may give its cluster the number.

    Not who gets faces through the word, and not whom the user pinned to another face of that photo: there
    the face is not that person's any more.
    """
    taken = {(person, faces.images[row]) for row, person in claims.rows().items()}
    numbers: dict[FaceId, PersonId] = {}
    merged = said.merged
    for face, image in zip(faces.ids.tolist(), faces.images, strict=True):
        person = previous.get(face)
        if person is None:
            continue
        person = merged.get(person, person)
        if person not in known and (person, image) not in taken:
            numbers[face] = person
    return numbers


def _number_unowned(
    faces: Faces,
    labels: NDArray[np.intp],
    before: Mapping[FaceId, PersonId],
    attached: Mapping[int, Attachment],
) -> dict[int, _Found]:
    """Clusters that nobody owns, two faces of one photo told apart, with the numbers of the last run."""
    labels, distances = split_photos(faces, labels)
    numbers = match_persons(faces.ids, labels, before)
    found: dict[int, _Found] = {}
    for label, rows in rows_by_label(labels).items():
        size, person = len(rows), numbers[label]
        for row, far in zip(rows.tolist(), distances[rows].tolist(), strict=True):
            reason = f"in a cluster of {size} faces, {far:.2f} from its middle"
            if row in attached:
                reason = f"{_explain_attached(attached[row])}, {reason}"
            found[row] = _Found(person, far, reason)
    return found


def _assemble(faces: Faces, claims: Claims, computed: Mapping[int, _Found]) -> Assignment:
    persons: dict[FaceId, int] = {}
    reasons: dict[FaceId, str] = {}
    for row, face in enumerate(faces.ids.tolist()):
        if row in claims.pinned:
            persons[face], reasons[face] = claims.pinned[row], "pinned by you"
        elif row in claims.anchored:
            persons[face], reasons[face] = claims.anchored[row], "there when you named this person"
        elif row in computed:
            persons[face], _, reasons[face] = computed[row]
    return Assignment(persons, reasons)
