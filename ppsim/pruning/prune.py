"""`prune`: a trained network cut into parts, with what is left of its weights, and files of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ppsim.documents import quote
from ppsim.errors import InputError
from ppsim.pruning.block_order import in_block_order
from ppsim.pruning.compensation import compensate
from ppsim.pruning.keep import moved_bytes
from ppsim.pruning.masks import mask_of, masked, masks_of
from ppsim.pruning.partition import partition_and_saliencies
from ppsim.pruning.saliency import Saliency
from ppsim.storage import write_bytes
from ppsim.workload.formats import read_model_file, write_model_file
from ppsim.workload.formats.npz import write_arrays
from ppsim.workload.graph import LayerGraph
from ppsim.workload.loading import model_of_file
from ppsim.workload.model import Array, Model
from ppsim.workload.partitioned import PartitionedGraph
from ppsim.workload.partitioned_documents import partitioned_from_text, partitioned_to_text

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class CutLayer:
    """A layer that was cut: shares of its weights and of their saliency that are left, and what its parts are sent.

    `moved_bytes` are those of input units that parts read of other parts, for each input of the network.
    """

    name: str
    inputs: int
    outputs: int
    kept: float
    retained: float
    moved_bytes: int


@dataclass(frozen=True)
class Pruned:
    """A model and what partition pruning left of it: `model` with pruned weights at zero, cut as `net` says.

    `saliency` names the measure of what `layers` retain.
    """

    dense: Model
    model: Model
    net: PartitionedGraph
    saliency: str
    layers: tuple[CutLayer, ...]


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
    reduce: str | None = None,
    compensated: bool = True,
    progress: Progress | None = None,
) -> Pruned:
    """Cut layers of a trained network into parts and remove the weights between them: `partition` with what is left.

    With `calibration` inputs, (N, ...), what is left is fitted by least squares (`compensate`), unless `compensated` is
    False. `progress` is called with the layers fitted and to fit. Raises InputError as `partition` does.
    """
    net, found = partition_and_saliencies(
        model, parts, layers, None, method, saliency, keep, slack, seed, calibration, reduce
    )
    if calibration is not None and compensated:
        left = compensate(model, net, calibration, progress=progress)
    else:
        left = masked(model, masks_of(net))
    return Pruned(model, left, net, saliency, tuple(_cut_layer(net, name, found[name]) for name in net.layers))


def _cut_layer(net: PartitionedGraph, name: str, saliency: Saliency) -> CutLayer:
    layer = net.layers[name]
    inputs, outputs = net.units(name)
    kept = layer.weights / layer.dense_weights
    return CutLayer(name, inputs, outputs, kept, _retained(net, name, saliency), moved_bytes(net, name))


def _retained(net: PartitionedGraph, name: str, saliency: Saliency) -> float:
    """The share of a layer's saliency that its blocks keep."""
    total = float(saliency.sum(dtype=np.float64))
    return float(saliency.sum(where=mask_of(net.layers[name]), dtype=np.float64)) / total if total else 1.0


def save_pruned(pruned: Pruned, path: str | Path) -> Path:
    """Write the cut as a ppsim-partitioned/1 file, and masks and orders of units as a .npz file beside it.

    The .npz file has, for each layer that is cut, `LAYER.mask`, (outputs, inputs) and True where weights are kept, and
    `LAYER.inputs` and `LAYER.outputs`, the units in the order of their parts. Returns its path. Raises InputError.
    """
    path, beside = Path(path), masks_file(path)
    text = partitioned_to_text(pruned.net, str(path))  # complains before anything is written
    arrays: dict[str, Array] = {}
    for name, layer in pruned.net.layers.items():
        arrays[f"{name}.mask"] = mask_of(layer)
        arrays[f"{name}.inputs"] = np.argsort(layer.part_of("in"), kind="stable")
        arrays[f"{name}.outputs"] = np.argsort(layer.part_of("out"), kind="stable")
    write_arrays(beside, arrays)
    write_bytes(path, text.encode())
    return beside


def masks_file(path: str | Path) -> Path:
    """Where masks go beside the file of a graph; raises InputError unless its name ends in .json."""
    path = Path(path)
    if path.suffix != ".json":
        raise InputError(f"{path}: the graph is JSON and its masks are .npz beside it; give a name that ends in .json")
    return path.with_suffix(".masks.npz")


def export(pruned: Pruned, path: str | Path) -> None:
    """Write what is left as a model file (.onnx, .safetensors, .npz) with units in the order of their parts.

    It computes what `pruned.model` does. The cut is in it too, so that the file can be simulated as it is. Raises
    InputError.
    """
    ordered = in_block_order(pruned.model, pruned.net)
    write_model_file(path, ordered.model, partitioned_to_text(ordered.net, str(path)))


def load_network(path: str | Path, lenient: bool = False) -> LayerGraph | PartitionedGraph:
    """The network in a model file, cut into parts if the file says that it was pruned so, at batch 1.

    Raises InputError for a file that cannot be used, and where weights that were pruned are not zero: then the file was
    changed afterwards, and its blocks are no longer all there is to compute.
    """
    file = read_model_file(path, lenient)
    model = model_of_file(file, path)
    if file.document is None:
        return model.graph
    stored = partitioned_from_text(file.document, str(path))
    try:
        net = replace(stored, graph=model.graph)
    except InputError as error:
        raise InputError(f"{path}: its cut does not fit its network: {error}") from None
    for name, mask in masks_of(net).items():
        left = np.count_nonzero(model.weight(name)[~mask])
        if left:
            raise InputError(
                f"{path}: layer {quote(name)}: {left} weights between parts are not zero, so it was changed after it "
                "was pruned; prune it again"
            )
    return net if net.layers else net.graph
