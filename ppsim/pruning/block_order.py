"""Units put into the order of their parts, so that what is kept stands in blocks on the diagonal.

The network computes the same: where the units of a layer trade places, so do the rows of its weights, and the columns
of the weights that read them. The units of the network's input and of its results keep their places.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ppsim.pruning.axes import Axes, axes_of, pieces
from ppsim.pruning.gathering import Order, gathered, unit_order
from ppsim.workload.model import Model
from ppsim.workload.partitioned import PartitionedGraph


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
    graph = model.graph
    ordered, orders = net_in_block_order(net)
    tensors = {
        layer.name: {
            name: gathered(layer, name, array, orders.get(layer.name), orders.get(graph.sources[layer.name][0]))
            for name, array in model.tensors.get(layer.name, {}).items()
        }
        for layer in graph.layers
    }
    return BlockOrder(Model(graph, tensors), ordered, orders)


def net_in_block_order(net: PartitionedGraph) -> tuple[PartitionedGraph, Mapping[str, Order]]:
    """The cut alone with units in the order of their parts, and the new order of each layer whose output units move."""
    orders = orders_of(net)
    layers = {
        name: replace(
            layer,
            in_assignment=_assignment(layer.in_assignment, orders.get(net.graph.sources[name][0])),
            out_assignment=_assignment(layer.out_assignment, orders.get(name)),
        )
        for name, layer in net.layers.items()
    }
    return replace(net, layers=layers), orders


def orders_of(net: PartitionedGraph) -> Mapping[str, Order]:
    """For each layer whose output units move, their new order."""
    axes = axes_of(net.graph)
    by_axis = _orders(axes, net)
    return {
        layer.name: unit_order(axes, axes.spans[layer.name], by_axis)
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


def _assignment(assignment: tuple[int, ...] | None, order: Order | None) -> tuple[int, ...] | None:
    """The parts of units in their new order; None where they are contiguous."""
    if assignment is None or order is None:
        return assignment
    parts = np.asarray(assignment)[order]
    return tuple(parts.tolist()) if (np.diff(parts) < 0).any() else None
