"""The operators that are read: a function for each, which makes layers of a node or renames what it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias, Union

from ppsim.workload.formats.onnx_reading.drafts import Sketch
from ppsim.workload.formats.onnx_reading.node import Node
from ppsim.workload.formats.onnx_reading.nodes import arithmetic, functions, lookup, parts, products, shapes, windows
from ppsim.workload.formats.onnx_reading.values import Activation, Value

#: reads one node: appends layers to the sketch and returns the value of the output, or the values of several
Reader: TypeAlias = Callable[[Node, Sketch], Union[Value, tuple[Activation, ...]]]  # noqa: UP007

#: operator -> what reads it
NODES: Mapping[str, Reader] = MappingProxyType(
    {
        "Add": arithmetic.total,
        "AveragePool": windows.average_pool,
        "BatchNormalization": arithmetic.batch_norm,
        "Cast": shapes.cast,
        "CastLike": shapes.cast_like,
        "Clip": functions.clip,
        "Concat": parts.concat,
        "Conv": products.conv,
        "Div": arithmetic.divide,
        "Dropout": shapes.dropout,
        "Expand": shapes.expand,
        "Flatten": shapes.flatten,
        "Gather": lookup.gather,
        "Gelu": functions.gelu,
        "Gemm": products.gemm,
        "GlobalAveragePool": windows.global_average,
        "GlobalMaxPool": windows.global_max,
        "Identity": shapes.same,
        "LayerNormalization": functions.layer_norm,
        "LeakyRelu": functions.leaky_relu,
        "MatMul": products.matmul,
        "MaxPool": windows.max_pool,
        "Mul": arithmetic.multiply,
        "PRelu": functions.prelu,
        "Pad": shapes.pad,
        "ReduceMax": windows.reduce_max,
        "ReduceMean": windows.reduce_mean,
        "Relu": functions.relu,
        "Reshape": shapes.reshape,
        "SequenceAt": parts.sequence_at,
        "Shape": shapes.shape_of,
        "Sigmoid": functions.sigmoid,
        "Size": shapes.size_of,
        "Slice": parts.slice_of,
        "Softmax": functions.softmax,
        "Split": parts.split,
        "SplitToSequence": parts.split_to_sequence,
        "Squeeze": shapes.squeeze,
        "Sub": arithmetic.subtract,
        "Sum": arithmetic.total,
        "Tanh": functions.tanh,
        "Transpose": shapes.transpose,
        "Unsqueeze": shapes.unsqueeze,
        "Where": arithmetic.where,
    }
)
