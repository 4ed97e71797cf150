"""How much a weight matters, as a number that adds up: the saliency that assignments keep inside the parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ppsim.documents import quote
from ppsim.errors import InputError
from ppsim.pruning.activations import mean_squares
from ppsim.workload.graph import LayerGraph
from ppsim.workload.model import Array, Model

Saliency = npt.NDArray[np.floating[Any]]
#: weights beyond it have squares that float32 cannot add up
LARGEST_WEIGHT = 1e15
#: from weights (outputs, inputs, kernel ...) and the mean square of each input unit (inputs,) to (outputs, inputs)
Measure = Callable[[Array, Array | None], Saliency]


def absolute(weight: Array, mean_square: Array | None) -> Saliency:
    """|w|, summed over the kernel."""
    return _over_kernel(np.abs(weight))


def square(weight: Array, mean_square: Array | None) -> Saliency:
    """w^2, summed over the kernel: what a weight adds to the squared norm of its layer."""
    return _over_kernel(np.square(weight))


def activation(weight: Array, mean_square: Array | None) -> Saliency:
    """(w x)^2, the mean over calibration inputs: what a weight adds to its layer's output by itself.

    Raises InputError without calibration activations.
    """
    if mean_square is None:
        raise InputError('saliency "wx2" needs calibration inputs; give calibration=..., or take "w2"')
    return square(weight, None) * mean_square


def _over_kernel(values: Array) -> Saliency:
    return np.asarray(values.reshape(*values.shape[:2], -1).sum(axis=2, dtype=np.float32))


#: a new saliency is one function and one line here
SALIENCIES: dict[str, Measure] = {"w": absolute, "w2": square, "wx2": activation}


def saliencies_of(
    graph: LayerGraph,
    layers: Sequence[str],
    weights: Model | Mapping[str, Array],
    saliency: str,
    calibration: Array | None = None,
) -> dict[str, Saliency]:
    """The saliency of each pair of units of some layers, (outputs, inputs) each.

    `calibration` are inputs of the network, (N, ...), which a Model is run on where the saliency asks for activations.
    Raises InputError for a saliency that is unknown, or for weights that are missing or do not fit.
    """
    if saliency not in SALIENCIES:
        raise InputError(f"saliency={saliency!r} is unknown; accepted: {', '.join(SALIENCIES)}")
    squares: Mapping[str, Array] = {}
    if saliency == "wx2" and calibration is not None:
        if not isinstance(weights, Model):
            raise InputError('saliency "wx2" runs the whole network; give a Model as weights, as load_model makes it')
        squares = mean_squares(weights, layers, calibration)
    return {name: SALIENCIES[saliency](_weight(graph, name, weights), squares.get(name)) for name in layers}


def _weight(graph: LayerGraph, name: str, weights: Model | Mapping[str, Array]) -> Array:
    """Weights of a layer in float32; raises InputError where they are missing or do not fit."""
    shape = graph[name].tensors(graph.input_shapes_of(name))["weight"]
    given = weights.tensors.get(name, {}).get("weight") if isinstance(weights, Model) else weights.get(f"{name}.weight")
    where = f"{graph.name}: weights {quote(f'{name}.weight')}"
    if given is None or given.shape != shape:
        what = "is missing" if given is None else f"has the shape {given.shape}"
        raise InputError(f"{where}: {what}; the layer needs {shape}")
    if given.dtype.kind != "f" or not np.abs(given).max() <= LARGEST_WEIGHT:
        raise InputError(f"{where}: floating point numbers up to {LARGEST_WEIGHT:g} are accepted")
    return np.asarray(given, dtype=np.float32)


def atoms_saliency(saliency: Saliency, out_atoms: int, in_atoms: int) -> Saliency:
    """(outputs, inputs) summed over the consecutive units of each atom: (out_atoms, in_atoms)."""
    outputs, inputs = saliency.shape
    if (outputs, inputs) == (out_atoms, in_atoms):
        return saliency
    return np.asarray(saliency.reshape(out_atoms, outputs // out_atoms, in_atoms, inputs // in_atoms).sum(axis=(1, 3)))
