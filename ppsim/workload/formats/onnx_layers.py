"""How each type of layer is written in ONNX: one function each in `WRITERS`.

ONNX puts the batch first, and the features of a sequence last: an image is (batch, channels, height, width), a vector
(batch, features), a sequence (batch, positions, features). What a writer leaves behind are nodes, of opset 17, and
arrays of plain Python and NumPy, which need no package.

Products with several groups (attention's heads) and softmax over them work on (batch, groups, positions, units of a
group). Such a value is kept beside the layer's own, so that scores, softmax and context follow one another without
going back and forth; nodes that nobody reads in the end are dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Any, TypeAlias

import numpy as np

from ppsim.documents import quote
from ppsim.errors import InputError
from ppsim.units import ceil_div
from ppsim.workload.copying import Pad, Sample
from ppsim.workload.layer import Layer, Shape, Shapes
from ppsim.workload.layers import (
    Add,
    BatchNorm,
    Concat,
    Conv,
    Elementwise,
    Embedding,
    Flatten,
    LayerNorm,
    Linear,
    MatMul,
    Pool,
    PRelu,
    Softmax,
)
from ppsim.workload.model import Array

Attributes: TypeAlias = Mapping[str, int | float | Sequence[int]]
NONE: Attributes = {}


@dataclass(frozen=True)
class Node:
    """One operator: the values it reads, the one it makes, its name and its attributes."""

    op: str
    reads: tuple[str, ...]
    makes: str
    name: str
    attributes: Attributes


@dataclass
class Sheet:
    """What a layer's writer is given, and where it puts what it writes.

    `reads` are the values of its inputs, `shapes` their shapes and `shape` that of its output, as ppsim has them;
    `trained` its arrays; `taken` the names that are other layers'. `grouped` is shared by all layers of a network:
    layer -> its value in groups, and their number.
    """

    layer: str
    reads: tuple[str, ...]
    shapes: Shapes
    shape: Shape
    trained: Mapping[str, Array]
    taken: Collection[str]
    grouped: dict[str, tuple[str, int]]
    nodes: list[Node] = field(default_factory=list)
    arrays: dict[str, Array] = field(default_factory=dict)

    def inner(self, suffix: str) -> str:
        """A name for something inside the layer: "layer.suffix", with as many _ as no layer is called that."""
        name = f"{self.layer}.{suffix}"
        while name in self.taken:
            name += "_"
        return name

    def inside(self, op: str, reads: Sequence[str], suffix: str, attributes: Attributes = NONE) -> str:
        """Write a node whose value stays inside the layer; returns the value's name."""
        makes = self.inner(suffix)
        self.nodes.append(Node(op, tuple(reads), makes, makes, attributes))
        return makes

    def works(self, op: str, reads: Sequence[str], suffix: str, attributes: Attributes = NONE) -> str:
        """Write the node, inside the layer, that is called like it because it does its work."""
        makes = self.inner(suffix)
        self.nodes.append(Node(op, tuple(reads), makes, self.layer, attributes))
        return makes

    def ends(self, op: str, reads: Sequence[str], attributes: Attributes = NONE) -> None:
        """Write the node that makes the layer's output, and is called like it unless another one is."""
        name = self.inner("end") if any(node.name == self.layer for node in self.nodes) else self.layer
        self.nodes.append(Node(op, tuple(reads), self.layer, name, attributes))

    def array(self, suffix: str, array: Array) -> str:
        """Write an array; returns its name."""
        name = self.inner(suffix)
        self.arrays[name] = array
        return name

    def numbers(self, suffix: str, *numbers: int) -> str:
        """Write a shape or indices; returns the array's name."""
        return self.array(suffix, np.array(numbers, np.int64))

    def scalar(self, suffix: str, number: float) -> str:
        """Write a number; returns its name."""
        return self.array(suffix, np.array(number, np.float32))

    def tensor(self, name: str) -> str:
        """Write an array of trained numbers as it is; returns its name."""
        return self.array(name, self.trained[name])

    def in_groups(self, which: int, groups: int, suffix: str, order: tuple[int, ...] = (0, 2, 1, 3)) -> str:
        """Input `which`, a sequence, as (batch, groups, positions, units of a group); returns the value's name.

        `order` is that of (batch, positions, groups, units of a group) in the result.
        """
        read = self.reads[which]
        if order == (0, 2, 1, 3) and self.grouped.get(read, ("", 0))[1] == groups:
            return self.grouped[read][0]
        units, positions = self.shapes[which]
        shape = self.numbers(f"{suffix}_shape", 0, positions, groups, units // groups)
        split = self.inside("Reshape", (read, shape), f"{suffix}_split")
        return self.inside("Transpose", (split,), suffix, {"perm": order})

    def ends_in_groups(self, op: str, reads: Sequence[str], groups: int, attributes: Attributes = NONE) -> None:
        """Write a node that makes (batch, groups, positions, units of a group), and the layer's output from that."""
        grouped = self.works(op, reads, "grouped", attributes)
        self.grouped[self.layer] = grouped, groups
        units, positions = self.shape
        joined = self.inside("Transpose", (grouped,), "joined", {"perm": (0, 2, 1, 3)})
        self.ends("Reshape", (joined, self.numbers("shape", 0, positions, units)))


def onnx_shape(shape: Shape) -> Shape:
    """A shape of ppsim's as ONNX has it after the batch: the features of a sequence come last."""
    return shape[::-1] if len(shape) == 2 else shape


def units_axis(shape: Shape) -> int:
    """The ONNX axis, batch included, of the units of a tensor whose `shape` leaves the batch out: features last."""
    return 2 if len(shape) == 2 else 1


def _conv(layer: Conv, sheet: Sheet) -> None:
    window = {"kernel_shape": layer.kernel, "strides": layer.stride, "pads": layer.padding * 2}
    sheet.ends("Conv", (*sheet.reads, *map(sheet.tensor, sheet.trained)), {**window, "group": layer.groups})


def _linear(layer: Linear, sheet: Sheet) -> None:
    if len(sheet.shape) == 1:
        sheet.ends("Gemm", (*sheet.reads, *map(sheet.tensor, sheet.trained)), {"transB": 1})
        return
    # a product with a sequence takes its weights inputs first
    operands = sheet.reads[0], sheet.array("weight", np.ascontiguousarray(sheet.trained["weight"].T))
    if layer.bias:
        product = sheet.inside("MatMul", operands, "product")
        sheet.ends("Add", (product, sheet.tensor("bias")))
    else:
        sheet.ends("MatMul", operands)


def _matmul(layer: MatMul, sheet: Sheet) -> None:
    left, right = sheet.reads
    if layer.groups == 1:
        if layer.over == "units":
            right = sheet.inside("Transpose", (right,), "right", {"perm": (0, 2, 1)})
        sheet.ends("MatMul", (left, right))
        return
    left = sheet.in_groups(0, layer.groups, "left")
    right = sheet.in_groups(1, layer.groups, "right", (0, 2, 3, 1) if layer.over == "units" else (0, 2, 1, 3))
    sheet.ends_in_groups("MatMul", (left, right), layer.groups)


def _pool(layer: Pool, sheet: Sheet) -> None:
    for padding, kernel in zip(layer.padding, layer.kernel, strict=True):
        if padding >= kernel:
            raise InputError(f"layer {quote(layer.name)}: padding {padding} of a pool's kernel {kernel}: ONNX has less")
    strides = layer.stride or layer.kernel
    axes = list(zip(sheet.shapes[0][1:], sheet.shape[1:], layer.kernel, strides, layer.padding, strict=True))
    # ONNX rounds up to windows that begin beyond the input as well, which ppsim does not count
    alike = layer.ceil and all(out == ceil_div(size + 2 * pad - k, step) + 1 for size, out, k, step, pad in axes)
    after = [max((out - 1) * step + k - size - pad, pad) for size, out, k, step, pad in axes]
    pads = layer.padding * 2 if alike else (*layer.padding, *after)
    ceil = {"ceil_mode": 1} if alike else {}
    window: Attributes = {"kernel_shape": layer.kernel, "strides": strides, "pads": pads, **ceil}
    if layer.mode == "max":
        sheet.ends("MaxPool", sheet.reads, window)
    else:
        sheet.ends("AveragePool", sheet.reads, {**window, "count_include_pad": 0})


def _elementwise(layer: Elementwise, sheet: Sheet) -> None:
    read = sheet.reads[0]
    if layer.op == "relu6":
        sheet.ends("Clip", (read, sheet.scalar("least", 0), sheet.scalar("most", 6)))
    elif layer.op == "gelu":  # an operator of its own from opset 20 on
        scaled = sheet.inside("Div", (read, sheet.scalar("root", sqrt(2))), "scaled")
        erf = sheet.inside("Erf", (scaled,), "erf")
        twice = sheet.inside("Add", (erf, sheet.scalar("one", 1)), "twice")
        product = sheet.inside("Mul", (read, twice), "product")
        sheet.ends("Mul", (product, sheet.scalar("half", 0.5)))
    else:
        sheet.ends({"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "identity": "Identity"}[layer.op], (read,))


def _prelu(layer: PRelu, sheet: Sheet) -> None:
    after = (1,) * (len(sheet.shape) - units_axis(sheet.shape))  # slopes are alike along the axes after the units
    sheet.ends("PRelu", (sheet.reads[0], sheet.array("slope", sheet.trained["slope"].reshape(-1, *after))))


def _batch_norm(layer: BatchNorm, sheet: Sheet) -> None:
    read, scale, shift = sheet.reads[0], sheet.tensor("scale"), sheet.tensor("shift")
    if units_axis(sheet.shape) == 1:
        units = sheet.shape[0]
        seen = sheet.array("mean", np.zeros(units, np.float32)), sheet.array("variance", np.ones(units, np.float32))
        sheet.ends("BatchNormalization", (read, scale, shift, *seen), {"epsilon": 0.0})
    else:  # the operator takes the axis after the batch for the units
        sheet.ends("Add", (sheet.inside("Mul", (read, scale), "scaled"), shift))


def _layer_norm(layer: LayerNorm, sheet: Sheet) -> None:
    read, scale, shift = sheet.reads[0], sheet.tensor("scale"), sheet.tensor("shift")
    attributes: Attributes = {"axis": -1, "epsilon": layer.epsilon}
    if (rank := len(sheet.shape)) <= 2:
        sheet.ends("LayerNormalization", (read, scale, shift), attributes)
        return
    last = sheet.inside("Transpose", (read,), "units_last", {"perm": (0, *range(2, rank + 1), 1)})
    normal = sheet.works("LayerNormalization", (last, scale, shift), "normal", attributes)
    sheet.ends("Transpose", (normal,), {"perm": (0, rank, *range(1, rank))})


def _softmax(layer: Softmax, sheet: Sheet) -> None:
    groups, shape = layer.groups, sheet.shape
    if groups == 1:
        sheet.ends("Softmax", sheet.reads, {"axis": units_axis(shape)})
    elif len(shape) == 2:
        sheet.ends_in_groups("Softmax", (sheet.in_groups(0, groups, "groups"),), groups, {"axis": -1})
    else:
        inside = sheet.numbers("groups_shape", 0, groups, shape[0] // groups, *shape[1:])
        split = sheet.inside("Reshape", (sheet.reads[0], inside), "groups")
        value = sheet.works("Softmax", (split,), "softmax", {"axis": 2})
        sheet.ends("Reshape", (value, sheet.numbers("shape", 0, *shape)))


def _add(layer: Add, sheet: Sheet) -> None:
    sheet.ends("Add" if len(sheet.reads) == 2 else "Sum", sheet.reads)


def _concat(layer: Concat, sheet: Sheet) -> None:
    sheet.ends("Concat", sheet.reads, {"axis": units_axis(sheet.shape)})


def _flatten(layer: Flatten, sheet: Sheet) -> None:
    reads = sheet.reads
    if len(sheet.shapes[0]) == 2:  # ppsim's order is that of (features, positions)
        reads = (sheet.inside("Transpose", reads, "units_first", {"perm": (0, 2, 1)}),)
    sheet.ends("Flatten", reads, {"axis": 1})


def _sample(layer: Sample, sheet: Sheet) -> None:
    units = sheet.numbers("units", *layer.units(sheet.shapes))
    sheet.ends("Gather", (*sheet.reads, units), {"axis": units_axis(sheet.shape)})


def _pad(layer: Pad, sheet: Sheet) -> None:
    rank = len(sheet.shape) + 1
    pads = [0] * (2 * rank)
    pads[units_axis(sheet.shape)], pads[rank + units_axis(sheet.shape)] = layer.before, layer.after
    sheet.ends("Pad", (*sheet.reads, sheet.numbers("pads", *pads)))


def _embedding(layer: Embedding, sheet: Sheet) -> None:
    """The input looks up table 0, the position table 1, and 0 (the first segment) the tables after it."""
    positions = sheet.shape[1]
    if len(layer.entries) > 1 and layer.entries[1] < positions:
        raise InputError(
            f"layer {quote(layer.name)}: its table of positions has {layer.entries[1]} rows for {positions} positions"
        )
    indices = [sheet.reads[0]]
    for number in range(1, len(layer.entries)):
        indices.append(sheet.numbers(f"indices{number}", *(range(positions) if number == 1 else [0] * positions)))
    operands = [(sheet.tensor(f"table{number}"), index) for number, index in enumerate(indices)]
    if len(operands) == 1:
        sheet.ends("Gather", operands[0])
        return
    rows = [sheet.inside("Gather", operand, f"rows{number}") for number, operand in enumerate(operands)]
    sheet.ends("Add" if len(rows) == 2 else "Sum", rows)


#: what writes a layer of each type
WRITERS: Mapping[type[Layer], Callable[[Any, Sheet], None]] = {
    Conv: _conv,
    Linear: _linear,
    MatMul: _matmul,
    Pool: _pool,
    Elementwise: _elementwise,
    PRelu: _prelu,
    BatchNorm: _batch_norm,
    LayerNorm: _layer_norm,
    Softmax: _softmax,
    Add: _add,
    Concat: _concat,
    Flatten: _flatten,
    Sample: _sample,
    Pad: _pad,
    Embedding: _embedding,
}
