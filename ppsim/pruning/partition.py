"""`partition`: cut linear layers into parts and prune the weights that cross between parts."""

from __future__ import annotations

from math import prod

from ppsim.errors import InputError
from ppsim.pruning.contiguous import contiguous
from ppsim.workload.graph import INPUT, LayerGraph
from ppsim.workload.layers import Flatten
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer

#: how units are assigned to parts; a new method is one file and one line here
METHODS = {"contiguous": contiguous}


def partition(
    net: LayerGraph, parts: int, layers: str = "fc*", method: str = "contiguous", keep: float | None = None
) -> PartitionedGraph:
    """Assign the units of linear layers to `parts` parts and keep the weights inside each part.

    `layers` is a glob, or several separated by commas, over the names of linear layers. `keep` is the share of each
    layer's weights to keep, from 1/parts (None: the diagonal blocks alone) to 1 (nothing is pruned): beyond the
    diagonal, each part also keeps input units of the parts after it, nearest first, and these have to be sent to it.

    Raises InputError when there are more parts than units, or when `keep` is out of range.
    """
    if parts < 1:
        raise InputError(f"parts must be at least 1, got {parts}")
    if method not in METHODS:
        raise InputError(f"method={method!r} is unknown; accepted: {', '.join(METHODS)}")
    if keep is not None and not 1 / parts - 1e-9 <= keep <= 1:
        raise InputError(
            f"keep={keep:g} is out of range; with parts={parts} it goes from 1/{parts} ({1 / parts:.4g}) to 1"
        )
    return PartitionedGraph(net, parts, {name: _cut(net, name, parts, method, keep) for name in net.match(layers)})


def _cut(net: LayerGraph, name: str, parts: int, method: str, keep: float | None) -> PartitionedLayer:
    product = net.gemm_of(name)
    assert product is not None
    if parts > min(product.k, product.n):
        raise InputError(
            f"{net.name}: layer {name!r} has {product.k} input and {product.n} output units, too few for "
            f"parts={parts}; take at most {min(product.k, product.n)} parts or leave the layer out with layers=..."
        )
    assign = METHODS[method]
    tied = _tied_inputs(net, name)
    if product.k // tied < parts:
        tied = 1
    in_sizes = tuple(size * tied for size in assign(product.k // tied, parts))
    target = 0 if keep is None else round(keep * product.k)
    return PartitionedLayer(
        in_sizes=in_sizes,
        out_sizes=assign(product.n, parts),
        kept=tuple(_nearest_first(in_sizes, part, target) for part in range(parts)),
    )


def _tied_inputs(net: LayerGraph, name: str) -> int:
    """How many input units come from one channel: the pixels of a channel stay together through a flatten."""
    source = net.sources[name]
    while source != INPUT:
        layer = net[source]
        if isinstance(layer, Flatten):
            return prod(net.input_shape_of(source)[1:])
        if not layer.pointwise:
            return 1
        source = net.sources[source]
    return 1


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
