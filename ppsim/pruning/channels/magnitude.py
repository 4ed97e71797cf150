"""Channels whose filters have the largest sums of absolute weights (Li et al., arXiv 1608.08710).

He et al. (arXiv 1707.06168) compare with it as "max response". It sees no inputs.
"""

from __future__ import annotations

from ppsim.pruning.channels.contract import Kept, Problem, largest


def magnitude(problem: Problem) -> Kept:
    """The largest filters."""
    return largest(problem.filters, problem.wanted)
