"""Ranks for a budget: within it, nothing left to give back, and close to the best there is."""

from itertools import product

import numpy as np
import pytest
from models import branches, perceptron

import ppsim
from ppsim.pruning.cost_model import macs_cost
from ppsim.pruning.low_rank import energy_lost, factorised, full_rank
from ppsim.pruning.rank_search import ranks_within


def lost(model: ppsim.Model, ranks: dict[str, int], kind: str) -> float:
    shares = {name: energy_lost(model.weight(name), kind) for name in ranks}
    return sum(shares[name][rank] / shares[name][0] for name, rank in ranks.items())


@pytest.mark.parametrize("kind", ["channel", "spatial"])
@pytest.mark.parametrize("share", [0.95, 0.7, 0.4])
def test_within_the_budget_and_nothing_left_to_give_back(kind, share):
    model = branches()
    budget = share * model.graph.macs
    ranks = ranks_within(model, macs_cost, budget, kind)
    assert factorised(model.graph, ranks, kind).macs <= budget
    for name in ranks:
        without = {other: rank for other, rank in ranks.items() if other != name}
        above = [{**without, name: r} for r in range(ranks[name] + 1, full_rank(model.graph, name, kind) + 1)]
        for more in (without, *above):
            assert factorised(model.graph, more, kind).macs > budget


def test_close_to_the_best_there_is():
    """All ranks of three layers; the last step is the only one that may lose more than it has to."""
    gaps = []
    for seed in range(12):
        model = perceptron(9, 8, 7, 6, seed=seed)
        options = {name: [None, *range(1, full_rank(model.graph, name) + 1)] for name in ("fc1", "fc2", "fc3")}
        budget = 0.6 * model.graph.macs
        best = min(
            lost(model, ranks, "channel")
            for some in product(*options.values())
            if factorised(
                model.graph,
                ranks := {name: rank for name, rank in zip(options, some, strict=True) if rank is not None},
            ).macs
            <= budget
        )
        found = lost(model, ranks_within(model, macs_cost, budget), "channel")
        assert found >= best - 1e-9
        gaps.append(found - best)
    assert np.mean(gaps) < 0.05
    assert min(gaps) < 1e-9


def test_the_cost_is_whatever_it_is_told():
    """On an array of 14 columns, simulated time goes down in steps, which multiply-accumulates know nothing of."""
    model = perceptron(96, 96, 96)
    system = ppsim.load_system("tetris", accelerators=1)
    seconds = lambda net: ppsim.simulate(net, system).seconds  # noqa: E731
    budget = 0.7 * seconds(model.graph)
    ranks = ranks_within(model, seconds, budget)
    assert ranks
    assert seconds(factorised(model.graph, ranks)) <= budget


def test_what_needs_no_ranks_and_what_no_ranks_reach():
    model = perceptron(8, 8, 8)
    assert ranks_within(model, macs_cost, model.graph.macs) == {}
    assert set(ranks_within(model, macs_cost, 100, layers="fc2")) == {"fc2"}
    with pytest.raises(ppsim.InputError, match=r"perceptron: budget: 31; ranks of kind 'channel' bring the cost"):
        ranks_within(model, macs_cost, 31)
    with pytest.raises(ppsim.InputError, match=r"budget: nan; a finite number is accepted"):
        ranks_within(model, macs_cost, float("nan"))
