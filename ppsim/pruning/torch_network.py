"""A network as a function of its trained numbers, in PyTorch, which can tell derivatives by them.

Tensors have the batch first and are laid out as in ONNX: (N, channels, height, width), (N, features), or
(N, positions, features).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from ppsim.errors import InputError
from ppsim.extras import needs
from ppsim.workload.copying import Pad, Sample
from ppsim.workload.formats.onnx_layers import units_axis
from ppsim.workload.graph import INPUT, LayerGraph
from ppsim.workload.layer import Layer
from ppsim.workload.layers import (
    Add,
    BatchNorm,
    Concat,
    Conv,
    Elementwise,
    Flatten,
    LayerNorm,
    Linear,
    Pool,
    PRelu,
    Softmax,
)
from ppsim.workload.model import Model

if TYPE_CHECKING:
    from torch import Tensor

#: tensors of a layer by name
Numbers = Mapping[str, "Tensor"]


def numbers_of(model: Model) -> dict[str, dict[str, Tensor]]:
    """The trained numbers of a model as float32 tensors; raises InputError without the extra."""
    with needs("torch", "fine-tuning and derivatives"):
        import torch
    return {
        layer: {name: torch.tensor(array, dtype=torch.float32) for name, array in tensors.items()}
        for layer, tensors in model.tensors.items()
    }


def forward(graph: LayerGraph, numbers: Mapping[str, Numbers], known: Mapping[str, Tensor], output: str) -> Tensor:
    """The output of a layer, from what is known: `INPUT`, (N, ...), or outputs of the layers before it.

    Raises InputError for a layer that there is no derivative for here.
    """
    found = dict(known)
    for layer in needed(graph, known, output):
        sources = [found[source] for source in graph.sources[layer.name]]
        found[layer.name] = _operation(graph, layer)(layer, sources, numbers.get(layer.name, {}))
    return found[output]


def needed(graph: LayerGraph, known: Collection[str], output: str) -> list[Layer]:
    """The layers that have to be computed for an output, in order, given the outputs that are known."""
    wanted, found = {output} - set(known), []
    for layer in reversed(graph.layers):
        if layer.name in wanted:
            found.append(layer)
            wanted |= set(graph.sources[layer.name]) - set(known)
    return found[::-1]


def over_kernel(pairs: Tensor, weight: Tensor) -> Tensor:
    """(outputs, inputs) in a shape that goes with weights (outputs, inputs, kernel ...)."""
    return pairs.reshape(*pairs.shape, *(1,) * (weight.dim() - 2))


def unchanged_inputs(graph: LayerGraph, layers: Collection[str], output: str) -> list[str]:
    """What a change of some layers leaves as it is, of all that is read to compute an output from there on."""
    changed, fixed = set[str](), dict[str, None]()
    for layer in needed(graph, (INPUT,), output):
        sources = graph.sources[layer.name]
        if layer.name in layers or changed & set(sources):
            changed.add(layer.name)
            fixed |= dict.fromkeys(source for source in sources if source not in changed)
    return list(fixed)


Operation = Callable[[Any, list["Tensor"], Numbers], "Tensor"]


def _operation(graph: LayerGraph, layer: Layer) -> Operation:
    if type(layer) not in OPERATIONS:
        accepted = ", ".join(kind.__name__ for kind in OPERATIONS)
        raise InputError(
            f"{graph.name}: layer {layer.name!r}: no derivatives of a {type(layer).__name__}; there are: {accepted}"
        )
    return OPERATIONS[type(layer)]


def _conv(layer: Conv, sources: list[Tensor], numbers: Numbers) -> Tensor:
    from torch.nn.functional import conv2d

    return conv2d(sources[0], numbers["weight"], numbers.get("bias"), layer.stride, layer.padding, 1, layer.groups)


def _linear(layer: Linear, sources: list[Tensor], numbers: Numbers) -> Tensor:
    from torch.nn.functional import linear

    return linear(sources[0], numbers["weight"], numbers.get("bias"))


def _pool(layer: Pool, sources: list[Tensor], numbers: Numbers) -> Tensor:
    from torch.nn.functional import avg_pool2d, max_pool2d

    stride = layer.stride or layer.kernel
    if any(2 * padding > kernel for padding, kernel in zip(layer.padding, layer.kernel, strict=True)):
        raise InputError(
            f"layer {layer.name!r}: padding {layer.padding} of a pool's kernel {layer.kernel}: no derivatives"
        )
    if layer.mode == "max":
        return max_pool2d(sources[0], layer.kernel, stride, layer.padding, ceil_mode=layer.ceil)
    return avg_pool2d(sources[0], layer.kernel, stride, layer.padding, layer.ceil, count_include_pad=False)


def _elementwise(layer: Elementwise, sources: list[Tensor], numbers: Numbers) -> Tensor:
    import torch
    from torch.nn.functional import gelu, relu, relu6

    functions = {"relu": relu, "relu6": relu6, "gelu": gelu, "sigmoid": torch.sigmoid, "tanh": torch.tanh}
    return sources[0] if layer.op == "identity" else functions[layer.op](sources[0])


def _per_unit(values: Tensor, like: Tensor) -> Tensor:
    """Numbers of units in the shape that goes with an activation: channels come second, features last."""
    return values.reshape(-1, 1, 1) if like.dim() == 4 else values


def _batch_norm(layer: BatchNorm, sources: list[Tensor], numbers: Numbers) -> Tensor:
    scale, shift = (_per_unit(numbers[name], sources[0]) for name in ("scale", "shift"))
    return sources[0] * scale + shift


def _prelu(layer: PRelu, sources: list[Tensor], numbers: Numbers) -> Tensor:
    return sources[0].clamp(min=0) + sources[0].clamp(max=0) * _per_unit(numbers["slope"], sources[0])


def _layer_norm(layer: LayerNorm, sources: list[Tensor], numbers: Numbers) -> Tensor:
    axis = units_axis(sources[0].shape[1:])
    centred = sources[0] - sources[0].mean(axis, keepdim=True)
    scaled = centred / (centred.square().mean(axis, keepdim=True) + layer.epsilon).sqrt()
    return scaled * _per_unit(numbers["scale"], scaled) + _per_unit(numbers["shift"], scaled)


def _softmax(layer: Softmax, sources: list[Tensor], numbers: Numbers) -> Tensor:
    axis = units_axis(sources[0].shape[1:])
    values = sources[0].movedim(axis, -1)
    grouped = values.reshape(*values.shape[:-1], layer.groups, -1).softmax(-1)
    return grouped.reshape(values.shape).movedim(-1, axis)


def _add(layer: Add, sources: list[Tensor], numbers: Numbers) -> Tensor:
    total = sources[0]
    for source in sources[1:]:
        total = total + source
    return total


def _concat(layer: Concat, sources: list[Tensor], numbers: Numbers) -> Tensor:
    import torch

    return torch.cat(sources, dim=units_axis(sources[0].shape[1:]))


def _flatten(layer: Flatten, sources: list[Tensor], numbers: Numbers) -> Tensor:
    # units come first in the order of a flattened sequence, as in that of an image
    return (sources[0].transpose(1, 2) if sources[0].dim() == 3 else sources[0]).flatten(1)


def _sample(layer: Sample, sources: list[Tensor], numbers: Numbers) -> Tensor:
    import torch

    axis = units_axis(sources[0].shape[1:])
    return sources[0].index_select(axis, torch.tensor(layer.units(((sources[0].shape[axis],),))))


def _pad(layer: Pad, sources: list[Tensor], numbers: Numbers) -> Tensor:
    from torch.nn.functional import pad

    later = sources[0].dim() - 1 - units_axis(sources[0].shape[1:])  # its argument begins with the last axis
    return pad(sources[0], (0, 0) * later + (layer.before, layer.after))


#: a layer type that can be differentiated is one function and one line here
OPERATIONS: dict[type[Layer], Operation] = {
    Conv: _conv,
    Linear: _linear,
    Pool: _pool,
    Elementwise: _elementwise,
    PRelu: _prelu,
    BatchNorm: _batch_norm,
    LayerNorm: _layer_norm,
    Softmax: _softmax,
    Add: _add,
    Concat: _concat,
    Flatten: _flatten,
    Sample: _sample,
    Pad: _pad,
}
