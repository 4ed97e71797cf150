"""`codesign`: parts, kept blocks, widths and ranks chosen together (`ppsim.codesign`).

It is driven by simulated latency, so it has no row at equal multiply-accumulates.
"""

from __future__ import annotations

from dataclasses import dataclass

from ppsim.errors import InputError
from ppsim.explore.codesign.codesign import codesign
from ppsim.explore.methods_compared.contract import Needs, Reached, Task
from ppsim.pruning.cost_model import macs_cost


@dataclass(frozen=True)
class CoDesign:
    """The best design within the task's latency; a fit and a choice of its own, where there are inputs."""

    needs: Needs = "weights"

    def __call__(self, task: Task) -> Reached:
        """The design that loses least within the budget."""
        if task.price is macs_cost:
            raise InputError("is driven by latency: give a latency as the target")
        found = codesign(
            task.trained,
            task.system,
            target_latency=task.budget,
            layers=task.layers,
            calibration=task.inputs,
            rivals=False,
            seed=task.seed,
        )
        return Reached(found.net, "as chosen", found.model)
