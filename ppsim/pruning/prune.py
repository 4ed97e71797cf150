"""`prune`: a trained network cut into parts, with what is left of its weights, and files of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ppsim.errors import InputError
from ppsim.pruning.block_order import in_block_order, orders_of
from ppsim.pruning.compensation import compensate
from ppsim.pruning.keep import block_saliency
from ppsim.pruning.masks import masked, masks_of
from ppsim.pruning.partition import partition
from ppsim.pruning.saliency import Saliency, saliencies_of
from ppsim.workload.evaluation import outputs_of
from ppsim.workload.formats import write_model_file
from ppsim.workload.formats.npz import write_arrays
from ppsim.workload.model import Array, Model
from ppsim.workload.partitioned import PartitionedGraph
from ppsim.workload.partitioned_documents import partitioned_to_text, save_partitioned

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Pruned:
    """A model and what partition pruning left of it: `model` with pruned weights at zero, cut as `net` says.

    `saliency` names the measure that was used, `retained[layer]` is the share of it that each layer keeps.
    """

    dense: Model
    model: Model
    net: PartitionedGraph
    saliency: str
    retained: Mapping[str, float]


def prune(
    model: Model,
    parts: int,
    layers: str = "fc*",
    method: str = "alternating",
    saliency: str = "w2",
    keep: float | str | None = None,
    slack: float = 0.0,
    seed: int = 0,
    calibration: Array | None = None,
    compensated: bool = True,
    progress: Progress | None = None,
) -> Pruned:
    """Cut layers of a trained network into parts and remove the weights between them: `partition` with what is left.

    With `calibration` inputs, (N, ...), what is left is fitted by least squares (`compensate`), unless `compensated` is
    False. `progress` is called with the layers fitted and to fit. Raises InputError as `partition` does.
    """
    net = partition(model, parts, layers, None, method, saliency, keep, slack, seed, calibration)
    found = saliencies_of(model.graph, tuple(net.layers), model, saliency, calibration)
    if calibration is not None and compensated:
        left = compensate(model, net, calibration, progress=progress)
    else:
        left = masked(model, masks_of(net))
    return Pruned(model, left, net, saliency, {name: _retained(net, name, found[name]) for name in net.layers})


def _retained(net: PartitionedGraph, name: str, saliency: Saliency) -> float:
    """The share of a layer's saliency that its blocks keep."""
    mask = masks_of(PartitionedGraph(net.graph, net.parts, {name: net.layers[name]}))[name]
    total = float(saliency.sum(dtype=np.float64))
    return float(saliency.sum(where=mask, dtype=np.float64)) / total if total else 1.0
