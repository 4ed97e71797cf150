"""Networks with their trained numbers as ONNX models.

The graph has one input, "input", and for outputs the layers nobody reads, by their names; the batch stays open. Arrays
are named "layer.tensor", and are laid out as in ppsim but for the weights of linear layers over sequences, which are
(inputs, outputs). The metadata hold the document of a partitioned network under "ppsim".

A network that begins with embeddings takes the numbers of their rows, (batch, positions) of int64; any other takes
float32 numbers: (batch, channels, height, width), (batch, features) or (batch, positions, features).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ppsim.documents import quote
from ppsim.errors import InputError
from ppsim.extras import needs
from ppsim.storage import write_bytes
from ppsim.workload.formats.arrays import document_bytes, float32, stored_tensors
from ppsim.workload.formats.onnx_layers import WRITERS, Node, Sheet, onnx_shape
from ppsim.workload.graph import INPUT, LayerGraph
from ppsim.workload.layers import Embedding
from ppsim.workload.model import Array, Model

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

OPSET = 17
#: of the file itself: the version that came with the opset, which every runtime of today reads
IR_VERSION = 8
#: bytes of numbers and document: a protocol buffer has up to 2 GiB, names and nodes among them
MAX_BYTES = 2**31 - 2**24
DOCUMENT = "ppsim"
BATCH = "batch"


def write(path: Path, model: Model, document: str | None) -> None:
    """Write a model, and a document with it; equal ones give equal bytes. Raises InputError."""
    try:
        content = proto_of(model, document).SerializeToString(deterministic=True)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    write_bytes(path, content)


def proto_of(model: Model, document: str | None = None, outputs: Sequence[str] = ()) -> ModelProto:
    """A model in ONNX, with its document; `outputs` names layers whose outputs are wanted instead of the results.

    Raises InputError for a layer that ONNX has nothing for, a network of more than 2 GiB, and unknown outputs.
    """
    with needs("onnx", "writing ONNX models"):
        from onnx import TensorProto, helper, numpy_helper
    graph = model.graph
    _check_names(graph)
    ends = _ends(graph, outputs)
    nodes, arrays = _needed(*_written(model), ends)
    metadata = document_bytes(document, graph.name) if document is not None else b""
    size = sum(array.nbytes for array in arrays.values()) + len(metadata)
    if size > MAX_BYTES:
        raise InputError(f"{graph.name}: {size} bytes; an ONNX file has up to {MAX_BYTES}: write a .safetensors file")
    if takes_rows(graph):
        source = helper.make_tensor_value_info(INPUT, TensorProto.INT64, [BATCH, graph.input_shape[1]])
    else:
        source = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [BATCH, *onnx_shape(graph.input_shape)])
    proto = helper.make_model(
        helper.make_graph(
            [_proto(node) for node in nodes],
            graph.name or "network",
            [source],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, *onnx_shape(graph.shapes[name])])
                for name in ends
            ],
            [numpy_helper.from_array(array, name) for name, array in arrays.items()],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="ppsim",
        ir_version=IR_VERSION,
    )
    if document is not None:
        helper.set_model_props(proto, {DOCUMENT: document})
    return proto


def _proto(node: Node) -> NodeProto:
    from onnx import helper

    proto = helper.make_node(node.op, node.reads, [node.makes], node.name)
    proto.attribute.extend(helper.make_attribute(name, value) for name, value in node.attributes.items())
    return proto


def takes_rows(graph: LayerGraph) -> bool:
    """Whether the network's input is numbers of rows, (batch, positions), because embeddings read it.

    Raises InputError where another layer reads it too, or an embedding reads anything else.
    """
    embeddings = {layer.name for layer in graph.layers if isinstance(layer, Embedding)}
    readers = {name for name, sources in graph.sources.items() if INPUT in sources}
    for name in sorted(embeddings ^ readers if embeddings else ()):
        what = "an embedding reads" if name in embeddings else "a layer that is no embedding does not read"
        raise InputError(
            f"{graph.name}: layer {quote(name)}: in ONNX {what} the numbers of rows that are the network's input"
        )
    return bool(embeddings)


def _check_names(graph: LayerGraph) -> None:
    for name in (graph.name, *graph.sources):
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise InputError(f"{quote(name)}: is no text that can be written: {error.reason}") from None


def _ends(graph: LayerGraph, outputs: Sequence[str]) -> tuple[str, ...]:
    """The layers of `outputs`, each once; without any, the network's results."""
    for name in outputs:
        if name not in graph.sources:
            raise InputError(f"{graph.name}: {quote(name)} is no layer whose output could be had")
    return tuple(dict.fromkeys(outputs)) or graph.results


def _written(model: Model) -> tuple[list[Node], dict[str, Array]]:
    """The nodes and arrays of all layers."""
    graph = model.graph
    trained = {name: float32(array, name) for name, array in stored_tensors(model, graph.name).items()}
    nodes: list[Node] = []
    arrays: dict[str, Array] = {}
    grouped: dict[str, tuple[str, int]] = {}
    for layer in graph.layers:
        shapes = graph.input_shapes_of(layer.name)
        sheet = Sheet(
            layer=layer.name,
            reads=graph.sources[layer.name],
            shapes=shapes,
            shape=graph.shapes[layer.name],
            trained={name: trained[f"{layer.name}.{name}"] for name in layer.tensors(shapes)},
            taken=graph.shapes,
            grouped=grouped,
        )
        if type(layer) not in WRITERS:
            raise InputError(f"{graph.name}: layer {quote(layer.name)}: {type(layer).__name__} cannot stand in ONNX")
        try:
            WRITERS[type(layer)](layer, sheet)
        except InputError as error:
            raise InputError(f"{graph.name}: {error}") from None
        nodes += sheet.nodes
        arrays |= sheet.arrays
    return nodes, arrays


def _needed(
    nodes: Sequence[Node], arrays: Mapping[str, Array], ends: Collection[str]
) -> tuple[list[Node], dict[str, Array]]:
    """The nodes and arrays that the values `ends` come from."""
    wanted = set(ends)
    kept: list[Node] = []
    for node in reversed(nodes):
        if node.makes in wanted:
            kept.append(node)
            wanted.update(node.reads)
    return kept[::-1], {name: array for name, array in arrays.items() if name in wanted}
