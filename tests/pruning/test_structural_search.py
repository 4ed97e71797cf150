"""Widths within a budget: met, by the least tolerance, and no layer further than a step in a round."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import branches, perceptron

import ppsim
from ppsim.pruning.channel_pruning import LossCurve, prune_channels
from ppsim.pruning.cost_model import macs_cost
from ppsim.pruning.narrowing import narrowed, shared_widths
from ppsim.pruning.structural_search import search_widths, structural_search
from ppsim.workload.evaluation import input_shape

NET = perceptron(16, 12, 20, 8, 4).graph


def curves_of(seed, net=NET):
    """Losses that fall with the width, whatever the others are."""
    draw = np.random.default_rng(seed)
    whole = {
        one.first: LossCurve(
            one.first,
            tuple(range(1, one.steps + 1)),
            tuple(np.sort(draw.random(one.steps) * draw.choice([0.1, 1]))[::-1].tolist()),
        )
        for one in shared_widths(net)
    }
    return lambda widths: [
        LossCurve(name, curve.widths[: widths[name]], curve.losses[: widths[name]])
        for name, curve in whole.items()
        if widths[name] > 1
    ]


@settings(max_examples=60)
@given(st.integers(0, 99), st.floats(0.1, 1.1), st.sampled_from([0.1, 0.25, 0.5, 1.0]))
def test_budgets_are_met_step_by_step(seed, share, step):
    budget = share * NET.macs
    found = search_widths(NET, curves_of(seed), macs_cost, budget, step)
    assert found.cost == narrowed(NET, found.widths).macs <= budget
    assert found.rounds[0].cost == NET.macs
    assert found.rounds[-1].widths == found.widths
    assert [round.cost for round in found.rounds] == [narrowed(NET, round.widths).macs for round in found.rounds]
    for before, after in pairwise(found.rounds):
        assert before.cost > budget
        assert after.cost < before.cost
        for name, width in before.widths.items():
            assert 0 <= width - after.widths[name] <= max(1, step * NET.shapes[name][0])


@settings(max_examples=60)
@given(st.integers(0, 99), st.floats(0.1, 0.9))
def test_one_round_finds_the_least_tolerance(seed, share):
    """Without a constraint of the step, against all tolerances there are."""
    curves = curves_of(seed)(dict.fromkeys(NET.divisible, 99))
    fits = []
    for tolerance in sorted({loss for curve in curves for loss in curve.losses}):
        widths = {}
        for curve in curves:
            within = [width for width, loss in zip(curve.widths, curve.losses, strict=True) if loss <= tolerance]
            widths[curve.layer] = min(within, default=curve.widths[-1])
        if narrowed(NET, widths).macs <= share * NET.macs:
            fits.append((tolerance, widths))
    found = search_widths(NET, curves_of(seed), macs_cost, share * NET.macs, step=1.0)
    assert len(found.rounds) == 2
    assert (found.rounds[-1].tolerance, found.widths) == fits[0]


@pytest.mark.parametrize("seed", range(5))
def test_a_round_goes_no_further_than_its_step(seed):
    """Where widths are fine, its price comes close to what the round before leaves of the price, not to the budget."""
    net = perceptron(100, 200, 200, 10).graph
    found = search_widths(net, curves_of(seed, net), macs_cost, 0.2 * net.macs, step=0.3)
    for before, after in pairwise(found.rounds):
        target = max(0.2 * net.macs, 0.7 * before.cost)
        assert 0.9 * target < after.cost <= target


def test_any_price_can_drive_it():
    """A price of the second layer alone leaves the others alone, but for losses as small as its own."""
    found = search_widths(NET, curves_of(1), lambda net: net.shapes["fc2"][0], 10, step=0.2)
    assert found.widths["fc2"] <= 10
    assert found.cost == found.widths["fc2"]


def test_what_a_network_that_is_narrow_already_costs():
    found = search_widths(NET, curves_of(0), macs_cost, NET.macs)
    assert len(found.rounds) == 1
    assert found.widths == {"fc1": 12, "fc2": 20, "fc3": 8}


def test_budgets_that_cannot_be_met():
    with pytest.raises(ppsim.InputError, match="budget=10 cannot be met: with the narrowest layers it still costs 22"):
        search_widths(NET, curves_of(0), macs_cost, 10)
    with pytest.raises(ppsim.InputError, match="step=0 is out of range"):
        search_widths(NET, curves_of(0), macs_cost, 100, step=0)


@pytest.mark.parametrize("make", [lambda: perceptron(8, 16, 12, 3), branches])
def test_a_trained_network_is_pruned_to_a_budget(make):
    model = make()
    inputs = np.random.default_rng(0).standard_normal((60, *input_shape(model.graph))).astype(np.float32)
    found = structural_search(model, inputs, budget=model.graph.macs / 2, step=0.5)
    assert prune_channels(model, found.widths, "compensation", inputs).graph.macs == found.cost <= model.graph.macs / 2


def test_simulated_seconds_can_be_the_budget():
    model = perceptron(64, 96, 96, 10)
    system = ppsim.load_system("tetris", accelerators=1)
    inputs = np.random.default_rng(0).standard_normal((100, 64)).astype(np.float32)

    def seconds(net):
        return ppsim.simulate(net, system).seconds

    found = structural_search(model, inputs, budget=0.6 * seconds(model.graph), cost=seconds)
    assert found.cost == seconds(narrowed(model.graph, found.widths)) <= 0.6 * seconds(model.graph)
    assert len(found.rounds) > 2
