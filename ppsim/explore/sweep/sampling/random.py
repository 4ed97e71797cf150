"""Points drawn at random, each axis by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ppsim.explore.sweep.axes import Axis
from ppsim.explore.sweep.sampling.contract import Choices, Sampling

_AT_A_TIME = 256


def random(axes: Sequence[Axis], sampling: Sampling) -> Iterator[Choices]:
    """Draws without end; with the same seed the same ones."""
    generator = np.random.default_rng(sampling.seed or 0)
    while True:
        for shares in generator.random((_AT_A_TIME, len(axes))).tolist():
            yield tuple(axis.at(share) for axis, share in zip(axes, shares, strict=True))
