"""Who is who: clusters and the user's word become persons. Values in, values out; nothing here knows a path.

In the order of their rank:
1. A pinned face is whose the user said, and only that face; a rejected one is never computed to be hers again.
2. An anchored face is its person's, noise or not. A cluster is a person's through her anchors in it; with two
   owners it is divided, each face to the nearer one (see `division`). So persons never become one by computing.
3. A photo shows a person once, over all of her clusters, unless the user's word says otherwise (see `photos`).
4. What is left of the clusters are persons without a name, numbered as at the last run (see `numbers`).

Everything but those numbers follows from the faces and the word alone, and not from their order, their ids or
what was computed before: of the last run's answer only distances are taken over, where the same would come out.
When photos were taken only takes away: nobody is in one from before the own birth, and a child's face that attached
must be nearer than others (see `years`).
"""

from collections.abc import Mapping
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from faced.model import FaceId, PersonId
from faced.people.answer import Assignment, Columns, Last, Part, Why
from faced.people.division import Claims, Nearness, claim_faces, find_owners
from faced.people.faces import NOISE, Clusters, Faces
from faced.people.numbers import number_persons
from faced.people.photos import keep_nearest, split_photos
from faced.people.said import Said
from faced.people.years import find_rooms, is_before, is_far_for_child

__all__ = ["Assignment", "Last", "Why", "assign_persons"]


def assign_persons(
    faces: Faces,
    clusters: Clusters,
    previous: Mapping[FaceId, PersonId] | NDArray[np.int64],
    said: Said,
    last: Last | None = None,
) -> Assignment:
    """Whose each face is; a face that is nobody's is left out.

    faces: n faces in content order. clusters: of the same n. previous: whose a face was at the last run, as (n,)
    persons, 0: nobody's, or by face. last: the last run in this process, which saves time.
    """
    before = _as_column(faces, previous)
    claims = claim_faces(faces, said)
    owners = find_owners(claims, clusters)
    nearness = Nearness(faces.embeddings, claims)
    known = said.named | said.kept | frozenset(said.anchors.values())
    columns, photos = Columns.blank(len(faces)), faces.number_photos()
    _follow_copies(columns, clusters, claims, nearness)
    _divide_clusters(columns, faces, clusters, claims, owners, nearness, last)
    columns.labels[:] = _leave_unowned(clusters, claims, owners, known)
    numbered = _last_numbers(photos, claims, before, said, known)
    _number_unowned(columns, faces, photos, numbered, last)
    for person, born in claims.born.items():  # also of somebody without a name
        early = (columns.owners == person) & is_before(claims.years, born)
        columns.owners[early], columns.reasons[early] = 0, Why.NOBODYS
    claimed = claims.rows()
    taken = np.array(list(claimed), dtype=np.intp)
    columns.owners[taken] = list(claimed.values())
    going = keep_nearest(photos, columns.owners, columns.distances, taken)
    columns.owners[going], columns.reasons[going] = 0, Why.NOBODYS
    columns.reasons[list(claims.pinned)] = Why.PINNED
    columns.reasons[list(claims.anchored)] = Why.ANCHORED
    columns.distances[taken], columns.seconds[taken] = np.nan, np.inf
    columns.sizes[taken] = clusters.count_faces(taken)
    columns.runners_up[taken] = 0
    columns.parts[clusters.labels != NOISE] = Part.IN
    columns.parts[clusters.cores] = Part.CORE
    return Assignment(faces.ids, columns, clusters.attached)


def _as_column(faces: Faces, previous: Mapping[FaceId, PersonId] | NDArray[np.int64]) -> NDArray[np.int64]:
    if isinstance(previous, np.ndarray):
        return previous
    persons = (previous.get(FaceId(face), 0) for face in faces.ids.tolist())
    return np.fromiter(persons, dtype=np.int64, count=len(faces))


