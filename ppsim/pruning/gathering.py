"""Trained numbers of a layer whose units have a new order, or of which some are gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ppsim.pruning.axes import Axes, Span
from ppsim.workload.layer import Layer
from ppsim.workload.layers import Conv, Embedding, Linear
from ppsim.workload.model import Array

#: unit i of the new ones is unit order[i] of the old ones, (units,)
Order = npt.NDArray[np.int64]


def unit_order(axes: Axes, spans: Sequence[Span], orders: Mapping[int, Order]) -> Order:
    """The units of a tensor, from the atoms of the axes it lies on; axes without an order stay as they are."""
    found, first = [], 0
    for span in spans:
        atoms = orders.get(span.axis, np.arange(axes.atoms[span.axis]))
        each = span.units // axes.atoms[span.axis]
        found.append((first + atoms[:, None] * each + np.arange(each)).reshape(-1))
        first += span.units
    return np.concatenate(found)


def gathered(layer: Layer, name: str, array: Array, outputs: Order | None, inputs: Order | None) -> Array:
    """The array called `name` of a layer for new output and input units; None where they are the old ones."""
    if isinstance(layer, Embedding):
        return array if outputs is None else array[:, outputs]
    if outputs is not None:
        array = array[outputs]
    # the inputs of a grouped convolution are counted from the beginning of their group, which moves as a whole
    return array[:, inputs] if name == "weight" and reads_all(layer) and inputs is not None else array


def reads_all(layer: Layer) -> bool:
    """Whether each output unit of a layer has weights for all of its input units."""
    return isinstance(layer, Linear) or (isinstance(layer, Conv) and layer.groups == 1)
