"""Nodes that are left out, which is possible where what follows can read what they read instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ppsim.errors import InputError
from ppsim.extras import needs
from ppsim.workload.formats.onnx_reading.node import Node, UnsupportedError
from ppsim.workload.formats.onnx_reading.opening import EXTRA, READING
from ppsim.workload.formats.onnx_reading.values import Activation, Constant, Value

if TYPE_CHECKING:
    from onnx import TypeProto

#: types of activations that are tried: float32, and those of quantised ones and masks, where more has been left out
_KINDS = (1, 2, 3, 9)


def keeps_shape(node: Node, shapes: Mapping[str, tuple[int, ...]], error: UnsupportedError) -> Activation:
    """The activation a node reads first, if the node keeps its shape; raises InputError, after `error`, if not.

    ONNX's own inference says what shape an operator makes; of one it does not know, `shapes`, what the graph declares.
    """
    first = next((one for one in node.operands if isinstance(one, Activation)), None)
    if first is None:
        raise InputError(f"{error}; it cannot be left out, as it reads nothing that could stand in its place")
    shape = _inferred(node)
    if shape is None:
        shape = shapes.get(node.outputs[0]) if node.outputs else None
    if shape != first.outer:
        what = "makes a shape that is not known" if shape is None else f"changes the shape {first.outer} to {shape}"
        raise InputError(f"{error}; it cannot be left out, as it {what}")
    return first


def _inferred(node: Node) -> tuple[int, ...] | None:
    with needs(EXTRA, READING):
        from onnx import NodeProto, defs, shape_inference
    if not all(isinstance(one, Activation | Constant) for one in node.operands if one is not None) or not node.outputs:
        return None
    names = ["" if one is None else f"i{number}" for number, one in enumerate(node.operands)]
    outputs = [f"o{number}" for number in range(len(node.outputs))]
    proto = NodeProto(op_type=node.op, input=names, output=outputs, attribute=node.attributes.values())
    values = {name: one for name, one in zip(names, node.operands, strict=True) if one is not None}
    for kind in _KINDS:
        try:
            schema = defs.get_schema(node.op, min(node.opset, defs.onnx_opset_version()), "")
            types = {name: _type(value, kind) for name, value in values.items()}
            made = shape_inference.infer_node_outputs(schema, proto, types)["o0"].tensor_type
        except Exception:  # C++ code with many kinds of errors, all of which mean that the shape is not known
            continue
        if made.HasField("shape"):
            return tuple(dim.dim_value for dim in made.shape.dim)
    return None


def _type(value: Value, kind: int) -> TypeProto:
    from onnx import helper

    if isinstance(value, Constant):
        return helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(value.array.dtype), value.array.shape)
    assert isinstance(value, Activation)
    return helper.make_tensor_type_proto(kind, value.outer)
