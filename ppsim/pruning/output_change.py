"""How far what a network computes has moved, on inputs without labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ppsim.workload.evaluation import outputs_of
from ppsim.workload.formats.onnx_layers import units_axis
from ppsim.workload.graph import INPUT, LayerGraph
from ppsim.workload.layers import Softmax
from ppsim.workload.model import Array, Model


@dataclass(frozen=True)
class OutputChange:
    """What changed in one of a network's results.

    `relative_error` is the norm of the change over the norm of the unpruned network's output. `same_largest` is the
    share of inputs and positions whose largest output is the same one: the predicted class, of a classifier.
    """

    result: str
    relative_error: float
    same_largest: float


def output_changes(dense: Model, other: Model, inputs: Array) -> tuple[OutputChange, ...]:
    """The change of each result of a network, before its softmax, for inputs (N, ...)."""
    results = results_of(dense.graph)
    before, after = (outputs_of(model, inputs, results) for model in (dense, other))
    return tuple(_change(name, before[name], after[name]) for name in results)


def results_of(graph: LayerGraph) -> tuple[str, ...]:
    """The network's results; in place of a softmax, whose outputs hide how far its inputs moved, what it reads."""
    read = {name: graph.sources[name][0] if isinstance(graph[name], Softmax) else name for name in graph.results}
    return tuple(dict.fromkeys(name if source == INPUT else source for name, source in read.items()))


def _change(name: str, before: Array, after: Array) -> OutputChange:
    axis = units_axis(before.shape[1:])
    norm = float(np.linalg.norm(before.astype(np.float64)))
    moved = float(np.linalg.norm(after.astype(np.float64) - before))
    same = float((before.argmax(axis=axis) == after.argmax(axis=axis)).mean())
    return OutputChange(name, moved / norm if norm else float(moved > 0), same)
