"""Least squares for methods that bring none of their own, so that all of them are compared after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve

from ppsim.pruning.least_squares import RIDGE, Block, fitted, paired_rows, summed
from ppsim.workload.model import Array, Model

#: (outputs, inputs, kernel ...): whether a weight stays
Support = npt.NDArray[np.bool_]


def fitted_layers(whole: Model, pruned: Model, names: Sequence[str], inputs: Array) -> Model:
    """The pruned model with all weights of some layers fitted, in their order, to what the whole network's do.

    `inputs` are those of the network, (N, ...); layers have as many outputs in both.
    """
    for name in names:
        weight = pruned.weight(name)
        block = Block.of(np.arange(len(weight)), np.arange(weight[0].size))
        rows = paired_rows(whole, pruned, name, inputs)
        pruned = pruned.with_tensors({name: fitted(pruned.tensors[name], rows, [block], RIDGE)})
    return pruned


def fitted_weights(whole: Model, pruned: Model, supports: Mapping[str, Support], inputs: Array) -> Model:
    """The same where single weights are left: those of each output are a problem of their own, zeros stay zero."""
    for name, support in supports.items():
        pruned = pruned.with_tensors({name: _fitted_rows(whole, pruned, name, support, inputs)})
    return pruned


def _fitted_rows(whole: Model, pruned: Model, name: str, support: Support, inputs: Array) -> dict[str, Array]:
    tensors = pruned.tensors[name]
    weight = pruned.weight(name)
    flat, stay = weight.reshape(len(weight), -1), support.reshape(len(weight), -1)
    block = Block.of(np.arange(len(flat)), np.arange(flat.shape[1]))
    sums = summed(tensors, paired_rows(whole, pruned, name, inputs), [block], RIDGE)
    gram, cross = block.about_means(sums)
    gram[np.diag_indices_from(gram)] += sums.damping
    change = np.zeros(flat.shape)
    for output, row in enumerate(stay):
        columns = np.flatnonzero(row)
        if len(columns):
            factor = cho_factor(gram[np.ix_(columns, columns)], overwrite_a=True, check_finite=False)
            change[output, columns] = cho_solve(factor, cross[columns, output], check_finite=False)
    new: dict[str, Array] = {"weight": (flat + change).reshape(weight.shape).astype(np.float32)}
    if "bias" in tensors:
        bias = np.asarray(tensors["bias"], dtype=np.float32)
        new["bias"] = (bias + sums.mean_out - change @ (sums.mean_in + sums.shift)).astype(np.float32)
    return new
