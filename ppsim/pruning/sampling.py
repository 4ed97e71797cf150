"""Layers that read some of their input's units alone, with a sampler before them that takes these out.

It is how He et al. (arXiv 1707.06168, section 3.3) prune the first convolution of a residual branch, whose input has to
stay whole for the shortcut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ppsim.documents import quote
from ppsim.errors import InputError
from ppsim.workload.copying import Sample
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layer import Layer
from ppsim.workload.model import Model


def sampled(net: LayerGraph, kept: Mapping[str, int | Sequence[int]]) -> LayerGraph:
    """The network with a layer "sample_LAYER" before some layers, which takes the units `kept[LAYER]` of its input.

    They are numbers of units, ascending from 0, or how many there are, which are then spread evenly. Layers are linear
    ones and convolutions without groups. Raises InputError for other layers and for units there are not.
    """
    for name in kept:
        if name not in net.divisible:
            raise InputError(
                f"{net.name}: kept: {quote(name)} is no linear layer or ungrouped convolution; "
                f"there are: {', '.join(net.divisible) or 'none'}"
            )
    taken = {layer.name for layer in net.layers}
    layers: list[Layer] = []
    for layer in net.layers:
        if layer.name in kept:
            before = f"sample_{layer.name}"
            while before in taken:
                before += "_"
            taken.add(before)
            layers.append(replace(_sample(net, layer.name, kept[layer.name]), name=before, inputs=layer.inputs))
            layer = replace(layer, inputs=())
        layers.append(layer)
    return replace(net, layers=tuple(layers))


def sampled_model(model: Model, kept: Mapping[str, Sequence[int]]) -> Model:
    """The same of a network with its numbers: what the layers lose are the weights for units they do not read any more.

    It computes what the whole network does if these are zero.
    """
    graph = sampled(model.graph, kept)
    changed = {name: {**model.tensors[name], "weight": model.weight(name)[:, list(kept[name])]} for name in kept}
    return Model(graph, {**model.tensors, **changed})


def _sample(net: LayerGraph, name: str, units: int | Sequence[int]) -> Sample:
    there = net.input_shapes_of(name)[0][0]
    numbered = None if isinstance(units, int) else tuple(int(unit) for unit in units)
    count = units if isinstance(units, int) else len(units)
    fits = 1 <= count <= there if numbered is None else numbered == tuple(sorted(set(numbered) & set(range(there))))
    if not fits or not count:
        raise InputError(
            f"{net.name}: kept: layer {quote(name)}: accepted: 1 to {there} units, or their numbers from 0 to "
            f"{there - 1}, ascending"
        )
    return Sample(name=name, channels=count, kept=numbered)
