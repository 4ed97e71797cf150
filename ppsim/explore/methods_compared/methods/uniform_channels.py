"""`channels-magnitude` and `lasso`: whole channels (or neurons) go, the same share of every width.

`channels-magnitude` keeps those whose filters have the largest sums of absolute weights (Li et al., arXiv 1608.08710).
`lasso` chooses by what the layers that read them make of inputs (He et al., arXiv 1707.06168). Both papers give layers
shares of their own, by hand; here the knob is one share for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ppsim.analysis.quantities import percent
from ppsim.explore.methods_compared.contract import Needs, Reached, Task, furthest
from ppsim.explore.methods_compared.left import share_left
from ppsim.pruning.channel_pruning import prune_channels
from ppsim.pruning.channels.contract import largest
from ppsim.pruning.narrowing import SharedWidth, narrowed, narrowed_model, shared_widths
from ppsim.workload.graph import LayerGraph
from ppsim.workload.model import Model

STEPS = 512


@dataclass(frozen=True)
class UniformChannels:
    """One share of all widths; `selection` chooses what stays, one of `ppsim.pruning.channels.SELECTIONS`."""

    selection: str
    needs: Needs

    def __call__(self, task: Task) -> Reached:
        """The largest share within the budget."""

        def net_at(setting: int) -> LayerGraph:
            return narrowed(task.graph, _widths(task.graph, setting))

        at = furthest(task, STEPS, net_at)
        widths, setting = _widths(task.graph, at), f"{percent((at + 1) / STEPS)} of channels"
        if task.model is None:
            return Reached(net_at(at), setting)
        if task.inputs is not None:
            kept = share_left(task.model, _largest(task.model, widths)) if self.selection == "magnitude" else None
            model = prune_channels(task.model, widths, self.selection, task.inputs, seed=task.seed)
            return Reached(model.graph, setting, model, kept)
        model = _largest(task.model, widths)
        return Reached(model.graph, setting, model, share_left(task.model, model))


def _widths(graph: LayerGraph, setting: int) -> dict[str, int]:
    """(setting + 1) / STEPS of each width, rounded to what can go together, and at least one of these."""
    share = (setting + 1) / STEPS
    return {one.first: max(1, round(share * one.steps)) * _each(one) for one in shared_widths(graph)}


def _each(shared: SharedWidth) -> int:
    return shared.layers[shared.first] // shared.steps


def _largest(model: Model, widths: Mapping[str, int]) -> Model:
    """The model with the units of the largest filters, as the selection `magnitude` has them, and nothing fitted."""
    kept = {}
    for one in shared_widths(model.graph):
        filters = np.zeros(one.steps)
        for name in one.layers:
            filters += np.abs(model.weight(name), dtype=np.float64).reshape(one.steps, -1).sum(axis=1)
        each = _each(one)
        atoms = largest(filters, widths[one.first] // each)
        kept[one.first] = (atoms[:, None] * each + np.arange(each)).reshape(-1).tolist()
    return narrowed_model(model, kept)
