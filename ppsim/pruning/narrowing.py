"""Layers with fewer output units: a network as structured pruning leaves it, smaller and dense.

What layers share goes together (`pruning/axes.py`): the units of all that a residual addition adds up, the pixels of a
channel behind a flatten, the heads of an attention, the groups of a grouped convolution between its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from numbers import Integral

import numpy as np

from ppsim.documents import quote
from ppsim.errors import InputError
from ppsim.pruning.axes import Axes, axes_of
from ppsim.pruning.gathering import Order, gathered, unit_order
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layer import Layer
from ppsim.workload.layers import Conv, Embedding, Linear, MatMul, Softmax
from ppsim.workload.model import Model

#: networks whose axes are remembered
REMEMBERED = 64


@dataclass(frozen=True)
class SharedWidth:
    """Layers whose output units go together: `layers[name]` units at most, in as many equal steps for all of them.

    A layer can have any multiple of `layers[name] / steps` units.
    """

    layers: Mapping[str, int]
    steps: int

    @property
    def first(self) -> str:
        """The layer that stands for all of them."""
        return next(iter(self.layers))


def shared_widths(graph: LayerGraph) -> tuple[SharedWidth, ...]:
    """The widths of a network that `narrowed` can change, each once, in the network's order."""
    plan = _plan(graph)
    layers: dict[int, dict[str, int]] = {}
    for name, axis in plan.axis.items():
        if plan.axes.movable[axis] and plan.axes.atoms[axis] > 1:
            layers.setdefault(axis, {})[name] = graph.shapes[name][0]
    return tuple(SharedWidth(names, plan.axes.atoms[axis]) for axis, names in layers.items())


def narrowed(graph: LayerGraph, widths: Mapping[str, int]) -> LayerGraph:
    """The network with fewer output units in some layers: `widths[layer]`, at least one and at most what there are.

    Layers are linear ones and convolutions without groups. All that shares a width follows, so one of its layers is
    enough; grouped convolutions and attentions lose whole groups. Other layers keep their widths.

    Raises InputError for other layers, widths out of range or that part what goes together, layers of a shared width
    that disagree, and fewer units of the network's results or of what is added to its input.
    """
    plan = _plan(graph)
    atoms: dict[int, int] = {}
    named: dict[int, str] = {}
    for name, width in widths.items():
        axis, wanted = _atoms(graph, plan, name, width)
        if atoms.setdefault(axis, wanted) != wanted:
            raise _disagreement(graph, plan, named[axis], name, widths)
        named.setdefault(axis, name)
    return _with_atoms(graph, plan, atoms)


def narrowed_model(model: Model, kept: Mapping[str, Sequence[int]]) -> Model:
    """The network with the output units `kept[layer]` of some layers alone, in ascending order, and their numbers.

    What reads them loses the weights for those that are gone; nothing else changes. So it computes what the whole
    network does if weights that read units that are gone are zero; but a layer normalisation is over what is left.

    Raises InputError as `narrowed` does, for units there are not or that are named twice, and for units that stay while
    others that go together with them do not.
    """
    graph = model.graph
    plan, orders = _plan(graph), _orders(graph, kept)
    left = _with_atoms(graph, plan, {axis: len(atoms) for axis, atoms in orders.items()})
    order = _unit_orders(plan, orders)
    tensors = {
        layer.name: {
            name: gathered(layer, name, array, order.get(layer.name), order.get(graph.sources[layer.name][0]))
            for name, array in model.tensors[layer.name].items()
        }
        for layer in graph.layers
        if layer.name in model.tensors
    }
    return Model(left, tensors)


def kept_units(graph: LayerGraph, kept: Mapping[str, Sequence[int]]) -> dict[str, Order]:
    """The units that stay of each tensor that loses some: layer -> units in ascending order; raises InputError."""
    return _unit_orders(_plan(graph), _orders(graph, kept))


@dataclass(frozen=True)
class _Plan:
    """The axes of a network, that of the output of each layer that can be asked for fewer units, and what follows."""

    axes: Axes
    axis: Mapping[str, int]
    #: axis -> positions of the layers that say how many units it has
    follow: Mapping[int, tuple[int, ...]]


@lru_cache(maxsize=REMEMBERED)
def _plan(graph: LayerGraph) -> _Plan:
    axes = axes_of(graph)
    follow: dict[int, list[int]] = {}
    for at, layer in enumerate(graph.layers):
        if isinstance(layer, Conv | Linear | Embedding | MatMul | Softmax):
            follow.setdefault(axes.spans[layer.name][0].axis, []).append(at)
    return _Plan(
        axes,
        {name: axes.spans[name][0].axis for name in graph.divisible},
        {axis: tuple(found) for axis, found in follow.items()},
    )


