"""Gather: a lookup in a table of words, or one place of an axis."""

from __future__ import annotations

from ppsim.workload.formats.onnx_reading.drafts import Sketch
from ppsim.workload.formats.onnx_reading.layout import whole
from ppsim.workload.formats.onnx_reading.node import Node
from ppsim.workload.formats.onnx_reading.nodes.parts import picked
from ppsim.workload.formats.onnx_reading.values import Activation, Constant
from ppsim.workload.graph import INPUT
from ppsim.workload.layers import Embedding


def gather(node: Node, sketch: Sketch) -> Activation:
    """Rows of a constant table for the network's input, or constant places of an activation."""
    data = node.operand(0)
    if isinstance(data, Constant):
        return _embedding(node, sketch)
    x = node.activation(0)
    return picked(node, sketch, x, node.axis(node.integer("axis", 0), len(x.outer)), node.constant(1).array)


def _embedding(node: Node, sketch: Sketch) -> Activation:
    table, ids = node.weights(0), node.activation(1)
    if table.ndim != 2 or 0 in table.shape or node.integer("axis", 0) % 2:
        raise node.wrong(f"looks up a table of {table.shape}; (entries, features) is accepted, with axis=0")
    if ids.source != INPUT or len(ids.shape) != 2 or ids.units != 1:
        raise node.wrong("looks up computed numbers; the network's input, integers of (batch, positions), is accepted")
    layer = Embedding(name=node.name, entries=(table.shape[0],), features=table.shape[1])
    return sketch.add(
        node, layer, (ids,), lambda shape: (*ids.layout, whole(shape, 0)), {"table0": table}, node.constant(0)
    )
