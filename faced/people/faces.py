"""The faces that clustering and identity decide about, as columns. Values only.

Rows are in the order of their content (image key, then box), never of their ids, so that nothing
computed from them can depend on the order of arrival.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faced.model import Floats, Gate, Grade, ImageKey

__all__ = ["NOISE", "Attached", "Attachment", "Clusters", "Faces", "Gaps", "sort_faces"]

NOISE = -1
"""The label of a face in no cluster."""


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """n faces of one engine, a row each.

    ids: (n,) int64 face ids, the only column that knows of the store. images: (n,) image keys.
    boxes: (n, 4) float64, left, top, width, height as fractions of the upright picture.
    dhashes: (n,) uint64, of the image. sides: (n,) float64, px. sharpness: (n,) float64.
    embeddings: (n, 128) float32, or (n, 0) when only their marks are known. years: (n,) int16, when the photo was taken,
    0: not known; None: of none. photos: what number_photos says, when it is known. marks: (n,) by which a vector is told
    from another of the same face.
    """

    ids: NDArray[np.int64]
    images: tuple[ImageKey, ...]
    boxes: NDArray[np.float64]
    dhashes: NDArray[np.uint64]
    sides: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    embeddings: Floats
    years: NDArray[np.int16] | None = None
    photos: NDArray[np.intp] | None = None
    marks: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def can_carry(self, gate: Gate) -> NDArray[np.bool_]:
        """(n,) those that may say who is there."""
        return np.equal(gate.grade(self.sides, self.sharpness), Grade.CORE)

    def can_join(self, gate: Gate) -> NDArray[np.bool_]:
        """(n,) those that may at least join who is there."""
        return np.greater_equal(gate.grade(self.sides, self.sharpness), Grade.ATTACH)

    def number_photos(self) -> NDArray[np.intp]:
        """(n,) what picture each is in, counted from 0. Rows are in content order, faces of one picture together."""
        if self.photos is not None:
            return self.photos
        images = np.empty(len(self), dtype=object)
        images[:] = self.images
        numbers = np.zeros(len(self), dtype=np.intp)
        np.cumsum(images[1:] != images[:-1], out=numbers[1:])
        return numbers

    def take(self, rows: NDArray[np.intp]) -> "Faces":
        """These rows, in this order."""
        return Faces(
            self.ids[rows],
            tuple(self.images[row] for row in rows),
            self.boxes[rows],
            self.dhashes[rows],
            self.sides[rows],
            self.sharpness[rows],
            self.embeddings[rows],
            None if self.years is None else self.years[rows],
            marks=None if self.marks is None else self.marks[rows],
        )


@dataclass(frozen=True, slots=True)
class Attachment:
    """Why a face that was left over is in its cluster.

    distance: Euclidean, to the middle of the cluster. second: label of the cluster that came second, or NOISE.
    second_distance: to its middle, inf without one. room: how much nearer it is than it had to be; known only where
    photos have dates.
    """

    distance: float
    second: int
    second_distance: float
    room: float = np.inf


@dataclass(frozen=True, slots=True, eq=False)
class Attached(Mapping[int, Attachment]):
    """Why m faces that were left over are in their clusters, by row, in columns. rows: (m,) ascending. rooms: where
    photos have dates.
    """

    rows: NDArray[np.intp]
    distances: NDArray[np.float64]
    seconds: NDArray[np.intp]
    second_distances: NDArray[np.float64]
    rooms: NDArray[np.float64] | None = None

    def __getitem__(self, row: int) -> Attachment:
        place = int(np.searchsorted(self.rows, row))
        if place == len(self.rows) or self.rows[place] != row:
            raise KeyError(row)
        second, far = int(self.seconds[place]), float(self.second_distances[place])
        room = np.inf if self.rooms is None else float(self.rooms[place])
        return Attachment(float(self.distances[place]), second, np.inf if second == NOISE else far, room)

    def keep(self, places: NDArray[np.intp]) -> "Attached":
        """Those of them, ascending."""
        rooms = None if self.rooms is None else self.rooms[places]
        return Attached(
            self.rows[places],
            self.distances[places],
            self.seconds[places],
            self.second_distances[places],
            rooms,
        )

    def __contains__(self, row: object) -> bool:
        place = int(np.searchsorted(self.rows, row))  # type: ignore[call-overload]
        return place < len(self.rows) and bool(self.rows[place] == row)

    def __iter__(self) -> Iterator[int]:
        return iter(self.rows.tolist())

    def __len__(self) -> int:
        return len(self.rows)


def _nobody() -> Attached:
    none = np.empty(0, dtype=np.intp)
    return Attached(none, np.empty(0), none, np.empty(0))


@dataclass(frozen=True, slots=True, eq=False)
class Gaps:
    """Faces that did not stay attached because of the years between. rows: (m,) ascending. clusters: (m,) labels, or NOISE
    where nobody is left. distances: (m,) Euclidean, to the middle. years: (m,) to the photo there that is nearest in time.
    limits: (m,) how near was asked for.
    """

    rows: NDArray[np.intp]
    clusters: NDArray[np.intp]
    distances: NDArray[np.float64]
    years: NDArray[np.int64]
    limits: NDArray[np.float64]


def _no_gaps() -> Gaps:
    none = np.empty(0, dtype=np.intp)
    return Gaps(none, none, np.empty(0), np.empty(0, dtype=np.int64), np.empty(0))


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """What clustering says about n faces.

    labels: (n,) the cluster of each face, as a row of one of its faces, or NOISE. cores: (n,) bool, its core
    points. groups: (n,) the near-copies that it belongs to, as the smallest row of them. attached: row -> why,
    of the faces that came last. gaps: those that would have come too.
    """

    labels: NDArray[np.intp]
    cores: NDArray[np.bool_]
    groups: NDArray[np.intp]
    attached: Attached = field(default_factory=_nobody)
    gaps: Gaps = field(default_factory=_no_gaps)

    def count_faces(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """(m,) how many are in the cluster of each of these rows, 0 where it is in none."""
        if len(rows) == 0:
            return np.zeros(0, dtype=np.intp)
        sizes = np.bincount(self.labels[self.labels != NOISE], minlength=len(self.labels))
        return np.where(self.labels[rows] == NOISE, 0, sizes[self.labels[rows]])


def sort_faces(faces: Faces) -> Faces:
    """By image key, then box."""
    keys = np.array(faces.images, dtype="U35") if len(faces) else np.empty(0, dtype="U35")
    left, top, width, height = faces.boxes.T if len(faces) else np.empty((4, 0))
    return faces.take(np.lexsort((height, width, top, left, keys)))
