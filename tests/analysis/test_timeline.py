"""Timelines add up to the run they are of, whatever is put together in them."""

from __future__ import annotations

import json
from collections import Counter as Tally
from dataclasses import replace
from itertools import pairwise
from math import fsum

import numpy as np
import pytest
from engine.systems import attention, convolutional, cut, fully_connected, systems
from engine.test_equivalence import placed
from hypothesis import given, settings
from hypothesis import strategies as st
from trace_events import problems

import ppsim
from ppsim.analysis.account import account
from ppsim.analysis.result import Result
from ppsim.analysis.timeline.build import SAMPLES, SLICES, timeline_of
from ppsim.analysis.timeline.document import Timeline, microseconds
from ppsim.analysis.timeline.values import Counter, Row
from ppsim.engine.recording import record
from ppsim.engine.trace import Recording
from ppsim.hardware.accelerator import Group
from ppsim.mapping.place import place
from ppsim.timelines import timeline
from ppsim.units import cycles_in
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Elementwise, Linear

NET = LayerGraph(
    "net",
    (192,),
    (Linear(name="fc1", out_features=320), Elementwise(name="relu"), Linear(name="fc2", out_features=96)),
    2,
)


def row(found: Timeline, group: str, name: str) -> Row:
    return next(row for row in found.rows if (row.group, row.name) == (group, name))


def counter(found: Timeline, name: str) -> Counter:
    return next(counter for counter in found.counters if counter.name == name)


def rows_of(found: Timeline, group: str) -> list[Row]:
    return [row for row in found.rows if row.group == group]


def check(recording: Recording, result: Result, found: Timeline) -> None:
    """All that is always so."""
    program = recording.trace.program
    assert found.end_fs == recording.trace.end_fs
    for row in found.rows:
        assert all(0 <= one.start_fs < one.end_fs <= found.end_fs for one in row.slices)
        assert all(one.end_fs <= after.start_fs for one, after in pairwise(row.slices))
        assert all(0 < one.busy_fs <= one.end_fs - one.start_fs for one in row.slices)
        assert all(one.count > 1 or one.busy_fs == one.end_fs - one.start_fs for one in row.slices)
    hz = program.system.clock_hz
    layers = [
        (one.args["cycles"], cycles_in(one.end_fs, hz) - cycles_in(one.start_fs, hz)) for one in found.rows[0].slices
    ]
    assert all(told == taken for told, taken in layers)
    assert sum(taken for _, taken in layers) == result.cycles
    for a, (arrays, vector_unit) in enumerate(zip(recording.arrays, recording.vector_units, strict=True)):
        by_name = {row.name: row for row in rows_of(found, f"accelerator {a}")}
        assert set(by_name) == {"arrays", *(["vector unit"] if len(vector_unit) else [])}
        for name, work in (("arrays", arrays), ("vector unit", vector_unit)):
            if name in by_name:
                assert by_name[name].busy_fs == int((work["end"] - work["start"]).sum())
                assert sum(one.count for one in by_name[name].slices) == len(work)
        cycles = sum(nest.compute_cycles for stage in program.stages for nest in stage.work[a])
        assert sum(one.args["cycles"] for one in by_name["arrays"].slices) == cycles
    for group, uses in (("DRAM", recording.trace.channels), ("links", recording.trace.links)):
        assert [row.busy_fs for row in rows_of(found, group)] == [use.busy_fs for use in uses]
        carried = [sum(one.args["bytes"] for one in row.slices) for row in rows_of(found, group)]
        if group == "DRAM" or not program.system.interconnect.ideal:
            assert carried == [use.bytes for use in uses]
    assert_counters_add_up(recording, result, found)
    assert_idle_time_costs_static_power(recording, found)
    assert problems(found.to_trace()) == []


