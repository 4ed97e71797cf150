"""A network with its trained numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ppsim.documents import quote
from ppsim.errors import InputError
from ppsim.workload.graph import LayerGraph

Array = npt.NDArray[Any]
#: name of an array in a layer ("weight", "bias", "scale", "shift", "table0") -> the array
Tensors = Mapping[str, Array]


@dataclass(frozen=True)
class Model:
    """A LayerGraph and, for each layer that has trained numbers, its arrays in the layouts of `Layer.tensors`.

    `tensors[layer][name]` are floating point arrays: `weight` (outputs, inputs / groups, kernel ...), `bias` (outputs),
    `scale` and `shift` (units), `table0` (entries, features) and so on. Computed in float32 everywhere.
    """

    graph: LayerGraph
    tensors: Mapping[str, Tensors]

    def __post_init__(self) -> None:
        """Reject arrays that are missing, left over, of another shape, or not finite."""
        for layer in self.graph.layers:
            wanted = layer.tensors(self.graph.input_shapes_of(layer.name))
            given = self.tensors.get(layer.name, {})
            for name, shape in wanted.items():
                self._check(f"{layer.name}.{name}", given.get(name), shape)
            for name in given:
                if name not in wanted:
                    raise InputError(f"{self.graph.name}: tensor {quote(f'{layer.name}.{name}')}: {_accepted(wanted)}")
        known = {layer.name for layer in self.graph.layers}
        for layer_name in self.tensors:
            if layer_name not in known:
                raise InputError(f"{self.graph.name}: tensors of {quote(layer_name)}, which is no layer")

    def _check(self, label: str, array: Array | None, shape: tuple[int, ...]) -> None:
        where = f"{self.graph.name}: tensor {quote(label)}"
        if array is None:
            raise InputError(f"{where}: is missing; it has the shape {shape}")
        if array.shape != shape:
            raise InputError(f"{where}: has the shape {array.shape}, and the layer needs {shape}")
        if array.dtype.kind != "f":
            raise InputError(f"{where}: holds {array.dtype}; floating point numbers are accepted")
        if not np.isfinite(array).all():
            raise InputError(f"{where}: holds NaN or infinite numbers; trained weights are finite")

    def weight(self, layer: str) -> Array:
        """Weights of a linear layer or convolution in float32: (outputs, inputs / groups, kernel ...)."""
        return np.asarray(self.tensors[layer]["weight"], dtype=np.float32)

    def with_tensors(self, changed: Mapping[str, Tensors]) -> Model:
        """The same network with other arrays in the layers named."""
        both = {name: {**self.tensors.get(name, {}), **new} for name, new in changed.items()}
        return Model(self.graph, {**self.tensors, **both})


def named_tensors(model: Model) -> dict[str, Array]:
    """ "layer.tensor" -> array, in the network's order: how files of tensors name them."""
    return {f"{layer}.{name}": model.tensors[layer][name] for layer, name in tensor_names(model.graph)}


def tensor_names(graph: LayerGraph) -> list[tuple[str, str]]:
    """(layer, name) of each array of trained numbers that a network has, in its order."""
    return [(layer.name, name) for layer in graph.layers for name in layer.tensors(graph.input_shapes_of(layer.name))]


def model_of(graph: LayerGraph, named: Mapping[str, Array], source: str) -> Model:
    """The model of a network and of arrays named "layer.tensor", as files of tensors name them.

    Raises InputError, naming `source`, for arrays that are missing, left over, of another shape or not finite.
    """
    tensors: dict[str, dict[str, Array]] = {}
    for name, array in named.items():
        layer, _, tensor = name.rpartition(".")
        tensors.setdefault(layer, {})[tensor] = array
    try:
        return Model(graph, tensors)
    except InputError as error:
        raise InputError(f"{source}: {error}") from None


def _accepted(wanted: Mapping[str, tuple[int, ...]]) -> str:
    return f"unknown; the layer has {', '.join(wanted)}" if wanted else "unknown; the layer has no trained numbers"
