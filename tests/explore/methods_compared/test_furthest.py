"""The search for the least pruned setting within a budget."""

from __future__ import annotations

from dataclasses import replace

import pytest
from compared_networks import PERCEPTRON, task
from hypothesis import given
from hypothesis import strategies as st

from ppsim.explore.methods_compared.contract import Network, Task, UnreachableError, furthest
from ppsim.pruning.narrowing import narrowed

#: any list of networks does: setting i is that of i + 1 units
NETS = [narrowed(PERCEPTRON, {"fc1": units + 1}) for units in range(96)]


def priced(prices: list[int], budget: int) -> Task:
    """A task whose price of setting i is prices[i]."""

    def price(net: Network) -> float:
        return float(prices[net.graph.shapes["fc1"][0] - 1 if hasattr(net, "graph") else net.shapes["fc1"][0] - 1])

    return replace(task(PERCEPTRON, 1.0, None, None), price=price, budget=budget)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=96), st.integers(0, 1000))
def test_prices_that_rise(prices: list[int], budget: int) -> None:
    prices.sort()
    within = [at for at, price in enumerate(prices) if price <= budget]
    if not within:
        with pytest.raises(UnreachableError) as caught:
            furthest(priced(prices, budget), len(prices), NETS.__getitem__)
        assert caught.value.least == prices[0]
    else:
        assert furthest(priced(prices, budget), len(prices), NETS.__getitem__) == within[-1]


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=96), st.integers(0, 1000))
def test_any_prices(prices: list[int], budget: int) -> None:
    search = priced(prices, budget), len(prices), NETS.__getitem__
    if min(prices) > budget:
        with pytest.raises(UnreachableError) as caught:
            furthest(*search)
        assert caught.value.least >= min(prices)
    elif prices[0] <= budget or prices[-1] <= budget:
        found = furthest(*search)
        assert prices[found] <= budget
        # the one that is pruned a little less is not within
        assert found == len(prices) - 1 or prices[found + 1] > budget
