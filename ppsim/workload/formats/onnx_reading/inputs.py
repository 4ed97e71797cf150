"""What a graph is fed with: the one input of the network, and inputs of transformers that have a usual value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from ppsim.documents import quote
from ppsim.errors import InputError
from ppsim.workload.formats.onnx_reading.layout import Axis, batch_axis, whole
from ppsim.workload.formats.onnx_reading.node import Node
from ppsim.workload.formats.onnx_reading.nodes.shapes import FLOATS, INTEGERS
from ppsim.workload.formats.onnx_reading.opening import plain
from ppsim.workload.formats.onnx_reading.values import Activation, Constant, Value
from ppsim.workload.graph import INPUT
from ppsim.workload.layer import Shape
from ppsim.workload.model import Array

if TYPE_CHECKING:
    from onnx import ValueInfoProto

_BOOLEAN = 9
#: elements of an input that has a usual value: the positions of all sequences of a batch
MAX_POSITIONS = 2**22


def _ones(shape: Shape) -> Array:
    return np.broadcast_to(np.int64(1), shape)


def _zeros(shape: Shape) -> Array:
    return np.broadcast_to(np.int64(0), shape)


def _counted(shape: Shape) -> Array:
    return np.broadcast_to(np.arange(shape[-1]), shape)


#: input -> the value it has for one whole sequence: all positions are there, of one segment, in order
USUAL: Mapping[str, Callable[[Shape], Array]] = MappingProxyType(
    {
        "attention_mask": _ones,
        "input_mask": _ones,
        "token_type_ids": _zeros,
        "segment_ids": _zeros,
        "position_ids": _counted,
    }
)
_AS_THEY_ARE = {"Cast", "CastLike", "Expand", "Identity", "Reshape", "Squeeze", "Unsqueeze"}


@dataclass(frozen=True)
class Input:
    """An input as the graph declares it: the sizes of a tensor, with the batch, and its TensorProto.DataType."""

    name: str
    shape: Shape
    kind: int

    @property
    def usual(self) -> Callable[[Shape], Array] | None:
        """What gives it its usual value; None for the network's own input."""
        name = self.name.removesuffix(":0")
        return USUAL.get(name) if self.kind in INTEGERS or self.kind == _BOOLEAN else None


def declared(info: ValueInfoProto) -> Input:
    """An input from its declaration, at batch 1 where that is open; raises InputError where other sizes are open."""
    name = plain(info.name, "an input's name")
    label = f"input {quote(name)}"
    if info.type.WhichOneof("value") != "tensor_type":
        raise InputError(f"{label}: is no tensor")
    kind = info.type.tensor_type
    if kind.elem_type not in FLOATS | INTEGERS | {_BOOLEAN}:
        raise InputError(f"{label}: holds numbers of type {kind.elem_type} of ONNX's; floats and integers are accepted")
    if not kind.HasField("shape"):
        raise InputError(f"{label}: has no shape; export the model with a fixed one")
    sizes = []
    for axis, dim in enumerate(kind.shape.dim):
        known = dim.HasField("dim_value")
        if not known and axis > 0:
            called = quote(plain(dim.dim_param, "a dimension")) if dim.dim_param else f"{axis} without a name"
            raise InputError(f"{label}: its dimension {called} is open; export with all sizes fixed but the batch")
        sizes.append(int(dim.dim_value) if known else 1)
        if sizes[-1] < 1 or sizes[-1] >= 2**48:
            raise InputError(f"{label}: its dimension {axis} is {sizes[-1]}; sizes are positive")
    return Input(name, tuple(sizes), kind.elem_type)


def fed(inputs: Sequence[Input], nodes: Sequence[Node]) -> dict[str, Value]:
    """The value of each input that a node reads; raises InputError where it is not clear which the network's is."""
    read = {name for node in nodes for name in node.inputs}
    live = [one for one in inputs if one.name in read]
    own = [one for one in live if one.usual is None]
    if len(own) != 1:
        which = ", ".join(quote(one.name) for one in own[:8]) or "none"
        raise InputError(
            f"needs one input, got {which}; inputs that may stand beside it, integers that say that all of a sequence "
            f"is there: {', '.join(USUAL)}"
        )
    values: dict[str, Value] = {own[0].name: _activation(own[0], nodes)}
    for one in live:
        if one.usual is not None:
            if prod(one.shape) > MAX_POSITIONS or not one.shape:
                raise InputError(f"input {quote(one.name)}: has the shape {one.shape}; up to {MAX_POSITIONS} positions")
            array = one.usual(one.shape)
            values[one.name] = Constant(array.astype(np.bool_) if one.kind == _BOOLEAN else array)
    return values


def _activation(one: Input, nodes: Sequence[Node]) -> Activation:
    """The network's input in ppsim's order of axes, which the first nodes that read it tell."""
    readers = [node for node in nodes if one.name in node.inputs]
    turned = all(node.op == "Transpose" for node in readers) and {node.integers("perm") for node in readers}
    batch = batch_axis(one.shape[0]) if one.shape else ()
    rank = len(one.shape)

    def held(shape: Shape, *axes: int) -> Activation:
        layout: tuple[Axis, ...] = (batch, *(whole(shape, axis) for axis in axes))
        return Activation(INPUT, shape, layout)

    if rank == 2 and one.kind in INTEGERS and _looked_up(one.name, nodes):
        return held((1, one.shape[1]), 1)
    if rank == 2:
        return held((one.shape[1],), 0)
    if rank == 3 and _has_lines(nodes):
        if turned == {(0, 2, 1)}:
            return held((one.shape[2], 1, one.shape[1]), 2, 0)
        return held((one.shape[1], 1, one.shape[2]), 0, 2)
    if rank == 3:
        return held((one.shape[2], one.shape[1]), 1, 0)
    if rank == 4:
        if turned == {(0, 3, 1, 2)}:
            return held((one.shape[3], one.shape[1], one.shape[2]), 1, 2, 0)
        return held((one.shape[1], one.shape[2], one.shape[3]), 0, 1, 2)
    raise InputError(
        f"input {quote(one.name)}: has the shape {one.shape}; (batch, features), (batch, positions, features) and "
        f"(batch, channels, height, width) are accepted"
    )


def _looked_up(name: str, nodes: Sequence[Node]) -> bool:
    """Whether an input is the places that a table is read at."""
    names = {name}
    for node in nodes:
        if node.op in _AS_THEY_ARE and names.intersection(node.inputs[:1]):
            names.update(node.outputs)
        if node.op == "Gather" and len(node.inputs) > 1 and node.inputs[1] in names:
            return True
    return False


def _has_lines(nodes: Sequence[Node]) -> bool:
    """Whether a graph has windows over lines, whose inputs are (batch, channels, width)."""
    lists = (node.integers(name) for node in nodes if node.op in ("Conv", "MaxPool", "AveragePool")
             for name in ("kernel_shape", "strides"))  # fmt: skip
    return any(len(numbers) == 1 for numbers in lists if numbers)
