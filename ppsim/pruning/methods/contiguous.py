"""The plainest assignment: the first atoms to the first part, and so on. An honest baseline that needs no weights."""

from __future__ import annotations

import numpy as np

from ppsim.pruning.methods.contract import Parts, Problem
from ppsim.workload.partitioned import split_evenly


def contiguous(problem: Problem) -> tuple[Parts, ...]:
    """Parts as equal as they can be."""
    return tuple(np.repeat(np.arange(problem.parts), split_evenly(count, problem.parts)) for count in problem.atoms)
