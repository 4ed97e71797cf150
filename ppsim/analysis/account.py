"""`account`: a Trace into a Result."""

from __future__ import annotations

from collections.abc import Sequence

from ppsim.analysis.ledger import Amounts, Movement, amounts, movement
from ppsim.analysis.result import LayerResult, Result
from ppsim.engine.trace import Trace
from ppsim.hardware.energy import COMPONENTS
from ppsim.hardware.system import System
from ppsim.mapping.program import Program, Stage
from ppsim.units import FS_PER_S, cycles_in
from ppsim.workload.graph import LayerGraph
from ppsim.workload.partitioned import PartitionedGraph


def account(net: LayerGraph | PartitionedGraph, trace: Trace, engine: str) -> Result:
    """Book energy, find what bounds each layer, and check that what the engine served is what the program asked for."""
    program = trace.program
    system, graph = program.system, net.graph if isinstance(net, PartitionedGraph) else net
    layers = []
    before_fs = 0
    for index, stage in enumerate(program.stages):
        end_fs = max(before_fs, *trace.delivered[index])
        moved = movement(stage, program)
        if stage.kind != "input" or end_fs or moved.dram_bytes or moved.link_bytes:
            layers.append(_layer(stage, index, trace, moved, before_fs, end_fs))
        before_fs = end_fs
    _check_conserved(layers, trace)
    return Result(
        workload=graph.name,
        system=system.name,
        accelerators=system.accelerators,
        dram="private" if system.dram.sharing == "private" else "shared",
        batch=graph.batch,
        parts=net.parts if isinstance(net, PartitionedGraph) else 1,
        cycles=cycles_in(trace.end_fs, system.clock_hz),
        seconds=trace.end_fs / FS_PER_S,
        energy={component: sum([layer.energy[component] for layer in layers]) for component in COMPONENTS},
        energy_unit=system.energy.unit,
        amounts=Amounts.total([layer.amounts for layer in layers]),
        macs=sum(layer.macs for layer in layers),
        dram_bytes=sum(layer.dram_bytes for layer in layers),
        link_bytes=sum(layer.link_bytes for layer in layers),
        layers=tuple(layers),
        events=trace.events,
        shortcuts=dict(trace.shortcuts),
        engine=engine,
        assumptions=(*system.assumptions(), *_notes(net, program)),
    )


def _layer(stage: Stage, index: int, trace: Trace, moved: Movement, before_fs: int, end_fs: int) -> LayerResult:
    system = trace.program.system
    activity = stage.activity
    end, before = cycles_in(end_fs, system.clock_hz), cycles_in(before_fs, system.clock_hz)
    started = [time for time in trace.started[index] if time >= 0]
    # layers of branches overlap: what a layer computes, it computes after its inputs are there
    inputs = [trace.delivered[waited] for waited in stage.waits_for]
    ready_fs = min(map(max, zip(*inputs, strict=True))) if inputs else 0
    peak = system.peak_macs_per_s * (end_fs - ready_fs) / FS_PER_S
    paid = amounts(stage, moved, trace.program, end_fs - before_fs)
    return LayerResult(
        name=stage.name,
        fused=stage.layers[1:],
        cycles=end - before,
        span_cycles=cycles_in(end_fs - min(started, default=before_fs), system.clock_hz),
        macs=activity.macs,
        dram_bytes=moved.dram_bytes,
        link_bytes=moved.link_bytes,
        bound=_bound(stage, trace.program),
        utilisation=activity.macs / peak if peak else 0.0,
        amounts=paid,
        energy=paid.energy(system.energy),
        spans=tuple(zip(trace.started[index], trace.finished[index], trace.delivered[index], strict=True)),
    )


def _bound(stage: Stage, program: Program) -> str:
    """What is busy longest in a stage: the busiest array, vector unit, channel or link."""
    system, work, messages = program.system, stage.work, stage.messages
    stored = messages.at_ends(system.accelerators, system.dram.burst_bytes).stored
    channels = [0] * system.channels
    moved = zip(system.channel_of_each, work.dram_bytes, stage.reads, stored, strict=True)
    for channel, tiles, read_back, written in moved:
        channels[channel] += tiles + read_back + written
    compute, vector = _seconds(work.compute_cycles, system), _seconds(work.vector_cycles, system)
    for destination, sums in messages.summed:
        vector[destination] += system.accelerator(destination).vector_fs(sums) / FS_PER_S
    carried, specs = 0.0, program.link_specs
    if not system.interconnect.ideal:
        carried = max([size / specs[link].rate for link, size in messages.link_bytes], default=0.0)
    busy = {
        "compute": max(compute),
        "DRAM": max([size / rate for size, rate in zip(channels, stage.rates, strict=True)]),
        "link": carried,
        "vector": max(vector),
    }
    if stage.kind == "input" and not any(busy.values()):
        return "launch"
    bound = max(busy, key=busy.__getitem__)
    return "buffer" if bound == "compute" and 2 * work.activity.stalled_cycles > sum(work.compute_cycles) else bound


def _seconds(cycles: Sequence[int], system: System) -> list[float]:
    """By accelerator: seconds of its cycles."""
    clocks = [kind.clock_hz for kind in system.kinds]
    return [count / clocks[kind] for count, kind in zip(cycles, system.kind_of, strict=True)]


def _notes(net: LayerGraph | PartitionedGraph, program: Program) -> list[str]:
    """What a result rests on beyond its system: how parts are placed and zeros are worth, what is resident."""
    notes = []
    if isinstance(net, PartitionedGraph):
        kinds = sorted({layer.sparsity.describe() for layer in net.layers.values()} - {"dense"})
        if kinds:
            notes.append(f"zeros inside kept blocks: {', '.join(kinds)}")
        if net.placement is not None:
            notes.append(f"parts on accelerators {', '.join(map(str, net.placement))}")
    if program.system.weights == "resident":
        fits = sum(program.resident)
        notes.append(f"weights resident on {fits} of {len(program.resident)} accelerators, whose share fits; else cold")
    return notes


def _check_conserved(layers: list[LayerResult], trace: Trace) -> None:
    served = sum(channel.bytes for channel in trace.channels)
    asked = sum(layer.dram_bytes for layer in layers)
    if served != asked:
        raise RuntimeError(
            f"DRAM served {served} bytes but the program asks for {asked}: a fault in ppsim, please report"
        )
