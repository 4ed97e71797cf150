"""Nodes that join tensors along their units, or take some units of one."""

from __future__ import annotations

import numpy as np

from ppsim.documents import quote
from ppsim.workload.formats.onnx_reading.drafts import Selected, Sketch
from ppsim.workload.formats.onnx_reading.layout import UNITS, consecutive, covers, selected, whole
from ppsim.workload.formats.onnx_reading.node import Node
from ppsim.workload.formats.onnx_reading.nodes.shapes import as_vector
from ppsim.workload.formats.onnx_reading.values import Activation, Pieces
from ppsim.workload.layers import Concat
from ppsim.workload.model import Array

MAX_PARTS = 4096
#: what an index that is taken weighs against an element of a constant
_EACH = 32


def concat(node: Node, sketch: Sketch) -> Activation:
    """Concat of activations along their channels or features."""
    operands = tuple(node.activation(index) for index in range(len(node.operands)))
    first = operands[0]
    where = node.axis(node.integer("axis", 1), len(first.outer))
    rest = first.layout[:where] + first.layout[where + 1 :]
    for x in operands:
        if len(x.outer) != len(first.outer) or x.layout[:where] + x.layout[where + 1 :] != rest:
            raise node.wrong(f"joins {first.outer} and {x.outer}, which differ in more than axis {where}")
        if not covers(x.layout, where, x.shape, UNITS):
            raise node.wrong(f"joins along axis {where} of {x.outer}, which is not its channels or features")
    if len(operands) == 1:
        return first
    return sketch.add(
        node,
        Concat(name=node.name),
        operands,
        lambda shape: (*first.layout[:where], whole(shape, UNITS), *first.layout[where + 1 :]),
    )


def _taken(node: Node, sketch: Sketch, x: Activation, where: int, indices: Array) -> Activation:
    """The tensor of some indices of an ONNX axis of `x`."""
    if len(indices) == x.outer[where] and (indices == np.arange(len(indices))).all():
        return x
    sketch.budget.spend(node, _EACH * len(indices) * x.units // x.outer[where])
    selection = selected(x.layout, where, indices) if len(indices) else None
    if selection is None:
        raise node.wrong(
            f"takes a part of axis {where} of {x.outer}, which is not its channels or features in their order"
        )
    layer = Selected(name=node.name, units=tuple(selection.units.tolist()))
    return sketch.add(node, layer, (x,), lambda _: selection.layout)


def split(node: Node, sketch: Sketch) -> tuple[Activation, ...]:
    """Split into consecutive stretches of channels or features."""
    x = node.activation(0)
    where = node.axis(node.integer("axis", 0), len(x.outer))
    sizes = node.numbers(1) if node.given(1) else node.integers("split")
    if sizes is None:
        count = node.integer("num_outputs", len(node.outputs))
        if count != len(node.outputs):
            raise node.wrong(f"num_outputs={count}, and {len(node.outputs)} outputs")
        sizes = _even(node, x.outer[where], -(-x.outer[where] // count)) if count else ()
    return _stretches(node, sketch, x, where, sizes)


def _even(node: Node, whole_size: int, size: int) -> tuple[int, ...]:
    """Stretches of one size, the last as long as it gets."""
    full, rest = divmod(whole_size, size)
    if full > MAX_PARTS:
        raise node.wrong(f"splits {whole_size} indices into {full} parts; up to {MAX_PARTS} are accepted")
    return (size,) * full + ((rest,) if rest else ())


def _stretches(node: Node, sketch: Sketch, x: Activation, where: int, sizes: tuple[int, ...]) -> tuple[Activation, ...]:
    if min(sizes, default=0) < 1 or sum(sizes) != x.outer[where]:
        raise node.wrong(f"splits axis {where} of {x.outer} into {quote(sizes)}")
    sketch.budget.spend(node, _EACH * x.outer[where])
    return tuple(_taken(node, sketch, x, where, np.arange(first, end)) for first, end in consecutive(sizes))


def split_to_sequence(node: Node, sketch: Sketch) -> Pieces:
    """Split into a sequence of tensors."""
    x = node.activation(0)
    where = node.axis(node.integer("axis", 0), len(x.outer))
    size = x.outer[where]
    if not node.given(1) or not node.flag("keepdims", 1):
        raise node.wrong("splits into single indices; stretches are accepted")
    sizes = node.numbers(1)
    if node.constant(1).array.ndim == 0 and sizes[0] > 0:
        sizes = _even(node, size, sizes[0])
    return Pieces(_stretches(node, sketch, x, where, sizes))


def sequence_at(node: Node, sketch: Sketch) -> Activation:
    """One tensor of a sequence."""
    pieces, place = node.operand(0), node.numbers(1)
    if not isinstance(pieces, Pieces) or len(place) != 1:
        raise node.wrong("needs a sequence and one place in it")
    return pieces.parts[node.axis(place[0], len(pieces.parts))]


def slice_of(node: Node, sketch: Sketch) -> Activation:
    """Slice along channels or features, or where it takes all."""
    x = node.activation(0)
    rank = len(x.outer)
    if node.opset < 10:
        starts, ends, axes = node.integers("starts") or (), node.integers("ends") or (), node.integers("axes")
        steps = None
    else:
        starts, ends = node.numbers(1), node.numbers(2)
        axes = node.numbers(3) if node.given(3) else None
        steps = node.numbers(4) if node.given(4) else None
    axes = tuple(range(len(starts))) if axes is None else tuple(node.axis(axis, rank) for axis in axes)
    steps = (1,) * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps) or len(starts) > rank or 0 in steps:
        raise node.wrong(f"starts {starts}, ends {ends}, axes {axes} and steps {steps} do not fit one another")
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        taken = range(x.outer[axis])[start:end:step]
        sketch.budget.spend(node, _EACH * len(taken))
        x = _taken(node, sketch, x, axis, np.array(taken, np.int64))
    return x


def picked(node: Node, sketch: Sketch, x: Activation, where: int, places: Array) -> Activation:
    """Gather of constant places along channels or features; a single place leaves the axis out."""
    size = x.outer[where]
    if places.ndim > 1 or places.dtype.kind not in "iu" or not ((places >= -size) & (places < size)).all():
        raise node.wrong(f"picks places of axis {where} of {x.outer} that are not there, or are no list")
    found = _taken(node, sketch, x, where, places.reshape(-1).astype(np.int64) % size)
    if places.ndim:
        return found
    layout = found.layout[:where] + found.layout[where + 1 :]
    return as_vector(node, sketch, Activation(found.source, found.shape, layout))
