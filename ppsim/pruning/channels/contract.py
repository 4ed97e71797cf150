"""What a selection of channels is given and gives back.

A selection sees no network, only atoms (channels, neurons, heads, or what else goes together), of which so many are to
stay, and the layers that read them. How far such a layer's outputs are from the unpruned network's is a quadratic
function of its weights: the squares of what its outputs lack on calibration inputs, about their means where it has a
bias, and a ridge that keeps weights near where they were. The loss of atoms that stay is that of the best weights for
them, as a share of the squares of what the outputs should be; several layers that read the same atoms are averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
#: atoms that stay, in ascending order
Kept = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Reading:
    """A layer that reads the atoms: weights V, (columns, outputs), lose tr((V - best)' hessian (V - best)) + least.

    Each atom has as many columns, next to each other. `hessian` is (columns, columns) and positive definite, `weights`
    are those the layer has, `power` the squares of what its outputs should be. Columns of its weights that read no atom
    of this problem are fitted along.
    """

    hessian: Matrix
    best: Matrix
    weights: Matrix
    least: float
    power: float

    @property
    def scale(self) -> float:
        """What makes losses of layers comparable."""
        return 1 / self.power if self.power > 0 else 1.0


@dataclass(frozen=True, eq=False)
class Problem:
    """`wanted` of `atoms` atoms are to stay; `filters` (atoms,) sums up the sizes of the weights that make each of
    them, and `seed` starts whatever is random. Who reads them is found out when it is asked for, from inputs.
    """

    atoms: int
    wanted: int
    filters: Matrix
    make_readings: Callable[[], tuple[Reading, ...]]
    seed: int = 0

    @cached_property
    def readings(self) -> tuple[Reading, ...]:
        """The layers that read the atoms."""
        return self.make_readings()

    def loss(self, kept: Sequence[int] | Kept) -> float:
        """What is lost with the best weights for atoms that stay, as a share; about 1 without any."""
        total = 0.0
        for reading in self.readings:
            gone = np.ones((self.atoms, len(reading.best) // self.atoms), dtype=bool)
            gone[np.asarray(kept, dtype=np.int64)] = False
            out, stay = np.flatnonzero(gone), np.flatnonzero(~gone)
            across = reading.hessian[np.ix_(stay, out)]
            rest = reading.hessian[np.ix_(out, out)]
            rest = rest - across.T @ np.linalg.solve(reading.hessian[np.ix_(stay, stay)], across)
            missed = reading.best[out]
            total += (reading.least + float((missed * (rest @ missed)).sum())) * reading.scale
        return total / len(self.readings)


class Selection(Protocol):
    """A way to choose the atoms that stay; a new one is one file and one line in `SELECTIONS`."""

    def __call__(self, problem: Problem, /) -> Kept:
        """`wanted` atoms in ascending order; the same problem gives the same."""
        ...


def largest(scores: Matrix, wanted: int) -> Kept:
    """The atoms with the largest scores, the first of equal ones, in ascending order."""
    return np.sort(np.argsort(-scores, kind="stable")[:wanted])
