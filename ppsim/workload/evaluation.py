"""What a network's layers make of given inputs, computed by onnxruntime.

Tensors have the batch first and are laid out as in ONNX: (N, channels, height, width), (N, features), or
(N, positions, features). A network that begins with embeddings takes the numbers of their rows, (N, positions).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from ppsim.documents import MAX_QUOTE
from ppsim.errors import InputError
from ppsim.extras import needs
from ppsim.workload.formats.onnx_layers import onnx_shape
from ppsim.workload.formats.onnx_writing import proto_of, takes_rows
from ppsim.workload.graph import INPUT, LayerGraph
from ppsim.workload.layers import Embedding
from ppsim.workload.model import Array, Model

#: bytes of tensors that are computed at once; a single input may take more
MAX_BYTES = 2**28
#: onnxruntime's level of messages that only fatal ones reach: what goes wrong is an exception as well
_FATAL = 4


def outputs_of(model: Model, inputs: Array, layers: Sequence[str]) -> dict[str, Array]:
    """The outputs of the layers named for `inputs`: layer -> (N, ...) of float32, as `evaluator` gives them."""
    return evaluator(model, layers)(inputs)


def evaluator(model: Model, layers: Sequence[str]) -> Callable[[Array], dict[str, Array]]:
    """A function from inputs (N, ...) to the outputs of the layers named: layer -> (N, ...) of float32.

    Inputs are floating point numbers, booleans, or integers, which are taken as they are, without scaling (255 stays
    255); rows of embeddings are integers. They go through in batches of `MAX_BYTES`, on as many threads as onnxruntime
    takes; equal arguments give equal outputs on one machine. What the layers do not depend on is not computed.

    Raises InputError for unknown layers, and a network ONNX cannot express; and the function, for inputs of another
    shape or type.
    """
    graph, names = model.graph, list(dict.fromkeys(layers))
    session = _session(model, names) if names else None
    at_once = max(1, MAX_BYTES // (4 * sum(map(prod, graph.shapes.values()))))

    def evaluate(inputs: Array) -> dict[str, Array]:
        inputs = checked_inputs(graph, inputs)
        found = {name: np.empty((len(inputs), *onnx_shape(graph.shapes[name])), np.float32) for name in names}
        for start in range(0, len(inputs) if names else 0, at_once):
            batch = _operand(graph, inputs[start : start + at_once])
            for name, values in zip(names, _run(session, names, batch, graph.name), strict=True):
                found[name][start : start + len(values)] = values
        return found

    return evaluate


def input_shape(graph: LayerGraph) -> tuple[int, ...]:
    """Shape of one input of a network as `outputs_of` takes it, without the batch.

    Raises InputError for a network whose embeddings read something else than its input.
    """
    return graph.input_shape[1:] if takes_rows(graph) else onnx_shape(graph.input_shape)


def checked_inputs(graph: LayerGraph, inputs: Array) -> Array:
    """Inputs (N, ...) as an array.

    Raises InputError for another shape or type, for numbers float32 has not, and for rows there are not.
    """
    inputs = np.asarray(inputs)
    wanted = input_shape(graph)
    if inputs.ndim == 0 or inputs.shape[1:] != wanted:
        raise InputError(
            f"{graph.name}: inputs of shape {inputs.shape}; expected ({', '.join(map(str, ('N', *wanted)))})"
        )
    rows = takes_rows(graph)
    accepted = "integers, the rows of its embeddings, are" if rows else "floating point numbers and integers are"
    if inputs.dtype.kind not in ("iu" if rows else "fiub"):
        raise InputError(f"{graph.name}: inputs of {inputs.dtype}; {accepted} accepted")
    if inputs.dtype.kind == "f":
        with np.errstate(all="ignore"):
            finite = np.isfinite(inputs.astype(np.float32, copy=False)).all()
        if not finite:
            raise InputError(f"{graph.name}: inputs hold NaN or infinite numbers, or some too large for float32")
    if rows and inputs.size:
        most = min(layer.entries[0] for layer in graph.layers if isinstance(layer, Embedding)) - 1
        least, largest = int(inputs.min()), int(inputs.max())
        if least < 0 or largest > most:
            raise InputError(f"{graph.name}: inputs from {least} to {largest}; rows go from 0 to {most}")
    return inputs


def _operand(graph: LayerGraph, inputs: Array) -> Array:
    """Some inputs as the type the network computes with."""
    if takes_rows(graph):
        return inputs.astype(np.int64)
    return np.ascontiguousarray(inputs, dtype=np.float32)


def _session(model: Model, layers: Sequence[str]) -> Any:
    """The network ready to run, with the outputs of `layers`."""
    with needs("onnx", "running networks"):
        import onnxruntime
    onnxruntime.set_default_logger_severity(_FATAL)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL
    options.use_deterministic_compute = True
    content = proto_of(model, outputs=layers).SerializeToString()
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no class in common
        raise InputError(f"{model.graph.name}: onnxruntime cannot run it: {_short(error)}") from None


def _run(session: Any, layers: Sequence[str], batch: Array, name: str) -> Sequence[Array]:
    try:
        found: Sequence[Array] = session.run(layers, {INPUT: batch})
    except Exception as error:  # as above
        raise InputError(f"{name}: onnxruntime cannot run it: {_short(error)}") from None
    return found


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[: 2 * MAX_QUOTE]
