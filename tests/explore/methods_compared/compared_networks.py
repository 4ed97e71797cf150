"""Small trained networks that methods are compared on, and inputs of theirs."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from math import prod

import numpy as np

import ppsim
from ppsim import LayerGraph, Model, System
from ppsim.explore.cost.oracle import Oracle
from ppsim.explore.images import Images
from ppsim.explore.methods_compared.contract import Task
from ppsim.workload.layers import Conv, Elementwise, Flatten, Linear, Softmax
from ppsim.workload.model import Array

PARTS = 4

PERCEPTRON = LayerGraph(
    "perceptron",
    (160,),
    (
        Linear(name="fc1", out_features=96),
        Elementwise(name="relu1"),
        Linear(name="fc2", out_features=48),
        Elementwise(name="relu2"),
        Linear(name="fc3", out_features=10),
        Softmax(name="softmax"),
    ),
)
SEES = replace(PERCEPTRON, name="sees", input_shape=(784,))
CONVOLUTIONS = LayerGraph(
    "convolutions",
    (4, 7, 7),
    (
        Conv(name="conv1", out_channels=12, kernel=(3, 3)),
        Elementwise(name="relu1"),
        Conv(name="conv2", out_channels=12, kernel=(3, 3)),
        Elementwise(name="relu2"),
        Flatten(name="flatten"),
        Linear(name="fc1", out_features=12),
    ),
)


def trained(graph: LayerGraph) -> Model:
    """Weights of low rank and some noise, as training leaves them."""
    draw = np.random.default_rng(3)
    tensors = {}
    for layer in graph.layers:
        shapes = layer.tensors(graph.input_shapes_of(layer.name))
        if shapes:
            outputs, inputs = shapes["weight"][0], prod(shapes["weight"][1:])
            rank = max(2, outputs // 6)
            weight = draw.standard_normal((outputs, rank)) @ draw.standard_normal((rank, inputs)) / np.sqrt(rank)
            weight += 0.3 * draw.standard_normal((outputs, inputs))
            bias = 0.1 * draw.standard_normal(outputs)
            scaled = (weight / np.sqrt(inputs)).reshape(shapes["weight"])
            tensors[layer.name] = {"weight": scaled.astype(np.float32), "bias": bias.astype(np.float32)}
    return Model(graph, tensors)


def inputs_of(graph: LayerGraph, count: int = 120, seed: int = 5) -> Array:
    return np.random.default_rng(seed).standard_normal((count, *graph.input_shape)).astype(np.float32)


def images() -> Images:
    """Noise, of classes at random."""
    pixels = np.abs(inputs_of(SEES, 200)).reshape(-1, 28, 28)
    classes = np.random.default_rng(1).integers(0, 10, 200)
    return Images("noise", pixels[:150], classes[:150], pixels[150:], classes[150:])


@lru_cache(maxsize=2)
def system(name: str = "shared-dram") -> System:
    return ppsim.load_system(name, accelerators=PARTS)


@lru_cache(maxsize=2)
def oracle(name: str = "shared-dram") -> Oracle:
    return Oracle(system(name))


def task(graph: LayerGraph, share: float, model: Model | None, inputs: Array | None) -> Task:
    """A share of the unpruned latency, as `compare_methods` sets it."""
    price = oracle().measured("seconds")
    return Task(graph, model, inputs, system(), "*", price, share * price(graph) * (1 + 1e-12), 0)
