"""The smallest and the largest there is: arrays and layers of one, very wide layers, very long chains, 10^15 MACs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from engine.systems import convolutional, fully_connected
from hypothesis import given, settings
from hypothesis import strategies as st

import ppsim
from ppsim.engine.run import run
from ppsim.hardware.accelerator import Group
from ppsim.mapping.place import place
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Elementwise, Linear


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
@settings(max_examples=30)
@given(net=st.one_of(fully_connected(), convolutional()), accelerators=st.integers(1, 3))
def test_arrays_of_one_element_take_a_cycle_a_mac_at_least(dataflow, net, accelerators):
    array = {"rows": 1, "cols": 1, "count": 1, "dataflow": dataflow}
    system = ppsim.load_system("tetris", accelerators=accelerators, set={"array": array})
    if net.macs > 20_000:
        return
    result = ppsim.simulate(net, system)
    assert result.macs == net.macs
    assert result.cycles * accelerators >= net.macs
    assert result.cycles == ppsim.simulate(net, system, engine="reference").cycles


@pytest.mark.parametrize("accelerators", [1, 2, 7])
def test_layers_of_one_unit(accelerators):
    layers = (Linear(name="a", out_features=1), Elementwise(name="r"), Linear(name="b", out_features=1))
    net = LayerGraph("net", (1,), layers)
    result = ppsim.compare(net, ppsim.load_system("tetris", accelerators=accelerators)).result
    assert result.macs == 2
    assert result.dram_bytes >= 2 * 2 + 2
    assert ppsim.compare(ppsim.partition(net, 1, layers="*"), ppsim.load_system("tetris")).result.macs == 2


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 10**6), (10**6, 1), (10**6, 10)])
@pytest.mark.parametrize("accelerators", [1, 8])
def test_layers_a_million_wide(inputs, outputs, accelerators):
    net = LayerGraph("net", (inputs,), (Linear(name="fc", out_features=outputs),))
    system = ppsim.load_system("tetris", accelerators=accelerators)
    for one in (net, ppsim.partition(net, 10, layers="*")):
        result = ppsim.simulate(one, system)
        assert result.macs == one.macs
        assert result.dram_bytes >= 2 * one.macs
        assert result.seconds * system.channels * 8e9 >= result.dram_bytes


@pytest.mark.parametrize("sizes", [(10**5, 10**5, 10**5), (1, 10**9, 10**6), (10**12, 10**2, 10), (10, 10**2, 10**12)])
@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
def test_ten_to_the_fifteen_macs_overflow_nothing(sizes, dataflow):
    """Held to what Python's integers, which have no end, make of the same products."""
    m, k, n = sizes
    system = ppsim.load_system("tpu-v4", accelerators=1, set={"array.dataflow": dataflow, "array.count": 1})
    (nest,) = place(ppsim.gemm(m, k, n), system).stages[1].work[0]
    assert nest.activity.macs == m * k * n
    assert nest.dram_bytes * 8 >= 16 * (m * k + k * n + m * n)
    assert nest.compute_cycles * system.array.peak_macs_per_cycle >= m * k * n
    assert all(amount >= 0 for amount in nest.activity)
    rows, cols = system.array.rows, system.array.cols
    on_rows, on_cols, stream = {"os": (m, n, k), "ws": (k, n, m), "is": (k, m, n)}[dataflow]
    folds = -(-on_rows // rows) * -(-on_cols // cols)
    fold = stream + rows + cols - 2 + (rows if dataflow != "os" else 0)
    assert int(ppsim.compute_cycles(m, k, n, rows, cols, dataflow)) == folds * fold
    assert ppsim.compute_cycles(np.array([m, m]), k, n, rows, cols, dataflow).tolist() == [folds * fold] * 2


@settings(max_examples=40)
@given(net=fully_connected(), clocks=st.lists(st.sampled_from([0.001, 1, 333.333, 1e6]), min_size=2, max_size=4))
def test_clocks_that_are_a_thousand_million_apart(net, clocks):
    groups = tuple(Group(f"g{number}", 1, clock_mhz=clock) for number, clock in enumerate(clocks))
    system = replace(ppsim.load_system("tetris", accelerators=len(clocks)), groups=groups)
    program = place(net, system)
    auto, reference = run(program), run(program, "reference")
    assert auto.end_fs == reference.end_fs
    assert auto.delivered == reference.delivered
    for a, clock in enumerate(clocks):
        cycles = sum(nest.compute_cycles for stage in program.stages for nest in stage.work[a])
        assert auto.end_fs * clock * 1e6 >= cycles * 10**15 * (1 - 1e-9)


def chain(layers: int) -> LayerGraph:
    pairs = ((Linear(name=f"fc{i}", out_features=32), Elementwise(name=f"relu{i}")) for i in range(layers // 2))
    return LayerGraph("chain", (32,), tuple(layer for pair in pairs for layer in pair))


def test_a_chain_of_ten_thousand_layers():
    """Nothing calls itself layer by layer. How time grows is measured by tests/benchmarks/layers.py."""
    net, system = ppsim.partition(chain(10_000), 2), ppsim.load_system("tetris", accelerators=2)
    assert len(place(net.graph, system).stages) == 5_001
    result = ppsim.simulate(net, system, engine="reference")
    assert result.macs == net.macs
    assert len(result.to_dict()["layers"]) == len(result.to_frame()) == 5_000
