"""Twice as fast is half as long: every clock and bandwidth doubled, every latency halved.

To the last rounding means: where a cycle, a byte and a latency are an even number of femtoseconds, everything takes
half the time to the femtosecond. Elsewhere a task, whose duration is rounded up to a whole number of them, takes at
most half a femtosecond more than half of what it took; so a run takes no less than half the time, and at most half a
femtosecond more for each task - unless rounding lets another one go first on a server: from there on it is another
schedule.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import placements
from drawn_runs import Net, examples, networks, placed
from engine.systems import systems
from hypothesis import assume, given
from hypothesis import strategies as st

import ppsim
from ppsim.engine.recording import record
from ppsim.engine.run import run
from ppsim.engine.trace import SERVERS, Recording
from ppsim.mapping.program import Program

STATIC = ("dram_background", "leakage")


def doubled(system: ppsim.System) -> ppsim.System:
    links = system.interconnect
    edges = tuple(
        replace(
            edge,
            bandwidth_gb_s=None if edge.bandwidth_gb_s is None else 2 * edge.bandwidth_gb_s,
            latency_ns=None if edge.latency_ns is None else edge.latency_ns / 2,
        )
        for edge in links.edges
    )
    return replace(
        system,
        clock_mhz=2 * system.clock_mhz,
        groups=tuple(replace(group, clock_mhz=group.clock_mhz and 2 * group.clock_mhz) for group in system.groups),
        launch_us=system.launch_us / 2,
        dram=replace(system.dram, bandwidth_gb_s=2 * system.dram.bandwidth_gb_s, latency_ns=system.dram.latency_ns / 2),
        interconnect=replace(
            links, bandwidth_gb_s=2 * links.bandwidth_gb_s, latency_ns=links.latency_ns / 2, edges=edges
        ),
    )


@st.composite
def even(draw: st.DrawFn, accelerators: int) -> ppsim.System:
    """Systems in which a cycle, a byte on any channel or link and all latencies are even numbers of femtoseconds."""
    system = draw(systems(accelerators))
    clocks = st.sampled_from([50, 100, 125, 250, 500])
    links = system.interconnect
    settings = {
        "clock_mhz": draw(clocks),
        "dram.bandwidth_gb_s": draw(st.sampled_from([0.1, 1, 2, 8])),
        "dram.efficiency_streaming": 1,
        "dram.efficiency_mixed": draw(st.sampled_from([1, 0.5])),
        "interconnect.chunks": 4 if links.chunks > 1 else 1,
    }
    if links.topology == "edges":
        settings["interconnect.edges"] = [
            {"a": edge.a, "b": edge.b, "bandwidth_gb_s": draw(st.sampled_from([None, 2])), "latency_ns": 6}
            for edge in links.edges
        ]
    system = system.with_settings(settings)
    return replace(system, groups=tuple(replace(group, clock_mhz=draw(clocks)) for group in system.groups))


@examples(150)
@given(data=st.data(), accelerators=st.integers(1, 6))
def test_half_the_time_to_the_femtosecond(data, accelerators):
    system = data.draw(even(accelerators))
    net: Net = data.draw(networks(accelerators))
    before, after = placed(net, system), placed(net, doubled(system))
    rates = [rate for stage in before.stages for rate in stage.rates]
    assume(all(10**15 % (2 * rate) == 0 for rate in rates))  # at a mix of reads and writes they may not divide
    one, other = run(before), run(after)
    assert one.end_fs == 2 * other.end_fs
    for long, short in zip(one.ends, other.ends, strict=True):
        for server in SERVERS:
            assert np.array_equal(long[server].expand(), 2 * short[server].expand())
    for times in ("started", "finished", "delivered", "messages"):
        for long, short in zip(getattr(one, times), getattr(other, times), strict=True):
            assert list(long) == [2 * time if time > 0 else time for time in short]
    assert [use.busy_fs for use in one.channels] == [2 * use.busy_fs for use in other.channels]
    assert [use.bytes for use in one.channels] == [use.bytes for use in other.channels]
    assert [(use.busy_fs, use.bytes) for use in one.links] == [(2 * use.busy_fs, use.bytes) for use in other.links]

    slow, fast = ppsim.simulate(net, system), ppsim.simulate(net, doubled(system))
    assert slow.cycles == fast.cycles
    for component, energy in slow.energy.items():
        assert fast.energy[component] == (energy / 2 if component in STATIC else energy), component


def with_exact_rates(program: Program, system: ppsim.System) -> Program:
    """The same program on another system, where channels move twice as much (a rate is rounded down)."""
    stages = tuple(replace(stage, rates=tuple(2 * rate for rate in stage.rates)) for stage in program.stages)
    return replace(program, system=system, stages=stages)


def order(recording: Recording) -> list[list[tuple[int, ...]]]:
    """What each server did, in order."""
    names = ["what", "accelerator", "stage", "nest", "tile", "message", "hop", "bytes"]
    servers = (*recording.arrays, *recording.vector_units, *recording.channels, *recording.links)
    return [work[names].tolist() for work in servers]


@examples(150)
@given(data=st.data(), accelerators=st.integers(1, 6))
def test_half_the_time_but_for_what_is_rounded(data, accelerators):
    system = data.draw(st.one_of(systems(accelerators), placements.systems()))
    net = data.draw(networks(system.accelerators))
    program = placed(net, system)
    one, other = record(program), record(with_exact_rates(program, doubled(system)))
    assume(order(one) == order(other))
    tasks = sum(map(len, order(one)))
    assert one.trace.end_fs <= 2 * other.trace.end_fs <= one.trace.end_fs + tasks
