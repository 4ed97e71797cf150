"""Every combination; the last axis changes fastest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod

from ppsim.errors import InputError
from ppsim.explore.sweep.axes import Axis
from ppsim.explore.sweep.sampling.contract import MOST_POINTS, Choices, Sampling


def grid(axes: Sequence[Axis], sampling: Sampling) -> Iterator[Choices]:
    """All combinations of choices."""
    if sampling.points is not None or sampling.seed is not None:
        raise InputError("sampling: a grid has every combination; points and seed go with random and sobol")
    for axis in axes:
        if not axis.choices:
            raise InputError(f"axes: {', '.join(axis.paths)}: a grid needs points or step in a range")
    count = prod(len(axis.choices) for axis in axes)
    if count > MOST_POINTS:
        raise InputError(f"axes: the grid has {count:,} points; up to {MOST_POINTS:,}: sample it, or shorten an axis")
    return product(*(axis.choices for axis in axes))
