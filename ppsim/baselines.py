"""`compare`: the networks and systems a result is held against, each run through the pipeline.

single-dense   the unpruned network on one accelerator
single-pruned  the pruned network on one accelerator
multi-dense    the unpruned network on all accelerators, split by output units, activations exchanged
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ppsim.analysis.comparison import Comparison, Factors
from ppsim.analysis.result import Result, combined
from ppsim.hardware.system import System
from ppsim.pipeline import simulate
from ppsim.workload.graph import LayerGraph
from ppsim.workload.partitioned import PartitionedGraph

NETWORK, PRUNED_LAYERS = "network", "pruned-layers"


def compare(net: LayerGraph | PartitionedGraph, system: System, engine: str = "auto") -> Comparison:
    """Simulate a network and its baselines; for a partitioned one, also for its pruned layers alone.

    The pruned layers alone are a run of their own, whose inputs lie in the DRAM of the accelerators that own them.
    """
    whole = compare_scope([net], system, NETWORK, engine)
    if not isinstance(net, PartitionedGraph):
        return whole
    return replace(whole, pruned_layers=compare_scope(net.stretches(), system, PRUNED_LAYERS, engine))


def compare_scope(
    nets: Sequence[LayerGraph | PartitionedGraph], system: System, scope: str, engine: str = "auto"
) -> Comparison:
    """Compare networks that run one after the other with their baselines."""
    dense = [net.graph if isinstance(net, PartitionedGraph) else net for net in nets]
    one = replace(system, accelerators=1)

    def runs(what: Sequence[LayerGraph | PartitionedGraph], on: System) -> Result:
        return combined([simulate(net, on, engine) for net in what])

    result = runs(nets, system)
    baselines = {
        "single-dense": runs(dense, one),
        "single-pruned": runs(nets, one),
        "multi-dense": runs(dense, system),
    }
    return Comparison(result, baselines, _factors(result, baselines, nets, system, runs), scope)


def _factors(
    result: Result,
    baselines: dict[str, Result],
    nets: Sequence[LayerGraph | PartitionedGraph],
    system: System,
    runs: Callable[[Sequence[LayerGraph | PartitionedGraph], System], Result],
) -> Factors:
    """Split the loss in a fixed order: with links that take no time, then with private channels too, then the rest."""
    single = baselines["single-pruned"].seconds

    def efficiency(seconds: float) -> float:
        return single / (system.accelerators * seconds)

    if system.accelerators == 1:
        actual = linked = private = 1.0
    else:
        ideal = replace(system, interconnect=replace(system.interconnect, ideal=True))
        alone = replace(ideal, dram=replace(system.dram, sharing="private"))
        actual = efficiency(result.seconds)
        linked = efficiency(runs(nets, ideal).seconds)
        private = efficiency(runs(nets, alone).seconds) if system.dram_shared else linked
    return Factors(
        pruning=baselines["single-dense"].seconds / single,
        parallelism=system.accelerators,
        link_loss=linked - actual,
        dram_loss=private - linked,
        imbalance_loss=1 - private,
    )
