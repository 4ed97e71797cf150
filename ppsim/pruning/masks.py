"""Which weights a partitioned network keeps, weight by weight, in the units' own order."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ppsim.errors import InputError
from ppsim.workload.model import Model
from ppsim.workload.partitioned import PartitionedGraph, PartitionedLayer

Mask = npt.NDArray[np.bool_]


def mask_of(layer: PartitionedLayer) -> Mask:
    """(outputs, inputs): whether the weights between two units are kept, as the blocks say."""
    in_parts, out_parts = layer.part_of("in"), layer.part_of("out")
    # a block may keep the first few units of a part alone
    rank = np.empty(len(in_parts), dtype=np.int64)
    for part, size in enumerate(layer.in_sizes):
        rank[in_parts == part] = np.arange(size)
    kept_units = np.zeros((len(layer.out_sizes), len(layer.in_sizes)), dtype=np.int64)
    for q, blocks in enumerate(layer.kept):
        for block in blocks:
            kept_units[q, block.part] = block.units
    return np.asarray((rank < kept_units[:, in_parts])[out_parts])


def masks_of(net: PartitionedGraph) -> dict[str, Mask]:
    """The mask of each layer that is cut."""
    return {name: mask_of(layer) for name, layer in net.layers.items()}


def masked(model: Model, masks: Mapping[str, Mask]) -> Model:
    """The model with the weights that masks (outputs, inputs) do not keep set to zero, over the whole kernel.

    Raises InputError for a mask that does not fit its layer.
    """
    changed = {}
    for name, mask in masks.items():
        weight = model.weight(name)
        if mask.shape != weight.shape[:2]:
            raise InputError(
                f"{model.graph.name}: layer {name!r}: a mask of {mask.shape} does not fit weights of {weight.shape}"
            )
        changed[name] = {"weight": weight * mask.reshape(*mask.shape, *(1,) * (weight.ndim - 2))}
    return model.with_tensors(changed)