def _follow_copies(columns: Columns, clusters: Clusters, claims: Claims, nearness: Nearness) -> None:
    """Near-copies that are in no cluster go with the one of them that the user spoke of, if with one person."""
    claimed = claims.rows()
    persons: dict[int, set[PersonId]] = {}
    for row, person in claimed.items():
        persons.setdefault(int(clusters.groups[row]), set()).add(person)
    spoken_of = np.zeros(len(clusters.groups), dtype=np.bool_)
    spoken_of[list(persons)] = True
    for row in np.flatnonzero(spoken_of[clusters.groups] & (clusters.labels == NOISE)).tolist():
        hers = persons[int(clusters.groups[row])]
        if row in claimed or len(hers) != 1:
            continue
        nearest = nearness.find_nearest(np.array([row]), tuple(hers))
        if nearest.persons[0]:
            columns.owners[row], columns.reasons[row] = nearest.persons[0], Why.COPY
            columns.distances[row] = nearest.distances[0]


def _divide_clusters(
    columns: Columns,
    faces: Faces,
    clusters: Clusters,
    claims: Claims,
    owners: Mapping[int, tuple[PersonId, ...]],
    nearness: Nearness,
    last: Last | None,
) -> None:
    """The faces of owned clusters that the user did not speak of: each to the nearest owner not rejected."""
    owned = np.zeros(len(faces) + 1, dtype=np.bool_)
    owned[list(owners)] = True
    owned[NOISE] = False
    rows = np.flatnonzero(owned[clusters.labels])
    if len(rows) == 0:
        return
    rows = rows[np.argsort(clusters.labels[rows], kind="stable")]
    starts = np.flatnonzero(np.diff(clusters.labels[rows], prepend=NOISE))
    spoken_of, rejected = np.zeros((2, len(faces)), dtype=np.bool_)
    spoken_of[list(claims.rows())], rejected[list(claims.rejected)] = True, True
    known = _Judged(len(faces), last)
    rooms = find_rooms(clusters)
    for members in np.split(rows, starts[1:]):
        persons = owners[int(clusters.labels[members[0]])]
        judged = 0 if claims.born.keys() & set(persons) else _sign(persons, nearness)
        mine = members[~spoken_of[members]]
        columns.sizes[mine], columns.judged[mine] = len(members), np.where(rejected[mine], 0, judged)
        is_known = (known.judged[mine] == judged) & ~rejected[mine] & (judged != 0)
        there, asked = mine[is_known], mine[~is_known]
        columns.owners[there], columns.distances[there] = known.persons[there], known.distances[there]
        columns.seconds[there], columns.runners_up[there] = known.seconds[there], known.runners_up[there]
        nearest = nearness.find_nearest(asked, persons)
        for person in claims.born.keys() & set(persons):
            is_far = is_far_for_child(rooms[asked], claims.years[asked], claims.born[person])
            nearest.persons[is_far & (nearest.persons == person)] = 0
        columns.owners[asked], columns.distances[asked] = nearest.persons, nearest.distances
        columns.seconds[asked], columns.runners_up[asked] = nearest.seconds, nearest.second_persons
        columns.reasons[mine] = np.where(columns.owners[mine] != 0, Why.OWNED, Why.NOBODYS)


class _Judged:
    """The distances of the faces of owned clusters at the last run, by the rows of now. persons: 0 where none is known."""

    def __init__(self, count: int, last: Last | None) -> None:
        self.persons = np.zeros(count, dtype=np.int64)
        self.judged = np.zeros(count, dtype=np.uint64)
        self.distances, self.seconds = np.empty(count), np.empty(count)
        self.runners_up = np.zeros(count, dtype=np.int64)
        if last is None:
            return
        columns = last.assignment.columns
        old = np.flatnonzero(columns.reasons == Why.OWNED)  # who lost her place to another face is not
        new = last.same.moved[old]
        old, new = old[new >= 0], new[new >= 0]
        self.persons[new], self.judged[new] = columns.owners[old], columns.judged[old]
        self.distances[new], self.seconds[new] = columns.distances[old], columns.seconds[old]
        self.runners_up[new] = columns.runners_up[old]


def _sign(persons: tuple[PersonId, ...], nearness: Nearness) -> int:
    """A number that says what the user said of these persons' faces; never 0."""
    text = b"".join(b"%d:" % person + nearness.sign(person) for person in persons)
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little") | 1


