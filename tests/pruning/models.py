"""Small trained networks for tests of pruning: weights at random, layers of every kind that pruning touches."""

from __future__ import annotations

import numpy as np

from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Add, BatchNorm, Concat, Conv, Elementwise, Flatten, LayerNorm, Linear, Pool, PRelu
from ppsim.workload.model import Model


def with_weights(graph: LayerGraph, seed: int = 0) -> Model:
    """Weights that keep activations of about one size."""
    draw = np.random.default_rng(seed)
    tensors = {}
    for layer in graph.layers:
        shapes = layer.tensors(graph.input_shapes_of(layer.name))
        if shapes:
            tensors[layer.name] = {
                name: (draw.standard_normal(shape) / np.sqrt(max(1, np.prod(shape[1:])))).astype(np.float32)
                for name, shape in shapes.items()
            }
    return Model(graph, tensors)


def perceptron(*units: int, seed: int = 0) -> Model:
    """A chain of linear layers fc1, fc2, ... with ReLU between them."""
    layers: list[Linear | Elementwise] = []
    for number, size in enumerate(units[1:], start=1):
        layers += [Linear(name=f"fc{number}", out_features=size), Elementwise(name=f"relu{number}")]
    return with_weights(LayerGraph("perceptron", (units[0],), tuple(layers[:-1])), seed)


def branches(seed: int = 0) -> Model:
    """Convolutions (one of them depthwise), a residual add, a concatenation, a flatten and linear layers."""
    layers = (
        Conv(name="conv1", out_channels=8, kernel=(3, 3), padding=(1, 1)),
        BatchNorm(name="bn1"),
        Elementwise(name="relu1"),
        Conv(name="conv2", out_channels=8, kernel=(3, 3), padding=(1, 1), groups=8),
        PRelu(name="prelu2"),
        Conv(name="conv3", out_channels=8, kernel=(1, 1), bias=False),
        Add(name="add", inputs=("conv3", "relu1")),
        Conv(name="conv4", out_channels=6, kernel=(3, 3), inputs=("relu1",), padding=(1, 1)),
        Concat(name="concat", inputs=("add", "conv4")),
        Conv(name="conv5", out_channels=8, kernel=(3, 3)),
        Pool(name="pool", kernel=(2, 2)),
        Flatten(name="flatten"),
        Linear(name="fc1", out_features=24),
        LayerNorm(name="norm"),
        Linear(name="fc2", out_features=16),
        Elementwise(name="gelu", op="gelu"),
        Linear(name="fc3", out_features=3),
    )
    return with_weights(LayerGraph("branches", (3, 8, 8), layers), seed)
