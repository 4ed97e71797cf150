"""Functions of one tensor: activation functions, softmax, layer normalisation."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ppsim.documents import quote
from ppsim.workload.formats.onnx_reading.drafts import Sketch
from ppsim.workload.formats.onnx_reading.layout import UNITS, atoms_of, per_unit, whole
from ppsim.workload.formats.onnx_reading.node import Node
from ppsim.workload.formats.onnx_reading.values import Activation
from ppsim.workload.layers import Elementwise, LayerNorm, PRelu, Softmax
from ppsim.workload.model import Array

#: the largest number of the shortest floating point format: a bound above it is none
_NO_BOUND = 65504.0


def _function(
    node: Node, sketch: Sketch, op: Literal["relu", "relu6", "sigmoid", "tanh", "gelu", "identity"]
) -> Activation:
    return sketch.in_place(node, Elementwise(name=node.name, op=op), node.activation(0))


def relu(node: Node, sketch: Sketch) -> Activation:
    """Relu."""
    return _function(node, sketch, "relu")


def sigmoid(node: Node, sketch: Sketch) -> Activation:
    """Sigmoid."""
    return _function(node, sketch, "sigmoid")


def tanh(node: Node, sketch: Sketch) -> Activation:
    """Tanh."""
    return _function(node, sketch, "tanh")


def gelu(node: Node, sketch: Sketch) -> Activation:
    """Gelu; its approximation by a tanh is taken for it, which is at most 0.0005 away."""
    if (how := node.text("approximate", "none")) not in ("none", "tanh"):
        raise node.wrong(f"approximate {quote(how)}; none and tanh are accepted")
    return _function(node, sketch, "gelu")


def clip(node: Node, sketch: Sketch) -> Activation:
    """Clip to 0 and 6, which is relu6, or to 0 and nothing, which is relu."""
    if node.opset < 11:
        low, high = node.number("min", -_NO_BOUND), node.number("max", _NO_BOUND)
    else:
        low, high = _bound(node, 1, -_NO_BOUND), _bound(node, 2, _NO_BOUND)
    if low == 0.0 and (high == 6.0 or high >= _NO_BOUND):
        return _function(node, sketch, "relu6" if high == 6.0 else "relu")
    if low <= -_NO_BOUND and high >= _NO_BOUND:
        return node.activation(0)
    raise node.refused(f"clips to {low:g} and {high:g}; 0 and 6 (relu6), and 0 and nothing (relu), are accepted")


def leaky_relu(node: Node, sketch: Sketch) -> Activation:
    """LeakyRelu: one slope for all units."""
    x = node.activation(0)
    sketch.budget.spend(node, x.units)
    slope = np.full(x.units, node.number("alpha", 0.01), np.float32)
    return sketch.in_place(node, PRelu(name=node.name), x, {"slope": slope})


def prelu(node: Node, sketch: Sketch) -> Activation:
    """PRelu: a slope for each unit."""
    x = node.activation(0)
    sketch.budget.spend(node, x.units)
    slope = per_unit(node.weights(1), x.layout, x.shape)
    if slope is None:
        raise node.refused(f"slopes of {node.constant(1).array.shape} that are not one for each unit of {x.outer}")
    return sketch.in_place(node, PRelu(name=node.name), x, {"slope": slope}, node.constant(1))


def _bound(node: Node, index: int, default: float) -> float:
    if not node.given(index):
        return default
    array = node.constant(index).array
    if array.size != 1:
        raise node.wrong(f"input {index} has to be one number, got {array.shape}")
    return float(array.reshape(-1)[0])


def softmax(node: Node, sketch: Sketch) -> Activation:
    """Softmax over the features, or over the features of each head."""
    x = node.activation(0)
    rank = len(x.outer)
    where = node.axis(node.integer("axis", -1 if node.opset >= 13 else 1), rank)
    if node.opset < 13:  # over all axes from `axis` on, as one
        while where < rank - 1 and x.outer[where] == 1:
            where += 1
        if any(size > 1 for size in x.outer[where + 1 :]):
            raise node.refused(f"softmax over axes {where} to {rank - 1} of {x.outer} together; one axis is accepted")
    size = x.outer[where]
    if x.layout[where] != whole((size,), UNITS) or (size == 1 and x.units > 1):
        raise node.refused(f"softmax over axis {where} of {x.outer}, not the features of {x.shape} or of a head")
    return sketch.in_place(node, Softmax(name=node.name, groups=x.units // size), x)


def layer_norm(node: Node, sketch: Sketch) -> Activation:
    """LayerNormalization over all features at each position; a missing scale is ones, a missing bias zeros."""
    x = node.activation(0)
    rank = len(x.outer)
    first = node.axis(node.integer("axis", -1), rank)
    over = [axis for axis in range(first, rank) if x.layout[axis]]
    if [atom for axis in over for atom in x.layout[axis]] != list(whole(x.shape, UNITS)) or (
        len(atoms_of(x.layout, UNITS)) != len(over)
    ):
        raise node.refused(f"normalises axes {first} to {rank - 1} of {x.outer}; all features at once are accepted")
    epsilon = node.number("epsilon", 1e-5)
    if epsilon <= 0:
        raise node.wrong(f"epsilon {epsilon}; a positive number is accepted")
    if any(node.outputs[1:]):
        raise node.wrong("its mean and deviation, as outputs, are not available")
    sketch.budget.spend(node, 2 * x.units)
    tensors = {"scale": _per_feature(node, 1, x, 1.0), "shift": _per_feature(node, 2, x, 0.0)}
    weights = node.constant(1) if node.given(1) else None
    return sketch.in_place(node, LayerNorm(name=node.name, epsilon=epsilon), x, tensors, weights)


def _per_feature(node: Node, index: int, x: Activation, default: float) -> Array:
    if not node.given(index):
        return np.full(x.units, default, np.float32)
    array = node.weights(index)
    if array.size != x.units:
        raise node.wrong(f"input {index} of {array.shape} is not one number for each of {x.units} features")
    return array.reshape(-1)