def _atoms(graph: LayerGraph, plan: _Plan, name: str, width: int) -> tuple[int, int]:
    """The axis of a layer's output units, and how many atoms make `width` of them."""
    axis = _axis(graph, plan, name, "widths")
    units, atoms = graph.shapes[name][0], plan.axes.atoms[axis]
    where = f"{graph.name}: widths: layer {quote(name)}:"
    if not isinstance(width, Integral) or not 1 <= width <= units:
        raise InputError(f"{where} {quote(width)} is out of range; accepted: whole numbers from 1 to {units}")
    if width < units and not plan.axes.movable[axis]:
        raise InputError(f"{where} its {units} units cannot be fewer: {_FIXED}")
    each = units // atoms
    if width % each:
        raise InputError(f"{where} {width} parts units that go together; accepted: multiples of {each} up to {units}")
    return axis, int(width) // each


_FIXED = "the network's results are made of them, or they meet its input, or a layer takes all of them in their order"


def _axis(graph: LayerGraph, plan: _Plan, name: str, argument: str) -> int:
    axis = plan.axis.get(name)
    if axis is None:
        raise InputError(
            f"{graph.name}: {argument}: {quote(name)} is no linear layer or ungrouped convolution; "
            f"there are: {', '.join(graph.divisible) or 'none'}"
        )
    return axis


def _disagreement(graph: LayerGraph, plan: _Plan, one: str, other: str, widths: Mapping[str, int]) -> InputError:
    return InputError(
        f"{graph.name}: widths: layers {quote(one)} and {quote(other)} share their units, and have widths "
        f"{widths[one]} and {widths[other]}; accepted: the same share of both"
    )


def _kept_atoms(graph: LayerGraph, plan: _Plan, name: str, kept: Sequence[int]) -> tuple[int, Order]:
    """The axis of a layer's output units, and the atoms that are all of `kept`."""
    axis = _axis(graph, plan, name, "kept")
    where = f"{graph.name}: kept: layer {quote(name)}:"
    units, given = graph.shapes[name][0], np.asarray(kept)
    inside = given.ndim == 1 and given.size and given.dtype.kind in "iu" and given.min() >= 0 and given.max() < units
    if not inside or len(np.unique(given)) < len(given):
        raise InputError(f"{where} accepted: at least one unit, each once, numbered from 0 to {units - 1}")
    _atoms(graph, plan, name, len(given))
    each = units // plan.axes.atoms[axis]
    atoms = np.sort(given).astype(np.int64).reshape(-1, each)
    if not (atoms == atoms[:, :1] // each * each + np.arange(each)).all():
        raise InputError(f"{where} parts units that go together; accepted: whole runs of {each}, from 0 on")
    return axis, atoms[:, 0] // each


def _orders(graph: LayerGraph, kept: Mapping[str, Sequence[int]]) -> dict[int, Order]:
    """The atoms that stay on each axis that loses some."""
    plan = _plan(graph)
    orders: dict[int, Order] = {}
    named: dict[int, str] = {}
    for name, units in kept.items():
        axis, atoms = _kept_atoms(graph, plan, name, units)
        if not np.array_equal(orders.setdefault(axis, atoms), atoms):
            raise InputError(
                f"{graph.name}: kept: layers {quote(named[axis])} and {quote(name)} share their units, and keep others"
            )
        named.setdefault(axis, name)
    return {axis: atoms for axis, atoms in orders.items() if len(atoms) < plan.axes.atoms[axis]}


def _unit_orders(plan: _Plan, orders: Mapping[int, Order]) -> dict[str, Order]:
    return {
        name: unit_order(plan.axes, spans, orders)
        for name, spans in plan.axes.spans.items()
        if any(span.axis in orders for span in spans)
    }


def _with_atoms(graph: LayerGraph, plan: _Plan, atoms: Mapping[int, int]) -> LayerGraph:
    """The network with so many atoms on some axes."""
    layers = list(graph.layers)
    for axis, left in atoms.items():
        before = plan.axes.atoms[axis]
        if left < before:
            for at in plan.follow[axis]:
                layers[at] = _resized(layers[at], left, before)
    return replace(graph, layers=tuple(layers))


def _resized(layer: Layer, left: int, before: int) -> Layer:
    """A layer whose axis has `left` of `before` atoms; atoms hold whole groups, so that some of these go."""
    match layer:
        case Conv():
            groups = layer.groups * left // before if layer.groups > 1 else 1
            return replace(layer, out_channels=layer.out_channels * left // before, groups=groups)
        case Linear():
            return replace(layer, out_features=layer.out_features * left // before)
        case Embedding():
            return replace(layer, features=layer.features * left // before)
        case MatMul() | Softmax():
            return replace(layer, groups=layer.groups * left // before)
    raise AssertionError(f"{layer.name} has no width of its own")
