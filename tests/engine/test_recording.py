"""What is recorded is what the reference engine did: every tile, request and message, once, when the Trace says."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ppsim
from ppsim.engine.recording import record
from ppsim.engine.run import run
from ppsim.engine.trace import (
    ARRAY,
    EXCHANGE_READS,
    EXCHANGE_WRITES,
    INPUTS,
    MESSAGE,
    OUTPUTS,
    SERVERS,
    SUMS,
    VECTOR,
    WEIGHTS,
    WORKS,
    Recording,
    Work,
)
from ppsim.hardware.accelerator import Group
from ppsim.mapping.place import place
from ppsim.mapping.program import Program, Tile, kind_of
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Elementwise, Linear

from .systems import attention, convolutional, cut, fully_connected, systems
from .test_equivalence import assert_same, placed


def check(program: Program) -> Recording:
    recording = record(program)
    assert_same(recording.trace, run(program, "reference"))
    servers = (*recording.arrays, *recording.vector_units, *recording.channels, *recording.links)
    for work in servers:
        assert_in_order(work, program.system.launch_fs, recording.trace.end_fs)
    assert_all_tiles(recording)
    assert_all_requests(recording)
    assert_all_messages(recording)
    return recording


def assert_in_order(work: Work, start: int, end: int) -> None:
    """One after the other, within the run."""
    if len(work):
        assert (work["end"] > work["start"]).all()
        assert (work["start"][1:] >= work["end"][:-1]).all()
        assert start <= work["start"][0]
        assert work["end"][-1] <= end


def tiles_of(program: Program, accelerator: int) -> list[tuple[int, int, int, Tile]]:
    """(stage, nest, number, tile) of all tiles of an accelerator, in program order."""
    found = []
    for s, stage in enumerate(program.stages):
        for n, nest in enumerate(stage.work[accelerator]):
            by_kind = {kind_of(states): tile for states, tile in nest.tiles.items()}
            found += [(s, n, number, by_kind[kind]) for number, kind in enumerate(nest.kinds)]
    return found


def whose(work: Work) -> list[tuple[int, int, int]]:
    return list(zip(work["stage"].tolist(), work["nest"].tolist(), work["tile"].tolist(), strict=True))


def assert_all_tiles(recording: Recording) -> None:
    """Arrays and vector units did every tile, for as long as it takes, and ended when the Trace says."""
    trace, program = recording.trace, recording.trace.program
    for a, (arrays, vector_unit) in enumerate(zip(recording.arrays, recording.vector_units, strict=True)):
        kind, tiles = program.system.accelerator(a), tiles_of(program, a)
        assert set(arrays["what"].tolist()) <= {ARRAY}
        assert set(vector_unit["what"].tolist()) <= {VECTOR, SUMS}
        vector = vector_unit[vector_unit["what"] == VECTOR]
        assert whose(arrays) == [(s, n, i) for s, n, i, tile in tiles if tile.compute_cycles]
        assert whose(vector) == [(s, n, i) for s, n, i, tile in tiles if tile.vector_cycles]
        computes = [kind.cycles_fs(tile.compute_cycles) for *_, tile in tiles if tile.compute_cycles]
        assert (arrays["end"] - arrays["start"]).tolist() == computes
        vectors = [kind.cycles_fs(tile.vector_cycles) for *_, tile in tiles if tile.vector_cycles]
        assert (vector["end"] - vector["start"]).tolist() == vectors
        ends = dict(zip(whose(arrays), arrays["end"].tolist(), strict=True))
        ends |= dict(zip(whose(vector), vector["end"].tolist(), strict=True))
        traced = trace.ends[a]["array"].expand().tolist()
        of_tile = {(s, n, i): end for (s, n, i, _), end in zip(tiles, traced, strict=True)}
        assert ends == {of: of_tile[of] for of in ends}


def assert_all_requests(recording: Recording) -> None:
    """Channels were busy and moved what the Trace says; each request has its bytes, and ended when the Trace says."""
    trace, program = recording.trace, recording.trace.program
    for number, (quanta, use) in enumerate(zip(recording.channels, trace.channels, strict=True)):
        assert int((quanta["end"] - quanta["start"]).sum()) == use.busy_fs
        assert (int(quanta["bytes"].sum()), len(quanta)) == (use.bytes, use.quanta)
        assert all(program.system.channel_of(a) == number for a in quanta["accelerator"].tolist())
        assert quanta["bytes"].max(initial=0) <= program.system.dram.quantum_bytes
    together = np.concatenate(recording.channels)
    for a in range(program.system.accelerators):
        mine = together[together["accelerator"] == a]
        tiles = tiles_of(program, a)
        sizes = {
            WEIGHTS: {(s, n, i, -1): tile.weight_bytes for s, n, i, tile in tiles},
            INPUTS: {(s, n, i, -1): tile.input_bytes for s, n, i, tile in tiles},
            OUTPUTS: {(s, n, i, -1): tile.output_bytes for s, n, i, tile in tiles},
            EXCHANGE_READS: {(s, -1, -1, -1): stage.reads[a] for s, stage in enumerate(program.stages)},
            EXCHANGE_WRITES: {
                (s, -1, -1, number): program.system.dram.rounded(message.bytes)
                for s, stage in enumerate(program.stages)
                for number, message in enumerate(stage.messages)
                if message.written and message.destination == a
            },
        }
        for what, due in sizes.items():
            moved: Counter[tuple[int, int, int, int]] = Counter()
            ends: dict[tuple[int, int, int, int], int] = {}
            for quantum in mine[mine["what"] == what].tolist():
                _, end, _, _, stage, nest, tile, message, _, size = quantum
                moved[stage, nest, tile, message] += size
                ends[stage, nest, tile, message] = end
            assert moved == {of: size for of, size in due.items() if size}, WORKS[what]
            assert sorted(ends.values()) == trace.ends[a][SERVERS[what]].expand().tolist()


def assert_all_messages(recording: Recording) -> None:
    """Links were busy and carried what the Trace says; each message took its links in order; sums were added."""
    trace, program = recording.trace, recording.trace.program
    taken: dict[tuple[int, int], list[tuple[int, int, int, int]]] = defaultdict(list)
    for number, (work, use) in enumerate(zip(recording.links, trace.links, strict=True)):
        assert int((work["end"] - work["start"]).sum()) == use.busy_fs
        if not program.system.interconnect.ideal:
            assert int(work["bytes"].sum()) == use.bytes
        for start, _, what, source, stage, _, _, message, hop, size in work.tolist():
            assert (what, source) == (MESSAGE, program.stages[stage].messages[message].source)
            taken[stage, message].append((hop, number, size, start))
    added = np.concatenate(recording.vector_units)
    added = added[added["what"] == SUMS]
    sums = Counter(zip(added["accelerator"].tolist(), added["stage"].tolist(), added["message"].tolist(), strict=True))
    expected: Counter[tuple[int, int, int]] = Counter()
    for s, stage in enumerate(program.stages):
        for number, message in enumerate(stage.messages):
            hops = sorted(taken.pop((s, number), []))
            if program.system.interconnect.ideal:
                assert not hops
            else:
                assert [hop[:3] for hop in hops] == [(i, link, message.bytes) for i, link in enumerate(message.route)]
                assert [hop[3] for hop in hops] == sorted(hop[3] for hop in hops)
            if program.system.accelerator(message.destination).vector_fs(message.sums):
                expected[message.destination, s, number] += 1
    assert not taken
    assert sums == expected
    for start, end, _, a, stage, _, _, message, _, _ in added.tolist():
        numbers = program.stages[stage].messages[message].sums
        assert end - start == program.system.accelerator(a).vector_fs(numbers)


anything = st.one_of(fully_connected(), attention(), convolutional())


@given(data=st.data(), net=anything, accelerators=st.integers(1, 6), parts=st.integers(1, 6))
@settings(max_examples=50)
def test_any_network_on_any_system(data, net, accelerators, parts):
    if data.draw(st.booleans(), label="partitioned"):
        net = data.draw(cut(net, parts, accelerators))
    check(placed(net, data.draw(systems(accelerators))))


@pytest.mark.parametrize("sharing", ["private", "shared", 2])
def test_tinyvgg16(sharing):
    system = ppsim.load_system("tetris", accelerators=4, set={"dram.sharing": sharing, "launch_us": 3})
    check(place(ppsim.partition(ppsim.load_workload("tinyvgg16"), 4), system))


def test_each_accelerator_by_its_own_clock():
    layers = (Linear(name="fc1", out_features=96), Elementwise(name="relu"), Linear(name="fc2", out_features=64))
    net = LayerGraph("net", (128,), layers, 3)
    system = ppsim.load_system("tetris", accelerators=3)
    mixed = replace(system, groups=(Group("fast", 1, clock_mhz=999), Group("slow", 2, clock_mhz=7)))
    recording = check(place(net, mixed))
    cycles = {a: 1 / (999e6 if a == 0 else 7e6) for a in range(3)}
    for a, arrays in enumerate(recording.arrays):
        work = [nest for stage in recording.trace.program.stages for nest in stage.work[a]]
        seconds = (arrays["end"] - arrays["start"]).sum() * 1e-15
        assert seconds == pytest.approx(sum(nest.compute_cycles for nest in work) * cycles[a], rel=1e-6)


def test_a_split_by_inputs_adds_sums_and_stores_them():
    """Ten outputs over sixteen parts: partial sums travel to accelerator 0, whose vector unit adds them."""
    net = ppsim.partition(ppsim.load_workload("lenet300"), 16)
    # the scratchpad keeps the partial sums, and has no room left for what they add up to
    system = ppsim.load_system("tetris", accelerators=16, set={"buffer.activation_fraction": 0.00035})
    recording = check(place(net, system))
    added = recording.vector_units[0]
    added = added[added["what"] == SUMS]
    assert len(added) > 0
    stored = recording.channels[0][recording.channels[0]["what"] == EXCHANGE_WRITES]
    own = {(s, n) for s, stage in enumerate(recording.trace.program.stages)
           for n, message in enumerate(stage.messages) if message.source == message.destination == 0}  # fmt: skip
    assert own & set(zip(stored["stage"].tolist(), stored["message"].tolist(), strict=True))
    assert stored["start"].max() >= added["end"].max()
