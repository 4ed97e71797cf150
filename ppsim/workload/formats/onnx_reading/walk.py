"""From the nodes of a graph to a sketch of layers, node by node in the file's order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ppsim.documents import quote
from ppsim.errors import InputError
from ppsim.workload.formats.onnx_reading import constants, idioms
from ppsim.workload.formats.onnx_reading.budget import Budget
from ppsim.workload.formats.onnx_reading.drafts import Sketch
from ppsim.workload.formats.onnx_reading.inputs import declared, fed
from ppsim.workload.formats.onnx_reading.left_out import keeps_shape
from ppsim.workload.formats.onnx_reading.node import Node, UnsupportedError, node_of
from ppsim.workload.formats.onnx_reading.nodes import NODES
from ppsim.workload.formats.onnx_reading.opening import plain
from ppsim.workload.formats.onnx_reading.tensors import Initialisers
from ppsim.workload.formats.onnx_reading.values import Activation, Pieces, Value
from ppsim.workload.formats.onnx_reading.wire import MAX_NODES
from ppsim.workload.layer import Shape

if TYPE_CHECKING:
    from onnx import GraphProto


@dataclass(frozen=True)
class Walked:
    """What the nodes of a graph came to: layers, the keys of those that are outputs, and what was left out."""

    sketch: Sketch
    input_shape: Shape
    outputs: frozenset[str]
    skipped: tuple[str, ...]


def walked(graph: GraphProto, initialisers: Initialisers, opset: int, lenient: bool) -> Walked:
    """The layers of a graph. `lenient` leaves out nodes that ppsim has no layer for, where that keeps the shape.

    Raises InputError naming the node, or the tensor, that cannot be read.
    """
    outputs = [plain(info.name, "an output's name") for info in graph.output]
    nodes = _nodes(graph, initialisers, opset)
    made = {name for node in nodes for name in node.outputs} | {info.name for info in graph.input}
    for name in outputs:
        if name not in made and name not in initialisers:
            raise InputError(f"output {quote(name)} is made by no node")
    nodes = _live(_rewritten(nodes, initialisers), outputs)
    given = [declared(info) for info in graph.input if plain(info.name, "an input's name") not in initialisers]
    values = fed(given, nodes)
    (shape,) = (value.shape for value in values.values() if isinstance(value, Activation))
    walk = _Walk(values, initialisers, Sketch(Budget()), [])
    shapes = _declared_shapes(graph) if lenient else None
    for node in nodes:
        walk.read(node, shapes)
    found = [walk.value(name) for name in outputs]
    keys = frozenset(value.source for value in found if isinstance(value, Activation))
    if not keys:
        raise InputError("no output depends on the network's input")
    return Walked(walk.sketch, shape, keys, tuple(walk.skipped))


def _nodes(graph: GraphProto, initialisers: Initialisers, opset: int) -> list[Node]:
    """The nodes as they stand; raises InputError where they are in no order, or a name is made twice."""
    if len(graph.node) > MAX_NODES:
        raise InputError(f"has {len(graph.node)} nodes; up to {MAX_NODES} are read")
    if graph.sparse_initializer:
        raise InputError("has sparse initialisers; dense ones are accepted")
    made = {plain(info.name, "an input's name") for info in graph.input}
    counts: dict[str, int] = {}
    nodes = []
    for proto in graph.node:
        op = plain(proto.op_type, "a node's operator")
        base = plain(proto.name, "a node's name").lstrip("/") or op.lower() or "node"
        counts[base] = counts.get(base, 0) + 1
        unnamed = not proto.name
        node = node_of(proto, base if counts[base] == 1 and not unnamed else f"{base}_{counts[base]}", opset)
        for name in node.inputs:
            if name and name not in made and name not in initialisers:
                raise node.wrong(f"reads {quote(name)}, which no node before it makes")
        for name in node.outputs:
            if name and (name in made or name in initialisers):
                raise node.wrong(f"makes {quote(name)}, which is made twice")
            made.add(name)
        nodes.append(node)
    return nodes


@dataclass(frozen=True)
class _Singles:
    """The single numbers among a graph's initialisers and Constant nodes."""

    initialisers: Initialisers
    makers: Mapping[str, Node]

    def single(self, name: str) -> float | None:
        """The number a tensor is; None where it is not a single constant number."""
        node = self.makers.get(name)
        if name in self.initialisers:
            if not self.initialisers.is_single(name):
                return None
            array = self.initialisers[name].array
        elif node is not None and node.op == "Constant":
            array = constants.constant(node).array
        else:
            return None
        return float(array.reshape(-1)[0]) if array.size == 1 and array.dtype.kind in "fiu" else None


