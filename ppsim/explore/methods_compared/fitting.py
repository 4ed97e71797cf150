"""Least squares for methods that bring none of their own, so that all of them are compared after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve

from ppsim.pruning.least_squares import RIDGE, Block, changed, fitted, paired_rows, summed
from ppsim.workload.model import Array, Model

#: (outputs, inputs, kernel ...): whether a weight stays
Support = npt.NDArray[np.bool_]


def fitted_layers(whole: Model, pruned: Model, names: Sequence[str], inputs: Array) -> Model:
    """The pruned model with all weights of some layers fitted, in their order, to what the whole network's do.

    `inputs` are those of the network, (N, ...); layers have as many outputs in both.
    """
    for name in names:
        block = Block.whole(pruned.weight(name))
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
    block = Block.whole(flat)
    sums = summed(tensors, paired_rows(whole, pruned, name, inputs), [block], RIDGE)
    gram, cross = block.damped(sums)
    change = np.zeros(flat.shape)
    for output, row in enumerate(stay):
        columns = np.flatnonzero(row)
        if len(columns):
            factor = cho_factor(gram[np.ix_(columns, columns)], overwrite_a=True, check_finite=False)
            change[output, columns] = cho_solve(factor, cross[columns, output], check_finite=False)
    return changed(tensors, sums, change)
