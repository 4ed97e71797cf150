"""Rates of all layers for any target at once: what conditional automated channel pruning learns, computed.

CACP (Liu et al., "Conditional Automated Channel Pruning for Deep Neural Networks", arXiv 2009.09724) trains an agent
that gives the rate of each layer for whatever overall rate it is asked for. With what each layer loses and costs at
each width at hand, nothing has to be learned. Choosing a width for each layer, so that prices add up to no more than a
budget and losses to as little as they can, is a multiple-choice knapsack. Its Lagrangian relaxation is solved for all
budgets by one sweep: of each layer only widths on the lower convex hull of (price, loss) matter, and steps along the
hulls are taken in the order of what they lose for what they save (Sinha and Zoltners, Operations Research 27, 1979).

After each step the choice is optimal for the price it has. Between two of them a budget takes the cheaper one, which
loses no more than that step above the optimum, since the relaxation's optimum lies between the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from ppsim.documents import quote
from ppsim.errors import InputError
from ppsim.pruning.channel_pruning import LossCurve
from ppsim.pruning.cost_model import CostModel, macs_cost
from ppsim.pruning.narrowing import narrowed
from ppsim.workload.graph import LayerGraph

#: what rounding may add to the sum of prices, as a share
ROUNDING = 1e-12


@dataclass(frozen=True)
class Staircase:
    """What a layer loses and costs at each of its widths, which ascend; the last is the whole of it.

    Losses and prices are finite and add up over layers. Raises InputError for others.
    """

    layer: str
    widths: tuple[int, ...]
    losses: tuple[float, ...]
    prices: tuple[float, ...]

    def __post_init__(self) -> None:
        """Reject what is no staircase."""
        where = f"staircase of {quote(self.layer)}"
        if not len(self.widths) == len(self.losses) == len(self.prices) > 0:
            raise InputError(
                f"{where}: {len(self.widths)} widths, {len(self.losses)} losses and {len(self.prices)} prices; "
                "accepted: as many of each, at least one"
            )
        if any(b <= a for a, b in zip((0, *self.widths), self.widths, strict=False)):
            raise InputError(f"{where}: widths: accepted: whole numbers above 0 that ascend")
        if not all(map(isfinite, (*self.losses, *self.prices))):
            raise InputError(f"{where}: losses and prices: accepted: finite numbers")


@dataclass(frozen=True)
class Choice:
    """A width for each layer, what they cost and lose in all, and at most how much more than the best for any budget
    from `price` to that of the choice before it.
    """

    widths: Mapping[str, int]
    price: float
    loss: float
    gap: float


def conditional_rates(staircases: Iterable[Staircase], targets: Iterable[float]) -> dict[float, dict[str, float]]:
    """For each target, the share of its units that each layer keeps: target -> layer -> rate, in (0, 1].

    A target is the share of the price of the whole network that may be left. It is never exceeded; the loss is at most
    one step of one layer above the least there is (`Choice.gap`). Lower targets give no layer a higher rate. Raises
    InputError for targets that cannot be met, layers that are named twice, or none.
    """
    stairs = tuple(staircases)
    found = choices(stairs)
    whole = sum(stair.prices[-1] for stair in stairs)
    return {target: _rates(stairs, cheapest_within(found, target, whole)) for target in targets}


def choices(staircases: Sequence[Staircase]) -> tuple[Choice, ...]:
    """All choices of the sweep, from the one that loses least to the cheapest; prices fall and losses grow."""
    layers = [stair.layer for stair in staircases]
    if not layers or len(set(layers)) < len(layers):
        raise InputError(f"staircases: of {quote(', '.join(layers))}; accepted: at least one layer, each once")
    hulls = {stair.layer: _hull(stair) for stair in staircases}
    at = dict.fromkeys(hulls, 0)
    # a hull is convex, so sorting by slope keeps the order of each layer's own steps
    steps = sorted(
        (_slope(hull[number], hull[number + 1]), place, number, layer)
        for place, (layer, hull) in enumerate(hulls.items())
        for number in range(len(hull) - 1)
    )
    found = [_choice(hulls, at, 0.0)]
    for _, _, number, layer in steps:
        at[layer] = number + 1
        found.append(_choice(hulls, at, hulls[layer][number + 1].loss - hulls[layer][number].loss))
    return tuple(found)


def cheapest_within(found: Sequence[Choice], target: float, whole: float) -> Choice:
    """The choice that loses least within a share of what the whole network costs; raises InputError without any."""
    for choice in found:
        if choice.price <= target * whole + ROUNDING * abs(whole):
            return choice
    raise InputError(
        f"target={target:g} cannot be met; accepted: shares of the price from {found[-1].price / whole:.4g} on"
    )


def staircases(graph: LayerGraph, curves: Iterable[LossCurve], cost: CostModel = macs_cost) -> tuple[Staircase, ...]:
    """What layers cost at each width of their curves, such that prices of the whole widths add up to the network's.

    A price is what the network costs with that layer alone narrowed, less an equal share of what is counted several
    times. So prices of several narrower layers add up exactly only where no product is between two of them, as for
    the inner convolutions of residual blocks; else the network costs more than they say.
    """
    curves = tuple(curves)
    whole = cost(graph)
    shared = whole * (len(curves) - 1) / max(1, len(curves))
    return tuple(
        Staircase(
            curve.layer,
            curve.widths,
            curve.losses,
            tuple(cost(narrowed(graph, {curve.layer: width})) - shared for width in curve.widths),
        )
        for curve in curves
    )


@dataclass(frozen=True)
class _Stair:
    width: int
    loss: float
    price: float


def _hull(stair: Staircase) -> list[_Stair]:
    """The lower convex hull from the least loss to the least price; what loses as much and costs more is left out."""
    stairs = [_Stair(*one) for one in zip(stair.widths, stair.losses, stair.prices, strict=True)]
    hull: list[_Stair] = []
    for one in sorted(stairs, key=lambda one: (one.loss, one.price, -one.width)):
        if hull and one.price >= hull[-1].price:
            continue
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) > _slope(hull[-1], one):
            hull.pop()
        hull.append(one)
    return hull


def _slope(before: _Stair, after: _Stair) -> float:
    """What a step loses for each unit of price it saves."""
    return (after.loss - before.loss) / (before.price - after.price)


def _choice(hulls: Mapping[str, Sequence[_Stair]], at: Mapping[str, int], gap: float) -> Choice:
    chosen = {layer: hull[at[layer]] for layer, hull in hulls.items()}
    return Choice(
        {layer: one.width for layer, one in chosen.items()},
        sum(one.price for one in chosen.values()),
        sum(one.loss for one in chosen.values()),
        gap,
    )


def _rates(stairs: Sequence[Staircase], choice: Choice) -> dict[str, float]:
    return {stair.layer: choice.widths[stair.layer] / stair.widths[-1] for stair in stairs}