def assert_counters_add_up(recording: Recording, result: Result, found: Timeline) -> None:
    program = recording.trace.program
    for counter_ in found.counters:
        assert counter_.times_fs[0] == 0
        assert counter_.times_fs[-1] == found.end_fs
        assert all(a < b for a, b in pairwise(counter_.times_fs))
        assert len(counter_.values) == len(counter_.times_fs)
        assert all(value >= 0 for values in counter_.values for value in values)
        assert set(counter_.values[-1]) == {0.0}
    for channel, use in enumerate(recording.trace.channels):
        moved = counter(found, f"channel {channel}")
        assert moved.integral()["GB/s"] * 1e9 == pytest.approx(use.bytes, rel=1e-9)
        fastest = max(stage.rates[channel] for stage in program.stages)
        assert max(values[0] for values in moved.values) * 1e9 <= fastest * (1 + 1e-9)
    linked = bool(program.links) and not program.system.interconnect.ideal
    assert {"all links", "messages, on their first link"} & {c.name for c in found.counters} == (
        {"all links", "messages, on their first link"} if linked else set()
    )
    if linked:
        hops = sum(use.bytes for use in recording.trace.links)
        assert counter(found, "all links").integral()["GB/s"] * 1e9 == pytest.approx(hops, rel=1e-9)
        first = counter(found, "messages, on their first link").integral()["GB/s"] * 1e9
        assert first == pytest.approx(result.link_bytes, rel=1e-9)
    joules = counter(found, "power by component").integral()
    assert joules == pytest.approx({name: pj * 1e-12 for name, pj in result.energy.items() if pj}, rel=1e-9)
    assert counter(found, "power").integral()["W"] == pytest.approx(result.energy_pj * 1e-12, rel=1e-9)


def assert_idle_time_costs_static_power(recording: Recording, found: Timeline) -> list[tuple[int, int]]:
    """Energy is spent in the time of work, all of it: while nobody works there is static power. When that is.

    But for what takes no time: ideal links, and sums where the vector unit is off.
    """
    system = recording.trace.program.system
    if system.interconnect.ideal or not all(kind.vector.enabled for kind in system.kinds):
        return []
    table = system.energy
    static = table.leakage_w.value * system.static_accelerators + table.dram_background_w.value * system.channels
    work = [one for row in found.rows[1:] for one in row.slices]
    starts, ends = np.sort([one.start_fs for one in work]), np.sort([one.end_fs for one in work])
    power = counter(found, "power")
    idle = []
    for start, end, (watts,) in zip(power.times_fs, power.times_fs[1:], power.values, strict=False):
        if np.searchsorted(starts, end, side="left") == np.searchsorted(ends, start, side="right"):
            assert watts == pytest.approx(static, rel=1e-9)
            idle.append((start, end))
    return idle


anything = st.one_of(fully_connected(), attention(), convolutional())


@given(
    data=st.data(),
    net=anything,
    accelerators=st.integers(1, 6),
    parts=st.integers(1, 6),
    most=st.sampled_from([1, 30, 200, SLICES]),
)
@settings(max_examples=60)
def test_any_network_on_any_system(data, net, accelerators, parts, most):
    if data.draw(st.booleans(), label="partitioned"):
        net = data.draw(cut(net, parts, accelerators))
    recording = record(placed(net, data.draw(systems(accelerators))))
    result = account(net, recording.trace, "reference")
    samples = data.draw(st.sampled_from([1, 100, SAMPLES]), label="samples")
    found = timeline_of(recording, result, most, samples)
    check(recording, result, found)
    layers, *others = found.rows
    assert sum(len(row.slices) for row in others) <= max(most - len(layers.slices), len(others))
    assert sum(len(c.times_fs) for c in found.counters) <= samples + 2 * len(found.counters)


def recorded(net: ppsim.LayerGraph | ppsim.PartitionedGraph, system: ppsim.System) -> tuple[Recording, Result]:
    recording = record(place(net, system))
    return recording, account(net, recording.trace, "reference")


@pytest.mark.parametrize("settings", [{}, {"dram.sharing": 2, "launch_us": 7}])
def test_tinyvgg16_pruned(settings):
    net = ppsim.partition(ppsim.load_workload("tinyvgg16"), 4)
    recording, result = recorded(net, ppsim.load_system("tetris", accelerators=4, set=settings))
    check(recording, result, timeline_of(recording, result))


def test_the_numbers_are_those_of_a_run_nobody_records():
    net, system = ppsim.partition(NET, 4), ppsim.load_system("tetris", accelerators=4)
    found, result = timeline(net, system), ppsim.simulate(net, system)
    assert found.metadata["cycles"] == result.cycles
    assert found.metadata["energy"] == pytest.approx(dict(result.energy))
    assert found.metadata["assumptions"] == list(result.assumptions)
    layers = {one.args["cycles"]: one.name for one in found.rows[0].slices}
    assert layers == {layer.cycles: " + ".join((layer.name, *layer.fused)) for layer in result.layers}


