"""`timeline_of`: a Recording as a Timeline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ppsim.analysis.result import LayerResult, Result
from ppsim.analysis.timeline.bandwidth import bandwidths
from ppsim.analysis.timeline.bins import Bins
from ppsim.analysis.timeline.document import Timeline
from ppsim.analysis.timeline.power import power
from ppsim.analysis.timeline.rows import rows_of
from ppsim.analysis.timeline.values import Row, Slice
from ppsim.engine.trace import Recording

#: slices of all rows, and samples of all counters, unless told otherwise
SLICES, SAMPLES = 16_000, 16_000
#: samples of one counter: as many as a screen is wide
WIDEST = 1000


def timeline_of(recording: Recording, result: Result, slices: int = SLICES, samples: int = SAMPLES) -> Timeline:
    """The timeline of a recorded run and of what was accounted for it.

    It has about as many slices and samples of counters as asked for, at least one for each row and each counter.
    """
    trace = recording.trace
    program, system = trace.program, trace.program.system
    layers = _layers(recording)
    run = f"{result.workload} on {result.system}"
    layer_row = Row(run, "layers", tuple(_layer_slices(recording, result, layers)))
    bins = Bins.of(trace.end_fs, min(WIDEST, samples // (system.channels + 4)))
    counters = [*power(recording, bins, layers, run), *bandwidths(recording, bins)]
    left_out = []
    if result.energy_unit != "pJ":
        left_out.append(f"power: the energy table {system.energy.name} counts in {result.energy_unit}, not in joules")
    if program.links and system.interconnect.ideal:
        left_out.append("what links do: they are ideal and take no time")
    return Timeline(
        end_fs=trace.end_fs,
        rows=(layer_row, *rows_of(recording, slices - len(layer_row.slices))),
        counters=tuple(counters),
        metadata=_metadata(result, trace.end_fs, left_out),
    )


def _layers(recording: Recording) -> list[tuple[int, int]]:
    """By stage: the end of the stage before it, and its own."""
    found, before = [], 0
    for delivered in recording.trace.delivered:
        end = max(before, *delivered)
        found.append((before, end))
        before = end
    return found


def _layer_slices(recording: Recording, result: Result, layers: Sequence[tuple[int, int]]) -> Iterator[Slice]:
    by_name = {layer.name: layer for layer in result.layers}
    for stage, (start, end) in zip(recording.trace.program.stages, layers, strict=True):
        if end > start:
            args = _layer_args(by_name[stage.name])
            yield Slice(" + ".join(stage.layers), ("layer",), start, end, end - start, 1, args)


def _layer_args(layer: LayerResult) -> dict[str, Any]:
    names = ("cycles", "bound", "utilisation", "macs", "dram_bytes", "link_bytes", "energy_pj")
    return {name: getattr(layer, name) for name in names}


def _metadata(result: Result, end_fs: int, left_out: list[str]) -> dict[str, Any]:
    return {
        "workload": result.workload,
        "system": result.system,
        "accelerators": result.accelerators,
        "dram": result.dram,
        "batch": result.batch,
        "parts": result.parts,
        "cycles": result.cycles,
        "end_fs": end_fs,
        "macs": result.macs,
        "dram_bytes": result.dram_bytes,
        "link_bytes": result.link_bytes,
        "energy": dict(result.energy),
        "energy_unit": result.energy_unit,
        "left_out": left_out,
        "assumptions": list(result.assumptions),
    }
