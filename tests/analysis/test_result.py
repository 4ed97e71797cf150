"""Results: floors that no layer may beat, sums over layers, what bounds a layer, and bit-identical runs."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from math import prod
from pathlib import Path

import pytest

import ppsim
from ppsim.analysis.result import BOUNDS, combined
from ppsim.documents import names
from ppsim.engine.run import run
from ppsim.hardware.energy import COMPONENTS
from ppsim.mapping.place import place
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Pool

WORKLOADS = ("tinyvgg16", "tinyvgg16-25088", "tinyvgg16-32768")
SYSTEMS = ("shared-dram", "tetris")
RUNS = [(workload, accelerators) for workload in WORKLOADS for accelerators in (1, 3, 8)]


def test_all_shipped_are_held_to_the_floors():
    assert set(WORKLOADS) <= set(names("workloads"))
    assert set(SYSTEMS) <= set(names("accelerators"))  # the others are in test_zoo


@pytest.mark.parametrize(("workload", "accelerators"), RUNS)
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("pruned", [False, True])
def test_no_layer_beats_bandwidth_or_peak(workload, system, accelerators, pruned):
    """On its span, from its first load to its last delivery; and the run as a whole."""
    net = ppsim.load_workload(workload)
    net = ppsim.partition(net, accelerators) if pruned else net
    hardware = ppsim.load_system(system, accelerators=accelerators)
    result = ppsim.simulate(net, hardware)
    bytes_per_cycle = hardware.channels * hardware.dram.bandwidth_gb_s * 1e9 / hardware.clock_hz
    peak = hardware.array.peak_macs_per_cycle * accelerators
    for layer in result.layers:
        assert layer.span_cycles * bytes_per_cycle >= layer.dram_bytes
        assert layer.span_cycles * peak >= layer.macs
        assert layer.span_cycles >= layer.cycles >= 0
        assert layer.utilisation <= 1
        assert layer.bound in BOUNDS
    assert result.cycles * bytes_per_cycle >= result.dram_bytes
    assert result.cycles * peak >= result.macs
    # sums over layers, exactly
    assert sum(layer.cycles for layer in result.layers) == result.cycles
    assert sum(layer.macs for layer in result.layers) == result.macs == net.macs
    assert sum(layer.dram_bytes for layer in result.layers) == result.dram_bytes
    assert sum(layer.link_bytes for layer in result.layers) == result.link_bytes
    # every weight that is left comes from DRAM, and so do the inputs; the results get there
    graph = net.graph if pruned else net
    weights = graph.parameters - (graph.macs - net.macs)
    assert result.dram_bytes >= 2 * (weights + prod(graph.input_shape) + 200)
    assert (result.link_bytes > 0) == (accelerators > 1)


def test_seconds_and_cycles_agree():
    result = ppsim.simulate(ppsim.gemm(1, 100, 100), ppsim.load_system("tetris", accelerators=2))
    assert result.cycles - 1 < result.seconds * 500e6 <= result.cycles


def test_launching_takes_its_time():
    net = ppsim.gemm(1, 100, 100)
    before = ppsim.simulate(net, ppsim.load_system("tetris", accelerators=2))
    after = ppsim.simulate(net, ppsim.load_system("tetris", accelerators=2, set={"launch_us": 7}))
    assert after.seconds == pytest.approx(before.seconds + 7e-6, rel=1e-12)
    assert after.cycles == before.cycles + 3500
    assert sum(layer.cycles for layer in after.layers) == after.cycles


@pytest.mark.parametrize("pruned", [False, True])
@pytest.mark.parametrize("sharing", ["private", "shared", 2])
def test_what_the_program_asks_for_is_what_is_served(pruned, sharing):
    """MACs and bytes are the same in the graph, the program, the trace and the result."""
    net = ppsim.load_workload("tinyvgg16", batch=2)
    net = ppsim.partition(net, 5, keep=0.4) if pruned else net
    hardware = ppsim.load_system("tetris", accelerators=4, set={"dram.sharing": sharing})
    program = place(net, hardware)
    trace, result = run(program), ppsim.simulate(net, hardware)
    asked = [0] * hardware.channels
    links = [0] * len(program.links)
    for stage in program.stages:
        for a, nests in enumerate(stage.work):
            for nest in nests:
                for tile, occurs in nest.tallies():
                    moved = tile.weight_bytes + tile.input_bytes + tile.output_bytes
                    asked[hardware.channel_of(a)] += moved * occurs
            asked[hardware.channel_of(a)] += stage.reads[a]
        for message in stage.messages:
            asked[hardware.channel_of(message.destination)] += hardware.dram.rounded(message.bytes) * message.written
            for link in message.route:
                links[link] += message.bytes
    assert [channel.bytes for channel in trace.channels] == asked
    assert [link.bytes for link in trace.links] == links
    assert result.dram_bytes == sum(asked)
    assert result.link_bytes == sum(m.bytes for stage in program.stages for m in stage.messages)
    assert result.macs == net.macs == sum(stage.activity.macs for stage in program.stages)


def bound_of(net: LayerGraph, accelerators: int = 1, **settings) -> str:
    hardware = ppsim.load_system("tetris", accelerators=accelerators, set=settings)
    return ppsim.simulate(net, hardware).layers[-1].bound


def test_what_bounds_a_layer():
    fc = ppsim.gemm(1, 2048, 2048)
    array = {"rows": 14, "cols": 14, "dataflow": "ws"}
    assert bound_of(fc) == "DRAM"  # ws with overlap takes 28 bytes a cycle and gets 14.7
    assert bound_of(fc, array=array) == "compute"  # without, it takes 9.6
    assert bound_of(ppsim.gemm(4096, 512, 512)) == "compute"
    assert bound_of(ppsim.gemm(4096, 512, 512), **{"buffer.bandwidth_bytes_per_cycle": 8}) == "buffer"
    assert bound_of(ppsim.gemm(64, 64, 4096), 4, **{"interconnect.bandwidth_gb_s": 0.01}) == "link"
    slow = {"interconnect.bandwidth_gb_s": 0.01, "interconnect.ideal": True}
    assert bound_of(ppsim.gemm(64, 64, 4096), 4, **slow) != "link"
    pool = LayerGraph("pool", (64, 32, 32), (Pool(name="pool", kernel=(2, 2)),))
    assert bound_of(pool, **{"vector.lanes": 1}) == "vector"
    assert bound_of(pool, **{"vector.lanes": 1000}) == "DRAM"
    assert bound_of(pool, **{"vector.lanes": 1, "vector.enabled": False}) == "DRAM"


def test_results_as_plain_values_and_as_a_table():
    net = ppsim.partition(ppsim.load_workload("tinyvgg16"), 2)
    result = ppsim.simulate(net, ppsim.load_system("tetris", accelerators=2))
    plain = json.loads(json.dumps(result.to_dict()))
    assert plain["energy_pj"] == result.energy_pj
    assert plain["cycles"] == result.cycles
    assert list(plain["energy"]) == list(COMPONENTS)
    assert [layer["name"] for layer in plain["layers"]] == [layer.name for layer in result.layers]
    frame = result.to_frame()
    assert list(frame["name"]) == [layer.name for layer in result.layers]
    assert frame["cycles"].sum() == result.cycles
    assert frame["macs"].sum() == result.macs
    assert frame["energy_pj"].sum() == pytest.approx(result.energy_pj, rel=1e-12)
    for component in COMPONENTS:
        assert frame[f"{component}_pj"].sum() == pytest.approx(result.energy[component], rel=1e-9)
    assert dict(zip(frame["name"], frame["fused"], strict=True))["fc6"] == "relu6"


def test_the_assumptions_are_said():
    """Whether a channel is shared is always said."""

    def said(name: str, **settings) -> str:
        hardware = ppsim.load_system(name, accelerators=8, set=settings)
        return "\n".join(ppsim.simulate(ppsim.gemm(1, 4, 4), hardware).assumptions).lower()

    for words in ("8 accelerator", "500 mhz", "14x14", "dram shared", "8 gb/s", "mesh 2x4", "weights cold"):
        assert words in said("shared-dram")
    assert "dram private" in said("tetris")
    assert "vector unit off" in said("tetris", **{"vector.enabled": False})
    assert "ideal" in said("tetris", **{"interconnect.ideal": True})
    assert "ideal" not in said("tetris")


def test_runs_one_after_the_other():
    hardware = ppsim.load_system("tetris", accelerators=2)
    one, other = (ppsim.simulate(ppsim.gemm(1, k, 64), hardware) for k in (64, 300))
    both = combined([one, other])
    assert combined([one]) is one
    for quantity in ("cycles", "seconds", "macs", "dram_bytes", "link_bytes", "energy_pj"):
        assert getattr(both, quantity) == pytest.approx(getattr(one, quantity) + getattr(other, quantity), rel=1e-12)
    assert both.layers == one.layers + other.layers
    for component in COMPONENTS:
        assert both.energy[component] == pytest.approx(one.energy[component] + other.energy[component], rel=1e-12)


REPORT = """
import hashlib, json, ppsim
net = ppsim.partition(ppsim.load_workload("tinyvgg16"), 3, keep=0.5)
hardware = ppsim.load_system("shared-dram", accelerators=3)
plain = ppsim.compare(net, hardware).to_dict()
print(hashlib.sha256(json.dumps(plain).encode()).hexdigest())
"""


def test_runs_are_bit_identical():
    """Twice in one process, and in others whose sets and hashes are in another order."""
    net = ppsim.partition(ppsim.load_workload("tinyvgg16"), 3, keep=0.5)
    hardware = ppsim.load_system("shared-dram", accelerators=3)
    assert ppsim.simulate(net, hardware) == ppsim.simulate(net, hardware)
    fresh = replace(hardware, name="shared-dram")
    assert json.dumps(ppsim.simulate(net, fresh).to_dict()) == json.dumps(ppsim.simulate(net, hardware).to_dict())
    root = str(Path(ppsim.__file__).parent.parent)
    digests = [
        subprocess.run(
            [sys.executable, "-c", REPORT],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": root},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "12345")
    ]
    assert digests[0] == digests[1]
    assert len(digests[0].strip()) == 64
