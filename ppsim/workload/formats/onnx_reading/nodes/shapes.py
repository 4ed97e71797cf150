"""Nodes that rename: reshapes, transposes and what else changes no number."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from ppsim.workload.copying import Pad
from ppsim.workload.formats.onnx_reading.drafts import Sketch
from ppsim.workload.formats.onnx_reading.layout import BATCH, UNITS, covers, flattened, permuted, reshaped, whole
from ppsim.workload.formats.onnx_reading.node import Node
from ppsim.workload.formats.onnx_reading.values import Activation, Constant, Value
from ppsim.workload.graph import INPUT
from ppsim.workload.layer import Shape
from ppsim.workload.layers import Flatten

MAX_RANK = 16
#: TensorProto.DataType of floating point numbers, and of integers
FLOATS, INTEGERS = {1, 10, 11, 16}, {2, 3, 4, 5, 6, 7, 12, 13}


def as_vector(node: Node, sketch: Sketch, x: Activation) -> Activation:
    """`x` after a flatten layer where it has become one: one axis has all that is not the batch.

    Other mixtures of axes are left as they are; an operator that cannot read one says so.
    """
    inner = [axis for axis in x.layout if any(atom.axis != BATCH for atom in axis)]
    mixed = len(inner) == 1 and len({atom.axis for atom in inner[0]} - {BATCH}) > 1
    vector = len(inner) <= 1 and len(x.shape) == 3 and len(x.outer) <= 2
    if not (mixed or vector):
        return x
    return sketch.add(node, Flatten(name=node.name), (x,), lambda _: flattened(x.layout, x.shape))


def _renamed(node: Node, sketch: Sketch, x: Activation, target: Shape) -> Activation:
    layout = reshaped(x.layout, target) if len(target) <= MAX_RANK else None
    if layout is None:
        raise node.wrong(f"cannot make {target} of {x.outer} by splitting and joining its axes")
    return as_vector(node, sketch, Activation(x.source, x.shape, layout))


def reshape(node: Node, sketch: Sketch) -> Activation:
    """Reshape to constant sizes; 0 keeps a size and -1 takes what is left."""
    x = node.activation(0)
    wanted = node.numbers(1)
    if not node.flag("allowzero", 0):
        if any(size == 0 and axis >= len(x.outer) for axis, size in enumerate(wanted)):
            raise node.wrong(f"its shape {wanted} keeps sizes that {x.outer} does not have")
        wanted = tuple(x.outer[axis] if size == 0 else size for axis, size in enumerate(wanted))
    known = prod(size for size in wanted if size != -1)
    if min(wanted, default=1) < -1 or wanted.count(-1) > 1 or known == 0 or prod(x.outer) % known:
        raise node.wrong(f"cannot make {wanted} of {x.outer}")
    return _renamed(node, sketch, x, tuple(prod(x.outer) // known if size == -1 else size for size in wanted))


def flatten(node: Node, sketch: Sketch) -> Activation:
    """Flatten to two axes: those before `axis`, and the rest."""
    x = node.activation(0)
    axis = node.integer("axis", 1)
    axis = axis if axis == len(x.outer) else node.axis(axis, len(x.outer))
    return _renamed(node, sketch, x, (prod(x.outer[:axis]), prod(x.outer[axis:])))


def squeeze(node: Node, sketch: Sketch) -> Activation:
    """Squeeze: leave out axes of size 1."""
    x = node.activation(0)
    given = node.axes(1)
    axes = {axis for axis, size in enumerate(x.outer) if size == 1}
    if given is not None:
        asked = {node.axis(axis, len(x.outer)) for axis in given}
        if not asked <= axes:
            raise node.wrong(f"squeezes axes {given} of {x.outer}, which are not all of size 1")
        axes = asked
    return _renamed(node, sketch, x, tuple(size for axis, size in enumerate(x.outer) if axis not in axes))


def unsqueeze(node: Node, sketch: Sketch) -> Activation:
    """Unsqueeze: put in axes of size 1."""
    x = node.activation(0)
    given = node.axes(1) or ()
    rank = len(x.outer) + len(given)
    axes = {node.axis(axis, rank) for axis in given}
    if len(axes) < len(given):
        raise node.wrong(f"puts in axes {given}, of which some are the same")
    left = iter(x.outer)
    return _renamed(node, sketch, x, tuple(1 if axis in axes else next(left) for axis in range(rank)))


def transpose(node: Node, sketch: Sketch) -> Activation:
    """Transpose: the axes in another order."""
    x = node.activation(0)
    order = node.integers("perm") or tuple(reversed(range(len(x.outer))))
    if sorted(order) != list(range(len(x.outer))):
        raise node.wrong(f"perm {order} is no order of the axes of {x.outer}")
    return Activation(x.source, x.shape, permuted(x.layout, order))


def same(node: Node, sketch: Sketch) -> Value:
    """Identity."""
    return node.operand(0)


def dropout(node: Node, sketch: Sketch) -> Value:
    """Dropout, which does nothing when a network is used."""
    if node.given(2) and node.constant(2).array.any():
        raise node.wrong("training_mode is on; export the model for inference")
    return node.operand(0)


def cast(node: Node, sketch: Sketch) -> Activation:
    """Cast between floating point numbers, and of the network's input, whose numbers are what they are."""
    x = node.activation(0)
    to = node.integer("to", 0)
    if to not in FLOATS and not (x.source == INPUT and to in INTEGERS):
        raise node.refused("casts activations to numbers that are no floating point numbers")
    return x


