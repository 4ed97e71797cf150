"""Shortcuts and the compiled loop change nothing: task end by task end, server by server."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

import ppsim
from ppsim.engine.run import run
from ppsim.engine.trace import SERVERS, Trace
from ppsim.mapping.messages import NO_MESSAGES, Message, Messages
from ppsim.mapping.place import place
from ppsim.mapping.program import FIRST, LAST, LOOPS, Activity, Nest, Program, Stage, Tile, state_tallies
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Linear

from .systems import attention, convolutional, cut, fully_connected, systems


def assert_same(auto: Trace, reference: Trace) -> None:
    assert auto.end_fs == reference.end_fs
    for one, other in zip(auto.ends, reference.ends, strict=True):
        for server in SERVERS:
            assert len(one[server]) == len(other[server]), server
            assert np.array_equal(one[server].expand(), other[server].expand()), server
    assert auto.messages == reference.messages
    assert auto.started == reference.started
    assert auto.finished == reference.finished
    assert auto.delivered == reference.delivered
    assert auto.channels == reference.channels
    assert auto.links == reference.links


def assert_within_spans(trace: Trace) -> None:
    """Between start and end of a stage an accelerator's arrays, vector unit and DRAM have time for all of it."""
    system = trace.program.system
    for s, stage in enumerate(trace.program.stages):
        for a, nests in enumerate(stage.work):
            if nests:
                kind, rate = system.accelerator(a), stage.rates[system.channel_of(a)]
                span = trace.finished[s][a] - trace.started[s][a]
                assert trace.started[s][a] >= 0
                assert span >= kind.cycles_fs(sum(nest.compute_cycles for nest in nests))
                assert span >= kind.cycles_fs(sum(nest.vector_cycles for nest in nests))
                assert span >= sum(nest.dram_bytes for nest in nests) * 10**15 // rate


def check(program: Program) -> tuple[Trace, Trace]:
    auto, reference, compiled = (run(program, engine) for engine in ("shortcuts", "reference", "compiled"))
    assert_same(auto, reference)
    assert_same(compiled, reference)
    assert compiled.events == reference.events
    assert_within_spans(reference)
    assert reference.shortcuts == {}
    return auto, reference


def placed(net: ppsim.LayerGraph | ppsim.PartitionedGraph, system: ppsim.System) -> Program:
    """The program of an example that runs, and within reason."""
    try:
        program = place(net, system)
    except ppsim.InputError as error:
        if not any(reason in str(error) for reason in ("product fits the", "have to stay on chip", "fill the")):
            raise
        reject()
    assume(sum(nest.length for stage in program.stages for nests in stage.work for nest in nests) < 20_000)
    return program


@given(data=st.data(), net=fully_connected(), accelerators=st.integers(1, 6))
@settings(max_examples=250)
def test_fully_connected(data, net, accelerators):
    if data.draw(st.booleans(), label="partitioned"):
        parts = data.draw(st.integers(1, 6), label="parts")
        keep = data.draw(st.sampled_from([None, None, 1 / parts, (1 + 1 / parts) / 2, 1]), label="keep")
        net = ppsim.partition(net, parts, keep=keep)
    check(placed(net, data.draw(systems(accelerators))))


anything = st.one_of(fully_connected(), fully_connected(), attention(), convolutional())


@given(data=st.data(), net=anything, accelerators=st.integers(1, 6), parts=st.integers(1, 6))
@settings(max_examples=200)
def test_cut_in_any_way(data, net, accelerators, parts):
    check(placed(data.draw(cut(net, parts, accelerators)), data.draw(systems(accelerators))))


@given(data=st.data(), net=attention(), accelerators=st.integers(1, 6))
@settings(max_examples=120)
def test_attention(data, net, accelerators):
    check(placed(net, data.draw(systems(accelerators))))


@given(data=st.data(), net=convolutional(), accelerators=st.integers(1, 5))
@settings(max_examples=150)
def test_convolutional(data, net, accelerators):
    check(placed(net, data.draw(systems(accelerators))))


def test_idle_in_one_branch_of_two():
    """All but accelerator 0 have nothing to do for `a`, and are through with it the moment they begin with `b`."""
    layers = (Linear(name="a", out_features=1), Linear(name="b", out_features=64, inputs=("input",)))
    for accelerators in (2, 3, 8):
        check(place(LayerGraph("net", (64,), layers), ppsim.load_system("tetris", accelerators=accelerators)))


