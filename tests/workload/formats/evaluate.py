"""What a Model computes, by formulas in plain NumPy: the tests' own idea of every layer.

A shape is ppsim's: no batch, units first. The input of a network that begins with an embedding is (1, positions) of
numbers of rows.
"""

from math import erf, prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ppsim.workload.copying import Pad, Sample
from ppsim.workload.graph import INPUT
from ppsim.workload.layers import (
    Add,
    BatchNorm,
    Concat,
    Conv,
    Elementwise,
    Embedding,
    Flatten,
    LayerNorm,
    Linear,
    MatMul,
    Pool,
    PRelu,
    Softmax,
)


def each_unit(vector, x):
    """A number for each unit, to be broadcast to x."""
    return vector.reshape(-1, *(1,) * (x.ndim - 1))


def windows(x, kernel, stride, padding, extra=(0, 0), fill=0.0):
    """(channels, rows, columns, kernel height, kernel width) of an image."""
    pads = [(0, 0), *((pad, pad + more) for pad, more in zip(padding, extra, strict=True))]
    seen = sliding_window_view(np.pad(x, pads, constant_values=fill), kernel, axis=(1, 2))
    return seen[:, :: stride[0], :: stride[1]]


def conv(layer, t, x):
    seen = windows(x, layer.kernel, layer.stride, layer.padding)
    groups = zip(np.split(seen, layer.groups), np.split(t["weight"], layer.groups), strict=True)
    out = np.concatenate([np.einsum("crskl,ockl->ors", *group, optimize=True) for group in groups])
    return out + each_unit(t["bias"], out) if layer.bias else out


def linear(layer, t, x):
    out = np.tensordot(t["weight"], x, 1)
    return out + each_unit(t["bias"], out) if layer.bias else out


def matmul(layer, t, left, right):
    pairs = zip(np.split(left, layer.groups), np.split(right, layer.groups), strict=True)
    return np.concatenate([(b.T if layer.over == "units" else b) @ a for a, b in pairs])


def pool(layer, t, x):
    stride = layer.stride or layer.kernel
    out = layer.output_shape((x.shape,))[1:]
    sizes = zip(out, stride, layer.kernel, x.shape[1:], layer.padding, strict=True)
    extra = [max((n - 1) * step + k - size - 2 * pad, 0) for n, step, k, size, pad in sizes]
    if layer.mode == "max":
        return windows(x, layer.kernel, stride, layer.padding, extra, -np.inf).max((-1, -2))
    total = windows(x, layer.kernel, stride, layer.padding, extra).sum((-1, -2))
    return total / windows(np.ones_like(x), layer.kernel, stride, layer.padding, extra).sum((-1, -2))


FUNCTIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "gelu": lambda x: x * 0.5 * (1 + np.vectorize(erf, otypes=[np.float64])(x / np.sqrt(2))),
    "identity": lambda x: x,
}


def layer_norm(layer, t, x):
    centred = x - x.mean(0)
    normal = centred / np.sqrt((centred**2).mean(0) + layer.epsilon)
    return normal * each_unit(t["scale"], x) + each_unit(t["shift"], x)


def softmax(layer, t, x):
    grouped = x.reshape(layer.groups, -1, *x.shape[1:])
    powers = np.exp(grouped - grouped.max(1, keepdims=True))
    return (powers / powers.sum(1, keepdims=True)).reshape(x.shape)


def sample(layer, t, x):
    spread = [number * len(x) // layer.channels for number in range(layer.channels)]
    return x[list(layer.kept or spread)]


def embedding(layer, t, x):
    positions = x.shape[1]
    places = [x[0].astype(int), np.arange(positions), *[np.zeros(positions, int)] * len(layer.entries)]
    return sum(t[f"table{number}"][places[number]] for number in range(len(layer.entries))).T


LAYERS = {
    Conv: conv,
    Linear: linear,
    MatMul: matmul,
    Pool: pool,
    Elementwise: lambda layer, t, x: FUNCTIONS[layer.op](x),
    PRelu: lambda layer, t, x: np.where(x > 0, x, x * each_unit(t["slope"], x)),
    BatchNorm: lambda layer, t, x: x * each_unit(t["scale"], x) + each_unit(t["shift"], x),
    LayerNorm: layer_norm,
    Softmax: softmax,
    Add: lambda layer, t, *x: sum(x),
    Concat: lambda layer, t, *x: np.concatenate(x),
    Flatten: lambda layer, t, x: x.reshape(-1),
    Sample: sample,
    Pad: lambda layer, t, x: np.pad(x, [(layer.before, layer.after), *((0, 0),) * (x.ndim - 1)]),
    Embedding: embedding,
}


def evaluate_all(graph, tensors, x):
    """Layer name -> its output, for the network's input `x`; tensors are named "layer.tensor"."""
    values = {INPUT: np.asarray(x, np.float64)}
    assert values[INPUT].shape == graph.input_shape
    for layer in graph.layers:
        reads = [values[source] for source in graph.sources[layer.name]]
        names = layer.tensors(graph.input_shapes_of(layer.name))
        trained = {name: np.asarray(tensors[f"{layer.name}.{name}"], np.float64) for name in names}
        values[layer.name] = LAYERS[type(layer)](layer, trained, *reads)
        assert values[layer.name].shape == graph.shapes[layer.name], layer
    return values


def evaluate(graph, tensors, x):
    """The output of the last layer."""
    return evaluate_all(graph, tensors, x)[graph.layers[-1].name]


def held(shape, x):
    """An ONNX tensor of batch 1 as ppsim holds it: (positions, features) turned round; also (height, width, channels).

    `shape` is ppsim's.
    """
    x = np.asarray(x)[0] if np.ndim(x) else np.asarray(x)
    if x.size == prod(shape) and len(shape) == 2:
        return x.reshape(shape[::-1]).T
    return x.reshape(shape)
