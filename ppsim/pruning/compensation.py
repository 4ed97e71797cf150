"""Least squares: what is left of a layer learns to do what the whole of it did, from inputs without labels.

Layer after layer, the weights that a part has left are fitted so that its outputs come as near as they can to those of
the unpruned network, given what the pruned layers before it now make. He et al. (ICCV 2017) reconstruct channel-pruned
layers so; here each part is a problem of its own, of the input units that it keeps, with a ridge that keeps weights
near where they were.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ppsim.pruning.least_squares import RIDGE, Block, check_fit, fitted, paired_rows
from ppsim.pruning.masks import mask_of, masked, masks_of
from ppsim.workload.model import Array, Model
from ppsim.workload.partitioned import PartitionedGraph


def compensate(
    model: Model,
    net: PartitionedGraph,
    calibration: Array,
    ridge: float = RIDGE,
    progress: Callable[[int, int], None] | None = None,
) -> Model:
    """The model with the weights that `net` keeps, and biases, fitted to what the unpruned model does.

    `calibration` are inputs of the network, (N, ...). All layers that are cut are fitted, in the network's order, also
    those that keep all their weights. `ridge` weighs how far weights may go from where they were, against the variance
    of the layer's inputs. `progress` is called with the number of layers fitted and to fit.
    Raises InputError for fewer than two inputs, or a ridge that is not positive.
    """
    check_fit(calibration, ridge)
    masks = masks_of(net)
    pruned = masked(model, masks)
    order = [layer.name for layer in net.graph.layers if layer.name in net.layers]
    for done, name in enumerate(order, start=1):
        rows = paired_rows(model, pruned, name, calibration)
        pruned = pruned.with_tensors({name: fitted(pruned.tensors[name], rows, blocks_of(net, name), ridge)})
        if progress:
            progress(done, len(order))
    return pruned


def blocks_of(net: PartitionedGraph, name: str) -> list[Block]:
    """What each output part of a layer that is cut is fitted from."""
    layer, taps = net.layers[name], net.taps(name)
    mask, out_parts = mask_of(layer), layer.part_of("out")
    found = []
    for part in range(len(layer.out_sizes)):
        outputs = np.flatnonzero(out_parts == part)
        if len(outputs):
            kept = np.flatnonzero(mask[outputs[0]])
            columns = (kept[:, None] * taps + np.arange(taps)).reshape(-1)
            found.append(Block.of(outputs, columns))
    return found