def test_layers_are_one_after_the_other_from_launch_on():
    system = ppsim.load_system("tetris", accelerators=2, set={"launch_us": 5})
    found = timeline(NET, system)
    launch, *others = found.rows[0].slices
    assert (launch.name, launch.start_fs, launch.end_fs) == ("input", 0, 5 * 10**9)
    assert [one.name for one in others] == ["fc1 + relu", "fc2"]
    assert all(a.end_fs == b.start_fs for a, b in pairwise(found.rows[0].slices))
    assert found.rows[0].slices[-1].end_fs == found.end_fs
    assert min(row.slices[0].start_fs for row in found.rows[1:] if row.slices) == 5 * 10**9


def test_what_a_slice_is_called():
    """Tiles by number and turns of loops; transfers of a shared channel by whom they are for; messages by both ends."""
    settings = {"dram.sharing": 2, "buffer.kib": 4, "buffer.activation_fraction": 0}
    system = ppsim.load_system("tetris", accelerators=4, set=settings)
    found = timeline(NET, system)
    tile = row(found, "accelerator 1", "arrays").slices[1]
    nest = place(NET, system).stages[1].work[1][0]
    turns = [count for count in nest.counts if count > 1]
    assert tile.name == f"fc1 tile 1 ({','.join(['0'] * (len(turns) - 1) + ['1'])})"
    assert (tile.work, tile.args["layer"], tile.args["product_tiles"]) == (("array",), "fc1", nest.length)
    assert tile.args["product_macs"] == nest.activity.macs == 2 * 192 * 320 // 4
    assert [row.name for row in rows_of(found, "DRAM")] == ["channel 0", "channel 1"]
    by_kind = place(NET, system).stages[1].work[2][0].tiles
    for one, a in zip(row(found, "DRAM", "channel 1").slices, (2, 3), strict=False):
        assert one.name == f"fc1 weights of tile 0 of accelerator {a}"
        assert one.args == {"layer": "fc1", "accelerator": a, "bytes": by_kind[0, 0, 0, 0, 0].weight_bytes}
    assert {name for row_ in found.rows for one in row_.slices for name in one.work} >= {
        "array", "weights", "inputs", "outputs", "exchange reads", "exchange writes", "message",
    }  # fmt: skip
    sent = {one.name for one in row(found, "links", "0 to 2").slices}
    assert sent <= {"fc1 from 0 to 2", "fc2 from 0 to 2"}
    assert "fc1 from 0 to 2" in sent
    alone = timeline(NET, ppsim.load_system("tetris", accelerators=1)).rows
    assert not any(row.group == "links" for row in alone)
    assert "accelerator" not in next(row for row in alone if row.group == "DRAM").slices[0].name


def test_equal_tiles_become_one_slice():
    """Of 19 tiles along K, all but the first and the last are equal and wait equally long for DRAM; then it repeats."""
    net = LayerGraph("net", (512,), (Linear(name="fc", out_features=4096),), 64)
    recording, result = recorded(net, ppsim.load_system("tetris", accelerators=1, set={"buffer.kib": 24}))
    assert recording.trace.program.stages[1].work[0][0].counts == (1, 1, 2, 74, 19)
    found = timeline_of(recording, result)
    check(recording, result, found)
    one = row(found, "accelerator 0", "arrays").slices[1]
    assert (one.count, one.args["repeats"], one.args["first_tile"], one.args["last_tile"]) == (17, 17, 1, 17)
    work = recording.arrays[0][1:18]
    assert set(np.diff(work["start"]).tolist()) == {one.args["period_fs"]}
    assert (one.start_fs, one.end_fs) == (int(work["start"][0]), int(work["end"][-1]))
    share = one.busy_fs / (one.end_fs - one.start_fs)
    assert share < 0.9
    assert one.args["busy"] == pytest.approx(share, abs=1e-6)
    assert one.name == f"fc: tiles x 17, {share:.0%} busy"
    # with less room, a turn of the loop around it is what repeats
    fewer = timeline_of(recording, result, slices=100)
    check(recording, result, fewer)
    longest = max(row(fewer, "accelerator 0", "arrays").slices, key=lambda one: one.count)
    assert longest.count == longest.args["repeats"] * 19 > 19 * 60
    starts = recording.arrays[0]["start"].tolist()
    assert longest.args["period_fs"] == starts[5 * 19] - starts[4 * 19]


def test_slices_differ_where_accelerators_do():
    system = ppsim.load_system("tetris", accelerators=2)
    mixed = replace(system, groups=(Group("fast", 1, clock_mhz=800), Group("slow", 1, clock_mhz=50)))
    recording, result = recorded(NET, mixed)
    found = timeline_of(recording, result)
    check(recording, result, found)
    for a, hz in enumerate((800e6, 50e6)):
        for one in row(found, f"accelerator {a}", "arrays").slices:
            assert one.busy_fs == pytest.approx(one.args["cycles"] / hz * 1e15, abs=one.count)


