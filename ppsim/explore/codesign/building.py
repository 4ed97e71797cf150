"""A design as the network that is simulated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ppsim.explore.codesign.arrangement import Arrangement, Atoms
from ppsim.explore.codesign.space import WHOLE, Design, Form, Space, named_widths
from ppsim.pruning.block_order import net_in_block_order
from ppsim.pruning.narrowing import narrowed
from ppsim.pruning.sampling import sampled
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer, all_blocks, split_evenly


def built(space: Space, design: Design, arrangement: Arrangement) -> PartitionedGraph:
    """The narrower network, its layers cut as their forms say.

    Units stand in the order that they had, so parts may be in pieces.
    """
    graph = sampled(narrowed(space.graph, named_widths(space, design.widths)), samples(space, design, arrangement))
    part = [
        arrangement.part[axis][arrangement.kept(axis, width)] if width >= design.parts else None
        for axis, width in enumerate(design.widths)
    ]
    layers = {
        name: _layer(space, at, design, part, arrangement)
        for at, (name, form) in enumerate(zip(space.layers, design.forms, strict=True))
        if form != WHOLE
    }
    return PartitionedGraph(graph, design.parts, layers)


def ordered(space: Space, design: Design, arrangement: Arrangement) -> PartitionedGraph:
    """The network that is simulated: units in the order of their parts, where they can move."""
    return net_in_block_order(built(space, design, arrangement))[0]


def samples(space: Space, design: Design, arrangement: Arrangement) -> dict[str, list[int]]:
    """The units of the network's input that its reader takes, if they are not all."""
    axis = space.sampled
    if axis is None or design.widths[axis] == space.atoms[axis]:
        return {}
    reader = next(name for name, ends in zip(space.layers, space.ends, strict=True) if ends.reads == axis)
    return {reader: arrangement.kept(axis, design.widths[axis]).tolist()}


def _layer(
    space: Space, at: int, design: Design, part: Sequence[Atoms | None], arrangement: Arrangement
) -> PartitionedLayer:
    ends, form, parts = space.ends[at], design.forms[at], design.parts
    inputs, outputs = space.units(at, design.widths)
    reads = None if ends.reads is None else part[ends.reads]
    in_sizes, in_assignment = _sides(reads, ends.units_read, inputs, parts)
    if form.cut == "sums":
        return PartitionedLayer(in_sizes, (outputs,), all_blocks(in_sizes, (outputs,)), in_assignment, split="inputs")
    out_sizes, out_assignment = _sides(part[ends.makes], ends.units_made, outputs, parts)
    if form.cut == "whole":
        kept = all_blocks(in_sizes, out_sizes)
    else:
        kept = tuple(_blocks(q, form, in_sizes, arrangement.nearest[at][q]) for q in range(parts))
    rank = None
    if form.rank is not None:
        rank = space.rank(inputs, outputs, space.taps(at), parts, form)
    return PartitionedLayer(in_sizes, out_sizes, kept, in_assignment, out_assignment, rank=rank)


def _sides(part: Atoms | None, each: int, units: int, parts: int) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """Units of each part, and the part of each unit unless they are in order; even ones of an axis too narrow."""
    if part is None:
        return split_evenly(units, parts), None
    sizes = tuple((np.bincount(part, minlength=parts) * each).tolist())
    return sizes, None if (np.diff(part) >= 0).all() else tuple(np.repeat(part, each).tolist())


def _blocks(q: int, form: Form, in_sizes: Sequence[int], nearest: Atoms) -> tuple[Kept, ...]:
    others = [int(p) for p in nearest[: form.others]]
    return tuple(Kept(p, in_sizes[p]) for p in sorted((q, *others)))
