"""How certain joules and their ratios are: energy tables drawn within the ranges where sources disagree.

Each entry with a range is drawn log-uniformly between its ends, independently of the others. A ratio uses the same draw
for both of its sides, as both run on the same hardware: what is uncertain about both alike cancels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ppsim.analysis.comparison import Comparison
from ppsim.analysis.result import Result
from ppsim.errors import InputError
from ppsim.hardware.energy import EnergyTable

#: share of the draws inside an interval
LEVEL = 0.9
MOST_DRAWS = 100_000


@dataclass(frozen=True)
class Interval:
    """A number and the interval that holds `LEVEL` of its draws."""

    value: float
    low: float
    high: float

    @property
    def spread(self) -> float:
        """Half the interval's width as a share of the value."""
        return (self.high - self.low) / 2 / self.value if self.value else 0.0


@dataclass(frozen=True)
class Uncertainty:
    """Energy in pJ (or in MACs, for a table that counts these), by what ran, and ratios of baselines to the result.

    `drawn` are the entries with a range: low and high as factors of their value.
    """

    draws: int
    drawn: Mapping[str, tuple[float, float]]
    energy: Interval
    baselines: Mapping[str, Interval]
    reductions: Mapping[str, Interval]


def uncertainty(comparison: Comparison, table: EnergyTable, draws: int = 1000, seed: int = 0) -> Uncertainty:
    """Draw a table `draws` times and price a result and its baselines with each draw.

    The same seed gives the same draws. Raises InputError for a number of draws that makes no interval.
    """
    if not 10 <= draws <= MOST_DRAWS:
        raise InputError(f"draws={draws}: accepted are 10 to {MOST_DRAWS}")
    ranges = table.ranges()
    random = np.random.default_rng(seed)
    columns = {name: _log_uniform(random, low, high, draws) for name, (low, high) in ranges.items()}
    tables = [table.drawn({name: float(column[i]) for name, column in columns.items()}) for i in range(draws)]

    def priced(result: Result) -> npt.NDArray[np.float64]:
        # a baseline may pay a multiple of a price, as one channel with the background of several does
        nominal = result.amounts.energy(table)
        times = {name: result.energy[name] / energy for name, energy in nominal.items() if energy}
        draws = (result.amounts.energy(drawn) for drawn in tables)
        return np.array([sum(drawn[name] * factor for name, factor in times.items()) for drawn in draws])

    ours = priced(comparison.result)
    theirs = {name: priced(result) for name, result in comparison.baselines.items()}
    nominal = comparison.result.energy_pj
    return Uncertainty(
        draws=draws,
        drawn=ranges,
        energy=_interval(nominal, ours),
        baselines={name: _interval(comparison.baselines[name].energy_pj, theirs[name]) for name in theirs},
        reductions={
            name: _interval(comparison.energy_reduction_over(name), energies / ours)
            for name, energies in theirs.items()
        },
    )


def _log_uniform(random: np.random.Generator, low: float, high: float, draws: int) -> npt.NDArray[np.float64]:
    if low <= 0:  # a range down to nothing has no logarithm
        return random.uniform(low, high, draws)
    return np.asarray(np.exp(random.uniform(np.log(low), np.log(high), draws)))


def _interval(value: float, draws: npt.NDArray[np.float64]) -> Interval:
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high))
