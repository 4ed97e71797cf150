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
from ppsim.pruning.activations import Rows, by_unit, input_layers, operand
from ppsim.pruning.masks import mask_of, masked, masks_of
from ppsim.workload.evaluation import evaluator
from ppsim.workload.model import Array, Model
from ppsim.workload.partitioned import PartitionedGraph

#: the ridge, as a share of the variance of what a layer reads (of its mean square, without a bias)
RIDGE = 1e-2
#: the least ridge, as a share of the mean square of what a layer reads: what does not vary is left alone
LEAST_RIDGE = 1e-10
#: numbers of a layer's left operand that are made at once
AT_ONCE = 2**26
Matrix = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


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
class _Block:
    """The output units of a part, the columns of its weights that are kept, and sums of products over all rows.

    `gram` is of inputs with inputs, (columns, columns), `cross` of inputs with what outputs lack, (columns, outputs).
    """

    outputs: Indices
    columns: Indices
    gram: Matrix
    cross: Matrix


def _fitted(
    model: Model, pruned: Model, net: PartitionedGraph, name: str, calibration: Array, ridge: float
) -> dict[str, Array]:
    """New weights and bias of a layer."""
    tensors = pruned.tensors[name]
    weight = pruned.weight(name).reshape(len(tensors["weight"]), -1)
    has_bias = "bias" in tensors
    bias = np.asarray(tensors["bias"], dtype=np.float32) if has_bias else np.float32(0)
    blocks = _blocks(net, name)
    shift = np.zeros(weight.shape[1], dtype=np.float32)
    count, sums, squares, lacks = 0, np.zeros(weight.shape[1]), 0.0, np.zeros(len(weight))
    for rows, wanted in _rows(model, pruned, name, calibration):
        lacking = wanted - rows @ weight.T - bias
        if has_bias and not count:
            # with a bias the fit is about the means; taken off early, they do not drown what varies
            shift = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
        rows = rows - shift
        count += len(rows)
        sums += rows.sum(axis=0, dtype=np.float64)
        squares += float(np.square(rows, dtype=np.float64).sum())
        lacks += lacking.sum(axis=0, dtype=np.float64)
        for block in blocks:
            part = rows[:, block.columns]
            block.gram += part.T @ part
            block.cross += part.T @ lacking[:, block.outputs]
    mean_in, mean_out = sums / count * has_bias, lacks / count * has_bias
    spread = squares - count * float(mean_in @ mean_in)
    power = squares + count * float(shift.astype(np.float64) @ shift)
    # where nothing is read but zeros, any ridge leaves the weights alone
    damping = max(ridge * spread, LEAST_RIDGE * power) / weight.shape[1] or 1.0
    change = np.zeros(weight.shape)
    for block in blocks:
        own, lack = mean_in[block.columns], mean_out[block.outputs]
        system = block.gram - count * np.outer(own, own)
        system[np.diag_indices_from(system)] += damping
        solved = np.linalg.solve(system, block.cross - count * np.outer(own, lack))
        change[np.ix_(block.outputs, block.columns)] = solved.T
    new: dict[str, Array] = {"weight": (weight + change).reshape(tensors["weight"].shape).astype(np.float32)}
    if has_bias:
        new["bias"] = (bias + mean_out - change @ (mean_in + shift)).astype(np.float32)
    return new


def _blocks(net: PartitionedGraph, name: str) -> list[_Block]:
    """What each output part is fitted from."""
    layer, taps = net.layers[name], net.taps(name)
    mask, out_parts = mask_of(layer), layer.part_of("out")
    found = []
    for part in range(len(layer.out_sizes)):
        outputs = np.flatnonzero(out_parts == part)
        if len(outputs):
            kept = np.flatnonzero(mask[outputs[0]])
            columns = (kept[:, None] * taps + np.arange(taps)).reshape(-1)
            size = len(columns)
            found.append(_Block(outputs, columns, np.zeros((size, size)), np.zeros((size, len(outputs)))))
    return found


def _rows(model: Model, pruned: Model, name: str, calibration: Array) -> Iterator[tuple[Rows, Rows]]:
    """What a layer of the pruned network reads, and what it makes in the unpruned one, row by row, in pieces."""
    product = model.graph.with_batch(1).gemm_of(name)
    assert product is not None
    reads, makes = evaluator(pruned, input_layers(model.graph, [name])), evaluator(model, [name])
    step = max(1, AT_ONCE // (product.m * product.k))
    for first in range(0, len(calibration), step):
        chunk = calibration[first : first + step]
        tensor = reads(chunk).get(model.graph.sources[name][0], chunk)
        yield operand(model.graph, name, tensor), by_unit(makes(chunk)[name])
