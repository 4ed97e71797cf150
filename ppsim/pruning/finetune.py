"""Masked fine-tuning: the weights that are left learn from the unpruned network, those that are pruned stay at zero.

What is learnt is what the unpruned network says (Hinton et al., arXiv 1503.02531: its outputs, softened by a
temperature), so that inputs need no labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ppsim.errors import InputError
from ppsim.extras import needs
from ppsim.pruning.masks import masks_of
from ppsim.pruning.output_change import results_of
from ppsim.pruning.torch_network import forward, needed, numbers_of, over_kernel, unchanged_inputs
from ppsim.workload.evaluation import outputs_of
from ppsim.workload.formats.onnx_layers import units_axis
from ppsim.workload.graph import INPUT
from ppsim.workload.model import Array, Model
from ppsim.workload.partitioned import PartitionedGraph


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn: the rate falls from `rate` to zero as half a cosine."""

    epochs: int = 3
    rate: float = 2e-3
    batch: int = 128
    temperature: float = 2.0

    def __post_init__(self) -> None:
        """Reject what nothing can be learnt with."""
        if min(self.epochs, self.batch) < 1 or not (0 < self.rate < np.inf and 0 < self.temperature < np.inf):
            raise InputError(
                f"schedule: epochs={self.epochs}, batch={self.batch}, rate={self.rate:g}, temperature="
                f"{self.temperature:g}; accepted: epochs and batch from 1, rate and temperature above 0"
            )


def finetune(
    pruned: Model,
    net: PartitionedGraph,
    dense: Model,
    inputs: Array,
    schedule: Schedule | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Model:
    """`pruned` after learning to say what `dense` says of inputs (N, ...), with the weights alone that `net` keeps.

    The layers that are cut and all behind them learn, those before them stay as they are. `seed` shuffles the inputs.
    `progress` is called with the batches done and to do. Raises InputError without the extra "torch", for a network
    without derivatives, or for fewer than two inputs.
    """
    if len(inputs) < 2:
        raise InputError(f"fine-tuning: {len(inputs)} inputs; it needs some thousands, two at least")
    with needs("torch", "fine-tuning"):
        import torch
    from torch.nn.functional import kl_div

    plan = schedule or Schedule()
    graph, result = pruned.graph, results_of(pruned.graph)[0]
    fixed = unchanged_inputs(graph, net.layers, result)
    if not fixed:
        return pruned
    if graph.shapes[result][0] < 2:
        raise InputError(f"{graph.name}: fine-tuning goes by how outputs are shared out, and {result!r} has one alone")
    outputs = outputs_of(pruned, inputs, [name for name in fixed if name != INPUT])
    outputs[INPUT] = np.asarray(inputs, dtype=np.float32)
    known = {name: torch.tensor(outputs[name]) for name in fixed}
    wanted = torch.tensor(outputs_of(dense, inputs, [result])[result])
    axis = units_axis(graph.shapes[result])
    goals = (wanted / plan.temperature).softmax(axis)

    numbers = numbers_of(pruned)
    learning = {layer.name for layer in needed(graph, fixed, result)} & set(numbers)
    learnt = [tensor.requires_grad_() for name in sorted(learning) for tensor in numbers[name].values()]
    masks = {name: over_kernel(torch.tensor(mask), numbers[name]["weight"]) for name, mask in masks_of(net).items()}
    order = torch.Generator().manual_seed(seed)
    batches = -(-len(inputs) // plan.batch)
    optimiser = torch.optim.Adam(learnt, plan.rate)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, plan.epochs * batches)
    for epoch in range(plan.epochs):
        for number, rows in enumerate(torch.randperm(len(inputs), generator=order).split(plan.batch), start=1):
            kept = {name: {**numbers[name], "weight": numbers[name]["weight"] * mask} for name, mask in masks.items()}
            here = {name: tensor[rows] for name, tensor in known.items()}
            said = forward(graph, {**numbers, **kept}, here, result) / plan.temperature
            loss = kl_div(said.log_softmax(axis), goals[rows], reduction="batchmean")
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            falling.step()
            if progress:
                progress(epoch * batches + number, plan.epochs * batches)
    with torch.no_grad():
        for name, mask in masks.items():
            numbers[name]["weight"] *= mask
    return pruned.with_tensors(
        {name: {label: tensor.detach().numpy() for label, tensor in numbers[name].items()} for name in sorted(learning)}
    )
