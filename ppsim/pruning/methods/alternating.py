"""Axis after axis, each put into the best parts there are for its neighbours as they stand, until nothing improves.

Given the parts of its neighbours, the saliency an atom would have inside each part is known, and the best balanced
assignment of an axis is a transportation problem, which is solved exactly (`pruning/transport.py`). No step loses
saliency, so this ends; where it ends depends on where it starts, so it starts from several places, and goes on from
where it has got furthest after a few sweeps over all axes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ppsim.pruning.methods.contiguous import contiguous
from ppsim.pruning.methods.contract import Parts, Problem
from ppsim.pruning.methods.random import random
from ppsim.pruning.methods.spectral import spectral
from ppsim.pruning.transport import assign

#: shuffled starts beside the contiguous and the spectral one, and sweeps after which the best of them is known
RANDOM_STARTS, FIRST_SWEEPS = 2, 4
#: what a sweep must gain to be followed by another, as a share of all saliency: above what rounding alone can gain
LEAST_GAIN = 1e-6
MOST_SWEEPS = 200


def alternating(problem: Problem) -> tuple[Parts, ...]:
    """The best of several climbs; without couplings there is nothing to climb and parts are contiguous."""
    start = contiguous(problem)
    if not problem.couplings or problem.parts == 1:
        return start
    seeds = np.random.SeedSequence(problem.seed).generate_state(RANDOM_STARTS)
    shuffled = (random(Problem(problem.parts, problem.atoms, seed=int(seed))) for seed in seeds)
    begun = [climb(problem, begin, FIRST_SWEEPS) for begin in (start, spectral(problem), *shuffled)]
    return climb(problem, max(begun, key=problem.retained), MOST_SWEEPS)


def climb(problem: Problem, start: tuple[Parts, ...], sweeps: int) -> tuple[Parts, ...]:
    """From an assignment to one that no single axis can improve, or as far as some sweeps over all axes go."""
    assignment = list(start)
    prices: list[npt.NDArray[np.float64] | None] = [None] * len(start)
    total = sum(float(coupling.saliency.sum(dtype=np.float64)) for coupling in problem.couplings)
    saliencies = [coupling.saliency for coupling in problem.couplings]
    coupled = problem.coupled()
    bounds = {axis: problem.bounds(axis) for axis in coupled}
    for _ in range(sweeps):
        gained = 0.0
        for axis in coupled:
            scores = problem.sums(saliencies, assignment, axis)
            solved = assign(scores, *bounds[axis], prices[axis])
            step = [*assignment[:axis], solved.parts, *assignment[axis + 1 :]]
            gain = _gain(problem, assignment, step, axis, scores)
            prices[axis] = solved.prices
            if gain > 0:
                assignment = step
                gained += gain
        if gained <= LEAST_GAIN * total:
            break
    return tuple(assignment)


def _gain(
    problem: Problem, before: list[Parts], after: list[Parts], axis: int, scores: npt.NDArray[np.float64]
) -> float:
    """What the new parts of an axis retain beyond the old ones."""
    if any(coupling.rows == coupling.columns == axis for coupling in problem.couplings):
        # coupled with itself, an axis has scores that hold for one atom that moves, not for many
        return problem.retained(after) - problem.retained(before)
    every = np.arange(len(scores))
    return float((scores[every, after[axis]] - scores[every, before[axis]]).sum())
