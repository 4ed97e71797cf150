"""`compare`: the networks and systems a result is held against, each run through the pipeline.

single-dense                   the unpruned network on one accelerator (accelerator 0): what speedups are against
single-pruned                  the pruned network on one accelerator
multi-dense                    the unpruned network on all accelerators, split by output units, activations exchanged
multi-unstructured-dense       as many weights pruned but anywhere, zeros stored and computed, split as multi-dense
multi-unstructured-compressed  the same with zeros not stored (4-bit relative indices)
iso-resources                  the unpruned network on one accelerator with the arrays, buffers and bandwidth of all
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from ppsim.analysis.comparison import Comparison, Factors
from ppsim.analysis.result import Result, combined
from ppsim.errors import InputError
from ppsim.hardware.accelerator import Group
from ppsim.hardware.system import System
from ppsim.pipeline import check, simulate
from ppsim.pruning.unstructured import unstructured
from ppsim.workload.graph import LayerGraph
from ppsim.workload.partitioned import PartitionedGraph
from ppsim.workload.sparsity import DENSE

NETWORK, PRUNED_LAYERS = "network", "pruned-layers"
Network = LayerGraph | PartitionedGraph
Networks = Sequence[Network]
#: simulates networks that run one after the other on a system
Run = Callable[[Networks, System], Result]


def iso_resources(system: System) -> System:
    """One accelerator with the arrays, scratchpads, vector lanes, DRAM bandwidth and static power of all of them.

    Raises InputError for a heterogeneous system, whose arrays do not add up to arrays of one kind.
    """
    if len(system.kinds) > 1:
        raise InputError(f"{system.name}: iso-resources adds up equal accelerators; these are not")
    one, count, channels, energy = system.accelerator(0), system.accelerators, system.channels, system.energy
    background = energy.dram_background_w
    return replace(
        system,
        accelerators=1,
        groups=(Group("all in one", 1, static_power=system.static_accelerators),),
        clock_mhz=one.clock_mhz,
        array=replace(one.array, count=one.array.count * count),
        buffer=replace(
            one.buffer,
            kib=one.buffer.kib * count,
            bandwidth_bytes_per_cycle=one.buffer.bandwidth_bytes_per_cycle * count,
        ),
        vector=replace(one.vector, lanes=one.vector.lanes * count),
        dram=replace(system.dram, bandwidth_gb_s=system.dram.bandwidth_gb_s * channels),
        energy=replace(energy, dram_background_w=background.times(channels, f"{channels} channels in one")),
    )


def _dense(nets: Networks) -> list[Network]:
    return [net.graph if isinstance(net, PartitionedGraph) else net for net in nets]


def _anywhere(nets: Networks) -> list[Network]:
    return [unstructured(net) if isinstance(net, PartitionedGraph) else net for net in nets]


def _anywhere_stored(nets: Networks) -> list[Network]:
    return [unstructured(net, DENSE) if isinstance(net, PartitionedGraph) else net for net in nets]


def _together(nets: Networks) -> list[Network]:
    """All parts on the one accelerator there is."""
    return [
        replace(net, placement=None) if isinstance(net, PartitionedGraph) and net.placement is not None else net
        for net in nets
    ]


def _same(system: System) -> System:
    return system


#: name -> which networks run, on which system; a new baseline is one line here
BASELINES: dict[str, tuple[Callable[[Networks], list[Network]], Callable[[System], System]]] = {
    "single-dense": (_dense, System.alone),
    "single-pruned": (_together, System.alone),
    "multi-dense": (_dense, _same),
    "multi-unstructured-dense": (_anywhere_stored, _same),
    "multi-unstructured-compressed": (_anywhere, _same),
    "iso-resources": (_dense, iso_resources),
}
#: what factors of a speedup need
FEWEST = ("single-dense", "single-pruned")


def applicable(nets: Networks, system: System) -> tuple[str, ...]:
    """The baselines that differ from the networks as they are and from each other."""
    names = ["single-dense"]
    pruned = any(isinstance(net, PartitionedGraph) for net in nets)
    if pruned:
        names.append("single-pruned")
    if pruned and system.accelerators > 1:
        names.append("multi-dense")
    # unequal accelerators do not add up to one, and rivals that are split evenly would waste the fast ones
    if system.accelerators > 1 and len(system.kinds) == 1:
        names += ["multi-unstructured-dense", "multi-unstructured-compressed"] if pruned else []
        names.append("iso-resources")
    return tuple(names)


def compare(net: Network, system: System, engine: str = "auto", baselines: Sequence[str] | None = None) -> Comparison:
    """Simulate a network and its baselines (None: all that apply); for a partitioned one also its pruned layers alone.

    The pruned layers alone are a run of their own, whose inputs lie in the DRAM of the accelerators that own them.
    Raises InputError for an unknown baseline.
    """
    check(net, system)
    run = partial(in_turn, engine=engine)
    whole = explained([net], system, NETWORK, baselines, run)
    if not isinstance(net, PartitionedGraph) or not net.layers:
        return whole
    return replace(whole, pruned_layers=explained(net.stretches(), system, PRUNED_LAYERS, baselines, run))


def in_turn(nets: Networks, system: System, engine: str = "auto") -> Result:
    """Networks that run one after the other, as one result."""
    return combined([simulate(net, system, engine) for net in nets])


def explained(
    nets: Networks, system: System, scope: str, baselines: Sequence[str] | None = None, run: Run = in_turn
) -> Comparison:
    """`against_baselines`, and what the speedup is made of: up to two more runs of the networks."""
    names = dict.fromkeys([*FEWEST, *(applicable(nets, system) if baselines is None else baselines)])
    comparison = against_baselines(nets, system, scope, tuple(names), run)
    return replace(comparison, factors=_factors(comparison, nets, system, run))


def against_baselines(
    nets: Networks, system: System, scope: str, baselines: Sequence[str] = FEWEST, run: Run = in_turn
) -> Comparison:
    """Networks that run one after the other, and their baselines; `run` simulates them, or knows the result."""
    for name in baselines:
        if name not in BASELINES:
            raise InputError(f"baseline {name!r} is unknown; accepted: {', '.join(BASELINES)}")
    results = {}
    for name in baselines:
        networks, on = BASELINES[name]
        results[name] = run(networks(nets), on(system))
    return Comparison(run(nets, system), results, scope)


def _factors(comparison: Comparison, nets: Networks, system: System, run: Run) -> Factors:
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
        # where nothing is sent, links take no time as they are
        linked = efficiency(run(nets, ideal).seconds) if comparison.result.link_bytes else actual
        private = efficiency(run(nets, alone).seconds) if system.dram_shared else linked
    return Factors(
        pruning=comparison.baselines["single-dense"].seconds / single,
        parallelism=system.accelerators,
        link_loss=linked - actual,
        dram_loss=private - linked,
        imbalance_loss=1 - private,
    )
