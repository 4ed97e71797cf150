"""`cap`: pruning with compensation and its binary structural search (Xie et al., arXiv 2108.13728).

The knob is the tolerance that all layers share; the search is driven by the task's price instead of by FLOPs.
"""

from __future__ import annotations

from dataclasses import dataclass

from ppsim.explore.methods_compared.contract import Needs, Reached, Task, UnreachableError
from ppsim.explore.methods_compared.wording import widths_in_words
from ppsim.pruning.channel_pruning import prune_channels
from ppsim.pruning.narrowing import narrowed, shared_widths
from ppsim.pruning.structural_search import structural_search


@dataclass(frozen=True)
class Cap:
    """Widths by `structural_search`, channels by `compensation`."""

    needs: Needs = "inputs"

    def __call__(self, task: Task) -> Reached:
        """The widths of the least tolerance within the budget."""
        narrowest = {one.first: one.layers[one.first] // one.steps for one in shared_widths(task.graph)}
        least = task.price(narrowed(task.graph, narrowest))
        if least > task.budget:
            raise UnreachableError(least)
        found = structural_search(task.trained, task.calibration, task.budget, task.price)
        model = prune_channels(task.trained, found.widths, "compensation", task.calibration, seed=task.seed)
        return Reached(model.graph, widths_in_words(task.graph, found.widths), model)
