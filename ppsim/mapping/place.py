"""`place`: a network on a system, as a Program. All placement decisions are made here."""

from __future__ import annotations

from functools import partial

from ppsim.errors import InputError
from ppsim.hardware.system import System
from ppsim.mapping.division import divided
from ppsim.mapping.exchanges import algorithms
from ppsim.mapping.outline import outline_of
from ppsim.mapping.program import Program, Stage
from ppsim.mapping.remedies import remedy
from ppsim.workload.graph import LayerGraph
from ppsim.workload.partitioned import PartitionedGraph


def place(net: LayerGraph | PartitionedGraph, system: System) -> Program:
    """Lower the layers, divide them over the accelerators, decide what stays on chip, tile, and plan the exchanges.

    All that does not depend on how fast DRAM is - the outline - is remembered for the next call. Raises InputError when
    a layer cannot run on the system, with the smallest change that lets it.
    """
    graph = net.graph if isinstance(net, PartitionedGraph) else net
    bits = graph.bits or system.bits
    if bits > system.bits:
        raise InputError(
            f"{graph.name}: operands of {bits} bits do not fit the {system.bits}-bit arrays of {system.name}; "
            f"load the workload with bits={system.bits} or set array.bits={bits}"
        )
    for name, layer in net.layers.items() if isinstance(net, PartitionedGraph) else ():
        if (layer.weight_bits or 0) > bits:
            raise InputError(
                f"{graph.name}: layer {name!r}: weight_bits={layer.weight_bits} do not fit operands of {bits} bits"
            )
    try:
        algorithms(system.interconnect)
        steps = divided(net, system, bits)
    except InputError as error:
        raise InputError(f"{system.name}: {error}") from None
    try:
        outline, dram = outline_of(steps, system), system.dram
    except InputError as error:
        change = remedy(system, partial(outline_of, steps))
        raise InputError(f"{error}; {change}" if change else str(error)) from None
    # what an accelerator gets of its channel when all behind it are busy, bits/s
    bits_per_s = 8 * dram.rate(1, 0) / dram.group_size(system.accelerators)
    nests = outline.choices.nests_at(bits_per_s) if outline.choices else []
    stages = []
    for stage in outline.stages:
        cut = stage.cut(nests)
        rates = [dram.rate(*mix) for mix in cut.mixes]
        stages.append(
            Stage(
                name=stage.name,
                layers=stage.layers,
                kind=stage.kind,
                waits_for=stage.waits_for,
                work=cut.work,
                reads=stage.reads,
                messages=stage.messages,
                rates=tuple([rates[number] for number in cut.mix_of]),
            )
        )
    return Program(system, tuple(stages), outline.traffic.links, bits, outline.resident)