def cast_like(node: Node, sketch: Sketch) -> Value:
    """CastLike: of an activation, which stays a floating point number, or of a constant to what an activation is."""
    value, like = node.operand(0), node.operand(1)
    if isinstance(value, Constant):
        kept = isinstance(like, Activation) and like.source == INPUT  # whose type says nothing of how it is used
        return value if kept else replace(value, array=value.array.astype(np.float32))
    if isinstance(like, Constant) and like.array.dtype.kind in "iub":
        raise node.refused("casts activations to numbers that are no floating point numbers")
    return node.activation(0)


def expand(node: Node, sketch: Sketch) -> Activation:
    """Expand, where it changes nothing."""
    x = node.activation(0)
    wanted = node.numbers(1)
    missing = len(x.outer) - len(wanted)
    if missing < 0 or any(want not in (1, have) for want, have in zip(wanted, x.outer[missing:], strict=True)):
        raise node.wrong(f"repeats activations of {x.outer} to {wanted}")
    return x


def pad(node: Node, sketch: Sketch) -> Activation:
    """Pad, where it adds zeros before and after all channels or features, or changes nothing."""
    x = node.activation(0)
    rank = len(x.outer)
    pads = node.numbers(1) if node.given(1) else node.integers("pads") or ()
    axes = tuple(node.axis(axis, rank) for axis in node.numbers(3)) if node.given(3) else tuple(range(rank))
    if len(pads) not in (0, 2 * len(axes)):
        raise node.wrong(f"pads {pads} do not fit axes {axes}")
    padded = {axis: pair for axis, *pair in zip(axes, pads, pads[len(axes) :], strict=False) if any(pair)}
    if not padded:
        return x
    where, (before, after) = next(iter(padded.items()))
    value = node.constant(2).array if node.given(2) else np.array(node.number("value", 0))
    zeros = node.text("mode", "constant") == "constant" and not value.any()
    if len(padded) > 1 or min(before, after) < 0 or not zeros or not covers(x.layout, where, x.shape, UNITS):
        raise node.wrong(
            f"pads activations of {x.outer} by {pads}; zeros around channels or features are accepted, and padding in "
            "convolutions and pools"
        )
    sketch.budget.spend(node, before + after)
    layer = Pad(name=node.name, before=before, after=after)
    return sketch.add(node, layer, (x,), lambda shape: (*x.layout[:where], whole(shape, UNITS), *x.layout[where + 1 :]))


def shape_of(node: Node, sketch: Sketch) -> Constant:
    """Shape: the sizes, which are known."""
    outer = node.activation(0).outer
    start, end = node.integer("start", 0), node.integer("end", len(outer))
    return Constant(np.array(outer[start:end], np.int64))


def size_of(node: Node, sketch: Sketch) -> Constant:
    """Size: the number of elements, which is known."""
    return Constant(np.array(prod(node.activation(0).outer), np.int64))
