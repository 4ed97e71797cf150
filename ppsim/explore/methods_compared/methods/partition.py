"""`partition`: weights between parts go, one part for each accelerator (arXiv 1901.11391).

The knob is the share of weights kept: from the blocks inside parts alone to all of them. With weights, blocks between
parts stay that have most saliency for each byte they move; the classifier is split by its inputs and keeps all weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ppsim.analysis.quantities import percent
from ppsim.explore.methods_compared.contract import Needs, Reached, Task, furthest
from ppsim.explore.methods_compared.left import share_left
from ppsim.pruning.compensation import compensate
from ppsim.pruning.keep import Budget, most_salient, nearest_first
from ppsim.pruning.masks import masked, masks_of
from ppsim.pruning.output_change import results_of
from ppsim.pruning.partition import partition_and_saliencies
from ppsim.workload.partitioned import PartitionedGraph

STEPS = 256


@dataclass(frozen=True)
class Partition:
    """Partition pruning, units assigned by the method `alternating`."""

    needs: Needs = "structure"

    def __call__(self, task: Task) -> Reached:
        """The most weights kept within the budget."""
        net_at = _settings(task)
        net = net_at(furthest(task, STEPS + 1, net_at))
        setting = f"{task.accelerators} parts, {percent(net.kept_ratio)} of weights"
        if task.model is None:
            return Reached(net, setting)
        left = masked(task.model, masks_of(net))
        kept = share_left(task.model, left)
        return Reached(net, setting, left if task.inputs is None else compensate(task.model, net, task.inputs), kept)


def _settings(task: Task) -> Callable[[int], PartitionedGraph]:
    """Setting -> network; 0: the blocks inside parts alone."""
    graph, parts = task.graph, task.accelerators
    names = graph.match(task.layers)
    whole_classifier = [
        name for name in results_of(graph) if name in names and graph.input_shapes_of(name)[0][0] >= parts
    ]
    saliency = "w2" if task.inputs is None else "wx2"
    whole, saliencies = partition_and_saliencies(
        graph if task.model is None else task.model,
        parts,
        task.layers,
        None,
        "alternating",
        saliency,
        None,
        0.0,
        task.seed,
        task.inputs,
        ",".join(whole_classifier) or None,
    )
    least = whole.kept_ratio

    def net_at(setting: int) -> PartitionedGraph:
        share = least + (1 - least) * setting / STEPS
        if not setting:
            return whole
        if saliencies:
            return most_salient(whole, saliencies, Budget(share=share))
        return replace(whole, layers={name: nearest_first(layer, share) for name, layer in whole.layers.items()})

    return net_at
