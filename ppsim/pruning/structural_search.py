"""How wide each layer stays within a budget: one tolerance for all of them, found by bisection, step by step.

After "Pruning with Compensation" (Xie et al., arXiv 2108.13728), whose binary structural search with a step constraint
spares people to choose a rate for each layer. Only the paper's abstract was at hand, so what follows is ours. A layer
is as narrow as its loss after compensation lets it be under a tolerance that all layers share, and a bisection finds
the least tolerance that meets the target of a round. In a round no layer loses more than a step, a share of its width
(but always one unit, or what goes together with it), and the target is no lower than the price less that share. Then
the network is pruned and compensated anew, and losses are measured on it, since what one layer can spare depends on
what the others have lost. The price is what a `CostModel` says: multiply-accumulates, simulated seconds or joules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ppsim.errors import InputError
from ppsim.pruning.channel_pruning import LossCurve, loss_curves
from ppsim.pruning.cost_model import CostModel, macs_cost
from ppsim.pruning.least_squares import RIDGE
from ppsim.pruning.narrowing import narrowed, shared_widths
from ppsim.workload.graph import LayerGraph
from ppsim.workload.model import Array, Model

#: the share of its width that a layer loses at most in a round
STEP = 0.25
Widths = Mapping[str, int]
#: the losses of narrower layers in a network that has these widths
Measure = Callable[[Widths], Sequence[LossCurve]]


@dataclass(frozen=True)
class Round:
    """Widths after a round of the search, the tolerance that led to them, and what the network then costs."""

    widths: Widths
    tolerance: float
    cost: float


@dataclass(frozen=True)
class Structure:
    """Widths within a budget, for the first layer of each width that is shared, and how the search came to them.

    `rounds` begin with the whole network, at tolerance 0, and end with `widths`.
    """

    widths: Widths
    cost: float
    rounds: tuple[Round, ...]


def structural_search(
    model: Model,
    calibration: Array,
    budget: float,
    cost: CostModel = macs_cost,
    step: float = STEP,
    ridge: float = RIDGE,
) -> Structure:
    """Widths for `prune_channels` at which the network costs no more than `budget`, in units of `cost`.

    `calibration` are inputs of the network, (N, ...). Raises InputError for a budget that the narrowest network
    exceeds, a step out of (0, 1], and as `prune_channels` does.
    """
    return search_widths(model.graph, lambda widths: loss_curves(model, calibration, widths, ridge), cost, budget, step)


def search_widths(graph: LayerGraph, measure: Measure, cost: CostModel, budget: float, step: float = STEP) -> Structure:
    """The search itself, of any losses; raises InputError as `structural_search` does."""
    if not 0 < step <= 1:
        raise InputError(f"step={step:g} is out of range; accepted: above 0 and up to 1")
    shared = shared_widths(graph)
    whole = {one.first: one.layers[one.first] for one in shared}
    least = cost(narrowed(graph, {one.first: whole[one.first] // one.steps for one in shared}))
    if not least <= budget:
        raise InputError(
            f"{graph.name}: budget={budget:g} cannot be met: with the narrowest layers it still costs {least:g}"
        )
    rounds = [Round(whole, 0.0, cost(graph))]
    while rounds[-1].cost > budget:
        now = rounds[-1]
        target = max(budget, now.cost * (1 - step))
        stairs = [_within(curve, now.widths[curve.layer] - step * whole[curve.layer]) for curve in measure(now.widths)]
        rounds.append(_next(graph, now, stairs, cost, target))
        if rounds[-1].widths == now.widths:
            raise InputError(f"{graph.name}: budget={budget:g} cannot be met: the search ends at {now.cost:g}")
    return Structure(rounds[-1].widths, rounds[-1].cost, tuple(rounds))


def _within(curve: LossCurve, least: float) -> LossCurve:
    """The widths of a curve that are wide enough, and at least the widest two: a step is never none."""
    first = min(sum(width < least for width in curve.widths), max(0, len(curve.widths) - 2))
    return LossCurve(curve.layer, curve.widths[first:], curve.losses[first:])


def _next(graph: LayerGraph, now: Round, stairs: Sequence[LossCurve], cost: CostModel, target: float) -> Round:
    """The widths of the least tolerance at which the network meets the target, or of the largest if none does.

    A price that goes up where a layer gets narrower may hide a lesser tolerance that meets it too.
    """
    tolerances = sorted({loss for curve in stairs for loss in curve.losses})

    def at(tolerance: float) -> Round:
        widths = {**now.widths, **{curve.layer: _narrowest(curve, tolerance) for curve in stairs}}
        return Round(widths, tolerance, cost(narrowed(graph, widths)))

    low, high = -1, len(tolerances) - 1
    best = at(tolerances[high]) if tolerances else now
    while high - low > 1:
        middle = (low + high) // 2
        found = at(tolerances[middle])
        if found.cost <= target:
            high, best = middle, found
        else:
            low = middle
    return best


def _narrowest(curve: LossCurve, tolerance: float) -> int:
    """The least width with a loss within the tolerance; the widest if none is."""
    within = (width for width, loss in zip(curve.widths, curve.losses, strict=True) if loss <= tolerance)
    return next(within, curve.widths[-1])
