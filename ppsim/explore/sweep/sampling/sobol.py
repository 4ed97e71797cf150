"""Points of a scrambled Sobol sequence: they fill the space of all axes more evenly than random ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ppsim.explore.sweep.axes import Axis
from ppsim.explore.sweep.sampling.contract import Choices, Sampling

#: points to begin with, and of the whole sequence; powers of 2, which keep it balanced
_FIRST, _ALL = 64, 2**20


def sobol(axes: Sequence[Axis], sampling: Sampling) -> Iterator[Choices]:
    """The sequence, in its own order; with the same seed the same one."""
    from scipy.stats import qmc

    sequence = qmc.Sobol(len(axes), scramble=True, rng=sampling.seed or 0)
    while sequence.num_generated < _ALL:
        for shares in sequence.random(sequence.num_generated or _FIRST).tolist():
            yield tuple(axis.at(share) for axis, share in zip(axes, shares, strict=True))
