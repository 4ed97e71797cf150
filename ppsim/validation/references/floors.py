"""Floors: no layer is faster than its bytes over the bandwidth they go through, or its MACs over the arrays' peak.

A floor is computed from what a layer moves and computes and from the system's own numbers, in whole femtoseconds, and
needs no engine: no prefetching, no shortcut and no overlap of layers may get below it. The time of a layer is that from
its first load (which may begin during the layer before) to its last delivery, as the trace has it; in whole cycles, a
layer that is too fast by less than a cycle would not show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from math import ceil
from typing import Any

import ppsim
from ppsim.documents import names
from ppsim.engine.run import run
from ppsim.engine.trace import Trace
from ppsim.hardware.documents import SYSTEMS
from ppsim.hardware.dram import DramSpec
from ppsim.mapping.place import place
from ppsim.mapping.program import Program, Stage
from ppsim.units import FS_PER_S
from ppsim.validation.contract import Case, Check
from ppsim.workload.graph import LayerGraph

#: networks for a batch and for one input, with branches and with attention; and those of them to be pruned
NETWORKS: dict[str, dict[str, Any]] = {
    "mlp_mnist": {"batch": 256},
    "tinyvgg16": {},
    "resnet18": {},
    "alexnet": {"batch": 4},
    "bert_base": {"sequence": 16},
}
PRUNED = ("mlp_mnist", "tinyvgg16", "alexnet")
#: the blocks of bert_base are alike: the first of twelve will do
UP_TO = {"bert_base": "norm2_0"}
SEVERAL = 4

FLOORS = {
    "DRAM": "never faster than DRAM bytes allow",
    "arrays": "never faster than MACs allow",
    "links": "never faster than link bytes allow",
}


def checks() -> Iterator[Check]:
    """For each run and each of its resources, the layer that comes nearest to its floor, or farthest below it."""
    cases: dict[str, list[Case]] = {resource: [] for resource in FLOORS}
    layers = 0
    for name, program in _programs():
        layers += len(program.stages)
        for resource, case in nearest(name, run(program)).items():
            cases[resource].append(case)
    setting = (
        f"every system as shipped, on 1 and on {SEVERAL} accelerators with private and with shared DRAM; networks "
        f"{', '.join(NETWORKS)}, of which {', '.join(PRUNED)} pruned to {SEVERAL} parts too; {layers} layers in all, "
        "the nearest to the floor of each run; expected is the floor if that is longer than the layer, else its time"
    )
    for resource, compared in FLOORS.items():
        source = "each layer's bytes and MACs, and the system's numbers"
        yield Check("floors", compared, tuple(cases[resource]), source, "formula", setting, max_bound=0)


def nearest(name: str, trace: Trace) -> dict[str, Case]:
    """By resource: the case of the layer with the least time for what its floor asks; none where nothing is used."""
    found: dict[str, tuple[Fraction, Case]] = {}
    for index, stage in enumerate(trace.program.stages):
        span = span_fs(trace, index)
        for resource, floor in _floors(stage, trace.program).items():
            if floor:
                room = Fraction(span, floor)
                if resource not in found or room < found[resource][0]:
                    case = Case(f"{name}: {stage.name}", max(floor, span), span, "fs")
                    found[resource] = room, case
    return {resource: case for resource, (_, case) in found.items()}


def span_fs(trace: Trace, index: int) -> int:
    """Femtoseconds from a layer's first load or computation to its last delivery; if it only sends, from its end on."""
    started = [time for time in trace.started[index] if time >= 0]
    return max(trace.delivered[index]) - min(started or trace.finished[index])


def _floors(stage: Stage, program: Program) -> dict[str, int]:
    """The least femtoseconds for what is asked of the busiest channel, accelerator and link."""
    system = program.system
    moved: Counter[int] = Counter()
    carried: Counter[int] = Counter()
    arrays = [Fraction(0)]
    for a, nests in enumerate(stage.work):
        moved[system.channel_of(a)] += sum(nest.dram_bytes for nest in nests) + stage.reads[a]
        arrays.append(Fraction(sum(nest.activity.macs for nest in nests), system.accelerator(a).peak_macs_per_s))
    for message in stage.messages:
        if message.written:
            moved[system.channel_of(message.destination)] += message.bytes
        for link in message.route:
            carried[link] += message.bytes
    seconds = {
        "DRAM": max(moved.values()) / _best_rate(system.dram),
        "arrays": max(arrays),
        "links": max((Fraction(size, program.link_specs[link].rate) for link, size in carried.items()), default=0),
    }
    return {resource: ceil(time * FS_PER_S) for resource, time in seconds.items()}


def _best_rate(dram: DramSpec) -> Fraction:
    """Bytes/s of a channel at its better efficiency, exactly as the numbers are written."""
    best = max(dram.efficiency_streaming, dram.efficiency_mixed)
    return Fraction(str(dram.bandwidth_gb_s)) * 10**9 * Fraction(str(best))


def _network(name: str) -> LayerGraph:
    net: LayerGraph = ppsim.load_workload(name, **NETWORKS[name])
    layers = [layer.name for layer in net.layers]
    return LayerGraph(net.name, net.input_shape, net.layers[: layers.index(UP_TO.get(name, layers[-1])) + 1], net.batch)


def _programs() -> Iterator[tuple[str, Program]]:
    nets = {name: _network(name) for name in NETWORKS}
    pruned = {f"{name} pruned": ppsim.partition(nets[name], SEVERAL) for name in PRUNED}
    for system in names(SYSTEMS):
        for name, net in nets.items():
            yield f"{name} on {system}", place(net, ppsim.load_system(system, accelerators=1))
        for sharing in ("private", "shared"):
            several = ppsim.load_system(system, accelerators=SEVERAL, set={"dram.sharing": sharing})
            for name, work in (nets | pruned).items():
                yield f"{name} on {SEVERAL} of {system}, {sharing} DRAM", place(work, several)
