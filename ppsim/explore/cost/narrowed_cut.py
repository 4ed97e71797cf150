"""`narrowed_cut`: a network that is cut into parts, with fewer units.

Parts stay as equal as they were: each unit that goes is taken from the part that has the most, the last one among
equals, and is the last unit there. Units that cannot part (the pixels of a channel behind a flatten) go together. A
rank becomes lower where a block cannot have it any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ppsim.pruning.axes import Axes, axes_of
from ppsim.pruning.narrowing import narrowed
from ppsim.workload.graph import LayerGraph
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer

Sizes = tuple[int, ...]


def narrowed_cut(net: PartitionedGraph, widths: Mapping[str, int]) -> PartitionedGraph:
    """A partitioned network whose layers have `widths[layer]` output units; those not named keep theirs.

    A block keeps all units of its part if it did, or as many as there are left. Raises InputError as `narrowed` does,
    and where a part would be left without units.
    """
    graph = narrowed(net.graph, widths)
    if graph.shapes == net.graph.shapes:
        return net
    axes = axes_of(net.graph)
    layers = {
        name: _narrower(net.graph, graph, axes, name, layer, net.taps(name)) for name, layer in net.layers.items()
    }
    return replace(net, graph=graph, layers=layers)


def _narrower(
    old: LayerGraph, new: LayerGraph, axes: Axes, name: str, layer: PartitionedLayer, taps: int
) -> PartitionedLayer:
    source = old.sources[name][0]
    inputs, outputs = new.input_shapes_of(name)[0][0], new.shapes[name][0]
    in_sizes, in_assignment = _shrunk(layer.in_sizes, layer.in_assignment, inputs, _atom(axes, source))
    out_sizes, out_assignment = _shrunk(layer.out_sizes, layer.out_assignment, outputs, _atom(axes, name))
    kept = []
    for before, outs, blocks in zip(layer.out_sizes, out_sizes, layer.kept, strict=True):
        shorter = (_shorter(block, layer.in_sizes[block.part], in_sizes[block.part], outs, before) for block in blocks)
        kept.append(tuple(block for block in shorter if outs and block.units))
    whole = replace(
        layer,
        in_sizes=in_sizes,
        out_sizes=out_sizes,
        kept=tuple(kept),
        in_assignment=in_assignment,
        out_assignment=out_assignment,
        rank=None,
    )
    return whole if layer.rank is None else replace(whole, rank=min(layer.rank, highest_rank(whole, taps)))


def highest_rank(layer: PartitionedLayer, taps: int) -> int:
    """The highest rank that a block of a layer can have, with `taps` weights for each pair of units."""
    return max(min(layer.fan_in(q) * taps, size) for q, size in enumerate(layer.out_sizes))


def _atom(axes: Axes, tensor: str) -> int:
    """Units of a tensor that cannot part; 1 where several axes lie side by side."""
    spans = axes.spans[tensor]
    return spans[0].units // axes.atoms[spans[0].axis] if len(spans) == 1 else 1


def _shrunk(sizes: Sizes, assignment: Sizes | None, units: int, atom: int) -> tuple[Sizes, Sizes | None]:
    """Sizes of the parts, and the part of each unit, with so many units left."""
    gone = sum(sizes) - units
    if not gone:
        return sizes, assignment
    step = atom if gone % atom == 0 and all(size % atom == 0 for size in sizes) else 1
    left = list(sizes)
    for _ in range(gone // step):
        largest = max(range(len(left)), key=lambda p: (left[p], p))
        left[largest] -= step
    if assignment is None:
        return tuple(left), None
    parts = np.asarray(assignment)
    stays = np.ones(len(parts), dtype=bool)
    for part, size in enumerate(left):
        stays[np.flatnonzero(parts == part)[size:]] = False
    return tuple(left), tuple(parts[stays].tolist())


def _shorter(block: Kept, before: int, now: int, outputs: int, outputs_before: int) -> Kept:
    """A block of fewer input and output units; of its nonzeros as many are left as of its weights."""
    units = now if block.units == before else min(block.units, now)
    if block.nonzeros is None:
        return Kept(block.part, units)
    return Kept(block.part, units, _scaled(block.nonzeros, (units, outputs), (block.units, outputs_before)))


def _scaled(nonzeros: int, now: Sequence[int], before: Sequence[int]) -> int:
    return nonzeros * now[0] * now[1] // (before[0] * before[1])
