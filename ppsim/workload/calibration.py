"""Inputs of a network from a file: what it is calibrated with, no labels."""

from __future__ import annotations

from math import prod
from pathlib import Path

from ppsim.documents import MAX_QUOTE, quote
from ppsim.errors import InputError
from ppsim.workload.evaluation import input_shape
from ppsim.workload.formats.npz import read_arrays
from ppsim.workload.graph import LayerGraph
from ppsim.workload.model import Array

#: names of arrays that hold inputs, where a file has several
USUAL_NAMES = ("x", "inputs", "x_train")


def load_inputs(path: str | Path, graph: LayerGraph) -> Array:
    """The inputs in a .npz file, (N, ...) as the network takes them.

    Images may also lie flat, or have their channels last, or none if there is one; a network over vectors takes inputs
    of any shape, flattened. A file of several arrays has one called as in `USUAL_NAMES`. Numbers are taken as they are,
    without scaling. Raises InputError naming the file and what is accepted.
    """
    arrays = read_arrays(path)
    if len(arrays) == 1:
        name = next(iter(arrays))
    else:
        found = [name for name in USUAL_NAMES if name in arrays]
        if not found:
            some = ", ".join(list(arrays)[:8])[: 2 * MAX_QUOTE] or "none"
            raise InputError(f"{path}: has the arrays {some}; give one alone, or call it {' or '.join(USUAL_NAMES)}")
        name = found[0]
    inputs, wanted = arrays[name], input_shape(graph)
    given = inputs.shape[1:]
    if len(wanted) == 3 and given == (*wanted[1:], wanted[0]) != wanted:
        return inputs.transpose(0, 3, 1, 2)
    flat, no_channel = (prod(wanted),), wanted[1:] if len(wanted) == 3 and wanted[0] == 1 else wanted
    fits = prod(given) == prod(wanted) if len(wanted) == 1 else given in (wanted, flat, no_channel)
    if inputs.ndim < 2 or not len(inputs) or not fits:
        raise InputError(
            f"{path}: the array {quote(name)} has the shape {inputs.shape}; "
            f"{graph.name} takes (N, {', '.join(map(str, wanted))})"
        )
    return inputs.reshape(len(inputs), *wanted)
