"""`compare`: the networks and systems a result is held against, each run through the pipeline.

single-dense   the unpruned network on one accelerator
single-pruned  the pruned network on one accelerator
multi-dense    the unpruned network on all accelerators, split by output units, activations exchanged
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ppsim.analysis.comparison import Comparison, Factors
from ppsim.analysis.result import Result, combined
from ppsim.hardware.system import System
from ppsim.pipeline import simulate
from ppsim.workload.graph import LayerGraph
from ppsim.workload.partitioned import PartitionedGraph

NETWORK, PRUNED_LAYERS = "network", "pruned-layers"
Network = LayerGraph | PartitionedGraph


def compare(net: Network, system: System, engine: str = "auto") -> Comparison:
    """Simulate a network and its baselines; for a partitioned one, also for its pruned layers alone.

    The pruned layers alone are a run of their own, whose inputs lie in the DRAM of the accelerators that own them.
    """
    whole = explained([net], system, NETWORK, engine)
    if not isinstance(net, PartitionedGraph):
        return whole
    return replace(whole, pruned_layers=explained(net.stretches(), system, PRUNED_LAYERS, engine))


def explained(nets: Sequence[Network], system: System, scope: str, engine: str = "auto") -> Comparison:
    """`against_baselines`, and what the speedup is made of: up to two more runs of the networks."""
    comparison = against_baselines(nets, system, scope, engine)
    return replace(comparison, factors=_factors(comparison, nets, system, engine))


def against_baselines(nets: Sequence[Network], system: System, scope: str, engine: str = "auto") -> Comparison:
    """Networks that run one after the other, and their baselines."""
    dense = [net.graph if isinstance(net, PartitionedGraph) else net for net in nets]
    one = replace(system, accelerators=1)
    baselines = {
        "single-dense": _run_all(dense, one, engine),
        "single-pruned": _run_all(nets, one, engine),
        "multi-dense": _run_all(dense, system, engine),
    }
    return Comparison(_run_all(nets, system, engine), baselines, scope)


def _run_all(nets: Sequence[Network], system: System, engine: str) -> Result:
    return combined([simulate(net, system, engine) for net in nets])


def _factors(comparison: Comparison, nets: Sequence[Network], system: System, engine: str) -> Factors:
    """Split the loss in a fixed order: with links that take no time, then with private channels too, then the rest."""
    single = comparison.baselines["single-pruned"].seconds

    def efficiency(seconds: float) -> float:
        return single / (system.accelerators * seconds)

    if system.accelerators == 1:
        actual = linked = private = 1.0
    else:
        ideal = replace(system, interconnect=replace(system.interconnect, ideal=True))
        alone = replace(ideal, dram=replace(system.dram, sharing="private"))
        actual = efficiency(comparison.result.seconds)
        linked = efficiency(_run_all(nets, ideal, engine).seconds)
        private = efficiency(_run_all(nets, alone, engine).seconds) if system.dram_shared else linked
    return Factors(
        pruning=comparison.baselines["single-dense"].seconds / single,
        parallelism=system.accelerators,
        link_loss=linked - actual,
        dram_loss=private - linked,
        imbalance_loss=1 - private,
    )
