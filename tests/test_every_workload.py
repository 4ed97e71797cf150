"""Every workload on every system, at 1, 2, 5 and 16 accelerators: floors, conservation, additivity."""

from math import prod

import pytest

import ppsim
from ppsim.analysis.result import BOUNDS, Result
from ppsim.documents import names
from ppsim.hardware.energy import COMPONENTS

RUNS = [(workload, system) for workload in names("workloads") for system in names("accelerators")]


@pytest.mark.parametrize(("workload", "system"), RUNS)
def test_every_workload_on_every_system(workload, system):
    net = ppsim.load_workload(workload)
    for accelerators in (1, 2, 5, 16):
        hardware = ppsim.load_system(system, accelerators=accelerators)
        result = ppsim.simulate(net, hardware)
        hold(result, net, hardware)
        if accelerators == 1:
            assert ppsim.simulate(net, hardware.alone()) == result
            assert result.link_bytes == 0


@pytest.mark.parametrize("system", names("accelerators"))
@pytest.mark.parametrize("workload", ["lenet300", "mlp_mnist", "tinyvgg16", "bert_base"])
def test_partitioned_too(workload, system):
    """Its linear layers cut in as many parts as accelerators; ten classes over 16 parts are split by inputs."""
    net = ppsim.load_workload(workload, sequence=16 if workload == "bert_base" else None)
    for parts in (2, 5, 16):
        pruned = ppsim.partition(net, parts, layers="fc*")
        hardware = ppsim.load_system(system, accelerators=parts)
        hold(ppsim.simulate(pruned, hardware), pruned, hardware)


def hold(result: Result, net: ppsim.LayerGraph | ppsim.PartitionedGraph, hardware: ppsim.System) -> None:
    """All that no run may break."""
    graph = net.graph if isinstance(net, ppsim.PartitionedGraph) else net
    bytes_per_s = hardware.channels * hardware.dram.bandwidth_gb_s * 1e9
    for layer in result.layers:
        # a span is in whole cycles, rounded up
        span = layer.span_cycles / hardware.clock_hz
        assert span * bytes_per_s >= layer.dram_bytes
        assert span * hardware.peak_macs_per_s >= layer.macs
        assert layer.span_cycles >= layer.cycles >= 0
        assert 0 <= layer.utilisation <= 1
        assert layer.bound in BOUNDS
        assert all(pj >= 0 for pj in layer.energy.values())
    assert result.seconds * bytes_per_s >= result.dram_bytes
    assert result.seconds * hardware.peak_macs_per_s >= result.macs
    assert (result.accelerators, result.batch) == (hardware.accelerators, graph.batch)

    assert sum(layer.cycles for layer in result.layers) == result.cycles
    assert sum(layer.macs for layer in result.layers) == result.macs == net.macs
    assert sum(layer.dram_bytes for layer in result.layers) == result.dram_bytes
    assert sum(layer.link_bytes for layer in result.layers) == result.link_bytes
    assert tuple(result.energy) == COMPONENTS
    for component in COMPONENTS:
        total = sum(layer.energy[component] for layer in result.layers)
        assert result.energy[component] == pytest.approx(total, rel=1e-9)
    priced = result.amounts.energy(hardware.energy)
    assert dict(result.energy) == pytest.approx(priced, rel=1e-9)
    static = hardware.energy.leakage_w.value * hardware.accelerators * result.seconds * 1e12
    assert result.energy["leakage"] == pytest.approx(static, rel=1e-9)
    assert result.energy["mac"] == pytest.approx(net.macs * hardware.energy.mac_pj.value, rel=1e-12)

    # weights that are left come from DRAM at least once; so does the input, and the results get there
    weights = graph.weights - (net.dense_weights - net.nonzeros if isinstance(net, ppsim.PartitionedGraph) else 0)
    ends = prod(graph.input_shape) + prod(graph.shapes[graph.layers[-1].name])
    assert 8 * result.dram_bytes >= hardware.bits * (weights + ends * graph.batch)
