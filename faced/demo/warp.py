"""Bending a picture: a smooth map through given points, drawn as a mesh.

Pure geometry: knows nothing of faces. The map is a thin-plate spline; its results are rounded to 1/64 px,
so that the last bits of the arithmetic never reach a picture.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["Points", "bend", "spline"]

Points = NDArray[np.float64]
STEP = 18
"""px between the corners of the mesh."""


def spline(origin: Points, target: Points) -> Callable[[Points], Points]:
    """The smoothest map that takes each of `origin` to its `target`, both (n, 2)."""
    n = len(origin)
    system = np.zeros((n + 3, n + 3))
    system[:n, :n] = _kernel(origin, origin) + 0.5 * np.eye(n)
    system[:n, n:] = np.column_stack([np.ones(n), origin])
    system[n:, :n] = system[:n, n:].T
    weights = _solved(system, np.vstack([target, np.zeros((3, 2))]))

    def mapped(points: Points) -> Points:
        terms = np.column_stack([_kernel(points, origin), np.ones(len(points)), points])
        moved = np.einsum("pc,cd->pd", terms, weights)
        return np.asarray(np.round(moved * 64) / 64)

    return mapped


def bend(picture: Image.Image, size: tuple[int, int], source: Callable[[Points], Points]) -> Image.Image:
    """The picture drawn on `size` px, each point taken from where `source` says; outside is transparent."""
    xs = [*range(0, size[0], STEP), size[0]]
    ys = [*range(0, size[1], STEP), size[1]]
    corners = np.stack(np.meshgrid(xs, ys), axis=-1).astype(np.float64)
    places = source(corners.reshape(-1, 2)).reshape(corners.shape)
    seen = _is_painted(places, picture)
    mesh = []
    for row, column in zip(*np.nonzero(seen), strict=True):
        box = (xs[column], ys[row], xs[column + 1], ys[row + 1])
        quad = places[(row, row + 1, row + 1, row), (column, column, column + 1, column + 1)]
        mesh.append((box, tuple(quad.ravel().tolist())))
    return picture.transform(size, Image.Transform.MESH, mesh, Image.Resampling.BICUBIC)


def _is_painted(places: Points, picture: Image.Image) -> NDArray[np.bool_]:
    """Which cells of the mesh show anything of the picture that is not transparent."""
    opaque = np.asarray(picture.getchannel("A")) > 0
    sums = np.pad(opaque.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    corners = np.stack([places[:-1, :-1], places[1:, :-1], places[1:, 1:], places[:-1, 1:]])
    limits = np.array(picture.size)
    left, top = np.moveaxis(np.clip(np.floor(corners.min(axis=0)) - 2, 0, limits).astype(int), -1, 0)
    right, bottom = np.moveaxis(np.clip(np.ceil(corners.max(axis=0)) + 2, 0, limits).astype(int), -1, 0)
    shown = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return np.asarray(shown > 0)


def _solved(system: Points, right: Points) -> Points:
    """Gauss-Jordan with pivots. BLAS would start threads for a system this small, and their waiting costs
    more than all the rest; and its last bits differ from machine to machine."""
    rows = np.hstack([system, right])
    for k in range(len(system)):
        pivot = k + int(np.abs(rows[k:, k]).argmax())
        rows[[k, pivot]] = rows[[pivot, k]]
        rows[k] /= rows[k, k]
        others = rows[:, k].copy()
        others[k] = 0
        rows -= others[:, None] * rows[k]
    return rows[:, len(system) :]


def _kernel(points: Points, centres: Points) -> Points:
    squared = ((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=-1)
    return np.asarray(0.5 * squared * np.log(np.maximum(squared, 1e-12)))
