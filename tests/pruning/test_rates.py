"""Rates for any target: never over the budget, and within one step of the best of all choices."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import branches, perceptron

import ppsim
from ppsim.pruning.channel_pruning import LossCurve
from ppsim.pruning.cost_model import macs_cost
from ppsim.pruning.narrowing import narrowed, shared_widths
from ppsim.pruning.rates import Staircase, choices, conditional_rates, staircases


@st.composite
def stairs(draw):
    """One to four layers with up to four widths; losses and prices in any order, but prices are never negative."""
    found = []
    for number in range(draw(st.integers(1, 4))):
        count = draw(st.integers(1, 4))
        losses = sorted(draw(st.lists(st.integers(0, 30), min_size=count, max_size=count)), reverse=True)
        prices = draw(st.lists(st.integers(1, 30), min_size=count, max_size=count))
        if draw(st.booleans()):
            prices.sort()
        found.append(Staircase(f"l{number}", tuple(range(1, count + 1)), tuple(losses), tuple(prices)))
    return tuple(found)


def every(found):
    """(price, loss) of each way to choose widths."""
    for at in product(*(range(len(stair.widths)) for stair in found)):
        chosen = list(zip(found, at, strict=True))
        yield sum(stair.prices[i] for stair, i in chosen), sum(stair.losses[i] for stair, i in chosen)


def totals(found, rates):
    """Price and loss of some rates."""
    at = [(stair, round(rates[stair.layer] * stair.widths[-1]) - 1) for stair in found]
    return sum(stair.prices[i] for stair, i in at), sum(stair.losses[i] for stair, i in at)


@settings(max_examples=200)
@given(stairs(), st.floats(0, 1.2))
def test_against_all_choices(found, target):
    whole = sum(stair.prices[-1] for stair in found)
    within = [loss for price, loss in every(found) if price <= target * whole]
    if not within:
        with pytest.raises(ppsim.InputError, match="cannot be met; accepted: shares of the price from"):
            conditional_rates(found, [target])
        return
    price, loss = totals(found, conditional_rates(found, [target])[target])
    steps = [0, *(choice.gap for choice in choices(found))]
    assert price <= target * whole + 1e-9
    assert min(within) <= loss <= min(within) + max(steps)


@settings(max_examples=100)
@given(stairs())
def test_choices_are_the_best_for_what_they_cost(found):
    sweep = choices(found)
    assert all(a.price > b.price and a.loss < b.loss for a, b in pairwise(sweep))
    assert sweep[-1].price == min(price for price, _ in every(found))
    for choice in sweep:
        assert choice.loss == min(loss for price, loss in every(found) if price <= choice.price)
    for before, after in pairwise(sweep):
        between = [loss for price, loss in every(found) if price < before.price]
        assert after.loss <= min(between) + after.gap


@given(stairs())
def test_lower_targets_give_no_layer_more_if_prices_fall_with_widths(found):
    least = min(price for price, _ in every(found)) / sum(stair.prices[-1] for stair in found)
    targets = [1.2, 0.9, 0.8, 0.6, 0.5]
    rates = conditional_rates(found, [target for target in targets if target >= least + 1e-9])
    ordered = all(list(stair.prices) == sorted(stair.prices) for stair in found)
    for a, b in zip(rates.values(), list(rates.values())[1:], strict=False):
        assert not ordered or all(b[layer] <= a[layer] for layer in b)


def test_one_call_for_all_targets():
    found = [Staircase("a", (2, 4), (0.5, 0.0), (1, 4)), Staircase("b", (1, 2, 4), (0.9, 0.1, 0.0), (1, 2, 4))]
    assert conditional_rates(found, [1, 0.8, 0.5, 0.3]) == {
        1: {"a": 1, "b": 1},
        0.8: {"a": 1, "b": 0.5},
        0.5: {"a": 0.5, "b": 0.5},
        0.3: {"a": 0.5, "b": 0.25},
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((("a"), (1, 2), (1.0,), (1.0, 2.0)), "2 widths, 1 losses and 2 prices"),
        ((("a"), (), (), ()), "at least one"),
        ((("a"), (2, 1), (1.0, 0.0), (1.0, 2.0)), "widths: accepted: whole numbers above 0 that ascend"),
        ((("a"), (0, 1), (1.0, 0.0), (1.0, 2.0)), "widths: accepted"),
        ((("a"), (1, 2), (float("nan"), 0.0), (1.0, 2.0)), "finite numbers"),
    ],
)
def test_what_is_no_staircase(arguments, message):
    with pytest.raises(ppsim.InputError, match=message):
        Staircase(*arguments)


def test_layers_are_named_once():
    one = Staircase("a", (1,), (0.0,), (1.0,))
    for found in ([], [one, one]):
        with pytest.raises(ppsim.InputError, match="at least one layer, each once"):
            conditional_rates(found, [1])


def test_prices_of_whole_widths_are_the_network_s():
    """And of some that no product lies between, they add up to what the narrower network costs."""
    graph = branches().graph
    curves = [LossCurve("conv1", (4, 8), (0.1, 0.0)), LossCurve("fc1", (12, 24), (0.1, 0.0))]
    found = staircases(graph, curves, macs_cost)
    assert sum(stair.prices[-1] for stair in found) == pytest.approx(graph.macs)
    both = narrowed(graph, {"conv1": 4, "fc1": 12}).macs
    assert sum(stair.prices[0] for stair in found) == pytest.approx(both)


def test_rates_of_a_trained_network():
    """From weights and inputs to widths: layers that no product lies between cost what the rates promise."""
    model = perceptron(16, 12, 20, 8, 4)
    inputs = np.random.default_rng(0).standard_normal((200, 16)).astype(np.float32)
    curves = [curve for curve in ppsim.loss_curves(model, inputs) if curve.layer != "fc2"]
    found = conditional_rates(staircases(model.graph, curves), [0.9, 0.75, 0.6])
    for target, rates in found.items():
        widths = {curve.layer: round(rates[curve.layer] * curve.widths[-1]) for curve in curves}
        assert 0.5 < ppsim.narrowed(model.graph, widths).macs / model.graph.macs <= target


def test_prices_of_inner_convolutions_of_residual_blocks_add_up():
    """So that rates for ResNet-56 keep to a target of all its multiply-accumulates, whatever is lost."""
    graph = ppsim.load_workload("resnet56")
    curves = [
        LossCurve(one.first, widths := tuple(range(1, one.steps + 1)), tuple(1 / width for width in widths))
        for one in shared_widths(graph)
    ]
    assert len(curves) == 27
    found = conditional_rates(staircases(graph, curves), [0.7, 0.5, 0.3])
    for target, rates in found.items():
        widths = {curve.layer: round(rates[curve.layer] * curve.widths[-1]) for curve in curves}
        assert target - 0.01 < narrowed(graph, widths).macs / graph.macs <= target
