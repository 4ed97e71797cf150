"""From layers in the making to a model: names, order, and every shape and array checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ppsim.workload.formats.onnx_reading.drafts import Draft
from ppsim.workload.graph import INPUT, LayerGraph
from ppsim.workload.layer import Layer, Shape
from ppsim.workload.layers import Embedding, Linear
from ppsim.workload.model import Array, Model

MAX_NAME = 200


def built(drafts: Sequence[Draft], name: str, input_shape: Shape) -> Model:
    """The model of folded drafts; raises InputError where they make no network."""
    names = _names(drafts)
    layers: list[Layer] = []
    tensors: dict[str, Mapping[str, Array]] = {}
    seen: list[Array] = []
    before = INPUT
    for draft in drafts:
        layer, arrays = draft.layer, draft.tensors
        if isinstance(layer, Embedding):
            layer, arrays = _embedding(layer, arrays)
            seen.append(arrays["table0"])
        elif isinstance(layer, Linear):
            layer = replace(layer, tied=any(_same(array, arrays["weight"]) for array in seen))
        sources = tuple(INPUT if source == INPUT else names[source] for source in draft.sources)
        called = names[draft.key]
        layers.append(replace(layer, name=called, inputs=() if sources == (before,) else sources))
        if arrays:
            tensors[called] = arrays
        before = called
    return Model(LayerGraph(name, input_shape, tuple(layers)), tensors)


def _same(table: Array, weight: Array) -> bool:
    """Whether the weights of a layer are the words of an embedding."""
    return table.shape == weight.shape and np.array_equal(table, weight)


def _names(drafts: Sequence[Draft]) -> dict[str, str]:
    """Key -> name: what the weights are called, or the node; unique, and without what cannot stand in a line.

    A bias names a layer only where no layer before is called so: exporters keep one array of all that are equal.
    """
    taken, counts = {INPUT}, dict[str, int]()
    found = {}
    for draft in drafts:
        base = _readable(draft.parameter or draft.borrowed or draft.layer.name)
        if base in taken and draft.parameter is None:
            base = _readable(draft.layer.name)
        name = base
        while name in taken:
            counts[base] = counts.get(base, 1) + 1
            name = f"{base}_{counts[base]}"
        taken.add(name)
        found[draft.key] = name
    return found


def _readable(name: str) -> str:
    text = name.lstrip("/")[:MAX_NAME]
    return "".join(sign if sign.isprintable() and sign != " " else "_" for sign in text) or "layer"


def _embedding(layer: Embedding, tables: Mapping[str, Array]) -> tuple[Embedding, Mapping[str, Array]]:
    """The tables in their order: words, positions, segments, of which the first is looked up throughout.

    Without a table of positions the second would be taken for one, so that segments are then added to the words.
    """
    words, positions, segments = tables["table0"], tables.get("positions"), tables.get("segments")
    if segments is not None and positions is None:
        words, segments = words + segments[0], None
    there = [table for table in (words, positions, segments) if table is not None]
    arrays = {f"table{number}": table for number, table in enumerate(there)}
    return replace(layer, entries=tuple(len(table) for table in there)), arrays
