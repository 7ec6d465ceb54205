"""A word outlives its face: which face of now an old one is, after a picture changed or was encoded again.

Pure. It decides only which old face is which new one; what was said of the old one is none of its business.
An old face that finds none is left out: its words wait.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from faced.faces.geometry import box_array, iou_matrix
from faced.model import Box, Floats, ImageKey

__all__ = ["MIN_OVERLAP", "NEAR", "SAME_FACE", "STRANGER", "SeenFace", "hand_over", "match_boxes"]

MIN_OVERLAP = 0.35
NEAR = 0.35
"""Euclidean, of one engine's embeddings: nearer is the same face."""
STRANGER = 0.6
"""dlib's own threshold: two faces farther apart are not one, though an edited picture has them in one place."""
SAME_FACE = 0.6
"""Old boxes that overlap so much are one face that was found twice: no detector leaves both in one go."""
DIGITS = 9

Matrix: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SeenFace:
    """A face: one of now, or one of which something was said.

    box: fractions of the upright picture (of the stored one only while all are of one image). engine: the key of
    the engine whose box it is; "" when that is not known. embedding: (128,) float32; None: not at hand.
    """

    image: ImageKey
    box: Box
    engine: str
    embedding: Floats | None = None


def hand_over(
    old: Sequence[SeenFace],
    new: Sequence[SeenFace],
    became: Mapping[ImageKey, Collection[ImageKey]] | None = None,
) -> list[tuple[int, int]]:
    """Pairs (row of old, row of new), sorted: the same face then and now.

    new: faces of one engine. became: the images that an old image has become where it was (cropped, turned,
    retouched). An old face has at most one new one in its own image, and one in each of those.

    The old faces of one image and engine go one to one, the best pair first. In their own image the largest
    overlap (IoU >= 0.35) is best, then the nearest embedding (< 0.35). In an edited picture a box is no proof,
    people may have changed places: there a near embedding comes before overlap, and one farther than 0.6
    forbids it. Ties go by content. Embeddings of two engines are never compared. Old boxes that overlap by
    0.6 are one face that was found twice, before and after the picture was turned: they go together.
    """
    news = _rows_by_image(new)
    pairs: list[tuple[int, int]] = []
    for rows in _found_together(old):
        image = old[rows[0]].image
        targets = {image, *(became or {}).get(image, ())}
        for target in sorted(targets & news.keys()):
            pairs += _match(old, rows, new, news[target], edited=target != image)
    return sorted(pairs)


def match_boxes(old: Sequence[Box], new: Sequence[Box]) -> list[tuple[int, int]]:
    """Pairs of rows: which faces of a picture are which, when it was encoded again. By overlap alone."""
    image = ImageKey("")
    return hand_over([SeenFace(image, box, "") for box in old], [SeenFace(image, box, "") for box in new])


def _rows_by_image(faces: Sequence[SeenFace]) -> dict[ImageKey, list[int]]:
    rows: dict[ImageKey, list[int]] = {}
    for row, face in enumerate(faces):
        rows.setdefault(face.image, []).append(row)
    return rows


def _found_together(faces: Sequence[SeenFace]) -> Iterator[list[int]]:
    """The rows of one image and engine."""
    rows: dict[tuple[ImageKey, str], list[int]] = {}
    for row, face in enumerate(faces):
        rows.setdefault((face.image, face.engine), []).append(row)
    yield from rows.values()


def _match(
    old: Sequence[SeenFace], rows: list[int], new: Sequence[SeenFace], columns: list[int], *, edited: bool
) -> list[tuple[int, int]]:
    """The pairs of these old and these new faces, which show one picture each."""
    here = {} if edited else {new[column].box: column for column in columns}
    taken = {row: here[old[row].box] for row in rows if old[row].box in here}
    if len(set(taken.values())) == len(rows):  # the usual case: nothing changed
        return list(taken.items())
    rows = sorted(rows, key=lambda row: old[row].box)
    columns = sorted(columns, key=lambda column: new[column].box)
    before, now = [old[row] for row in rows], [new[column] for column in columns]
    overlaps = iou_matrix(box_array([face.box for face in before]), box_array([face.box for face in now]))
    distances = _distances(before, now)
    ranks, costs = _rank_edited(overlaps, distances) if edited else _rank_same(overlaps, distances)
    matched = _take_best(ranks, costs)
    matched |= _follow_twins(before, matched, ranks)
    return [(rows[i], columns[j]) for i, j in matched.items()]


def _distances(before: list[SeenFace], now: list[SeenFace]) -> Matrix:
    """(n, m) Euclidean, NaN where two embeddings can't be compared."""
    distances = np.full((len(before), len(now)), np.nan)
    engine = before[0].engine
    theirs = [i for i, face in enumerate(before) if engine and face.embedding is not None]
    ours = [j for j, face in enumerate(now) if face.embedding is not None and face.engine == engine]
    if theirs and ours:
        a = np.array([before[i].embedding for i in theirs], dtype=np.float64)
        b = np.array([now[j].embedding for j in ours], dtype=np.float64)
        distances[np.ix_(theirs, ours)] = np.linalg.norm(a[:, None] - b[None, :], axis=-1)
    return distances


def _rank_same(overlaps: Matrix, distances: Matrix) -> tuple[NDArray[np.intp], Matrix]:
    """The rank of each pair, from 0, -1 for none, and its cost among pairs of the same rank."""
    over, near = overlaps >= MIN_OVERLAP, distances < NEAR
    ranks = np.select([over, near], [0, 1], -1)
    return ranks, np.where(ranks == 1, distances, -overlaps)


def _rank_edited(overlaps: Matrix, distances: Matrix) -> tuple[NDArray[np.intp], Matrix]:
    """As `_rank_same`."""
    over, near = overlaps >= MIN_OVERLAP, distances < NEAR
    ranks = np.select([over & near, near, over & ~(distances > STRANGER)], [0, 1, 2], -1)
    return ranks, np.where(ranks == 1, distances, -overlaps)


def _take_best(ranks: NDArray[np.intp], costs: Matrix) -> dict[int, int]:
    """One to one, the best pair first. Rows and columns are in content order, which breaks ties."""
    pairs = np.argwhere(ranks >= 0)
    order = np.lexsort(
        (
            pairs[:, 1],
            pairs[:, 0],
            np.round(costs[pairs[:, 0], pairs[:, 1]], DIGITS),
            ranks[pairs[:, 0], pairs[:, 1]],
        )
    )
    matched: dict[int, int] = {}
    taken: set[int] = set()
    for i, j in pairs[order].tolist():
        if i not in matched and j not in taken:
            matched[i] = j
            taken.add(j)
    return matched


def _follow_twins(before: list[SeenFace], matched: dict[int, int], ranks: NDArray[np.intp]) -> dict[int, int]:
    """Old faces left over whose box was taken up by another box of the same face."""
    left = [i for i in range(len(before)) if i not in matched]
    if not left or not matched:
        return {}
    leading = sorted(matched)
    boxes = box_array([face.box for face in before])
    overlaps = np.round(iou_matrix(boxes[left], boxes[leading]), DIGITS)
    follows: dict[int, int] = {}
    for i, row in zip(left, overlaps, strict=True):
        best = int(np.argmax(row))
        column = matched[leading[best]]
        if row[best] >= SAME_FACE and ranks[i, column] >= 0:
            follows[i] = column
    return follows
