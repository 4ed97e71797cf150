"""Least squares: what is left of a layer learns to do what the whole of it did, from inputs without labels.

Layer after layer, the weights that a part has left are fitted so that its outputs come as near as they can to those of
the unpruned network, given what the pruned layers before it now make. He et al. (ICCV 2017) reconstruct channel-pruned
layers so; here each part is a problem of its own, of the input units that it keeps, with a ridge that keeps weights
near where they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ppsim.errors import InputError
from ppsim.pruning.activations import by_unit, inputs_of, operand
from ppsim.pruning.masks import mask_of, masked, masks_of
from ppsim.workload.evaluation import outputs_of
from ppsim.workload.model import Array, Model
from ppsim.workload.partitioned import PartitionedGraph

#: the ridge, as a share of the mean square of what a layer reads
RIDGE = 1e-2
#: numbers of a layer's left operand that are made at once
AT_ONCE = 2**26
Matrix = npt.NDArray[np.float64]


def compensate(
    model: Model,
    net: PartitionedGraph,
    calibration: Array,
    ridge: float = RIDGE,
    progress: Callable[[int, int], None] | None = None,
) -> Model:
    """The model with the weights that `net` keeps, and biases, fitted to what the unpruned model does.

    `calibration` are inputs of the network, (N, ...). All layers that are cut are fitted, in the network's order, also
    those that keep all their weights. `ridge` weighs how far weights may go from where they were, against the mean
    square of the layer's inputs. `progress` is called with the number of layers fitted and to fit.
    Raises InputError for fewer than two inputs, or a ridge that is not positive.
    """
    if len(calibration) < 2:
        raise InputError(f"calibration: {len(calibration)} inputs; least squares need some hundreds, two at least")
    if not 0 < ridge < np.inf:
        raise InputError(f"ridge={ridge:g} is out of range; accepted: above 0, as in {RIDGE:g}")
    masks = masks_of(net)
    pruned = masked(model, masks)
    order = [layer.name for layer in net.graph.layers if layer.name in net.layers]
    for done, name in enumerate(order, start=1):
        pruned = pruned.with_tensors({name: _fitted(model, pruned, net, name, calibration, ridge)})
        if progress:
            progress(done, len(order))
    return pruned


@dataclass
class _Moments:
    """Sums over rows: of products of inputs, of inputs with residuals, of both, and their number."""

    rows: int
    gram: Matrix
    cross: Matrix
    inputs: Matrix
    residuals: Matrix


def _fitted(
    model: Model, pruned: Model, net: PartitionedGraph, name: str, calibration: Array, ridge: float
) -> dict[str, Array]:
    """New weights and bias of a layer."""
    tensors = pruned.tensors[name]
    weight = tensors["weight"].astype(np.float64).reshape(len(tensors["weight"]), -1)
    moments = _moments(model, pruned, name, calibration, weight)
    mean_in, mean_out = moments.inputs / moments.rows, moments.residuals / moments.rows
    has_bias = "bias" in tensors
    # with a bias the fit is about the means; without, through the origin
    centre = moments.rows * has_bias
    gram = moments.gram - centre * np.outer(mean_in, mean_in)
    cross = moments.cross - centre * np.outer(mean_in, mean_out)
    damping = ridge * np.trace(gram) / len(gram)
    taps = net.taps(name)
    change = np.zeros_like(weight)
    for outputs, kept in _blocks(net, name):
        columns = (kept[:, None] * taps + np.arange(taps)).reshape(-1)
        system = gram[np.ix_(columns, columns)] + max(damping, np.finfo(float).tiny) * np.eye(len(columns))
        change[np.ix_(outputs, columns)] = np.linalg.solve(system, cross[np.ix_(columns, outputs)]).T
    new: dict[str, Array] = {"weight": (weight + change).reshape(tensors["weight"].shape).astype(np.float32)}
    if has_bias:
        new["bias"] = (tensors["bias"] + mean_out - change @ mean_in).astype(np.float32)
    return new


def _blocks(net: PartitionedGraph, name: str) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """For each output part: its output units, and the input units that it keeps."""
    layer = net.layers[name]
    mask, out_parts = mask_of(layer), layer.part_of("out")
    for part in range(len(layer.out_sizes)):
        outputs = np.flatnonzero(out_parts == part)
        if len(outputs):
            yield outputs, np.flatnonzero(mask[outputs[0]])


def _moments(model: Model, pruned: Model, name: str, calibration: Array, weight: Matrix) -> _Moments:
    """What least squares need to know of a layer's inputs, and of what its outputs lack."""
    outputs, inputs = weight.shape
    found = _Moments(0, np.zeros((inputs, inputs)), np.zeros((inputs, outputs)), np.zeros(inputs), np.zeros(outputs))
    bias = pruned.tensors[name].get("bias", np.zeros(outputs))
    product = model.graph.with_batch(1).gemm_of(name)
    assert product is not None
    step = max(1, AT_ONCE // (product.m * product.k))
    for first in range(0, len(calibration), step):
        chunk = calibration[first : first + step]
        rows = operand(model.graph, name, inputs_of(pruned, [name], chunk)[name])
        wanted = by_unit(outputs_of(model, chunk, [name])[name])
        lacking = wanted - rows @ weight.T.astype(np.float32) - bias.astype(np.float32)
        found.rows += len(rows)
        found.gram += rows.T @ rows
        found.cross += rows.T @ lacking
        found.inputs += rows.sum(axis=0, dtype=np.float64)
        found.residuals += lacking.sum(axis=0, dtype=np.float64)
    return found
