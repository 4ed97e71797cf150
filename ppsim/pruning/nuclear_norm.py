"""Training towards low rank: a sub-gradient of the nuclear norm after each step, and the rank itself every so often.

Trained rank pruning (TRP), Xu et al., arXiv 2004.14566: weights that are truncated to their low rank while they learn
are there already when they are written as two layers. The nuclear norm is the sum of the singular values; with the
singular value decomposition U S V^T, U V^T of the non-zero ones is one of its sub-gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

from ppsim.errors import InputError
from ppsim.extras import needs
from ppsim.pruning.factorisations.contract import Factorisation
from ppsim.pruning.finetune import Learning, Schedule, distilled
from ppsim.pruning.low_rank import factorisation_of, factorised
from ppsim.pruning.output_change import results_of
from ppsim.pruning.torch_network import Numbers, needed
from ppsim.workload.graph import INPUT
from ppsim.workload.layer import Layer
from ppsim.workload.model import Array, Model

if TYPE_CHECKING:
    from torch import Tensor

#: singular values below this share of the largest one are zero
NOTHING = 1e-6


@dataclass(frozen=True)
class LowRank:
    """A model whose weights have low rank, and the ranks: `factorised_model(model, ranks, kind)` computes the same."""

    model: Model
    ranks: Mapping[str, int]


def nuclear_norm(weight: Tensor, layer: Layer, kind: str = "channel") -> Tensor:
    """The sum of the singular values of a layer's weights (outputs, inputs, kernel ...), one number.

    `kind` says how they are a matrix, as in `factorised`. It can be part of a loss.
    """
    with needs("torch", "the nuclear norm"):
        import torch
    return torch.linalg.svdvals(_matrix(weight, factorisation_of(layer, kind))).sum()


def nuclear_step(weight: Tensor, layer: Layer, step: float, kind: str = "channel") -> None:
    """Move weights in place by `step` against the sub-gradient U V^T of their nuclear norm.

    Each singular value that is not zero falls by `step`. To be called after an optimiser's step, under no_grad.
    """
    with needs("torch", "the nuclear norm"):
        import torch
    way = factorisation_of(layer, kind)
    left, values, right = torch.linalg.svd(_matrix(weight, way), full_matrices=False)
    there = values > NOTHING * values[0]
    weight -= step * _weight(left[:, there] @ right[there], weight, way)


def truncate(weight: Tensor, layer: Layer, rank: float, kind: str = "channel") -> int:
    """Make weights in place the nearest ones of a rank, or, for a float, of the smallest that keeps a share of energy.

    Returns the rank. To be called under no_grad.
    """
    with needs("torch", "the nuclear norm"):
        import torch
    way = factorisation_of(layer, kind)
    left, values, right = torch.linalg.svd(_matrix(weight, way), full_matrices=False)
    if isinstance(rank, float):
        lost = values.double().square().flip(0).cumsum(0).flip(0)
        rank = max(1, int((lost > (1 - rank) * lost[0]).sum()))
    weight.copy_(_weight((left[:, :rank] * values[:rank]) @ right[:rank], weight, way))
    return rank


def train_low_rank(
    model: Model,
    ranks: Mapping[str, float],
    inputs: Array,
    kind: str = "channel",
    schedule: Schedule | None = None,
    strength: float = 3e-4,
    period: int = 20,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> LowRank:
    """The model after learning, with some layers of low rank, to say what it says of inputs (N, ...) now.

    `ranks[layer]` is a rank, an int, or the share of energy to keep, a float above 0 and up to 1. After each step of
    the optimiser (Adam, which leaves the norm to a step of its own, as weight decay in arXiv 1711.05101) singular
    values fall by `strength` times its rate; every `period` steps, and at the end, weights are truncated. `seed`
    shuffles the inputs; `progress` is called with the batches done and to do. Layers behind those named learn too.

    Raises InputError as `finetune` does, for layers and ranks as `factorised` does, and for shares out of range.
    """
    if period < 1 or strength < 0:
        raise InputError(f"period={period}, strength={strength:g}; accepted: period from 1, strength from 0")
    for name, rank in ranks.items():
        if isinstance(rank, float) and not 0 < rank <= 1:
            raise InputError(f"ranks: layer {name!r}: {rank:g}; accepted: ranks, and shares of energy as floats to 1.0")
    factorised(model.graph, {name: 1 if isinstance(rank, float) else rank for name, rank in ranks.items()}, kind)
    result = results_of(model.graph)[0]
    idle = [name for name in ranks if name not in {layer.name for layer in needed(model.graph, (INPUT,), result)}]
    if idle or not ranks:
        raise InputError(
            f"{model.graph.name}: ranks: layers that {result!r} depends on are accepted, got "
            f"{', '.join(idle) or 'none'}"
        )
    rule = _Truncated({name: model.graph[name] for name in ranks}, dict(ranks), kind, strength, period)
    trained = distilled(model, rule, tuple(ranks), model, inputs, schedule, seed, progress)
    return LowRank(trained, {name: rule.found[name] for name in ranks})


@dataclass
class _Truncated:
    """Weights of low rank; `found` are the ranks of the last truncation, `steps` are those since."""

    layers: Mapping[str, Layer]
    ranks: Mapping[str, float]
    kind: str
    strength: float
    period: int
    found: dict[str, int] = field(default_factory=dict)
    steps: int = 0

    def used(self, numbers: Learning) -> Mapping[str, Numbers]:
        return numbers

    def stepped(self, numbers: Learning, rate: float) -> None:
        for name, layer in self.layers.items():
            nuclear_step(numbers[name]["weight"], layer, self.strength * rate, self.kind)
        self.steps += 1
        if self.steps == self.period:
            self.finished(numbers)

    def finished(self, numbers: Learning) -> None:
        self.steps = 0
        for name, layer in self.layers.items():
            self.found[name] = truncate(numbers[name]["weight"], layer, self.ranks[name], self.kind)


def _matrix(weight: Tensor, way: Factorisation[Any]) -> Tensor:
    turned = weight.permute(way.order)
    return turned.reshape(prod(turned.shape[: way.rows]), -1)


def _weight(matrix: Tensor, like: Tensor, way: Factorisation[Any]) -> Tensor:
    """A matrix as weights again."""
    turned = matrix.reshape([like.shape[axis] for axis in way.order])
    return turned.permute([way.order.index(axis) for axis in range(like.dim())])
