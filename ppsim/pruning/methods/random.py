"""Balanced parts drawn at random: what a method that looks at weights has to beat."""

from __future__ import annotations

import numpy as np

from ppsim.pruning.methods.contiguous import contiguous
from ppsim.pruning.methods.contract import Parts, Problem


def random(problem: Problem) -> tuple[Parts, ...]:
    """Contiguous parts, with the atoms of each axis shuffled."""
    draw = np.random.default_rng(problem.seed)
    return tuple(draw.permutation(parts) for parts in contiguous(problem))