def test_energy_is_spent_where_the_work_is():
    """Nothing but static power while nobody works; each component only while what it belongs to is busy."""
    system = ppsim.load_system("tetris", accelerators=4, set={"launch_us": 20})
    recording, result = recorded(NET, system)
    found = timeline_of(recording, result, samples=100_000)
    power = counter(found, "power by component")
    moments = list(zip(power.times_fs, power.times_fs[1:], power.values, strict=False))
    static = system.energy.leakage_w.value * 4
    total = counter(found, "power")
    assert (total.times_fs[0], total.values[0][0]) == (0, pytest.approx(static, rel=1e-9))
    assert total.times_fs[1] <= 20 * 10**9
    servers = {"mac": "arrays", "pe_to_pe": "arrays", "vector": "vector unit", "dram": "channel", "link": " to "}
    for component, server in servers.items():
        rows = [row for row in found.rows if server in row.name]
        number = power.series.index(component)
        spending = 0
        for start, end, values in moments:
            busy = any(one.start_fs < end and start < one.end_fs for row in rows for one in row.slices)
            assert bool(values[number]) == busy, component
            spending += busy
        assert 0 < spending < len(moments), component


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"interconnect.topology": "bus", "interconnect.pj_per_bit": 40},
        {"interconnect.topology": "edges", "interconnect.edges": [
            {"a": 0, "b": "hub", "pj_per_bit": 70}, {"a": 1, "b": "hub"}, {"a": 2, "b": "hub"}, {"a": 3, "b": "hub"}]},
        {"dram.sharing": 2, "energy": "horowitz-45nm"},
        {"array.dataflow": "os"},
    ],
)  # fmt: skip
def test_all_energy_is_spent_on_work(settings):
    """Whatever it is paid for: DRAM is so far away that everybody waits in every layer, and then nothing is spent."""
    far = {"dram.latency_ns": 20_000, "buffer.activation_fraction": 0}
    system = ppsim.load_system("tetris", accelerators=4, set=far | settings)
    for net in (NET, ppsim.partition(NET, 4)):
        recording, result = recorded(net, system)
        found = timeline_of(recording, result)
        check(recording, result, found)
        idle = assert_idle_time_costs_static_power(recording, found)
        for layer in found.rows[0].slices:
            assert any(start < layer.end_fs and layer.start_fs < end for start, end in idle)


def test_energy_of_one_channel_is_its_bandwidth_times_that_of_a_bit():
    system = ppsim.load_system("tetris", accelerators=1)
    found = timeline(NET, system)
    power, moved = counter(found, "power by component"), counter(found, "channel 0")
    number = power.series.index("dram")
    at = dict(zip(power.times_fs, power.values, strict=True))
    same = [time for time in moved.times_fs if time in at]
    assert len(same) > 20
    for time in same:
        gb_s = moved.values[moved.times_fs.index(time)][0]
        assert at[time][number] == pytest.approx(gb_s * 8e9 * system.energy.dram_pj_per_bit.value * 1e-12, rel=1e-6)


def test_a_table_without_joules_has_no_power():
    system = ppsim.load_system("tetris", accelerators=2, set={"energy": "normalised"})
    found = timeline(NET, system)
    assert [c.unit for c in found.counters if c.unit != "GB/s"] == []
    (note,) = found.metadata["left_out"]
    assert note.startswith("power: ")
    assert "normalised" in note
    assert timeline(NET, ppsim.load_system("tetris", accelerators=2)).metadata["left_out"] == []


def test_ideal_links_do_nothing_that_takes_time():
    """Their energy is spent all the same, in the time of the layer."""
    system = ppsim.load_system("tetris", accelerators=4, set={"interconnect.ideal": True})
    recording, result = recorded(NET, system)
    found = timeline_of(recording, result)
    check(recording, result, found)
    assert all(not row.slices for row in rows_of(found, "links"))
    assert any("links" in note for note in found.metadata["left_out"])
    assert counter(found, "power by component").integral()["link"] > 0


def test_a_large_network_stays_small(tmp_path):
    found = timeline(ppsim.load_workload("vgg16"), ppsim.load_system("tetris", accelerators=8))
    assert sum(one.count for row in found.rows for one in row.slices) > 2 * SLICES
    assert sum(len(row.slices) for row in found.rows) <= SLICES
    assert found.save(tmp_path / "trace.json") == (tmp_path / "trace.json").stat().st_size < 5_000_000


