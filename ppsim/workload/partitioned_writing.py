"""A partitioned network as the plain mapping its file holds, and as text that people can read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, fields
from typing import Any

from ppsim.documents import names
from ppsim.workload.documents import WORKLOADS, load_workload
from ppsim.workload.graph import LayerGraph
from ppsim.workload.partitioned import (
    Kept,
    PartitionedGraph,
    PartitionedLayer,
    all_blocks,
    default_blocks,
    split_evenly,
)
from ppsim.workload.sparsity import DENSE

#: columns of a file
WIDTH = 120


def document_of(graph: PartitionedGraph) -> dict[str, Any]:
    """The keys of a file, without its format; what equals the default is left out."""
    document: dict[str, Any] = {"name": graph.name}
    if graph.description:
        document["description"] = graph.description
    document["workload"] = _workload(graph.graph)
    document["parts"] = graph.parts
    if graph.placement is not None:
        document["placement"] = graph.placement
    # in the network's order, so that equal networks give equal files
    order = (layer.name for layer in graph.graph.layers if layer.name in graph.layers)
    document["layers"] = {name: dict(_layer(graph.layers[name])) for name in order}
    return document


def _workload(graph: LayerGraph) -> str | dict[str, Any]:
    """The name of the shipped network that this one is, or its input and layers."""
    # its own name first: the others need not be read then
    for name in sorted(names(WORKLOADS), key=lambda name: name != graph.name):
        shipped = load_workload(name)
        if (shipped.input_shape, shipped.layers) == (graph.input_shape, graph.layers):
            return name
    return {
        "input": graph.input_shape,
        "layers": [{"name": layer.name, **given(layer, always="type")} for layer in graph.layers],
    }


def given(value: Any, always: str = "") -> dict[str, Any]:
    """The fields of a dataclass that differ from their defaults, and before them the one called `always`."""
    first = {always: getattr(value, always)} if always else {}
    keys = ((field, getattr(value, field.name)) for field in fields(value))
    return first | {field.name: given for field, given in keys if field.default is MISSING or given != field.default}


def _layer(layer: PartitionedLayer) -> Iterator[tuple[str, Any]]:
    for key, sizes, assignment in (
        ("inputs", layer.in_sizes, layer.in_assignment),
        ("outputs", layer.out_sizes, layer.out_assignment),
    ):
        if assignment is not None:
            yield key, {"assignment": assignment}
        elif sizes != split_evenly(sum(sizes), len(sizes)):
            yield key, {"sizes": sizes}
    if layer.kept != default_blocks(layer.in_sizes, layer.out_sizes, layer.split):
        every = layer.kept == all_blocks(layer.in_sizes, layer.out_sizes)
        yield "blocks", "all" if every else [_block(layer, q, kept) for q, row in enumerate(layer.kept) for kept in row]
    if layer.split != "outputs":
        yield "split", layer.split
    if layer.sparsity != DENSE:
        yield "sparsity", given(layer.sparsity)
    if layer.weight_bits is not None:
        yield "weight_bits", layer.weight_bits
    if layer.rank is not None:
        yield "rank", layer.rank


def _block(layer: PartitionedLayer, q: int, kept: Kept) -> dict[str, int]:
    keys = {"from": kept.part, "to": q}
    if kept.nonzeros is not None:
        keys["nonzeros"] = kept.nonzeros
    if kept.units != layer.in_sizes[kept.part]:
        keys["units"] = kept.units
    return keys


def readable(value: Any, indent: int = 0, column: int = 0) -> str:
    """JSON in which what fits on a line is on a line, and lists of numbers fill theirs.

    It starts in column `column` of a line indented by `indent`. ValueError for a number JSON does not know (nan, inf).
    """
    line = _line(value)
    if column + len(line) < WIDTH or not isinstance(value, dict | Sequence) or isinstance(value, str) or not value:
        return line
    pad = " " * (indent + 2)
    if isinstance(value, dict):
        keys = {f"{pad}{_line(key)}: ": inside for key, inside in value.items()}
        items = [key + readable(inside, indent + 2, len(key)) for key, inside in keys.items()]
        return "{\n" + ",\n".join(items) + "\n" + " " * indent + "}"
    if isinstance(value[0], dict | list | tuple):
        rows = [pad + readable(inside, indent + 2, indent + 2) for inside in value]
        return "[\n" + ",\n".join(rows) + "\n" + " " * indent + "]"
    # names may hold a comma, numbers do not
    items = [_line(inside) for inside in value] if isinstance(value[0], str) else line[1:-1].split(", ")
    return "[\n" + "\n".join(pad + row for row in _filled(items, indent + 2)) + "\n" + " " * indent + "]"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=int)  # NumPy's integers are integers


def _filled(items: list[str], indent: int) -> Iterator[str]:
    """Rows of as many items as they hold."""
    row = ""
    for item in [*(f"{item}," for item in items[:-1]), items[-1]]:
        if row and indent + len(row) + 1 + len(item) > WIDTH:
            yield row
            row = item
        else:
            row = f"{row} {item}" if row else item
    yield row