def _rewritten(nodes: Sequence[Node], initialisers: Initialisers) -> list[Node]:
    """The nodes with functions that are written out as several put back as one."""
    makers = {name: node for node in nodes for name in node.outputs if name}
    singles = _Singles(initialisers, makers)
    found = []
    for node in nodes:
        idiom = idioms.found_at(node, makers, singles)
        found.append(node if idiom is None else idiom.node(node))
    return found


def _live(nodes: Sequence[Node], outputs: Collection[str]) -> list[Node]:
    """The nodes that an output depends on, in their order."""
    wanted = set(outputs)
    kept = []
    for node in reversed(nodes):
        if any(name in wanted for name in node.outputs if name):
            kept.append(node)
            wanted.update(node.inputs)
    return kept[::-1]


@dataclass
class _Walk:
    """The values known so far."""

    values: dict[str, Value]
    initialisers: Initialisers
    sketch: Sketch
    skipped: list[str]

    def value(self, name: str) -> Value:
        """The value of a tensor; raises InputError where there is none."""
        if name not in self.values:
            if name not in self.initialisers:
                raise InputError(f"{quote(name)} is an output of a node that does not make it here")
            self.values[name] = self.initialisers[name]
            self.sketch.budget.grow(self.initialisers[name].array.size)
        return self.values[name]

    def read(self, node: Node, shapes: Mapping[str, tuple[int, ...]] | None) -> None:
        """Read one node; with `shapes`, those the graph declares, it may be left out where that changes none."""
        node = replace(node, operands=tuple(self.value(name) if name else None for name in node.inputs))
        try:
            made = self._made(node)
        except UnsupportedError as error:
            if shapes is None:
                raise
            made = (keeps_shape(node, shapes, error),)
            self.skipped.append(str(error))
        for name, value in zip(node.outputs, made, strict=False):
            self.values[name] = value

    def _made(self, node: Node) -> tuple[Value, ...]:
        if node.op == "Constant":
            return (constants.constant(node),)
        known = [one for one in node.operands if not isinstance(one, Activation | Pieces)]
        if node.op in constants.BOUNDS and len(known) == len(node.operands):
            return constants.computed(node, known, self.sketch.budget)
        reader = NODES.get(node.op)
        if reader is None:
            raise node.refused(f"operator not supported; supported: {', '.join(NODES)}")
        try:
            made = reader(node, self.sketch)
        except (ArithmeticError, IndexError, MemoryError, TypeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise node.wrong(f"makes no sense: {' '.join(str(error).split())[:200]}") from None  # numpy's words
        return made if isinstance(made, tuple) else (made,)


def _declared_shapes(graph: GraphProto) -> dict[str, tuple[int, ...]]:
    """The shapes a graph declares for tensors between its nodes, 1 for an open batch."""
    found = {}
    for info in (*graph.value_info, *graph.output):
        dims = info.type.tensor_type.shape.dim
        if info.type.tensor_type.HasField("shape") and all(dim.HasField("dim_value") for dim in dims[1:]):
            found[str(info.name)] = tuple(dim.dim_value or 1 for dim in dims)
    return found
