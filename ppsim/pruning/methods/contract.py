"""What a method of assigning units to parts is given and gives back.

A method sees no layers, only axes: atoms that go to one of P parts each, and couplings between axes. A coupling is a
layer: the saliency of its weights between the atoms of its output axis and those of its input axis. Weights whose two
atoms are in one part are kept, so a good assignment has as much saliency as it can inside the parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ppsim.pruning.saliency import Saliency
from ppsim.pruning.transport import balanced_bounds

#: the part of each atom of an axis, (atoms,)
Parts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Coupling:
    """Saliency between two axes: `saliency[i, j]` >= 0 of atom i of axis `rows` with atom j of axis `columns`."""

    rows: int
    columns: int
    saliency: Saliency


class Judge(Protocol):
    """How far an assignment takes the network's outputs away from the unpruned network's."""

    def __call__(self, assignment: Sequence[Parts], /) -> tuple[float, list[Saliency]]:
        """The distance, and for each coupling of the problem its derivative by the presence of the weights between two
        atoms, (atoms of rows, atoms of columns).
        """
        ...


@dataclass(frozen=True)
class Problem:
    """`atoms[a]` atoms of each axis a to be put into `parts` parts, of sizes that differ as far as `slack` allows.

    Without weights there are no couplings, without calibration inputs no judge. `seed` starts whatever is random.
    """

    parts: int
    atoms: tuple[int, ...]
    couplings: tuple[Coupling, ...] = ()
    slack: float = 0.0
    seed: int = 0
    make_judge: Callable[[], Judge] | None = None

    def bounds(self, axis: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Fewest and most atoms of each part of an axis."""
        return balanced_bounds(self.atoms[axis], self.parts, self.slack)

    def coupled(self) -> list[int]:
        """The axes that any coupling is about."""
        return sorted({axis for coupling in self.couplings for axis in (coupling.rows, coupling.columns)})

    def sums(self, values: Sequence[Saliency], assignment: Sequence[Parts], axis: int) -> npt.NDArray[np.float64]:
        """What each atom of an axis has of `values` with the atoms of each part of its neighbours: (atoms, parts).

        `values` are (atoms of rows, atoms of columns) for each coupling.
        """
        found = np.zeros((self.atoms[axis], self.parts))
        for coupling, value in zip(self.couplings, values, strict=True):
            if coupling.rows == axis:
                found += by_part(value, assignment[coupling.columns], self.parts)
            if coupling.columns == axis:
                found += by_part(value.T, assignment[coupling.rows], self.parts)
        return found

    def retained(self, assignment: Sequence[Parts]) -> float:
        """Saliency inside the parts."""
        total = 0.0
        for coupling in self.couplings:
            rows, columns = assignment[coupling.rows], assignment[coupling.columns]
            inside = by_part(coupling.saliency, columns, self.parts)
            total += float(inside[np.arange(len(rows)), rows].sum())
        return total


class Method(Protocol):
    """A way to assign the atoms of all axes to parts; a new one is one file and one line in `METHODS`."""

    def __call__(self, problem: Problem, /) -> tuple[Parts, ...]:
        """The part of each atom of each axis, within the problem's bounds; the same problem gives the same parts."""
        ...


def by_part(saliency: Saliency, parts: Parts, count: int) -> npt.NDArray[np.float64]:
    """(rows, columns) summed over the columns of each part: (rows, count)."""
    members = np.zeros((len(parts), count), dtype=saliency.dtype)
    members[np.arange(len(parts)), parts] = 1
    return np.asarray(saliency @ members, dtype=np.float64)
