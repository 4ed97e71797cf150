"""Channel after channel goes that costs least once the others have made up for it.

Xie et al. ("Pruning with Compensation", arXiv 2108.13728) choose channels by what is lost after the least squares that
follow, instead of by what they contribute before. How they score them was not at hand, only the abstract; here the
score is that loss itself. With H the Hessian of the loss and V the best weights for the channels that are left, taking
channel i away costs tr(V_i' (H^-1)_ii^-1 V_i), and changes V and H^-1 by a closed form, as for single weights in the
optimal brain surgeon (Hassibi and Stork, NIPS 1992). It is greedy: what is gone does not come back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ppsim.pruning.channels.contract import Kept, Matrix, Problem, Reading


def compensation(problem: Problem) -> Kept:
    """What is left after the cheapest have gone, one after another."""
    return eliminated(problem, problem.wanted).kept


@dataclass(frozen=True, eq=False)
class Elimination:
    """Atoms that are `kept` at last, those that are `gone` in the order in which they went, and what is lost then.

    `losses[i]`, a share, is with i more atoms than are kept; losses never grow with the number of atoms.
    """

    kept: Kept
    gone: tuple[int, ...]
    losses: tuple[float, ...]


def eliminated(problem: Problem, fewest: int = 1) -> Elimination:
    """Atoms go until the fewest are left; of several that cost the same, the first."""
    states = [_State.of(reading, problem.atoms) for reading in problem.readings]
    left = list(range(problem.atoms))
    gone, losses = [], [sum(reading.least * reading.scale for reading in problem.readings)]
    while len(left) > fewest:
        costs = np.sum([state.costs() for state in states], axis=0)
        at = int(costs.argmin())
        losses.append(losses[-1] + float(costs[at]))
        for state in states:
            state.remove(at)
        gone.append(left.pop(at))
    shares = tuple(loss / len(states) for loss in reversed(losses))
    return Elimination(np.array(left, dtype=np.int64), tuple(gone), shares)


@dataclass
class _State:
    """A reading of the atoms that are left: `inverse` of its Hessian, `best` weights, with `each` columns an atom."""

    inverse: Matrix
    best: Matrix
    each: int
    scale: float

    @classmethod
    def of(cls, reading: Reading, atoms: int) -> _State:
        """All atoms are left."""
        inverse = np.asarray(np.linalg.inv(reading.hessian), dtype=np.float64)
        return cls(inverse, reading.best, len(reading.best) // atoms, reading.scale)

    def costs(self) -> Matrix:
        """What the loss grows by without each atom, (atoms,)."""
        atoms, each = len(self.best) // self.each, self.each
        every = np.arange(atoms)
        best = self.best.reshape(atoms, each, -1)
        if each == 1:  # many small systems take long, and these need none
            costs = np.einsum("aio,aio->a", best, best) / np.diag(self.inverse) * self.scale
        else:
            own = self.inverse.reshape(atoms, each, atoms, each)[every, :, every]
            costs = np.einsum("aio,aio->a", best, np.linalg.solve(own, best)) * self.scale
        # rounding alone makes a cost negative
        return np.asarray(np.maximum(costs, 0.0), dtype=np.float64)

    def remove(self, atom: int) -> None:
        """Take an atom away and let the others make up for it."""
        gone = slice(atom * self.each, (atom + 1) * self.each)
        taken_over = np.linalg.solve(self.inverse[gone, gone], self.inverse[gone]).T
        stay = np.delete(np.arange(len(self.best)), gone)
        self.best = self.best[stay] - taken_over[stay] @ self.best[gone]
        self.inverse = self.inverse[np.ix_(stay, stay)] - taken_over[stay] @ self.inverse[gone][:, stay]
