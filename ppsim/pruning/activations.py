"""What layers read and make on calibration inputs, as the rows of matrices.

Tensors are laid out as `workload.evaluation` has them: (N, channels, height, width), (N, features), or
(N, positions, features).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ppsim.workload.evaluation import outputs_of
from ppsim.workload.graph import INPUT, LayerGraph
from ppsim.workload.layers import Conv
from ppsim.workload.model import Array, Model

Rows = npt.NDArray[np.float32]


def inputs_of(model: Model, layers: Sequence[str], calibration: Array) -> dict[str, Array]:
    """The tensor that each of some layers reads, for all calibration inputs (N, ...)."""
    sources = {name: model.graph.sources[name][0] for name in layers}
    inside = [source for source in dict.fromkeys(sources.values()) if source != INPUT]
    found = outputs_of(model, calibration, inside) if inside else {}
    return {name: calibration if source == INPUT else found[source] for name, source in sources.items()}


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
