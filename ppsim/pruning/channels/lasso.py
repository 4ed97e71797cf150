"""Channels that a LASSO leaves (He et al., "Channel Pruning for Accelerating Very Deep Neural Networks", 1707.06168).

Every channel's contribution to the outputs of the layer that reads it, with the weights it has, gets one factor, and a
penalty on the sizes of the factors leaves some of them at zero: the more, the larger it is. Then the weights are fitted
by least squares. He et al. let the penalty grow until no more than wanted are left, and sample some hundred places.
Here it falls from where nothing is left, along all solutions there are, until so many are left as are wanted (the least
angle regression of Efron et al., math/0406456, with its change for the LASSO); and all rows count, since of the
contributions only their products are needed, which the Gram matrix of the inputs gives. Contributions are not brought
to one size first, as in the authors' code.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ppsim.pruning.channels.contract import Kept, Matrix, Problem, largest

#: added to the diagonal of the products, as a share of its largest number: equal contributions can be told apart
JITTER = 1e-9
#: steps of the path for each channel, after which it ends; degenerate problems alone take so many
MOST_STEPS = 8


def lasso(problem: Problem) -> Kept:
    """The first that are left as the penalty falls; should they be too few, the largest contributions of the others."""
    products, wants = _contributions(problem)
    factors = np.zeros(problem.atoms)
    for _, factors in path(products, wants):
        if np.count_nonzero(factors) >= problem.wanted:
            break
    return largest(np.where(factors != 0, np.inf, np.diag(products)), problem.wanted)


def _contributions(problem: Problem) -> tuple[Matrix, Matrix]:
    """Products of the contributions with each other, (atoms, atoms), and with what they are to make, (atoms,)."""
    products, wants = np.zeros((problem.atoms, problem.atoms)), np.zeros(problem.atoms)
    for reading in problem.readings:
        each = len(reading.best) // problem.atoms
        full = reading.hessian * (reading.weights @ reading.weights.T)
        products += full.reshape(problem.atoms, each, problem.atoms, each).sum(axis=(1, 3)) * reading.scale
        target = reading.weights * (reading.hessian @ reading.best)
        wants += target.reshape(problem.atoms, -1).sum(axis=1) * reading.scale
    return products, wants


def path(products: Matrix, wants: Matrix) -> Iterator[tuple[float, Matrix]]:
    """(penalty, factors) wherever a factor begins or ends to be zero, as the penalty falls from where all are to zero.

    The factors f make f' products f / 2 - wants' f + penalty |f| least, but for `JITTER`. `products` is (n, n) and
    positive semidefinite. Factors without a contribution stay zero.
    """
    usable = np.diag(products) > 0
    if not (usable & (wants != 0)).any():
        return
    products = products + JITTER * np.diag(products).max() * np.eye(len(products))
    factors, pull = np.zeros(len(wants)), np.where(usable, wants, 0.0)
    active = [int(np.abs(pull).argmax())]
    penalty, gone = float(np.abs(pull).max()), -1
    for _ in range(MOST_STEPS * len(wants)):
        direction = np.linalg.solve(products[np.ix_(active, active)], np.sign(pull[active]))
        slope = products[:, active] @ direction
        above, below = usable.copy(), usable.copy()
        above[active] = below[active] = False
        if gone >= 0:  # it stands where it left, and may come back on the other side alone
            (above if pull[gone] > 0 else below)[gone] = False
        enter = _first(penalty - pull, 1 - slope, above), _first(penalty + pull, 1 + slope, below)
        moving = np.zeros(len(wants))
        moving[active] = direction
        leave = _first(np.abs(factors), np.abs(moving), (factors * moving) < 0)
        step, at = min(*enter, leave, (penalty, -1))
        factors = factors + step * moving
        penalty, gone = penalty - step, -1
        if at in active:
            factors[at] = 0.0
            active.remove(at)
            gone = at
        pull = np.where(usable, wants - products @ factors, 0.0)
        yield penalty, factors.copy()
        if at < 0 or not active:
            return
        if gone < 0:
            active.append(at)


def _first(room: Matrix, speed: Matrix, among: npt.NDArray[np.bool_]) -> tuple[float, int]:
    """How far it is until the first of some has used up its room, and which it is; (inf, -1) if none ever does."""
    ahead = among & (speed > 0)
    if not ahead.any():
        return np.inf, -1
    steps = np.full(len(room), np.inf)
    # rounding alone makes room negative
    steps[ahead] = np.maximum(room[ahead], 0.0) / speed[ahead]
    at = int(steps.argmin())
    return float(steps[at]), at
