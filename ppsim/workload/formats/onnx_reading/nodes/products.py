"""Matrix products: Gemm, MatMul and convolutions."""

from __future__ import annotations

from math import prod
from typing import Literal

import numpy as np

from ppsim.workload.formats.onnx_reading.drafts import Sketch, parameter_name
from ppsim.workload.formats.onnx_reading.layout import (
    BATCH,
    UNITS,
    Atom,
    Layout,
    atoms_of,
    covers,
    per_unit,
    places,
    whole,
)
from ppsim.workload.formats.onnx_reading.node import Node
from ppsim.workload.formats.onnx_reading.nodes.windows import alike, as_image, image_layout, slides
from ppsim.workload.formats.onnx_reading.values import Activation, Constant
from ppsim.workload.layer import Shape
from ppsim.workload.layers import Conv, Linear, MatMul
from ppsim.workload.model import Array


def gemm(node: Node, sketch: Sketch) -> Activation:
    """alpha x A x B + beta x C, with B and C constant: a linear layer."""
    x = node.activation(0)
    if node.flag("transA", 0):
        raise node.wrong("transA=1: the activations' features have to be their last axis")
    weight = node.weights(1)
    if len(x.outer) != 2 or weight.ndim != 2:
        raise node.wrong(f"multiplies matrices, got {x.outer} and {weight.shape}")
    if (alpha := node.number("alpha", 1.0)) != 1.0:
        weight = weight * np.float32(alpha)
    if not node.flag("transB", 0):
        weight = weight.T
    bias = None
    if node.given(2):
        layout = (x.layout[0], whole((weight.shape[0],), UNITS))
        bias = per_unit(node.weights(2), layout, (weight.shape[0], *x.shape[1:]))
        if bias is None:
            raise node.wrong(f"a bias of {node.constant(2).array.shape} is not one number for each output")
        bias = bias * np.float32(node.number("beta", 1.0))
    return _linear(node, sketch, x, 1, weight, bias, _naming(node))


def _naming(node: Node) -> Constant:
    """The weights of a node, or its bias where that alone is called after a layer."""
    weight = node.constant(1)
    return node.constant(2) if node.given(2) and parameter_name(weight.origin) is None else weight


def matmul(node: Node, sketch: Sketch) -> Activation:
    """A product with a constant matrix is a linear layer, one of two activations is attention's."""
    left, right = node.operand(0), node.operand(1)
    if isinstance(left, Activation) and isinstance(right, Activation):
        return _between_activations(node, sketch, left, right)
    side = 1 if isinstance(left, Activation) else 0
    x = node.activation(1 - side)
    matrix = node.weights(side)
    while matrix.ndim > 2 and matrix.shape[0] == 1:
        matrix = matrix[0]
    if matrix.ndim != 2 or len(x.outer) < 2:
        raise node.wrong(f"multiplies {x.outer} by a constant of {matrix.shape}; a matrix is accepted")
    where = len(x.outer) - (1 if side else 2)
    return _linear(node, sketch, x, where, matrix.T if side else matrix, None, node.constant(side))


def _linear(
    node: Node, sketch: Sketch, x: Activation, where: int, weight: Array, bias: Array | None, origin: Constant
) -> Activation:
    """A linear layer over ONNX axis `where`; at each pixel of an image that is a convolution by 1 x 1."""
    axis = x.layout[where]
    if any(atom.axis != UNITS for atom in axis) or len(atoms_of(x.layout, UNITS)) != len(axis):
        raise node.wrong(f"axis {where} of its input of {x.outer} is not all features of {x.shape}, and only those")
    if weight.shape[1] != x.units or 0 in weight.shape:
        raise node.wrong(f"weights of {weight.shape[::-1]} do not fit {x.units} input features")
    # a flatten of (height, width, channels) reads the same features in another order
    weight = weight[:, np.argsort(places(axis))] if axis != whole(x.shape, UNITS) else weight
    tensors = {"weight": np.ascontiguousarray(weight)} | ({} if bias is None else {"bias": bias})
    outputs = weight.shape[0]
    if len(x.shape) == 3:
        layer: Conv | Linear = Conv(name=node.name, out_channels=outputs, kernel=(1, 1), bias=bias is not None)
        tensors["weight"] = tensors["weight"].reshape(*weight.shape, 1, 1)
    else:
        layer = Linear(name=node.name, out_features=outputs, bias=bias is not None)
    return sketch.add(
        node,
        layer,
        (x,),
        lambda shape: (*x.layout[:where], whole(shape, UNITS), *x.layout[where + 1 :]),
        tensors,
        origin,
    )