@st.composite
def nests(draw: st.DrawFn, stores: bool) -> Nest:
    """Loops over any tiles: what no mapping would choose too, as vector units that fall ever further behind."""
    counts = [draw(st.sampled_from([1, 1, 1, 2, 5])) for _ in range(LOOPS)]
    counts[draw(st.integers(0, LOOPS - 1))] = draw(st.sampled_from([1, 20, 50]))
    sizes, cycles = st.sampled_from([0, 0, 64, 64, 320]), st.sampled_from([0, 5, 5, 80])
    tile = st.builds(Tile, sizes, sizes, cycles, cycles, st.sampled_from([64, 320]), st.just(False))
    usual, odd = draw(tile), draw(st.lists(tile, min_size=1, max_size=3))
    tiles = {}
    for states, _ in state_tallies(tuple(counts)):
        found = draw(st.sampled_from(odd)) if draw(st.integers(0, 3)) == 0 else usual
        closes = states[-1] == LAST or counts[-1] == 1  # the innermost loop is the reduction
        stored = found.output_bytes if stores and closes else 0
        tiles[states] = found._replace(output_bytes=stored, opens_output=states[-1] == FIRST)
    spaces = [draw(st.sampled_from([640, 700, 2000])) for _ in range(2)]
    return Nest(tuple(counts), tiles, Activity(), *spaces, draw(st.booleans()))


@given(data=st.data(), accelerators=st.integers(1, 4), stages=st.integers(1, 4))
@settings(max_examples=100)
def test_any_tiles(data, accelerators, stages):
    """Stages that wait for any before, each accelerator with nests of its own or those of others, and messages."""
    hardware = data.draw(systems(accelerators))
    pool = data.draw(st.lists(nests(data.draw(st.booleans())), min_size=1, max_size=3))
    some = st.lists(st.sampled_from(pool), max_size=2).map(tuple)
    everyone, links = range(accelerators), {}
    rates = (hardware.dram.rate(2, 1),) * hardware.channels
    found = [Stage("input", ("input",), "input", (), ((),) * accelerators, (0,) * accelerators, NO_MESSAGES, rates)]
    for number in range(1, stages + 1):
        work = (data.draw(some),) * accelerators if data.draw(st.booleans()) else [data.draw(some) for _ in everyone]
        pairs = data.draw(st.sets(st.tuples(st.sampled_from(everyone), st.sampled_from(everyone)), max_size=4))
        written, size = data.draw(st.booleans()), data.draw(st.sampled_from([100, 3000]))
        messages = []
        for source, destination in sorted(pairs):
            route = hardware.interconnect.route(accelerators, source, destination)
            hops = tuple(links.setdefault(link, len(links)) for link in route)
            if hops or written:
                messages.append(Message(source, destination, size, hops, written))
        reads = [data.draw(st.sampled_from([0, 0, 640])) for _ in everyone]
        waits = data.draw(st.sets(st.integers(0, number - 1), min_size=1))
        stage = Stage(f"{number}", (), "product", tuple(waits), tuple(work), tuple(reads), Messages.of(messages), rates)
        found.append(stage)
    program = Program(hardware, tuple(found), tuple(links), 16)
    assume(sum(nest.length for stage in found for work in stage.work for nest in work) < 4_000)
    check(program)


def test_a_stage_ends_with_the_vector_unit():
    """It still works on the first of two tiles when the second is through; 5 cycles of 2 ns."""
    hardware = ppsim.load_system("tetris", accelerators=1, set={"launch_us": 0})
    tiles = {(0, 0, 0, 0, state): Tile(0, 0, 1, vector, 0, state == FIRST) for state, vector in ((FIRST, 5), (LAST, 0))}
    nest = Nest((1, 1, 1, 1, 2), tiles, Activity(), 640, 640)
    begin = Stage("input", ("input",), "input", (), ((),), (0,), NO_MESSAGES, (1,))
    work = Stage("work", (), "product", (0,), ((nest,),), (0,), NO_MESSAGES, (1,))
    _, reference = check(Program(hardware, (begin, work), (), 16))
    assert reference.finished[1] == (12 * 10**6,)


@pytest.mark.parametrize("name", ["tetris", "shared-dram"])
@pytest.mark.parametrize("accelerators", [1, 3, 8])
@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
def test_tinyvgg16_takes_shortcuts(name, accelerators, dataflow):
    net = ppsim.partition(ppsim.load_workload("tinyvgg16"), accelerators)
    system = ppsim.load_system(name, accelerators=accelerators, set={"array.dataflow": dataflow})
    auto, reference = check(place(net, system))
    if (name, accelerators) != ("shared-dram", 8):  # eight on one channel leave few long loops to collapse
        assert auto.shortcuts["steady_state"] > 0
        assert auto.events < reference.events
    result = ppsim.simulate(net, system, "shortcuts")
    assert result.shortcuts == auto.shortcuts
    if name == "tetris" and accelerators == 8:
        assert auto.shortcuts["echo"] > 0
