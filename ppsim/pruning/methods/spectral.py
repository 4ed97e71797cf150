"""A start for climbs: atoms that are coupled alike lie close to each other in the leading singular vectors.

As in spectral clustering of both sides of a matrix at once (Dhillon, KDD 2001): each coupling is divided by the square
roots of its rows' and columns' sums, the leading subspace of all couplings together is found by subspace iteration, and
the atoms' places in it are gathered around one centre a part, with balanced sizes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ppsim.pruning.methods.contract import Parts, Problem
from ppsim.pruning.saliency import Saliency
from ppsim.pruning.transport import assign

#: dimensions for each part and at most, rounds of subspace iteration, and rounds of moving centres
DIMENSIONS, MOST_DIMENSIONS, ITERATIONS, ROUNDS = 2, 64, 12, 8
Places = list[npt.NDArray[np.float64]]


def spectral(problem: Problem) -> tuple[Parts, ...]:
    """Balanced parts of atoms with similar neighbours; needs couplings."""
    draw = np.random.default_rng(problem.seed)
    places = _places(problem, draw)
    centres = _spread(np.concatenate(places), problem.parts, draw)
    parts: list[Parts] = []
    for _ in range(ROUNDS):
        parts = [assign(place @ centres.T, *problem.bounds(axis)).parts for axis, place in enumerate(places)]
        inside = np.eye(problem.parts)[np.concatenate(parts)]
        centres = _unit(inside.T @ np.concatenate(places))
    return tuple(parts)


def _places(problem: Problem, draw: np.random.Generator) -> Places:
    """The direction of each atom of each axis in the leading subspace, (atoms, dimensions)."""
    dimensions = min(DIMENSIONS * problem.parts, MOST_DIMENSIONS, *problem.atoms)
    couplings = [(c.rows, c.columns, _normalised(c.saliency)) for c in problem.couplings]
    bounds = np.cumsum([0, *problem.atoms])
    basis = draw.standard_normal((bounds[-1], dimensions)).astype(np.float32)
    for _ in range(ITERATIONS):
        before = np.split(np.linalg.qr(basis)[0], bounds[1:-1])
        # half of what was there keeps both signs of a singular value from taking turns
        after = [0.5 * place for place in before]
        for rows, columns, matrix in couplings:
            after[rows] = after[rows] + matrix @ before[columns]
            after[columns] = after[columns] + matrix.T @ before[rows]
        basis = np.concatenate(after)
    return [_unit(place.astype(np.float64)) for place in np.split(np.linalg.qr(basis)[0], bounds[1:-1])]


def _normalised(saliency: Saliency) -> npt.NDArray[np.float32]:
    tiny = np.finfo(np.float32).tiny
    rows, columns = (np.maximum(saliency.sum(axis=axis, dtype=np.float64), tiny) ** -0.5 for axis in (1, 0))
    return np.asarray(saliency * rows[:, None] * columns, dtype=np.float32)


def _unit(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(float).tiny))


def _spread(places: npt.NDArray[np.float64], count: int, draw: np.random.Generator) -> npt.NDArray[np.float64]:
    """`count` of the places, each as far from those before it as there is one."""
    chosen = [places[draw.integers(len(places))]]
    nearest = places @ chosen[0]
    while len(chosen) < count:
        chosen.append(places[int(nearest.argmin())])
        nearest = np.maximum(nearest, places @ chosen[-1])
    return np.stack(chosen)
