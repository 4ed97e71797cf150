"""`cacp`: rates of all layers for any target at once (conditional automated channel pruning, arXiv 2009.09724).

The paper trains an agent; here rates come from staircases of losses and prices (`ppsim.pruning.rates`). Prices of
layers do not add up exactly, so the choices of the sweep are simulated, and the first within the budget is taken.
Channels are chosen, and what reads them is fitted, as `cap` does it: the two differ in how widths are found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ppsim.explore.methods_compared.contract import Needs, Reached, Task, furthest
from ppsim.explore.methods_compared.wording import widths_in_words
from ppsim.pruning.channel_pruning import LossCurve, loss_curves, prune_channels
from ppsim.pruning.narrowing import narrowed
from ppsim.pruning.rates import choices, staircases
from ppsim.workload.graph import LayerGraph

#: widths of a layer that are priced, evenly from the smallest to the whole one
WIDTHS = 32


@dataclass(frozen=True)
class Cacp:
    """Widths from the sweep over staircases, channels by `compensation`."""

    needs: Needs = "inputs"

    def __call__(self, task: Task) -> Reached:
        """The first choice of the sweep within the budget."""
        curves = [_thinned(curve) for curve in loss_curves(task.trained, task.calibration)]
        found = choices(staircases(task.graph, curves, task.price))[::-1]

        def net_at(setting: int) -> LayerGraph:
            return narrowed(task.graph, found[setting].widths)

        widths = found[furthest(task, len(found), net_at)].widths
        model = prune_channels(task.trained, widths, "compensation", task.calibration, seed=task.seed)
        return Reached(model.graph, widths_in_words(task.graph, widths), model)


def _thinned(curve: LossCurve) -> LossCurve:
    at = np.unique(np.linspace(0, len(curve.widths) - 1, WIDTHS).round().astype(int)).tolist()
    return LossCurve(curve.layer, tuple(curve.widths[i] for i in at), tuple(curve.losses[i] for i in at))
