"""The price of a kept block: what the whole network costs without it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ppsim.explore.cost.oracle import Oracle
from ppsim.workload.partitioned import PartitionedGraph

#: layer, output part, position among its kept blocks
Place = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class BlockPrice:
    """What the whole network costs without a kept block, and what that saves.

    It has `units` units of input part `in_part`, against all of output part `out_part`. What it saves is None where it
    is all that its output part keeps: an output needs an input.
    """

    layer: str
    out_part: int
    in_part: int
    units: int
    saved_cycles: int | None
    saved_seconds: float | None
    saved_energy_pj: float | None


def blocks_of(net: PartitionedGraph, names: Iterable[str]) -> list[Place]:
    """Every kept block of some layers."""
    return [
        (name, q, position)
        for name in names
        if name in net.layers
        for q, blocks in enumerate(net.layers[name].kept)
        for position in range(len(blocks))
    ]


def without(net: PartitionedGraph, place: Place) -> PartitionedGraph:
    """The network without a kept block, which must not be the only one of its output part."""
    name, q, position = place
    layer = net.layers[name]
    kept = list(layer.kept)
    kept[q] = (*kept[q][:position], *kept[q][position + 1 :])
    return replace(net, layers={**net.layers, name: replace(layer, kept=tuple(kept))})


def block_price(net: PartitionedGraph, place: Place, oracle: Oracle) -> BlockPrice:
    """The price of a block."""
    name, q, position = place
    blocks = net.layers[name].kept[q]
    block = blocks[position]
    if len(blocks) == 1:
        return BlockPrice(name, q, block.part, block.units, None, None, None)
    before, after = oracle(net), oracle(without(net, place))
    return BlockPrice(
        name,
        q,
        block.part,
        block.units,
        before.cycles - after.cycles,
        before.seconds - after.seconds,
        before.energy_pj - after.energy_pj,
    )
