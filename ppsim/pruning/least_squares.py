"""Least squares of a layer's weights: sums over rows of what it reads and what its outputs lack, and what solves them.

A ridge keeps weights near where they were. With a bias the fit is about the means, which the bias takes over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ppsim.errors import InputError
from ppsim.pruning.activations import Rows, by_unit, input_layers, operand
from ppsim.workload.evaluation import evaluator
from ppsim.workload.model import Array, Model, Tensors

#: the ridge, as a share of the variance of what a layer reads (of its mean square, without a bias)
RIDGE = 1e-2
#: the least ridge, as a share of the mean square of what a layer reads: what does not vary is left alone
LEAST_RIDGE = 1e-10
#: numbers of a layer's left operand that are made at once
AT_ONCE = 2**26
Matrix = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


def check_fit(calibration: Array, ridge: float) -> None:
    """Raises InputError for fewer than two inputs, or a ridge that is not positive."""
    if len(calibration) < 2:
        raise InputError(f"calibration: {len(calibration)} inputs; least squares need some hundreds, two at least")
    if not 0 < ridge < np.inf:
        raise InputError(f"ridge={ridge:g} is out of range; accepted: above 0, as in {RIDGE:g}")


@dataclass
class Block:
    """Output units, the columns of their weights that are kept, and sums of products over all rows.

    `gram` is of inputs with inputs, (columns, columns), `cross` of inputs with what outputs lack, (columns, outputs).
    """

    outputs: Indices
    columns: Indices
    gram: Matrix
    cross: Matrix

    @classmethod
    def of(cls, outputs: Indices, columns: Indices) -> Block:
        """One whose sums are zero yet."""
        size = len(columns)
        return cls(outputs, columns, np.zeros((size, size)), np.zeros((size, len(outputs))))

    @classmethod
    def whole(cls, weight: Array) -> Block:
        """All outputs and all columns of weights (outputs, inputs, kernel ...)."""
        return cls.of(np.arange(len(weight)), np.arange(weight[0].size))

    def about_means(self, sums: Sums) -> tuple[Matrix, Matrix]:
        """`gram` and `cross` of what deviates from the means."""
        own, lack = sums.mean_in[self.columns], sums.mean_out[self.outputs]
        return self.gram - sums.count * np.outer(own, own), self.cross - sums.count * np.outer(own, lack)

    def damped(self, sums: Sums) -> tuple[Matrix, Matrix]:
        """The same with the ridge on the diagonal: what is solved for the change of weights."""
        system, cross = self.about_means(sums)
        system[np.diag_indices_from(system)] += sums.damping
        return system, cross


@dataclass(frozen=True, eq=False)
class Sums:
    """What all blocks of a layer have in common.

    `count` rows; `shift` (columns,) was taken off the inputs before they were multiplied; `mean_in` (columns,) are the
    means of the rest and `mean_out` (outputs,) those of what outputs lack, zero without a bias. `damping` is the ridge
    that is added to the diagonal, `lacking` the sum of squares of what outputs lack about their means.
    """

    count: int
    shift: npt.NDArray[np.float32]
    mean_in: Matrix
    mean_out: Matrix
    damping: float
    lacking: float


def summed(tensors: Tensors, rows: Iterable[tuple[Rows, Rows]], blocks: Sequence[Block], ridge: float) -> Sums:
    """The sums of a layer with the weights and bias `tensors`; those of `blocks` are added up in place.

    `rows` are pieces of what it reads, (rows, columns), and of what it should make, (rows, outputs).
    """
    weight = np.asarray(tensors["weight"], dtype=np.float32).reshape(len(tensors["weight"]), -1)
    has_bias = "bias" in tensors
    bias = np.asarray(tensors["bias"], dtype=np.float32) if has_bias else np.float32(0)
    shift = np.zeros(weight.shape[1], dtype=np.float32)
    count, sums, squares, lacks, lack_squares = 0, np.zeros(weight.shape[1]), 0.0, np.zeros(len(weight)), 0.0
    for read, wanted in rows:
        lacking = wanted - read @ weight.T - bias
        if has_bias and not count:
            # with a bias the fit is about the means; taken off early, they do not drown what varies
            shift = read.mean(axis=0, dtype=np.float64).astype(np.float32)
        read = read - shift
        count += len(read)
        sums += read.sum(axis=0, dtype=np.float64)
        squares += float(np.square(read, dtype=np.float64).sum())
        lacks += lacking.sum(axis=0, dtype=np.float64)
        lack_squares += float(np.square(lacking, dtype=np.float64).sum())
        for block in blocks:
            part = read[:, block.columns]
            block.gram += part.T @ part
            block.cross += part.T @ lacking[:, block.outputs]
    mean_in, mean_out = sums / count * has_bias, lacks / count * has_bias
    spread = squares - count * float(mean_in @ mean_in)
    power = squares + count * float(shift.astype(np.float64) @ shift)
    # where nothing is read but zeros, any ridge leaves the weights alone
    damping = max(ridge * spread, LEAST_RIDGE * power) / weight.shape[1] or 1.0
    return Sums(count, shift, mean_in, mean_out, damping, lack_squares - count * float(mean_out @ mean_out))


def fitted(
    tensors: Tensors, rows: Iterable[tuple[Rows, Rows]], blocks: Sequence[Block], ridge: float
) -> dict[str, Array]:
    """New weights and bias of a layer: those of `blocks` are fitted, the others stay."""
    weight = np.asarray(tensors["weight"], dtype=np.float32).reshape(len(tensors["weight"]), -1)
    sums = summed(tensors, rows, blocks, ridge)
    change = np.zeros(weight.shape)
    for block in blocks:
        system, cross = block.damped(sums)
        change[np.ix_(block.outputs, block.columns)] = np.linalg.solve(system, cross).T
    return changed(tensors, sums, change)


def changed(tensors: Tensors, sums: Sums, change: Matrix) -> dict[str, Array]:
    """New weights and bias of a layer, from what its weights change by, (outputs, columns)."""
    weight = np.asarray(tensors["weight"], dtype=np.float32)
    new: dict[str, Array] = {"weight": (weight + change.reshape(weight.shape)).astype(np.float32)}
    if "bias" in tensors:
        bias = np.asarray(tensors["bias"], dtype=np.float32)
        new["bias"] = (bias + sums.mean_out - change @ (sums.mean_in + sums.shift)).astype(np.float32)
    return new


def paired_rows(whole: Model, pruned: Model, name: str, calibration: Array) -> Iterator[tuple[Rows, Rows]]:
    """What a layer of the pruned network reads, and what it makes in the whole one, row by row, in pieces.

    The pruned network may be narrower; outputs are those of all units of the whole one.
    """
    graph = pruned.graph
    product = graph.with_batch(1).gemm_of(name)
    assert product is not None
    reads, makes = evaluator(pruned, input_layers(graph, [name])), evaluator(whole, [name])
    step = max(1, AT_ONCE // (product.m * product.k))
    for first in range(0, len(calibration), step):
        chunk = calibration[first : first + step]
        tensor = reads(chunk).get(graph.sources[name][0], chunk)
        yield operand(graph, name, tensor), by_unit(makes(chunk)[name])
