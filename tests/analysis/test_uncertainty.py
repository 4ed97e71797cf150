"""`uncertainty`: draws within the ranges of a table, by what they have to do to joules and their ratios."""

from dataclasses import replace

import pytest

import ppsim
from ppsim.analysis.comparison import Comparison
from ppsim.analysis.uncertainty import LEVEL, MOST_DRAWS, Interval, Uncertainty
from ppsim.hardware.energy import EnergyTable


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    """A system whose DRAM draws background power: each baseline pays for its own channels."""
    net = ppsim.partition(ppsim.load_workload("mlp_mnist"), 4, layers="*")
    return ppsim.compare(net, SYSTEM)


SYSTEM = ppsim.load_system("chiplets", accelerators=4, set={"dram.sharing": 2})
TABLE = SYSTEM.energy


def certain(table: EnergyTable = TABLE) -> EnergyTable:
    return table.changed(lambda _, entry: replace(entry, low=None, high=None))


def ranged(name: str, low: float, high: float) -> EnergyTable:
    """A table with a range for one entry alone, in factors."""

    def change(of, entry):
        return replace(entry, low=low * entry.value, high=high * entry.value) if of == name else entry

    return certain().changed(change)


def intervals(of: Uncertainty) -> list[Interval]:
    return [of.energy, *of.baselines.values(), *of.reductions.values()]


def test_the_system_is_one_that_shows_what_matters(comparison):
    assert TABLE.ranges()
    assert TABLE.dram_background_w.value > 0
    assert list(comparison.baselines)[-1] == "iso-resources"
    assert all(entry.value for name, entry in TABLE.entries() if name != "router_pj_per_bit")


def test_a_seed_gives_the_same_draws(comparison):
    once, again = (ppsim.uncertainty(comparison, TABLE, draws=50, seed=3) for _ in range(2))
    assert once == again
    other = ppsim.uncertainty(comparison, TABLE, draws=50, seed=4)
    assert all(a != b for a, b in zip(intervals(once), intervals(other), strict=True))
    assert ppsim.uncertainty(comparison, TABLE, draws=50) == ppsim.uncertainty(comparison, TABLE, draws=50, seed=0)


def test_intervals_are_ordered_and_have_a_width(comparison):
    found = ppsim.uncertainty(comparison, TABLE, draws=100)
    assert found.draws == 100
    assert found.drawn == TABLE.ranges()
    assert found.baselines.keys() == found.reductions.keys() == comparison.baselines.keys()
    for interval in intervals(found):
        assert 0 < interval.low < interval.high
        assert interval.spread == (interval.high - interval.low) / 2 / interval.value > 0
    assert found.energy.value == comparison.result.energy_pj
    for name, result in comparison.baselines.items():
        assert found.baselines[name].value == result.energy_pj
        assert found.reductions[name].value == comparison.energy_reduction_over(name)


def test_without_ranges_everything_is_certain(comparison):
    """Also for a baseline that pays for the background of several channels in one."""
    found = ppsim.uncertainty(comparison, certain(), draws=10)
    assert found.drawn == {}
    for interval in intervals(found):
        assert interval.low == interval.high == pytest.approx(interval.value, rel=1e-12)
        assert interval.spread == 0


def test_a_run_against_itself_is_exactly_one(comparison):
    itself = replace(comparison, baselines={"single-dense": comparison.result})
    found = ppsim.uncertainty(itself, TABLE, draws=100)
    assert found.reductions["single-dense"] == Interval(1.0, 1.0, 1.0)
    assert found.reductions["single-dense"].spread == 0
    assert found.baselines["single-dense"] == found.energy
    assert found.energy.spread > 0


COMPONENT = {
    "mac_pj": "mac",
    "sram": "sram",
    "dram_pj_per_bit": "dram",
    "dram_background_w": "dram_background",
    "leakage_w": "leakage",
}


@pytest.mark.parametrize("name", COMPONENT)
@pytest.mark.parametrize(("low", "high"), [(0.5, 3), (1, 1.5), (0, 2)])
def test_one_entry_at_its_ends_bounds_every_interval(comparison, name, low, high):
    found = ppsim.uncertainty(comparison, ranged(name, low, high), draws=200)
    assert found.drawn == {name: pytest.approx((low, high))}

    def at(result: ppsim.Result, factor: float) -> float:
        own = result.energy[COMPONENT[name]]
        if name == "sram":  # accumulators are booked there at a price of their own
            own -= result.amounts.accumulator_bits * TABLE.accumulator_pj_per_bit.value
        return result.energy_pj + (factor - 1) * own

    ends = {of: [at(result, f) for f in (low, high)] for of, result in comparison.baselines.items()}
    ours = [at(comparison.result, f) for f in (low, high)]
    for interval, (least, most) in ((found.energy, ours), *((found.baselines[of], ends[of]) for of in ends)):
        assert least < interval.low < interval.high < most
        # most of the range is drawn from: nine tenths are inside
        assert interval.high - interval.low > 0.7 * LEVEL * (most - least)
    for of in ends:
        ratios = sorted(theirs / our for theirs, our in zip(ends[of], ours, strict=True))
        assert ratios[0] <= found.reductions[of].low <= found.reductions[of].high <= ratios[1]


def test_draws_are_log_uniform(comparison):
    """Of draws between a quarter and four, nine tenths are between 4 to the -0.9 and 4 to the 0.9."""
    found = ppsim.uncertainty(comparison, ranged("dram_pj_per_bit", 0.25, 4), draws=2000)
    rest = comparison.result.energy_pj - comparison.result.energy["dram"]
    factors = [(end - rest) / comparison.result.energy["dram"] for end in (found.energy.low, found.energy.high)]
    assert factors == pytest.approx([4**-0.9, 4**0.9], rel=0.05)


def test_entries_are_drawn_independently(comparison):
    """The spread of two together is less than the sum of both, and more than the larger."""
    spreads = []
    for names in (("dram_pj_per_bit",), ("dram_background_w",), ("dram_pj_per_bit", "dram_background_w")):
        table = certain()
        for name in names:
            entry = getattr(table, name)
            table = replace(table, **{name: replace(entry, low=entry.value / 2, high=entry.value * 2)})
        spreads.append(ppsim.uncertainty(comparison, table, draws=1000).baselines["single-dense"].spread)
    assert spreads[2] < 0.98 * (spreads[0] + spreads[1])
    assert spreads[2] > max(spreads[:2])


@pytest.mark.parametrize("draws", [-1, 0, 9, MOST_DRAWS + 1])
def test_a_number_of_draws_that_makes_no_interval(comparison, draws):
    with pytest.raises(ppsim.InputError) as caught:
        ppsim.uncertainty(comparison, TABLE, draws=draws)
    assert str(caught.value) == f"draws={draws}: accepted are 10 to 100000"
