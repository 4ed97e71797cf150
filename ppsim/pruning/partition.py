"""`partition`: cut layers into parts and prune the weights that cross between parts."""

from __future__ import annotations

from math import prod

from ppsim.errors import InputError
from ppsim.pruning.contiguous import contiguous
from ppsim.workload.graph import INPUT, LayerGraph
from ppsim.workload.layers import Add, Concat, Flatten
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer, all_blocks

#: how units are assigned to parts; a new method is one file and one line here
METHODS = {"contiguous": contiguous}


def partition(
    net: LayerGraph, parts: int, layers: str = "fc*", method: str = "contiguous", keep: float | None = None
) -> PartitionedGraph:
    """Assign the units of layers to `parts` parts and keep the weights inside each part.

    `layers` is a glob, or several separated by commas, over the names of linear layers and ungrouped convolutions; the
    units of a convolution are its channels. `keep` is the share of each layer's weights to keep, from 1/parts (None:
    the diagonal blocks alone) to 1 (nothing is pruned): beyond the diagonal, each part also keeps input units of the
    parts after it, nearest first, and these have to be sent to it.

    A layer with fewer units than parts on one side (ten classes over 16 parts) is split by the other side and keeps all
    its weights. Raises InputError when both sides have too few, or when `keep` is out of range.
    """
    if parts < 1:
        raise InputError(f"parts must be at least 1, got {parts}")
    if method not in METHODS:
        raise InputError(f"method={method!r} is unknown; accepted: {', '.join(METHODS)}")
    if keep is not None and not 1 / parts - 1e-9 <= keep <= 1:
        raise InputError(
            f"keep={keep:g} is out of range; with parts={parts} it goes from 1/{parts} ({1 / parts:.4g}) to 1"
        )
    # without layers it holds the network's sizes
    uncut = PartitionedGraph(net, parts, {})
    tied = _tied_units(net)
    cut = {name: _cut(uncut, name, tied[net.sources[name][0]], method, keep) for name in net.match(layers)}
    return PartitionedGraph(net, parts, cut)


def _cut(net: PartitionedGraph, name: str, tied: int, method: str, keep: float | None) -> PartitionedLayer:
    parts = net.parts
    inputs, outputs = net.units(name)
    if parts > max(inputs, outputs):
        raise InputError(
            f"{net.name}: layer {name!r} has {inputs} input and {outputs} output units, too few for "
            f"parts={parts}; take at most {max(inputs, outputs)} parts or leave the layer out with layers=..."
        )
    assign = METHODS[method]
    if inputs // tied < parts:
        tied = 1
    in_sizes = tuple(size * tied for size in assign(inputs // tied, parts))
    if outputs < parts:
        return PartitionedLayer(in_sizes, (outputs,), all_blocks(in_sizes, (outputs,)), split="inputs")
    out_sizes = assign(outputs, parts)
    if inputs < parts:
        return PartitionedLayer(in_sizes, out_sizes, all_blocks(in_sizes, out_sizes))
    target = 0 if keep is None else round(keep * inputs)
    kept = tuple(_nearest_first(in_sizes, part, target) for part in range(parts))
    return PartitionedLayer(in_sizes, out_sizes, kept)


def _tied_units(net: LayerGraph) -> dict[str, int]:
    """How many consecutive units of a layer's output come from one channel, and so from one part.

    The pixels of a channel stay together through a flatten and what follows it unit by unit.
    """
    tied = {INPUT: 1}
    for layer in net.layers:
        before = {tied[source] for source in net.sources[layer.name]}
        if isinstance(layer, Flatten):
            tied[layer.name] = min(before) * prod(net.input_shapes_of(layer.name)[0][1:])
        elif (layer.pointwise or isinstance(layer, Add | Concat)) and len(before) == 1:
            tied[layer.name] = min(before)
        else:
            tied[layer.name] = 1
    return tied


def _nearest_first(in_sizes: tuple[int, ...], part: int, target: int) -> tuple[Kept, ...]:
    """The part's own block, and units of the parts after it until `target` input units are kept."""
    kept = [Kept(part, in_sizes[part])]
    missing = target - in_sizes[part]
    for distance in range(1, len(in_sizes)):
        if missing <= 0:
            break
        other = (part + distance) % len(in_sizes)
        units = min(missing, in_sizes[other])
        kept.append(Kept(other, units))
        missing -= units
    return tuple(sorted(kept, key=lambda block: block.part))
