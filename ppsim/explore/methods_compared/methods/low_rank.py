"""`trp-channel` and `trp-spatial`: layers as two of low rank (trained rank pruning, Xu et al., arXiv 2004.14566).

Ranks come about in two ways, and those are taken that lose less energy: one share of energy kept in all layers, as in
the paper, the knob being that share; or those that lose least for the price they save (`ppsim.ranks_within`). Training
towards low ranks, the paper's point, is left out, as all training is here: weights are those of the truncated singular
value decomposition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from ppsim.errors import InputError
from ppsim.explore.methods_compared.contract import Needs, Reached, Task, UnreachableError, furthest
from ppsim.explore.methods_compared.fitting import fitted_layers
from ppsim.explore.methods_compared.left import squares
from ppsim.pruning.low_rank import energy_lost, factorised, factorised_model
from ppsim.pruning.rank_search import ranks_within
from ppsim.workload.graph import LayerGraph
from ppsim.workload.model import Model


@dataclass(frozen=True)
class LowRank:
    """Ranks of `kind`, "channel" or "spatial"."""

    kind: str
    needs: Needs = "weights"

    def __call__(self, task: Task) -> Reached:
        """The ranks that lose least energy within the budget."""
        model, names = task.trained, task.graph.match(task.layers)
        whole = task.price(task.graph)
        # a layer that is dearer as two, whatever the rank, stays one
        lowest = {name: 1 for name in names if task.price(factorised(task.graph, {name: 1}, self.kind)) < whole}
        least = task.price(factorised(task.graph, lowest, self.kind)) if lowest else whole
        if least > task.budget:
            raise UnreachableError(least)
        ranks = self._ranks(task, list(lowest))
        low = factorised_model(model, ranks, self.kind)
        if task.inputs is not None:
            low_in_order = [layer.name for layer in task.graph.layers if layer.name in ranks]
            low = fitted_layers(model, low, low_in_order, task.inputs)
        return Reached(low.graph, _told(ranks), low, _energy_kept(model, ranks, self.kind))

    def _ranks(self, task: Task, names: Sequence[str]) -> Mapping[str, int]:
        """The ranks of either way that lose less; layers that are no smaller as two stay one."""
        model, graph = task.trained, task.graph
        lost = {name: energy_lost(model.weight(name), self.kind) for name in names}

        def ranks_at(setting: int) -> dict[str, int]:
            share = setting / STEPS
            found = {name: max(1, int(np.argmax(of <= (1 - share) * of[0]))) for name, of in lost.items()}
            return {name: rank for name, rank in found.items() if _smaller(graph, name, rank, self.kind)}

        def net_at(setting: int) -> LayerGraph:
            return factorised(graph, ranks_at(setting), self.kind)

        candidates = [ranks_at(furthest(task, STEPS + 1, net_at))]
        # of few ranks of each layer, the lowest may be too low and the next too high
        with suppress(InputError):
            candidates.append(ranks_within(model, task.price, task.budget, self.kind, list(names)))
        return min(
            candidates,
            key=lambda ranks: sum(float(lost[name][rank] / (lost[name][0] or 1.0)) for name, rank in ranks.items()),
        )


STEPS = 256
#: layers whose ranks are named one by one
SHOWN = 3


def _smaller(graph: LayerGraph, name: str, rank: int, kind: str) -> bool:
    """Whether a layer takes fewer multiply-accumulates as two of a rank."""
    return factorised(graph, {name: rank}, kind).macs < graph.macs


def _told(ranks: Mapping[str, int]) -> str:
    if len(ranks) > SHOWN:
        return f"ranks {min(ranks.values())} to {max(ranks.values())} in {len(ranks)} layers"
    return "ranks " + ", ".join(f"{name} {rank}" for name, rank in ranks.items()) if ranks else "all layers whole"


def _energy_kept(model: Model, ranks: Mapping[str, int], kind: str) -> float:
    total = sum(squares(model, name) for name in model.graph.divisible)
    lost = sum(float(energy_lost(model.weight(name), kind)[rank]) for name, rank in ranks.items())
    return 1 - lost / total if total else 1.0
