"""Why a face that was near enough to somebody did not come to them: because of the user's word, of another face of the
photo, or of when the photo was taken. Pure.

Only tells what `years` and `identity` decided.
"""

import numpy as np
from numpy.typing import NDArray

from faced.model import FaceId, PersonId
from faced.people.faces import NOISE, Clusters, Faces
from faced.people.identity import Assignment
from faced.people.said import Said
from faced.people.years import CHILD, is_far_for_child

__all__ = ["tell_apart"]


def tell_apart(faces: Faces, clusters: Clusters, assignment: Assignment, said: Said) -> dict[FaceId, str]:
    """For faces that are nobody's, in plain words. Persons are called as in `Assignment`.

    clusters: of the n faces, as `keep_time` left them.
    """
    owners = assignment.owners
    owned = np.flatnonzero((owners != 0) & (clusters.labels != NOISE))[::-1]
    person_of = np.zeros(len(owners), dtype=np.int64)
    person_of[clusters.labels[owned]] = owners[owned]  # that of the first who is somebody's
    told = _tell_kept_out(faces, clusters, owners, person_of, said)
    if faces.years is not None:
        told |= _tell_years(faces, clusters, owners == 0, person_of, said)
    return told


def _tell_kept_out(
    faces: Faces, clusters: Clusters, owners: NDArray[np.int64], person_of: NDArray[np.int64], said: Said
) -> dict[FaceId, str]:
    """Those of somebody's cluster whom the user said that it is not, or who is in the photo already."""
    told = dict[FaceId, str]()
    rows = np.flatnonzero((owners == 0) & (clusters.labels != NOISE))
    rows = rows[person_of[clusters.labels[rows]] != 0]
    photos = faces.number_photos()
    beside = np.flatnonzero(np.isin(photos, photos[rows]) & (owners != 0))
    shown = set(zip(photos[beside].tolist(), owners[beside].tolist(), strict=True))
    for row in rows.tolist():
        person, face = int(person_of[clusters.labels[row]]), FaceId(int(faces.ids[row]))
        if person in said.rejections.get(face, ()):
            told[face] = f"it would be Person {person}, but you said that it is not"
        elif (int(photos[row]), person) in shown:
            told[face] = (
                f"it would be Person {person}, but another face of the photo is, which is nearer or which you named"
            )
    return told


def _tell_years(
    faces: Faces, clusters: Clusters, nobodys: NDArray[np.bool_], person_of: NDArray[np.int64], said: Said
) -> dict[FaceId, str]:
    told = dict[FaceId, str]()
    assert faces.years is not None
    gaps, attached = clusters.gaps, clusters.attached
    for place in np.flatnonzero(nobodys[gaps.rows] & (gaps.clusters != NOISE)).tolist():
        row, person = int(gaps.rows[place]), int(person_of[gaps.clusters[place]])
        face = FaceId(int(faces.ids[row]))
        if person and person not in said.rejections.get(face, ()):
            told[face] = (
                f"it would be Person {person}, {gaps.distances[place]:.2f} from the middle of that cluster, but the photo "
                f"there that is nearest in time is {gaps.years[place]} years away: across so many it must be within "
                f"{gaps.limits[place]:.2f}"
            )
    for place in np.flatnonzero(nobodys[attached.rows]).tolist():
        row = int(attached.rows[place])
        person, year = int(person_of[clusters.labels[row]]), faces.years[row]
        room = np.inf if attached.rooms is None else attached.rooms[place]
        birth, face = said.born.get(PersonId(person), 0), FaceId(int(faces.ids[row]))
        is_rejected = person in said.rejections.get(face, ()) or year < birth
        if birth and not is_rejected and is_far_for_child(np.array([room]), np.array([year]), birth)[0]:
            told[face] = (
                f"it would be Person {person}, who was {year - birth} years old then: children look alike, so it must be "
                f"{CHILD:.2f} nearer than a face of somebody older, and is {room:.2f} nearer"
            )
    return told
