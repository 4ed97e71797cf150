"""Energy is additive: over layers, over components, and equal amounts cost what the table says."""

from __future__ import annotations

from dataclasses import replace
from math import fsum

import pytest
from drawn_runs import examples, runs
from hypothesis import given
from hypothesis import strategies as st

import ppsim
from ppsim.analysis.ledger import Amounts
from ppsim.hardware.energy import COMPONENTS


def close(value: float):
    return pytest.approx(value, rel=1e-12, abs=0)


@examples(120)
@given(runs())
def test_layers_and_components_add_up_to_the_total(case):
    result = ppsim.simulate(case.net, case.system)
    table = case.system.energy
    assert result.energy_pj == close(fsum(layer.energy_pj for layer in result.layers))
    assert result.energy_pj == close(fsum(result.energy.values()))
    assert tuple(result.energy) == COMPONENTS
    priced = result.amounts.energy(table)
    for component in COMPONENTS:
        assert result.energy[component] == close(fsum(layer.energy[component] for layer in result.layers))
        assert result.energy[component] == close(priced[component])
        assert result.energy[component] >= 0
    assert all(layer.energy == layer.amounts.energy(table) for layer in result.layers)
    assert result.amounts == Amounts.total([layer.amounts for layer in result.layers])


@examples(80)
@given(runs(), st.floats(0.1, 100))
def test_a_table_of_other_prices_buys_the_same(case, factor):
    """What is counted, and how long it takes, is not a matter of prices; all prices times a factor is all energy."""
    dearer = case.system.energy.changed(lambda _, entry: entry.times(factor, "dearer"))
    before = ppsim.simulate(case.net, case.system)
    after = ppsim.simulate(case.net, replace(case.system, energy=dearer))
    assert after.amounts == before.amounts
    assert (after.cycles, after.seconds) == (before.cycles, before.seconds)
    for component in COMPONENTS:
        assert after.energy[component] == close(factor * before.energy[component])
