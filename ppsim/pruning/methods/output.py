"""Swaps that bring what the pruned network computes nearer to what the unpruned one does.

How much weight is kept says little about what a network still computes: contributions that are cut away can cancel, or
add up. Here a judge runs the network on calibration inputs and tells how far its outputs point away from those of the
unpruned one, and the derivative of that by every weight's presence. Atoms of one axis then trade places, the most
promising pairs first, and the trade stands if the judge agrees. Sizes stay as they are.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ppsim.errors import InputError
from ppsim.pruning.methods.alternating import alternating
from ppsim.pruning.methods.contract import Judge, Parts, Problem
from ppsim.pruning.methods.random import random

#: pairs of atoms that trade places at once, to begin with and at most, and rounds over all axes
FIRST_PAIRS, MOST_PAIRS, MOST_ROUNDS = 32, 64, 40


def output(problem: Problem) -> tuple[Parts, ...]:
    """Swaps from where `alternating` ends and from parts drawn at random, whichever the judge likes better.

    Raises InputError without a judge, that is, without a model and calibration inputs.
    """
    if problem.make_judge is None:
        raise InputError('method "output" runs the network on calibration inputs; give a model and calibration=...')
    if not problem.couplings:  # nothing is cut on both sides
        return alternating(problem)
    judge = problem.make_judge()
    # into many parts much saliency is the better start; into few, what is cut cancels better where it is drawn blindly
    found = [_improved(problem, judge, start) for start in (alternating(problem), random(problem))]
    return min(found, key=lambda end: end[0])[1]


def _improved(problem: Problem, judge: Judge, start: tuple[Parts, ...]) -> tuple[float, tuple[Parts, ...]]:
    """The distance and the assignment where swaps no longer help, or after `MOST_ROUNDS`."""
    assignment = list(start)
    distance, derivatives = judge(assignment)
    coupled = problem.coupled()
    pairs = dict.fromkeys(coupled, FIRST_PAIRS)
    for _ in range(MOST_ROUNDS):
        for axis in coupled:
            costs = problem.sums(derivatives, assignment, axis)
            swapped, count = _swapped(assignment[axis], costs, pairs[axis])
            if not count:
                pairs[axis] = 0
                continue
            trial = [*assignment[:axis], swapped, *assignment[axis + 1 :]]
            reached, slopes = judge(trial)
            if reached < distance:
                assignment, distance, derivatives = trial, reached, slopes
                if count == pairs[axis]:
                    pairs[axis] = min(2 * pairs[axis], MOST_PAIRS)
            else:
                pairs[axis] = count // 2
        if not any(pairs.values()):
            break
    return distance, tuple(assignment)


def _swapped(parts: Parts, costs: npt.NDArray[np.float64], most: int) -> tuple[Parts, int]:
    """Parts after the best disjoint swaps of two atoms each, up to `most`, and how many there were."""
    count = costs.shape[1]
    change = costs - costs[np.arange(len(parts)), parts][:, None]
    best: list[tuple[float, int, int]] = []
    members = [np.flatnonzero(parts == p) for p in range(count)]
    for p in range(count):
        for q in range(p + 1, count):
            there = members[p][np.argsort(change[members[p], q], kind="stable")][:most]
            back = members[q][np.argsort(change[members[q], p], kind="stable")][:most]
            gains = change[there[: len(back)], q] + change[back[: len(there)], p]
            best += [(float(gain), int(i), int(j)) for gain, i, j in zip(gains, there, back, strict=False) if gain < 0]
    found, used = parts.copy(), set[int]()
    for _, i, j in sorted(best):
        if len(used) >= 2 * most:
            break
        if i not in used and j not in used:
            found[i], found[j] = found[j], found[i]
            used |= {i, j}
    return found, len(used) // 2
