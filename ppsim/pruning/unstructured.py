"""`unstructured`: the rival of partition pruning, with as many weights left but anywhere."""

from __future__ import annotations

from dataclasses import replace

from ppsim.errors import InputError
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer, split_evenly
from ppsim.workload.sparsity import DENSE, Sparsity

#: each non-zero weight with its distance from the one before in 4 bits, as in EIE (Han et al., ISCA 2016)
COMPRESSED = Sparsity(kind="compressed", format="relative index", index_bits=4)


def unstructured(net: PartitionedGraph, sparsity: Sparsity = COMPRESSED) -> PartitionedGraph:
    """The same layers with as many non-zero weights each as `net` keeps, spread evenly over all blocks.

    Units are split evenly and in order, as those of a network that is not pruned are, and every block is kept: no
    connection between parts is saved. Layers that `net` splits by inputs stay as they are. A layer without zeros is
    dense, whatever `sparsity` says of zeros.

    Raises InputError for n:m sparsity, which says where zeros are.
    """
    if sparsity.kind == "n:m":
        raise InputError(
            f"unstructured: sparsity {sparsity.describe()} says where zeros are; accepted: dense, gated, compressed"
        )
    return replace(net, layers={name: _spread(layer, net.taps(name), sparsity) for name, layer in net.layers.items()})


def _spread(layer: PartitionedLayer, taps: int, sparsity: Sparsity) -> PartitionedLayer:
    if layer.split == "inputs":
        return layer
    in_sizes = split_evenly(sum(layer.in_sizes), layer.parts)
    out_sizes = split_evenly(sum(layer.out_sizes), layer.parts)
    dense = layer.dense_weights * taps
    # factors of a high rank may hold more numbers than the layer has weights
    left = min(layer.nonzeros(taps), dense)
    shares = shared_out(left, [units * outputs for outputs in out_sizes for units in in_sizes])
    kept = tuple(
        tuple(
            Kept(p, units, None if left == dense else shares[q * layer.parts + p])
            for p, units in enumerate(in_sizes)
            if units
        )
        for q in range(layer.parts)
    )
    return PartitionedLayer(
        in_sizes=in_sizes,
        out_sizes=out_sizes,
        kept=kept,
        sparsity=DENSE if left == dense else sparsity,
        weight_bits=layer.weight_bits,
    )


def shared_out(total: int, areas: list[int]) -> list[int]:
    """`total` shared out in proportion to `areas`; what is left over goes to the largest remainders, first ones first.

    The shares add up to `total`, and each is its exact proportion rounded down or up.
    """
    whole = sum(areas)
    shares = [total * area // whole for area in areas]
    largest = sorted(range(len(areas)), key=lambda at: -(total * areas[at] % whole))
    for at in largest[: total - sum(shares)]:
        shares[at] += 1
    return shares