def _between_activations(node: Node, sketch: Sketch, left: Activation, right: Activation) -> Activation:
    """The product of queries and keys, or of probabilities and values, of each head by itself."""
    rank = len(left.outer)
    if len(left.shape) != 2 or len(right.shape) != 2 or len(right.outer) != rank or rank < 2:
        raise node.wrong(
            f"multiplies activations of {left.outer} and {right.outer}; two of (..., positions, features) are accepted"
        )
    row, column = rank - 2, rank - 1
    outer = _heads(left)
    if outer is None or outer != _heads(right) or left.outer[column] != right.outer[row]:
        raise node.wrong(f"multiplies activations of {left.outer} and {right.outer} whose heads or sizes do not match")
    heads = prod(atom.size for axis in outer for atom in axis if atom.axis == UNITS)
    if not _is_head(left, column, heads) or not covers(left.layout, row, left.shape, 1):
        raise node.wrong(f"its left operand of {left.outer} is not (..., all positions, features of a head)")
    over: Literal["units", "positions"]
    if _is_head(right, row, heads) and covers(right.layout, column, right.shape, 1):
        over = "units"
    elif _is_head(right, column, heads) and covers(right.layout, row, right.shape, 1):
        over = "positions"
    else:
        raise node.wrong(f"its right operand of {right.outer} is not the features of a head and all positions")

    def layout(shape: Shape) -> Layout:
        width = shape[UNITS] // heads
        return (*_scaled(outer, width), left.layout[row], whole((width,), UNITS))

    return sketch.add(node, MatMul(name=node.name, over=over, groups=heads), (left, right), layout)


def _heads(x: Activation) -> Layout | None:
    """The axes before those of the matrices, as counted in heads; None where they count anything else than heads."""
    outer = x.layout[:-2]
    if any(atom.axis not in (UNITS, BATCH) for axis in outer for atom in axis):
        return None
    return _scaled(outer, 1, x.units // prod(atom.size for atom in atoms_of(outer, UNITS)))


def _scaled(layout: Layout, width: int, before: int = 1) -> Layout:
    """A layout of heads of `before` units for heads of `width` units."""
    return tuple(
        tuple(Atom(UNITS, atom.stride // before * width, atom.size) if atom.axis == UNITS else atom for atom in axis)
        for axis in layout
    )


def _is_head(x: Activation, where: int, heads: int) -> bool:
    """Whether an axis is the units of one of `heads` heads, which are groups of consecutive units."""
    return x.units % heads == 0 and x.layout[where] == whole((x.units // heads,), UNITS)


def conv(node: Node, sketch: Sketch) -> Activation:
    """A convolution over an image; one over a line is one over an image of height 1."""
    x = as_image(node, node.activation(0))
    weight = node.weights(1)
    flat = len(x.outer) == 3
    if weight.ndim != len(x.outer) or 0 in weight.shape:
        raise node.wrong(f"weights of {weight.shape} do not fit an input of {x.outer}")
    kernel = node.integers("kernel_shape")
    if kernel is not None and kernel != weight.shape[2:]:
        raise node.wrong(f"kernel_shape {kernel} and weights of {weight.shape}")
    rows, columns = axes = slides(node, x, weight.shape[2:])
    groups = node.integer("group", 1)
    if groups < 1 or x.units != weight.shape[1] * groups:
        raise node.wrong(f"weights of {weight.shape} in {groups} groups do not fit {x.units} channels")
    tensors = {"weight": weight[:, :, None] if flat else weight}
    if node.given(2):
        tensors["bias"] = node.weights(2)
        if tensors["bias"].shape != weight.shape[:1]:
            raise node.wrong(f"a bias of {tensors['bias'].shape} for {weight.shape[0]} output channels")
    layer = Conv(
        name=node.name,
        out_channels=weight.shape[0],
        kernel=(rows.kernel, columns.kernel),
        stride=(rows.stride, columns.stride),
        padding=alike(node, axes),
        groups=groups,
        bias="bias" in tensors,
    )
    return sketch.add(node, layer, (x,), lambda shape: image_layout(x, shape), tensors, _naming(node))
