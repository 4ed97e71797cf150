"""Masked fine-tuning: the weights that are left learn from the unpruned network, those that are pruned stay at zero.

What is learnt is what the unpruned network says (Hinton et al., arXiv 1503.02531: its outputs, softened by a
temperature), so that inputs need no labels.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ppsim.errors import InputError
from ppsim.extras import needs
from ppsim.pruning.masks import Mask, masks_of
from ppsim.pruning.output_change import results_of
from ppsim.pruning.torch_network import Numbers, forward, needed, numbers_of, over_kernel, unchanged_inputs
from ppsim.workload.evaluation import outputs_of
from ppsim.workload.formats.onnx_layers import units_axis
from ppsim.workload.graph import INPUT
from ppsim.workload.model import Array, Model
from ppsim.workload.partitioned import PartitionedGraph

if TYPE_CHECKING:
    from torch import Tensor

#: the numbers of a network while they are learnt, by layer and name
Learning = dict[str, dict[str, "Tensor"]]


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


class Rule(Protocol):
    """What numbers have to obey while they learn: layer -> name -> tensor."""

    def used(self, numbers: Learning) -> Mapping[str, Numbers]:
        """The numbers that the network computes with."""
        ...

    def stepped(self, numbers: Learning, rate: float) -> None:
        """Change numbers in place after a step of that rate."""
        ...

    def finished(self, numbers: Learning) -> None:
        """Change them in place after the last step."""
        ...


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
    return distilled(pruned, _Masked(masks_of(net)), tuple(net.layers), dense, inputs, schedule, seed, progress)


def distilled(
    model: Model,
    rule: Rule,
    layers: Collection[str],
    dense: Model,
    inputs: Array,
    schedule: Schedule | None,
    seed: int,
    progress: Callable[[int, int], None] | None,
) -> Model:
    """`model` after learning to say what `dense` says of inputs, under a rule; as `finetune`, from `layers` on."""
    if len(inputs) < 2:
        raise InputError(f"fine-tuning: {len(inputs)} inputs; it needs some thousands, two at least")
    with needs("torch", "fine-tuning"):
        import torch
    from torch.nn.functional import kl_div

    plan = schedule or Schedule()
    graph, result = model.graph, results_of(model.graph)[0]
    fixed = unchanged_inputs(graph, layers, result)
    if not fixed:
        return model
    if graph.shapes[result][0] < 2:
        raise InputError(f"{graph.name}: fine-tuning goes by how outputs are shared out, and {result!r} has one alone")
    outputs = outputs_of(model, inputs, [name for name in fixed if name != INPUT])
    outputs[INPUT] = np.asarray(inputs, dtype=np.float32)
    known = {name: torch.tensor(outputs[name]) for name in fixed}
    wanted = torch.tensor(outputs_of(dense, inputs, [result])[result])
    axis = units_axis(graph.shapes[result])
    goals = (wanted / plan.temperature).softmax(axis)

    numbers = numbers_of(model)
    learning = {layer.name for layer in needed(graph, fixed, result)} & set(numbers)
    learnt = [tensor.requires_grad_() for name in sorted(learning) for tensor in numbers[name].values()]
    order = torch.Generator().manual_seed(seed)
    batches = -(-len(inputs) // plan.batch)
    optimiser = torch.optim.Adam(learnt, plan.rate)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, plan.epochs * batches)
    for epoch in range(plan.epochs):
        for number, rows in enumerate(torch.randperm(len(inputs), generator=order).split(plan.batch), start=1):
            here = {name: tensor[rows] for name, tensor in known.items()}
            said = forward(graph, rule.used(numbers), here, result) / plan.temperature
            loss = kl_div(said.log_softmax(axis), goals[rows], reduction="batchmean")
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            with torch.no_grad():
                rule.stepped(numbers, falling.get_last_lr()[0])
            falling.step()
            if progress:
                progress(epoch * batches + number, plan.epochs * batches)
    with torch.no_grad():
        rule.finished(numbers)
    return model.with_tensors(
        {name: {label: tensor.detach().numpy() for label, tensor in numbers[name].items()} for name in sorted(learning)}
    )


@dataclass(frozen=True)
class _Masked:
    """Weights that masks (outputs, inputs) do not keep are zero."""

    masks: Mapping[str, Mask]

    def used(self, numbers: Learning) -> Mapping[str, Numbers]:
        kept = {name: {**numbers[name], "weight": weight} for name, weight in self._weights(numbers)}
        return {**numbers, **kept}

    def stepped(self, numbers: Learning, rate: float) -> None:
        """Masks need nothing: they hold whatever the weights behind them are."""

    def finished(self, numbers: Learning) -> None:
        for name, weight in self._weights(numbers):
            numbers[name]["weight"] = weight

    def _weights(self, numbers: Learning) -> Iterator[tuple[str, Tensor]]:
        import torch

        for name, mask in self.masks.items():
            weight = numbers[name]["weight"]
            yield name, weight * over_kernel(torch.tensor(mask), weight)
