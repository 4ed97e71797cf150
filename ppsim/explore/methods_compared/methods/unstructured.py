"""`unstructured`: the smallest weights go, wherever they are (Han et al., arXiv 1506.02626).

The knob is the share of weights kept, the same in all layers that gain from it: those that make the network cheaper
when they alone keep hardly anything. Their weights lie in DRAM compressed, each non-zero one with a 4-bit index (EIE,
arXiv 1602.01528), where that takes fewer bytes than all of them; arrays compute zeros all the same, so MACs stay.
Layers are split over accelerators as the unpruned network's are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ppsim.analysis.quantities import percent
from ppsim.explore.methods_compared.contract import Needs, Reached, Task, UnreachableError, furthest
from ppsim.explore.methods_compared.fitting import Support, fitted_weights
from ppsim.explore.methods_compared.left import share_left
from ppsim.pruning.unstructured import COMPRESSED, shared_out
from ppsim.workload.graph import LayerGraph
from ppsim.workload.model import Model
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer, split_evenly

STEPS = 1024
#: layers that are named one by one
SHOWN = 3


@dataclass(frozen=True)
class Unstructured:
    """Magnitude pruning of single weights, compressed in DRAM."""

    needs: Needs = "structure"

    def __call__(self, task: Task) -> Reached:
        """The most weights kept within the budget."""
        graph, model = task.graph, task.model
        whole = task.price(graph)
        names = [
            name
            for name in graph.match(task.layers)
            if graph.shapes[name][0] >= task.accelerators and task.price(_net(task, [name], {}, 1 / STEPS)) < whole
        ]
        if not names:
            raise UnreachableError(whole)
        ranks = {} if model is None else {name: _ranks(model, name) for name in names}

        def net_at(setting: int) -> PartitionedGraph:
            return _net(task, names, ranks, (setting + 1) / STEPS)

        at = furthest(task, STEPS, net_at)
        share = (at + 1) / STEPS
        net, setting = net_at(at), f"{percent(share)} of weights"
        if len(names) < len(graph.divisible):
            setting += f" of {', '.join(names)}" if len(names) <= SHOWN else f" of {len(names)} layers"
        if model is None:
            return Reached(net, setting)
        supports = {name: found < _count(found.size, share) for name, found in ranks.items()}
        left = _zeroed(model, supports)
        kept = share_left(model, left)
        fitted = left if task.inputs is None else fitted_weights(model, left, supports, task.inputs)
        return Reached(net, setting, fitted, kept)


Ranks = npt.NDArray[np.int64]


def _ranks(model: Model, name: str) -> Ranks:
    """The place of each weight among its layer's, the largest first; of equal ones the first."""
    size = np.abs(model.weight(name)).reshape(-1)
    ranks = np.empty(size.size, dtype=np.int64)
    ranks[np.argsort(-size, kind="stable")] = np.arange(size.size)
    return ranks.reshape(model.weight(name).shape)


def _count(weights: int, share: float) -> int:
    return max(1, round(share * weights))


def _zeroed(model: Model, supports: Mapping[str, Support]) -> Model:
    return model.with_tensors({name: {"weight": model.weight(name) * stay} for name, stay in supports.items()})


def _net(task: Task, names: Sequence[str], ranks: Mapping[str, Ranks], share: float) -> PartitionedGraph:
    """The network with a share of the weights of some layers; without `ranks` they are spread evenly."""
    found = {name: _layer(task.graph, name, task.accelerators, share, ranks.get(name)) for name in names}
    layers = {name: layer for name, layer in found.items() if layer is not None}
    return PartitionedGraph(task.graph, task.accelerators, layers)


def _layer(graph: LayerGraph, name: str, parts: int, share: float, ranks: Ranks | None) -> PartitionedLayer | None:
    """All blocks of a layer, with the non-zeros that each has; None where all its weights take less memory."""
    shape = graph[name].tensors(graph.input_shapes_of(name))["weight"]
    bits = graph.bits or 16
    weights = int(np.prod(shape))
    in_sizes, out_sizes = split_evenly(shape[1], parts), split_evenly(shape[0], parts)
    count = _count(weights, share)
    if count * (bits + COMPRESSED.index_bits) >= weights * bits:
        return None
    if ranks is None:
        spread = shared_out(count, [units * outputs for outputs in out_sizes for units in in_sizes])
        found = np.array(spread).reshape(parts, parts)
    else:
        stay = (ranks < count).reshape(*shape[:2], -1).sum(axis=2)
        rows = np.stack([part.sum(axis=0) for part in np.split(stay, np.cumsum(out_sizes)[:-1])])
        found = np.stack([part.sum(axis=1) for part in np.split(rows, np.cumsum(in_sizes)[:-1], axis=1)], axis=1)
    kept = tuple(
        tuple(Kept(p, units, int(found[q, p])) for p, units in enumerate(in_sizes) if units) for q in range(parts)
    )
    return PartitionedLayer(in_sizes, out_sizes, kept, sparsity=COMPRESSED)
