"""Systems of different accelerators: each by its own clock, array and scratchpad, and together what they should be."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import pytest

import ppsim
from ppsim.engine.run import run
from ppsim.engine.trace import Trace
from ppsim.hardware.accelerator import Group
from ppsim.hardware.buffers import BufferSpec, VectorSpec
from ppsim.hardware.energy import COMPONENTS
from ppsim.mapping.place import place
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Elementwise, Linear, Softmax
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer

SECOND = 10**15
TETRIS = ppsim.load_system("tetris", accelerators=4)
BIG = Group(
    "big",
    1,
    clock_mhz=900,
    array=replace(TETRIS.array, rows=32, cols=24),
    buffer=BufferSpec(512, 512, 0.5),
    vector=VectorSpec(30),
    static_power=2.5,
)
LITTLE = Group("little", 3, clock_mhz=130, static_power=0.25)
MIXED = replace(TETRIS, groups=(BIG, LITTLE))


def network(units: int = 600, batch: int = 4) -> LayerGraph:
    layers = (
        Linear(name="fc1", out_features=units),
        Elementwise(name="relu"),
        Linear(name="fc2", out_features=units),
        Softmax(name="softmax"),
    )
    return LayerGraph("net", (units,), layers, batch)


NETS = {
    "fully connected": network(),
    "partitioned": ppsim.partition(network(), 4),
    "convolutional": ppsim.load_workload("tinyvgg16"),
    "one position": network(batch=1),
}


@pytest.fixture(scope="module", params=NETS)
def ran(request) -> Trace:
    return run(place(NETS[request.param], MIXED))


def test_floors_hold_for_each_accelerator(ran):
    """Every one takes at least the time of its arrays, its vector unit and its DRAM channel, by its own clock."""
    for s, stage in enumerate(ran.program.stages):
        for a, nests in enumerate(stage.work):
            if not nests:
                continue
            span, clock = ran.finished[s][a] - ran.started[s][a], 900 * 10**6 if a == 0 else 130 * 10**6
            assert span * clock >= SECOND * sum(nest.compute_cycles for nest in nests)
            assert span * clock >= SECOND * sum(nest.vector_cycles for nest in nests)
            peak = (32 * 24 if a == 0 else 14 * 14) * clock
            assert span * peak >= SECOND * sum(nest.activity.macs for nest in nests)
            assert span * stage.rates[a] >= SECOND * sum(nest.dram_bytes for nest in nests)


@pytest.mark.parametrize("name", NETS)
def test_work_is_conserved(name):
    net = NETS[name]
    result = ppsim.simulate(net, MIXED)
    assert result.macs == net.macs == ppsim.simulate(net, TETRIS).macs
    assert result.energy["mac"] == pytest.approx(net.macs * MIXED.energy.mac_pj.value, rel=1e-12)


def test_durations_follow_each_ones_own_clock():
    """One weight each: 1x1 by 1x1 takes 2 rows + cols - 1 cycles on an array, after the input and the weight are there.

    One burst of 32 bytes takes ceil(32 / (8 x 0.92) ns); input and weight take turns; 43 ns of latency.
    """
    graph = LayerGraph("net", (2,), (Linear(name="a", out_features=2),))
    apart = PartitionedLayer((1, 1), (1, 1), ((Kept(0, 1),), (Kept(1, 1),)))
    net = PartitionedGraph(graph, 2, {"a": apart})
    hardware = replace(MIXED, accelerators=2, groups=(BIG, replace(LITTLE, count=1)))
    hardware = replace(hardware, dram=replace(hardware.dram, efficiency_mixed=0.92))
    trace = run(place(net, hardware))
    loaded = 2 * -(-32 * SECOND // 7_360_000_000) + 43 * 10**6
    computed = [int(ends["array"].expand()[-1]) - loaded for ends in trace.ends]
    assert computed == [-(-(2 * 32 + 24 - 1) * SECOND // 900_000_000), -(-(2 * 14 + 14 - 1) * SECOND // 130_000_000)]


@pytest.mark.parametrize("engine", ["shortcuts", "reference"])
def test_accelerators_that_differ_in_their_clock_alone(engine):
    """The same tiles, twice at 500 MHz and twice at 125: what is computed takes four times as long."""
    groups = (Group("as ever", 2), Group("slow", 2, clock_mhz=125))
    hardware = replace(TETRIS, groups=groups, dram=replace(TETRIS.dram, bandwidth_gb_s=1e6))
    layers = (Linear(name="a", out_features=400), Linear(name="b", out_features=400))
    program = place(ppsim.partition(LayerGraph("net", (400,), layers, 50), 4, layers="*"), hardware)
    trace = run(program, engine)
    for s in (1, 2):
        assert len(set(program.stages[s].work[1:])) == 1  # accelerator 0 alone stores what it makes at the end
        spans = [trace.finished[s][a] - trace.started[s][a] for a in range(4)]
        assert spans[2] == spans[3]
        assert 3.5 * spans[1] < spans[2] <= 4 * spans[1]


def test_vector_units_by_their_own_clock_and_lanes():
    """A softmax of 60 positions' units where they are, then on each accelerator alone: 4 operations an element."""
    net = LayerGraph("net", (64,), (Softmax(name="s"),), batch=6)
    for group in (BIG, replace(LITTLE, count=1)):
        hardware = replace(TETRIS, accelerators=1, groups=(group,))
        (kind,) = hardware.kinds
        (nest,) = place(net, hardware).stages[1].work[0]
        assert nest.vector_cycles == ceil(4 * 64 * 6 / kind.vector.lanes)
        trace = run(place(net, hardware))
        times = trace.ends[0]["array"].expand()
        loaded = int(trace.ends[0]["inputs"].expand()[0]) + 43 * 10**6
        if nest.length == 1:
            assert times[-1] - loaded == -(-nest.vector_cycles * SECOND // round(kind.clock_mhz * 10**6))


def test_sums_are_added_at_the_clock_of_the_one_who_adds():
    """640 sums at 30 lanes of 900 MHz if the big one is accelerator 0, at 14 lanes of 130 MHz if it is not."""
    graph = LayerGraph("net", (2,), (Linear(name="a", out_features=640),))
    cut = PartitionedLayer((1, 1), (640,), ((Kept(0, 1), Kept(1, 1)),), split="inputs")
    net, little = PartitionedGraph(graph, 2, {"a": cut}), replace(LITTLE, count=1)
    added = []
    for groups in ((BIG, little), (little, BIG)):
        hardware = replace(MIXED, accelerators=2, groups=groups)
        program = place(net, hardware)
        trace = run(program)
        (sums, write) = program.stages[1].messages
        assert (sums.sums, sums.destination, write.source) == (640, 0, 0)
        left = max(trace.finished[1])
        links = -(-640 * 4 * SECOND // 8_000_000_000) + 4 * 10**6
        added.append(trace.messages[1][0] - left - links)
    assert added == [-(-22 * SECOND // 900_000_000), -(-46 * SECOND // 130_000_000)]


def shares(net: LayerGraph, system: ppsim.System) -> list[int]:
    return [sum(n.activity.macs for n in nests) for nests in place(net, system).stages[1].work]


def test_faster_accelerators_get_more_units():
    """Compute-bound: in proportion to speed. DRAM-bound: all alike, as their channels are. Equal ones: evenly."""
    bound_by_arrays = replace(MIXED, dram=replace(MIXED.dram, bandwidth_gb_s=1000))
    net = LayerGraph("net", (600,), (Linear(name="fc", out_features=1000),), batch=500)
    big, *little = shares(net, bound_by_arrays)
    assert big > 20 * max(little)
    assert max(little) - min(little) <= 600 * 500
    bound_by_dram = replace(MIXED, dram=replace(MIXED.dram, bandwidth_gb_s=0.001))
    assert len(set(shares(network(batch=1), bound_by_dram))) == 1
    assert len(set(shares(network(), TETRIS))) == 1


def test_dividing_by_speed_beats_dividing_evenly():
    """Evenly is how parts are placed, one on each: the slow ones then hold up the fast one."""
    graph = LayerGraph("net", (480,), (Linear(name="fc", out_features=960),), batch=300)
    even = PartitionedLayer((120,) * 4, (240,) * 4, (tuple(Kept(p, 120) for p in range(4)),) * 4)
    fast = ppsim.simulate(graph, MIXED)
    slow = ppsim.simulate(PartitionedGraph(graph, 4, {"fc": even}), MIXED)
    assert fast.macs == slow.macs
    assert fast.seconds < slow.seconds / 3


def test_alone_is_the_first_accelerator():
    alone = MIXED.alone()
    assert alone.accelerators == 1
    assert alone.kinds == (MIXED.accelerator(0),)
    assert (alone.clock_hz, alone.static_accelerators) == (900 * 10**6, 2.5)
    plain = replace(TETRIS, accelerators=1, clock_mhz=900, array=BIG.array, buffer=BIG.buffer, vector=BIG.vector)
    one, other = ppsim.simulate(network(), alone), ppsim.simulate(network(), plain)
    assert (one.cycles, one.seconds, one.dram_bytes) == (other.cycles, other.seconds, other.dram_bytes)
    for component in set(COMPONENTS) - {"leakage"}:
        assert one.energy[component] == other.energy[component]
    assert one.energy["leakage"] == pytest.approx(2.5 * other.energy["leakage"], rel=1e-12)
    reverse = replace(TETRIS, groups=(LITTLE, BIG))
    comparison = ppsim.compare(network(), reverse, baselines=())
    assert comparison.baselines["single-dense"] == ppsim.simulate(network(), reverse.alone())
    assert reverse.alone().clock_hz == 130 * 10**6
    assert "iso-resources" not in ppsim.compare(network(), MIXED).baselines


def test_leakage_counts_static_power():
    """2.5 + 3 x 0.25 accelerators' worth, until the run ends."""
    result = ppsim.simulate(network(), MIXED)
    watts = MIXED.energy.leakage_w.value
    assert watts > 0
    assert result.energy["leakage"] == pytest.approx(3.25 * watts * result.seconds * 1e12, rel=1e-12)


def test_cycles_are_those_of_accelerator_0():
    for groups, clock in (((BIG, LITTLE), 900_000_000), ((LITTLE, BIG), 130_000_000)):
        system = replace(TETRIS, groups=groups)
        program = place(network(), system)
        result = ppsim.simulate(network(), system)
        assert result.cycles == -(-run(program).end_fs * clock // SECOND)
        assert sum(layer.cycles for layer in result.layers) == result.cycles


def test_utilisation_is_of_the_peak_of_all():
    system = replace(MIXED, launch_us=0)
    net = LayerGraph("net", (600,), (Linear(name="fc", out_features=600),))
    (layer,) = ppsim.simulate(net, system).layers
    peak = 32 * 24 * 900e6 + 3 * 14 * 14 * 130e6
    assert layer.utilisation == pytest.approx(600 * 600 / (peak * ppsim.simulate(net, system).seconds), rel=1e-9)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("sharing", ["private", "shared", 2])
def test_equal_groups_are_the_homogeneous_system(name, sharing):
    """To the last bit, whether a group leaves something out or says it again; the assumptions name the groups."""
    plain = replace(TETRIS, dram=replace(TETRIS.dram, sharing=sharing))
    again = Group("b", 3, plain.clock_mhz, plain.array, plain.buffer, plain.vector, 1.0)
    for groups in ((Group("a", 2), Group("b", 2)), (Group("a", 1), again)):
        grouped = replace(plain, groups=groups)
        one, other = ppsim.simulate(NETS[name], plain), ppsim.simulate(NETS[name], grouped)
        assert replace(one, assumptions=()) == replace(other, assumptions=())
        assert one.assumptions[1:] == other.assumptions[len(groups) :]
        assert [line.split(":")[0] for line in other.assumptions[:2]] == [g.name for g in groups]
    by_group = replace(plain, clock_mhz=1, groups=(Group("all", 4, plain.clock_mhz),))
    assert replace(ppsim.simulate(NETS[name], by_group), assumptions=()) == replace(
        ppsim.simulate(NETS[name], plain), assumptions=()
    )
