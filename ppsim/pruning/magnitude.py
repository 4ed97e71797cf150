"""`magnitude`: the rival where weights are known, which keeps the largest weights wherever they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ppsim.pruning.keep import block_saliency
from ppsim.pruning.masks import Mask
from ppsim.pruning.saliency import SALIENCIES
from ppsim.pruning.unstructured import COMPRESSED, unstructured
from ppsim.workload.model import Model
from ppsim.workload.partitioned import Kept, PartitionedGraph, PartitionedLayer
from ppsim.workload.sparsity import Sparsity


def magnitude_masks(model: Model, net: PartitionedGraph) -> dict[str, Mask]:
    """For each layer that is cut, as many pairs of units as `net` keeps, those with the largest |w|, (outputs, inputs).

    A pair is all the weights of a kernel between two units. Of equal ones the first are kept.
    """
    return {name: _largest(model, name, layer.weights) for name, layer in net.layers.items()}


def magnitude(model: Model, net: PartitionedGraph, sparsity: Sparsity = COMPRESSED) -> PartitionedGraph:
    """`unstructured` with the non-zeros of each block counted where the largest weights are.

    As many pairs of units are left in each layer as `net` keeps. Raises InputError for n:m sparsity.
    """
    rival = unstructured(net, sparsity)
    masks = magnitude_masks(model, net)
    layers = {
        name: _counted(layer, masks[name], net.taps(name)) if not masks[name].all() else layer
        for name, layer in rival.layers.items()
    }
    return replace(rival, layers=layers)


def _counted(layer: PartitionedLayer, mask: Mask, taps: int) -> PartitionedLayer:
    """A layer with all blocks, each with as many non-zeros as a mask (outputs, inputs) leaves there."""
    counts = np.rint(block_saliency(layer, mask.astype(np.float32))).astype(int) * taps
    kept = tuple(
        tuple(Kept(block.part, block.units, int(counts[q, block.part])) for block in blocks)
        for q, blocks in enumerate(layer.kept)
    )
    return replace(layer, kept=kept)


def _largest(model: Model, name: str, count: int) -> Mask:
    size = SALIENCIES["w"](model.weight(name), None)
    mask = np.zeros(size.size, dtype=bool)
    mask[np.argsort(-size, axis=None, kind="stable")[:count]] = True
    return mask.reshape(size.shape)
