"""Channels at random: what any other choice has to beat."""

from __future__ import annotations

import numpy as np

from ppsim.pruning.channels.contract import Kept, Problem


def random(problem: Problem) -> Kept:
    """The seed's choice."""
    return np.sort(np.random.default_rng(problem.seed).permutation(problem.atoms)[: problem.wanted])
