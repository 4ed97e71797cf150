"""Messages: by hand to the femtosecond, and against a little model that knows nothing of the engine."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ppsim
from ppsim.engine.run import run
from ppsim.engine.trace import Trace
from ppsim.hardware.interconnect import Edge, InterconnectSpec
from ppsim.mapping.messages import NO_MESSAGES, Message, Messages
from ppsim.mapping.place import place
from ppsim.mapping.program import FIRST, LAST, LOOPS, MIDDLE, Activity, Nest, Program, Stage, Tile
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Linear
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer

from .exchange_model import assert_exchanged_as_modelled
from .systems import attention, convolutional, cut, fully_connected, systems
from .test_equivalence import check, placed

NS = 10**6


def system(accelerators: int, links: InterconnectSpec, **settings) -> ppsim.System:
    """A cycle is 2 ns, DRAM serves a byte in 1 ns and has it there 50 ns later."""
    fixed = {
        "clock_mhz": 500,
        "launch_us": 0,
        "vector.lanes": 2,
        "dram.bandwidth_gb_s": 1,
        "dram.latency_ns": 50,
        "dram.efficiency_streaming": 1,
        "dram.efficiency_mixed": 1,
        "dram.burst_bytes": 32,
    }
    return replace(ppsim.load_system("tetris", accelerators=accelerators, set=fixed | settings), interconnect=links)


def links(topology: str, **changes) -> InterconnectSpec:
    """A byte takes 1 ns, a hop 100 ns."""
    return InterconnectSpec(topology, **({"bandwidth_gb_s": 1, "latency_ns": 100} | changes))


def busy(cycles: int) -> tuple[Nest, ...]:
    """A tile that loads and stores nothing."""
    one = (1,) * LOOPS
    return (Nest(one, {(0,) * LOOPS: Tile(0, 0, cycles, 0, 0, False)}, Activity(), 1000, 0),) if cycles else ()


def program_of(hardware: ppsim.System, *messages: tuple, cycles=None, reads=None) -> Program:
    """The input, and one stage: accelerators compute for `cycles`, then send (source, destination, bytes, changes)."""
    count, numbers = hardware.accelerators, {}
    sent = []
    for source, destination, size, *changes in messages:
        route = hardware.interconnect.route(count, source, destination) if size else ()
        hops = tuple(numbers.setdefault(link, len(numbers)) for link in route)
        sent.append(Message(source, destination, size, hops, False)._replace(**(changes[0] if changes else {})))
    work = tuple(busy(c) for c in cycles or [0] * count)
    rates = (hardware.dram.rate(1, 0),) * hardware.channels
    none = (0,) * count
    begin = Stage("input", ("input",), "input", (), ((),) * count, none, NO_MESSAGES, rates)
    stage = Stage("s", ("s",), "product", (0,), work, tuple(reads or none), Messages.of(sent), rates)
    return Program(hardware, (begin, stage), tuple(numbers), 16)


def arrivals(program: Program) -> list[float]:
    """Nanoseconds; also as the little model has them."""
    trace, _ = check(program)
    assert_exchanged_as_modelled(program, trace)
    return [time / NS for time in trace.messages[-1]]


def link_use(program: Program) -> dict[tuple, tuple[float, int]]:
    trace = run(program)
    return {link: (use.busy_fs / NS, use.bytes) for link, use in zip(program.links, trace.links, strict=True)}


STORED = {"switching": "store-and-forward"}


@pytest.mark.parametrize(
    ("changes", "time"),
    [({}, 21_031), (STORED, 60_093), (STORED | {"chunks": 3}, 34_051.666668)],
)
def test_three_hops_of_a_ring(changes, time):
    """19,531 ns of serialisation over 500 ns links: once; three times; and 5 chunks of 6,510.333334 ns."""
    hardware = system(8, links("ring", latency_ns=500, **changes))
    assert arrivals(program_of(hardware, (0, 3, 19_531))) == [pytest.approx(time, rel=0, abs=1e-9)]
    assert run(program_of(hardware, (0, 3, 19_531))).end_fs == {21_031: 21_031 * NS, 60_093: 60_093 * NS}.get(
        time, 1_500 * NS + 19_531 * NS + 2 * 6_510_333_334
    )


def test_crossing_flows_on_a_mesh():
    """0 1 2 over 3 4 5, along the row first. 1 -> 2 gets its link at 0, 1 -> 5 from 500; 0 -> 5 is there at 100.

    It enters 1-2 at 700 and leaves at 1700; 1 -> 5 is on 2-5 from 600 to 800, then it: 800, with its tail until 1800.
    """
    sends = (0, 5, 1000), (1, 2, 500), (1, 5, 200)
    program = program_of(system(6, links("mesh", shape=(2, 3))), *sends)
    assert arrivals(program) == [1900, 600, 900]
    assert link_use(program) == {(0, 1): (1000, 1000), (1, 2): (1700, 1700), (2, 5): (1200, 1200)}


def test_crossing_flows_on_a_mesh_in_two_chunks():
    """The first 500 bytes of 0 -> 5 are at 1 at 600 and enter 1-2 at 700 until 1700, as the rest is there at 1100.

    1 -> 5: its first 100 bytes leave at 500 and are at 2 at 700, the others leave 2-5 at 900. The first chunk of 0 -> 5
    is at 2 at 1300, when 2-5 is free; the last one comes at 1800, and leaves at 2300.
    """
    hardware = system(6, links("mesh", shape=(2, 3), **STORED, chunks=2))
    program = program_of(hardware, (0, 5, 1000), (1, 2, 500), (1, 5, 200))
    assert arrivals(program) == [2400, 600, 1000]
    assert link_use(program)[2, 5] == (200 + 1000, 1200)


@pytest.mark.parametrize(
    ("first", "second", "changes", "time", "busy_second"),
    [
        # cut through: head at 50; slow 0.25 GB/s takes 4000 from there
        (4, 0.25, {}, 50 + 4000 + 50, 4000),
        # the slow link goes first: its tail leaves at 4000 and is the tail of the fast one too, 50 later
        (0.25, 4, {}, 4000 + 50 + 50, 4000),
        # stored whole: both in full
        (4, 0.25, STORED, 250 + 50 + 4000 + 50, 4000),
        (0.25, 4, STORED, 4000 + 50 + 250 + 50, 250),
        # in 2 chunks: the first is stored for 125 ns, then the slow link works through
        (4, 0.25, STORED | {"chunks": 2}, 125 + 50 + 4000 + 50, 4000),
        # the second comes out at 4050 and takes 125 more; the first went in at 2050
        (0.25, 4, STORED | {"chunks": 2}, 4000 + 50 + 125 + 50, 4050 + 125 - 2050),
    ],
)
def test_a_fast_link_and_a_slow_one(first, second, changes, time, busy_second):
    """1000 bytes at 4 GB/s take 250 ns, at 0.25 GB/s 4000 ns; hops of 50 ns."""
    edges = (Edge(0, "s", bandwidth_gb_s=first), Edge("s", 1, bandwidth_gb_s=second), Edge("s", 2))
    program = program_of(system(3, links("edges", latency_ns=50, edges=edges, **changes)), (0, 1, 1000))
    assert arrivals(program) == [time]
    assert link_use(program)["s", 1] == (busy_second, 1000)


def test_an_edge_has_its_own_bandwidth_and_latency():
    """0-s: 2 GB/s, 7 ns; the others 1 GB/s, 100 ns. 0 -> 1 is at s at 7; 2 -> 1, 300 bytes, at 100 while it is busy."""
    edges = (Edge(0, "s", bandwidth_gb_s=2, latency_ns=7), Edge(1, "s"), Edge(2, "s"))
    program = program_of(system(3, links("edges", edges=edges)), (0, 1, 1000), (2, 1, 300), (1, 0, 300))
    # the last one: at s at 100; 0.5 ns a byte is faster than its tail comes, at 400
    assert arrivals(program) == [7 + 1000 + 100, 1007 + 300 + 100, 400 + 7]
    # 2 -> 1 would leave s-1 at 400 but for the first one, until 1007; its tail has long been there
    assert link_use(program)["s", 1] == (1300, 1300)
    assert link_use(program)["s", 0] == (300, 300)


def test_all_on_one_bus():
    """One after the other in order of their numbers; a second at the time it is asked for, not when it is free."""
    program = program_of(system(4, links("bus")), (3, 0, 100), (0, 1, 200), (2, 1, 300), (1, 3, 50))
    assert arrivals(program) == [200, 400, 700, 750]
    assert link_use(program) == {("bus", "bus"): (650, 650)}
    # accelerators 0 and 2 are busy: 0 -> 1 leaves at 20, 3 -> 0 too, 2 -> 1 at 40, 1 -> 3 at 0
    program = program_of(
        system(4, links("bus")), (3, 0, 100), (0, 1, 200), (2, 1, 300), (1, 3, 50), cycles=[10, 0, 20, 0]
    )
    assert arrivals(program) == [50 + 100 + 100, 150 + 200 + 100, 350 + 300 + 100, 150]


@pytest.mark.parametrize(("source", "destination"), [(0, 1), (1, 0)])
def test_a_message_leaves_when_both_ends_have_finished(source, destination):
    program = program_of(system(2, links("mesh")), (source, destination, 10), cycles=[300, 7])
    assert arrivals(program) == [600 + 10 + 100]
    trace = run(program)
    assert trace.finished[1] == (600 * NS, 14 * NS)
    assert trace.delivered[1][destination] == 710 * NS
    assert trace.delivered[1][source] == trace.finished[1][source]


def test_messages_after_others():
    """0 -> 1 -> 2 passes on at 110; 0 -> 2 has the link 0-1 after it, and needs none of that."""
    sends = (0, 1, 10), (1, 2, 10, {"after": (0,)}), (0, 2, 20), (2, 1, 10, {"after": (1, 2)})
    program = program_of(system(3, links("mesh")), *sends)
    # 0 -> 2: 0-1 from 10 to 30, head at 1 at 110, after 1 -> 2, which came first in number: 120 to 140
    assert arrivals(program) == [110, 220, 240, 350]


def test_ideal_links_take_no_time_and_carry_all_the_same():
    hardware = system(6, links("mesh", shape=(2, 3), ideal=True))
    program = program_of(hardware, (0, 5, 1000), (1, 2, 500), (5, 0, 1, {"after": (0,)}), cycles=[5] * 6)
    assert arrivals(program) == [10, 10, 10]
    use = link_use(program)
    assert set(use.values()) == {(0, 1000), (0, 1500), (0, 1)}
    assert use[1, 2] == (0, 1500)


def test_sums_take_turns_at_the_vector_unit():
    """Two lanes at 2 ns: 31 sums take 32 ns, 4 take 4. The messages come at 110 and 111, the third at 300."""
    hardware = system(4, links("all-to-all"))
    sums = [{"sums": 31}, {"sums": 31}, {"sums": 4}]
    sends = [(source, 0, size, sums[i]) for i, (source, size) in enumerate([(1, 11), (2, 10), (3, 200)])]
    program = program_of(hardware, *sends, (0, 1, 10, {"after": (0, 1)}))
    # 2 -> 0 comes first, at 110
    assert arrivals(program) == [142 + 32, 110 + 32, 300 + 4, 174 + 110]
    off = program_of(replace(hardware, vector=replace(hardware.vector, enabled=False)), *sends)
    assert arrivals(off) == [111, 110, 300]


def test_what_is_written_arrives_with_dram():
    """70 bytes are 96 in bursts of 32, then 50 ns of latency. The second write waits for the first."""
    program = program_of(system(3, links("all-to-all")), (1, 0, 70, {"written": True}), (2, 0, 71, {"written": True}))
    assert arrivals(program) == [170 + 96 + 50, 170 + 96 + 96 + 50]
    # passed on from the scratchpad at once; who shares the DRAM is told when it is written
    program = program_of(
        system(4, links("all-to-all"), **{"dram.sharing": 2}),
        (2, 0, 70, {"written": True}),
        (0, 3, 10, {"after": (0,)}),
        (0, 1, 0, {"after": (0,)}),
    )
    assert arrivals(program) == [170 + 96 + 50, 170 + 10 + 100, 170 + 96 + 50]
    # to oneself: a write alone
    program = program_of(system(2, links("mesh")), (0, 0, 70, {"written": True}), cycles=[3, 0])
    assert arrivals(program) == [6 + 96 + 50]


def test_what_is_sent_from_dram_is_read_when_it_is_written():
    """0 speaks for 1, behind the same channel: it reads at 400, when 1 has finished, not at 20; and 1 need not wait."""
    hardware = system(4, links("all-to-all"), **{"dram.sharing": 2})
    sends = (1, 0, 0), (0, 2, 60, {"after": (0,), "written": True}), (0, 1, 0, {"after": (0,)})
    program = program_of(hardware, *sends, cycles=[10, 200, 0, 0], reads=[64, 0, 0, 0])
    assert arrivals(program) == [400, (400 + 64 + 50) + 60 + 100 + 64 + 50, 400]
    alone = program_of(hardware, (0, 2, 60), (0, 1, 0), cycles=[10, 200, 0, 0], reads=[64, 0, 0, 0])
    assert arrivals(alone) == [20 + 64 + 50 + 60 + 100, 400]


def test_a_stage_starts_with_its_first_load_even_if_the_first_tile_has_none():
    """400 bytes for the second tile, prefetched while the stage before computes: 0 to 400, and 50 of latency."""
    hardware = system(1, links("mesh"))
    tiles = {(0, 0, 0, 0, FIRST): Tile(0, 0, 1, 0, 0, False), (0, 0, 0, 0, LAST): Tile(400, 0, 1, 0, 0, False)}
    nest = Nest((1, 1, 1, 1, 2), tiles, Activity(), 1000, 0)
    program = program_of(hardware, cycles=[1000])
    second = replace(program.stages[1], waits_for=(1,), work=((nest,),))
    trace, _ = check(replace(program, stages=(*program.stages, second)))
    assert trace.started[1:] == ((0,), (0,))
    assert trace.finished[1:] == ((2000 * NS,), (2004 * NS,))


@pytest.mark.parametrize("sharing", ["private", "shared"])
@pytest.mark.parametrize("cycles", [10, 3000, 20_000])
@pytest.mark.parametrize("size", [100, 20_000])
def test_a_message_comes_in_the_middle_of_another_branch(sharing, cycles, size):
    """All are in the long loop of a stage that does not need the message, which 0 adds up or writes meanwhile.

    2 does what 0 does but for that.
    """
    hardware = system(3, links("mesh"), **{"dram.sharing": sharing, "dram.bandwidth_gb_s": 0.3})
    states = [(0, 0, 0, 0, state) for state in (FIRST, MIDDLE, LAST)]
    loop = Nest((1, 1, 1, 1, 500), dict.fromkeys(states, Tile(32, 64, 9, 3, 0, False)), Activity(), 200, 200)
    for changes in ({"written": True}, {"sums": 4000}):
        program = program_of(hardware, (1, 0, size, changes), cycles=[10, cycles, 10])
        begin, stage = program.stages
        between = replace(stage, name="between", work=(busy(5),) * 3, messages=NO_MESSAGES)
        branch = replace(stage, name="branch", waits_for=(2,), work=((loop,),) * 3, messages=NO_MESSAGES)
        joined = replace(stage, name="joined", waits_for=(1, 3), work=(busy(10),) * 3, messages=NO_MESSAGES)
        program = replace(program, stages=(begin, stage, between, branch, joined))
        trace, _ = check(program)
        assert trace.started[3][0] < trace.messages[1][0]
        assert trace.finished[4][0] >= max(trace.messages[1][0], trace.finished[3][0])


def chain(first: int, second: int) -> LayerGraph:
    return LayerGraph("net", (8,), (Linear(name="a", out_features=first), Linear(name="b", out_features=second)))


def after(program: Program, trace: Trace, stage: int) -> list[float]:
    """Nanoseconds from when all have finished a stage at once to the arrival of each message."""
    begun = {trace.finished[stage][a] for a in range(program.system.accelerators)}
    (start,) = begun
    assert_exchanged_as_modelled(program, trace)
    return [(time - start) / NS for time in trace.messages[stage]]


def test_ring_all_gather_of_four():
    """Two features of 2 bytes each: every round takes 4 + 100 ns and waits for the one before."""
    program = place(chain(8, 8), system(4, links("ring")))
    trace = run(program)
    assert program.system.interconnect.exchange("all_gather") == "ring"
    assert after(program, trace, 1) == [104] * 4 + [208] * 4 + [312] * 4


@pytest.mark.parametrize(
    ("topology", "times"),
    [
        # links of their own: member i is reached in as many rounds as i has ones
        ("all-to-all", {1: 102, 2: 102, 3: 204, 4: 102, 5: 204, 6: 204, 7: 306}),
        # over two links, 202 a hop, and the root sends one after the other
        ("crossbar", {1: 202, 2: 204, 4: 206, 3: 404, 5: 406, 6: 406, 7: 606}),
    ],
)
def test_tree_broadcast_to_eight(topology, times):
    """One feature of 2 bytes, made by accelerator 0 (the others have nothing to do and have finished long before)."""
    program = place(chain(1, 8), system(8, links(topology)))
    trace = run(program)
    assert_exchanged_as_modelled(program, trace)
    messages = program.stages[1].messages
    assert [(m.source, m.destination) for m in messages] == [(0, 1), (0, 2), (1, 3), (0, 4), (1, 5), (2, 6), (3, 7)]
    found = {
        m.destination: (time - trace.finished[1][0]) / NS for m, time in zip(messages, trace.messages[1], strict=True)
    }
    assert found == times


def test_tree_reduction_of_eight():
    """8 sums of 32 bit: 32 ns + 100 ns on a link of its own, then 4 cycles of two lanes: 8 ns. Three rounds.

    The root adds what comes from 4, then from 2 and 1; the result's 16 bytes, a burst, are in DRAM 32 + 50 ns later.
    """
    graph = LayerGraph("net", (8,), (Linear(name="a", out_features=8),))
    cut_by_inputs = PartitionedLayer((1,) * 8, (8,), (tuple(Kept(p, 1) for p in range(8)),), split="inputs")
    program = place(PartitionedGraph(graph, 8, {"a": cut_by_inputs}), system(8, links("all-to-all", reduce="tree")))
    trace = run(program)
    messages = program.stages[1].messages
    found = dict(zip(((m.source, m.destination) for m in messages), after(program, trace, 1), strict=True))
    sent = {(7, 3): 140, (6, 2): 140, (5, 1): 140, (4, 0): 140, (3, 1): 280, (2, 0): 280, (1, 0): 420}
    assert found == sent | {(0, 0): 420 + 82}
    assert trace.end_fs == trace.delivered[1][0] == trace.finished[1][0] + 502 * NS


@given(data=st.data(), accelerators=st.integers(1, 6))
@settings(max_examples=80)
def test_random_programs_exchange_as_modelled(data, accelerators):
    """Networks cut in any way on any system. Sums only where networks are chains: there, vector units are idle."""
    parts = data.draw(st.integers(1, 6))
    nets = st.one_of(
        fully_connected().flatmap(lambda net: cut(net, parts, accelerators)),
        fully_connected().flatmap(lambda net: cut(net, parts, accelerators)),
        attention(),
        convolutional(),
    )
    program = placed(data.draw(nets), data.draw(systems(accelerators)))
    assert_exchanged_as_modelled(program, run(program))


@given(data=st.data(), accelerators=st.integers(2, 9))
@settings(max_examples=70)
def test_random_messages_as_modelled(data, accelerators):
    """Any messages between any accelerators: few sizes and times, so that many come at once."""
    hardware = data.draw(systems(accelerators))
    lucky = st.integers(0, 2)
    messages = []
    for _ in range(data.draw(st.integers(1, 14))):
        source = data.draw(st.integers(0, accelerators - 1))
        destination = data.draw(st.integers(0, accelerators - 1))
        size = data.draw(st.sampled_from([0, 4, 100, 100, 1000])) if source != destination else 64
        to_source = [n for n, m in enumerate(messages) if m[1] == source]
        behind = tuple(n for n in to_source if data.draw(lucky) == 0)
        adds = size and source != destination and data.draw(st.booleans())
        changes = {"after": behind, "written": bool(size) and not adds, "sums": size // 4 if adds else 0}
        messages.append((source, destination, size, changes))
    cycles = [data.draw(st.sampled_from([0, 0, 50, 1000])) for _ in range(accelerators)]
    reads = [data.draw(st.sampled_from([0, 0, 64])) for _ in range(accelerators)]
    arrivals(program_of(hardware, *messages, cycles=cycles, reads=reads))