def _leave_unowned(
    clusters: Clusters,
    claims: Claims,
    owners: Mapping[int, tuple[PersonId, ...]],
    known: frozenset[PersonId],
) -> NDArray[np.int32]:
    """(n,) the labels of what no word speaks of: the faces that may be somebody without a name.

    A face that was rejected for somebody who is no more than a number is left out until its cluster has
    a name: numbers come and go, and it would come back under the next one.
    """
    owned = np.zeros(len(clusters.labels) + 1, dtype=np.bool_)
    owned[list(owners)] = True
    labels = np.where(owned[clusters.labels], NOISE, clusters.labels).astype(np.int32)
    labels[list(claims.rows())] = NOISE
    labels[[row for row, persons in claims.rejected.items() if persons - known]] = NOISE
    return labels


def _last_numbers(
    photos: NDArray[np.intp],
    claims: Claims,
    before: NDArray[np.int64],
    said: Said,
    known: frozenset[PersonId],
) -> NDArray[np.int64]:
    """(n,) who a face was at the last run, where that may give its cluster the number; else 0.

    Not who gets faces through the word, and not whom the user pinned to another face of that photo: there
    the face is not that person's any more.
    """
    numbers = before.copy()
    if said.merged:
        for row in np.flatnonzero(np.isin(before, list(said.merged))).tolist():
            numbers[row] = said.merged[PersonId(int(before[row]))]
    numbers[np.isin(numbers, list(known))] = 0
    claimed = claims.rows()
    taken = {(person, int(photos[row])) for row, person in claimed.items()}
    beside = np.isin(photos, photos[list(claimed)]) & (numbers != 0)
    for row in np.flatnonzero(beside).tolist():
        if (int(numbers[row]), int(photos[row])) in taken:
            numbers[row] = 0
    return numbers


def _number_unowned(
    columns: Columns,
    faces: Faces,
    photos: NDArray[np.intp],
    before: NDArray[np.int64],
    last: Last | None,
) -> None:
    """Clusters that nobody owns, two faces of one photo told apart, with the numbers of the last run."""
    labels = columns.labels
    far, is_known = _known_distances(labels, last)
    kept = split_photos(faces.embeddings, photos, labels, far, is_known)
    rows = np.flatnonzero(labels != NOISE)
    columns.distances[rows] = far[rows]
    mine = kept[rows].astype(np.intp)
    rows, mine = rows[mine != NOISE], mine[mine != NOISE]
    columns.owners[rows], columns.reasons[rows] = number_persons(kept, before)[mine], Why.UNOWNED
    columns.sizes[rows] = np.bincount(mine, minlength=len(kept))[mine]


def _known_distances(
    labels: NDArray[np.int32], last: Last | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(n,) the distance of each face to the middle of its cluster, and where it is that of the last run: in clusters that
    have the same faces.
    """
    if last is None:
        return np.zeros(len(labels)), np.zeros(len(labels), dtype=np.bool_)
    columns, same = last.assignment.columns, last.same
    was = np.append(same.carry(columns.labels, NOISE), np.int32(NOISE))  # the last one is that of NOISE
    far = same.carry(columns.distances, 0.0)
    is_other, had_other = np.zeros(len(labels) + 1, np.bool_), np.zeros(len(columns.labels) + 1, np.bool_)
    names_of = labels.astype(np.intp)
    mixed = np.flatnonzero(was[:-1] != was[names_of])  # not what the row is that the cluster is called by
    is_other[labels[mixed]] = had_other[was[mixed]] = True
    had_other[columns.labels[same.back.new]] = True
    names = np.flatnonzero(labels == np.arange(len(labels), dtype=np.int32))
    one_of = np.full(len(had_other), NOISE, dtype=np.int32)
    one_of[was[names]] = names
    had_other[was[names[one_of[was[names]] != names]]] = True  # in several parts now
    is_other[NOISE] = had_other[NOISE] = True
    return far, ~(is_other[names_of] | had_other[was[:-1]])
