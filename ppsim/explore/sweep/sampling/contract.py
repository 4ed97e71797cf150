"""What a sampling is: which points of the axes a sweep has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le

from ppsim.explore.sweep.axes import Axis, Scalar
from ppsim.specification import Specification

#: points of a sweep
MOST_POINTS = 1_000_000
#: a choice for each axis
Choices = tuple[tuple[Scalar, ...], ...]


@dataclass(frozen=True)
class Sampling(Specification):
    """`method` names a sampling; `points` is how many different ones it takes, `seed` starts what is random.

    A grid takes every combination, and neither points nor seed.
    """

    method: str = "grid"
    points: Annotated[int, Ge(1), Le(MOST_POINTS)] | None = None
    seed: Annotated[int, Ge(0)] | None = None


#: candidates for points, in order, for as long as there are any; raises InputError for axes it cannot sample
Sampler = Callable[[Sequence[Axis], Sampling], Iterator[Choices]]
