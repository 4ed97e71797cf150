"""Nodes that depend on nothing but constants: shapes that are computed, masks, weights that are transposed.

They are computed by ONNX's own reference implementation, after how much they make has been worked out.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from math import ceil, isfinite, prod
from types import MappingProxyType

import numpy as np

from ppsim.documents import quote
from ppsim.errors import InputError
from ppsim.extras import needs
from ppsim.workload.formats.onnx_reading.budget import MAX_ELEMENTS, Budget
from ppsim.workload.formats.onnx_reading.node import Node
from ppsim.workload.formats.onnx_reading.opening import EXTRA, READING
from ppsim.workload.formats.onnx_reading.tensors import ExternalFiles, array_of
from ppsim.workload.formats.onnx_reading.values import Constant, TableRows
from ppsim.workload.model import Array

Arrays = Sequence[Array]


def _first(node: Node, arrays: Arrays) -> int:
    return arrays[0].size


def _broadcast(node: Node, arrays: Arrays) -> int:
    return prod(np.broadcast_shapes(*(array.shape for array in arrays)))


def _together(node: Node, arrays: Arrays) -> int:
    return sum(array.size for array in arrays)


def _filled(node: Node, arrays: Arrays) -> int:
    return prod(int(size) for size in arrays[0].reshape(-1))


def _expanded(node: Node, arrays: Arrays) -> int:
    return prod(np.broadcast_shapes(arrays[0].shape, tuple(int(size) for size in arrays[1].reshape(-1))))


def _tiled(node: Node, arrays: Arrays) -> int:
    return arrays[0].size * prod(int(times) for times in arrays[1].reshape(-1))


def _ranged(node: Node, arrays: Arrays) -> int:
    start, limit, step = (float(array.reshape(-1)[0]) for array in arrays)
    count = (limit - start) / step
    return max(ceil(count), 0) if isfinite(count) else MAX_ELEMENTS + 1


def _gathered(node: Node, arrays: Arrays) -> int:
    axis = node.axis(node.integer("axis", 0), arrays[0].ndim)
    return arrays[1].size * prod(arrays[0].shape[:axis] + arrays[0].shape[axis + 1 :])


def _picked(node: Node, arrays: Arrays) -> int:
    return arrays[1].size


def _gathered_blocks(node: Node, arrays: Arrays) -> int:
    indices = arrays[1].shape
    return prod(indices[:-1]) * prod(arrays[0].shape[node.integer("batch_dims", 0) + indices[-1] :])


def _product(node: Node, arrays: Arrays) -> int:
    return arrays[0].size * (arrays[1].shape[-1] if arrays[1].ndim else 1) + arrays[1].size


def _places(node: Node, arrays: Arrays) -> int:
    return arrays[0].size * max(arrays[0].ndim, 1)


#: operator that is computed -> how many elements it makes, or handles, at most
BOUNDS: Mapping[str, Callable[[Node, Arrays], int]] = MappingProxyType(
    dict.fromkeys(
        ("Abs", "Cast", "CastLike", "Ceil", "Cos", "CumSum", "Erf", "Exp", "Flatten", "Floor", "IsNaN", "Log", "Neg",
         "Not", "Reciprocal", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "Reshape", "ScatterND",
         "Shape", "Sigmoid", "Sign", "Sin", "Size", "Slice", "Split", "Sqrt", "Squeeze", "Tanh", "Transpose", "Trilu",
         "Unsqueeze"),
        _first,
    )
    | dict.fromkeys(
        ("Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Min", "Mod", "Mul",
         "Or", "Pow", "Sub", "Sum", "Where", "Xor"),
        _broadcast,
    )
    | {
        "Concat": _together,
        "ConstantOfShape": _filled,
        "Expand": _expanded,
        "Gather": _gathered,
        "GatherElements": _picked,
        "GatherND": _gathered_blocks,
        "MatMul": _product,
        "NonZero": _places,
        "Range": _ranged,
        "Tile": _tiled,
    }
)  # fmt: skip


def _gather_elements(node: Node, arrays: Arrays) -> Array:
    data, places = arrays
    axis = node.axis(node.integer("axis", 0), data.ndim)
    size = data.shape[axis]
    fits = places.ndim == data.ndim and places.dtype.kind in "iu" and ((places >= -size) & (places < size)).all()
    others = tuple(slice(None if i == axis else extent) for i, extent in enumerate(places.shape))
    if not fits or any(i != axis and extent > data.shape[i] for i, extent in enumerate(places.shape)):
        raise node.wrong(f"picks places of {data.shape} that are not there")
    return np.take_along_axis(data[others], places, axis)


_OWN_ARITY = 2
#: operators of two operands that the reference implementation gets wrong
_OWN: Mapping[str, Callable[[Node, Arrays], Array]] = MappingProxyType({"GatherElements": _gather_elements})
#: operators after which rows of a table are still those rows
_KEEP_ROWS = {"Cast", "CastLike", "Expand", "Unsqueeze"}


def computed(node: Node, operands: Sequence[Constant | None], budget: Budget) -> tuple[Constant, ...]:
    """The outputs of a node of `BOUNDS` for constant operands; raises InputError where it cannot be computed."""
    with needs(EXTRA, READING):
        from onnx import NodeProto
        from onnx.defs import onnx_opset_version
        from onnx.reference import ReferenceEvaluator
    arrays = [operand.array for operand in operands if operand is not None]
    try:
        made = BOUNDS[node.op](node, arrays)
    except InputError:
        raise
    except (ValueError, IndexError, OverflowError, ArithmeticError):
        raise node.wrong(f"its constants of {[array.shape for array in arrays][:8]} do not fit it") from None
    budget.spend(node, made, max((array.size for array in arrays), default=0))
    names = ["" if operand is None else f"i{number}" for number, operand in enumerate(operands)]
    outputs = [f"o{number}" for number in range(len(node.outputs))]
    proto = NodeProto(op_type=node.op, input=names, output=outputs, attribute=node.attributes.values())
    feeds = {
        name: one.array if one.array.flags.c_contiguous else one.array.copy()  # some versions need it so
        for name, one in zip(names, operands, strict=True)
        if one is not None
    }
    if node.op in _OWN and len(arrays) == _OWN_ARITY:
        return (Constant(_OWN[node.op](node, arrays)),)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = ReferenceEvaluator(proto, opsets={"": min(node.opset, onnx_opset_version())}).run(None, feeds)
    except Exception as error:  # the reference implementation raises whatever numpy, and its own checks, raise
        raise node.wrong(f"cannot be computed: {' '.join(str(error).split())[:200]}") from None
    # NumPy has no bfloat16 of its own
    results = [
        array.astype(np.float32) if array.dtype.name == "bfloat16" else array for array in map(np.asarray, found)
    ]
    if len(results) != len(outputs) or any(array.dtype.kind == "O" for array in results):
        raise node.wrong("cannot be computed: it makes no tensors")
    return tuple(Constant(array, _origin(operands, array), _rows(node, operands)) for array in results)


def _origin(operands: Sequence[Constant | None], made: Array) -> str | None:
    """The initialiser that a result is, transposed or scaled: the first operand of its size that was made from one."""
    return next((one.origin for one in operands if one and one.origin and one.array.size == made.size), None)


def _rows(node: Node, operands: Sequence[Constant | None]) -> TableRows | None:
    table = operands[0] if operands else None
    if table is None or node.op in _KEEP_ROWS:
        return table.rows if table else None
    places = operands[1] if len(operands) > 1 else None
    if node.op == "Gather" and places is not None and table.array.ndim == 2 and node.integer("axis", 0) % 2 == 0:
        return TableRows(table.array, places.array)
    return None


def constant(node: Node) -> Constant:
    """The tensor of a Constant node."""
    if len(node.attributes) != 1:
        raise node.wrong("a constant has one value")
    (name,) = node.attributes
    if name == "value" and node.attributes[name].HasField("t"):
        try:
            return Constant(array_of(node.attributes[name].t, ExternalFiles(None)))
        except InputError as error:
            raise node.wrong(str(error)) from None
    attribute = node.attributes[name]
    if name == "value_int":
        return Constant(np.array(node.integer(name, 0), np.int64))
    if name == "value_ints":
        return Constant(np.array(node.integers(name), np.int64))
    if name == "value_float":
        return Constant(np.array(attribute.f, np.float32))
    if name == "value_floats":
        return Constant(np.array(attribute.floats, np.float32))
    raise node.wrong(f"holds {quote(name)}; numbers are accepted")
