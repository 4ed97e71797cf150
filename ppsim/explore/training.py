"""Training a network on images from scratch: how the weights that ship with ppsim were made.

Adam (Kingma and Ba, arXiv 1412.6980) with a rate that rises and falls once, dropout before fully connected layers but
the first, weights as PyTorch starts them. Of all epochs the one is kept whose weights, rounded to 16 bits, do best on
images held back from training; test images are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ppsim.errors import InputError
from ppsim.extras import needs
from ppsim.pruning.output_change import results_of
from ppsim.pruning.torch_network import Numbers, forward, numbers_of
from ppsim.workload.evaluation import input_shape, outputs_of
from ppsim.workload.graph import INPUT, LayerGraph
from ppsim.workload.layers import Conv, Linear
from ppsim.workload.model import Array, Model


@dataclass(frozen=True)
class Recipe:
    """`held_back` is the share of images that choose the epoch.

    There are `epochs` of them, or as many as it takes for `least_steps` batches.
    """

    epochs: int = 15
    least_steps: int = 1500
    rate: float = 1e-3
    batch: int = 128
    dropout: float = 0.2
    held_back: float = 1 / 12


#: recipes of networks that need another one than the usual
RECIPES = {"vgg_mnist": Recipe(epochs=8)}


def train(
    graph: LayerGraph,
    images: npt.NDArray[np.float32],
    classes: npt.NDArray[np.int64],
    recipe: Recipe | None = None,
    seed: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Model:
    """A trained network of linear layers and convolutions, its numbers rounded to float16, from images (N, ...).

    `progress` is called with the epochs done and to do. The same arguments give the same numbers on one machine.
    Raises InputError without the extra "torch", or for a layer with other trained numbers.
    """
    with needs("torch", "training"):
        import torch
    from torch.nn.functional import cross_entropy, dropout

    plan = recipe or Recipe()
    torch.manual_seed(seed)
    numbers = numbers_of(_started(graph, seed))
    learnt = [tensor.requires_grad_() for tensors in numbers.values() for tensor in tensors.values()]
    result = results_of(graph)[0]
    linear = [layer.name for layer in graph.layers if isinstance(layer, Linear)]
    thinned = list(dict.fromkeys(graph.sources[name][0] for name in linear[1:]))
    kept = len(images) - round(plan.held_back * len(images))
    data = torch.tensor(images[:kept].reshape(kept, *input_shape(graph)))
    wanted = torch.tensor(classes[:kept])
    batches = -(-kept // plan.batch)
    epochs = max(plan.epochs, -(-plan.least_steps // batches))
    optimiser = torch.optim.Adam(learnt, plan.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.rate, total_steps=epochs * batches, pct_start=0.2)
    best, most = _started(graph, seed), -1.0
    for epoch in range(1, epochs + 1):
        for rows in torch.randperm(kept).split(plan.batch):
            known = {INPUT: data[rows]}
            for name in thinned:
                known[name] = dropout(forward(graph, numbers, known, name), plan.dropout)
            loss = cross_entropy(forward(graph, numbers, known, result), wanted[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        now = _rounded(graph, numbers)
        reached = accuracy(now, images[kept:], classes[kept:])
        if reached > most:
            best, most = now, reached
        if progress:
            progress(epoch, epochs)
    return best


def accuracy(model: Model, images: npt.NDArray[np.float32], classes: npt.NDArray[np.int64]) -> float:
    """The share of images (N, ...) whose largest output is their class."""
    result = results_of(model.graph)[0]
    outputs = outputs_of(model, images.reshape(len(images), *input_shape(model.graph)), [result])[result]
    return float((outputs.argmax(axis=1) == classes).mean())


def _started(graph: LayerGraph, seed: int) -> Model:
    """Weights and biases drawn evenly from within 1 / sqrt(fan-in), as PyTorch's layers start."""
    draw = np.random.default_rng(seed)
    tensors: dict[str, dict[str, Array]] = {}
    for layer in graph.layers:
        shapes = layer.tensors(graph.input_shapes_of(layer.name))
        if not shapes:
            continue
        if not isinstance(layer, Conv | Linear):
            raise InputError(f"{graph.name}: layer {layer.name!r}: linear layers and convolutions can be trained")
        within = 1 / np.sqrt(np.prod(shapes["weight"][1:]))
        tensors[layer.name] = {
            name: draw.uniform(-within, within, shape).astype(np.float32) for name, shape in shapes.items()
        }
    return Model(graph, tensors)


def _rounded(graph: LayerGraph, numbers: Mapping[str, Numbers]) -> Model:
    return Model(
        graph,
        {
            layer: {name: tensor.detach().half().numpy() for name, tensor in tensors.items()}
            for layer, tensors in numbers.items()
        },
    )
