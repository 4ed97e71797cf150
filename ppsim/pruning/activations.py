"""What layers read and make on calibration inputs, as the rows of matrices.

Tensors are laid out as `workload.evaluation` has them: (N, channels, height, width), (N, features), or
(N, positions, features).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import numpy.typing as npt

from ppsim.workload.evaluation import evaluator
from ppsim.workload.graph import INPUT, LayerGraph
from ppsim.workload.layers import Conv
from ppsim.workload.model import Array, Model

Rows = npt.NDArray[np.float32]
#: numbers of activations that are held at once
AT_ONCE = 2**26


def input_layers(graph: LayerGraph, layers: Sequence[str]) -> list[str]:
    """The layers that some layers read, each once; the network's input is none."""
    sources = dict.fromkeys(graph.sources[name][0] for name in layers)
    return [source for source in sources if source != INPUT]


def mean_squares(model: Model, layers: Sequence[str], calibration: Array) -> dict[str, npt.NDArray[np.float64]]:
    """The mean square of each input unit of some layers over calibration inputs (N, ...) and positions, (inputs,)."""
    graph = model.graph
    sources = {name: graph.sources[name][0] for name in layers}
    evaluate = evaluator(model, input_layers(graph, layers))
    sums = {source: np.zeros(graph.shapes[source][0]) for source in sources.values()}
    counts = dict.fromkeys(sums, 0)
    step = max(1, AT_ONCE // sum(prod(graph.shapes[source]) for source in sums))
    for first in range(0, len(calibration), step):
        chunk = calibration[first : first + step]
        tensors = {INPUT: chunk, **evaluate(chunk)}
        for source in sums:
            rows = by_unit(tensors[source])
            sums[source] += np.square(rows, dtype=np.float64).sum(axis=0)
            counts[source] += len(rows)
    return {name: sums[source] / counts[source] for name, source in sources.items()}


def by_unit(tensor: Array) -> Rows:
    """(N, units), or (N x positions, units): one row for each place that has all units."""
    if tensor.ndim == 4:
        tensor = tensor.transpose(0, 2, 3, 1)
    return np.asarray(tensor.reshape(-1, tensor.shape[-1]), dtype=np.float32)


def operand(graph: LayerGraph, name: str, tensor: Array) -> Rows:
    """The left operand of a layer's product, (rows, inputs x kernel elements), from the tensor that it reads.

    A row for each output pixel of a convolution; columns are in the order of its weights.
    """
    layer = graph[name]
    if not isinstance(layer, Conv):
        return by_unit(tensor)
    (top, left), (down, right) = layer.padding, layer.stride
    padded = np.pad(tensor, ((0, 0), (0, 0), (top, top), (left, left)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, layer.kernel, axis=(2, 3))[:, :, ::down, ::right]
    patches = windows.transpose(0, 2, 3, 1, 4, 5)
    return np.asarray(patches.reshape(-1, int(np.prod(patches.shape[3:]))), dtype=np.float32)