def test_a_file_holds_every_femtosecond(tmp_path):
    """Of links too that are so fast that messages take less than a picosecond."""
    system = ppsim.load_system("tetris", accelerators=4, set={"interconnect.bandwidth_gb_s": 1e6})
    found = timeline(ppsim.partition(NET, 4), system)
    assert min(one.busy_fs for row in rows_of(found, "links") for one in row.slices) < 1000
    found.save(tmp_path / "trace.json")
    text = (tmp_path / "trace.json").read_text()
    trace = json.loads(text)
    assert trace == found.to_trace()
    assert problems(trace) == []
    assert trace["displayTimeUnit"] == "ns"
    assert trace["otherData"]["end_fs"] == found.end_fs
    slices = [(one.name, one.start_fs, one.end_fs - one.start_fs) for row in found.rows for one in row.slices]
    events = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert [(e["name"], round(e["ts"] * 1e9), round(e["dur"] * 1e9)) for e in events] == slices
    assert len(text.splitlines()) == len(trace["traceEvents"]) + 5
    times = Tally(char for line in text.splitlines() if '"ph":"X"' in line for char in line.partition('"ts":')[2])
    assert "e" not in times  # no exponents, which not all readers of microseconds understand


def test_the_groups_of_a_file_are_in_order():
    trace = timeline(NET, ppsim.load_system("tetris", accelerators=2)).to_trace()
    named = {event["pid"]: event["args"]["name"] for event in trace["traceEvents"] if event["name"] == "process_name"}
    order = {
        event["args"]["sort_index"]: named[event["pid"]]
        for event in trace["traceEvents"]
        if event["name"] == "process_sort_index"
    }
    assert [order[at] for at in sorted(order)] == ["net on tetris", "accelerator 0", "accelerator 1", "DRAM", "links"]
    # a thread with the number of a process would be taken for its main thread
    tids = [event["tid"] for event in trace["traceEvents"] if event["name"] == "thread_name"]
    assert len({*tids, *named}) == len(tids) + len(named)
    threads = [event["args"]["name"] for event in trace["traceEvents"] if event["name"] == "thread_name"]
    assert threads == [
        "layers", "arrays", "vector unit", "arrays", "vector unit", "channel 0", "channel 1", "0 to 1", "1 to 0",
    ]  # fmt: skip


@given(st.integers(0, 5 * 10**15))
@settings(max_examples=300)
def test_microseconds_are_exact_and_never_early(time_fs):
    time = microseconds(time_fs)
    assert round(time * 1e9) == time_fs
    assert int(time * 1000) == time_fs // 10**6


def test_microseconds_of_whole_nanoseconds_are_not_cut_below_them():
    """12.345 * 1000 is 12344.999999999998 in floats, and so is that of many others."""
    whole = range(0, 10**5, 7)
    assert sum(int(ns / 1000 * 1000) < ns for ns in whole) > 0
    assert all(int(microseconds(ns * 10**6) * 1000) == ns for ns in whole)


def test_the_check_of_the_format_sees_what_is_wrong():
    good = timeline(NET, ppsim.load_system("tetris", accelerators=2)).to_trace()
    assert problems(good) == []

    def broken(phase: str, **changes: object) -> list[str]:
        events = [dict(event) for event in good["traceEvents"]]
        tile = next(n for n, event in enumerate(events) if event["name"].startswith("fc1 tile 0"))
        next(event for event in events[tile if phase == "X" else 0 :] if event["ph"] == phase).update(changes)
        return problems({**good, "traceEvents": events})

    assert broken("X", dur=-1)
    assert broken("X", dur=1e9)  # over the next one
    assert broken("X", pid=99)
    assert broken("X", ts=float("nan"))
    assert broken("C", args={})
    assert broken("C", args={"GB/s": "3"})
    assert broken("C", ts=-5)
    assert broken("M", args={"name": 3})
    assert broken("M", name="process_nme")
    assert problems({**good, "displayTimeUnit": "us"})
    assert problems([])


def test_integrals_of_a_counter():
    steps = Counter("g", "n", "W", ("a", "b"), (0, 10**15, 4 * 10**15), ((1.0, 0.5), (2.0, 0.0), (0.0, 0.0)))
    assert steps.integral() == {"a": 7.0, "b": 0.5}
    assert fsum(steps.integral().values()) == 7.5
