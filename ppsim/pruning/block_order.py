"""Units put into the order of their parts, so that what is kept stands in blocks on the diagonal.

The network computes the same: where the units of a layer trade places, so do the rows of its weights, and the columns
of the weights that read them. The units of the network's input and of its results keep their places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ppsim.pruning.axes import Axes, Span, axes_of, pieces
from ppsim.workload.layer import Layer
from ppsim.workload.layers import Conv, Embedding, Linear
from ppsim.workload.model import Array, Model
from ppsim.workload.partitioned import PartitionedGraph

#: unit i of the new order is unit order[i] of the old one, (units,)
Order = npt.NDArray[np.int64]


@dataclass(frozen=True)
class BlockOrder:
    """A model and its cut, both with units in the order of their parts, and `orders[layer]` of its output units.

    Layers whose output units keep their places are not among `orders`.
    """

    model: Model
    net: PartitionedGraph
    orders: Mapping[str, Order]


def in_block_order(model: Model, net: PartitionedGraph) -> BlockOrder:
    """The same network, computing the same, with the units of each part next to each other where they can be."""
    graph, orders = model.graph, orders_of(net)
    tensors = {
        layer.name: {
            name: _moved(layer, name, array, orders.get(layer.name), orders.get(graph.sources[layer.name][0]))
            for name, array in model.tensors.get(layer.name, {}).items()
        }
        for layer in graph.layers
    }
    layers = {
        name: replace(
            layer,
            in_assignment=_assignment(layer.in_assignment, orders.get(graph.sources[name][0])),
            out_assignment=_assignment(layer.out_assignment, orders.get(name)),
        )
        for name, layer in net.layers.items()
    }
    return BlockOrder(Model(graph, tensors), replace(net, layers=layers), orders)


def orders_of(net: PartitionedGraph) -> Mapping[str, Order]:
    """For each layer whose output units move, their new order."""
    axes = axes_of(net.graph)
    by_axis = _orders(axes, net)
    return {
        layer.name: _unit_order(axes, axes.spans[layer.name], by_axis)
        for layer in net.graph.layers
        if any(span.axis in by_axis for span in axes.spans[layer.name])
    }


def _orders(axes: Axes, net: PartitionedGraph) -> dict[int, Order]:
    """The order of the atoms of each axis that can move, where all layers that lie on it agree about its parts."""
    parts: dict[int, npt.NDArray[np.int64] | None] = {}
    for name, layer in net.layers.items():
        sides = [(axes.spans[net.graph.sources[name][0]], layer.part_of("in"))]
        if layer.split == "outputs":
            sides.append((axes.spans[name], layer.part_of("out")))
        for spans, unit_parts in sides:
            for span, own in zip(spans, pieces(unit_parts, spans), strict=True):
                atoms = own.reshape(axes.atoms[span.axis], -1)
                whole = bool((atoms == atoms[:, :1]).all())
                agreed = parts.get(span.axis, atoms[:, 0])
                same = whole and agreed is not None and np.array_equal(agreed, atoms[:, 0])
                parts[span.axis] = agreed if same else None
    return {
        axis: np.argsort(found, kind="stable")
        for axis, found in parts.items()
        if found is not None and axes.movable[axis] and (np.diff(found) < 0).any()
    }


def _unit_order(axes: Axes, spans: Sequence[Span], orders: Mapping[int, Order]) -> Order:
    """The order of a tensor's units, from that of the atoms of the axes it lies on."""
    found, first = [], 0
    for span in spans:
        atoms = orders.get(span.axis, np.arange(axes.atoms[span.axis]))
        each = span.units // axes.atoms[span.axis]
        found.append((first + atoms[:, None] * each + np.arange(each)).reshape(-1))
        first += span.units
    return np.concatenate(found)


def _moved(layer: Layer, name: str, array: Array, outputs: Order | None, inputs: Order | None) -> Array:
    """An array of a layer whose output and input units have a new order."""
    if isinstance(layer, Embedding):
        return array if outputs is None else array[:, outputs]
    if outputs is not None:
        array = array[outputs]
    # the inputs of a grouped convolution are counted from the beginning of their group, which moves as a whole
    reads_all = isinstance(layer, Linear) or (isinstance(layer, Conv) and layer.groups == 1)
    return array[:, inputs] if name == "weight" and reads_all and inputs is not None else array


def _assignment(assignment: tuple[int, ...] | None, order: Order | None) -> tuple[int, ...] | None:
    """The parts of units in their new order; None where they are contiguous."""
    if assignment is None or order is None:
        return assignment
    parts = np.asarray(assignment)[order]
    return tuple(parts.tolist()) if (np.diff(parts) < 0).any() else None
