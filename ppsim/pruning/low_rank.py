"""Layers as two with few units between them: what low-rank approximation of their weights makes of a network.

The layers are what training with a penalty on the rank aims at (TRP, Xu et al., arXiv 2004.14566); without training the
weights are those of the truncated singular value decomposition, of all of that rank the nearest to the layer's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

from ppsim.documents import quote
from ppsim.errors import InputError
from ppsim.pruning.factorisations import KINDS, LINEAR
from ppsim.pruning.factorisations.contract import Factorisation
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layer import Layer
from ppsim.workload.layers import Conv, Linear
from ppsim.workload.model import Array, Model, Tensors

Floats = npt.NDArray[np.float64]


def factorised(net: LayerGraph, ranks: Mapping[str, int], kind: str = "channel") -> LayerGraph:
    """The network with some layers as two, `ranks[layer]` units between them: "LAYER_low", and "LAYER" after it.

    Layers are linear ones and convolutions without groups. `kind` is how convolutions are taken apart: "channel"
    (k x k to rank, then 1 x 1) or "spatial" (k x 1 to rank, then 1 x k). Raises InputError for other layers, kinds and
    ranks above that of the layer's matrix.
    """
    names = _low_names(net, ranks)
    layers: list[Layer] = []
    for name, rank in ranks.items():
        most = full_rank(net, name, kind)
        if not isinstance(rank, Integral) or not 1 <= rank <= most:
            raise InputError(
                f"{net.name}: ranks: layer {quote(name)}: {quote(rank)} is out of range; accepted: 1 to {most}"
            )
    for layer in net.layers:
        if layer.name in ranks:
            layers += factorisation_of(layer, kind).layers(layer, names[layer.name], int(ranks[layer.name]))
        else:
            layers.append(layer)
    return replace(net, layers=tuple(layers))


def factorised_model(model: Model, ranks: Mapping[str, int], kind: str = "channel") -> Model:
    """The same of a network with its numbers: weights of both layers from the truncated singular value decomposition.

    The product of the two weights differs from the layer's weights by the singular values that are left out: the sum of
    their squares is that of the differences, and no other two layers of that rank come nearer.
    """
    graph = factorised(model.graph, ranks, kind)
    names = _low_names(model.graph, ranks)
    changed: dict[str, Tensors] = {}
    for name, rank in ranks.items():
        first, second = _factors(model.weight(name), factorisation_of(model.graph[name], kind), int(rank))
        changed[names[name]] = {"weight": first}
        changed[name] = {**model.tensors[name], "weight": second}
    return Model(graph, {**model.tensors, **changed})


def full_rank(net: LayerGraph, layer: str, kind: str = "channel") -> int:
    """The largest rank that a layer's matrix can have; raises InputError for layers that cannot be taken apart."""
    if layer not in net.divisible:
        raise InputError(
            f"{net.name}: ranks: {quote(layer)} is no linear layer or ungrouped convolution; "
            f"there are: {', '.join(net.divisible) or 'none'}"
        )
    of = factorisation_of(net[layer], kind)
    shape = net[layer].tensors(net.input_shapes_of(layer))["weight"]
    sizes = [shape[axis] for axis in of.order]
    return min(prod(sizes[: of.rows]), prod(sizes[of.rows :]))


def rank_of_energy(weight: Array, share: float, kind: str = "channel") -> int:
    """The smallest rank that keeps a share of the energy of weights (outputs, inputs, kernel ...), from 0 to 1.

    Energy is the sum of squared weights, which is that of squared singular values. Raises InputError for other shares.
    """
    if not 0 <= share <= 1:
        raise InputError(f"share of energy: {share:g}; accepted: from 0 to 1")
    lost = energy_lost(weight, kind)
    return max(1, int(np.argmax(lost <= (1 - share) * lost[0])))


def energy_lost(weight: Array, kind: str = "channel") -> Floats:
    """By rank, from 0 to the full one: the sum of squared differences to the nearest weights of that rank."""
    values = np.linalg.svd(as_matrix(weight, _way(kind, weight.ndim)), compute_uv=False)
    return np.append(np.cumsum(values[::-1] ** 2)[::-1], 0.0)


def factorisation_of(layer: Layer, kind: str) -> Factorisation[Any]:
    """How a convolution or a linear layer is taken apart; raises InputError for an unknown kind."""
    assert isinstance(layer, Conv | Linear)
    return _way(kind, 2 if isinstance(layer, Linear) else 4)


def as_matrix(weight: Array, way: Factorisation[Any]) -> Floats:
    """Weights (outputs, inputs, kernel ...) as the matrix whose rank counts."""
    turned = np.asarray(weight, dtype=np.float64).transpose(way.order)
    return turned.reshape(prod(turned.shape[: way.rows]), -1)


def _way(kind: str, axes: int) -> Factorisation[Any]:
    """The way to take apart weights of so many axes."""
    if kind not in KINDS:
        raise InputError(f"kind: {quote(kind)}; accepted: {', '.join(KINDS)}")
    return LINEAR if axes == 2 else KINDS[kind]


def _factors(weight: Array, way: Factorisation[Any], rank: int) -> tuple[Array, Array]:
    """The weights of both layers; singular values are shared evenly, by their roots."""
    shape = tuple(weight.shape[axis] for axis in way.order)
    left, values, right = np.linalg.svd(as_matrix(weight, way), full_matrices=False)
    roots = np.sqrt(values[:rank])
    first, second = way.weights(
        (left[:, :rank] * roots).reshape(*shape[: way.rows], rank),
        (roots[:, None] * right[:rank]).reshape(rank, *shape[way.rows :]),
    )
    return np.ascontiguousarray(first, np.float32), np.ascontiguousarray(second, np.float32)


def _low_names(net: LayerGraph, ranks: Mapping[str, int]) -> dict[str, str]:
    """What the first layer of each pair is called: "LAYER_low", with as many _ as no other layer is called that."""
    taken = {layer.name for layer in net.layers}
    found = {}
    for name in ranks:
        low = f"{name}_low"
        while low in taken:
            low += "_"
        taken.add(low)
        found[name] = low
    return found
