"""Sums, and scales and shifts by constants: batch normalisation, biases, the normalisation of inputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ppsim.workload.formats.onnx_reading.drafts import Rows, Sketch
from ppsim.workload.formats.onnx_reading.layout import arranged, per_unit, sizes
from ppsim.workload.formats.onnx_reading.node import Node
from ppsim.workload.formats.onnx_reading.values import Activation, Constant, Value
from ppsim.workload.layers import Add, BatchNorm, Embedding
from ppsim.workload.model import Array

#: layers back from a sum in which its embedding is looked for
_NEAR = 8


def batch_norm(node: Node, sketch: Sketch) -> Activation:
    """BatchNormalization with the statistics of training: a scale and a shift for each channel."""
    x = node.activation(0)
    if node.flag("training_mode", 0) or not node.flag("spatial", 1) or len(x.outer) < 2:
        raise node.wrong("training_mode=1, spatial=0, or an input without channels")
    columns = [node.weights(index).astype(np.float64) for index in range(1, 5)]
    if any(column.shape != (x.outer[1],) for column in columns):
        raise node.wrong(f"scale, bias, mean and variance have to be one number for each of {x.outer[1]} channels")
    gamma, beta, mean, variance = columns
    epsilon = node.number("epsilon", 1e-5)
    if (variance + epsilon <= 0).any():
        raise node.wrong("variances that are negative, or zero without an epsilon")
    scale = gamma / np.sqrt(variance + epsilon)
    shape = (-1,) + (1,) * (len(x.outer) - 2)
    return _affine(node, sketch, x, scale.reshape(shape), (beta - mean * scale).reshape(shape), node.constant(1))


def _affine(node: Node, sketch: Sketch, x: Activation, scale: Array, shift: Array, origin: Constant) -> Activation:
    """x times a constant plus a constant; where that changes nothing, x."""
    tensors = {}
    sketch.budget.spend(node, 2 * x.units)
    for name, array in (("scale", scale), ("shift", shift)):
        vector = per_unit(array, x.layout, x.shape)
        if vector is None:
            raise node.refused(
                f"a constant of {origin.array.shape} that is not one number for each unit of {x.outer}; masks and "
                f"other constants that differ from position to position are not supported"
            )
        with np.errstate(all="ignore"):
            tensors[name] = vector.astype(np.float32)
        if not np.isfinite(tensors[name]).all():
            raise node.refused("a constant that is NaN or infinite in float32")
    if origin.origin is None and (tensors["scale"] == 1).all() and not tensors["shift"].any():
        return x  # what changes nothing and has a name still names the layer it is folded into
    return sketch.in_place(node, BatchNorm(name=node.name), x, tensors, origin)


_ONE, _ZERO = np.ones(()), np.zeros(())


def total(node: Node, sketch: Sketch) -> Activation:
    """Add and Sum: of activations of one shape, and of constants."""
    operands = [node.operand(index) for index in range(len(node.operands))]
    rank = max((_rank(operand) for operand in operands), default=0)
    terms = [_raised(operand, rank) for operand in operands if isinstance(operand, Activation)]
    if not terms:
        raise node.refused("adds nothing that is computed from the network's input")
    x = terms[0]
    for other in terms:
        if other.shape != x.shape or other.layout != x.layout:
            raise node.refused(f"adds {x.outer} and {other.outer}; activations of one shape and order are accepted")
    if len(terms) > 1:
        x = sketch.add(node, Add(name=node.name), tuple(terms), lambda _: terms[0].layout)
    for operand in operands:
        if isinstance(operand, Constant):
            x = _shifted(node, sketch, x, operand)
    return x


def _rank(value: Value) -> int:
    return len(value.outer) if isinstance(value, Activation) else value.array.ndim if isinstance(value, Constant) else 0


def _raised(x: Activation, rank: int) -> Activation:
    """With as many axes as what it is computed with, as broadcasting adds them in front."""
    return replace(x, layout=((),) * (rank - len(x.outer)) + x.layout)


def _numbers(node: Node, constant: Constant) -> Array:
    if constant.array.dtype.kind not in "fiu":
        raise node.wrong(f"computes with constants that are {constant.array.dtype}")
    return constant.array.astype(np.float64)


def _shifted(node: Node, sketch: Sketch, x: Activation, constant: Constant) -> Activation:
    array = _numbers(node, constant)
    if _follows_embedding(sketch, x) and (rows := _rows(array, constant, x)) is not None:
        table, numbers = rows
        sketch.budget.spend(node, numbers.size)
        layer = Rows(name=node.name, table="positions" if table else "segments")
        return sketch.in_place(node, layer, x, {"rows": numbers.astype(np.float32)})
    return _affine(node, sketch, x, _ONE, array, constant)


def _follows_embedding(sketch: Sketch, x: Activation) -> bool:
    key = x.source
    for _ in range(_NEAR):
        draft = sketch.of(key)
        if draft is None or not isinstance(draft.layer, Embedding | Rows | BatchNorm):
            return False
        if isinstance(draft.layer, Embedding):
            return True
        key = draft.sources[0]
    return False


def _rows(array: Array, constant: Constant, x: Activation) -> tuple[bool, Array] | None:
    """Whether a table is of positions (or segments), and its rows; None for what is no table.

    A table that was looked up at 0, 1, 2 ... is one of positions, at 0 alone one of segments.
    """
    if constant.rows is not None and sizes(x.layout)[-1] == constant.rows.table.shape[1]:
        places = constant.rows.places
        if not places.any() and places.size > 1:
            return False, constant.rows.table
        if places.shape[-1:] == x.shape[1:] and (places == np.arange(x.shape[1])).all():
            return True, constant.rows.table
    if per_unit(array, x.layout, x.shape) is not None:
        return None
    found = arranged(array, x.layout, x.shape)
    return None if found is None else (True, np.broadcast_to(found, x.shape).T)


def subtract(node: Node, sketch: Sketch) -> Activation:
    """Sub of a constant, or from one."""
    left, right = node.operand(0), node.operand(1)
    rank = max(_rank(left), _rank(right))
    if isinstance(left, Activation) and isinstance(right, Constant):
        return _affine(node, sketch, _raised(left, rank), _ONE, -_numbers(node, right), right)
    if isinstance(left, Constant) and isinstance(right, Activation):
        return _affine(node, sketch, _raised(right, rank), -_ONE, _numbers(node, left), left)
    raise node.refused("subtracts activations; a constant is accepted")


def multiply(node: Node, sketch: Sketch) -> Activation:
    """Mul by a constant."""
    left, right = node.operand(0), node.operand(1)
    x, constant = (left, right) if isinstance(left, Activation) else (right, left)
    if not isinstance(x, Activation) or not isinstance(constant, Constant):
        raise node.refused("multiplies activations element by element; a constant is accepted")
    return _affine(node, sketch, _raised(x, max(_rank(left), _rank(right))), _numbers(node, constant), _ZERO, constant)


def divide(node: Node, sketch: Sketch) -> Activation:
    """Div by a constant."""
    x, constant = node.operand(0), node.operand(1)
    if not isinstance(x, Activation) or not isinstance(constant, Constant):
        raise node.refused("divides by activations; a constant is accepted")
    with np.errstate(all="ignore"):
        scale = 1 / _numbers(node, constant)
    return _affine(node, sketch, _raised(x, max(_rank(x), _rank(constant))), scale, _ZERO, constant)


def where(node: Node, sketch: Sketch) -> Value:
    """Where of a constant condition that is true, or false, everywhere: a mask that masks nothing."""
    condition = node.constant(0).array
    if condition.dtype != np.bool_ or not (condition.all() or not condition.any()):
        raise node.refused("chooses between elements; masks are not supported")
    chosen = node.operand(1 if condition.all() else 2)
    shape = _outer(chosen)
    if np.broadcast_shapes(shape, condition.shape, *(_outer(node.operand(index)) for index in (1, 2))) != shape:
        raise node.refused("repeats what it chooses")
    return chosen


def _outer(value: Value) -> tuple[int, ...]:
    return value.outer if isinstance(value, Activation) else value.array.shape if isinstance(value, Constant) else ()
